/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The arena of the posix host: blocks and units that do not overlap, regions that come and go, memory that reads as
 * zeroes again, and little address space.
 */
#include <sys/mman.h>
#include <sys/resource.h>

#include "arena.h"
#include "random.h"
#include "statm.h"
#include "unit.h"

#define REGION_BLOCKS (ARENA_REGION_MAX / ARENA_BLOCK)

static struct arena *create(void)
{
	struct arena *arena = NULL;
	void *extra = NULL;

	assert_int_equal(arena_create(&arena, &extra), 0);
	assert_non_null(arena);
	for (unsigned int i = 0; i < 64; i++)
		assert_int_equal(((char *)extra)[i], 0);
	memset(extra, 0xff, 64);
	assert_int_equal(zs_host_load_long(&arena->nr_regions), 1);
	return arena;
}

static void *get_blocks(struct arena *arena, unsigned int nr_blocks)
{
	char *blocks = arena_get_blocks(arena, nr_blocks);

	assert_non_null(blocks);
	assert_int_equal((uintptr_t)blocks % ARENA_BLOCK, 0);
	return blocks;
}

static bool is_zero(const char *memory, size_t bytes)
{
	return !memory[0] && !memcmp(memory, memory + 1, bytes - 1);
}

/* The lowest block is taken first, so a freed one is taken again. */
static void test_blocks_lowest_first(void **state)
{
	struct arena *arena = create();
	char *first = get_blocks(arena, 1), *second = get_blocks(arena, 1), *third = get_blocks(arena, 1);

	(void)state;
	assert_ptr_equal(second, first + ARENA_BLOCK);
	assert_ptr_equal(third, second + ARENA_BLOCK);
	arena_put_blocks(arena, second, 1);
	arena_put_blocks(arena, first, 1);
	assert_ptr_equal(get_blocks(arena, 1), first);
	assert_ptr_equal(get_blocks(arena, 1), second);
	arena_destroy(arena);
}

/* Locked memory keeps its content when it is returned; a unit is zeroed all the same. */
static void test_locked_unit_comes_zeroed(void **state)
{
	struct arena *arena = create();
	char *unit = arena_get_unit(arena);

	(void)state;
	assert_non_null(unit);
	memset(unit, 0xff, ZS_META_UNIT);
	if (mlock(unit, ZS_META_UNIT))
		skip();
	arena_put_unit(arena, unit);
	assert_ptr_equal(arena_get_unit(arena), unit);
	assert_true(is_zero(unit, ZS_META_UNIT));
	arena_destroy(arena);
}

/* Runs of every length are usable from end to end and do not overlap. */
static void test_runs_of_blocks(void **state)
{
	struct arena *arena = create();
	char *runs[25];

	(void)state;
	for (unsigned int i = 0; i < NR_OF(runs); i++) {
		size_t bytes = ARENA_BLOCK << (i % 5);

		runs[i] = get_blocks(arena, 1u << (i % 5));
		runs[i][0] = runs[i][bytes - 1] = (char)(i + 1);
		runs[i][ARENA_BLOCK / 2] = (char)(i + 1);
	}
	for (unsigned int i = 0; i < NR_OF(runs); i++) {
		size_t bytes = ARENA_BLOCK << (i % 5);

		assert_int_equal(runs[i][0], i + 1);
		assert_int_equal(runs[i][bytes - 1], i + 1);
		assert_int_equal(runs[i][ARENA_BLOCK / 2], i + 1);
		for (unsigned int j = 0; j < i; j++)
			assert_true(runs[j] + (ARENA_BLOCK << (j % 5)) <= runs[i] || runs[i] + bytes <= runs[j]);
	}
	arena_destroy(arena);
}

/* A full region is followed by another, which goes when its last block does. */
static void test_regions_come_and_go(void **state)
{
	struct arena *arena = create();
	static char *blocks[REGION_BLOCKS + 1];
	unsigned int nr = 0;

	(void)state;
	while (zs_host_load_long(&arena->nr_regions) == 1 && nr < NR_OF(blocks))
		blocks[nr++] = get_blocks(arena, 1);
	assert_int_equal(nr, REGION_BLOCKS); /* all but the first block, and one of the second region */
	assert_int_equal(zs_host_load_long(&arena->nr_regions), 2);
	blocks[nr - 1][0] = 1;
	arena_put_blocks(arena, blocks[--nr], 1);
	assert_int_equal(zs_host_load_long(&arena->nr_regions), 1);
	while (nr)
		arena_put_blocks(arena, blocks[--nr], 1);
	assert_int_equal(zs_host_load_long(&arena->nr_regions), 1);
	arena_destroy(arena);
}

/* Units are zeroed and apart, and a unit that was returned is zeroed when it comes again. */
static void test_units(void **state)
{
	struct arena *arena = create();
	static char *units[300];

	(void)state;
	for (unsigned int i = 0; i < NR_OF(units); i++) {
		units[i] = arena_get_unit(arena);
		assert_non_null(units[i]);
		assert_int_equal((uintptr_t)units[i] % ZS_META_UNIT, 0);
		assert_true(is_zero(units[i], ZS_META_UNIT));
		memset(units[i], (int)(i % 255 + 1), ZS_META_UNIT);
	}
	for (unsigned int i = 0; i < NR_OF(units); i++)
		assert_int_equal((unsigned char)units[i][ZS_META_UNIT - 1], i % 255 + 1);
	for (unsigned int i = 0; i < NR_OF(units); i += 2)
		arena_put_unit(arena, units[i]);
	for (unsigned int i = 0; i < NR_OF(units); i += 2) {
		units[i] = arena_get_unit(arena);
		assert_true(is_zero(units[i], ZS_META_UNIT));
		memset(units[i], 0xff, ZS_META_UNIT);
	}
	for (unsigned int i = 1; i < NR_OF(units); i += 2)
		assert_int_equal((unsigned char)units[i][0], i % 255 + 1);
	arena_destroy(arena);
}

/* Blocks that served units serve spans again once the units are back, also in a second region. */
static void test_blocks_change_their_use(void **state)
{
	struct arena *arena = create();
	static char *units[130], *blocks[REGION_BLOCKS];
	unsigned int nr = 0;
	char *block;

	(void)state;
	for (unsigned int i = 0; i < NR_OF(units); i++)
		units[i] = arena_get_unit(arena); /* 63 in the first block, then 64 and 3 in two more */
	block = get_blocks(arena, 1);
	for (unsigned int i = 0; i < NR_OF(units); i++)
		arena_put_unit(arena, units[i]);
	assert_true((char *)get_blocks(arena, 1) < block);
	assert_true((char *)get_blocks(arena, 1) < block);
	assert_true((char *)get_blocks(arena, 1) > block);
	while (zs_host_load_long(&arena->nr_regions) == 1)
		blocks[nr++] = get_blocks(arena, 1);
	for (unsigned int i = 0; i < NR_OF(units); i++)
		units[i] = arena_get_unit(arena);
	arena_put_blocks(arena, blocks[nr - 1], 1);
	assert_int_equal(zs_host_load_long(&arena->nr_regions), 2); /* units live in it */
	for (unsigned int i = 0; i < NR_OF(units); i++)
		arena_put_unit(arena, units[i]);
	assert_int_equal(zs_host_load_long(&arena->nr_regions), 1);
	arena_destroy(arena);
}

static void test_returned_memory_reads_zero(void **state)
{
	struct arena *arena = create();
	size_t page = (size_t)1 << arena->page_shift;
	char *block = get_blocks(arena, 1);

	(void)state;
	memset(block, 0xff, 4 * page);
	errno = 1234;
	arena_return(block + page, 2 * page);
	assert_int_equal(errno, 1234);
	assert_int_equal((unsigned char)block[page - 1], 0xff);
	assert_true(is_zero(block + page, 2 * page));
	assert_int_equal((unsigned char)block[3 * page], 0xff);
	arena_destroy(arena);
}

static size_t resident_pages(char *memory, size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), nr = 0;
	static unsigned char resident[ARENA_BLOCK / 4096];

	assert_int_equal(mincore(memory, bytes, resident), 0);
	for (size_t i = 0; i < bytes / page; i++)
		nr += resident[i] & 1;
	return nr;
}

/* What was not touched, or was returned, takes no memory. */
static void test_only_touched_pages_are_resident(void **state)
{
	struct arena *arena = create();
	char *block = get_blocks(arena, 1);

	(void)state;
	assert_int_equal(resident_pages(block, ARENA_BLOCK), 0);
	block[5000] = 1;
	assert_int_equal(resident_pages(block, ARENA_BLOCK), 1);
	arena_return(block, ARENA_BLOCK);
	assert_int_equal(resident_pages(block, ARENA_BLOCK), 0);
	arena_destroy(arena);
}

/* ---- with little address space ---- */

static void limit(int resource, size_t bytes)
{
	struct rlimit rlimit = { .rlim_cur = bytes, .rlim_max = bytes };

	if (setrlimit(resource, &rlimit))
		_exit(9);
}

/* Fills a pool until ENOMEM under a limit of the address space. Exit status 0: it went as it should. */
static void fill_with_little_space(void *arg)
{
	size_t room = *(size_t *)arg;
	unsigned long nr = 0;
	struct zs_pool *pool;

	limit(RLIMIT_AS, statm_address_space() + room);
	pool = zs_create_pool(0, NULL);
	if (!pool)
		_exit(2);
	while (zs_malloc(pool, 4096, 0))
		nr++;
	if (errno != ENOMEM || zs_pool_verify(pool))
		_exit(3);
	/* A quarter of the room at least can be used for objects. */
	_exit(nr >= room / 4096 / 4 ? 0 : 4);
}

static void test_smaller_regions_if_need_be(void **state)
{
	static const size_t rooms[] = { 4ul << 20, 20ul << 20, 90ul << 20 };
	char text[256];

	(void)state;
	if (UNIT_SANITIZED)
		skip();
	for (unsigned int i = 0; i < NR_OF(rooms); i++) {
		size_t room = rooms[i];

		assert_int_equal(run_child(fill_with_little_space, &room, text, sizeof(text)), 0);
		assert_string_equal(text, "");
	}
}

static void create_without_space(void *arg)
{
	struct zs_pool *pool;

	(void)arg;
	limit(RLIMIT_AS, statm_address_space() + (256ul << 10));
	pool = zs_create_pool(0, NULL);
	_exit(pool ? 2 : errno == ENOMEM ? 0 : 3);
}

static void test_no_address_space_at_all(void **state)
{
	char text[256];

	(void)state;
	if (UNIT_SANITIZED)
		skip();
	assert_int_equal(run_child(create_without_space, NULL, text, sizeof(text)), 0);
}

/* A limit on writable memory is met by an error, not by a signal. */
static void fill_with_little_data(void *arg)
{
	struct zs_pool *pool;

	(void)arg;
	limit(RLIMIT_DATA, 24ul << 20);
	pool = zs_create_pool(0, NULL);
	if (!pool)
		_exit(2);
	for (unsigned long handle; (handle = zs_malloc(pool, 4096, 0)) != 0;)
		memset(zs_map_object(pool, handle, ZS_MM_WO), 1, 4096);
	_exit(errno == ENOMEM && zs_get_total_pages(pool) > 1000 && !zs_pool_verify(pool) ? 0 : 3);
}

static void test_little_writable_memory(void **state)
{
	char text[256];

	(void)state;
	if (UNIT_SANITIZED)
		skip();
	assert_int_equal(run_child(fill_with_little_data, NULL, text, sizeof(text)), 0);
}

/* Random blocks and units: no two overlap, and all regions but the first go in the end. */
static void test_random_order(void **state)
{
	static struct {
		char *at;
		unsigned int nr_blocks; /* 0: a unit */
	} taken[900];
	struct arena *arena = create();
	struct rng rng = { .state = 1 };

	(void)state;
	for (unsigned int step = 0; step < 12000; step++) {
		unsigned int i = rng_below(&rng, NR_OF(taken));

		if (!taken[i].at) {
			taken[i].nr_blocks = rng_below(&rng, 2) << rng_below(&rng, 5);
			taken[i].at = taken[i].nr_blocks ? arena_get_blocks(arena, taken[i].nr_blocks)
							 : arena_get_unit(arena);
			assert_non_null(taken[i].at);
			assert_int_equal(taken[i].at[8], 0);
			memcpy(taken[i].at, &i, sizeof(i));
			taken[i].at[8] = 1;
			continue;
		}
		assert_memory_equal(taken[i].at, &i, sizeof(i));
		if (taken[i].nr_blocks) {
			arena_return(taken[i].at, taken[i].nr_blocks * ARENA_BLOCK);
			arena_put_blocks(arena, taken[i].at, taken[i].nr_blocks);
		} else {
			arena_put_unit(arena, taken[i].at);
		}
		taken[i].at = NULL;
	}
	assert_true(zs_host_load_long(&arena->nr_regions) > 1);
	for (unsigned int i = 0; i < NR_OF(taken); i++) {
		if (taken[i].at && taken[i].nr_blocks)
			arena_put_blocks(arena, taken[i].at, taken[i].nr_blocks);
		else if (taken[i].at)
			arena_put_unit(arena, taken[i].at);
	}
	assert_int_equal(zs_host_load_long(&arena->nr_regions), 1);
	arena_destroy(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks_lowest_first),
		cmocka_unit_test(test_runs_of_blocks),
		cmocka_unit_test(test_regions_come_and_go),
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_locked_unit_comes_zeroed),
		cmocka_unit_test(test_blocks_change_their_use),
		cmocka_unit_test(test_returned_memory_reads_zero),
		cmocka_unit_test(test_only_touched_pages_are_resident),
		cmocka_unit_test(test_smaller_regions_if_need_be),
		cmocka_unit_test(test_no_address_space_at_all),
		cmocka_unit_test(test_little_writable_memory),
		cmocka_unit_test(test_random_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
