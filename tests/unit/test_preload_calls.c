/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What the preload library makes of a program's calls about its memory: which mappings are managed, what of them is
 * left when parts are unmapped, cut and moved, and what of them reaches the kernel. The memory is the kernel's own,
 * and the bookkeeping that of the front by userfaultfd; only the management is played.
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "unit.h"

#include "front.h"
#include "mappings.h"
#include "process.h"
#include "regions.h"
#include "zswap.h"

#define PAGE ((size_t)ZSWAP_PAGE_SIZE)
#define LEAST ((size_t)128 << 10)
#define KIND (MAP_PRIVATE | MAP_ANONYMOUS)
#define BOTH (PROT_READ | PROT_WRITE)

/* What calls.c defines, under other names. */
void *tested_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
void *tested_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
int tested_munmap(void *addr, size_t len);
void *tested_mremap(void *old, size_t old_len, size_t new_len, int flags, ...);
int tested_madvise(void *addr, size_t len, int advice);

/* ---- the management, as it is played ---- */

static struct zswap_regions regions;
static uint32_t next_page;
static int last_advice;

void zswap_process_mapped(void *start, size_t bytes)
{
	assert_int_equal(zswap_regions_add(&regions, (uintptr_t)start, bytes, next_page), 0);
	next_page += (uint32_t)((bytes >> 12) + 0xffff) & ~0xffffu;
}

bool zswap_process_find(uintptr_t start, uintptr_t end, uintptr_t *part_start, uintptr_t *part_end)
{
	struct zswap_region part;

	if (!zswap_regions_next(&regions, start, end, &part))
		return false;
	*part_start = part.start;
	*part_end = part.end;
	return true;
}

void zswap_process_let_go(void *start, size_t bytes)
{
	struct zswap_region part;

	while (zswap_regions_next(&regions, (uintptr_t)start, (uintptr_t)start + bytes, &part))
		zswap_regions_remove(&regions, &part);
}

/* As it is told by the kernel. */
void zswap_process_replaced(void *start, size_t bytes, const struct zswap_interrupts *before)
{
	zswap_process_let_go(start, bytes);
	zswap_end_replacing(NULL, start, 0, before);
}

int zswap_process_advise(void *start, size_t bytes, int advice)
{
	(void)start;
	(void)bytes;
	last_advice = advice;
	return 0;
}

static int begin(void **state)
{
	(void)state;
	regions = (struct zswap_regions){ .nr = 0 };
	next_page = 0;
	last_advice = -1;
	return zswap_regions_create(&regions);
}

/* A test leaves nothing mapped that is managed. */
static int end(void **state)
{
	struct zswap_region part;

	(void)state;
	while (zswap_regions_next(&regions, 0, UINTPTR_MAX, &part))
		tested_munmap((void *)part.start, part.end - part.start);
	zswap_regions_destroy(&regions);
	return 0;
}

/* ---- what is looked at ---- */

static char *map(size_t len, int prot)
{
	char *at = tested_mmap(NULL, len, prot, KIND, -1, 0);

	assert_true(at != MAP_FAILED);
	return at;
}

static void fill(char *at, size_t first, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		memset(at + i * PAGE, (int)(first + i) % 250 + 1, PAGE);
}

static void assert_filled(const char *at, size_t first, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		assert_int_equal((unsigned char)at[i * PAGE], (first + i) % 250 + 1);
		assert_memory_equal(at + i * PAGE, at + i * PAGE + 1, PAGE - 1);
	}
}

/* That of a range exactly the pages from one to another are managed, in one part. */
static void assert_managed(const char *at, size_t pages, size_t from, size_t to)
{
	uintptr_t start, past;
	bool is = zswap_process_find((uintptr_t)at, (uintptr_t)at + pages * PAGE, &start, &past);

	assert_int_equal(is, from < to);
	if (!is)
		return;
	assert_int_equal(start, (uintptr_t)at + from * PAGE);
	assert_int_equal(past, (uintptr_t)at + to * PAGE);
	assert_false(zswap_process_find(past, (uintptr_t)at + pages * PAGE, &start, &past));
}

static bool is_resident(char *at)
{
	unsigned char in_core;

	assert_int_equal(mincore(at, PAGE, &in_core), 0);
	return in_core & 1;
}

static bool is_mapped(const char *at)
{
	return zswap_protection_of((uintptr_t)at, (uintptr_t)at + PAGE) >= 0;
}

#define assert_fails(call, failed, with)                                                                               \
	do {                                                                                                           \
		errno = 0;                                                                                             \
		assert_true((call) == (failed));                                                                       \
		assert_int_equal(errno, with);                                                                         \
	} while (0)

/* ---- mapping ---- */

static void large_private_memory_is_managed(void **state)
{
	char *at = map(LEAST, BOTH), *other = map(2 * LEAST + 1, PROT_NONE);

	(void)state;
	assert_managed(at, LEAST / PAGE, 0, LEAST / PAGE);
	assert_managed(other, 2 * LEAST / PAGE + 1, 0, 2 * LEAST / PAGE + 1);
	assert_true(tested_mmap64(at, LEAST, BOTH, KIND | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(regions.nr, 2);
}

static void other_memory_is_the_kernels(void **state)
{
	static const struct {
		size_t len;
		int prot, flags;
	} others[] = {
		{ LEAST - 1, BOTH, KIND },
		{ LEAST, BOTH, MAP_SHARED | MAP_ANONYMOUS },
		{ LEAST, PROT_READ | PROT_EXEC, KIND },
		{ LEAST, BOTH, KIND | MAP_STACK },
		{ LEAST, BOTH, KIND | MAP_GROWSDOWN },
	};
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	void *at;

	(void)state;
	for (size_t i = 0; i < NR_OF(others); i++) {
		at = tested_mmap(NULL, others[i].len, others[i].prot, others[i].flags, -1, 0);
		assert_true(at != MAP_FAILED);
		assert_int_equal(regions.nr, 0);
		assert_int_equal(tested_munmap(at, others[i].len), 0);
	}
	at = tested_mmap(NULL, LEAST, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_true(at != MAP_FAILED);
	assert_int_equal(regions.nr, 0);
	assert_int_equal(tested_munmap(at, LEAST), 0);
	close(fd);
	assert_fails(tested_mmap(NULL, (size_t)1 << 62, BOTH, KIND, -1, 0), MAP_FAILED, ENOMEM);
	assert_fails(tested_mmap(NULL, 0, BOTH, KIND, -1, 0), MAP_FAILED, EINVAL);
	assert_int_equal(regions.nr, 0);
}

/* All of it at once would be more than may be resident. */
static void nothing_is_populated(void **state)
{
	char *at = tested_mmap(NULL, LEAST, BOTH, KIND | MAP_POPULATE, -1, 0);

	(void)state;
	assert_true(at != MAP_FAILED);
	assert_false(is_resident(at));
}

/* ---- unmapping ---- */

static void what_is_unmapped_is_forgotten(void **state)
{
	const size_t pages = LEAST / PAGE;
	char *at = map(LEAST, BOTH);

	(void)state;
	fill(at, 0, pages);
	assert_int_equal(tested_munmap(at, PAGE), 0);
	assert_managed(at, pages, 1, pages);
	assert_int_equal(tested_munmap(at + 10 * PAGE, 2 * PAGE - 5), 0);
	assert_managed(at, 12, 1, 10);
	assert_managed(at + 10 * PAGE, pages - 10, 2, pages - 10);
	assert_filled(at + PAGE, 1, 9);
	assert_filled(at + 12 * PAGE, 12, pages - 12);
	/* A range of which only some is mapped. */
	assert_int_equal(tested_munmap(at, 20 * PAGE), 0);
	assert_managed(at, pages, 20, pages);
	assert_int_equal(tested_munmap(at, LEAST), 0);
	assert_int_equal(regions.nr, 0);
}

static void a_call_that_fails_loses_nothing(void **state)
{
	const size_t pages = LEAST / PAGE;
	char *at = map(LEAST, BOTH);

	(void)state;
	assert_fails(tested_munmap(at + 1, PAGE), -1, EINVAL);
	assert_fails(tested_munmap(at, 0), -1, EINVAL);
	assert_fails(tested_munmap(at, SIZE_MAX), -1, EINVAL);
	assert_fails(tested_munmap(at, (size_t)1 << 60), -1, EINVAL);
	assert_fails(tested_munmap(at, ((size_t)1 << 47) - PAGE), -1, EINVAL);
	assert_fails(tested_mremap(at, (size_t)1 << 60, PAGE, 0), MAP_FAILED, EINVAL);
	assert_fails(tested_mmap(at, PAGE, BOTH, MAP_SHARED | MAP_FIXED, -1, 0), MAP_FAILED, EBADF);
	assert_managed(at, pages, 0, pages);
}

/* Something small that is not to be managed, and what is moved there by the kernel. */
static void what_is_mapped_over_is_forgotten(void **state)
{
	const size_t pages = LEAST / PAGE;
	char *at = map(LEAST, BOTH), *small = tested_mmap(NULL, PAGE, BOTH, KIND, -1, 0);

	(void)state;
	fill(at, 0, pages);
	fill(small, 7, 1);
	assert_true(tested_mmap(at, PAGE, BOTH, KIND | MAP_FIXED, -1, 0) == at);
	assert_managed(at, pages, 1, pages);
	assert_int_equal(at[0], 0);
	assert_true(tested_mremap(small, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at + PAGE) == at + PAGE);
	assert_managed(at, pages, 2, pages);
	assert_filled(at + PAGE, 7, 1);
	assert_filled(at + 2 * PAGE, 2, pages - 2);
	assert_int_equal(tested_munmap(at, 2 * PAGE), 0);
}

/* ---- moving ---- */

static void a_mapping_shrinks_where_it_is(void **state)
{
	const size_t pages = LEAST / PAGE;
	char *at = map(LEAST, BOTH);

	(void)state;
	fill(at, 0, pages);
	assert_true(tested_mremap(at, LEAST, LEAST, 0) == at);
	assert_true(tested_mremap(at, LEAST, 5 * PAGE + 1, 0) == at);
	assert_managed(at, pages, 0, 6);
	assert_filled(at, 0, 6);
	assert_false(is_mapped(at + 6 * PAGE));
	assert_true(tested_mremap(at, 6 * PAGE, PAGE, MREMAP_MAYMOVE) == at);
	assert_managed(at, pages, 0, 1);
}

static void a_mapping_grows_by_moving(void **state)
{
	const size_t pages = LEAST / PAGE;
	char *at = map(LEAST, BOTH), *there;

	(void)state;
	fill(at, 0, pages / 2); /* the others were never touched */
	assert_fails(tested_mremap(at, LEAST, 2 * LEAST, 0), MAP_FAILED, ENOMEM);
	there = tested_mremap(at, LEAST, 2 * LEAST, MREMAP_MAYMOVE);
	assert_true(there != MAP_FAILED && there != at);
	assert_managed(there, 2 * pages, 0, 2 * pages);
	assert_false(is_mapped(at));
	assert_filled(there, 0, pages / 2);
	assert_false(is_resident(there + pages / 2 * PAGE));
	assert_int_equal(there[LEAST - 1], 0);
	assert_int_equal(there[2 * LEAST - 1], 0);
}

/* A part of one, so that what is around it stays. */
static void a_part_moves_to_where_it_is_wanted(void **state)
{
	const size_t pages = 2 * LEAST / PAGE;
	char *at = map(2 * LEAST, BOTH), *to = map(2 * LEAST, BOTH);

	(void)state;
	fill(at, 0, pages);
	fill(to, 77, pages);
	assert_true(tested_mremap(at + PAGE, LEAST, LEAST, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	assert_filled(to, 1, LEAST / PAGE);
	assert_filled(to + LEAST, 77 + LEAST / PAGE, LEAST / PAGE);
	assert_filled(at, 0, 1);
	assert_filled(at + PAGE + LEAST, 1 + LEAST / PAGE, LEAST / PAGE - 1);
	assert_false(is_mapped(at + PAGE));
	assert_managed(at, LEAST / PAGE, 0, 1);
}

static void wrong_moves_lose_nothing(void **state)
{
	const size_t pages = LEAST / PAGE;
	char *at = map(LEAST, BOTH), *to = map(2 * LEAST, BOTH);
	const int fixed = MREMAP_MAYMOVE | MREMAP_FIXED;

	(void)state;
	fill(at, 0, pages);
	assert_fails(tested_mremap(at, LEAST, LEAST, MREMAP_FIXED, to), MAP_FAILED, EINVAL);
	assert_fails(tested_mremap(at, LEAST, LEAST, fixed, to + 1), MAP_FAILED, EINVAL);
	assert_fails(tested_mremap(at, LEAST, LEAST, fixed, at), MAP_FAILED, EINVAL);
	assert_fails(tested_mremap(at, LEAST, LEAST, fixed, at + LEAST - PAGE), MAP_FAILED, EINVAL);
	assert_fails(tested_mremap(at, PAGE, LEAST, fixed, at - LEAST + PAGE), MAP_FAILED, EINVAL);
	assert_fails(tested_mremap(at, LEAST, 2 * LEAST, MREMAP_MAYMOVE | 64), MAP_FAILED, EINVAL);
	assert_fails(tested_mremap(at + 1, PAGE, PAGE, MREMAP_MAYMOVE), MAP_FAILED, EINVAL);
	assert_true(tested_mremap(at, LEAST, SIZE_MAX - 1, MREMAP_MAYMOVE) == MAP_FAILED);
	assert_true(tested_mremap(at, LEAST, 0, MREMAP_MAYMOVE) == MAP_FAILED);
	assert_fails(tested_mremap(at, LEAST, (size_t)1 << 62, MREMAP_MAYMOVE), MAP_FAILED, ENOMEM);
	assert_managed(at, pages, 0, pages);
	assert_filled(at, 0, pages);
}

/* What is protected stays so, as when the kernel moves it, and where parts differ it does not move them. */
static void protection_moves_with_it(void **state)
{
	const size_t pages = LEAST / PAGE;
	char *at = map(LEAST, BOTH), *there;

	(void)state;
	fill(at, 0, pages);
	assert_int_equal(mprotect(at + PAGE, PAGE, PROT_NONE), 0);
	assert_fails(tested_mremap(at, LEAST, 2 * LEAST, MREMAP_MAYMOVE), MAP_FAILED, EFAULT);
	assert_filled(at, 0, 1);
	assert_int_equal(mprotect(at, LEAST, PROT_NONE), 0);
	there = tested_mremap(at, LEAST, 2 * LEAST, MREMAP_MAYMOVE);
	assert_true(there != MAP_FAILED);
	assert_int_equal(zswap_protection_of((uintptr_t)there, (uintptr_t)there + 2 * LEAST), PROT_NONE);
	assert_int_equal(mprotect(there, 2 * LEAST, PROT_READ), 0);
	assert_filled(there, 0, pages);
	/* What fails leaves it protected. */
	assert_fails(tested_mremap(there, 2 * LEAST, (size_t)1 << 62, MREMAP_MAYMOVE), MAP_FAILED, ENOMEM);
	assert_int_equal(zswap_protection_of((uintptr_t)there, (uintptr_t)there + 2 * LEAST), PROT_READ);
}

static void memory_that_is_not_managed_is_moved_by_the_kernel(void **state)
{
	char *at = map(LEAST / 2, BOTH), *there;

	(void)state;
	fill(at, 0, 1);
	there = tested_mremap(at, LEAST / 2, 4 * LEAST, MREMAP_MAYMOVE);
	assert_true(there != MAP_FAILED);
	assert_filled(there, 0, 1);
	assert_int_equal(regions.nr, 0);
	assert_int_equal(tested_munmap(there, 4 * LEAST), 0);
}

/* ---- advice ---- */

static void advice_goes_to_the_management(void **state)
{
	char *at = map(LEAST, BOTH);

	(void)state;
	fill(at, 0, LEAST / PAGE);
	assert_int_equal(tested_madvise(at, LEAST, MADV_COLD), 0);
	assert_int_equal(last_advice, ZSWAP_COLD);
	assert_int_equal(tested_madvise(at, LEAST, MADV_PAGEOUT), 0);
	assert_int_equal(last_advice, ZSWAP_PAGEOUT);
	assert_int_equal(tested_madvise(at, LEAST, MADV_WILLNEED), 0);
	assert_int_equal(last_advice, ZSWAP_WILLNEED);
	assert_int_equal(tested_madvise(at, LEAST, MADV_HUGEPAGE), 0);
	assert_fails(tested_madvise(at, LEAST, MADV_DONTFORK), -1, EINVAL);
	assert_fails(tested_madvise(at, LEAST, MADV_WIPEONFORK), -1, EINVAL);
	assert_int_equal(tested_madvise(at, LEAST, MADV_SEQUENTIAL), 0);
	assert_filled(at, 0, LEAST / PAGE);
	/* Free memory is gone at once. */
	assert_int_equal(tested_madvise(at, PAGE, MADV_FREE), 0);
	assert_int_equal(at[0], 0);
	assert_int_equal(tested_madvise(at + PAGE, PAGE, MADV_DONTNEED), 0);
	assert_int_equal(at[PAGE], 0);
	assert_filled(at + 2 * PAGE, 2, LEAST / PAGE - 2);
	assert_fails(tested_madvise(at, LEAST, 12345), -1, EINVAL);
}

static void advice_on_other_memory_is_the_kernels(void **state)
{
	char *at = map(LEAST / 2, BOTH);

	(void)state;
	fill(at, 0, LEAST / 2 / PAGE);
	assert_int_equal(tested_madvise(at, LEAST / 2, MADV_DONTFORK), 0);
	assert_int_equal(tested_madvise(at, LEAST / 2, MADV_COLD), 0);
	assert_int_equal(last_advice, -1);
	assert_int_equal(tested_munmap(at, LEAST / 2), 0);
}

/* Of a file's pages none can be freed; to drop them instead would lose what was written there. */
static void what_of_a_file_was_to_be_freed_stays(void **state)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char *at = tested_mmap(NULL, PAGE, BOTH, MAP_PRIVATE, fd, 0);

	(void)state;
	assert_true(at != MAP_FAILED);
	fill(at, 0, 1);
	assert_fails(tested_madvise(at, PAGE, MADV_FREE), -1, EINVAL);
	assert_filled(at, 0, 1);
	assert_int_equal(tested_munmap(at, PAGE), 0);
	close(fd);
}

/* What is away would come back in their place. */
static void there_are_no_guards(void **state)
{
	char *at = map(LEAST, BOTH);

	(void)state;
	fill(at, 0, LEAST / PAGE);
	assert_fails(tested_madvise(at, PAGE, 102 /* MADV_GUARD_INSTALL */), -1, EINVAL);
	assert_filled(at, 0, LEAST / PAGE);
}

/* ---- what the kernel has mapped ---- */

static void protections_are_read(void **state)
{
	char *at = map(LEAST, BOTH);
	uintptr_t start = (uintptr_t)at, past = start + LEAST;

	(void)state;
	assert_int_equal(zswap_protection_of(start, past), BOTH);
	assert_int_equal(zswap_protection_of(start + PAGE, start + 2 * PAGE), BOTH);
	assert_int_equal(mprotect(at, PAGE, PROT_READ), 0);
	assert_int_equal(zswap_protection_of(start, start + PAGE), PROT_READ);
	assert_int_equal(zswap_protection_of(start, past), -1);
	assert_int_equal(zswap_protection_of(start + PAGE, past), BOTH);
	assert_int_equal(tested_munmap(at + 3 * PAGE, PAGE), 0);
	assert_int_equal(zswap_protection_of(start + PAGE, past), -1);
	assert_int_equal(zswap_protection_of(start + 3 * PAGE, start + 4 * PAGE), -1);
	assert_int_equal(zswap_protection_of(UINTPTR_MAX - PAGE, UINTPTR_MAX), -1);
	assert_int_equal(zswap_protection_of((uintptr_t)begin, (uintptr_t)begin + 1), PROT_READ | PROT_EXEC);
}

/* A file of a name in any language, below all others. */
static void names_may_have_any_bytes(void **state)
{
	char name[] = "/tmp/zswap-\xc3\xa4-XXXXXX", *at = map(LEAST, BOTH);
	int fd = mkstemp(name);
	void *file = mmap((void *)(16 * LEAST), PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED_NOREPLACE, fd, 0);

	(void)state;
	assert_true(fd >= 0 && file != MAP_FAILED);
	assert_int_equal(zswap_protection_of((uintptr_t)at, (uintptr_t)at + LEAST), BOTH);
	assert_int_equal(munmap(file, PAGE), 0);
	unlink(name);
	close(fd);
}

static void mappings_are_cut_to_a_range(void **state)
{
	char *at = map(LEAST, BOTH);
	uintptr_t start = (uintptr_t)at, past = start + LEAST;
	struct zswap_mapping mapping;

	(void)state;
	assert_int_equal(mprotect(at + 4 * PAGE, PAGE, PROT_NONE), 0);
	assert_true(zswap_mapping_next(start + PAGE, past, &mapping));
	assert_int_equal(mapping.start, start + PAGE);
	assert_int_equal(mapping.end, start + 4 * PAGE);
	assert_int_equal(mapping.protection, BOTH);
	assert_int_equal(tested_munmap(at + 5 * PAGE, PAGE), 0);
	assert_true(zswap_mapping_next(start + 5 * PAGE, start + 8 * PAGE, &mapping));
	assert_int_equal(mapping.start, start + 6 * PAGE);
	assert_int_equal(mapping.end, start + 8 * PAGE);
	assert_false(zswap_mapping_next(start + 5 * PAGE, start + 6 * PAGE, &mapping));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(large_private_memory_is_managed),
		TEST(other_memory_is_the_kernels),
		TEST(nothing_is_populated),
		TEST(what_is_unmapped_is_forgotten),
		TEST(a_call_that_fails_loses_nothing),
		TEST(what_is_mapped_over_is_forgotten),
		TEST(a_mapping_shrinks_where_it_is),
		TEST(a_mapping_grows_by_moving),
		TEST(a_part_moves_to_where_it_is_wanted),
		TEST(wrong_moves_lose_nothing),
		TEST(protection_moves_with_it),
		TEST(memory_that_is_not_managed_is_moved_by_the_kernel),
		TEST(advice_goes_to_the_management),
		TEST(advice_on_other_memory_is_the_kernels),
		TEST(what_of_a_file_was_to_be_freed_stays),
		TEST(there_are_no_guards),
		TEST(protections_are_read),
		TEST(names_may_have_any_bytes),
		TEST(mappings_are_cut_to_a_range),
	};

	return cmocka_run_group_tests_name("preload calls", tests, NULL, NULL);
}
