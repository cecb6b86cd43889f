/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Which addresses are managed: areas that come, lose parts in any order, and go.
 */
#include "random.h"
#include "unit.h"

#include "regions.h"

#define PAGE 4096ul
#define BASE 0x10000000ul
#define CHUNK (1ul << 28)

static struct zswap_regions regions;

static int create(void **state)
{
	(void)state;
	memset(&regions, 0, sizeof(regions));
	return zswap_regions_create(&regions);
}

static int destroy(void **state)
{
	(void)state;
	zswap_regions_destroy(&regions);
	return 0;
}

static bool is_managed(uintptr_t address)
{
	uint32_t page;

	return zswap_regions_find(&regions, address, &page);
}

static void assert_page(uintptr_t address, uint32_t expected)
{
	uint32_t page;

	assert_true(zswap_regions_find(&regions, address, &page));
	assert_int_equal(page, expected);
	assert_ptr_equal(zswap_regions_address(&regions, page), (void *)(address & ~(PAGE - 1)));
}

/* As who unmaps does it. Result: how many parts there were; was_last: whether the last one was its area's last. */
static unsigned int remove_range(uintptr_t start, uintptr_t end, bool *was_last)
{
	struct zswap_region part;
	unsigned int nr = 0;

	*was_last = false;
	for (; zswap_regions_next(&regions, start, end, &part); start = part.end, nr++) {
		assert_true(part.start >= start && part.start < part.end && part.end <= end);
		*was_last = zswap_regions_remove(&regions, &part);
	}
	return nr;
}

static void an_area_is_found(void **state)
{
	(void)state;
	assert_false(is_managed(BASE));
	assert_int_equal(zswap_regions_add(&regions, BASE, 10 * PAGE, 0), 0);
	assert_page(BASE, 0);
	assert_page(BASE + PAGE - 1, 0);
	assert_page(BASE + 9 * PAGE + 5, 9);
	assert_false(is_managed(BASE - 1));
	assert_false(is_managed(BASE + 10 * PAGE));
}

static void areas_come_in_any_order(void **state)
{
	static const unsigned int order[] = { 3, 0, 4, 1, 2 };

	(void)state;
	for (unsigned int i = 0; i < NR_OF(order); i++)
		assert_int_equal(zswap_regions_add(&regions, BASE + order[i] * 2 * PAGE, PAGE,
						   (uint32_t)order[i] << 16),
				 0);
	for (unsigned int i = 0; i < NR_OF(order); i++) {
		assert_page(BASE + i * 2 * PAGE, (uint32_t)i << 16);
		assert_false(is_managed(BASE + (i * 2 + 1) * PAGE));
	}
}

static void an_area_may_be_of_many_chunks(void **state)
{
	(void)state;
	assert_int_equal(zswap_regions_add(&regions, BASE, 2 * CHUNK + PAGE, 5u << 16), 0);
	assert_page(BASE + CHUNK - PAGE, (5u << 16) + 65535);
	assert_page(BASE + CHUNK, 6u << 16);
	assert_page(BASE + 2 * CHUNK, 7u << 16);
}

static void a_range_is_cut_to_what_is_managed(void **state)
{
	struct zswap_region part;

	(void)state;
	assert_int_equal(zswap_regions_add(&regions, BASE, 10 * PAGE, 0), 0);
	assert_true(zswap_regions_next(&regions, BASE + 2 * PAGE, BASE + 5 * PAGE, &part));
	assert_int_equal(part.start, BASE + 2 * PAGE);
	assert_int_equal(part.end, BASE + 5 * PAGE);
	assert_int_equal(part.page, 2);
	assert_true(zswap_regions_next(&regions, 0, UINTPTR_MAX, &part));
	assert_int_equal(part.start, BASE);
	assert_int_equal(part.end, BASE + 10 * PAGE);
	assert_false(zswap_regions_next(&regions, BASE + 10 * PAGE, UINTPTR_MAX, &part));
	assert_false(zswap_regions_next(&regions, 0, BASE, &part));
}

/* A range that ends within a region was walked for ever. */
static void nothing_is_in_an_empty_range(void **state)
{
	struct zswap_region part;

	(void)state;
	assert_int_equal(zswap_regions_add(&regions, BASE, 10 * PAGE, 0), 0);
	assert_false(zswap_regions_next(&regions, BASE + PAGE, BASE + PAGE, &part));
	assert_false(zswap_regions_next(&regions, BASE, BASE, &part));
}

static void a_hole_leaves_two_parts(void **state)
{
	bool was_last;

	(void)state;
	assert_int_equal(zswap_regions_add(&regions, BASE, 10 * PAGE, 0), 0);
	assert_int_equal(remove_range(BASE + 4 * PAGE, BASE + 6 * PAGE, &was_last), 1);
	assert_false(was_last);
	assert_page(BASE + 3 * PAGE, 3);
	assert_page(BASE + 6 * PAGE, 6);
	assert_false(is_managed(BASE + 4 * PAGE));
	assert_int_equal(remove_range(BASE, BASE + 10 * PAGE, &was_last), 2);
	assert_true(was_last);
	assert_int_equal(regions.nr, 0);
}

/* More than a system's own limit on mappings may be, which an administrator sets. */
static void an_area_may_fall_into_all_its_pages(void **state)
{
	const uint32_t nr = 200001;
	bool was_last;

	(void)state;
	assert_int_equal(zswap_regions_add(&regions, BASE - PAGE, PAGE, 16u << 16), 0);
	assert_int_equal(zswap_regions_add(&regions, BASE, nr * PAGE, 0), 0);
	for (uint32_t i = 1; i < nr; i += 2)
		remove_range(BASE + i * PAGE, BASE + (i + 1) * PAGE, &was_last);
	assert_int_equal(regions.nr, nr / 2 + 2);
	for (uint32_t i = 0; i < nr; i += 2) {
		assert_page(BASE + i * PAGE, i);
		assert_false(is_managed(BASE + (i + 1) * PAGE));
	}
	for (uint32_t i = nr; i--;) /* from above, as what is above one that goes is moved */
		remove_range(BASE + i * PAGE, BASE + (i + 1) * PAGE, &was_last);
	assert_true(was_last);
	assert_page(BASE - PAGE, 16u << 16);
}

static void an_area_goes_with_its_last_part_only(void **state)
{
	bool was_last;

	(void)state;
	assert_int_equal(zswap_regions_add(&regions, BASE, 4 * PAGE, 0), 0);
	assert_int_equal(zswap_regions_add(&regions, BASE + 4 * PAGE, 4 * PAGE, 1u << 16), 0);
	assert_int_equal(remove_range(BASE + 2 * PAGE, BASE + 8 * PAGE, &was_last), 2);
	assert_true(was_last); /* of the second one */
	assert_page(BASE + PAGE, 1);
	remove_range(BASE + PAGE, BASE + 2 * PAGE, &was_last);
	assert_false(was_last);
	remove_range(BASE, BASE + PAGE, &was_last);
	assert_true(was_last);
}

/* Also from below, and with another's in its middle, whichever end goes last. */
static void another_may_lie_in_an_area(void **state)
{
	static const uint32_t ends[] = { 1, 4 };
	bool was_last;

	(void)state;
	for (unsigned int last = 0; last < NR_OF(ends); last++) {
		uintptr_t first_at = BASE + ends[!last] * PAGE, last_at = BASE + ends[last] * PAGE;

		assert_int_equal(zswap_regions_add(&regions, BASE, 5 * PAGE, 0), 0);
		remove_range(BASE, BASE + PAGE, &was_last);
		assert_false(was_last);
		remove_range(BASE + 2 * PAGE, BASE + 4 * PAGE, &was_last);
		assert_int_equal(zswap_regions_add(&regions, BASE + 2 * PAGE, PAGE, 1u << 16), 0);
		remove_range(first_at, first_at + PAGE, &was_last);
		assert_false(was_last);
		remove_range(last_at, last_at + PAGE, &was_last);
		assert_true(was_last);
		assert_page(BASE + 2 * PAGE, 1u << 16);
		remove_range(BASE + 2 * PAGE, BASE + 3 * PAGE, &was_last);
	}
}

/* A number that somebody remembers may be another area's by now, which is elsewhere and smaller. */
static void a_page_is_in_its_area_or_nowhere(void **state)
{
	bool was_last;

	(void)state;
	assert_null(zswap_regions_place(&regions, 4 << 16));
	assert_int_equal(zswap_regions_add(&regions, BASE, 64 * PAGE, 4 << 16), 0);
	assert_ptr_equal(zswap_regions_place(&regions, 4 << 16 | 40), (void *)(BASE + 40 * PAGE));
	remove_range(BASE, BASE + 64 * PAGE, &was_last);
	assert_true(was_last);
	assert_null(zswap_regions_place(&regions, 4 << 16 | 40));
	assert_int_equal(zswap_regions_add(&regions, BASE + 256 * PAGE, 4 * PAGE, 4 << 16), 0);
	assert_int_equal(zswap_regions_add(&regions, BASE + 260 * PAGE, 64 * PAGE, 5 << 16), 0);
	assert_ptr_equal(zswap_regions_place(&regions, 4 << 16 | 3), (void *)(BASE + 259 * PAGE));
	assert_null(zswap_regions_place(&regions, 4 << 16 | 4));
	assert_null(zswap_regions_place(&regions, 4 << 16 | 40)); /* page 36 of the other one is there */
}

static void what_somebody_else_removed_is_not_removed_twice(void **state)
{
	struct zswap_region part;
	bool was_last;

	(void)state;
	assert_int_equal(zswap_regions_add(&regions, BASE, 4 * PAGE, 0), 0);
	assert_true(zswap_regions_next(&regions, BASE, BASE + 2 * PAGE, &part));
	remove_range(BASE, BASE + 4 * PAGE, &was_last);
	assert_true(was_last);
	assert_false(zswap_regions_remove(&regions, &part));
	assert_int_equal(zswap_regions_add(&regions, BASE, 4 * PAGE, 1u << 16), 0);
	assert_false(zswap_regions_remove(&regions, &part));
	assert_page(BASE, 1u << 16);
}

/* As many as there may be page numbers for; some become two. */
static void there_may_be_many(void **state)
{
	const uint32_t nr = 65535, nr_split = 1000;
	bool was_last;

	(void)state;
	for (uint32_t i = 0; i < nr; i++)
		assert_int_equal(zswap_regions_add(&regions, BASE + i * 4 * PAGE, 3 * PAGE, i << 16), 0);
	for (uint32_t i = nr; i-- > nr - nr_split;)
		remove_range(BASE + i * 4 * PAGE + PAGE, BASE + i * 4 * PAGE + 2 * PAGE, &was_last);
	assert_int_equal(regions.nr, nr + nr_split);
	assert_page(BASE, 0);
	assert_page(BASE + (nr - 1) * 4 * PAGE, (nr - 1) << 16);
	assert_page(BASE + (nr - 1) * 4 * PAGE + 2 * PAGE, ((nr - 1) << 16) + 2);
	assert_false(is_managed(BASE + (nr - 1) * 4 * PAGE + PAGE));
}

/* Whatever is unmapped later, there is room to note it, or it is not managed at all. */
static void what_there_is_no_room_for_is_refused(void **state)
{
	(void)state;
	assert_int_equal(zswap_regions_add(&regions, BASE, 10 * PAGE, 0), 0);
	assert_int_equal(zswap_regions_add(&regions, BASE + 10 * PAGE, (size_t)1 << 56, 1u << 16), -ENOMEM);
	assert_page(BASE + 9 * PAGE, 9);
	assert_false(is_managed(BASE + 10 * PAGE));
	assert_int_equal(zswap_regions_add(&regions, BASE + 10 * PAGE, PAGE, 1u << 16), 0);
}

#define MODEL_PAGES 300u

/* Against a map of what is managed. */
static void parts_go_at_random(void **state)
{
	bool expected[MODEL_PAGES], was_last;
	struct rng rng = { .state = 1 };
	unsigned int left = MODEL_PAGES;

	(void)state;
	memset(expected, true, sizeof(expected));
	assert_int_equal(zswap_regions_add(&regions, BASE, MODEL_PAGES * PAGE, 0), 0);
	while (left) {
		uint32_t first = rng_below(&rng, MODEL_PAGES), end = first + 1 + rng_below(&rng, 5);

		end = end < MODEL_PAGES ? end : MODEL_PAGES;
		remove_range(BASE + first * PAGE, BASE + end * PAGE, &was_last);
		for (; first < end; first++) {
			left -= expected[first];
			expected[first] = false;
		}
		for (uint32_t i = 0; i < MODEL_PAGES; i++)
			if (expected[i])
				assert_page(BASE + i * PAGE, i);
			else
				assert_false(is_managed(BASE + i * PAGE));
	}
	assert_int_equal(regions.nr, 0);
}

#define WITH_REGIONS(test) cmocka_unit_test_setup_teardown(test, create, destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_REGIONS(an_area_is_found),
		WITH_REGIONS(areas_come_in_any_order),
		WITH_REGIONS(an_area_may_be_of_many_chunks),
		WITH_REGIONS(a_range_is_cut_to_what_is_managed),
		WITH_REGIONS(nothing_is_in_an_empty_range),
		WITH_REGIONS(a_hole_leaves_two_parts),
		WITH_REGIONS(an_area_may_fall_into_all_its_pages),
		WITH_REGIONS(an_area_goes_with_its_last_part_only),
		WITH_REGIONS(another_may_lie_in_an_area),
		WITH_REGIONS(a_page_is_in_its_area_or_nowhere),
		WITH_REGIONS(what_somebody_else_removed_is_not_removed_twice),
		WITH_REGIONS(there_may_be_many),
		WITH_REGIONS(what_there_is_no_room_for_is_refused),
		WITH_REGIONS(parts_go_at_random),
	};

	return cmocka_run_group_tests_name("regions", tests, NULL, NULL);
}
