/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Tending: what goes back, what moves and how much of it, and what is left alone.
 */
#include "compact.h"
#include "sim_unit.h"
#include "tend.h"
#include "verify.h"

#define NR_OBJECTS 6000u
#define SIZE 1000u

static const struct zs_tend_plan thorough = { .loose_share = 0, .max_bytes = 1u << 30 };

struct bench {
	struct zs_pool *pool;
	unsigned long handles[NR_OBJECTS]; /* 0: freed */
};

static void bench_create(struct bench *b, const struct world *world)
{
	struct zs_pool_config config = { .name = "tend", .max_object_size = 4096, .is_tended = true };

	enter_world(world);
	assert_int_equal(zs_host_source_create(NULL, &config.source), 0);
	assert_int_equal(zs_pool_create(&config, &b->pool), 0);
	for (unsigned int i = 0; i < NR_OBJECTS; i++) {
		b->handles[i] = make_object(b->pool, SIZE);
		paint(b->pool, b->handles[i], SIZE, i);
	}
}

static void free_object(struct bench *b, unsigned int i)
{
	zs_free(b->pool, b->handles[i]);
	b->handles[i] = 0;
}

static void bench_destroy(struct bench *b)
{
	for (unsigned int i = 0; i < NR_OBJECTS; i++)
		if (b->handles[i])
			assert_painted(b->pool, b->handles[i], SIZE, i);
	assert_int_equal(zs_pool_check(b->pool), 0);
	zs_host_source_destroy(zs_pool_destroy(b->pool));
}

/* Who frees leaves empty pages to who tends, and says so; it goes down to the allowance. */
static void test_empty_pages_wait_for_it(void **state)
{
	static struct bench b;

	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++) {
		unsigned long pages;

		if (!world->contiguous)
			continue;
		bench_create(&b, world);
		pages = zs_sim.nr_pages;
		assert_false(zs_pool_tend(b.pool, &thorough));
		zs_sim.nr_work_calls = 0;
		for (unsigned int i = 0; i < NR_OBJECTS / 8; i++)
			free_object(&b, i);
		assert_int_equal(zs_sim.nr_pages, pages);
		assert_true(zs_sim.nr_work_calls > 0);
		assert_true(zs_pool_tend(b.pool, &thorough));
		assert_true(zs_sim.nr_pages < pages - pages / 10);
		assert_true(128 * zs_host_load_long(&b.pool->memory.nr_empty) <= zs_pool_total_pages(b.pool));
		bench_destroy(&b);
	}
}

/* So does who allocates and makes the pool grow: objects that were freed before may be worth moving. */
static void test_growing_calls_for_it(void **state)
{
	static struct bench b;

	(void)state;
	bench_create(&b, &worlds[0]);
	assert_true(zs_sim.nr_work_calls >= zs_sim.nr_pages / 16);
	bench_destroy(&b);
}

/* But not without bound: a quarter of the pool's pages at most. */
static void test_empty_pages_are_bounded(void **state)
{
	static struct bench b;

	(void)state;
	bench_create(&b, &worlds[0]);
	for (unsigned int i = 0; i < NR_OBJECTS; i++) {
		free_object(&b, i);
		assert_true(4 * zs_host_load_long(&b.pool->memory.nr_empty) <= zs_pool_total_pages(b.pool));
	}
	assert_int_equal(zs_sim.nr_pages, 0);
	bench_destroy(&b);
}

/* Pages of a scattered source go at once, and when objects are moved as well. */
static void test_scattered_pages_do_not_wait(void **state)
{
	static struct bench b;
	unsigned long pages;

	(void)state;
	bench_create(&b, &worlds[1]);
	for (unsigned int i = 0; i < NR_OBJECTS; i++)
		if (i % 2)
			free_object(&b, i);
	pages = zs_sim.nr_pages;
	while (zs_pool_tend(b.pool, &thorough))
		;
	assert_true(zs_sim.nr_pages < pages - pages / 3);
	assert_int_equal(zs_host_load_long(&b.pool->memory.nr_empty), 0);
	bench_destroy(&b);
}

/* No call moves more than it may, but for one object; together they leave no more than the share. */
static void test_keeps_to_its_bytes(void **state)
{
	static const uint32_t shares[] = { 0, 1u << (ZS_TEND_SHARE_SHIFT - 4), 1u << ZS_TEND_SHARE_SHIFT };
	static struct bench b;

	(void)state;
	for (unsigned int s = 0; s < NR_OF(shares); s++) {
		struct zs_tend_plan plan = { .loose_share = shares[s], .max_bytes = 20000 };
		uint64_t moved = 0, now;
		unsigned long loose;

		bench_create(&b, &worlds[0]);
		for (unsigned int i = 0; i < NR_OBJECTS; i++)
			if (i % 3)
				free_object(&b, i);
		while (zs_pool_tend(b.pool, &plan)) {
			now = stats_of(b.pool).bytes_moved;
			assert_true(now - moved < ZS_TEND_HASTE * plan.max_bytes + 4096);
			moved = now;
		}
		loose = zs_class_loose_pages(zs_pool_class(b.pool, zs_pool_serving_class(b.pool, SIZE)));
		assert_true(loose <= zs_pool_total_pages(b.pool) * (uint64_t)shares[s] >> ZS_TEND_SHARE_SHIFT);
		assert_int_equal(moved == 0, s == 2);
		bench_destroy(&b);
	}
}

/* What becomes empty while objects move stays until many pages go at once; scattered pages go with each object. */
static void test_gathered_pages_stay(void **state)
{
	static struct bench b;

	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++) {
		unsigned long pages, empty;

		bench_create(&b, world);
		for (unsigned int i = 0; i < NR_OBJECTS; i++)
			if (i % 3)
				free_object(&b, i);
		zs_pool_trim(b.pool, 0);
		pages = zs_sim.nr_pages;
		assert_true(zs_class_gather(zs_pool_class(b.pool, zs_pool_serving_class(b.pool, SIZE)), 1u << 30) > 0);
		empty = zs_host_load_long(&b.pool->memory.nr_empty);
		assert_int_equal(zs_sim.nr_pages == pages, world->contiguous);
		assert_int_equal(empty > 0, world->contiguous);
		bench_destroy(&b);
	}
}

/* Empty pages within the allowance are nothing to move objects for: it rests. */
static void test_rests_with_empty_pages(void **state)
{
	struct zs_pool_config config = { .name = "tend", .max_object_size = 4096, .is_tended = true };
	static unsigned long handles[1000];
	struct zs_pool *pool;

	(void)state;
	enter_world(&worlds[0]);
	assert_int_equal(zs_host_source_create(NULL, &config.source), 0);
	assert_int_equal(zs_pool_create(&config, &pool), 0);
	for (unsigned int i = 0; i < NR_OF(handles); i++)
		handles[i] = make_object(pool, 4096);
	for (unsigned int i = 0; i < 7; i++)
		zs_free(pool, handles[100 + i]);
	assert_int_equal(zs_pool_total_pages(pool), 1000);
	assert_false(zs_pool_tend(pool, &thorough));
	assert_int_equal(stats_of(pool).objects_moved, 0);
	assert_int_equal(zs_pool_total_pages(pool), 1000);
	zs_host_source_destroy(zs_pool_destroy(pool));
}

/* Slots that lack a page, since pages in the middle went back, are no reason to stay loose. */
static void test_settles_after_shrinking(void **state)
{
	struct zs_pool_config config = { .name = "tend", .max_object_size = 4096, .is_tended = true };
	struct zs_tend_plan plan = { .loose_share = 262, .max_bytes = 20000 };
	static unsigned long handles[NR_OBJECTS];
	uint64_t random = 1;
	struct zs_pool *pool;

	(void)state;
	enter_world(&worlds[0]);
	assert_int_equal(zs_host_source_create(NULL, &config.source), 0);
	assert_int_equal(zs_pool_create(&config, &pool), 0);
	for (unsigned int i = 0; i < NR_OBJECTS; i++)
		handles[i] = make_object(pool, 2400);
	for (unsigned int i = 0; i < NR_OBJECTS; i++)
		if (((random = random * 6364136223846793005u + 1) >> 32) % 16 < 7)
			zs_free(pool, handles[i]);
	zs_pool_trim(pool, 0);
	assert_true(zs_pool_tend(pool, &plan));
	assert_true(stats_of(pool).bytes_moved > plan.max_bytes + 4096); /* it is in haste */
	while (zs_pool_tend(pool, &plan))
		;
	zs_pool_trim(pool, 0);
	assert_true(zs_pool_slack_pages(pool) <= zs_pool_total_pages(pool) >> 6);
	assert_int_equal(zs_pool_check(pool), 0);
	zs_host_source_destroy(zs_pool_destroy(pool));
}

/* Mapped objects are left where they are, and nothing is tried forever. */
static void test_mapped_objects_stay(void **state)
{
	static struct bench b;

	(void)state;
	bench_create(&b, &worlds[0]);
	for (unsigned int i = 0; i < NR_OBJECTS; i++)
		if (i % 3)
			free_object(&b, i);
	for (unsigned int i = 0; i < NR_OBJECTS; i += 3)
		assert_non_null(zs_map_object(b.pool, b.handles[i], ZS_MM_RO));
	while (zs_pool_tend(b.pool, &thorough))
		;
	assert_int_equal(stats_of(b.pool).bytes_moved, 0);
	for (unsigned int i = 0; i < NR_OBJECTS; i += 3)
		zs_unmap_object(b.pool, b.handles[i]);
	bench_destroy(&b);
}

/* However many pages are empty, bounded compaction gives them back a few at a time, also where it goes on. */
static void test_many_empty_pages_within_a_budget(void **state)
{
	static struct bench b;
	unsigned int calls = 0;

	(void)state;
	assert_true(worlds[0].contiguous && worlds[0].page_shift == 12);
	bench_create(&b, &worlds[0]);
	for (unsigned int i = 0; i < NR_OBJECTS / 5; i++)
		free_object(&b, i);
	assert_true(zs_host_load_long(&b.pool->memory.nr_empty) > 200);
	do
		assert_in_range(zs_compact_some(b.pool, 0, 3), 0, 4 * 8 + 4);
	while (errno == EAGAIN && ++calls < 10000);
	assert_int_equal(errno, 0);
	assert_true(calls > 5);
	assert_int_equal(zs_host_load_long(&b.pool->memory.nr_empty), 0);
	bench_destroy(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_many_empty_pages_within_a_budget),
		SIM_TEST(test_empty_pages_wait_for_it),
		SIM_TEST(test_growing_calls_for_it),
		SIM_TEST(test_empty_pages_are_bounded),
		SIM_TEST(test_scattered_pages_do_not_wait),
		SIM_TEST(test_keeps_to_its_bytes),
		SIM_TEST(test_gathered_pages_stay),
		SIM_TEST(test_rests_with_empty_pages),
		SIM_TEST(test_settles_after_shrinking),
		SIM_TEST(test_mapped_objects_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
