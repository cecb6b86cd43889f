/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Guests that come back soon stay, unless most of them do.
 */
#include "zswap_unit.h"

#define NR_PUT_AWAY 128u
#define NR_KNOWN 16u           /* faults, before anything is known */
#define SOON (LIMIT_PAGES / 8) /* evictions */

static bool is_guest(uint32_t page)
{
	return zswap_slot_is_guest(slot_of(page));
}

/* Pages that went long ago have come, of which none stays but for its group. Result: a guest. */
static uint32_t begin_with_guest(void)
{
	uint32_t guest = 0;

	begin(0, 0);
	put_away(NR_PUT_AWAY);
	for (uint32_t i = 0; i < NR_KNOWN; i++) {
		assert_page(i * 4, HALF(i * 4));
		if (is_guest(i * 4))
			guest = i * 4;
	}
	assert_true(is_guest(guest));
	return guest;
}

static void evict_others(uint32_t nr)
{
	for (uint32_t page = 1000; page < 1000 + nr; page++)
		write_page(page, HALF(page));
	for (uint32_t page = 1000; page < 1000 + nr; page++)
		evict_and_pack(page);
}

static void who_comes_back_soon_stays(void **state)
{
	uint32_t page = begin_with_guest();

	(void)state;
	evict_and_pack(page);
	evict_others(SOON - 2);
	assert_page(page, HALF(page));
	assert_true(slot_of(page) == THERE);
	end();
}

static void who_comes_back_later_is_a_guest(void **state)
{
	uint32_t page = begin_with_guest();

	(void)state;
	evict_and_pack(page);
	evict_others(SOON);
	assert_page(page, HALF(page));
	assert_true(is_guest(page));
	end();
}

/* As in a walk over a little more than may be resident. */
static void where_most_come_back_soon_none_stays(void **state)
{
	uint32_t page = begin_with_guest(), nr_stayed = 0;

	(void)state;
	for (unsigned int i = 0; i < 4 * NR_KNOWN; i++) {
		evict_and_pack(page);
		assert_page(page, HALF(page));
		nr_stayed += !is_guest(page);
	}
	assert_true(is_guest(page));
	assert_in_range(nr_stayed, 1, NR_KNOWN);
	end();
}

/* Before anything is known of others. */
static void the_first_ones_are_guests(void **state)
{
	(void)state;
	begin(0, 0);
	put_away(NR_PUT_AWAY);
	for (unsigned int i = 0; i < NR_KNOWN - 1; i++) {
		evict_and_pack(i % 2 ? 0 : 64);
		assert_page(i % 2 ? 0 : 64, HALF(i % 2 ? 0 : 64));
		assert_true(is_guest(i % 2 ? 0 : 64));
	}
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_comes_back_soon_stays),
		cmocka_unit_test(who_comes_back_later_is_a_guest),
		cmocka_unit_test(where_most_come_back_soon_none_stays),
		cmocka_unit_test(the_first_ones_are_guests),
	};

	return cmocka_run_group_tests_name("zswap regulars", tests, NULL, NULL);
}
