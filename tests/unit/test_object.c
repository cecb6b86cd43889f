/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Objects: how many pages an allocation asks for, how full a bounded source gets, generations, and bulk calls.
 */
#include "object.h"
#include "pages.h"
#include "sim_unit.h"

/* ---- pages asked for by one allocation ---- */

/* Allocates an object and asserts how many pages its source was asked for. */
static unsigned long make_modestly(struct zs_pool *pool, struct test_pages *pages, size_t size)
{
	unsigned long asked = pages->nr_allocs + pages->nr_refused;
	unsigned long handle = make_object(pool, size);

	assert_true(pages->nr_allocs + pages->nr_refused - asked <= 2);
	return handle;
}

static void test_each_size_asks_for_two_pages_at_most(void **state)
{
	struct test_pages pages = { .pool = NULL };
	struct zs_ops ops = test_pages_ops(&pages);
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .ops = &ops }, NULL);

	(void)state;
	for (size_t size = 1; size <= 4096; size++)
		make_modestly(pool, &pages, size);
	for (size_t size = 4096; size >= 1; size--)
		make_modestly(pool, &pages, size);
	assert_int_equal(zs_pool_verify(pool), 0);
	zs_destroy_pool(pool);
	assert_int_equal(pages.nr_out, 0);
}

static void test_random_order_asks_for_two_pages_at_most(void **state)
{
	static unsigned long handles[3000];
	struct test_pages pages = { .pool = NULL };
	struct zs_ops ops = test_pages_ops(&pages);
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .ops = &ops }, NULL);
	struct rng rng = { .state = 21 };

	(void)state;
	memset(handles, 0, sizeof(handles));
	for (unsigned int step = 0; step < 60000; step++) {
		unsigned long *handle = &handles[rng_below(&rng, NR_OF(handles))];

		zs_free(pool, *handle);
		*handle = rng_below(&rng, 3) ? make_modestly(pool, &pages, 1 + rng_below(&rng, 4096)) : 0;
	}
	assert_int_equal(zs_pool_verify(pool), 0);
	zs_destroy_pool(pool);
}

/* ---- a source with so many pages ---- */

/* Slots of a class that fit so many pages, zspage after zspage. */
static unsigned long slots_in(const struct zs_layout *layout, unsigned long nr_pages)
{
	unsigned long rest = nr_pages % layout->nr_pages;

	return nr_pages / layout->nr_pages * layout->nr_slots + (rest << layout->page_shift) / layout->slot_bytes;
}

/* Classes of a size as a pool grows: the highest of 8 neighbours serves it, then that of 4, of 2, and its own. */
static unsigned int serving_in_turn(size_t size, unsigned int shift)
{
	unsigned int id = zs_size_class_index(size, 12), last = zs_size_class_index(zs_size_class_huge(12) - 1, 12);
	unsigned int top = id | ((1u << shift) - 1);

	return id > last ? id : top < last ? top : last;
}

/* The objects of a size that fit so many pages: each class in turn takes them until it has enough and is full. */
static unsigned long objects_expected(size_t size, unsigned long nr_pages)
{
	static const unsigned long enough[] = { ~0ul, 144, 72, 40 };
	unsigned long nr = 0, pages = 0;

	for (unsigned int shift = 4; shift-- > 0;) {
		struct zs_layout layout;

		zs_layout_init(&layout, zs_size_class_bytes(serving_in_turn(size, shift)), 12);
		while (pages < nr_pages && slots_in(&layout, pages) < enough[shift])
			pages++;
		if (shift && serving_in_turn(size, shift) == serving_in_turn(size, shift - 1))
			continue;
		nr += slots_in(&layout, pages);
		nr_pages -= pages;
		pages = 0;
	}
	return nr;
}

static void assert_fills(size_t size, unsigned long nr_pages)
{
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .max_object_size = 65536 }, NULL);
	unsigned long expected = objects_expected(size, nr_pages), nr = 0, handle;
	bool all_used = size <= 4096;

	while (zs_pool_alloc(pool, size, 0, true, &handle) == 0)
		nr++;
	assert_int_equal(nr, expected);
	assert_true(all_used ? zs_sim.nr_pages == nr_pages : nr_pages - zs_sim.nr_pages <= size / 4096);
	assert_int_equal(zs_get_total_pages(pool), zs_sim.nr_pages);
	assert_int_equal(zs_pool_alloc(pool, size, 0, true, &handle), -ENOMEM);
	assert_int_equal(stats_of(pool).failed_allocs, 2);
	assert_int_equal(zs_pool_verify(pool), 0);
	zs_destroy_pool(pool);
}

/* Allocation goes on until all pages are full, in contiguous and in scattered zspages. */
static void test_bounded_source_gets_full(void **state)
{
	static const size_t sizes[] = {
		1, 100, 512, 1000, 1360, 2000, 2049, 2731, 3000, 4032, 4096, 5000, 20000, 65536
	};
	static const unsigned long numbers[] = { 1, 2, 3, 7, 17, 64, 65, 200, 701 };

	(void)state;
	for (unsigned int w = 0; w < 2; w++)
		for (unsigned int s = 0; s < NR_OF(sizes); s++)
			for (unsigned int n = 0; n < NR_OF(numbers); n++) {
				enter_world(&worlds[w]);
				zs_sim.page_budget = numbers[n];
				assert_fills(sizes[s], numbers[n]);
			}
}

/* After everything was freed in random order a bounded source gets just as full again. */
static void test_bounded_source_gets_full_again(void **state)
{
	static unsigned long handles[4096];
	struct rng rng = { .state = 2 };
	struct zs_pool *pool;
	unsigned int nr = 0, again = 0;

	(void)state;
	enter_scattered_world();
	zs_sim.page_budget = 150;
	pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	while (zs_pool_alloc(pool, 720, 0, true, &handles[nr]) == 0)
		nr++;
	for (unsigned int left = nr; left; left--) {
		unsigned int i = rng_below(&rng, left);

		assert_int_equal(zs_pool_free(pool, handles[i]), 0);
		handles[i] = handles[left - 1];
	}
	assert_int_equal(zs_sim.nr_pages, 0);
	while (zs_pool_alloc(pool, 720, 0, true, &handles[again]) == 0)
		again++;
	assert_true(again >= nr);
	assert_int_equal(zs_sim.nr_pages, 150);
	zs_destroy_pool(pool);
}

/* ---- generations ---- */

/* A handle is stale as soon as its object is freed, and stays so while its cell serves other objects. */
static void test_stale_handles_are_recognised(void **state)
{
	struct error_log log;
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, &log);
	unsigned long stale[50], handle = 0;

	(void)state;
	for (unsigned int i = 0; i < NR_OF(stale); i++) {
		assert_int_equal(zs_pool_alloc(pool, 700, 0, true, &handle), 0);
		stale[i] = handle;
		assert_int_equal(zs_handle_index(handle), zs_handle_index(stale[0]));
		assert_int_equal(zs_pool_free(pool, handle), 0);
		assert_int_equal(zs_pool_free(pool, handle), -EINVAL);
		assert_error(&log, EINVAL);
	}
	assert_int_equal(zs_pool_alloc(pool, 700, 0, true, &handle), 0);
	paint(pool, handle, 700, 1);
	for (unsigned int i = 0; i < NR_OF(stale); i++) {
		assert_int_equal(zs_pool_free(pool, stale[i]), -EINVAL);
		assert_error(&log, EINVAL);
	}
	assert_painted(pool, handle, 700, 1);
	assert_int_equal(stats_of(pool).bad_handles, 2 * NR_OF(stale));
	assert_int_equal(stats_of(pool).objects, 1);
	zs_destroy_pool(pool);
}

/* A generation comes round only after all others were used. */
static void test_generations_come_round(void **state)
{
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	unsigned long first, handle;
	unsigned long nr = 0;

	(void)state;
	assert_int_equal(zs_pool_alloc(pool, 700, 0, true, &first), 0);
	handle = first;
	do {
		assert_int_equal(zs_pool_free(pool, handle), 0);
		assert_int_equal(zs_pool_alloc(pool, 700, 0, true, &handle), 0);
		nr++;
	} while (handle != first);
	assert_int_equal(nr, ZS_GENERATION_MASK + 1ul);
	zs_destroy_pool(pool);
}

/* Handles of another pool are told from our own, but for chance: sixteen bits of it. */
static void test_foreign_handles_are_recognised(void **state)
{
	struct error_log log;
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, &log);
	struct zs_pool *other = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	unsigned int nr_escaped = 0;

	(void)state;
	for (unsigned int i = 0; i < 2000; i++) {
		const void *mem;

		make_object(pool, 100);
		mem = zs_obj_read_begin(pool, make_object(other, 100), 1, NULL);
		nr_escaped += mem != NULL;
	}
	assert_true(nr_escaped <= 2);
	assert_int_equal(log.nr, 2000 - nr_escaped);
	zs_destroy_pool(other);
	zs_destroy_pool(pool);
}

/* ---- freeing ---- */

static void test_mapped_object_is_not_freed(void **state)
{
	struct error_log log;
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, &log);
	unsigned long handle = make_object(pool, 700);
	void *mem = zs_map_object(pool, handle, ZS_MM_RW);

	(void)state;
	memset(mem, 0x5a, 700);
	assert_int_equal(zs_pool_free(pool, handle), -EBUSY);
	assert_error(&log, EBUSY);
	assert_int_equal(((unsigned char *)mem)[699], 0x5a);
	zs_unmap_object(pool, handle);
	assert_int_equal(zs_pool_free(pool, handle), 0);
	assert_int_equal(log.nr, 0);
	zs_destroy_pool(pool);
}

/* Freeing never asks the host for anything. */
static void test_freeing_never_allocates(void **state)
{
	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++) {
		static unsigned long handles[600];
		struct rng rng = { .state = 4 };
		struct zs_pool *pool;
		uint64_t calls;

		enter_world(world);
		pool = make_pool((struct zs_pool_options){ .max_object_size = 65536 }, NULL);
		for (unsigned int i = 0; i < NR_OF(handles); i++)
			handles[i] = make_object(pool, 1 + rng_below(&rng, 9000));
		calls = zs_sim.nr_fallible_calls;
		for (unsigned int i = 0; i < NR_OF(handles); i++)
			assert_int_equal(zs_pool_free(pool, handles[(i * 7) % NR_OF(handles)]), 0);
		assert_int_equal(zs_sim.nr_fallible_calls, calls);
		assert_int_equal(stats_of(pool).objects, 0);
		zs_destroy_pool(pool);
	}
}

/* ---- bulk ---- */

static void test_bulk_stops_at_first_failure(void **state)
{
	static const size_t sizes[] = { 100, 4096, 1, 5000, 100 };
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	unsigned long handles[5];
	size_t nr_done = 99;

	(void)state;
	assert_int_equal(zs_pool_alloc_bulk(pool, sizes, handles, 5, 0, true, &nr_done), -ENOSPC);
	assert_int_equal(nr_done, 3);
	assert_int_equal(stats_of(pool).objects, 3);
	zs_pool_free_bulk(pool, handles, nr_done);
	assert_int_equal(stats_of(pool).objects, 0);
	assert_int_equal(zs_pool_alloc_bulk(pool, sizes, handles, 0, 0, true, &nr_done), 0);
	assert_int_equal(nr_done, 0);
	zs_destroy_pool(pool);
}

/* Handles of one class in a row are freed under one hold of its lock. */
static void test_bulk_free_holds_a_lock_once(void **state)
{
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	unsigned long handles[16];
	uint64_t holds;

	(void)state;
	make_object(pool, 64); /* keeps the page */
	for (unsigned int i = 0; i < NR_OF(handles); i++)
		handles[i] = make_object(pool, 64);
	holds = zs_sim.nr_lock_holds;
	zs_pool_free_bulk(pool, handles, NR_OF(handles));
	assert_int_equal(zs_sim.nr_lock_holds - holds, 1);
	assert_int_equal(stats_of(pool).objects, 1);
	zs_destroy_pool(pool);
}

/* But no more than 64 of them: others wait for it. */
static void test_bulk_free_drops_the_lock_now_and_then(void **state)
{
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	unsigned long handles[1000], others[1000];
	unsigned int nr = 0;
	uint64_t holds;

	(void)state;
	for (unsigned int i = 0; i < NR_OF(handles); i++) {
		others[i] = make_object(pool, 64);
		handles[i] = make_object(pool, 64);
	}
	holds = zs_sim.nr_lock_holds;
	zs_pool_free_bulk(pool, handles, NR_OF(handles));
	assert_in_range(zs_sim.nr_lock_holds - holds, (NR_OF(handles) + 63) / 64, NR_OF(handles) / 10);
	for (unsigned int i = 0; i < NR_OF(others); i++)
		nr += zs_pool_slot_bytes(pool, others[i]) != 0;
	assert_int_equal(nr, NR_OF(others));
	zs_destroy_pool(pool);
}

/* Bad handles among good ones, of several classes, with pages that empty on the way. */
static void test_bulk_free_goes_on_after_bad_handles(void **state)
{
	(void)state;
	for (unsigned int w = 0; w < 2; w++) {
		struct error_log log;
		unsigned long handles[12];
		struct zs_pool *pool;

		enter_world(&worlds[w]);
		pool = make_pool((struct zs_pool_options){ .size = 0 }, &log);
		for (unsigned int i = 0; i < NR_OF(handles); i++)
			handles[i] = make_object(pool, i < 6 ? 4096 : 200);
		zs_free(pool, handles[3]);
		handles[8] = 0;
		handles[10] = handles[9];
		handles[11] = 0xdeadbeef;
		zs_pool_free_bulk(pool, handles, NR_OF(handles));
		assert_int_equal(log.nr, 3);
		assert_int_equal(log.err, EINVAL);
		assert_int_equal(stats_of(pool).objects, 3); /* those whose handles were overwritten: 8, 10, 11 */
		assert_int_equal(zs_pool_verify(pool), 0);
		zs_destroy_pool(pool);
	}
}

/* ---- growth that fails half way ---- */

/* Whichever call fails, the allocation fails or succeeds whole, and what was got for it is not lost. */
static void test_failed_growth_keeps_nothing(void **state)
{
	(void)state;
	for (unsigned int w = 0; w < 2; w++)
		for (unsigned int nth = 1; nth < 8; nth++) {
			unsigned long handle = 77;
			struct zs_pool *pool;
			uint64_t pages;
			int err;

			enter_world(&worlds[w]);
			pool = make_pool((struct zs_pool_options){ .max_object_size = 65536 }, NULL);
			pages = zs_sim.nr_pages;
			zs_sim.fail_at = zs_sim.nr_fallible_calls + nth;
			err = zs_pool_alloc(pool, 9000, 0, true, &handle);
			assert_true(err == 0 || err == -ENOMEM);
			assert_int_equal(zs_sim.nr_pages, err ? pages : pages + 3);
			assert_int_equal(zs_get_total_pages(pool), zs_sim.nr_pages);
			assert_int_equal(stats_of(pool).objects, err ? 0 : 1);
			assert_int_equal(stats_of(pool).failed_allocs, err ? 1 : 0);
			assert_int_equal(zs_pool_verify(pool), 0);
			zs_sim.fail_at = 0;
			assert_int_equal(zs_pool_alloc(pool, 9000, 0, true, &handle), 0);
			zs_destroy_pool(pool);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_each_size_asks_for_two_pages_at_most),
		SIM_TEST(test_random_order_asks_for_two_pages_at_most),
		SIM_TEST(test_bounded_source_gets_full),
		SIM_TEST(test_bounded_source_gets_full_again),
		SIM_TEST(test_stale_handles_are_recognised),
		SIM_TEST(test_generations_come_round),
		SIM_TEST(test_foreign_handles_are_recognised),
		SIM_TEST(test_mapped_object_is_not_freed),
		SIM_TEST(test_freeing_never_allocates),
		SIM_TEST(test_bulk_stops_at_first_failure),
		SIM_TEST(test_bulk_free_holds_a_lock_once),
		SIM_TEST(test_bulk_free_drops_the_lock_now_and_then),
		SIM_TEST(test_bulk_free_goes_on_after_bad_handles),
		SIM_TEST(test_failed_growth_keeps_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
