/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Statistics: totals and class rows agree with what was done, and with each other.
 */
#include "compact.h"
#include "object.h"
#include "sim_unit.h"
#include "stats.h"

static void test_new_pool(void **state)
{
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	struct zs_totals totals;

	(void)state;
	memset(&totals, 0xff, sizeof(totals));
	zs_pool_totals(pool, &totals);
	assert_int_equal(totals.metadata_bytes, (zs_sim.nr_units + zs_sim.nr_table_units) * ZS_META_UNIT);
	totals.metadata_bytes = 0;
	for (unsigned int i = 0; i < sizeof(totals) / sizeof(uint64_t); i++)
		assert_int_equal(((uint64_t *)&totals)[i], 0);
	zs_destroy_pool(pool);
}

/* Each thing that is counted moves its own figure by one. */
static void test_each_figure(void **state)
{
	struct error_log log;
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, &log);
	unsigned long handle = make_object(pool, 4096);
	struct zs_totals totals;

	(void)state;
	assert_int_equal(zs_malloc(pool, 0, 0), 0);
	assert_int_equal(zs_malloc(pool, 5000, 0), 0);
	zs_pool_totals(pool, &totals);
	assert_int_equal(totals.objects, 1);
	assert_int_equal(totals.slot_bytes, 4096);
	assert_int_equal(totals.pages, 1);
	assert_int_equal(totals.failed_allocs, 0);
	assert_int_equal(totals.bad_handles, 0);
	assert_int_equal(zs_malloc(pool, 4096, ZS_NOGROW), 0);
	zs_map_object(pool, handle, ZS_MM_RO);
	zs_free(pool, handle);
	zs_unmap_object(pool, handle);
	zs_unmap_object(pool, handle);
	zs_free(pool, handle ^ 1);
	zs_pool_totals(pool, &totals);
	assert_int_equal(totals.objects, 1);
	assert_int_equal(totals.failed_allocs, 1);
	assert_int_equal(totals.bad_handles, 3);
	assert_int_equal(log.nr, 3);
	zs_destroy_pool(pool);
}

/* What the rows of all classes sum up to is what the totals say. */
static void test_rows_sum_up(void **state)
{
	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++) {
		struct zs_class_stats row;
		struct zs_totals totals, sum = { .objects = 0 };
		struct rng rng = { .state = 8 };
		struct zs_pool *pool;

		enter_world(world);
		pool = make_pool((struct zs_pool_options){ .max_object_size = 65536 }, NULL);
		for (unsigned int i = 0; i < 500; i++) {
			unsigned long handle = make_object(pool, 1 + rng_below(&rng, 10000));

			if (i % 3)
				zs_free(pool, handle);
		}
		zs_pool_totals(pool, &totals);
		for (unsigned int index = 0; index < zs_pool_nr_classes(pool); index++) {
			zs_pool_class_stats(pool, index, &row);
			sum.objects += row.objects;
			sum.slot_bytes += row.objects * row.size_bytes;
			sum.pages += row.pages;
		}
		assert_int_equal(totals.objects, 167);
		assert_int_equal(sum.objects, totals.objects);
		assert_int_equal(sum.slot_bytes, totals.slot_bytes);
		assert_int_equal(sum.pages, totals.pages);
		assert_int_equal(totals.metadata_bytes, (zs_sim.nr_units + zs_sim.nr_table_units) * ZS_META_UNIT);
		zs_destroy_pool(pool);
	}
}

static void test_row_of_a_class(void **state)
{
	unsigned int index = zs_size_class_index(1296, 12);
	unsigned long handles[3];
	struct zs_class_stats row;
	struct zs_pool *pool;

	(void)state;
	enter_scattered_world();
	pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	assert_int_equal(zs_pool_nr_classes(pool), zs_size_class_index(4096, 12) + 1);
	zs_pool_class_stats(pool, index, &row);
	assert_int_equal(row.size_bytes, 1296);
	assert_int_equal(row.chain_slots, row.chain_pages * 4096 / 1296);
	assert_int_equal(row.objects + row.holes + row.zspages + row.pages, 0);
	for (unsigned int i = 0; i < 3; i++)
		handles[i] = make_object(pool, 1296);
	zs_free(pool, handles[1]);
	zs_pool_class_stats(pool, index, &row);
	assert_int_equal(row.objects, 2);
	assert_int_equal(row.holes, 1); /* 3 whole slots to a page */
	assert_int_equal(row.zspages, 1);
	assert_int_equal(row.pages, 1);
	zs_destroy_pool(pool);
}

/* How full zspages are, and what compaction could give back: it does. */
static void test_fullness_and_slack(void **state)
{
	struct zs_budget unbounded = { .target_pages = 0 };
	unsigned long handles[400], nr_pages;
	struct zs_class_stats row;
	struct zs_pool *pool;
	unsigned int index;

	(void)state;
	enter_scattered_world();
	pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	for (unsigned int i = 0; i < NR_OF(handles); i++)
		handles[i] = make_object(pool, 1040);
	index = zs_pool_serving_class(pool, 1040);
	zs_pool_class_stats(pool, index, &row);
	assert_int_equal(row.almost_full + row.almost_empty, row.holes ? 1 : 0);
	assert_int_equal(row.freeable_pages, 0);
	assert_int_equal(zs_pool_slack_pages(pool), 0);
	/* One in eight of the first zspage goes, seven in eight of the others. */
	for (unsigned int i = 0; i < NR_OF(handles); i++)
		if ((i % 8 == 0) == (i < row.chain_slots))
			zs_free(pool, handles[i]);
	zs_pool_class_stats(pool, index, &row);
	assert_int_equal(row.almost_full, 1);
	assert_true(row.almost_empty >= 1);
	assert_true(row.almost_full + row.almost_empty <= row.zspages);
	assert_true(row.freeable_pages > 0);
	assert_int_equal(zs_pool_slack_pages(pool), row.freeable_pages);
	assert_int_equal(zs_pool_compact(pool, &unbounded, &nr_pages), 0);
	assert_int_equal(nr_pages, row.freeable_pages);
	assert_int_equal(zs_pool_slack_pages(pool), 0);
	zs_destroy_pool(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_new_pool),       SIM_TEST(test_each_figure),        SIM_TEST(test_rows_sum_up),
		SIM_TEST(test_row_of_a_class), SIM_TEST(test_fullness_and_slack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
