/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Handles and cells: what a handle looks like, who owns a cell, and what is no handle at all.
 */
#include "handle.h"
#include "sim_unit.h"

#define UNIT_CELLS ((uint32_t)(ZS_META_UNIT / sizeof(struct zs_cell)))

struct bench {
	struct heap heap;
	struct zs_handle_table table;
};

/* The cells of a chunk that are never used: the first of all, or the header of a leaf. */
static unsigned int nr_unused(uint32_t chunk)
{
#if ZS_HOST_TABLES
	return chunk ? 0 : ZS_FIRST_CELL;
#else
	return chunk % ZS_LEAF_CHUNKS ? 0 : ZS_LEAF_HEADER_CELLS;
#endif
}

static void bench_create(struct bench *b)
{
	heap_create(&b->heap, 100);
	assert_int_equal(zs_handle_table_init(&b->table, &b->heap.meta, 0x12345678, true, true), 0);
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

/* A chunk is a list of free cells in order. */
static void test_chunks_are_lists(void **state)
{
	struct bench b;

	(void)state;
	bench_create(&b);
	for (unsigned int chunk = 0; chunk < 2 * UNIT_CELLS / ZS_CHUNK_CELLS + 1; chunk++) {
		unsigned int header = nr_unused(chunk);
		uint32_t index = add_chunk(&b, chunk);
		unsigned int nr = 0;

		assert_int_equal(index, chunk * ZS_CHUNK_CELLS + header);
		for (; index; nr++) {
			struct zs_cell *cell = zs_handle_cell(&b.table, index);

			assert_int_equal(zs_host_load32(&cell->state) & ~ZS_CELL_GENERATION, ZS_CELL_FREE);
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

/* Cells that nobody owns yet, and numbers that are too large. */
static void test_bad_indexes_are_not_found(void **state)
{
	static const unsigned long indexes[] = { ZS_CHUNK_CELLS, UNIT_CELLS - 1, UNIT_CELLS,
						 1u << 17,       1u << 25,       ZS_MAX_CELL_INDEX };
	struct zs_cell *cell;
	unsigned int class_id;
	struct bench b;

	(void)state;
	bench_create(&b);
	for (unsigned int i = 0; i < NR_OF(indexes); i++)
		assert_false(zs_handle_find(&b.table, indexes[i] << ZS_GENERATION_BITS, &cell, &class_id));
	assert_false(zs_handle_find(&b.table, zs_handle_make(9, 0), &cell, &class_id));
	add_chunk(&b, 3);
	for (unsigned int i = 0; i < NR_OF(indexes); i++)
		assert_false(zs_handle_find(&b.table, indexes[i] << ZS_GENERATION_BITS, &cell, &class_id));
	assert_false(zs_handle_find(&b.table, ~0ul, &cell, &class_id));
	assert_false(zs_handle_find(&b.table, -(unsigned long)EINVAL, &cell, &class_id));
	if (sizeof(long) == 8) /* a bit above the index, which must not be cut off */
		assert_false(zs_handle_find(&b.table, 1ul << 63 | zs_handle_make(8, 0), &cell, &class_id));
	assert_true(zs_handle_find(&b.table, zs_handle_make(9, 0), &cell, &class_id));
	bench_destroy(&b);
}

/* Cells that are never used are no objects, whatever the generation. */
static void test_unused_cells_are_not_live(void **state)
{
	struct zs_cell *cell;
	unsigned int class_id;
	struct bench b;

	(void)state;
	bench_create(&b);
	add_chunk(&b, 0xffff);
	for (unsigned long index = 0; index < ZS_FIRST_CELL; index++)
		for (unsigned long generation = 0; generation <= ZS_GENERATION_MASK; generation++) {
			unsigned long handle = index << ZS_GENERATION_BITS | generation;

			assert_false(zs_handle_find(&b.table, handle, &cell, &class_id) &&
				     zs_handle_matches(handle, zs_host_load32(&cell->state)));
		}
	bench_destroy(&b);
}

/* Even the first and the last handle are neither 0 nor an error pointer, and fit 48 bits. */
static void test_handles_look_right(void **state)
{
	unsigned long least = zs_handle_make(ZS_FIRST_CELL, 0);
	unsigned long most = zs_handle_make(ZS_MAX_CELL_INDEX - 1, ~0u);

	(void)state;
	assert_true(least > 0);
	assert_true(most < (unsigned long)-4095l);
	if (sizeof(long) == 8)
		assert_int_equal((uint64_t)most >> 48, 0);
	assert_int_equal(zs_handle_index(most), ZS_MAX_CELL_INDEX - 1);
	assert_int_equal(zs_handle_index(least), ZS_FIRST_CELL);
}

static void test_matching(void **state)
{
	unsigned long handle = zs_handle_make(77, 0x1234);
	uint32_t live = 0x1234 & ZS_GENERATION_MASK;

	(void)state;
	assert_true(zs_handle_matches(handle, live));
	assert_true(zs_handle_matches(handle, live | ZS_CELL_MOVING | 5 * ZS_CELL_PIN));
	assert_false(zs_handle_matches(handle, live | ZS_CELL_FREE));
	assert_int_equal(zs_handle_compare(handle, live), 0);
	assert_int_equal(zs_handle_compare(handle, live + 5 * ZS_CELL_PIN), 5 * ZS_CELL_PIN);
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

/* Whichever call fails, no number is lost. */
static void test_failure_loses_no_chunk(void **state)
{
	unsigned int nr_calls = 0;
	uint32_t first = 99;
	struct bench b;

	(void)state;
	bench_create(&b);
	do {
		zs_sim.fail_at = zs_sim.nr_fallible_calls + 1 + nr_calls++;
	} while (zs_handle_table_add_chunk(&b.table, 1, 0, &first));
	assert_in_range(nr_calls, 2, 4);
	assert_int_equal(first, ZS_FIRST_CELL);
	zs_sim.fail_at = 0;
	for (uint32_t chunk = 1; chunk < UNIT_CELLS / ZS_CHUNK_CELLS; chunk++)
		assert_int_equal(add_chunk(&b, 1), chunk * ZS_CHUNK_CELLS);
	zs_sim.fail_at = zs_sim.nr_fallible_calls + 1;
	assert_int_equal(zs_handle_table_add_chunk(&b.table, 1, 0, &first), -ENOMEM);
	zs_sim.fail_at = 0;
	assert_int_equal(add_chunk(&b, 1), UNIT_CELLS + nr_unused(UNIT_CELLS / ZS_CHUNK_CELLS));
	bench_destroy(&b);
}

/* What a table of cells takes is charged unit by unit, and all goes back. */
static void test_many_cells(void **state)
{
	const uint32_t nr_chunks = 300 * UNIT_CELLS / ZS_CHUNK_CELLS + 1;
	struct zs_cell *cell;
	unsigned int class_id;
	struct bench b;
	uint32_t last = 0;

	(void)state;
	bench_create(&b);
	for (uint32_t chunk = 0; chunk < nr_chunks; chunk++)
		last = add_chunk(&b, chunk % ZS_MAX_CLASSES);
	assert_int_equal(last / UNIT_CELLS, 300);
	assert_in_range(zs_footprint_blocks(&b.heap.footprint), 302, 302 + 300 / 64 + 2);
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
	first = add_chunk(&b, 1);
	zs_host_store_long_release(&b.table.end, ZS_MAX_CELL_INDEX);
	assert_true(zs_handle_make(ZS_MAX_CELL_INDEX + ZS_CHUNK_CELLS - 1, ~0u) < (unsigned long)-4095l);
	assert_int_equal(zs_handle_table_add_chunk(&b.table, 1, 0, &first), -ENOMEM);
	bench_destroy(&b);
}

/* The owners of chunks are kept as their table gets larger than what begins it. */
static void test_owners_of_many_chunks(void **state)
{
	enum { NR_CHUNKS = 300 };
	uint32_t first[NR_CHUNKS];
	struct bench b;

	(void)state;
	bench_create(&b);
	for (unsigned int chunk = 0; chunk < NR_CHUNKS; chunk++)
		first[chunk] = add_chunk(&b, 1000 + chunk);
	for (unsigned int chunk = 0; chunk < NR_CHUNKS; chunk++)
		assert_int_equal(zs_handle_owner(&b.table, first[chunk]), 1000 + chunk);
#if ZS_HOST_TABLES
	assert_true(NR_CHUNKS > ZS_FIRST_OWNERS);
	assert_ptr_equal(b.table.owners, b.table.owner_table.base);
#endif
	bench_destroy(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_owners_of_many_chunks),
		SIM_TEST(test_chunks_are_lists),
		SIM_TEST(test_owner_is_found),
		SIM_TEST(test_bad_indexes_are_not_found),
		SIM_TEST(test_unused_cells_are_not_live),
		SIM_TEST(test_handles_look_right),
		SIM_TEST(test_matching),
		SIM_TEST(test_first_generations_vary),
		SIM_TEST(test_failure_loses_no_chunk),
		SIM_TEST(test_many_cells),
		SIM_TEST(test_numbers_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
