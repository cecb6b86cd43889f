/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * zspage: slots and pages. Allocates and frees descriptors outside the class lock; the rest runs under it and neither
 * allocates nor sleeps.
 */
#include "zspage.h"

#define SLOTS_PER_WORD 64u

size_t zs_zspage_bytes(const struct zs_layout *layout, bool contiguous)
{
	return sizeof(struct zs_zspage) + zs_zspage_words(layout) * sizeof(struct zs_slot_word) +
	       (contiguous ? 0 : (layout->nr_pages + 1) * sizeof(void *));
}

size_t zs_zspage_piece_bytes(const struct zs_layout *layout, unsigned int word)
{
	unsigned int nr = layout->nr_slots - word * SLOTS_PER_WORD;

	return (nr < SLOTS_PER_WORD ? nr : SLOTS_PER_WORD) * sizeof(uint32_t);
}

struct zs_zspage *zs_zspage_create(struct zs_meta *meta, const struct zs_layout *layout, unsigned int flags)
{
	bool contiguous = zs_host_contiguous(meta->source);
	size_t bytes = zs_zspage_bytes(layout, contiguous);
	struct zs_zspage *zspage = zs_meta_alloc(meta, bytes, flags);

	if (!zspage || !contiguous)
		return zspage;
	zspage->base = zs_host_span_get(meta->source, layout->nr_pages);
	if (zspage->base)
		return zspage;
	zs_meta_free(meta, zspage, bytes);
	return NULL;
}

void zs_zspage_destroy(struct zs_meta *meta, struct zs_zspage *zspage, const struct zs_layout *layout)
{
	for (unsigned int word = 0; word < zs_zspage_words(layout); word++)
		zs_meta_free(meta, zspage->words[word].owners,
			     zspage->is_short && !word ? ZS_SHORT_PIECE_BYTES : zs_zspage_piece_bytes(layout, word));
	if (zspage->base)
		zs_host_span_put(meta->source, zspage->base, layout->nr_pages);
	zs_meta_free(meta, zspage, zs_zspage_bytes(layout, zspage->base != NULL));
}

struct zs_zspage_lack zs_zspage_lowest_lack(const struct zs_zspage *zspage, const struct zs_layout *layout,
					    unsigned int nr_ahead)
{
	uint64_t present = zspage ? zspage->present : 0;
	unsigned int slot = zspage ? zs_zspage_lowest_unpopulated(zspage, layout) : 0;
	unsigned int last_page = zs_layout_last_page(layout, slot) + nr_ahead;
	struct zs_zspage_lack lack = { .pieces = 0 };
	unsigned int last_slot;

	if (last_page >= layout->nr_pages)
		last_page = layout->nr_pages - 1u;
	lack.pages = zs_page_mask(zs_layout_first_page(layout, slot), last_page) & ~present;
	last_slot = zs_layout_last_slot(layout, last_page);
	for (unsigned int word = slot / SLOTS_PER_WORD; word <= last_slot / SLOTS_PER_WORD; word++)
		lack.pieces |= zspage && zspage->words[word].owners ? 0 : 1u << word;
	if (last_slot < ZS_SHORT_PIECE && layout->nr_slots > ZS_SHORT_PIECE) {
		lack.short_piece = lack.pieces & 1;
		lack.pieces = 0;
	} else if (zspage && zspage->is_short) {
		lack.pieces |= 1;
	}
	return lack;
}

static void set_hole(struct zs_zspage *zspage, unsigned int slot)
{
	zspage->words[slot / SLOTS_PER_WORD].holes |= 1ull << (slot % SLOTS_PER_WORD);
	zspage->hole_words |= 1u << (slot / SLOTS_PER_WORD);
}

static void clear_hole(struct zs_zspage *zspage, unsigned int slot)
{
	uint64_t *word = &zspage->words[slot / SLOTS_PER_WORD].holes;

	*word &= ~(1ull << (slot % SLOTS_PER_WORD));
	if (!*word)
		zspage->hole_words &= ~(1u << (slot / SLOTS_PER_WORD));
}

/* The lowest run of consecutive pages of a mask, as a mask. pre: mask is not 0 */
static uint64_t lowest_run(uint64_t mask)
{
	uint64_t from = mask & -mask;
	uint64_t after = (mask + from) & ~mask;

	return after ? (after & -after) - from : -from;
}

static void *page_address(const struct zs_zspage *zspage, const struct zs_layout *layout, unsigned int page)
{
	return (char *)zspage->base + ((size_t)page << layout->page_shift);
}

static void populate_span(struct zs_zspage *zspage, const struct zs_layout *layout, struct zs_source *source,
			  uint64_t mask)
{
	while (mask) {
		uint64_t run = lowest_run(mask);

		zs_host_span_populate(source, page_address(zspage, layout, (unsigned int)__builtin_ctzll(run)),
				      zs_count_bits(run));
		mask &= ~run;
	}
}

static void populate_pages(struct zs_zspage *zspage, const struct zs_layout *layout, uint64_t mask, void **pages)
{
	for (void **at = zs_zspage_pages(zspage, layout); mask; mask &= mask - 1)
		at[__builtin_ctzll(mask)] = *pages++;
}

static void count_flanked(struct zs_zspage *zspage, const struct zs_layout *layout)
{
	unsigned int nr;

	if (layout->slot_bytes >= 1u << layout->page_shift)
		return;
	nr = layout->nr_slots;
	if (zspage->present != zs_layout_all_pages(layout))
		nr = zs_zspage_lowest_unpopulated(zspage, layout);
	zspage->nr_flanked = nr ? (uint16_t)(nr - 1) : 0;
}

void zs_zspage_populate(struct zs_zspage *zspage, const struct zs_layout *layout, struct zs_source *source,
			uint64_t mask, void **pages)
{
	if (zspage->base)
		populate_span(zspage, layout, source, mask);
	else
		populate_pages(zspage, layout, mask, pages);
	zspage->present |= mask;
	zspage->empty |= mask;
	count_flanked(zspage, layout);
	for (; mask; mask &= mask - 1) {
		unsigned int page = (unsigned int)__builtin_ctzll(mask);
		unsigned int last = zs_layout_last_slot(layout, page);

		for (unsigned int slot = zs_layout_first_slot(layout, page); slot <= last; slot++)
			if (!(zs_layout_slot_pages(layout, slot) & ~zspage->present))
				set_hole(zspage, slot);
	}
}

unsigned int zs_zspage_ranges(const struct zs_zspage *zspage, const struct zs_layout *layout, uint64_t *mask,
			      struct zs_range *ranges, unsigned int max)
{
	uint64_t left = *mask;
	unsigned int nr;

	for (nr = 0; left && nr < max; nr++) {
		uint64_t run = lowest_run(left);

		ranges[nr].address = page_address(zspage, layout, (unsigned int)__builtin_ctzll(run));
		ranges[nr].nr_pages = zs_count_bits(run);
		left &= ~run;
	}
	*mask &= ~left;
	return nr;
}

void zs_zspage_depopulate(struct zs_zspage *zspage, const struct zs_layout *layout, uint64_t mask, void **pages)
{
	zspage->present &= ~mask;
	zspage->empty &= ~mask;
	count_flanked(zspage, layout);
	if (zspage->base)
		zspage->returning |= mask;
	for (; mask; mask &= mask - 1) {
		unsigned int page = (unsigned int)__builtin_ctzll(mask);
		unsigned int last = zs_layout_last_slot(layout, page);

		if (!zspage->base)
			*pages++ = zs_zspage_pages(zspage, layout)[page];
		for (unsigned int slot = zs_layout_first_slot(layout, page); slot <= last; slot++)
			clear_hole(zspage, slot);
	}
}

bool zs_zspage_is_hole(const struct zs_zspage *zspage, unsigned int slot)
{
	return zspage->words[slot / SLOTS_PER_WORD].holes >> (slot % SLOTS_PER_WORD) & 1;
}

bool zs_zspage_is_live(const struct zs_zspage *zspage, const struct zs_layout *layout, unsigned int slot)
{
	return !zs_zspage_is_hole(zspage, slot) && !(zs_layout_slot_pages(layout, slot) & ~zspage->present);
}

unsigned int zs_zspage_nr_holes(const struct zs_zspage *zspage, const struct zs_layout *layout)
{
	unsigned int nr = 0;

	for (unsigned int word = 0; word < zs_zspage_words(layout); word++)
		nr += zs_count_bits(zspage->words[word].holes);
	return nr;
}

/* Slots that lack a page. One may touch several that are absent, and is counted once. */
static unsigned int nr_unpopulated(const struct zs_zspage *zspage, const struct zs_layout *layout)
{
	uint64_t absent = zs_layout_all_pages(layout) & ~zspage->present;
	unsigned int nr = 0, seen = 0; /* slots below */

	for (; absent; absent &= absent - 1) {
		unsigned int page = (unsigned int)__builtin_ctzll(absent);
		unsigned int first = zs_layout_first_slot(layout, page), end = zs_layout_last_slot(layout, page) + 1;

		nr += end - (first > seen ? first : seen);
		seen = end;
	}
	return nr;
}

unsigned int zs_zspage_nr_live(const struct zs_zspage *zspage, const struct zs_layout *layout)
{
	return layout->nr_slots - zs_zspage_nr_holes(zspage, layout) - nr_unpopulated(zspage, layout);
}

/* The highest slot up to one, of its word, that is no hole, or -1. */
static int no_hole_in_word(const struct zs_zspage *zspage, unsigned int slot)
{
	uint64_t live = ~zspage->words[slot / SLOTS_PER_WORD].holes << (SLOTS_PER_WORD - 1 - slot % SLOTS_PER_WORD);

	return live ? (int)slot - __builtin_clzll(live) : -1;
}

int zs_zspage_live_below(const struct zs_zspage *zspage, const struct zs_layout *layout, unsigned int slot)
{
	/* Without pages a slot may be neither a hole nor live. */
	while (slot > zspage->nr_flanked)
		if (zs_zspage_is_live(zspage, layout, --slot))
			return (int)slot;
	while (slot) {
		int found = no_hole_in_word(zspage, slot - 1);

		if (found >= 0)
			return found;
		slot = (slot - 1) / SLOTS_PER_WORD * SLOTS_PER_WORD;
	}
	return -1;
}

/* The slots from first on and below end, as a mask from bit 0 on. pre: first < end <= first + 64 */
static uint64_t slots_mask(unsigned int first, unsigned int end)
{
	return ~0ull >> (SLOTS_PER_WORD - (end - first));
}

/* Whether a slot from first on and below end is live. Slots that are not holes may also be unpopulated. */
static bool any_live(const struct zs_zspage *zspage, const struct zs_layout *layout, unsigned int first,
		     unsigned int end)
{
	/* Of slots that have their pages, and stand in one word, what is no hole is live. */
	if (first < end && end <= zspage->nr_flanked && !((first ^ (end - 1)) / SLOTS_PER_WORD))
		return ~zspage->words[first / SLOTS_PER_WORD].holes >> first % SLOTS_PER_WORD & slots_mask(first, end);
	for (unsigned int slot = first; slot < end; slot++)
		if (zs_zspage_is_live(zspage, layout, slot))
			return true;
	return false;
}

uint64_t zs_zspage_sole_pages(const struct zs_zspage *zspage, const struct zs_layout *layout, unsigned int slot)
{
	unsigned int last = zs_layout_last_page(layout, slot);
	uint64_t mask = 0;

	for (unsigned int page = zs_layout_first_page(layout, slot); page <= last; page++)
		if (!any_live(zspage, layout, slot + 1, zs_layout_last_slot(layout, page) + 1) &&
		    !any_live(zspage, layout, zs_layout_first_slot(layout, page), slot))
			mask |= 1ull << page;
	return mask;
}

uint64_t zs_zspage_mark_emptied(struct zs_zspage *zspage, const struct zs_layout *layout, unsigned int slot)
{
	unsigned int last = zs_layout_last_page(layout, slot);
	uint64_t emptied = 0;

	for (unsigned int page = zs_layout_first_page(layout, slot); page <= last; page++) {
		unsigned int first = zs_layout_first_slot(layout, page);

		if (!any_live(zspage, layout, first, zs_layout_last_slot(layout, page) + 1))
			emptied |= 1ull << page;
	}
	zspage->empty |= emptied;
	return emptied;
}

void *zs_zspage_address(struct zs_zspage *zspage, const struct zs_layout *layout, unsigned int slot, size_t len)
{
	uint32_t offset = zs_layout_offset(layout, slot);
	uint32_t in_page = offset & ((1u << layout->page_shift) - 1);
	char *page;

	if (zspage->base)
		return (char *)zspage->base + offset;
	if (in_page + len > 1u << layout->page_shift)
		return NULL;
	page = zs_host_page_address(zs_zspage_pages(zspage, layout)[offset >> layout->page_shift]);
	return page ? page + in_page : NULL;
}

/* Walks the page pieces of the first len bytes of a slot; to_pool tells the direction. */
static void copy_pieces(struct zs_zspage *zspage, const struct zs_layout *layout, unsigned int slot, char *outside,
			size_t len, bool to_pool)
{
	uint32_t offset = zs_layout_offset(layout, slot);
	uint32_t page_bytes = 1u << layout->page_shift;

	while (len) {
		uint32_t in_page = offset & (page_bytes - 1);
		size_t part = len < page_bytes - in_page ? len : page_bytes - in_page;
		char *page = zs_host_page_open(zs_zspage_pages(zspage, layout)[offset >> layout->page_shift]);

		if (to_pool)
			memcpy(page + in_page, outside, part);
		else
			memcpy(outside, page + in_page, part);
		zs_host_page_close(page);
		offset += (uint32_t)part;
		outside += part;
		len -= part;
	}
}

void zs_zspage_copy_out(struct zs_zspage *zspage, const struct zs_layout *layout, unsigned int slot, void *to,
			size_t len)
{
	if (zspage->base)
		memcpy(to, zs_zspage_address(zspage, layout, slot, len), len);
	else
		copy_pieces(zspage, layout, slot, to, len, false);
}

void zs_zspage_copy_in(struct zs_zspage *zspage, const struct zs_layout *layout, unsigned int slot, const void *from,
		       size_t len)
{
	if (zspage->base)
		memcpy(zs_zspage_address(zspage, layout, slot, len), from, len);
	else
		copy_pieces(zspage, layout, slot, (char *)from, len, true);
}

static void clear_scattered(struct zs_zspage *zspage, const struct zs_layout *layout, uint32_t offset)
{
	uint32_t page_bytes = 1u << layout->page_shift;
	uint32_t left = layout->slot_bytes;

	while (left) {
		uint32_t in_page = offset & (page_bytes - 1);
		uint32_t part = left < page_bytes - in_page ? left : page_bytes - in_page;
		char *page = zs_host_page_open(zs_zspage_pages(zspage, layout)[offset >> layout->page_shift]);

		memset(page + in_page, 0, part);
		zs_host_page_close(page);
		offset += part;
		left -= part;
	}
}

void zs_zspage_clear_slot(struct zs_zspage *zspage, const struct zs_layout *layout, unsigned int slot)
{
	uint32_t offset = zs_layout_offset(layout, slot);

	if (zspage->base)
		memset((char *)zspage->base + offset, 0, layout->slot_bytes);
	else
		clear_scattered(zspage, layout, offset);
}

/* Between scattered zspages: the pieces of the source slot, each copied in pieces of the target slot. */
static void copy_scattered(struct zs_zspage *from, uint32_t from_offset, struct zs_zspage *to, uint32_t to_offset,
			   const struct zs_layout *layout)
{
	uint32_t page_mask = (1u << layout->page_shift) - 1;
	uint32_t left = layout->slot_bytes;

	while (left) {
		uint32_t from_room = page_mask + 1 - (from_offset & page_mask);
		uint32_t to_room = page_mask + 1 - (to_offset & page_mask);
		uint32_t part = left;
		char *source, *target;

		part = from_room < part ? from_room : part;
		part = to_room < part ? to_room : part;
		source = zs_host_page_open(zs_zspage_pages(from, layout)[from_offset >> layout->page_shift]);
		target = zs_host_page_open(zs_zspage_pages(to, layout)[to_offset >> layout->page_shift]);
		memcpy(target + (to_offset & page_mask), source + (from_offset & page_mask), part);
		zs_host_page_close(target);
		zs_host_page_close(source);
		from_offset += part;
		to_offset += part;
		left -= part;
	}
}

void zs_zspage_copy_slot(struct zs_zspage *from, unsigned int from_slot, struct zs_zspage *to, unsigned int to_slot,
			 const struct zs_layout *layout)
{
	uint32_t from_offset = zs_layout_offset(layout, from_slot);
	uint32_t to_offset = zs_layout_offset(layout, to_slot);

	if (from->base)
		memcpy((char *)to->base + to_offset, (char *)from->base + from_offset, layout->slot_bytes);
	else
		copy_scattered(from, from_offset, to, to_offset, layout);
}
