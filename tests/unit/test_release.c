/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What goes back, when, and how much at once.
 */
#include "class_unit.h"
#include "release.h"

/* A contiguous pool keeps a small share of empty pages, a scattered one none. */
static void test_empty_pages_within_allowance_stay(void **state)
{
	(void)state;
	for (unsigned int w = 0; w < 2; w++) {
		unsigned long handles[400], pages;
		struct zs_pool *pool;

		enter_world(&worlds[w]);
		pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
		for (unsigned int i = 0; i < NR_OF(handles); i++)
			handles[i] = make_object(pool, 4096);
		assert_int_equal(zs_get_total_pages(pool), 400);
		for (unsigned int i = 0; i < 3; i++)
			zs_free(pool, handles[i * 70]);
		assert_int_equal(zs_get_total_pages(pool), worlds[w].contiguous ? 400 : 397);
		zs_free(pool, handles[211]);
		assert_in_range(zs_get_total_pages(pool), 396, worlds[w].contiguous ? 399 : 396);
		pages = zs_get_total_pages(pool);
		assert_int_equal(zs_pool_trim(pool, 0), pages - 396);
		assert_int_equal(zs_get_total_pages(pool), 396);
		assert_int_equal(zs_host_load_long(&pool->memory.nr_empty), 0);
		assert_int_equal(zs_sim.nr_pages, 396);
		zs_destroy_pool(pool);
	}
}

/* What is kept stays a share of what the pool holds, also when the pool shrinks. */
static void test_allowance_shrinks_with_the_pool(void **state)
{
	static unsigned long handles[6400];
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	unsigned long pages;

	(void)state;
	for (unsigned int i = 0; i < NR_OF(handles); i++)
		handles[i] = make_object(pool, i % 2 ? 4096 : 2048);
	for (unsigned int i = 0; i < NR_OF(handles); i++)
		zs_free(pool, handles[i]);
	pages = zs_get_total_pages(pool);
	assert_int_equal(stats_of(pool).objects, 0);
	assert_true(pages <= 1);
	zs_destroy_pool(pool);
}

/* Pages of several classes go back by one call, as many as were asked for. */
static void test_classes_depart_together(void **state)
{
	static unsigned long handles[2][2000];
	struct zs_pool *pool;
	uint64_t calls;

	(void)state;
	enter_world(&worlds[0]);
	assert_true(worlds[0].contiguous);
	pool = make_pool((struct zs_pool_options){ .max_object_size = 65536 }, NULL);
	for (unsigned int i = 0; i < NR_OF(handles[0]); i++)
		for (unsigned int k = 0; k < 2; k++)
			handles[k][i] = make_object(pool, 4096u << k);
	zs_pool_trim(pool, 0); /* what was populated ahead */
	calls = zs_sim.nr_return_calls;
	for (unsigned int i = 0; i < 10; i++)
		for (unsigned int k = 0; k < 2; k++)
			zs_free(pool, handles[k][i * 150]);
	assert_int_equal(zs_host_load_long(&pool->memory.nr_empty), 30);
	assert_int_equal(zs_sim.nr_return_calls, calls);
	assert_int_equal(zs_pool_release_some(pool, zs_size_class_index(8192, 12), 25), 25);
	assert_int_equal(zs_sim.nr_return_calls, calls + 1);
	assert_int_equal(zs_host_load_long(&pool->memory.nr_empty), 5);
	assert_int_equal(zs_pool_class(pool, zs_size_class_index(8192, 12))->nr_empty, 0);
	assert_int_equal(zs_pool_verify(pool), 0);
	assert_int_equal(zs_pool_release_some(pool, 0, 64), 5);
	assert_int_equal(zs_pool_release_some(pool, 0, 64), 0);
	assert_int_equal(zs_sim.nr_return_calls, calls + 2);
	zs_destroy_pool(pool);
}

/* At the end what is contiguous goes back many zspages at a time, whatever lives there. */
static void test_all_goes_at_once(void **state)
{
	struct zs_pool *pool;
	struct zs_class *class;
	uint64_t calls;

	(void)state;
	enter_world(&worlds[0]);
	pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	class = class_of(pool, 4096);
	for (unsigned int i = 0; i < ZS_MAX_CHAIN * ZS_HOST_RANGES / 2; i++)
		make_object(pool, 4096);
	assert_in_range(class->zspages.nr_zspages, ZS_HOST_RANGES / 2, ZS_HOST_RANGES);
	calls = zs_sim.nr_return_calls;
	zs_release_all(class);
	assert_int_equal(zs_sim.nr_return_calls, calls + 1);
	assert_int_equal(class->nr_pages + class->nr_empty + zs_host_load_long(&pool->memory.nr_empty), 0);
	assert_int_equal(zs_sim.nr_pages, 0);
	assert_int_equal(zs_sim.nr_spans, 0);
	zs_destroy_pool(pool);
}

/* What one thread does between the two halves of a free: the object dies, its page begins its way back. */
static void free_first_half(struct zs_class *class, unsigned long handle, struct zs_release *release)
{
	struct zs_cell *cell = zs_handle_cell(class->handles, zs_handle_index(handle));
	struct zs_spot spot;
	uint64_t emptied;

	zs_host_lock(&class->lock);
	spot = zs_class_spot(class, cell);
	zs_host_store32(&cell->state, ((zs_host_load32(&cell->state) + 1) & ZS_GENERATION_MASK) | ZS_CELL_FREE);
	emptied = zs_class_put_slot(class, spot);
	assert_int_not_equal(emptied, 0);
	zs_release_begin(release, class, spot.zspage, emptied);
	zs_host_unlock(&class->lock);
}

static void outlive_zspage(void *arg)
{
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	struct zs_class *class = class_of(pool, 4096);
	unsigned long ours = make_object(pool, 4096), theirs = make_object(pool, 4096);
	size_t bytes = zs_zspage_bytes(&class->layout, false);
	struct zs_release release;
	void *reused;

	(void)arg;
	free_first_half(class, ours, &release);
	/* Another thread frees the zspage's last object, and a third gets its descriptor's memory. */
	zs_free(pool, theirs);
	reused = zs_meta_alloc(&pool->memory.meta, bytes, 0);
	memset(reused, 0xff, bytes);
	zs_release_finish(&release, class, NULL, 0);
	zs_meta_free(&pool->memory.meta, reused, bytes);
	zs_destroy_pool(pool);
	_exit(zs_sim_is_clean() ? 0 : 1);
}

/* The second half of giving pages back must not look at a zspage that may be gone by then. */
static void test_release_outlives_zspage(void **state)
{
	char text[512];

	(void)state;
	enter_scattered_world();
	assert_int_equal(run_child(outlive_zspage, NULL, text, sizeof(text)), 0);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_empty_pages_within_allowance_stay), SIM_TEST(test_allowance_shrinks_with_the_pool),
		SIM_TEST(test_classes_depart_together),           SIM_TEST(test_all_goes_at_once),
		SIM_TEST(test_release_outlives_zspage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
