/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The engine of compressed memory with a program that is simulated: what stays, what goes, and how it comes back; the
 * limits on what is resident and on the pool; numbers of pages, and advice. What is due is done when the test says so.
 */
#include "zswap_unit.h"

#include "random.h"

/* ---- first touch, and below the limit ---- */

static void untouched_pages_read_as_zeroes(void **state)
{
	static const unsigned char byte = 7;
	unsigned char want[PAGE] = { 0 }, got[PAGE];

	(void)state;
	begin(0, 0);
	assert_page(5, ZERO);
	assert_int_equal(figures().zero_faults, 1);
	assert_true(is_there(5));
	assert_int_equal(program_poke(&world.program, world.first + 99, PAGE - 1, &byte, 1), 0);
	want[PAGE - 1] = byte;
	assert_int_equal(program_read(&world.program, world.first + 99, got), 0);
	assert_memory_equal(got, want, PAGE);
	assert_int_equal(figures().faults, 2);
	assert_int_equal(figures().resident_pages, 2);
	assert_int_equal(figures().managed_pages, NR_PAGES);
	end();
}

static void nothing_goes_below_the_limit(void **state)
{
	(void)state;
	begin(0, 0);
	fill_pages(HIGH_PAGES);
	assert_int_equal(world.nr_woken, 0);
	assert_int_equal(figures().resident_pages, HIGH_PAGES);
	assert_int_equal(figures().resident_limit_pages, LIMIT_PAGES);
	write_page(1000, HALF(1000));
	assert_int_equal(world.nr_woken, 1);
	assert_int_equal(figures().evicted, 0);
	end();
}

/* ---- beyond the limit ---- */

static void the_oldest_go_ahead_of_demand(void **state)
{
	(void)state;
	begin(0, 0);
	fill_pages(HIGH_PAGES);
	step_all();
	assert_in_range(figures().resident_pages + figures().standby_pages, 1, LOW_PAGES);
	assert_int_equal(figures().packed + figures().standby_pages, figures().evicted);
	for (uint32_t page = 0; page < HIGH_PAGES; page++)
		assert_int_equal(is_there(page), page >= figures().evicted);
	assert_int_equal(kind_of(0), ZSWAP_OBJECT);
	assert_int_equal(figures().direct_evictions, 0);
	assert_false(zswap_engine_step(world.engine));
	assert_filled(0, HIGH_PAGES);
	end();
}

static void who_is_beyond_the_limit_waits_for_room(void **state)
{
	(void)state;
	begin(0, 0);
	for (uint32_t page = 0; page < 1000; page++) {
		write_page(page, page);
		/* At the limit, a fault may bring a group. */
		assert_in_range(figures().resident_pages + figures().standby_pages, 1,
				LIMIT_PAGES + ZSWAP_GROUP_PAGES - 1);
		assert_true(is_there(page));
	}
	assert_true(figures().direct_evictions > 0);
	assert_false(is_there(0));
	for (uint32_t page = 0; page < 1000; page++)
		assert_page(page, page);
	end();
}

/* A page that comes back is the newest. */
static void what_came_back_goes_last(void **state)
{
	(void)state;
	begin(0, 0);
	fill_pages(64);
	evict(0, 1);
	assert_page(0, HALF(0));
	for (uint32_t page = 64; page < HIGH_PAGES; page++)
		write_page(page, HALF(page));
	zswap_engine_step(world.engine);
	assert_false(is_there(63));
	assert_true(slot_of(0) == ZSWAP_RESIDENT || figures().evicted > 64);
	end();
}

/* ---- coming back ---- */

/* What the pages of some seeds become, and how their faults are counted. */
struct place {
	uint32_t seed;
	enum zswap_kind kind;
	bool is_packed;
	bool has_store;
	unsigned int nr_zero, nr_standby, nr_pool;
};

static void content_comes_back_from_everywhere(void **state)
{
	static const struct place places[] = {
		{ HALF(3), ZSWAP_STANDBY, false, false, 0, 1, 0 }, { SMALL(9), ZSWAP_OBJECT, true, false, 0, 0, 1 },
		{ HALF(9), ZSWAP_OBJECT, true, true, 0, 0, 1 },    { WORD(5), ZSWAP_FILL, true, false, 0, 0, 1 },
		{ ZERO, ZSWAP_EMPTY, true, false, 1, 0, 0 },       { NOISE(3), ZSWAP_RAW, true, true, 0, 0, 1 },
	};

	(void)state;
	for (unsigned int i = 0; i < NR_OF(places); i++) {
		const struct place *place = &places[i];
		struct zswap_stats before, after;

		begin(0, place->has_store ? STORE_BYTES : 0);
		write_page(7, place->seed);
		evict(7, 1);
		assert_false(program_has(&world.program, world.first + 7));
		if (place->is_packed)
			pack_all();
		assert_int_equal(kind_of(7), place->kind);
		before = figures();
		assert_int_equal(before.compressed_bytes, zswap_slot_bytes(slot_of(7)));
		assert_int_equal(before.raw_pages, place->kind == ZSWAP_RAW);
		assert_int_equal(before.pool_pages, place->kind == ZSWAP_RAW || place->kind == ZSWAP_OBJECT);
		assert_page(7, place->seed);
		after = figures();
		assert_int_equal(after.zero_faults - before.zero_faults, place->nr_zero);
		assert_int_equal(after.standby_faults - before.standby_faults, place->nr_standby);
		assert_int_equal(after.pool_faults - before.pool_faults, place->nr_pool);
		assert_int_equal(after.compressed_bytes, 0);
		assert_int_equal(after.stored_faults, 0);
		end();
	}
}

/* Changed after it came back, and again, it is what it became. */
static void content_may_change_each_time(void **state)
{
	(void)state;
	begin(0, 0);
	for (uint32_t i = 0; i < 40; i++) {
		write_page(3, i);
		assert_page(3, i);
		if (i % 2)
			send_away(3, 1);
		else
			evict(3, 1);
		assert_page(3, i);
	}
	end();
}

static void words_take_no_object(void **state)
{
	(void)state;
	begin(0, 0);
	for (uint32_t page = 0; page < 50; page++)
		write_page(page, WORD(page));
	send_away(0, 50);
	assert_int_equal(count_kind(ZSWAP_FILL), 50);
	assert_int_equal(figures().same_filled_pages, 50);
	assert_int_equal(figures().pool_pages + figures().compressed_bytes, 0);
	for (uint32_t page = 0; page < 50; page++)
		assert_page(page, WORD(page));
	end();
}

/* ---- pages that do not compress ---- */

static void noise_stays_without_a_store(void **state)
{
	(void)state;
	begin(0, 0);
	write_page(0, NOISE(1));
	send_away(0, 1);
	assert_int_equal(slot_of(0), THERE | ZSWAP_STAYS);
	assert_true(program_has(&world.program, world.first));
	assert_int_equal(figures().incompressible, 1);
	assert_page(0, NOISE(1));
	/* It is passed over once when it is the oldest, then it is tried again. */
	for (uint32_t page = 100; slot_of(0) != THERE; page++)
		write_page(page, SMALL(page));
	assert_int_equal(figures().incompressible, 1);
	for (uint32_t page = 1000; figures().incompressible == 1; page++) {
		assert_true(page < 2000);
		write_page(page, SMALL(page));
	}
	assert_int_equal(figures().incompressible, 2);
	assert_page(0, NOISE(1));
	assert_int_equal(figures().lost_pages, 0);
	end();
}

/* So many bytes that do not compress, and zeroes. */
static void write_noise(uint32_t page, uint32_t noise_bytes)
{
	unsigned char content[PAGE] = { 0 };
	struct rng rng = { .state = page };

	rng_fill(&rng, content, noise_bytes);
	assert_int_equal(program_write(&world.program, world.first + page, content), 0);
}

/* What compresses to as much as a page takes in the pool has not compressed. */
static void what_hardly_compresses_is_noise(void **state)
{
	uint32_t largest = 0, nr_stay = 0;

	(void)state;
	begin(0, 0);
	for (uint32_t bytes = 2000; bytes <= PAGE; bytes += 16) {
		write_noise(bytes / 16, bytes);
		send_away(bytes / 16, 1);
		nr_stay += is_there(bytes / 16);
		if (zswap_slot_bytes(slot_of(bytes / 16)) > largest)
			largest = zswap_slot_bytes(slot_of(bytes / 16));
	}
	assert_true(nr_stay > 1);
	assert_in_range(largest, world.engine->huge_bytes - 17, world.engine->huge_bytes - 1);
	end();
}

/* ---- a full pool ---- */

#define POOL_BYTES MIB

static uint64_t pool_percent(uint64_t limit)
{
	return zswap_pool_bytes(world.engine) * 100 / limit;
}

static void a_full_pool_takes_no_more(void **state)
{
	uint64_t resident, evicted;

	(void)state;
	begin(POOL_BYTES, 0);
	fill_pages(1500);
	step_all();
	assert_true(figures().pool_limit_hit > 0);
	assert_in_range(pool_percent(POOL_BYTES), 90, 102);
	assert_true(figures().resident_pages > LIMIT_PAGES);
	assert_int_equal(world.nr_told, 1);
	assert_non_null(strstr(world.told, "pool is full"));
	resident = figures().resident_pages;
	evicted = figures().evicted;
	write_page(2000, HALF(2000));
	assert_false(zswap_engine_step(world.engine));
	assert_int_equal(figures().resident_pages, resident + 1);
	assert_int_equal(figures().evicted, evicted);
	assert_filled(0, 1500);
	end();
}

static void it_takes_more_when_a_tenth_is_free(void **state)
{
	uint64_t evicted;
	uint32_t page = 0;

	(void)state;
	begin(POOL_BYTES, 0);
	fill_pages(1500);
	step_all();
	evicted = figures().evicted;
	/* What is dropped as it was packed frees whole pages of the pool. */
	for (; zswap_pool_bytes(world.engine) > POOL_BYTES / 100 * 90; page++) {
		if (pool_percent(POOL_BYTES) > 92) {
			assert_false(zswap_engine_step(world.engine));
			assert_int_equal(figures().evicted, evicted);
		}
		program_drop(&world.program, world.first + page, 1, true);
	}
	zswap_engine_step(world.engine);
	assert_true(figures().evicted > evicted);
	step_all();
	/* It was full again. */
	assert_int_equal(world.nr_told, 1);
	for (; page < 1500; page++)
		assert_page(page, HALF(page));
	end();
}

static void holes_of_a_full_pool_are_used(void **state)
{
	uint64_t evicted;

	(void)state;
	begin(POOL_BYTES, 0);
	fill_pages(1500);
	step_all();
	evicted = figures().evicted;
	for (uint32_t page = 0; page < 400; page += 3)
		program_drop(&world.program, world.first + page, 1, true);
	assert_true(pool_percent(POOL_BYTES) >= 90);
	/* A step compacts for so long only, but moves an object at least. */
	for (uint32_t i = 0; i < 1500 && figures().evicted == evicted; i++)
		zswap_engine_step(world.engine);
	assert_true(figures().evicted > evicted);
	for (uint32_t page = 0; page < 1500; page++)
		assert_page(page, page < 400 && page % 3 == 0 ? ZERO : HALF(page));
	end();
}

static void nobody_has_to_be_told(void **state)
{
	struct zswap_engine_options options;

	(void)state;
	begin(0, 0);
	zswap_engine_destroy(world.engine);
	options = options_of(NULL, POOL_BYTES);
	options.on_error = NULL;
	options.wake = NULL;
	assert_int_equal(zswap_engine_create(&options, &world.engine), 0);
	world.program.engine = world.engine;
	assert_int_equal(zswap_engine_add(world.engine, NR_PAGES, &world.first), 0);
	fill_pages(1500);
	assert_true(figures().pool_limit_hit > 0);
	end();
}

/* ---- numbers ---- */

static void dropped_pages_read_as_zeroes(void **state)
{
	static const uint32_t seeds[] = { HALF(1), WORD(1), NOISE(1), ZERO };

	(void)state;
	begin(0, STORE_BYTES);
	for (unsigned int way = 0; way < 3 * NR_OF(seeds); way++) {
		uint32_t page = way * 20;

		write_page(page, seeds[way / 3]);
		if (way % 3 == 1)
			evict(page, 1);
		else if (way % 3 == 2)
			send_away(page, 1);
		program_drop(&world.program, world.first + page, 1, way & 1);
		assert_int_equal(kind_of(page), ZSWAP_EMPTY);
		audit();
		assert_page(page, ZERO);
	}
	pack_all();
	assert_int_equal(figures().pool_pages, 0);
	end();
}

/* What stands by when it is dropped is not packed, whatever its number is by then. */
static void numbers_are_used_again(void **state)
{
	uint32_t first;

	(void)state;
	begin(0, 0);
	assert_int_equal(zswap_engine_add(world.engine, 100, &first), 0);
	assert_int_not_equal(first, world.first);
	for (uint32_t i = 0; i < 100; i++)
		write_page(first - world.first + i, HALF(i));
	evict(first - world.first, 64);
	program_drop(&world.program, first, 100, false);
	zswap_engine_forget(world.engine, first, 100);
	assert_int_equal(figures().managed_pages, NR_PAGES);
	assert_int_equal(zswap_engine_fault(world.engine, first, true), -ENOENT);
	zswap_engine_cold(world.engine, first, 100);
	evict(first - world.first, 100);
	pack_all();
	assert_int_equal(figures().packed, 0);
	audit();
	assert_int_equal(zswap_engine_add(world.engine, 50, &first), 0);
	assert_int_equal(figures().managed_pages, NR_PAGES + 50);
	assert_int_equal(zswap_engine_fault(world.engine, first + 50, true), -ENOENT);
	for (uint32_t i = 0; i < 50; i++)
		assert_page(first - world.first + i, ZERO);
	program_drop(&world.program, first, 50, false);
	zswap_engine_forget(world.engine, first, 50);
	end();
}

static void there_are_only_so_many_numbers(void **state)
{
	uint32_t first;

	(void)state;
	begin(0, 0);
	assert_int_equal(zswap_engine_add(world.engine, (uint64_t)1 << 33, &first), -ENOMEM);
	assert_int_equal(zswap_engine_add(world.engine, 0, &first), -ENOMEM);
	assert_int_equal(figures().managed_pages, NR_PAGES);
	end();
}

static void the_table_takes_what_is_used_of_it(void **state)
{
	uint64_t one;

	(void)state;
	begin(0, 0);
	assert_int_equal(figures().table_bytes, 0);
	write_page(0, HALF(1));
	one = figures().table_bytes;
	assert_true(one >= PAGE);
	write_page(255, HALF(1));
	assert_int_equal(figures().table_bytes, one);
	assert_page(256, ZERO);
	assert_int_equal(figures().table_bytes, 2 * one);
	/* It stays until the numbers are given back. */
	program_drop(&world.program, world.first, NR_PAGES, false);
	assert_int_equal(figures().table_bytes, 2 * one);
	zswap_engine_forget(world.engine, world.first, NR_PAGES);
	assert_int_equal(figures().table_bytes, 0);
	assert_int_equal(zswap_engine_add(world.engine, NR_PAGES, &world.first), 0);
	end();
}

/* ---- advice ---- */

static void cold_pages_go_first(void **state)
{
	(void)state;
	begin(0, 0);
	fill_pages(HIGH_PAGES);
	zswap_engine_cold(world.engine, world.first + 100, 64);
	assert_int_equal(figures().resident_pages, HIGH_PAGES);
	evict_oldest();
	for (uint32_t page = 0; page < HIGH_PAGES; page++)
		assert_int_equal(kind_of(page) == ZSWAP_STANDBY, page >= 100 && page < 164);
	/* What is elsewhere is not touched. */
	zswap_engine_cold(world.engine, world.first, NR_PAGES);
	audit();
	assert_filled(0, HIGH_PAGES);
	end();
}

static void needed_pages_are_brought(void **state)
{
	uint64_t faults;

	(void)state;
	begin(0, STORE_BYTES);
	store_noise(0, 256, 0);
	for (uint32_t page = 304; page < 352; page++)
		write_page(page, page < 320 ? HALF(page) : WORD(page));
	send_away(304, 30);
	evict(334, 18);
	assert_int_equal(zswap_engine_need(world.engine, world.first + 240, 120), 0);
	for (uint32_t page = 240; page < 360; page++)
		assert_true(is_there(page)); /* also where nothing was before */
	faults = figures().faults;
	for (uint32_t page = 240; page < 256; page++)
		assert_page(page, NOISE(page));
	for (uint32_t page = 304; page < 352; page++)
		assert_page(page, page < 320 ? HALF(page) : WORD(page));
	assert_int_equal(figures().faults, faults);
	end();
}

static void pages_are_evicted_at_once(void **state)
{
	(void)state;
	begin(0, 0);
	fill_pages(160);
	evict(10, 100);
	for (uint32_t page = 0; page < 160; page++)
		assert_int_equal(is_there(page), page < 10 || page >= 110);
	assert_int_equal(figures().evicted, 100);
	assert_int_equal(figures().standby_pages, 100);
	/* All that is resident, in many batches. */
	evict(0, NR_PAGES);
	assert_int_equal(figures().resident_pages, 0);
	assert_int_equal(figures().evicted, 160);
	assert_filled(0, 160);
	end();
}

/* ---- options ---- */

static void some_options_make_no_engine(void **state)
{
	struct zswap_engine_options options;
	struct zswap_engine *engine;

	(void)state;
	begin(0, 0);
	options = options_of(NULL, 0);
	options.resident_limit_bytes -= 1;
	assert_int_equal(zswap_engine_create(&options, &engine), -EINVAL);
	options = options_of(NULL, 0);
	options.nr_lanes = 0;
	assert_int_equal(zswap_engine_create(&options, &engine), -EINVAL);
	world.program.memory.standby_pages--;
	options = options_of(NULL, 0);
	assert_int_equal(zswap_engine_create(&options, &engine), -EINVAL);
	world.program.memory.standby_pages++;
	assert_int_equal(zswap_engine_create(&options, &engine), 0);
	zswap_engine_destroy(engine);
	zswap_engine_destroy(NULL);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(untouched_pages_read_as_zeroes),
		cmocka_unit_test(nothing_goes_below_the_limit),
		cmocka_unit_test(the_oldest_go_ahead_of_demand),
		cmocka_unit_test(who_is_beyond_the_limit_waits_for_room),
		cmocka_unit_test(what_came_back_goes_last),
		cmocka_unit_test(content_comes_back_from_everywhere),
		cmocka_unit_test(content_may_change_each_time),
		cmocka_unit_test(words_take_no_object),
		cmocka_unit_test(noise_stays_without_a_store),
		cmocka_unit_test(what_hardly_compresses_is_noise),
		cmocka_unit_test(a_full_pool_takes_no_more),
		cmocka_unit_test(it_takes_more_when_a_tenth_is_free),
		cmocka_unit_test(holes_of_a_full_pool_are_used),
		cmocka_unit_test(nobody_has_to_be_told),
		cmocka_unit_test(dropped_pages_read_as_zeroes),
		cmocka_unit_test(numbers_are_used_again),
		cmocka_unit_test(there_are_only_so_many_numbers),
		cmocka_unit_test(the_table_takes_what_is_used_of_it),
		cmocka_unit_test(cold_pages_go_first),
		cmocka_unit_test(needed_pages_are_brought),
		cmocka_unit_test(pages_are_evicted_at_once),
		cmocka_unit_test(some_options_make_no_engine),
	};

	return cmocka_run_group_tests_name("zswap engine", tests, NULL, NULL);
}
