/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The metadata heap: blocks are zeroed, apart and reused, units go back, and failure leaves nothing behind.
 */
#include "meta.h"
#include "sim_unit.h"

#define OWNER_BYTES 200u

static void *get(struct heap *heap, size_t size_bytes)
{
	void *block = zs_meta_alloc(&heap->meta, size_bytes, 0);

	assert_non_null(block);
	assert_int_equal((uintptr_t)block % ZS_META_GRAIN, 0);
	return block;
}

static void assert_zeroed(const void *block, size_t size_bytes)
{
	const unsigned char *bytes = block;

	for (size_t i = 0; i < size_bytes; i++)
		assert_int_equal(bytes[i], 0);
}

/* The owner's part of the first unit is not handed out; the rest of it is. */
static void test_first_unit_is_shared(void **state)
{
	size_t room = ZS_META_UNIT - ZS_META_GRAIN - (OWNER_BYTES + ZS_META_GRAIN - 1) / ZS_META_GRAIN * ZS_META_GRAIN;
	struct heap heap;
	size_t nr = 0;

	(void)state;
	heap_create(&heap, OWNER_BYTES);
	memset((char *)heap.unit + ZS_META_GRAIN, 0x11, OWNER_BYTES);
	for (; room >= ZS_META_GRAIN; room -= ZS_META_GRAIN, nr++)
		memset(get(&heap, 20), 0xff, 20);
	assert_true(nr > 50);
	assert_int_equal(zs_sim.nr_units, 1);
	for (size_t i = 0; i < OWNER_BYTES; i++)
		assert_int_equal(((char *)heap.unit)[ZS_META_GRAIN + i], 0x11);
	zs_meta_free(&heap.meta, get(&heap, 20), 20);
	assert_int_equal(zs_sim.nr_units, 2);
	assert_int_equal(zs_footprint_blocks(&heap.footprint), 2);
	heap_destroy(&heap);
}

/* A freed block is used again, and is zeroed again. */
static void test_blocks_are_reused_and_zeroed(void **state)
{
	struct heap heap;
	char *first, *again;

	(void)state;
	heap_create(&heap, OWNER_BYTES);
	first = get(&heap, 100);
	assert_zeroed(first, 128);
	memset(first, 0xff, 128);
	zs_meta_free(&heap.meta, first, 100);
	again = get(&heap, 128);
	assert_ptr_equal(again, first);
	assert_zeroed(again, 128);
	zs_meta_free(&heap.meta, again, 128);
	heap_destroy(&heap);
}

/* A larger free block serves a smaller request, and its rest the next ones. */
static void test_larger_blocks_are_split(void **state)
{
	struct heap heap;
	char *large, *parts[3];

	(void)state;
	heap_create(&heap, OWNER_BYTES);
	large = get(&heap, 3 * ZS_META_GRAIN);
	zs_meta_free(&heap.meta, large, 3 * ZS_META_GRAIN);
	for (unsigned int i = 0; i < 3; i++) {
		parts[i] = get(&heap, ZS_META_GRAIN);
		assert_ptr_equal(parts[i], large + i * ZS_META_GRAIN);
	}
	for (unsigned int i = 0; i < 3; i++)
		zs_meta_free(&heap.meta, parts[i], ZS_META_GRAIN);
	heap_destroy(&heap);
}

/* A block above half a unit has a unit of its own, which goes back with it. */
static void test_large_blocks_have_units(void **state)
{
	struct heap heap;
	char *shared, *own, *whole;

	(void)state;
	heap_create(&heap, OWNER_BYTES);
	shared = get(&heap, ZS_META_SHARED_MAX);
	assert_int_equal(zs_sim.nr_units, 1);
	own = get(&heap, ZS_META_SHARED_MAX + 1);
	whole = get(&heap, ZS_META_UNIT);
	assert_int_equal(zs_sim.nr_units, 3);
	assert_int_equal((uintptr_t)own % ZS_META_UNIT, 0);
	assert_zeroed(whole, ZS_META_UNIT);
	memset(whole, 1, ZS_META_UNIT);
	zs_meta_free(&heap.meta, own, ZS_META_SHARED_MAX + 1);
	zs_meta_free(&heap.meta, whole, ZS_META_UNIT);
	assert_int_equal(zs_sim.nr_units, 1);
	zs_meta_free(&heap.meta, shared, ZS_META_SHARED_MAX);
	heap_destroy(&heap);
}

/* A shared unit goes back when its last block is freed, but for the one that is open. */
static void test_empty_units_go_back(void **state)
{
	char *blocks[64];
	struct heap heap;

	(void)state;
	heap_create(&heap, OWNER_BYTES);
	for (unsigned int i = 0; i < NR_OF(blocks); i++)
		blocks[i] = get(&heap, 1000);
	assert_in_range(zs_sim.nr_units, 16, 23); /* three or four blocks a unit */
	for (unsigned int i = 0; i < NR_OF(blocks); i++)
		zs_meta_free(&heap.meta, blocks[i], 1000);
	assert_in_range(zs_sim.nr_units, 1, 2);
	assert_int_equal(zs_footprint_blocks(&heap.footprint), zs_sim.nr_units);
	zs_meta_free(&heap.meta, NULL, 1000);
	heap_destroy(&heap);
}

static void test_failure_charges_nothing(void **state)
{
	struct heap heap;

	(void)state;
	heap_create(&heap, OWNER_BYTES);
	zs_sim.fail_at = zs_sim.nr_fallible_calls + 1;
	zs_sim.fail_after = true;
	assert_null(zs_meta_alloc(&heap.meta, ZS_META_UNIT, 0));
	for (void *block = &heap; block;)
		block = zs_meta_alloc(&heap.meta, 2048, 0); /* stays: the heap goes with it */
	assert_int_equal(zs_footprint_blocks(&heap.footprint), 1);
	assert_int_equal(zs_sim.nr_units, 1);
	heap_destroy(&heap);
}

/* At the limit the host is not even asked. */
static void test_limit_is_kept(void **state)
{
	struct heap heap;
	uint64_t calls;
	char *block;

	(void)state;
	heap_create(&heap, OWNER_BYTES);
	heap.footprint.limit_blocks = 2 + zs_footprint_overhead(&heap.footprint);
	block = get(&heap, ZS_META_UNIT);
	calls = zs_sim.nr_fallible_calls;
	assert_null(zs_meta_alloc(&heap.meta, ZS_META_UNIT, 0));
	assert_int_equal(zs_sim.nr_fallible_calls, calls);
	assert_int_equal(zs_footprint_blocks(&heap.footprint), 2);
	zs_meta_free(&heap.meta, block, ZS_META_UNIT);
	heap_destroy(&heap);
}

struct block {
	unsigned char *at;
	uint32_t size_bytes;
	unsigned char colour;
};

static void block_free(struct heap *heap, struct block *block)
{
	for (uint32_t i = 0; block->at && i < block->size_bytes; i++)
		assert_int_equal(block->at[i], block->colour);
	zs_meta_free(&heap->meta, block->at, block->size_bytes);
	block->at = NULL;
}

static void block_alloc(struct heap *heap, struct block *block, struct rng *rng)
{
	block->size_bytes = 1 + rng_below(rng, rng_below(rng, 4) ? 600 : ZS_META_UNIT);
	block->colour = (unsigned char)rng_next(rng);
	block->at = get(heap, block->size_bytes);
	assert_zeroed(block->at, block->size_bytes);
	memset(block->at, block->colour, block->size_bytes);
}

/* In random order no two blocks overlap and every unit comes back. */
static void test_random_order(void **state)
{
	struct block blocks[200] = { { .at = NULL } };
	struct rng rng = { .state = 7 };
	struct heap heap;

	(void)state;
	heap_create(&heap, OWNER_BYTES);
	for (unsigned int step = 0; step < 20000; step++) {
		struct block *block = &blocks[rng_below(&rng, NR_OF(blocks))];

		if (block->at)
			block_free(&heap, block);
		else
			block_alloc(&heap, block, &rng);
		assert_int_equal(zs_footprint_blocks(&heap.footprint), zs_sim.nr_units);
	}
	for (unsigned int i = 0; i < NR_OF(blocks); i++)
		block_free(&heap, &blocks[i]);
	assert_in_range(zs_sim.nr_units, 1, 2);
	heap_destroy(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_first_unit_is_shared),    SIM_TEST(test_blocks_are_reused_and_zeroed),
		SIM_TEST(test_larger_blocks_are_split), SIM_TEST(test_large_blocks_have_units),
		SIM_TEST(test_empty_units_go_back),     SIM_TEST(test_failure_charges_nothing),
		SIM_TEST(test_limit_is_kept),           SIM_TEST(test_random_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
