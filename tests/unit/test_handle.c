/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Handles and cells: what a handle looks like, who owns a cell, and what is no handle at all.
 */
#include "handle.h"
#include "sim_unit.h"

struct bench {
	struct heap heap;
	struct zs_handle_table table;
};

static void bench_create(struct bench *b)
{
	heap_create(&b->heap, 100);
	zs_handle_table_init(&b->table, &b->heap.meta, 0x12345678);
}

static void bench_destroy(struct bench *b)
{
	zs_handle_table_release(&b->table);
	heap_destroy(&b->heap);
}

static uint32_t add_chunk(struct bench *b, unsigned int class_id)
{
	uint32_t first = 0;

	assert_int_equal(zs_handle_table_add_chunk(&b->table, class_id, 0, &first), 0);
	assert_int_not_equal(first, 0);
	return first;
}

/* A chunk is a list of free cells in order; the leaf's header takes the first eight. */
static void test_chunks_are_lists(void **state)
{
	struct bench b;

	(void)state;
	bench_create(&b);
	for (unsigned int chunk = 0; chunk < 2 * ZS_LEAF_CHUNKS + 1; chunk++) {
		unsigned int header = chunk % ZS_LEAF_CHUNKS ? 0 : ZS_LEAF_HEADER_CELLS;
		uint32_t index = add_chunk(&b, chunk);
		unsigned int nr = 0;

		assert_int_equal(index, chunk * ZS_CHUNK_CELLS + header);
		for (; index; nr++) {
			struct zs_cell *cell = zs_handle_cell(&b.table, index);

			assert_int_equal(zs_host_load32(&cell->state) & ~ZS_CELL_GENERATION, 0);
			assert_true(!zs_host_load32(&cell->place) || zs_host_load32(&cell->place) == index + 1);
			index = zs_host_load32(&cell->place);
		}
		assert_int_equal(nr, ZS_CHUNK_CELLS - header);
	}
	bench_destroy(&b);
}

static void test_owner_is_found(void **state)
{
	struct bench b;

	(void)state;
	bench_create(&b);
	for (unsigned int chunk = 0; chunk < 40; chunk++) {
		uint32_t index = add_chunk(&b, 500 - chunk);
		struct zs_cell *cell = NULL;
		unsigned int class_id = 0;

		assert_true(zs_handle_find(&b.table, zs_handle_make(index, 7), &cell, &class_id));
		assert_int_equal(class_id, 500 - chunk);
		assert_ptr_equal(cell, zs_handle_cell(&b.table, index));
	}
	bench_destroy(&b);
}

/* Cells that nobody owns, headers, leaves that do not exist, and numbers that are too large. */
static void test_bad_indexes_are_not_found(void **state)
{
	static const unsigned long indexes[] = {
		0, 1, ZS_LEAF_HEADER_CELLS - 1, ZS_CHUNK_CELLS, ZS_LEAF_CELLS, 1u << 17, 1u << 25, ZS_MAX_CELL_INDEX
	};
	struct zs_cell *cell;
	unsigned int class_id;
	struct bench b;

	(void)state;
	bench_create(&b);
	for (unsigned int i = 0; i < NR_OF(indexes); i++)
		assert_false(zs_handle_find(&b.table, indexes[i] << ZS_GENERATION_BITS, &cell, &class_id));
	add_chunk(&b, 3);
	for (unsigned int i = 0; i < NR_OF(indexes); i++)
		assert_false(zs_handle_find(&b.table, indexes[i] << ZS_GENERATION_BITS, &cell, &class_id));
	assert_false(zs_handle_find(&b.table, ~0ul, &cell, &class_id));
	assert_false(zs_handle_find(&b.table, -(unsigned long)EINVAL, &cell, &class_id));
	if (sizeof(long) == 8) /* a bit above the index, which must not be cut off */
		assert_false(zs_handle_find(&b.table, 1ul << 63 | zs_handle_make(8, 0), &cell, &class_id));
	assert_true(zs_handle_find(&b.table, zs_handle_make(8, 0), &cell, &class_id));
	bench_destroy(&b);
}

/* Even the first and the last handle are neither 0 nor an error pointer, and fit 48 bits. */
static void test_handles_look_right(void **state)
{
	unsigned long least = zs_handle_make(ZS_LEAF_HEADER_CELLS, 0);
	unsigned long most = zs_handle_make(ZS_MAX_CELL_INDEX - 1, ~0u);

	(void)state;
	assert_true(least > 0);
	assert_true(most < (unsigned long)-4095l);
	if (sizeof(long) == 8)
		assert_int_equal((uint64_t)most >> 48, 0);
	assert_int_equal(zs_handle_index(most), ZS_MAX_CELL_INDEX - 1);
	assert_int_equal(zs_handle_index(least), ZS_LEAF_HEADER_CELLS);
}

static void test_matching(void **state)
{
	unsigned long handle = zs_handle_make(77, 0x1234);
	uint32_t live = 0x1234 | ZS_CELL_LIVE;

	(void)state;
	assert_true(zs_handle_matches(handle, live));
	assert_true(zs_handle_matches(handle, live | ZS_CELL_MOVING | 5 * ZS_CELL_PIN));
	assert_false(zs_handle_matches(handle, 0x1234));
	for (unsigned int bit = 0; bit < ZS_GENERATION_BITS; bit++)
		assert_false(zs_handle_matches(handle, live ^ 1u << bit));
	assert_int_equal(zs_cell_pins(live | ZS_CELL_MOVING), 0);
	assert_int_equal(zs_cell_pins(live + 5 * ZS_CELL_PIN), 5);
	assert_true(zs_cell_pins(~0u) > ZS_CELL_MAX_PINS);
}

/* First generations differ from cell to cell and from pool to pool. */
static void test_first_generations_vary(void **state)
{
	unsigned int same_as_next = 0, same_as_other = 0, nr = 0;
	struct bench a, b;

	(void)state;
	bench_create(&a);
	bench_create(&b);
	b.table.salt = a.table.salt + 1;
	for (unsigned int chunk = 0; chunk < 64; chunk++) {
		uint32_t index = add_chunk(&a, 1);

		assert_int_equal(add_chunk(&b, 1), index);
		for (; index % ZS_CHUNK_CELLS != ZS_CHUNK_CELLS - 1; index++, nr++) {
			uint32_t mine = zs_host_load32(&zs_handle_cell(&a.table, index)->state);

			same_as_next += mine == zs_host_load32(&zs_handle_cell(&a.table, index + 1)->state);
			same_as_other += mine == zs_host_load32(&zs_handle_cell(&b.table, index)->state);
		}
	}
	assert_true(nr > 900);
	assert_true(same_as_next <= 3 && same_as_other <= 3);
	bench_destroy(&b);
	bench_destroy(&a);
}

/* Without memory for a node or a leaf no number is lost. */
static void test_failure_loses_no_chunk(void **state)
{
	struct bench b;
	uint32_t first = 99;

	(void)state;
	bench_create(&b);
	zs_sim.fail_after = true;
	for (unsigned int nr_spare = 0; nr_spare < 3; nr_spare++) {
		zs_sim.fail_at = zs_sim.nr_fallible_calls + 1 + nr_spare;
		assert_int_equal(zs_handle_table_add_chunk(&b.table, 1, 0, &first), nr_spare < 2 ? -ENOMEM : 0);
	}
	assert_int_equal(first, ZS_LEAF_HEADER_CELLS);
	zs_sim.fail_at = zs_sim.nr_fallible_calls + 1;
	for (unsigned int chunk = 1; chunk < ZS_LEAF_CHUNKS; chunk++)
		assert_int_equal(add_chunk(&b, 1), chunk * ZS_CHUNK_CELLS);
	assert_int_equal(zs_handle_table_add_chunk(&b.table, 1, 0, &first), -ENOMEM);
	zs_sim.fail_at = 0;
	assert_int_equal(add_chunk(&b, 1), ZS_LEAF_CELLS + ZS_LEAF_HEADER_CELLS);
	bench_destroy(&b);
}

/* Beyond 256 leaves a second node is taken, and all goes back. */
static void test_many_leaves(void **state)
{
	const uint32_t nr_chunks = (ZS_LEAF_CHUNKS << ZS_NODE_SHIFT) + 1;
	struct zs_cell *cell;
	unsigned int class_id;
	struct bench b;
	uint32_t last = 0;

	(void)state;
	bench_create(&b);
	for (uint32_t chunk = 0; chunk < nr_chunks; chunk++)
		last = add_chunk(&b, chunk % ZS_MAX_CLASSES);
	assert_int_equal(last >> ZS_LEAF_SHIFT, 1u << ZS_NODE_SHIFT);
	for (uint32_t chunk = 0; chunk < nr_chunks; chunk += 37) {
		assert_true(zs_handle_find(&b.table, zs_handle_make(chunk * ZS_CHUNK_CELLS + 9, 0), &cell, &class_id));
		assert_int_equal(class_id, chunk % ZS_MAX_CLASSES);
	}
	bench_destroy(&b);
}

/* The numbers end before their handles would look like errors. */
static void test_numbers_end(void **state)
{
	struct bench b;
	uint32_t first;

	(void)state;
	bench_create(&b);
	zs_host_store32(&b.table.next_chunk, (ZS_MAX_CELL_INDEX >> ZS_CHUNK_SHIFT) - 1);
	first = add_chunk(&b, 1);
	assert_true(zs_handle_make(first + ZS_CHUNK_CELLS - 1, ~0u) < (unsigned long)-4095l);
	assert_int_equal(zs_handle_table_add_chunk(&b.table, 1, 0, &first), -ENOMEM);
	bench_destroy(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_chunks_are_lists),
		SIM_TEST(test_owner_is_found),
		SIM_TEST(test_bad_indexes_are_not_found),
		SIM_TEST(test_handles_look_right),
		SIM_TEST(test_matching),
		SIM_TEST(test_first_generations_vary),
		SIM_TEST(test_failure_loses_no_chunk),
		SIM_TEST(test_many_leaves),
		SIM_TEST(test_numbers_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
