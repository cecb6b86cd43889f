/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What is known of how long things take on this machine, and what follows: who takes pages, and how they are read.
 */
#include "unit.h"

#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "front.h"
#include "parts.h"
#include "uffd_there.h"

#define PAGE 4096ul
#define NR_PAGES 16u
#define NR_NOTED 400u
#define OWN 1001 /* threads, as the kernel names them */
#define OTHER 1002

static struct zswap zswap;

static int set_up(void **state)
{
	(void)state;
	memset(&zswap, 0, sizeof(zswap));
	return 0;
}

/* ---- a median ---- */

static uint32_t noted(uint64_t often, uint64_t seldom, unsigned int seldom_one_in)
{
	uint32_t timing = 0;

	for (unsigned int i = 0; i < NR_NOTED; i++)
		zswap_timing_note(&timing, i % seldom_one_in ? often : seldom);
	return zswap_timing_ns(&timing);
}

static void the_median_is_found(void **state)
{
	(void)state;
	assert_in_range(noted(10000, 10000, 2), 9000, 11000);
	assert_in_range(noted(10000, 90000000, 4), 9000, 12000);
	assert_in_range(noted(10000, 1, 4), 8000, 11000);
	assert_in_range(noted(500, 0, 4), 400, 600);
}

/* Also from far away, and back. */
static void the_median_follows(void **state)
{
	uint32_t timing = 0;

	(void)state;
	zswap_timing_note(&timing, UINT64_MAX);
	assert_int_equal(timing, ZSWAP_MOST_NS);
	zswap_timing_note(&timing, UINT64_MAX);
	assert_int_equal(timing, ZSWAP_MOST_NS);
	for (unsigned int i = 0; i < NR_NOTED; i++)
		zswap_timing_note(&timing, 100);
	assert_in_range(timing, 80, 120);
	for (unsigned int i = 0; i < NR_NOTED; i++)
		zswap_timing_note(&timing, 0);
	assert_in_range(timing, 1, 2);
}

/* ---- who takes ---- */

static void have_faults(pid_t first, pid_t second)
{
	for (unsigned int i = 0; i < NR_NOTED; i++)
		zswap_taking_note_faulter(&zswap, i % 2 ? first : second);
}

/* The evictor's times; it is no thread that has a name here. */
static void note_rows(uint64_t ns)
{
	for (unsigned int i = 0; i < NR_NOTED; i++)
		zswap_taking_note(&zswap, ns);
}

static unsigned int count_with_faults(unsigned int nr)
{
	unsigned int nr_such = 0;

	for (unsigned int i = 0; i < nr; i++)
		nr_such += zswap_memory_takes_with_faults(&zswap);
	return nr_such;
}

/* Now and then the evictor has its turns all the same. */
static void dear_rows_are_taken_with_faults(void **state)
{
	(void)state;
	have_faults(OWN, OWN);
	note_rows(50000);
	assert_int_equal(count_with_faults(1024), 1024 - 32);
	assert_int_equal(count_with_faults(32), 0);
}

static void cheap_rows_are_taken_by_the_evictor(void **state)
{
	(void)state;
	have_faults(OWN, OWN);
	note_rows(5000);
	assert_int_equal(count_with_faults(1024), 0);
}

static void with_several_threads_the_evictor_takes(void **state)
{
	(void)state;
	assert_int_equal(count_with_faults(1024), 0); /* nothing is known */
	note_rows(50000);
	have_faults(OWN, OTHER);
	assert_int_equal(count_with_faults(1024), 0);
	have_faults(OWN, OWN);
	assert_int_equal(count_with_faults(1024), 1024 - 32);
}

static void what_the_pager_takes_tells_nothing(void **state)
{
	(void)state;
	have_faults(OWN, OWN);
	note_rows(50000);
	zswap.takers.pager = (uintptr_t)pthread_self();
	note_rows(100);
	assert_int_equal(count_with_faults(1024), 1024 - 32);
}

#define LIMIT_BYTES ((size_t)4 << 20)
#define PROGRAM_BYTES (3 * LIMIT_BYTES)
#define NR_WALKS 4u

static unsigned int nr_asked; /* by the pager */

static bool always(void *ctx)
{
	(void)ctx;
	nr_asked++;
	return true;
}

static uint64_t evicted_of(struct zswap *managed)
{
	struct zswap_stats stats = { .size = sizeof(stats) };

	zswap_stats(managed, &stats);
	return stats.evicted;
}

/* Each page is another one each time, and what it was the last time is still there. */
static void walk(volatile uint64_t *at, uint64_t number)
{
	for (size_t i = 0; i < PROGRAM_BYTES / PAGE; i++) {
		volatile uint64_t *page = at + i * PAGE / sizeof(*at);

		assert_int_equal(*page, number ? number * i + i : 0);
		*page = (number + 1) * i + i;
	}
}

/* The kernel's own userfaultfd: all that goes is taken between a fault and its page. */
static void the_pager_takes_while_the_program_waits(void **state)
{
	struct zswap_options options = { .size = sizeof(options),
					 .resident_limit_bytes = LIMIT_BYTES,
					 .flags = ZSWAP_PAGER };
	struct zswap *managed;
	uint64_t *memory;

	(void)state;
	if (!uffd_user_features())
		skip();
	managed = zswap_create(&options);
	assert_non_null(managed);
	nr_asked = 0;
	managed->engine->memory.takes_with_faults = always;
	__atomic_store_n(&managed->engine->takes_with_faults, true, __ATOMIC_RELAXED); /* the evictor is not sooner */
	memory = zswap_mmap(managed, PROGRAM_BYTES);
	assert_non_null(memory);
	for (uint64_t i = 0; i < NR_WALKS; i++)
		walk(memory, i);
	assert_true(evicted_of(managed) > NR_WALKS * (PROGRAM_BYTES - LIMIT_BYTES) / PAGE / 2);
	assert_int_equal(zswap_munmap(managed, memory, PROGRAM_BYTES), 0);
	zswap_destroy(managed);
	assert_true(nr_asked > NR_WALKS);
}

/* ---- how it is read ---- */

static unsigned char *make_pages(void)
{
	unsigned char *at = mmap(NULL, NR_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(at, MAP_FAILED);
	for (size_t i = 0; i < NR_PAGES * PAGE; i++)
		at[i] = (unsigned char)(i * 7 + i / PAGE);
	return at;
}

/* A sandbox may deny it. */
static void skip_unless_kernel_reads(const void *at)
{
	unsigned char byte;
	const struct iovec from = { (void *)at, 1 }, to = { &byte, 1 };

	if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) != 1)
		skip();
}

/* Both ways in a trial, and whichever is the cheaper one then. */
static void what_is_read_is_right(void **state)
{
	static unsigned char buffer[NR_PAGES * PAGE];
	unsigned char *at = make_pages();
	unsigned int nr_ways[2] = { 0, 0 };

	(void)state;
	skip_unless_kernel_reads(at);
	for (unsigned int i = 0; i < NR_NOTED; i++) {
		unsigned int nr = 1 + i % NR_PAGES;
		const void *content;

		memset(buffer, 0, sizeof(buffer));
		content = zswap_memory_look(&zswap, at, nr, buffer);
		assert_true(content == at || content == buffer);
		assert_memory_equal(content, at, nr * PAGE);
		nr_ways[content == buffer]++;
	}
	assert_true(nr_ways[0] >= 16);
	assert_true(nr_ways[1] >= 16);
	munmap(at, NR_PAGES * PAGE);
}

static void the_cheaper_way_is_taken(void **state)
{
	static unsigned char buffer[PAGE];
	unsigned char *at = make_pages();

	(void)state;
	skip_unless_kernel_reads(at);
	for (unsigned int i = 0; i < 32; i++)
		zswap_memory_look(&zswap, at, 1, buffer);
	zswap.looks.ns[0] = 1, zswap.looks.ns[1] = 1000;
	assert_false(zswap_touching_is_dear(&zswap));
	assert_ptr_equal(zswap_memory_look(&zswap, at, 1, buffer), at);
	zswap.looks.ns[0] = 1000, zswap.looks.ns[1] = 1;
	assert_true(zswap_touching_is_dear(&zswap));
	assert_ptr_equal(zswap_memory_look(&zswap, at, 1, buffer), buffer);
	munmap(at, NR_PAGES * PAGE);
}

/* Nor in part: the first page could be copied. In a trial, and where it had been cheaper before. */
static void what_the_kernel_does_not_copy_is_read_in_place(void **state)
{
	unsigned char *at = make_pages(), *buffer = make_pages();

	(void)state;
	munmap(buffer + PAGE, (NR_PAGES - 1) * PAGE);
	for (unsigned int i = 0; i < 64; i++)
		assert_ptr_equal(zswap_memory_look(&zswap, at, NR_PAGES, buffer), at);
	assert_int_equal(zswap.looks.ns[1], ZSWAP_MOST_NS);
	zswap.looks.ns[0] = 1000, zswap.looks.ns[1] = 1;
	assert_ptr_equal(zswap_memory_look(&zswap, at, NR_PAGES, buffer), at);
	munmap(buffer, PAGE);
	munmap(at, NR_PAGES * PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_median_is_found),
		cmocka_unit_test(the_median_follows),
		cmocka_unit_test_setup(dear_rows_are_taken_with_faults, set_up),
		cmocka_unit_test_setup(cheap_rows_are_taken_by_the_evictor, set_up),
		cmocka_unit_test_setup(with_several_threads_the_evictor_takes, set_up),
		cmocka_unit_test_setup(what_the_pager_takes_tells_nothing, set_up),
		cmocka_unit_test(the_pager_takes_while_the_program_waits),
		cmocka_unit_test_setup(what_is_read_is_right, set_up),
		cmocka_unit_test_setup(the_cheaper_way_is_taken, set_up),
		cmocka_unit_test_setup(what_the_kernel_does_not_copy_is_read_in_place, set_up),
	};

	return cmocka_run_group_tests_name("timing", tests, NULL, NULL);
}
