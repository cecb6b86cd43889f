/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Access to objects: pins, nesting, copies in and out, and what goes wrong.
 */
#include "mapping.h"
#include "object.h"
#include "sim_unit.h"

#define SLOT 2960u /* a class of its own; to a page of 4096: some objects span pages, some do not */

static uint32_t state_of(struct zs_pool *pool, unsigned long handle)
{
	return zs_host_load32(&zs_handle_cell(&pool->handles, zs_handle_index(handle))->state);
}

static bool spans(struct zs_pool *pool, unsigned long handle)
{
	struct zs_class *class = zs_pool_class(pool, zs_pool_serving_class(pool, SLOT));
	struct zs_spot spot = zs_class_spot(class, zs_handle_cell(&pool->handles, zs_handle_index(handle)));

	return zs_count_bits(zs_layout_slot_pages(&class->layout, spot.slot)) > 1;
}

/* A scattered pool with one object in a page and one that spans two. */
struct bench {
	struct error_log log;
	struct zs_pool *pool;
	unsigned long whole;
	unsigned long spanning;
};

static void bench_create(struct bench *b)
{
	enter_scattered_world();
	b->pool = make_pool((struct zs_pool_options){ .size = 0 }, &b->log);
	b->whole = make_object(b->pool, SLOT);
	b->spanning = make_object(b->pool, SLOT);
	assert_false(spans(b->pool, b->whole));
	assert_true(spans(b->pool, b->spanning));
}

static void bench_destroy(struct bench *b)
{
	assert_int_equal(b->log.nr, 0);
	assert_int_equal(zs_pool_verify(b->pool), 0);
	zs_destroy_pool(b->pool);
}

/* ---- pins ---- */

static void test_maps_pin(void **state)
{
	struct bench b;
	void *mem;

	(void)state;
	bench_create(&b);
	for (unsigned int i = 0; i < 2; i++) {
		unsigned long handle = i ? b.spanning : b.whole;

		assert_int_equal(zs_cell_pins(state_of(b.pool, handle)), 0);
		assert_int_equal(zs_pool_map(b.pool, handle, ZS_MAP_RO, &mem), 0);
		assert_int_equal(zs_cell_pins(state_of(b.pool, handle)), 1);
		assert_int_equal(zs_pool_unmap(b.pool, handle), 0);
		assert_int_equal(zs_cell_pins(state_of(b.pool, handle)), 0);
	}
	bench_destroy(&b);
}

/* Read-only maps nest, all of them in one place, until the count is full. */
static void test_nesting(void **state)
{
	struct bench b;
	void *first, *mem;

	(void)state;
	bench_create(&b);
	for (unsigned int i = 0; i < 2; i++) {
		unsigned long handle = i ? b.spanning : b.whole;

		assert_int_equal(zs_pool_map(b.pool, handle, ZS_MAP_RO, &first), 0);
		for (unsigned int depth = 1; depth < ZS_CELL_MAX_PINS; depth++) {
			assert_int_equal(zs_pool_map(b.pool, handle, ZS_MAP_RO, &mem), 0);
			assert_ptr_equal(mem, first);
		}
		assert_int_equal(zs_pool_map(b.pool, handle, ZS_MAP_RO, &mem), -EBUSY);
		assert_int_equal(zs_cell_pins(state_of(b.pool, handle)), ZS_CELL_MAX_PINS);
		for (unsigned int depth = 0; depth < ZS_CELL_MAX_PINS; depth++)
			assert_int_equal(zs_pool_unmap(b.pool, handle), 0);
		assert_int_equal(b.log.nr, 0);
		assert_int_equal(zs_pool_unmap(b.pool, handle), -EINVAL);
		assert_error(&b.log, EINVAL);
	}
	bench_destroy(&b);
}

/* Every address is aligned as promised, for every slot of several classes. */
static void test_alignment(void **state)
{
	static const size_t sizes[] = { 1, 33, 1000, SLOT, 4096, 5000, 65536 };

	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++) {
		struct zs_pool *pool;
		void *mem;

		enter_world(world);
		pool = make_pool((struct zs_pool_options){ .max_object_size = 65536 }, NULL);
		for (unsigned int i = 0; i < 70; i++) {
			unsigned long handle = make_object(pool, sizes[i % NR_OF(sizes)]);

			assert_int_equal(zs_pool_map(pool, handle, ZS_MAP_WO, &mem), 0);
			assert_int_equal((uintptr_t)mem % 16, 0);
			memset(mem, (int)i, sizes[i % NR_OF(sizes)]);
			assert_int_equal(zs_pool_unmap(pool, handle), 0);
		}
		zs_destroy_pool(pool);
	}
}

/* ---- copies ---- */

static unsigned char *map(struct zs_pool *pool, unsigned long handle, enum zs_map_mode mode)
{
	void *mem = NULL;

	assert_int_equal(zs_pool_map(pool, handle, mode, &mem), 0);
	assert_non_null(mem);
	return mem;
}

static void assert_filled(struct zs_pool *pool, unsigned long handle, unsigned char with)
{
	unsigned char copy[SLOT];
	const unsigned char *mem = zs_obj_read_begin(pool, handle, SLOT, copy);

	for (unsigned int i = 0; i < SLOT; i++)
		assert_int_equal(mem[i], with);
	zs_obj_read_end(pool, handle, SLOT, mem);
}

static void fill(struct zs_pool *pool, unsigned long handle, enum zs_map_mode mode, unsigned char with)
{
	memset(map(pool, handle, mode), with, SLOT);
	assert_int_equal(zs_pool_unmap(pool, handle), 0);
}

static void test_read_write_copies_both_ways(void **state)
{
	unsigned char *mem;
	struct bench b;

	(void)state;
	bench_create(&b);
	fill(b.pool, b.spanning, ZS_MAP_RW, 0x11);
	assert_filled(b.pool, b.spanning, 0x11);
	mem = map(b.pool, b.spanning, ZS_MAP_RW);
	assert_int_equal(mem[0], 0x11);
	assert_int_equal(mem[SLOT - 1], 0x11);
	memset(mem, 0x22, SLOT);
	assert_int_equal(zs_pool_unmap(b.pool, b.spanning), 0);
	assert_filled(b.pool, b.spanning, 0x22);
	bench_destroy(&b);
}

/* What is written through a read-only map of a copy is lost. */
static void test_read_only_does_not_copy_back(void **state)
{
	struct bench b;

	(void)state;
	bench_create(&b);
	fill(b.pool, b.spanning, ZS_MAP_RW, 0x11);
	fill(b.pool, b.spanning, ZS_MAP_RO, 0x22);
	assert_filled(b.pool, b.spanning, 0x11);
	bench_destroy(&b);
}

/* A write-only map shows what its buffer happened to hold, not the object. */
static void test_write_only_does_not_copy_in(void **state)
{
	unsigned char *mem;
	struct bench b;

	(void)state;
	bench_create(&b);
	fill(b.pool, b.spanning, ZS_MAP_WO, 0x11);
	assert_filled(b.pool, b.spanning, 0x11);
	fill(b.pool, b.spanning, ZS_MAP_RO, 0x22); /* goes into the spare buffer only */
	mem = map(b.pool, b.spanning, ZS_MAP_WO);
	assert_int_equal(mem[0], 0x22);
	memset(mem, 0x33, SLOT);
	assert_int_equal(zs_pool_unmap(b.pool, b.spanning), 0);
	assert_filled(b.pool, b.spanning, 0x33);
	bench_destroy(&b);
}

/* A copy may be mapped for reading again and again; the buffer is kept by its class and used again. */
static void test_spare_buffer_is_reused(void **state)
{
	uint64_t units, calls;
	unsigned char *mem;
	struct bench b;

	(void)state;
	bench_create(&b);
	mem = map(b.pool, b.spanning, ZS_MAP_RW);
	assert_int_equal(zs_pool_unmap(b.pool, b.spanning), 0);
	units = zs_sim.nr_units;
	calls = zs_sim.nr_fallible_calls;
	for (unsigned int i = 0; i < 100; i++) {
		assert_ptr_equal(map(b.pool, b.spanning, ZS_MAP_RW), mem);
		assert_int_equal(zs_pool_unmap(b.pool, b.spanning), 0);
	}
	assert_int_equal(zs_sim.nr_units, units);
	assert_int_equal(zs_sim.nr_fallible_calls, calls);
	bench_destroy(&b);
}

/* ---- windows, as a kernel has them ---- */

static bool window_is_poisoned(const unsigned char *mem)
{
	return mem[0] == 0xa5 && mem[SLOT - 1] == 0xa5;
}

/* All modes mean in a window what they mean in a buffer, and nothing is allocated for it. */
static void test_windows(void **state)
{
	unsigned char *mem;
	uint64_t calls;
	struct bench b;

	(void)state;
	bench_create(&b);
	zs_sim.has_windows = true;
	calls = zs_sim.nr_fallible_calls;
	mem = map(b.pool, b.spanning, ZS_MAP_WO);
	assert_true(window_is_poisoned(mem));
	memset(mem, 0x11, SLOT);
	assert_int_equal(zs_pool_unmap(b.pool, b.spanning), 0);
	assert_filled(b.pool, b.spanning, 0x11);
	fill(b.pool, b.spanning, ZS_MAP_RO, 0x22);
	assert_filled(b.pool, b.spanning, 0x11);
	mem = map(b.pool, b.spanning, ZS_MAP_RW);
	assert_int_equal(mem[SLOT - 1], 0x11);
	memset(mem, 0x33, SLOT / 2);
	assert_int_equal(zs_pool_unmap(b.pool, b.spanning), 0);
	mem = map(b.pool, b.spanning, ZS_MAP_RO);
	assert_int_equal(mem[0], 0x33);
	assert_int_equal(mem[SLOT - 1], 0x11);
	assert_int_equal(zs_pool_unmap(b.pool, b.spanning), 0);
	assert_int_equal(zs_sim.nr_fallible_calls, calls);
	bench_destroy(&b);
}

/* An object in one page is mapped in place while the window shows another one. */
static void test_window_beside_a_map_in_place(void **state)
{
	unsigned char *in_window, *in_place;
	struct bench b;

	(void)state;
	bench_create(&b);
	zs_sim.has_windows = true;
	in_window = map(b.pool, b.spanning, ZS_MAP_WO);
	in_place = map(b.pool, b.whole, ZS_MAP_WO);
	memset(in_window, 0x11, SLOT);
	memset(in_place, 0x22, SLOT);
	assert_int_equal(zs_pool_unmap(b.pool, b.whole), 0);
	assert_int_equal(zs_pool_unmap(b.pool, b.spanning), 0);
	assert_filled(b.pool, b.spanning, 0x11);
	assert_filled(b.pool, b.whole, 0x22);
	bench_destroy(&b);
}

/* Pages without an address of their own: every object is seen in a window or a buffer, and read and written by copy. */
static void test_high_pages(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		unsigned char copy[SLOT];
		unsigned long handle;
		struct bench b;

		bench_create(&b);
		handle = i & 1 ? b.spanning : b.whole;
		zs_sim.high_pages = true;
		zs_sim.has_windows = i & 2;
		fill(b.pool, handle, ZS_MAP_WO, 0x11);
		assert_filled(b.pool, handle, 0x11);
		memset(copy, 0x22, SLOT);
		assert_int_equal(zs_pool_write(b.pool, handle, copy, SLOT), 0);
		assert_int_equal(map(b.pool, handle, ZS_MAP_RW)[SLOT - 1], 0x22);
		assert_int_equal(zs_pool_unmap(b.pool, handle), 0);
		assert_filled(b.pool, handle, 0x22);
		bench_destroy(&b);
	}
}

/* Many objects that span pages are mapped at once, each with bytes of its own. */
static void test_many_copies_at_once(void **state)
{
	unsigned long handles[40];
	unsigned char *mem[40];
	struct bench b;

	(void)state;
	bench_create(&b);
	for (unsigned int i = 0; i < NR_OF(handles); i++)
		handles[i] = make_object(b.pool, SLOT);
	for (unsigned int i = 0; i < NR_OF(handles); i++) {
		mem[i] = map(b.pool, handles[i], ZS_MAP_WO);
		memset(mem[i], (int)i, SLOT);
	}
	for (unsigned int i = 0; i < NR_OF(handles); i++)
		assert_int_equal(zs_pool_unmap(b.pool, handles[i * 7 % NR_OF(handles)]), 0);
	for (unsigned int i = 0; i < NR_OF(handles); i++)
		assert_filled(b.pool, handles[i], (unsigned char)i);
	bench_destroy(&b);
}

/* A pool may be destroyed with objects mapped: the buffers go too. */
static void test_destroy_with_mapped_copies(void **state)
{
	struct bench b;

	(void)state;
	bench_create(&b);
	map(b.pool, b.spanning, ZS_MAP_RW);
	map(b.pool, b.whole, ZS_MAP_RW);
	bench_destroy(&b);
	assert_true(zs_sim_is_clean());
}

/* Without memory for a buffer the map fails and leaves no pin. */
static void test_no_memory_for_a_buffer(void **state)
{
	struct error_log log;
	unsigned long handle;
	struct zs_pool *pool;
	void *mem;

	(void)state;
	enter_scattered_world();
	pool = make_pool((struct zs_pool_options){ .max_object_size = 65536 }, &log);
	handle = make_object(pool, 20000);
	zs_sim.fail_at = zs_sim.nr_fallible_calls + 1;
	assert_int_equal(zs_pool_map(pool, handle, ZS_MAP_RW, &mem), -ENOMEM);
	assert_int_equal(zs_cell_pins(state_of(pool, handle)), 0);
	assert_int_equal(zs_pool_map(pool, handle, ZS_MAP_RW, &mem), 0);
	assert_int_equal(zs_sim.nr_buffers, 1);
	assert_int_equal(zs_pool_unmap(pool, handle), 0);
	assert_int_equal(zs_pool_free(pool, handle), 0);
	assert_int_equal(log.nr, 0);
	zs_destroy_pool(pool);
}

/* A buffer for which there is no memory takes that of one which another class keeps for its next map. */
static void test_kept_buffers_go_before_enomem(void **state)
{
	unsigned long other;
	struct bench b;
	uint64_t calls;

	(void)state;
	bench_create(&b);
	make_object(b.pool, 3600);
	other = make_object(b.pool, 3600);
	assert_non_null(zs_map_object(b.pool, other, ZS_MM_RO));
	zs_unmap_object(b.pool, other);
	assert_non_null(zs_pool_class(b.pool, zs_pool_serving_class(b.pool, 3600))->spare_buffer);
	calls = zs_sim.nr_fallible_calls;
	zs_sim.fail_at = calls + 1;
	assert_non_null(zs_map_object(b.pool, b.spanning, ZS_MM_RO));
	assert_int_equal(zs_sim.nr_fallible_calls, calls + 2);
	assert_null(zs_pool_class(b.pool, zs_pool_serving_class(b.pool, 3600))->spare_buffer);
	zs_unmap_object(b.pool, b.spanning);
	bench_destroy(&b);
}

/* ---- reading and writing ---- */

static void test_read_begin(void **state)
{
	unsigned char copy[SLOT];
	const void *at;
	struct bench b;

	(void)state;
	bench_create(&b);
	fill(b.pool, b.whole, ZS_MAP_RW, 0x44);
	fill(b.pool, b.spanning, ZS_MAP_RW, 0x55);
	assert_int_equal(zs_pool_read_begin(b.pool, b.whole, SLOT, copy, &at), 0);
	assert_ptr_not_equal(at, copy);
	assert_int_equal(zs_cell_pins(state_of(b.pool, b.whole)), 1);
	assert_int_equal(zs_pool_read_end(b.pool, b.whole), 0);
	assert_int_equal(zs_pool_read_begin(b.pool, b.spanning, SLOT, copy, &at), 0);
	assert_ptr_equal(at, copy);
	assert_int_equal(copy[SLOT - 1], 0x55);
	assert_int_equal(zs_pool_read_end(b.pool, b.spanning), 0);
	/* Its first bytes lie in one page, so they need no copy. */
	assert_int_equal(zs_pool_read_begin(b.pool, b.spanning, 4096 - SLOT, NULL, &at), 0);
	assert_int_equal(*(const unsigned char *)at, 0x55);
	assert_int_equal(zs_pool_read_end(b.pool, b.spanning), 0);
	bench_destroy(&b);
}

static void test_read_begin_fails_without_a_pin(void **state)
{
	unsigned char copy[SLOT + 1];
	const void *at;
	struct bench b;

	(void)state;
	bench_create(&b);
	assert_int_equal(zs_pool_read_begin(b.pool, b.spanning, SLOT, NULL, &at), -EINVAL);
	assert_int_equal(zs_pool_read_begin(b.pool, b.spanning, SLOT + 1, copy, &at), -EINVAL);
	assert_int_equal(zs_pool_read_begin(b.pool, b.whole, SLOT + 1, copy, &at), -EINVAL);
	assert_int_equal(zs_pool_read_begin(b.pool, b.whole, ~(size_t)0, copy, &at), -EINVAL);
	assert_int_equal(b.log.nr, 0);
	assert_int_equal(zs_cell_pins(state_of(b.pool, b.spanning)), 0);
	assert_int_equal(zs_cell_pins(state_of(b.pool, b.whole)), 0);
	assert_int_equal(zs_pool_read_end(b.pool, b.whole), -EINVAL);
	assert_error(&b.log, EINVAL);
	bench_destroy(&b);
}

static void test_write(void **state)
{
	unsigned char bytes[SLOT + 1];
	struct bench b;

	(void)state;
	bench_create(&b);
	for (unsigned int i = 0; i < 2; i++) {
		unsigned long handle = i ? b.spanning : b.whole;

		memset(bytes, 0x66, sizeof(bytes));
		assert_int_equal(zs_pool_write(b.pool, handle, bytes, SLOT), 0);
		assert_filled(b.pool, handle, 0x66);
		assert_int_equal(zs_pool_write(b.pool, handle, bytes, SLOT + 1), -EINVAL);
		assert_int_equal(zs_pool_write(b.pool, handle, bytes, ~(size_t)0), -EINVAL);
		assert_int_equal(zs_pool_write(b.pool, handle, bytes, 0), 0);
		assert_int_equal(zs_cell_pins(state_of(b.pool, handle)), 0);
	}
	bench_destroy(&b);
}

/* ---- bad handles ---- */

static void test_bad_handles(void **state)
{
	unsigned long bad[4];
	char byte = 0;
	const void *at;
	struct bench b;
	void *mem;

	(void)state;
	bench_create(&b);
	bad[0] = make_object(b.pool, 100);
	assert_int_equal(zs_pool_free(b.pool, bad[0]), 0);
	bad[1] = b.whole ^ 1;
	bad[2] = 0;
	bad[3] = ~0ul;
	for (unsigned int i = 0; i < NR_OF(bad); i++) {
		assert_int_equal(zs_pool_map(b.pool, bad[i], ZS_MAP_RO, &mem), -EINVAL);
		assert_error(&b.log, EINVAL);
		assert_int_equal(zs_pool_unmap(b.pool, bad[i]), -EINVAL);
		assert_error(&b.log, EINVAL);
		assert_int_equal(zs_pool_read_begin(b.pool, bad[i], 1, &byte, &at), -EINVAL);
		assert_error(&b.log, EINVAL);
		assert_int_equal(zs_pool_read_end(b.pool, bad[i]), -EINVAL);
		assert_error(&b.log, EINVAL);
		assert_int_equal(zs_pool_write(b.pool, bad[i], &byte, 1), -EINVAL);
		assert_error(&b.log, EINVAL);
		assert_int_equal(zs_pool_free(b.pool, bad[i]), -EINVAL);
		assert_error(&b.log, EINVAL);
	}
	assert_int_equal(state_of(b.pool, bad[0]) & ~ZS_CELL_GENERATION, ZS_CELL_FREE);
	assert_int_equal(stats_of(b.pool).objects, 2);
	bench_destroy(&b);
}

/* A read in progress is no map: unmapping a spanning object then is an error, and the read goes on. */
static void test_unmap_of_what_is_only_read(void **state)
{
	unsigned char copy[SLOT];
	const void *at;
	struct bench b;

	(void)state;
	bench_create(&b);
	assert_int_equal(zs_pool_read_begin(b.pool, b.spanning, SLOT, copy, &at), 0);
	assert_int_equal(zs_pool_unmap(b.pool, b.spanning), -EINVAL);
	assert_error(&b.log, EINVAL);
	assert_int_equal(zs_cell_pins(state_of(b.pool, b.spanning)), 1);
	assert_int_equal(zs_pool_read_end(b.pool, b.spanning), 0);
	bench_destroy(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_maps_pin),
		SIM_TEST(test_nesting),
		SIM_TEST(test_alignment),
		SIM_TEST(test_read_write_copies_both_ways),
		SIM_TEST(test_read_only_does_not_copy_back),
		SIM_TEST(test_write_only_does_not_copy_in),
		SIM_TEST(test_spare_buffer_is_reused),
		SIM_TEST(test_windows),
		SIM_TEST(test_window_beside_a_map_in_place),
		SIM_TEST(test_high_pages),
		SIM_TEST(test_many_copies_at_once),
		SIM_TEST(test_destroy_with_mapped_copies),
		SIM_TEST(test_no_memory_for_a_buffer),
		SIM_TEST(test_kept_buffers_go_before_enomem),
		SIM_TEST(test_read_begin),
		SIM_TEST(test_read_begin_fails_without_a_pin),
		SIM_TEST(test_write),
		SIM_TEST(test_bad_handles),
		SIM_TEST(test_unmap_of_what_is_only_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
