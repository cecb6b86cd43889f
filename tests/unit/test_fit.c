/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Fit across classes: when a hole of a larger class serves, and when not.
 */
#include "fit.h"
#include "object.h"
#include "sim_unit.h"

#define SMALL 2000u
#define LARGE 2064u /* another group, 3 % larger */

static unsigned long handles[2][400];

/* Objects of two sizes, enough for both groups to be split. */
static struct zs_pool *make_two_sizes(const struct world *world)
{
	struct zs_pool *pool;

	enter_world(world);
	pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	for (unsigned int i = 0; i < NR_OF(handles[0]); i++) {
		handles[0][i] = make_object(pool, SMALL);
		handles[1][i] = make_object(pool, LARGE);
	}
	return pool;
}

/* Frees every nth of the large objects but the first, so that holes remain, not empty pages. */
static unsigned int make_holes(struct zs_pool *pool, unsigned int every)
{
	unsigned int nr = 0;

	for (unsigned int i = 1; i < NR_OF(handles[1]); i += every, nr++)
		zs_free(pool, handles[1][i]);
	return nr;
}

static void test_holes_of_a_larger_class_serve(void **state)
{
	(void)state;
	for (unsigned int w = 0; w < 2; w++) {
		struct zs_pool *pool = make_two_sizes(&worlds[w]);
		unsigned int nr_holes = make_holes(pool, 3);
		unsigned long nr_pages = zs_pool_total_pages(pool);

		/* Alone the small class would grow by a page for two objects; it may until the share is looked at. */
		for (unsigned int i = 0; i < nr_holes * 3 / 4; i++)
			make_object(pool, SMALL);
		assert_true(zs_pool_total_pages(pool) <= nr_pages + nr_pages / 64 + 4);
		assert_true(nr_holes / 4 > nr_pages / 64 + 4);
		assert_int_equal(zs_pool_verify(pool), 0);
		zs_destroy_pool(pool);
	}
}

/* In a pool without idle memory a class grows by itself: a poor fit would stay for good. */
static void test_full_pool_keeps_to_its_classes(void **state)
{
	struct zs_pool *pool = make_two_sizes(&worlds[1]);
	unsigned int small = zs_size_class_index(SMALL, 12);

	(void)state;
	for (unsigned int i = 0; i < 8; i++)
		assert_true(zs_fit_last_class(pool, small) < zs_size_class_index(LARGE, 12));
	zs_destroy_pool(pool);
}

/* The share grows with what lies idle, up to a tenth, and is looked at anew before the pool has grown by much. */
static void test_limit_follows_idle_memory(void **state)
{
	struct zs_pool *pool = make_two_sizes(&worlds[1]);
	unsigned int small = zs_size_class_index(SMALL, 12);
	unsigned int before = zs_fit_last_class(pool, small), after = before;

	(void)state;
	make_holes(pool, 2);
	for (unsigned long i = 0; i <= zs_pool_total_pages(pool) / 64 + 4; i++)
		after = zs_fit_last_class(pool, small);
	assert_true(after > before);
	assert_true(zs_size_class_bytes(after) <= SMALL + SMALL / 10 + ZS_SLOT_STEP);
	zs_destroy_pool(pool);
}

/* A slot may be larger by half of the share that lies idle. */
static void test_half_of_what_lies_idle(void **state)
{
	struct zs_pool *pool = make_two_sizes(&worlds[1]);
	unsigned int small = zs_size_class_index(SMALL, 12), last = 0;
	struct zs_pool_stats stats;
	uint64_t page_bytes, most;

	(void)state;
	make_holes(pool, 20);
	for (unsigned long i = 0; i <= zs_pool_total_pages(pool) / 64 + 4; i++)
		last = zs_fit_last_class(pool, small);
	stats = stats_of(pool);
	page_bytes = stats.pages * ZS_PAGE_BYTES;
	most = SMALL + SMALL * (page_bytes - stats.slot_bytes) / (2 * page_bytes);
	assert_in_range(most, SMALL + ZS_SLOT_STEP, SMALL + SMALL / 20);
	assert_in_range(zs_size_class_bytes(last), most - 1, most + ZS_SLOT_STEP);
	zs_destroy_pool(pool);
}

static void test_limit_stays_within_the_pool(void **state)
{
	struct zs_pool *pool;

	(void)state;
	enter_scattered_world();
	pool = make_pool((struct zs_pool_options){ .max_object_size = 1000 }, NULL);
	assert_int_equal(zs_fit_last_class(pool, pool->nr_classes - 1), pool->nr_classes - 1);
	make_object(pool, 33); /* nearly all of the pool lies idle */
	for (unsigned int id = 0; id < pool->nr_classes; id++)
		assert_in_range(zs_fit_last_class(pool, id), id, pool->nr_classes - 1);
	zs_destroy_pool(pool);
}

/* In a pool so small that the last pages of its classes are most of it, a fit saves a page though nothing is loose. */
static void test_small_pool_uses_its_last_pages(void **state)
{
	struct zs_pool *pool;
	unsigned int id = zs_size_class_index(2000, 12);

	(void)state;
	enter_world(&worlds[1]);
	pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	make_object(pool, 2000);
	make_object(pool, 3000);
	assert_int_equal(zs_class_slack_pages(zs_pool_class(pool, zs_pool_serving_class(pool, 2000))), 0);
	for (unsigned int i = 0; i < 8; i++) /* until it is looked at anew */
		zs_fit_last_class(pool, id);
	assert_true(zs_fit_last_class(pool, id) > id + 2);
	zs_destroy_pool(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_small_pool_uses_its_last_pages), SIM_TEST(test_holes_of_a_larger_class_serve),
		SIM_TEST(test_full_pool_keeps_to_its_classes), SIM_TEST(test_limit_follows_idle_memory),
		SIM_TEST(test_half_of_what_lies_idle),         SIM_TEST(test_limit_stays_within_the_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
