/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Size classes: which sizes share slots of one size, and how a zspage of a class is laid out. Arithmetic only.
 *
 * Up to 4096 bytes classes are 16 bytes apart, beyond that each doubling is cut in 64. A class of slots that would
 * fit a page position no more often than a whole page does is not used: its sizes belong to the class of a page.
 */
#ifndef ZS_CORE_SIZE_CLASS_H
#define ZS_CORE_SIZE_CLASS_H

#include "bits.h"
#include "host.h"

#define ZS_MIN_SLOT 32u
#define ZS_MAX_SLOT 65536u
#define ZS_SLOT_STEP 16u
#define ZS_MAX_CHAIN 64u /* page positions of a zspage: the bits of its presence word */
#define ZS_MAX_CLASSES 511u
/* Pages that one slot can touch. */
#define ZS_MAX_SLOT_PAGES (ZS_MAX_SLOT / 4096u + 1)

/* A zspage's layout: slot i is the bytes i * slot_bytes up to (i + 1) * slot_bytes of its pages put in a row. */
struct zs_layout {
	uint32_t slot_bytes;
	uint16_t nr_slots;
	uint8_t nr_pages;
	uint8_t page_shift;
	uint64_t inverse; /* 2^40 / slot_bytes, rounded up */
};

/* pre: 1 <= size <= ZS_MAX_SLOT. The page shift matters for the sizes that are as good as a page. */
unsigned int zs_size_class_index(size_t size, unsigned int page_shift);

/* The bytes of a slot of the class. pre: index < ZS_MAX_CLASSES */
uint32_t zs_size_class_bytes(unsigned int index);

/* The smallest size for which a slot takes a whole page of page_shift. */
size_t zs_size_class_huge(unsigned int page_shift);

/* Chooses the chain length that wastes least per slot, the zspage's own descriptor counted. */
void zs_layout_init(struct zs_layout *layout, uint32_t slot_bytes, unsigned int page_shift);

/* x / slot_bytes for x < 2^24: the rounding error of the inverse, below 2^16, times x stays below 2^40. */
static inline unsigned int zs_layout_divide(const struct zs_layout *layout, uint32_t x)
{
	return (unsigned int)((x * layout->inverse) >> 40);
}

/* The slot that holds the first byte of a page: there is one, since a tail is shorter than a page. */
static inline unsigned int zs_layout_first_slot(const struct zs_layout *layout, unsigned int page)
{
	return zs_layout_divide(layout, (uint32_t)page << layout->page_shift);
}

/* The last slot that touches a page, whose end may be in the tail. */
static inline unsigned int zs_layout_last_slot(const struct zs_layout *layout, unsigned int page)
{
	unsigned int slot = zs_layout_divide(layout, ((uint32_t)(page + 1) << layout->page_shift) - 1);

	return slot < layout->nr_slots ? slot : layout->nr_slots - 1u;
}

static inline uint32_t zs_layout_offset(const struct zs_layout *layout, unsigned int slot)
{
	return slot * layout->slot_bytes;
}

static inline unsigned int zs_layout_first_page(const struct zs_layout *layout, unsigned int slot)
{
	return zs_layout_offset(layout, slot) >> layout->page_shift;
}

static inline unsigned int zs_layout_last_page(const struct zs_layout *layout, unsigned int slot)
{
	return (zs_layout_offset(layout, slot) + layout->slot_bytes - 1) >> layout->page_shift;
}

/* The most pages that a slot can touch. */
static inline unsigned int zs_layout_max_slot_pages(const struct zs_layout *layout)
{
	return ((layout->slot_bytes - 2) >> layout->page_shift) + 2;
}

/* The pages from first to last as a mask. pre: first <= last < 64 */
static inline uint64_t zs_page_mask(unsigned int first, unsigned int last)
{
	return (~0ull << first) & (~0ull >> (63 - last));
}

/* All pages of a zspage. */
static inline uint64_t zs_layout_all_pages(const struct zs_layout *layout)
{
	return zs_page_mask(0, layout->nr_pages - 1u);
}

/* The pages that a slot touches. */
static inline uint64_t zs_layout_slot_pages(const struct zs_layout *layout, unsigned int slot)
{
	return zs_page_mask(zs_layout_first_page(layout, slot), zs_layout_last_page(layout, slot));
}

#endif
