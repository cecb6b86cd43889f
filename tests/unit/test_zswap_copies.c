/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What guests came from: it stays, is used again if they have not changed, and is never in the way.
 */
#include "zswap_unit.h"

static uint64_t nr_objects(void)
{
	struct zs_pool_stats stats = { .size = sizeof(stats) };

	zs_pool_stats(world.engine->pool, &stats);
	return stats.objects;
}

static uint64_t nr_unchanged(void)
{
	return world.engine->counts.unchanged;
}

/* Packed pages, of which one has come. It is of a group that does not stay; groups behind it are left alone. */
static uint32_t begin_with_guest(uint64_t pool_limit_bytes)
{
	begin(pool_limit_bytes, 0);
	put_away(64);
	return find_guest(ZSWAP_GROUP_PAGES, 64);
}

static void what_has_not_changed_is_not_packed_again(void **state)
{
	uint64_t packed, object;
	uint32_t page;

	(void)state;
	page = begin_with_guest(0);
	object = zswap_slot_as(slot_of(page), ZSWAP_OBJECT);
	assert_int_equal(figures().pool_pages, 64 - page / 16);
	zswap_engine_pack(world.engine);
	packed = figures().packed;
	for (unsigned int round = 0; round < 3; round++) {
		evict_and_pack(page);
		assert_true(slot_of(page) == object);
		assert_page(page, HALF(page));
		assert_int_equal(kind_of(page), ZSWAP_COPIED);
	}
	assert_int_equal(figures().packed, packed);
	assert_int_equal(nr_unchanged(), 3);
	end();
}

/* One byte is enough, wherever it is. */
static void what_has_changed_is_packed(void **state)
{
	unsigned char content[PAGE], got[PAGE];
	uint32_t page;

	(void)state;
	page = begin_with_guest(0);
	program_make(content, HALF(page));
	for (uint32_t at = 0; at < PAGE; at += PAGE - 1) {
		assert_int_equal(kind_of(page), ZSWAP_COPIED);
		content[at] ^= 1;
		assert_int_equal(program_write(&world.program, world.first + page, content), 0);
		evict_and_pack(page);
		assert_int_equal(kind_of(page), ZSWAP_OBJECT);
		assert_int_equal(program_read(&world.program, world.first + page, got), 0);
		assert_memory_equal(got, content, PAGE);
	}
	assert_int_equal(nr_unchanged(), 0);
	end();
}

/* Dropped, written over from zeroes on, or found as it stands by: it goes with what it was for. */
static void what_is_of_no_use_goes(void **state)
{
	uint64_t before;
	uint32_t page;

	(void)state;
	page = begin_with_guest(0);
	before = nr_objects();
	program_drop(&world.program, world.first + page, 1, false);
	assert_int_equal(nr_objects(), before - 1);
	assert_page(page, ZERO);
	assert_page(page + 1, HALF(page + 1));
	assert_int_equal(kind_of(page + 1), ZSWAP_COPIED);
	evict(page + 1, 1);
	assert_int_equal(kind_of(page + 1), ZSWAP_STANDBY);
	assert_int_equal(nr_objects(), before - 1);
	audit();
	assert_page(page + 1, HALF(page + 1));
	assert_int_equal(nr_objects(), before - 2);
	assert_int_equal(kind_of(page + 1), ZSWAP_RESIDENT);
	end();
}

/* Of a page that only comes with others as they stand by, nothing is known that it was not before. */
static void what_comes_with_others_keeps_its_own(void **state)
{
	uint64_t before;
	uint32_t page;

	(void)state;
	page = begin_with_guest(0);
	for (uint32_t i = page; i < page + 4; i++)
		assert_page(i, HALF(i));
	evict(page, 4);
	before = nr_objects();
	assert_page(page, HALF(page));
	assert_page(page + 1, HALF(page + 1));
	assert_int_equal(kind_of(page + 2), ZSWAP_COPIED);
	assert_int_equal(nr_objects(), before - 2);
	end();
}

/* Where pages that come change mostly, one in sixteen is still looked at. */
static void few_are_kept_where_most_change(void **state)
{
	uint32_t nr_copied = 0, nr_guests = 0, turn = 1;

	(void)state;
	begin(0, 0);
	put_away(128);
	for (unsigned int round = 0; round < 8; round++) {
		for (uint32_t page = 0; page < 128; page += 4) {
			assert_page(page, HALF(page + (turn - 1) * NR_PAGES));
			nr_guests += round && zswap_slot_is_guest(slot_of(page));
			nr_copied += round && kind_of(page) == ZSWAP_COPIED;
		}
		for (uint32_t page = 0; page < 128; page += 4)
			write_page(page, HALF(page + turn * NR_PAGES));
		turn++;
		send_away(0, 128);
	}
	assert_in_range(nr_copied, 1, nr_guests / 4);
	end();
}

/* Most of a pool that is nearly full is for pages that have no other place. */
static void none_are_kept_in_a_full_pool(void **state)
{
	uint32_t nr = 64;

	(void)state;
	begin(MIB, 0);
	put_away(64);
	while (zswap_pool_has_room(world.engine)) {
		for (uint32_t page = nr; page < nr + 8; page++)
			write_page(page, HALF(page));
		send_away(nr, 8);
		nr += 8;
	}
	for (uint32_t page = 0; page < 64; page += 16) {
		assert_page(page, HALF(page));
		assert_int_not_equal(kind_of(page), ZSWAP_COPIED);
	}
	end();
}

static void those_that_are_kept_make_room(void **state)
{
	uint64_t copied;
	uint32_t nr = 64;

	(void)state;
	begin_with_guest(MIB);
	copied = count_kind(ZSWAP_COPIED);
	assert_true(copied > 0);
	while (!figures().pool_limit_hit) {
		assert_int_equal(nr_objects(), figures().pool_pages + count_kind(ZSWAP_COPIED));
		for (uint32_t page = nr; page < nr + 8; page++)
			write_page(page, HALF(page));
		send_away(nr, 8);
		nr += 8;
	}
	assert_int_equal(count_kind(ZSWAP_COPIED), 0);
	assert_filled(0, nr);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_not_changed_is_not_packed_again),
		cmocka_unit_test(what_has_changed_is_packed),
		cmocka_unit_test(what_is_of_no_use_goes),
		cmocka_unit_test(what_comes_with_others_keeps_its_own),
		cmocka_unit_test(few_are_kept_where_most_change),
		cmocka_unit_test(none_are_kept_in_a_full_pool),
		cmocka_unit_test(those_that_are_kept_make_room),
	};

	return cmocka_run_group_tests_name("zswap copies", tests, NULL, NULL);
}
