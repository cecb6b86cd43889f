/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Buffers for copies of mapped objects: where they come from, what they are charged, and their lists.
 */
#include "buffer.h"
#include "pool.h"
#include "sim_unit.h"

static struct zs_pool *bench_pool(uint64_t limit_bytes)
{
	return make_pool((struct zs_pool_options){ .max_object_size = 65536, .limit_bytes = limit_bytes }, NULL);
}

static void test_small_ones_are_metadata(void **state)
{
	struct zs_pool *pool = bench_pool(0);
	struct zs_buffer *buffer = zs_buffer_create(&pool->memory, 1000);

	(void)state;
	assert_non_null(buffer);
	assert_int_equal(buffer->size_bytes, 1000);
	assert_int_equal((uintptr_t)buffer->data % 16, 0);
	assert_int_equal(zs_sim.nr_buffers, 0);
	assert_null(buffer->next);
	memset(buffer->data, 0xff, 1000);
	zs_buffer_destroy_list(&pool->memory, buffer);
	zs_destroy_pool(pool);
}

/* The largest that fits a metadata unit, and one byte more. */
static void test_border_between_heap_and_host(void **state)
{
	const uint32_t largest = ZS_META_UNIT - sizeof(struct zs_buffer);
	struct zs_pool *pool = bench_pool(0);
	struct zs_buffer *buffer = zs_buffer_create(&pool->memory, largest);

	(void)state;
	assert_int_equal(zs_sim.nr_buffers, 0);
	memset(buffer->data, 0xff, largest);
	zs_buffer_destroy_list(&pool->memory, buffer);
	buffer = zs_buffer_create(&pool->memory, largest + 1);
	assert_int_equal(zs_sim.nr_buffers, 1);
	memset(buffer->data, 0xff, largest + 1);
	zs_buffer_destroy_list(&pool->memory, buffer);
	zs_destroy_pool(pool);
}

static void test_large_ones_are_charged(void **state)
{
	struct zs_pool *pool = bench_pool(0);
	unsigned long before = zs_footprint_blocks(&pool->memory.footprint);
	struct zs_buffer *buffer = zs_buffer_create(&pool->memory, 65536);

	(void)state;
	assert_non_null(buffer);
	assert_int_equal((uintptr_t)buffer->data % 16, 0);
	assert_int_equal(zs_footprint_blocks(&pool->memory.footprint), before + 17);
	zs_buffer_destroy_list(&pool->memory, buffer);
	assert_int_equal(zs_footprint_blocks(&pool->memory.footprint), before);
	assert_int_equal(zs_sim.nr_buffers, 0);
	zs_destroy_pool(pool);
}

static void test_failure_leaves_nothing(void **state)
{
	struct zs_pool *pool = bench_pool(1ul << 16);
	unsigned long before = zs_footprint_blocks(&pool->memory.footprint);

	(void)state;
	assert_null(zs_buffer_create(&pool->memory, 65536)); /* the limit */
	assert_int_equal(zs_footprint_blocks(&pool->memory.footprint), before);
	zs_sim.fail_at = zs_sim.nr_fallible_calls + 1;
	assert_null(zs_buffer_create(&pool->memory, 8192)); /* the host */
	assert_int_equal(zs_footprint_blocks(&pool->memory.footprint), before);
	zs_sim.fail_at = zs_sim.nr_fallible_calls + 1;
	assert_null(zs_buffer_create(&pool->memory, 3000)); /* the heap */
	assert_int_equal(zs_footprint_blocks(&pool->memory.footprint), before);
	zs_destroy_pool(pool);
}

static void test_lists(void **state)
{
	struct zs_pool *pool = bench_pool(0);
	struct zs_buffer *list = NULL, *all[3];

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		all[i] = zs_buffer_create(&pool->memory, i == 1 ? 9000 : 100);
		all[i]->slot = 10 + i;
		all[i]->next = list;
		list = all[i];
	}
	assert_ptr_equal(zs_buffer_find(list, 10), all[0]);
	assert_ptr_equal(zs_buffer_find(list, 12), all[2]);
	assert_null(zs_buffer_find(list, 13));
	assert_null(zs_buffer_find(NULL, 10));
	zs_buffer_unlink(&list, all[1]);
	assert_null(all[1]->next);
	assert_null(zs_buffer_find(list, 11));
	assert_ptr_equal(zs_buffer_find(list, 10), all[0]);
	zs_buffer_unlink(&list, all[2]);
	assert_ptr_equal(list, all[0]);
	all[0]->next = all[1];
	all[1]->next = all[2];
	zs_buffer_destroy_list(&pool->memory, all[0]);
	zs_buffer_destroy_list(&pool->memory, NULL);
	assert_int_equal(zs_sim.nr_buffers, 0);
	zs_destroy_pool(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_small_ones_are_metadata),
		SIM_TEST(test_border_between_heap_and_host),
		SIM_TEST(test_large_ones_are_charged),
		SIM_TEST(test_failure_leaves_nothing),
		SIM_TEST(test_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
