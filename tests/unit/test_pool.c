/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The pool as a whole: creation that fails cleanly, names, groups of classes, the limit, and totals.
 */
#include "object.h"
#include "pool.h"
#include "sim_unit.h"

/* Whichever call of the host fails, creating gives ENOMEM and leaves nothing. */
static void test_create_fails_cleanly(void **state)
{
	struct zs_pool_options options = { .size = sizeof(options), .max_object_size = 65536 };
	struct zs_pool *pool = NULL;
	unsigned int nr_failed = 0;

	(void)state;
	while (!pool && nr_failed < 10) {
		zs_sim.fail_at = zs_sim.nr_fallible_calls + nr_failed + 1;
		errno = 0;
		pool = zs_create_pool_with(&options);
		if (!pool) {
			nr_failed++;
			assert_int_equal(errno, ENOMEM);
			assert_true(zs_sim_is_clean());
		}
	}
	assert_int_equal(nr_failed, 3); /* the source, the pool's unit, the table of classes */
	zs_destroy_pool(pool);
}

static void test_name_is_copied_and_cut(void **state)
{
	char name[64] = "0123456789012345678901234567890123456789";
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .name = name }, NULL);

	(void)state;
	memset(name, 'x', sizeof(name));
	assert_string_equal(pool->name, "0123456789012345678901234567890");
	zs_destroy_pool(pool);
	pool = make_pool((struct zs_pool_options){ .name = "" }, NULL);
	assert_string_equal(pool->name, "");
	zs_destroy_pool(pool);
	pool = make_pool((struct zs_pool_options){ .name = NULL }, NULL);
	assert_string_equal(pool->name, "zsmalloc");
	zs_destroy_pool(pool);
}

/* There are classes up to the maximum and no further. */
static void test_number_of_classes(void **state)
{
	static const size_t sizes[] = { 1, 32, 33, 4032, 4033, 4096, 4097, 65536 };

	(void)state;
	for (unsigned int s = 0; s < NR_OF(sizes); s++) {
		struct zs_pool *pool = make_pool((struct zs_pool_options){ .max_object_size = sizes[s] }, NULL);

		assert_int_equal(pool->nr_classes, zs_size_class_index(sizes[s], 12) + 1);
		for (size_t size = 1; size <= sizes[s]; size++) {
			unsigned int id = zs_pool_serving_class(pool, size);

			assert_true(id < pool->nr_classes && zs_size_class_bytes(id) >= size);
		}
		zs_destroy_pool(pool);
	}
}

/* Makes objects of a size until another class serves it. Returns how many it took. */
static unsigned int objects_until_halved(struct zs_pool *pool, size_t size)
{
	unsigned int serving = zs_pool_serving_class(pool, size), nr = 0;

	while (zs_pool_serving_class(pool, size) == serving) {
		make_object(pool, size);
		nr++;
	}
	return nr;
}

/* Eight neighbours share their highest class until it holds 40 objects; then four, two, and each size has its own. */
static void test_groups_split_when_grown(void **state)
{
	static const unsigned int enough[] = { 40, 72, 144 };
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .max_object_size = 65536 }, NULL);
	unsigned int own = zs_size_class_index(1024, 12) & ~7u, nr;
	size_t size = zs_size_class_bytes(own);

	(void)state;
	assert_int_equal(zs_pool_serving_class(pool, size + 7 * 16), own + 7);
	for (unsigned int i = 0; i < NR_OF(enough); i++) {
		unsigned int top = own + (7u >> i);

		assert_int_equal(zs_pool_serving_class(pool, size), top);
		assert_null(zs_pool_class(pool, own + (7u >> (i + 1))));
		nr = objects_until_halved(pool, size);
		/* It fills its last page first, of which it has fewer than five slots. */
		assert_in_range(nr, enough[i] - (i != 0), enough[i] + 5);
	}
	assert_int_equal(zs_pool_class(pool, own)->nr_live, 1);
	/* Who comes late, after another thread has halved the group for the last time, changes nothing. */
	zs_pool_consider_split(pool, zs_pool_class(pool, own));
	assert_int_equal(zs_pool_serving_class(pool, size), own);
	assert_int_equal(zs_pool_serving_class(pool, size + 1), own + 1);
	assert_int_equal(zs_pool_serving_class(pool, size + 2 * 16), own + 3);
	assert_int_equal(zs_pool_serving_class(pool, size + 4 * 16), own + 7);
	assert_int_equal(zs_pool_serving_class(pool, size - 16), own - 1); /* another group's highest */
	assert_int_equal(zs_pool_serving_class(pool, size - 32), own - 1);
	assert_int_equal(zs_pool_verify(pool), 0);
	zs_destroy_pool(pool);
}

/* Of a group that was split, the holes of its highest class go on to serve all its sizes when nothing else is left. */
static void test_holes_of_a_group_serve_after_its_split(void **state)
{
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	unsigned int own = zs_size_class_index(1024, 12) & ~3u;
	size_t size = zs_size_class_bytes(own);
	unsigned long first = make_object(pool, size);

	(void)state;
	while (zs_pool_serving_class(pool, size) != own)
		make_object(pool, size);
	while (zs_malloc(pool, size, ZS_NOGROW))
		;
	zs_free(pool, first);
	assert_int_not_equal(zs_malloc(pool, size, ZS_NOGROW), 0);
	assert_int_equal(zs_pool_verify(pool), 0);
	zs_destroy_pool(pool);
}

/* Sizes as large as a page, and larger, never share. */
static void test_large_sizes_do_not_share(void **state)
{
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .max_object_size = 65536 }, NULL);

	(void)state;
	for (size_t size = 4033; size <= 65536; size++)
		assert_int_equal(zs_pool_serving_class(pool, size), zs_size_class_index(size, 12));
	assert_int_equal(zs_size_class_bytes(zs_pool_serving_class(pool, 4020)), 4032);
	zs_destroy_pool(pool);
}

static void test_class_is_made_once(void **state)
{
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	struct zs_class *class = zs_pool_ensure_class(pool, 7, 0);

	(void)state;
	assert_non_null(class);
	assert_ptr_equal(zs_pool_ensure_class(pool, 7, 0), class);
	assert_ptr_equal(zs_pool_class(pool, 7), class);
	assert_null(zs_pool_class(pool, 8));
	assert_int_equal(class->layout.slot_bytes, zs_size_class_bytes(7));
	zs_destroy_pool(pool);
}

static void test_reports_count_and_tell(void **state)
{
	struct error_log log;
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, &log);

	(void)state;
	assert_int_equal(zs_pool_report(pool, EBUSY, "a sentence"), -EBUSY);
	assert_string_equal(log.what, "a sentence");
	assert_error(&log, EBUSY);
	assert_int_equal(stats_of(pool).bad_handles, 1);
	zs_destroy_pool(pool);
}

/* The total is what the host has handed out, at any time. */
static void test_total_is_what_the_host_gave(void **state)
{
	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++) {
		struct rng rng = { .state = 5 };
		unsigned long handles[300];
		struct zs_pool *pool;

		enter_world(world);
		pool = make_pool((struct zs_pool_options){ .max_object_size = 65536 }, NULL);
		for (unsigned int i = 0; i < NR_OF(handles); i++) {
			handles[i] = make_object(pool, 1 + rng_below(&rng, 20000));
			assert_int_equal(zs_pool_total_pages(pool), zs_sim.nr_pages);
			assert_int_equal(zs_pool_total_bytes(pool),
					 (zs_sim.nr_pages << world->page_shift) +
						 (zs_sim.nr_units + zs_sim.nr_table_units) * ZS_META_UNIT);
		}
		zs_free_bulk(pool, handles, NR_OF(handles));
		assert_int_equal(zs_pool_total_bytes(pool),
				 (zs_sim.nr_pages << world->page_shift) +
					 (zs_sim.nr_units + zs_sim.nr_table_units) * ZS_META_UNIT);
		zs_destroy_pool(pool);
	}
}

/* An allocation at the limit first gives back the empty pages that other classes keep. */
static void test_empties_go_before_enomem(void **state)
{
	unsigned long handles[300];
	struct zs_pool *pool;

	(void)state;
	zs_sim.page_budget = 300;
	pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	for (unsigned int i = 0; i < NR_OF(handles); i++)
		handles[i] = make_object(pool, 4096);
	zs_free(pool, handles[100]);
	zs_free(pool, handles[200]);
	assert_int_equal(zs_sim.nr_pages, 300);
	assert_int_equal(zs_malloc(pool, 1000, ZS_NOGROW), 0);
	assert_int_equal(zs_sim.nr_pages, 300);
	make_object(pool, 1000);
	assert_in_range(zs_sim.nr_pages, 299, 300);
	make_object(pool, 2000);
	assert_int_equal(zs_malloc(pool, 4096, 0), 0);
	assert_int_equal(errno, ENOMEM);
	zs_destroy_pool(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_create_fails_cleanly),
		SIM_TEST(test_name_is_copied_and_cut),
		SIM_TEST(test_number_of_classes),
		SIM_TEST(test_groups_split_when_grown),
		SIM_TEST(test_holes_of_a_group_serve_after_its_split),
		SIM_TEST(test_large_sizes_do_not_share),
		SIM_TEST(test_class_is_made_once),
		SIM_TEST(test_reports_count_and_tell),
		SIM_TEST(test_total_is_what_the_host_gave),
		SIM_TEST(test_empties_go_before_enomem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
