/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Who takes pages and who packs them: the evictor both, or faults take and the evictor packs.
 */
#include "zswap_unit.h"

#define MANY_PAGES 1024u

static void begin_to_take_with_faults(void)
{
	begin(0, 0);
	world.program.takes_one_in = 1;
}

/* So many are resident that some are to go, and none has gone. Result: a page that would have a fault. */
static uint32_t fill_up(void)
{
	fill_pages(HIGH_PAGES + 1);
	assert_int_equal(figures().evicted, 0);
	return 2 * HIGH_PAGES;
}

static void the_evictor_takes(void **state)
{
	uint32_t next;

	(void)state;
	begin(0, 0);
	next = fill_up();
	assert_true(world.nr_woken > 0);
	write_page(next, HALF(next));
	assert_int_equal(figures().evicted, 0);
	step_all();
	assert_in_range(figures().evicted, ZSWAP_BATCH_PAGES, HIGH_PAGES);
	end();
}

/* A batch is taken before a page comes, and nothing is done in the background as long as another is free. */
static void faults_take(void **state)
{
	uint32_t next;

	(void)state;
	begin_to_take_with_faults();
	next = fill_up();
	world.nr_woken = 0;
	write_page(next, HALF(next));
	assert_int_equal(figures().evicted, ZSWAP_BATCH_PAGES);
	assert_int_equal(figures().direct_evictions, 0);
	assert_int_equal(world.nr_woken, 0);
	step_all();
	assert_int_equal(figures().evicted, ZSWAP_BATCH_PAGES);
	assert_int_equal(figures().packed, 0);
	end();
}

static void the_evictor_packs_when_none_is_free(void **state)
{
	uint32_t next;

	(void)state;
	begin_to_take_with_faults();
	next = fill_up();
	write_page(next, HALF(next));
	world.nr_woken = 0;
	write_page(next + ZSWAP_GROUP_PAGES, HALF(1));
	assert_int_equal(figures().evicted, STANDBY_PAGES);
	assert_int_equal(world.nr_woken, 1);
	step_all();
	assert_int_equal(figures().evicted, STANDBY_PAGES);
	assert_int_equal(figures().packed, ZSWAP_BATCH_PAGES);
	assert_int_equal(zswap_standby_free_batches(&world.engine->standby), 1);
	end();
}

/* Even if the evictor never runs. */
static void the_limit_holds(void **state)
{
	(void)state;
	begin_to_take_with_faults();
	for (uint32_t page = 0; page < MANY_PAGES; page++) {
		write_page(page, HALF(page));
		assert_in_range(figures().resident_pages, 1, LIMIT_PAGES);
	}
	assert_filled(0, MANY_PAGES);
	end();
}

static void let_the_pool_be_full(bool is_full)
{
	world.engine->pool_limit_bytes = is_full ? 1 : 0;
	world.engine->is_full = is_full;
}

/* What stands by has nowhere to go then. */
static void into_a_full_pool_nothing_is_packed(void **state)
{
	uint32_t next;

	(void)state;
	begin_to_take_with_faults();
	next = fill_up();
	write_page(next, HALF(next));
	write_page(next + ZSWAP_GROUP_PAGES, HALF(1));
	let_the_pool_be_full(true);
	assert_false(zswap_is_eviction_due(world.engine));
	assert_false(zswap_engine_step(world.engine));
	assert_int_equal(figures().pool_limit_hit, 0);
	let_the_pool_be_full(false);
	end();
}

static void for_a_full_pool_nothing_is_taken(void **state)
{
	uint32_t next;

	(void)state;
	begin_to_take_with_faults();
	next = fill_up();
	let_the_pool_be_full(true);
	write_page(next, HALF(next));
	assert_int_equal(figures().evicted, 0);
	let_the_pool_be_full(false);
	end();
}

#define NR_BEYOND 32u
#define NR_STEPS 16u

/* What had to stay, and may go now: no fault is needed for that. */
static void the_evictor_takes_what_is_beyond_the_limit(void **state)
{
	(void)state;
	begin_to_take_with_faults();
	memset(world.program.is_busy + world.first, true, NR_PAGES);
	fill_pages(LIMIT_PAGES + NR_BEYOND);
	assert_true(zswap_taken_pages(world.engine) > LIMIT_PAGES);
	memset(world.program.is_busy + world.first, false, NR_PAGES);
	zswap_engine_pack(world.engine);
	assert_int_equal(zswap_standby_free_batches(&world.engine->standby), 2);
	assert_true(zswap_is_eviction_due(world.engine));
	for (unsigned int i = 0; i < NR_STEPS; i++)
		zswap_engine_step(world.engine);
	assert_true(zswap_taken_pages(world.engine) <= LIMIT_PAGES);
	assert_filled(0, LIMIT_PAGES + NR_BEYOND);
	end();
}

/* As memory says, each time that pages are to go. */
static void the_evictor_takes_again(void **state)
{
	uint32_t next;

	(void)state;
	begin_to_take_with_faults();
	next = fill_up();
	write_page(next, HALF(next));
	world.program.takes_one_in = 0;
	write_page(next + ZSWAP_GROUP_PAGES, HALF(1));
	assert_int_equal(figures().evicted, ZSWAP_BATCH_PAGES);
	step_all();
	assert_true(figures().evicted > ZSWAP_BATCH_PAGES);
	assert_true(zswap_taken_pages(world.engine) <= LOW_PAGES);
	end();
}

/* What is packed is what was read, wherever that was. */
static void taken_pages_are_read_where_memory_says(void **state)
{
	(void)state;
	begin(0, 0);
	world.program.looks_one_in = 1;
	put_away(ZSWAP_BATCH_PAGES);
	assert_true(world.program.nr_looked >= ZSWAP_BATCH_PAGES);
	assert_filled(0, ZSWAP_BATCH_PAGES);
	end();
}

/* What does not compress is given back as it was. */
static void what_was_read_elsewhere_comes_back(void **state)
{
	(void)state;
	begin(0, 0);
	world.program.looks_one_in = 1;
	for (uint32_t page = 0; page < ZSWAP_BATCH_PAGES; page++)
		write_page(page, NOISE(page));
	send_away(0, ZSWAP_BATCH_PAGES);
	assert_true(figures().incompressible >= ZSWAP_BATCH_PAGES);
	for (uint32_t page = 0; page < ZSWAP_BATCH_PAGES; page++)
		assert_page(page, NOISE(page));
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_evictor_takes),
		cmocka_unit_test(faults_take),
		cmocka_unit_test(the_evictor_packs_when_none_is_free),
		cmocka_unit_test(the_limit_holds),
		cmocka_unit_test(into_a_full_pool_nothing_is_packed),
		cmocka_unit_test(for_a_full_pool_nothing_is_taken),
		cmocka_unit_test(the_evictor_takes_what_is_beyond_the_limit),
		cmocka_unit_test(the_evictor_takes_again),
		cmocka_unit_test(taken_pages_are_read_where_memory_says),
		cmocka_unit_test(what_was_read_elsewhere_comes_back),
	};

	return cmocka_run_group_tests_name("zswap_pace", tests, NULL, NULL);
}
