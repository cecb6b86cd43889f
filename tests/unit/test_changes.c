/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What becomes of managed memory that is unmapped by munmap() itself, at the moments that matter: before that was read,
 * and while a thread forks. The moments are held by the engine's own locks.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "unit.h"

#include "front.h"
#include "uffd_there.h"

#define NR_PAGES 16u
#define BYTES ((size_t)NR_PAGES * ZSWAP_PAGE_SIZE)

static struct zswap *zswap;
static char *memory;
static uint32_t first;
static pthread_t thread;

static void begin(const char *without)
{
	struct zswap_options options = { .size = sizeof(options),
					 .resident_limit_bytes = 8 << 20,
					 .flags = ZSWAP_PAGER };

	if (!uffd_user_features())
		skip();
	setenv("ZSWAP_DISABLE", without, 1);
	zswap = zswap_create(&options);
	unsetenv("ZSWAP_DISABLE");
	assert_non_null(zswap);
	memory = zswap_mmap(zswap, BYTES);
	assert_non_null(memory);
	memset(memory, 1, BYTES);
	assert_true(zswap_regions_find(&zswap->regions, (uintptr_t)memory, &first));
}

static void *unmap(void *arg)
{
	return munmap(arg, BYTES) ? arg : NULL;
}

static void begin_to_unmap(void)
{
	assert_int_equal(pthread_create(&thread, NULL, unmap, memory), 0);
}

static void await_unmapped(void)
{
	void *failed;

	assert_int_equal(pthread_join(thread, &failed), 0);
	assert_null(failed);
}

static bool is_known(void)
{
	uint32_t page;

	return zswap_regions_find(&zswap->regions, (uintptr_t)memory, &page);
}

/* Whether all is as it was filled. A pipe tells of what is not there, too. */
static bool is_mapped(const int *ends)
{
	char got;

	for (size_t i = 0; i < BYTES; i += ZSWAP_PAGE_SIZE)
		if (write(ends[1], memory + i, 1) != 1 || read(ends[0], &got, 1) != 1 || got != 1)
			return false;
	return true;
}

/* As soon as the place is free. NULL: another thread was sooner, as those of a sanitizer may be. */
static char *map_there(void)
{
	char *plain;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	while (is_mapped(ends))
		;
	close(ends[0]);
	close(ends[1]);
	plain = mmap(memory, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	assert_true(plain != MAP_FAILED || errno == EEXIST);
	return plain == MAP_FAILED ? NULL : plain;
}

static void assert_not_taken(void)
{
	int why = 0;

	assert_true(is_known());
	assert_int_equal(zswap->memory.take(zswap->memory.ctx, first, NR_PAGES, zswap->memory.standby, &why), 0);
	assert_int_equal(why, EAGAIN);
}

/* Result: whether it could be tried. */
static bool try_to_take(const char *without)
{
	char *plain;

	begin(without);
	zswap_engine_listen(zswap->engine);
	begin_to_unmap();
	plain = map_there();
	if (plain) {
		memset(plain, 2, BYTES);
		assert_not_taken();
	}
	zswap_engine_listened(zswap->engine);
	await_unmapped();
	for (size_t i = 0; plain && i < BYTES; i++)
		assert_int_equal(plain[i], 2);
	assert_true(!plain || !munmap(plain, BYTES));
	zswap_destroy(zswap);
	return plain != NULL;
}

#define MOST_TRIES 1000

static void take_nothing(const char *without)
{
	unsigned int tries = 1;

	while (!try_to_take(without))
		assert_true(++tries < MOST_TRIES);
}

static void nothing_is_moved_from_where_it_was(void **state)
{
	(void)state;
	take_nothing("");
}

static void nothing_is_remapped_from_where_it_was(void **state)
{
	(void)state;
	take_nothing("move");
}

static void it_is_put_aside_while_a_thread_forks(void **state)
{
	(void)state;
	begin("");
	zswap_engine_pause(zswap->engine);
	__atomic_store_n(&zswap->forking, getpid(), __ATOMIC_RELEASE);
	begin_to_unmap();
	await_unmapped(); /* it was read */
	zs_share_lock(&zswap->changes.lock, true);
	assert_int_equal(zswap->changes.nr, 1);
	assert_true(is_known());
	zswap_changes_settle(zswap);
	assert_int_equal(zswap->changes.nr, 0);
	assert_false(is_known());
	zs_share_unlock(&zswap->changes.lock, true);
	__atomic_store_n(&zswap->forking, 0, __ATOMIC_RELEASE);
	zswap_engine_resume(zswap->engine);
	zswap_destroy(zswap);
}

static void what_is_dropped_again_is_put_aside_once(void **state)
{
	const uintptr_t page = ZSWAP_PAGE_SIZE;
	struct zswap_change change;
	uintptr_t at;

	(void)state;
	begin("");
	at = (uintptr_t)memory;
	for (unsigned int i = 0; i < 3; i++) {
		change = (struct zswap_change){ at, at + 4 * page, false };
		zswap_changes_put_aside(zswap, &change);
		change = (struct zswap_change){ at + page, at + 2 * page, false };
		zswap_changes_put_aside(zswap, &change);
	}
	assert_int_equal(zswap->changes.nr, 1);
	change = (struct zswap_change){ at + page, at + 2 * page, true }; /* more than dropped */
	zswap_changes_put_aside(zswap, &change);
	assert_int_equal(zswap->changes.nr, 2);
	zswap->changes.nr = 0;
	zswap_destroy(zswap);
}

static void many_are_put_aside(void **state)
{
	const uintptr_t page = ZSWAP_PAGE_SIZE;
	const uint32_t nr = 20000;

	(void)state;
	begin("");
	for (uint32_t i = 0; i < nr; i++) {
		struct zswap_change change = { i * 2 * page, (i * 2 + 1) * page, true };

		zswap_changes_put_aside(zswap, &change);
	}
	assert_int_equal(zswap->changes.nr, nr);
	__atomic_store_n(&zswap->forking, getpid(), __ATOMIC_RELEASE);
	assert_true(zswap_changes_begin(zswap, 16));
	zswap_changes_end(zswap);
	__atomic_store_n(&zswap->forking, 0, __ATOMIC_RELEASE);
	zswap_changes_settle(zswap);
	zswap_destroy(zswap);
}

/* ---- what the kernel has no room for ---- */

#define MOST_MAPPINGS 70000u /* Linux lets a process have 65,530 unless it is told otherwise */

/* Cuts a mapping, two places at a time and then one, until there may be no more. Result: whether that was so. */
static bool use_up_mappings(char *many)
{
	for (size_t i = 1; i < MOST_MAPPINGS - 2; i += 2)
		if (mprotect(many + i * ZSWAP_PAGE_SIZE, ZSWAP_PAGE_SIZE, PROT_READ)) {
			mprotect(many + (MOST_MAPPINGS - 1) * ZSWAP_PAGE_SIZE, ZSWAP_PAGE_SIZE, PROT_READ);
			return errno == ENOMEM;
		}
	return false;
}

/* Result: what unmapping a part said when there was no room for it; 0: there was room. Pages are away meanwhile. */
static int unmap_without_room(char *part, size_t bytes)
{
	const size_t many_bytes = (size_t)MOST_MAPPINGS * ZSWAP_PAGE_SIZE;
	char *many = mmap(NULL, many_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	bool is_full;
	int err;

	assert_true(many != MAP_FAILED);
	is_full = use_up_mappings(many);
	assert_int_equal(zswap_advise(zswap, memory, BYTES, ZSWAP_PAGEOUT), 0);
	err = is_full ? zswap_munmap(zswap, part, bytes) : 0;
	assert_int_equal(munmap(many, many_bytes), 0);
	return err;
}

/* Inside of a mapping; and of two, where the first one needs no cut. */
static void what_cannot_be_unmapped_stays(void **state)
{
	const size_t part = 4 * ZSWAP_PAGE_SIZE;
	int errs[2];

	(void)state;
	if (UNIT_SANITIZED)
		skip(); /* a sanitizer has mappings of its own to make meanwhile */
	begin("");
	errs[0] = unmap_without_room(memory + part, part);
	assert_int_equal(mprotect(memory + part, part, PROT_READ), 0);
	errs[1] = unmap_without_room(memory + part, part + part / 2);
	if (!errs[0]) {
		zswap_destroy(zswap);
		skip(); /* there may be more mappings here */
	}
	assert_int_equal(errs[0], -ENOMEM);
	assert_int_equal(errs[1], -ENOMEM);
	for (size_t i = 0; i < BYTES; i++)
		assert_int_equal(memory[i], 1);
	assert_int_equal(zswap_munmap(zswap, memory + part, part), 0);
	assert_int_equal(zswap_munmap(zswap, memory, part), 0);
	zswap_destroy(zswap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_moved_from_where_it_was),
		cmocka_unit_test(nothing_is_remapped_from_where_it_was),
		cmocka_unit_test(it_is_put_aside_while_a_thread_forks),
		cmocka_unit_test(what_is_dropped_again_is_put_aside_once),
		cmocka_unit_test(many_are_put_aside),
		cmocka_unit_test(what_cannot_be_unmapped_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
