/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The engine of compressed memory with a program that is simulated, and a store that may be full, fail, or give back
 * other bytes. What is due is done when the test says so.
 */
#include "zswap_unit.h"

#include "log.h"
#include "random.h"

#define MIB (1u << 20)
#define STORE_BYTES (16 * MIB)

/* Nothing tells here what was written, so all that is resident is old. */
#define THERE (ZSWAP_RESIDENT | ZSWAP_OLD)

/* The first pages have content, and are packed. */
static void put_away(uint32_t nr)
{
	for (uint32_t page = 0; page < nr; page++)
		write_page(page, HALF(page));
	send_away(0, nr);
}

/* ---- first touch, and below the limit ---- */

static void untouched_pages_read_as_zeroes(void **state)
{
	static const unsigned char byte = 7;
	unsigned char want[PAGE] = { 0 }, got[PAGE];

	(void)state;
	begin(0, 0);
	assert_page(5, ZERO);
	assert_int_equal(figures().zero_faults, 1);
	assert_int_equal(kind_of(5), ZSWAP_RESIDENT);
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
	for (uint32_t page = 0; page < HIGH_PAGES; page++)
		write_page(page, HALF(page));
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
	for (uint32_t page = 0; page < HIGH_PAGES; page++)
		write_page(page, HALF(page));
	step_all();
	assert_in_range(figures().resident_pages + figures().standby_pages, 1, LOW_PAGES);
	assert_int_equal(figures().packed + figures().standby_pages, figures().evicted);
	for (uint32_t page = 0; page < HIGH_PAGES; page++)
		assert_int_equal(kind_of(page) == ZSWAP_RESIDENT, page >= figures().evicted);
	assert_int_equal(kind_of(0), ZSWAP_OBJECT);
	assert_int_equal(figures().direct_evictions, 0);
	assert_false(zswap_engine_step(world.engine));
	for (uint32_t page = 0; page < HIGH_PAGES; page++)
		assert_page(page, HALF(page));
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
		assert_int_equal(kind_of(page), ZSWAP_RESIDENT);
	}
	assert_true(figures().direct_evictions > 0);
	assert_int_not_equal(kind_of(0), ZSWAP_RESIDENT);
	for (uint32_t page = 0; page < 1000; page++)
		assert_page(page, page);
	end();
}

/* A page that comes back is the newest. */
static void what_came_back_goes_last(void **state)
{
	(void)state;
	begin(0, 0);
	for (uint32_t page = 0; page < 64; page++)
		write_page(page, HALF(page));
	evict(0, 1);
	assert_page(0, HALF(0));
	for (uint32_t page = 64; page < HIGH_PAGES; page++)
		write_page(page, HALF(page));
	zswap_engine_step(world.engine);
	assert_int_not_equal(kind_of(63), ZSWAP_RESIDENT);
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

/* ---- read-ahead ---- */

static void a_walk_brings_what_follows(void **state)
{
	struct zswap_stats before, after;

	(void)state;
	begin(0, 0);
	put_away(64);
	before = figures();
	assert_page(0, HALF(0));
	assert_int_equal(kind_of(1), ZSWAP_OBJECT);
	assert_page(1, HALF(1));
	assert_int_equal(kind_of(2), ZSWAP_RESIDENT);
	assert_int_equal(kind_of(3), ZSWAP_OBJECT);
	assert_page(2, HALF(2));
	assert_page(3, HALF(3));
	assert_int_equal(kind_of(6), ZSWAP_RESIDENT);
	assert_int_equal(kind_of(7), ZSWAP_OBJECT);
	for (uint32_t page = 7; page < 15; page++)
		assert_page(page, HALF(page));
	assert_page(15, HALF(15));
	assert_int_equal(kind_of(16), ZSWAP_OBJECT);
	for (uint32_t page = 16; page < 64; page++)
		assert_page(page, HALF(page));
	after = figures();
	assert_int_equal(after.faults - before.faults + after.read_ahead - before.read_ahead, 64);
	assert_true(after.faults - before.faults <= 16);
	end();
}

/* What follows and has nothing to come is left alone, also beyond it. */
static void a_walk_stops_at_what_is_there(void **state)
{
	(void)state;
	begin(0, 0);
	for (uint32_t page = 0; page < 16; page++)
		write_page(page, HALF(page));
	evict(0, 4);
	evict(5, 11);
	pack_all();
	write_page(4, HALF(77));
	for (uint32_t page = 0; page < 4; page++)
		assert_page(page, HALF(page));
	assert_int_equal(kind_of(5), ZSWAP_OBJECT);
	assert_page(4, HALF(77));
	/* And zeroes do not go on as content. */
	write_page(35, HALF(35));
	assert_page(32, ZERO);
	assert_page(33, ZERO);
	assert_int_equal(kind_of(34), ZSWAP_RESIDENT);
	assert_int_equal(kind_of(36), ZSWAP_EMPTY);
	assert_page(35, HALF(35));
	end();
}

static void faults_here_and_there_bring_nothing_else(void **state)
{
	uint64_t before;

	(void)state;
	begin(0, 0);
	put_away(256);
	before = figures().read_ahead;
	for (uint32_t i = 0; i < 64; i++)
		assert_page(i * 37 % 64 * 4, HALF(i * 37 % 64 * 4));
	assert_int_equal(figures().read_ahead, before);
	end();
}

/* Touches one page of each block, or two, where no walk is seen: backward. Returns how many came ahead. */
static uint64_t touch_blocks(uint32_t first, uint32_t nr, unsigned int times)
{
	uint64_t before = figures().read_ahead;

	for (uint32_t page = first + nr; page > first; page -= 4) {
		assert_page(page - 1, HALF(page - 1));
		if (times > 1)
			assert_page(page - 3, HALF(page - 3));
	}
	return figures().read_ahead - before;
}

/* Where a third of the blocks have one; in any order, and not what the program has dropped. */
static void a_second_fault_brings_the_block(void **state)
{
	uint64_t before;

	(void)state;
	begin(0, 0);
	for (uint32_t page = 0; page < 256; page++)
		write_page(page, HALF(page));
	send_away(4, 4);
	send_away(10, 1);
	send_away(64, 192);
	assert_int_equal(touch_blocks(192, 64, 1), 0);
	before = touch_blocks(128, 32, 2);
	assert_in_range(before, 1, 8 * 2 - 1);
	program_drop(&world.program, world.first + 5, 1, true);
	before = figures().read_ahead;
	assert_page(10, HALF(10)); /* with three beside it that never went */
	assert_page(7, HALF(7));
	assert_int_equal(figures().read_ahead, before);
	assert_page(4, HALF(4));
	assert_int_equal(figures().read_ahead, before + 1);
	assert_int_equal(kind_of(5), ZSWAP_EMPTY);
	assert_int_equal(kind_of(6), ZSWAP_RESIDENT);
	assert_page(5, ZERO);
	assert_page(6, HALF(6));
	end();
}

/* All that came is too long ago to be followed. */
static void forget_what_came(void)
{
	world.engine->replay.end += world.engine->replay.mask + 1;
}

/* Where most blocks had a second fault the first one brings all; where they do not any more, it stops. */
static void it_learns_whether_blocks_are_wanted(void **state)
{
	uint64_t nr;

	(void)state;
	begin(0, 0);
	put_away(512);
	touch_blocks(384, 128, 2);
	nr = touch_blocks(192, 192, 1);
	assert_in_range(nr, 48 * 3 * 3 / 4, 48 * 3 - 1);
	for (unsigned int i = 0; i < 8; i++) {
		send_away(0, 192);
		forget_what_came();
		touch_blocks(0, 192, 1);
	}
	send_away(0, 192);
	forget_what_came();
	assert_int_equal(touch_blocks(0, 192, 1), 0);
	end();
}

/* Pages that stay, as there is room, are met by others in the end: that is no reason. */
static void late_faults_of_a_block_tell_nothing(void **state)
{
	uint64_t before;

	(void)state;
	begin(0, 0);
	put_away(256);
	before = figures().read_ahead;
	touch_blocks(0, 128, 1);
	for (unsigned int i = 0; i < 256; i++)
		assert_int_equal(zswap_engine_fault(world.engine, world.first + 127, false), 0);
	for (uint32_t page = 0; page < 128; page += 4)
		assert_page(page + 1, HALF(page + 1));
	touch_blocks(128, 128, 1);
	assert_int_equal(figures().read_ahead, before);
	end();
}

/* Touches one page of each of 16 blocks that are empty, or two, backward. Returns how many are resident then. */
static uint64_t touch_empty(uint32_t first, unsigned int times)
{
	uint64_t before = figures().resident_pages;

	for (uint32_t page = first + 64; page > first; page -= 4) {
		assert_page(page - 4, ZERO);
		if (times > 1)
			assert_page(page - 2, ZERO);
	}
	return figures().resident_pages - before;
}

/* As above: blocks that nothing was written to yet. */
static void empty_blocks_come_if_they_are_wanted(void **state)
{
	(void)state;
	begin(0, 0);
	assert_int_equal(touch_empty(0, 1), 16);
	assert_in_range(touch_empty(64, 2), 2 * 16, 3 * 16);
	assert_in_range(touch_empty(1024, 2), 2 * 16, 3 * 16);
	assert_in_range(touch_empty(1088, 1), 16 * 4 * 3 / 4, 16 * 4 - 1);
	write_page(1152 + 3, HALF(3)); /* and no more than there are */
	assert_int_equal(kind_of(1152), ZSWAP_EMPTY);
	assert_page(1152 + 2, ZERO);
	assert_page(1152 + 3, HALF(3));
	end();
}

/* ---- replay ---- */

#define NR_WALKED 64u /* blocks, in an order of their own; of each one page */

static uint32_t walked(uint32_t i)
{
	return i * 37 % NR_WALKED * 4 + (i & 3);
}

static void walk(void)
{
	for (uint32_t i = 0; i < NR_WALKED; i++)
		assert_page(walked(i), HALF(walked(i)));
}

/* Returns how many faults it had. */
static uint64_t walk_again(void)
{
	uint64_t before = figures().faults;

	send_away(0, NR_WALKED * 4);
	walk();
	return figures().faults - before;
}

/* Whatever order that is, and but for what is not away, or not wanted any more. */
static void what_came_next_comes_along(void **state)
{
	uint64_t before;

	(void)state;
	begin(0, 0);
	put_away(NR_WALKED * 4);
	before = figures().read_ahead;
	walk();
	assert_int_equal(figures().read_ahead, before);
	assert_in_range(walk_again(), 4, NR_WALKED / 4);
	assert_true(figures().pool_pages < NR_WALKED); /* with what is beside them */
	end();
}

static void what_is_gone_does_not_come_along(void **state)
{
	uint32_t dropped = walked(20) & ~3u, gone = walked(30) & ~3u;

	(void)state;
	begin(0, 0);
	put_away(NR_WALKED * 4);
	walk();
	send_away(0, NR_WALKED * 4);
	program_drop(&world.program, world.first + dropped, 4, true);
	zswap_engine_unmap(world.engine, world.first + gone, 4);
	for (uint32_t i = 0; i < 18; i++)
		assert_page(walked(i), HALF(walked(i)));
	assert_int_equal(kind_of(walked(19)), ZSWAP_RESIDENT);
	for (uint32_t page = 0; page < 4; page++) {
		assert_int_equal(kind_of(dropped + page), ZSWAP_EMPTY);
		assert_false(program_has(&world.program, world.first + gone + page));
	}
	end();
}

static uint64_t present(void)
{
	return figures().resident_pages + figures().standby_pages;
}

/* However much came next the last time, it stops where no more may be resident. */
static void what_comes_along_keeps_to_the_limit(void **state)
{
	uint32_t fresh = NR_WALKED * 4;

	(void)state;
	begin(0, 0);
	put_away(NR_WALKED * 4);
	for (unsigned int turn = 0; turn < 3; turn++) {
		send_away(0, NR_WALKED * 4);
		for (uint32_t i = 0; i < NR_WALKED; i++) {
			for (; present() < LIMIT_PAGES - 1 && fresh < NR_PAGES; fresh++)
				write_page(fresh, WORD(fresh));
			assert_page(walked(i), HALF(walked(i)));
			assert_true(present() <= LIMIT_PAGES + ZSWAP_BLOCK_PAGES);
		}
	}
	end();
}

/* Numbers of a mapping that has gone may be another's, or nobody's. */
static void numbers_that_are_gone_do_not_come_along(void **state)
{
	uint32_t first;

	(void)state;
	begin(0, 0);
	assert_int_equal(zswap_engine_add(world.engine, 8, &first), 0);
	put_away(16);
	for (uint32_t i = 0; i < 2; i++) {
		assert_page(0, HALF(0));
		assert_page(9, HALF(9));
		if (!i)
			zswap_replay_note(&world.engine->replay, first / 4);
		send_away(0, 16);
		if (!i)
			zswap_engine_forget(world.engine, first, 8);
	}
	end();
}

/* Over and over through more than may be resident: most of what stayed the first time is found again. */
static void a_scan_drives_out_what_it_brought(void **state)
{
	const uint32_t nr = LIMIT_PAGES * 2;
	uint64_t before;

	(void)state;
	begin(0, 0);
	for (uint32_t page = 0; page < nr; page++)
		write_page(page, HALF(page));
	for (uint32_t page = 0; page < nr; page++)
		assert_page(page, HALF(page));
	before = figures().faults + figures().read_ahead;
	for (unsigned int round = 0; round < 4; round++)
		for (uint32_t page = 0; page < nr; page++)
			assert_page(page, HALF(page));
	assert_true(figures().faults + figures().read_ahead - before < 4 * nr * 9 / 10);
	end();
}

/* Of what comes back from the pool; what never left is no guest. And all that comes of a group does, or none. */
static void one_guest_in_32_stays(void **state)
{
	unsigned int nr_staying = 0;

	(void)state;
	begin(0, 0);
	for (uint32_t page = 0; page < NR_PAGES; page += 8) {
		write_page(page, HALF(page));
		assert_false(slot_of(page) & ZSWAP_GUEST);
	}
	for (unsigned int round = 0; round < 16; round++) {
		send_away(0, NR_PAGES);
		for (uint32_t page = 0; page < NR_PAGES; page += 16) {
			assert_page(page, HALF(page));
			assert_page(page + 8, HALF(page + 8));
			assert_int_equal(slot_of(page) & ZSWAP_GUEST, slot_of(page + 8) & ZSWAP_GUEST);
			nr_staying += !(slot_of(page) & ZSWAP_GUEST);
		}
	}
	assert_in_range(nr_staying, 16 * NR_PAGES / 16 / 64, 16 * NR_PAGES / 16 / 16);
	end();
}

/* But who moves on to other pages, and comes back to them again and again, has them in the end. */
static void what_is_of_no_use_any_more_goes(void **state)
{
	const uint32_t nr = LIMIT_PAGES / 4;
	uint64_t before;

	(void)state;
	begin(0, 0);
	for (uint32_t page = 0; page < LIMIT_PAGES + nr; page++)
		write_page(page, HALF(page));
	send_away(0, nr);
	for (unsigned int round = 0; round < 100; round++)
		for (uint32_t page = 0; page < nr; page++)
			assert_page(page, HALF(page));
	before = figures().faults;
	for (uint32_t page = 0; page < nr; page++)
		assert_page(page, HALF(page));
	assert_true(figures().faults - before < nr / 8);
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
		nr_stay += kind_of(bytes / 16) == ZSWAP_RESIDENT;
		if (zswap_slot_bytes(slot_of(bytes / 16)) > largest)
			largest = zswap_slot_bytes(slot_of(bytes / 16));
	}
	assert_true(nr_stay > 1);
	assert_in_range(largest, world.engine->huge_bytes - 17, world.engine->huge_bytes - 1);
	end();
}

static void noise_goes_to_the_store_before_all_others(void **state)
{
	(void)state;
	begin(0, STORE_BYTES);
	for (uint32_t page = 0; page < 600; page++)
		write_page(page, page < 300 ? SMALL(page) : NOISE(page));
	send_away(0, 300);
	send_away(300, 255);
	assert_int_equal(figures().raw_pages, 255);
	zswap_engine_step(world.engine);
	assert_int_equal(figures().stored_pages, 0);
	send_away(555, 1);
	zswap_engine_step(world.engine);
	assert_int_equal(figures().stored_pages, 256);
	assert_int_equal(figures().written_back_pages, 256);
	assert_int_equal(figures().raw_pages, 0);
	assert_int_equal(figures().backing_bytes, 256 * PAGE);
	for (uint32_t page = 300; page < 556; page++)
		assert_int_equal(kind_of(page), ZSWAP_STORED);
	for (uint32_t page = 300; page < 600; page++)
		assert_page(page, NOISE(page));
	assert_true(figures().stored_faults > 0);
	assert_int_equal(figures().stored_pages, 0);
	end();
}

/* ---- a full pool ---- */

#define POOL_BYTES MIB

static uint64_t pool_percent(uint64_t limit)
{
	return zswap_pool_bytes(world.engine) * 100 / limit;
}

static void fill_pool(uint32_t nr_pages)
{
	for (uint32_t page = 0; page < nr_pages; page++)
		write_page(page, HALF(page));
}

static void a_full_pool_takes_no_more(void **state)
{
	uint64_t resident, evicted;

	(void)state;
	begin(POOL_BYTES, 0);
	fill_pool(1500);
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
	for (uint32_t page = 0; page < 1500; page++)
		assert_page(page, HALF(page));
	end();
}

static void it_takes_more_when_a_tenth_is_free(void **state)
{
	uint64_t evicted;
	uint32_t page = 0;

	(void)state;
	begin(POOL_BYTES, 0);
	fill_pool(1500);
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
	fill_pool(1500);
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
	fill_pool(1500);
	assert_true(figures().pool_limit_hit > 0);
	end();
}

/* ---- writing back ---- */

#define RETRY_FAULTS 256u

/* Faults stand for a clock: of a page that the program drops again and again. */
static void pass_faults(unsigned int nr)
{
	for (; nr; nr--) {
		program_lose(&world.program, world.first + NR_PAGES - 3);
		assert_page(NR_PAGES - 3, ZERO);
	}
}

#define WRITEBACK_BYTES (4 * MIB) /* of the pool, of which writing back takes some itself */

/* How many of the pages from the first on are in the store; all others are not. */
static uint32_t count_stored_prefix(void)
{
	uint32_t nr = 0;

	while (kind_of(nr) == ZSWAP_STORED)
		nr++;
	assert_int_equal(nr, count_kind(ZSWAP_STORED));
	return nr;
}

static void the_oldest_are_written_until_a_tenth_is_free(void **state)
{
	uint32_t page = 0;

	(void)state;
	begin(WRITEBACK_BYTES, STORE_BYTES);
	while (zswap_pool_bytes(world.engine) <= WRITEBACK_BYTES / 100 * 96) {
		assert_int_equal(figures().written_back_pages, 0);
		write_page(page, HALF(page));
		page++;
		zswap_engine_step(world.engine);
	}
	step_all();
	assert_true(zswap_pool_bytes(world.engine) <= WRITEBACK_BYTES / 100 * 90);
	assert_true(zswap_pool_bytes(world.engine) > WRITEBACK_BYTES / 100 * 55);
	assert_int_equal(count_stored_prefix(), figures().written_back_pages);
	assert_int_equal(figures().pool_limit_hit, 0);
	assert_int_equal(world.nr_told, 0);
	while (page)
		page--, assert_page(page, HALF(page));
	end();
}

/* Between the marks, nothing is written but to come down. */
static void what_is_below_the_mark_is_not_written(void **state)
{
	uint64_t written;
	uint32_t page = 0;

	(void)state;
	begin(WRITEBACK_BYTES, STORE_BYTES);
	for (; !figures().written_back_pages; page++) {
		write_page(page, HALF(page));
		zswap_engine_step(world.engine);
	}
	step_all();
	written = figures().written_back_pages;
	for (; zswap_pool_bytes(world.engine) <= WRITEBACK_BYTES / 100 * 94; page++) {
		write_page(page, HALF(page));
		zswap_engine_step(world.engine);
		assert_int_equal(figures().written_back_pages, written);
	}
	end();
}

static bool is_above(unsigned int percent)
{
	return zswap_pool_bytes(world.engine) > WRITEBACK_BYTES / 100 * percent;
}

/* One page at a time: from where on it is due, and down to where it goes. */
static void the_marks_are_at_96_and_90_percent(void **state)
{
	uint32_t page = 0;

	(void)state;
	begin(WRITEBACK_BYTES, STORE_BYTES);
	for (; !is_above(90); page++) {
		assert_false(zswap_writeback_once(world.engine));
		write_page(page, HALF(page));
		send_away(page, 1);
	}
	assert_true(zswap_writeback_once(world.engine));
	assert_false(is_above(90));
	for (; !is_above(96); page++) {
		assert_false(zswap_writeback_is_due(world.engine));
		write_page(page, HALF(page));
		send_away(page, 1);
	}
	assert_true(zswap_writeback_is_due(world.engine));
	end();
}

/* Nobody steps: faults make room by themselves. */
static void faults_write_back_what_must_go(void **state)
{
	(void)state;
	begin(WRITEBACK_BYTES, STORE_BYTES);
	fill_pool(3000);
	assert_true(figures().written_back_pages > 500);
	assert_in_range(figures().resident_pages + figures().standby_pages, 1, LIMIT_PAGES + ZSWAP_GROUP_PAGES);
	assert_int_equal(world.nr_told, 0);
	for (uint32_t page = 0; page < 3000; page++)
		assert_page(page, HALF(page));
	assert_true(figures().stored_faults > 0);
	end();
}

static void a_full_store_leaves_pages_in_memory(void **state)
{
	uint64_t written;

	(void)state;
	begin(WRITEBACK_BYTES, MIB);
	fill_pool(4000);
	written = figures().written_back_pages;
	assert_in_range(written, 256, 600);
	assert_true(figures().resident_pages > LIMIT_PAGES);
	assert_int_equal(figures().failed_writes, 0);
	for (uint32_t page = 3000; page < 4000; page++)
		assert_page(page, HALF(page));
	/* Once there is room, it is found after some faults. */
	program_drop(&world.program, world.first, 2000, true);
	pass_faults(RETRY_FAULTS);
	fill_pool(2000);
	assert_true(figures().written_back_pages > written);
	for (uint32_t page = 0; page < 4000; page++)
		assert_page(page, HALF(page));
	end();
}

static void a_store_that_fails_loses_nothing(void **state)
{
	(void)state;
	begin(WRITEBACK_BYTES, STORE_BYTES);
	world.store.write_err = -EIO;
	fill_pool(2500);
	assert_int_equal(figures().failed_writes, 1);
	assert_int_equal(world.nr_told, 1);
	assert_int_equal(figures().stored_pages + figures().backing_bytes, 0);
	audit();
	for (uint32_t page = 0; page < 2500; page++)
		assert_page(page, HALF(page));
	end();
}

/* The oldest are the oldest still. */
static void what_could_not_be_written_is_tried_again(void **state)
{
	uint32_t page = 0;

	(void)state;
	begin(WRITEBACK_BYTES, STORE_BYTES);
	world.store.write_err = -EIO;
	for (; !figures().failed_writes; page++) {
		write_page(page, HALF(page));
		zswap_engine_step(world.engine);
	}
	audit();
	assert_int_equal(world.engine->objects.oldest, world.first + 1); /* links are numbers + 1 */
	pass_faults(RETRY_FAULTS - 2);
	step_all();
	assert_int_equal(figures().failed_writes, 1);
	pass_faults(2);
	step_all();
	assert_int_equal(figures().failed_writes, 2);
	world.store.write_err = 0;
	pass_faults(RETRY_FAULTS);
	step_all();
	assert_int_equal(figures().failed_writes, 2);
	assert_int_equal(world.nr_told, 1);
	assert_in_range(count_stored_prefix(), 256, 600);
	while (page)
		page--, assert_page(page, HALF(page));
	end();
}

static void damaged_pages_are_told_of(void **state)
{
	unsigned char got[PAGE];

	(void)state;
	begin(0, STORE_BYTES);
	for (uint32_t page = 0; page < 256; page++)
		write_page(page, NOISE(page));
	for (uint32_t page = 0; page < 256; page += 64)
		send_away(page, 64);
	step_all();
	assert_int_equal(kind_of(10), ZSWAP_STORED);
	world.store.corrupts = true;
	assert_int_equal(program_read(&world.program, world.first + 10, got), -EIO);
	assert_int_equal(figures().lost_pages, 1);
	assert_true(world.nr_told > 0);
	assert_non_null(strstr(world.told, "cannot be had"));
	assert_false(program_has(&world.program, world.first + 10));
	write_page(300, HALF(1));
	send_away(300, 1);
	assert_page(300, HALF(1));
	assert_page(301, ZERO);
	assert_int_equal(zswap_engine_need(world.engine, world.first, 20), -EIO);
	world.store.corrupts = false;
	world.store.read_err = -ETIMEDOUT;
	assert_int_equal(program_read(&world.program, world.first + 11, got), -EIO);
	world.store.read_err = 0;
	/* Should it be readable after all, it is. */
	for (uint32_t page = 0; page < 256; page++)
		assert_page(page, NOISE(page));
	end();
}

/* A walk that comes to a damaged page ends before it; the page itself is lost only to who touches it. */
static void reading_ahead_does_not_lose_pages(void **state)
{
	unsigned char bytes[PAGE];

	(void)state;
	begin(0, STORE_BYTES);
	for (uint32_t page = 0; page < 256; page++)
		write_page(page, NOISE(page));
	for (uint32_t page = 0; page < 256; page += 64)
		send_away(page, 64);
	step_all();
	/* The first page that was written is page 0's. */
	program_make(bytes, NOISE(3));
	assert_memory_equal(world.store.bytes + 3 * PAGE, bytes, PAGE);
	world.store.bytes[3 * PAGE] ^= 1;
	for (uint32_t page = 0; page < 3; page++)
		assert_page(page, NOISE(page));
	assert_int_equal(figures().lost_pages, 0);
	assert_int_equal(program_read(&world.program, world.first + 3, bytes), -EIO);
	assert_int_equal(figures().lost_pages, 1);
	assert_page(4, NOISE(4));
	end();
}

/* ---- what changes while it is written ---- */

static void store_256(void)
{
	for (uint32_t page = 0; page < 256; page++)
		write_page(page, NOISE(page));
	for (uint32_t page = 0; page < 256; page += 64)
		send_away(page, 64);
	assert_int_equal(figures().raw_pages, 256);
	zswap_engine_step(world.engine);
	assert_null(world.during_write);
}

static void change_some(void)
{
	write_page(5, HALF(1000));
	program_drop(&world.program, world.first + 6, 1, true);
	assert_page(7, NOISE(7));
}

static void what_changed_meanwhile_is_not_stored(void **state)
{
	(void)state;
	begin(0, STORE_BYTES);
	world.during_write = change_some;
	store_256();
	assert_int_equal(figures().stored_pages, 253);
	assert_int_equal(figures().written_back_pages, 253);
	assert_int_equal(figures().backing_bytes, 253 * PAGE);
	for (uint32_t page = 0; page < 256; page++)
		assert_page(page, page == 5 ? HALF(1000) : page == 6 ? ZERO : NOISE(page));
	end();
}

/* ---- cleaning the store ---- */

/* So many pages that do not compress, by a number of their content's; they are in the store then. */
static void store_noise(uint32_t first, uint32_t nr, uint32_t turn)
{
	for (uint32_t page = first; page < first + nr; page += 64) {
		for (uint32_t i = page; i < page + 64; i++)
			write_page(i, NOISE(i + turn * NR_PAGES));
		send_away(page, 64);
		step_all();
	}
}

/* All are written over time and again: old places must be found for the new ones. */
static void a_sparse_store_is_cleaned(void **state)
{
	uint32_t turn_of[1024] = { 0 };

	(void)state;
	begin(0, 8 * MIB);
	store_noise(0, 1024, 0);
	for (uint32_t turn = 1; turn < 20; turn++) {
		/* Every fourth page, so that no segment becomes free by itself. */
		for (uint32_t page = turn % 4; page < 1024; page += 4) {
			write_page(page, NOISE(page + turn * NR_PAGES));
			turn_of[page] = turn;
		}
		for (uint32_t page = 0; page < 1024; page += 64)
			send_away(page, 64);
		step_all();
		pass_faults(RETRY_FAULTS);
		step_all();
		assert_true(figures().raw_pages < 256);
	}
	assert_int_equal(figures().failed_writes, 0);
	assert_true(figures().written_back_pages > 20 * 200);
	assert_int_equal(figures().stored_pages, count_kind(ZSWAP_STORED));
	assert_int_equal(figures().backing_bytes, figures().stored_pages * PAGE);
	for (uint32_t page = 0; page < 1024; page++)
		assert_page(page, NOISE(page + turn_of[page] * NR_PAGES));
	end();
}

#define NR_REGIONS 5u
#define REGION_PAGES 512u

/* A page of each region in turn, next to each other in the store. */
static uint32_t page_of_regions(const uint32_t *first, uint32_t i)
{
	return first[i % NR_REGIONS] - world.first + i / NR_REGIONS;
}

/* What is left in the store is in pages of many chunks: together they take as little room as there is. */
static void what_is_cleaned_comes_together(void **state)
{
	uint32_t first[NR_REGIONS];
	unsigned int nr_writes;

	(void)state;
	begin(0, 8 * MIB);
	for (uint32_t i = 0; i < NR_REGIONS; i++)
		assert_int_equal(zswap_engine_add(world.engine, REGION_PAGES, &first[i]), 0);
	for (uint32_t i = 0; i < 6 * 256; i++) {
		write_page(page_of_regions(first, i), NOISE(i));
		send_away(page_of_regions(first, i), 1);
		if (i % 256 == 255)
			step_all();
	}
	assert_int_equal(figures().stored_pages, 6 * 256);
	for (uint32_t i = 0; i < 6 * 256; i++)
		if (i % 16)
			program_drop(&world.program, world.first + page_of_regions(first, i), 1, true);
	nr_writes = world.store.nr_writes;
	store_noise(0, 256, 1);
	assert_int_equal(world.store.nr_writes, nr_writes + 2);
	assert_int_equal(world.store.nr_discards, 6);
	assert_int_equal(figures().failed_writes, 0);
	for (uint32_t i = 0; i < 6 * 256; i += 16)
		assert_page(page_of_regions(first, i), NOISE(i));
	for (uint32_t i = 0; i < NR_REGIONS; i++) {
		program_drop(&world.program, first[i], REGION_PAGES, true);
		zswap_engine_forget(world.engine, first[i], REGION_PAGES);
	}
	end();
}

/* Chunks whose numbers follow each other: what is in the last one is not gathered once more for each one before. */
static void what_is_cleaned_is_gathered_once(void **state)
{
	const uint32_t nr = 2 * ZSWAP_CHUNK_PAGES + 6 * 256;
	uint64_t nr_bytes;
	uint32_t first, at;

	(void)state;
	begin(0, 8 * MIB);
	assert_int_equal(zswap_engine_add(world.engine, nr, &first), 0);
	at = first - world.first + 2 * ZSWAP_CHUNK_PAGES;
	store_noise(at, 6 * 256, 0);
	assert_int_equal(figures().stored_pages, 6 * 256);
	for (uint32_t i = 0; i < 6 * 256; i++)
		if (i % 16)
			program_drop(&world.program, world.first + at + i, 1, true);
	nr_bytes = world.store.nr_written_bytes;
	store_noise(0, 256, 1);
	assert_int_equal(world.store.nr_discards, 6);
	nr_bytes = world.store.nr_written_bytes - nr_bytes;
	assert_in_range(nr_bytes, (256 + 6 * 16) * PAGE, (256 + 6 * 16 + 8) * PAGE);
	assert_int_equal(figures().failed_writes, 0);
	for (uint32_t i = 0; i < 6 * 256; i += 16)
		assert_page(at + i, NOISE(at + i));
	program_drop(&world.program, first, nr, true);
	zswap_engine_forget(world.engine, first, nr);
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
	for (uint32_t page = 0; page < HIGH_PAGES; page++)
		write_page(page, HALF(page));
	zswap_engine_cold(world.engine, world.first + 100, 64);
	assert_int_equal(figures().resident_pages, HIGH_PAGES);
	evict_oldest();
	for (uint32_t page = 0; page < HIGH_PAGES; page++)
		assert_int_equal(kind_of(page) == ZSWAP_STANDBY, page >= 100 && page < 164);
	/* What is elsewhere is not touched. */
	zswap_engine_cold(world.engine, world.first, NR_PAGES);
	audit();
	for (uint32_t page = 0; page < HIGH_PAGES; page++)
		assert_page(page, HALF(page));
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
		assert_int_equal(kind_of(page), ZSWAP_RESIDENT); /* also where nothing was before */
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
	for (uint32_t page = 0; page < 160; page++)
		write_page(page, HALF(page));
	evict(10, 100);
	for (uint32_t page = 0; page < 160; page++)
		assert_int_equal(kind_of(page) == ZSWAP_RESIDENT, page < 10 || page >= 110);
	assert_int_equal(figures().evicted, 100);
	assert_int_equal(figures().standby_pages, 100);
	/* All that is resident, in many batches. */
	evict(0, NR_PAGES);
	assert_int_equal(figures().resident_pages, 0);
	assert_int_equal(figures().evicted, 160);
	for (uint32_t page = 0; page < 160; page++)
		assert_page(page, HALF(page));
	end();
}

/* ---- what the memory does ---- */

static void busy_pages_stay_for_a_while(void **state)
{
	(void)state;
	begin(0, 0);
	for (uint32_t page = 0; page < 10; page++)
		write_page(page, HALF(page));
	program_set_busy(&world.program, world.first + 3, true);
	program_set_busy(&world.program, world.first + 9, true);
	evict(0, 10);
	assert_int_equal(figures().busy_pages, 2);
	assert_int_equal(figures().evicted, 8);
	for (uint32_t page = 0; page < 10; page++)
		assert_int_equal(slot_of(page) == (THERE | ZSWAP_STAYS), page == 3 || page == 9);
	for (uint32_t page = 0; page < 10; page++)
		assert_page(page, HALF(page));
	/* Not even tried, but for the next time. */
	evict(3, 1);
	assert_int_equal(figures().busy_pages, 2);
	assert_int_equal(slot_of(3), THERE);
	program_set_busy(&world.program, world.first + 3, false);
	evict(3, 1);
	assert_int_equal(kind_of(3), ZSWAP_STANDBY);
	assert_page(3, HALF(3));
	end();
}

static void pages_that_are_lost_read_as_zeroes(void **state)
{
	(void)state;
	begin(0, 0);
	for (uint32_t page = 0; page < 10; page++)
		write_page(page, HALF(page));
	program_lose(&world.program, world.first + 4);
	program_lose(&world.program, world.first + 7);
	assert_page(7, ZERO);
	assert_int_equal(kind_of(7), ZSWAP_RESIDENT);
	evict(0, 10);
	assert_int_equal(figures().busy_pages, 0);
	assert_int_equal(figures().evicted, 9);
	assert_int_equal(kind_of(4), ZSWAP_EMPTY);
	for (uint32_t page = 0; page < 10; page++)
		assert_page(page, page == 4 || page == 7 ? ZERO : HALF(page));
	end();
}

static void fail_gives(int err, unsigned int nr)
{
	world.program.give_err = err;
	world.program.nr_give_errs = nr;
}

static void what_cannot_be_given_back_stands_by(void **state)
{
	(void)state;
	begin(0, 0);
	for (uint32_t page = 0; page < 4; page++)
		write_page(page, page == 2 ? HALF(2) : NOISE(page));
	evict(0, 4);
	ready_fillers();
	fail_gives(-EAGAIN, 2);
	evict_fillers();
	assert_int_equal(world.program.nr_give_errs, 0);
	assert_int_equal(kind_of(0), ZSWAP_STANDBY);
	assert_int_equal(kind_of(1), ZSWAP_STANDBY);
	assert_int_equal(kind_of(2), ZSWAP_OBJECT);
	assert_int_equal(slot_of(3), THERE | ZSWAP_STAYS);
	audit();
	assert_page(1, NOISE(1));
	pack_all();
	assert_int_equal(slot_of(0), THERE | ZSWAP_STAYS);
	for (uint32_t page = 0; page < 4; page++)
		assert_page(page, page == 2 ? HALF(2) : NOISE(page));
	assert_int_equal(figures().lost_pages, 0);
	end();
}

/* Other pages are evicted, and it too when that is possible. */
static void what_stands_by_for_long_holds_up_nothing(void **state)
{
	(void)state;
	begin(0, 0);
	write_page(0, NOISE(0));
	evict(0, 1);
	for (unsigned int i = 0; i < 6; i++) {
		ready_fillers();
		fail_gives(-EAGAIN, 4);
		evict_fillers();
		assert_int_equal(kind_of(0), ZSWAP_STANDBY);
	}
	fail_gives(0, 0);
	for (uint32_t page = 100; page < 1000; page++)
		write_page(page, HALF(page));
	assert_in_range(figures().resident_pages + figures().standby_pages, 1, LIMIT_PAGES + ZSWAP_GROUP_PAGES);
	assert_int_not_equal(kind_of(0), ZSWAP_STANDBY);
	assert_page(0, NOISE(0));
	end();
}

/* Nobody waits for memory that takes nothing. */
static void advice_does_not_wait_for_what_stands_by(void **state)
{
	(void)state;
	begin(0, 0);
	for (uint32_t page = 0; page < 2; page++)
		write_page(page, NOISE(page));
	ready_fillers();
	evict(0, 1);
	evict(1, 1);
	fail_gives(-ENOMEM, 10);
	evict_fillers();
	assert_int_equal(world.program.nr_give_errs, 6);
	assert_int_equal(kind_of(0), ZSWAP_STANDBY);
	assert_int_equal(kind_of(1), ZSWAP_STANDBY);
	assert_int_equal(kind_of(NR_PAGES - 1), ZSWAP_RESIDENT);
	fail_gives(0, 0);
	pack_all();
	for (uint32_t page = 0; page < 2; page++)
		assert_page(page, NOISE(page));
	end();
}

/* A fault says what the memory said, and the page is where it was. */
static void faults_may_fail(void **state)
{
	static const int errs[] = { -EAGAIN, -ENOENT, -ENOMEM };

	(void)state;
	begin(0, 0);
	write_page(1, WORD(1));
	write_page(0, HALF(0));
	send_away(0, 2);
	for (unsigned int i = 0; i < NR_OF(errs); i++) {
		static const enum zswap_kind kinds[] = { ZSWAP_OBJECT, ZSWAP_FILL, ZSWAP_EMPTY };

		for (uint32_t page = 0; page < NR_OF(kinds); page++) {
			fail_gives(errs[i], 1);
			assert_int_equal(zswap_engine_fault(world.engine, world.first + page, page & 1), errs[i]);
			assert_int_equal(kind_of(page), kinds[page]);
		}
		fail_gives(errs[i], 1);
		assert_int_equal(zswap_engine_need(world.engine, world.first, 1), 0); /* which is advice */
		assert_int_equal(kind_of(0), ZSWAP_OBJECT);
		audit();
	}
	assert_page(2, ZERO);
	program_lose(&world.program, world.first + 2);
	fail_gives(-ENOMEM, 1);
	assert_int_equal(zswap_engine_fault(world.engine, world.first + 2, false), -ENOMEM);
	assert_page(0, HALF(0));
	assert_page(1, WORD(1));
	assert_page(2, ZERO);
	end();
}

/* Of a row some came: what the program makes of them is not to be lost. */
static void a_row_may_come_in_part(void **state)
{
	(void)state;
	begin(0, 0);
	put_away(16);
	for (uint32_t page = 0; page < 3; page++)
		assert_page(page, HALF(page));
	fail_gives(-EAGAIN, 2);
	assert_int_equal(zswap_engine_fault(world.engine, world.first + 3, false), -EAGAIN);
	assert_true(program_has(&world.program, world.first + 4));
	assert_false(program_has(&world.program, world.first + 5));
	write_page(3, HALF(103));
	write_page(4, HALF(104));
	assert_int_equal(kind_of(4), ZSWAP_OBJECT);
	for (uint32_t page = 3; page < 16; page++)
		assert_page(page, HALF(page < 5 ? page + 100 : page));
	assert_int_equal(zswap_engine_need(world.engine, world.first, 16), 0);
	assert_int_equal(kind_of(4), ZSWAP_RESIDENT);
	send_away(0, 16);
	assert_page(4, HALF(104));
	end();
}

/* A walk comes to where the program has unmapped some: what comes before that is known to be there. */
static void a_walk_ends_where_pages_are_gone(void **state)
{
	(void)state;
	begin(0, 0);
	put_away(32);
	program_set_gone(&world.program, world.first + 5);
	zswap_engine_drop(world.engine, world.first + 5, 1);
	program_set_gone(&world.program, world.first + 21);
	for (uint32_t page = 0; page < 5; page++) {
		assert_page(page, HALF(page));
		assert_int_equal(kind_of(page), ZSWAP_RESIDENT);
	}
	/* It is not known to the engine yet. */
	for (uint32_t page = 16; page < 21; page++) {
		assert_page(page, HALF(page));
		assert_int_equal(kind_of(page), ZSWAP_RESIDENT);
	}
	assert_int_equal(kind_of(21), ZSWAP_OBJECT);
	assert_int_equal(zswap_engine_fault(world.engine, world.first + 21, false), -ENOENT);
	/* Nor are pages that are empty managed where there are none. */
	program_set_gone(&world.program, world.first + 67);
	for (uint32_t page = 64; page < 67; page++) {
		assert_page(page, ZERO);
		assert_int_equal(kind_of(page), ZSWAP_RESIDENT);
	}
	assert_int_equal(kind_of(67), ZSWAP_EMPTY);
	audit();
	end();
}

/* ---- while all stands still ---- */

static bool is_waited_for(const struct zs_share_lock *lock)
{
	return __atomic_load_n(&lock->word, __ATOMIC_RELAXED) & ZS_SHARE_WAITED;
}

static void *read_first_page(void *arg)
{
	(void)arg;
	assert_page(0, ZERO);
	return NULL;
}

static void *step_once(void *arg)
{
	(void)arg;
	zswap_engine_step(world.engine);
	return NULL;
}

static void nothing_moves_while_it_is_paused(void **state)
{
	static void *(*const calls[])(void *arg) = { read_first_page, step_once };

	(void)state;
	begin(0, 0);
	for (uint32_t page = 1; page < HIGH_PAGES; page++)
		write_page(page, HALF(page));
	for (unsigned int i = 0; i < NR_OF(calls); i++) {
		uint64_t gives = world.program.nr_gives;
		pthread_t thread;

		zswap_engine_pause(world.engine);
		assert_int_equal(pthread_create(&thread, NULL, calls[i], NULL), 0);
		while (!is_waited_for(&world.engine->busy))
			usleep(100);
		assert_int_equal(world.program.nr_gives, gives);
		assert_int_equal(figures().evicted, 0);
		zswap_engine_resume(world.engine);
		pthread_join(thread, NULL);
		assert_int_equal(world.program.nr_gives, i ? gives : gives + 1);
	}
	assert_true(figures().evicted > 0);
	end();
}

static void nothing_is_given_while_it_listens(void **state)
{
	pthread_t thread;

	(void)state;
	begin(0, 0);
	write_page(1, HALF(1));
	zswap_engine_listen(world.engine);
	assert_int_equal(pthread_create(&thread, NULL, read_first_page, NULL), 0);
	while (!is_waited_for(&world.engine->traffic))
		usleep(100);
	assert_int_equal(world.program.nr_gives, 1);
	/* But what is dropped meanwhile is. */
	zswap_engine_drop(world.engine, world.first + 1, 1);
	assert_int_equal(kind_of(1), ZSWAP_EMPTY);
	zswap_engine_listened(world.engine);
	pthread_join(thread, NULL);
	assert_int_equal(world.program.nr_gives, 2);
	end();
}

static void nothing_is_taken_while_it_listens(void **state)
{
	pthread_t thread;

	(void)state;
	begin(0, 0);
	for (uint32_t page = 1; page < HIGH_PAGES; page++)
		write_page(page, HALF(page));
	zswap_engine_listen(world.engine);
	assert_int_equal(pthread_create(&thread, NULL, step_once, NULL), 0);
	while (!is_waited_for(&world.engine->traffic))
		usleep(100);
	assert_int_equal(figures().standby_pages, 0);
	zswap_engine_listened(world.engine);
	pthread_join(thread, NULL);
	assert_true(figures().standby_pages > 0);
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
		cmocka_unit_test(a_walk_brings_what_follows),
		cmocka_unit_test(a_walk_stops_at_what_is_there),
		cmocka_unit_test(faults_here_and_there_bring_nothing_else),
		cmocka_unit_test(a_second_fault_brings_the_block),
		cmocka_unit_test(it_learns_whether_blocks_are_wanted),
		cmocka_unit_test(late_faults_of_a_block_tell_nothing),
		cmocka_unit_test(empty_blocks_come_if_they_are_wanted),
		cmocka_unit_test(what_came_next_comes_along),
		cmocka_unit_test(what_is_gone_does_not_come_along),
		cmocka_unit_test(what_comes_along_keeps_to_the_limit),
		cmocka_unit_test(numbers_that_are_gone_do_not_come_along),
		cmocka_unit_test(a_scan_drives_out_what_it_brought),
		cmocka_unit_test(one_guest_in_32_stays),
		cmocka_unit_test(what_is_of_no_use_any_more_goes),
		cmocka_unit_test(noise_stays_without_a_store),
		cmocka_unit_test(what_hardly_compresses_is_noise),
		cmocka_unit_test(noise_goes_to_the_store_before_all_others),
		cmocka_unit_test(a_full_pool_takes_no_more),
		cmocka_unit_test(it_takes_more_when_a_tenth_is_free),
		cmocka_unit_test(holes_of_a_full_pool_are_used),
		cmocka_unit_test(nobody_has_to_be_told),
		cmocka_unit_test(the_oldest_are_written_until_a_tenth_is_free),
		cmocka_unit_test(what_is_below_the_mark_is_not_written),
		cmocka_unit_test(the_marks_are_at_96_and_90_percent),
		cmocka_unit_test(faults_write_back_what_must_go),
		cmocka_unit_test(a_full_store_leaves_pages_in_memory),
		cmocka_unit_test(a_store_that_fails_loses_nothing),
		cmocka_unit_test(what_could_not_be_written_is_tried_again),
		cmocka_unit_test(damaged_pages_are_told_of),
		cmocka_unit_test(reading_ahead_does_not_lose_pages),
		cmocka_unit_test(what_changed_meanwhile_is_not_stored),
		cmocka_unit_test(a_sparse_store_is_cleaned),
		cmocka_unit_test(what_is_cleaned_comes_together),
		cmocka_unit_test(what_is_cleaned_is_gathered_once),
		cmocka_unit_test(dropped_pages_read_as_zeroes),
		cmocka_unit_test(numbers_are_used_again),
		cmocka_unit_test(there_are_only_so_many_numbers),
		cmocka_unit_test(the_table_takes_what_is_used_of_it),
		cmocka_unit_test(cold_pages_go_first),
		cmocka_unit_test(needed_pages_are_brought),
		cmocka_unit_test(pages_are_evicted_at_once),
		cmocka_unit_test(busy_pages_stay_for_a_while),
		cmocka_unit_test(pages_that_are_lost_read_as_zeroes),
		cmocka_unit_test(what_cannot_be_given_back_stands_by),
		cmocka_unit_test(what_stands_by_for_long_holds_up_nothing),
		cmocka_unit_test(advice_does_not_wait_for_what_stands_by),
		cmocka_unit_test(faults_may_fail),
		cmocka_unit_test(a_row_may_come_in_part),
		cmocka_unit_test(a_walk_ends_where_pages_are_gone),
		cmocka_unit_test(nothing_moves_while_it_is_paused),
		cmocka_unit_test(nothing_is_given_while_it_listens),
		cmocka_unit_test(nothing_is_taken_while_it_listens),
		cmocka_unit_test(some_options_make_no_engine),
	};

	return cmocka_run_group_tests_name("zswap engine", tests, NULL, NULL);
}
