/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A pool's memory: the footprint and its limit, and pages from and to the source.
 */
#include "memory.h"
#include "sim_unit.h"

struct bench {
	struct heap heap;
	struct zs_memory memory;
};

static void bench_create(struct bench *bench)
{
	heap_create(&bench->heap, 64);
	memset(&bench->memory, 0, sizeof(bench->memory));
	bench->memory.source = bench->heap.source;
	bench->memory.contiguous = zs_host_contiguous(bench->heap.source);
	bench->memory.page_shift = zs_host_page_shift(bench->heap.source);
	bench->memory.footprint.source = bench->heap.source;
	bench->memory.footprint.limit_blocks = ~0ul;
}

static void bench_destroy(struct bench *bench)
{
	assert_int_equal(zs_footprint_blocks(&bench->memory.footprint), 0);
	assert_int_equal(zs_host_load_long(&bench->memory.nr_pages), 0);
	heap_destroy(&bench->heap);
}

/* The limit is on everything, with room left for the source's own next step. */
static void test_footprint_limit(void **state)
{
	struct bench bench;
	struct zs_footprint *footprint = &bench.memory.footprint;

	(void)state;
	bench_create(&bench);
	footprint->limit_blocks = 10 + zs_footprint_overhead(footprint);
	assert_true(zs_footprint_charge(footprint, 7));
	assert_false(zs_footprint_charge(footprint, 4));
	assert_int_equal(zs_footprint_blocks(footprint), 7);
	assert_true(zs_footprint_charge(footprint, 3));
	assert_false(zs_footprint_charge(footprint, 1));
	zs_footprint_uncharge(footprint, 2);
	assert_true(zs_footprint_charge(footprint, 2));
	zs_footprint_uncharge(footprint, 10);
	bench_destroy(&bench);
}

static void test_footprint_without_limit(void **state)
{
	struct bench bench;

	(void)state;
	bench_create(&bench);
	assert_true(zs_footprint_charge(&bench.memory.footprint, 1ul << 40));
	assert_true(zs_footprint_blocks(&bench.memory.footprint) == 1ul << 40);
	zs_footprint_uncharge(&bench.memory.footprint, 1ul << 40);
	bench_destroy(&bench);
}

static void test_pages_come_and_go(void **state)
{
	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++) {
		struct zs_pages pages = { .nr = 0 };
		struct bench bench;

		enter_world(world);
		bench_create(&bench);
		assert_int_equal(zs_memory_get_pages(&bench.memory, &pages, 3, 0), 0);
		assert_int_equal(pages.nr, 3);
		assert_int_equal(zs_sim.nr_pages, 3);
		assert_int_equal(zs_host_load_long(&bench.memory.nr_pages), 3);
		assert_int_equal(zs_footprint_blocks(&bench.memory.footprint), 3u << (world->page_shift - 12));
		/* It is brought up to a number, not by it. */
		assert_int_equal(zs_memory_get_pages(&bench.memory, &pages, 2, 0), 0);
		assert_int_equal(pages.nr, 3);
		if (!world->contiguous)
			memset(pages.at[2], 1, 1ul << world->page_shift);
		zs_memory_put_pages(&bench.memory, &pages);
		assert_int_equal(pages.nr, 0);
		assert_int_equal(zs_sim.nr_pages, 0);
		zs_memory_put_pages(&bench.memory, &pages);
		bench_destroy(&bench);
	}
}

static void test_failure_keeps_what_was_had(void **state)
{
	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++) {
		struct zs_pages pages = { .nr = 0 };
		struct bench bench;

		enter_world(world);
		zs_sim.page_budget = 2;
		bench_create(&bench);
		assert_int_equal(zs_memory_get_pages(&bench.memory, &pages, 3, 0), -ENOMEM);
		assert_int_equal(pages.nr, 2);
		assert_int_equal(zs_host_load_long(&bench.memory.nr_pages), 2);
		assert_int_equal(zs_footprint_blocks(&bench.memory.footprint), 2u << (world->page_shift - 12));
		zs_memory_put_pages(&bench.memory, &pages);
		bench_destroy(&bench);
	}
}

/* A page above the limit is not even asked for. */
static void test_limit_bounds_pages(void **state)
{
	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++) {
		struct zs_pages pages = { .nr = 0 };
		struct bench bench;
		uint64_t calls;

		enter_world(world);
		bench_create(&bench);
		bench.memory.footprint.limit_blocks = (2u << (world->page_shift - 12)) + 1;
		assert_int_equal(zs_memory_get_pages(&bench.memory, &pages, 2, 0), 0);
		calls = zs_sim.nr_fallible_calls;
		assert_int_equal(zs_memory_get_pages(&bench.memory, &pages, 3, 0), -ENOMEM);
		assert_int_equal(zs_sim.nr_fallible_calls, calls);
		assert_int_equal(pages.nr, 2);
		zs_memory_put_pages(&bench.memory, &pages);
		bench_destroy(&bench);
	}
}

static void test_pages_move_between_collections(void **state)
{
	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++) {
		struct zs_pages from = { .nr = 0 }, to = { .nr = 0 };
		struct bench bench;

		enter_world(world);
		bench_create(&bench);
		assert_int_equal(zs_memory_get_pages(&bench.memory, &from, 3, 0), 0);
		assert_int_equal(zs_memory_get_pages(&bench.memory, &to, 1, 0), 0);
		zs_memory_move_pages(&bench.memory, &from, &to, 3);
		assert_int_equal(from.nr, 1);
		assert_int_equal(to.nr, 3);
		zs_memory_move_pages(&bench.memory, &from, &to, 3);
		assert_int_equal(to.nr, 3);
		zs_memory_move_pages(&bench.memory, &from, &to, 9);
		assert_int_equal(from.nr, 0);
		assert_int_equal(to.nr, 4);
		for (unsigned int i = 0; !world->contiguous && i < 4; i++)
			for (unsigned int j = 0; j < i; j++)
				assert_ptr_not_equal(to.at[i], to.at[j]);
		zs_memory_put_pages(&bench.memory, &to);
		bench_destroy(&bench);
	}
}

/* Only contiguous sources may keep empty pages: one of 128. */
static void test_empty_allowance(void **state)
{
	struct zs_memory memory = { .contiguous = true };

	(void)state;
	zs_host_add_long(&memory.nr_pages, 1279);
	assert_int_equal(zs_memory_empty_allowance(&memory), 9);
	memory.contiguous = false;
	assert_int_equal(zs_memory_empty_allowance(&memory), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_footprint_limit),    SIM_TEST(test_footprint_without_limit),
		SIM_TEST(test_pages_come_and_go),  SIM_TEST(test_failure_keeps_what_was_had),
		SIM_TEST(test_limit_bounds_pages), SIM_TEST(test_pages_move_between_collections),
		SIM_TEST(test_empty_allowance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
