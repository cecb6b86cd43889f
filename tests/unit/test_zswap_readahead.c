/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What compressed memory's engine brings beside the page that was touched, and how long that stays.
 */
#include "zswap_unit.h"

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
	assert_true(is_there(2));
	assert_int_equal(kind_of(3), ZSWAP_OBJECT);
	assert_page(2, HALF(2));
	assert_page(3, HALF(3));
	assert_true(is_there(6));
	assert_int_equal(kind_of(7), ZSWAP_OBJECT);
	assert_filled(7, 15);
	assert_page(15, HALF(15));
	assert_int_equal(kind_of(16), ZSWAP_OBJECT);
	assert_filled(16, 64);
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
	fill_pages(16);
	evict(0, 4);
	evict(5, 11);
	pack_all();
	write_page(4, HALF(77));
	assert_filled(0, 4);
	assert_int_equal(kind_of(5), ZSWAP_OBJECT);
	assert_page(4, HALF(77));
	/* And zeroes do not go on as content. */
	write_page(35, HALF(35));
	assert_page(32, ZERO);
	assert_page(33, ZERO);
	assert_true(is_there(34));
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
	fill_pages(256);
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
	assert_true(is_there(6));
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
	assert_int_equal(figures().pool_pages, 3 * NR_WALKED); /* and nothing beside them */
	end();
}

/* As a whole where blocks are used so. */
static void blocks_come_along_as_they_are_used(void **state)
{
	(void)state;
	begin(0, 0);
	put_away(512);
	touch_blocks(384, 128, 2);
	walk_again();
	send_away(0, NR_WALKED * 4);
	for (uint32_t i = 0; i < 20; i++)
		assert_page(walked(i), HALF(walked(i)));
	assert_true(is_there(walked(21)));
	assert_true(is_there(walked(21) ^ 1));
	assert_int_equal(kind_of(walked(40)), ZSWAP_OBJECT);
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
	assert_true(is_there(walked(19)));
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
			zswap_replay_note(&world.engine->replay, first);
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
	fill_pages(nr);
	assert_filled(0, nr);
	before = figures().faults + figures().read_ahead;
	for (unsigned int round = 0; round < 4; round++)
		assert_filled(0, nr);
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
		assert_false(zswap_slot_is_guest(slot_of(page)));
	}
	for (unsigned int round = 0; round < 16; round++) {
		send_away(0, NR_PAGES);
		for (uint32_t page = 0; page < NR_PAGES; page += 16) {
			assert_page(page, HALF(page));
			assert_page(page + 8, HALF(page + 8));
			assert_int_equal(zswap_slot_is_guest(slot_of(page)), zswap_slot_is_guest(slot_of(page + 8)));
			nr_staying += !zswap_slot_is_guest(slot_of(page));
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
		assert_filled(0, nr);
	before = figures().faults;
	assert_filled(0, nr);
	assert_true(figures().faults - before < nr / 8);
	end();
}

/* ---- what does not come ---- */

/* Of a row some came: what the program makes of them is not to be lost. */
static void a_row_may_come_in_part(void **state)
{
	(void)state;
	begin(0, 0);
	put_away(16);
	assert_filled(0, 3);
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
	assert_true(is_there(4));
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
		assert_true(is_there(page));
	}
	/* It is not known to the engine yet. */
	for (uint32_t page = 16; page < 21; page++) {
		assert_page(page, HALF(page));
		assert_true(is_there(page));
	}
	assert_int_equal(kind_of(21), ZSWAP_OBJECT);
	assert_int_equal(zswap_engine_fault(world.engine, world.first + 21, false), -ENOENT);
	/* Nor are pages that are empty managed where there are none. */
	program_set_gone(&world.program, world.first + 67);
	for (uint32_t page = 64; page < 67; page++) {
		assert_page(page, ZERO);
		assert_true(is_there(page));
	}
	assert_int_equal(kind_of(67), ZSWAP_EMPTY);
	audit();
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_walk_brings_what_follows),
		cmocka_unit_test(a_walk_stops_at_what_is_there),
		cmocka_unit_test(faults_here_and_there_bring_nothing_else),
		cmocka_unit_test(a_second_fault_brings_the_block),
		cmocka_unit_test(it_learns_whether_blocks_are_wanted),
		cmocka_unit_test(late_faults_of_a_block_tell_nothing),
		cmocka_unit_test(empty_blocks_come_if_they_are_wanted),
		cmocka_unit_test(what_came_next_comes_along),
		cmocka_unit_test(blocks_come_along_as_they_are_used),
		cmocka_unit_test(what_is_gone_does_not_come_along),
		cmocka_unit_test(what_comes_along_keeps_to_the_limit),
		cmocka_unit_test(numbers_that_are_gone_do_not_come_along),
		cmocka_unit_test(a_scan_drives_out_what_it_brought),
		cmocka_unit_test(one_guest_in_32_stays),
		cmocka_unit_test(what_is_of_no_use_any_more_goes),
		cmocka_unit_test(a_row_may_come_in_part),
		cmocka_unit_test(a_walk_ends_where_pages_are_gone),
	};

	return cmocka_run_group_tests_name("zswap read-ahead", tests, NULL, NULL);
}
