/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Size classes: every size has a class that holds it and wastes little, and layouts agree with plain arithmetic.
 */
#include "records.h"
#include "size_class.h"
#include "unit.h"

static const unsigned int shifts[] = { 12, 14, 16 };

/* The bytes that a size's slot may waste. */
static uint32_t waste_allowed(uint32_t size, unsigned int page_shift)
{
	if (size >= zs_size_class_huge(page_shift) && size <= 1u << page_shift)
		return (1u << page_shift) - size;
	if (size <= ZS_MIN_SLOT)
		return ZS_MIN_SLOT - size;
	return size <= 4096 ? 15 : size / 64;
}

static void test_class_holds_its_sizes(void **state)
{
	(void)state;
	for (unsigned int s = 0; s < NR_OF(shifts); s++) {
		unsigned int before = 0;

		for (uint32_t size = 1; size <= ZS_MAX_SLOT; size++) {
			unsigned int index = zs_size_class_index(size, shifts[s]);
			uint32_t bytes = zs_size_class_bytes(index);

			assert_true(index >= before && index < ZS_MAX_CLASSES);
			assert_true(bytes >= size && bytes - size <= waste_allowed(size, shifts[s]));
			before = index;
		}
		assert_int_equal(before, ZS_MAX_CLASSES - 1);
	}
}

/* A slot of a class holds the class's own size, so a size that fits a lower class goes there. */
static void test_class_of_its_own_bytes(void **state)
{
	(void)state;
	for (unsigned int index = 0; index < ZS_MAX_CLASSES; index++) {
		uint32_t bytes = zs_size_class_bytes(index);

		assert_int_equal(bytes % ZS_SLOT_STEP, 0);
		assert_true(!index || bytes > zs_size_class_bytes(index - 1));
		for (unsigned int s = 0; s < NR_OF(shifts); s++)
			if (bytes < zs_size_class_huge(shifts[s]) || bytes >= 1u << shifts[s])
				assert_int_equal(zs_size_class_index(bytes, shifts[s]), index);
	}
	assert_int_equal(zs_size_class_bytes(0), ZS_MIN_SLOT);
	assert_int_equal(zs_size_class_bytes(ZS_MAX_CLASSES - 1), ZS_MAX_SLOT);
}

/* From the huge size on an object has a page of its own; one byte less, and 65 share 64 pages. */
static void test_huge_sizes_take_a_page(void **state)
{
	(void)state;
	for (unsigned int s = 0; s < NR_OF(shifts); s++) {
		uint32_t page = 1u << shifts[s];
		size_t huge = zs_size_class_huge(shifts[s]);

		assert_true(huge > 1 && huge <= page);
		assert_int_equal(zs_size_class_bytes(zs_size_class_index(huge, shifts[s])), page);
		assert_true(zs_size_class_bytes(zs_size_class_index(huge - 1, shifts[s])) * 65ul <= page * 64ul);
		assert_true((huge - 1 + ZS_SLOT_STEP) * 65 > page * 64ul);
	}
}

static void layout_of(struct zs_layout *layout, unsigned int index, unsigned int page_shift)
{
	memset(layout, 0xee, sizeof(*layout));
	zs_layout_init(layout, zs_size_class_bytes(index), page_shift);
}

static void assert_layout(const struct zs_layout *layout)
{
	uint32_t bytes = (uint32_t)layout->nr_pages << layout->page_shift;

	assert_true(layout->nr_pages >= 1 && layout->nr_pages <= ZS_MAX_CHAIN);
	assert_int_equal(layout->nr_slots, bytes / layout->slot_bytes);
	assert_true(layout->nr_slots <= 32 * 64); /* hole_words has 32 bits */
	assert_true(layout->nr_slots <= 1u << ZS_PLACE_SLOT_BITS);
	/* No page is nothing but tail: growing relies on it. */
	assert_int_equal(zs_layout_last_page(layout, layout->nr_slots - 1u), layout->nr_pages - 1);
	assert_true(zs_layout_first_slot(layout, layout->nr_pages - 1u) < layout->nr_slots);
}

static void test_layouts_are_whole(void **state)
{
	struct zs_layout layout;

	(void)state;
	for (unsigned int s = 0; s < NR_OF(shifts); s++)
		for (unsigned int index = 0; index < ZS_MAX_CLASSES; index++) {
			layout_of(&layout, index, shifts[s]);
			assert_int_equal(layout.slot_bytes, zs_size_class_bytes(index));
			assert_int_equal(layout.page_shift, shifts[s]);
			assert_layout(&layout);
		}
}

/* The tail of a zspage is at most 1/64 of it, and 1/128 for slots up to a page, in each class that a size can have. */
static void test_tails_are_small(void **state)
{
	struct zs_layout layout;

	(void)state;
	for (unsigned int s = 0; s < NR_OF(shifts); s++)
		for (unsigned int index = 0; index < ZS_MAX_CLASSES; index++) {
			uint32_t bytes, tail;

			layout_of(&layout, index, shifts[s]);
			if (zs_size_class_index(layout.slot_bytes, shifts[s]) != index)
				continue;
			bytes = (uint32_t)layout.nr_pages << shifts[s];
			tail = bytes - layout.nr_slots * layout.slot_bytes;
			assert_true(tail <= bytes / (layout.slot_bytes <= 1u << shifts[s] ? 128 : 64));
		}
}

/* Division by the inverse is exact on both sides of every multiple, hence everywhere. */
static void test_division_is_exact(void **state)
{
	struct zs_layout layout;

	(void)state;
	for (unsigned int index = 0; index < ZS_MAX_CLASSES; index++) {
		uint32_t bytes = zs_size_class_bytes(index);

		layout_of(&layout, index, 16);
		assert_int_equal(zs_layout_divide(&layout, 0), 0);
		for (uint32_t x = bytes; x < 1u << 24; x += bytes)
			if (zs_layout_divide(&layout, x - 1) != x / bytes - 1 ||
			    zs_layout_divide(&layout, x) != x / bytes)
				fail_msg("%u / %u", x, bytes);
	}
}

/* First and last slots of pages, found by looking at every slot. */
static void assert_slots_of_pages(const struct zs_layout *layout)
{
	unsigned int first[ZS_MAX_CHAIN], last[ZS_MAX_CHAIN] = { 0 };

	memset(first, 0xff, sizeof(first));
	for (unsigned int slot = 0; slot < layout->nr_slots; slot++) {
		uint32_t at = slot * layout->slot_bytes;
		uint32_t end = at + layout->slot_bytes - 1;

		assert_int_equal(zs_layout_offset(layout, slot), at);
		assert_int_equal(zs_layout_first_page(layout, slot), at >> layout->page_shift);
		assert_int_equal(zs_layout_last_page(layout, slot), end >> layout->page_shift);
		assert_true((end >> layout->page_shift) - (at >> layout->page_shift) <
			    zs_layout_max_slot_pages(layout));
		for (unsigned int page = at >> layout->page_shift; page <= end >> layout->page_shift; page++) {
			first[page] = slot < first[page] ? slot : first[page];
			last[page] = slot;
			assert_true(zs_layout_slot_pages(layout, slot) >> page & 1);
		}
	}
	for (unsigned int page = 0; page < layout->nr_pages; page++) {
		assert_int_equal(zs_layout_first_slot(layout, page), first[page]);
		assert_int_equal(zs_layout_last_slot(layout, page), last[page]);
	}
}

static void test_slots_of_pages(void **state)
{
	struct zs_layout layout;

	(void)state;
	for (unsigned int s = 0; s < NR_OF(shifts); s++)
		for (unsigned int index = 0; index < ZS_MAX_CLASSES; index += 3) {
			layout_of(&layout, index, shifts[s]);
			assert_slots_of_pages(&layout);
			assert_true(zs_layout_max_slot_pages(&layout) <= ZS_MAX_SLOT_PAGES);
			if (layout.slot_bytes <= 4096)
				assert_true(zs_layout_max_slot_pages(&layout) <= 2);
		}
}

static void test_page_masks(void **state)
{
	(void)state;
	for (unsigned int first = 0; first < 64; first++)
		for (unsigned int last = first; last < 64; last++) {
			uint64_t mask = zs_page_mask(first, last);

			for (unsigned int page = 0; page < 64; page++)
				assert_int_equal(mask >> page & 1, page >= first && page <= last);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_class_holds_its_sizes),  cmocka_unit_test(test_class_of_its_own_bytes),
		cmocka_unit_test(test_huge_sizes_take_a_page), cmocka_unit_test(test_layouts_are_whole),
		cmocka_unit_test(test_tails_are_small),        cmocka_unit_test(test_division_is_exact),
		cmocka_unit_test(test_slots_of_pages),         cmocka_unit_test(test_page_masks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
