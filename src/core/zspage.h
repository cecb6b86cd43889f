/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * zspage: up to 64 page positions that are cut into slots of one size. It owns only the pages that are present.
 *
 * A slot is live (holds an object), a hole (free, and every page it touches is present), or unpopulated (free, and
 * some page it touches is absent). Holes are the set bits of the bitmap; live slots are the clear ones whose pages
 * are all present. So a slot is found and judged without touching object memory, and a page is empty if none of the
 * slots that touch it is live.
 *
 * A page is absent, present, or on its way back: in a contiguous zspage a page that is being returned to the system
 * is neither present nor may it be populated again until that has been done outside the lock.
 *
 * Locks: everything here is guarded by the lock of the zspage's class, but for the addresses of pinned objects,
 * which do not change.
 */
#ifndef ZS_CORE_ZSPAGE_H
#define ZS_CORE_ZSPAGE_H

#include "meta.h"
#include "size_class.h"

struct zs_buffer;
struct zs_index_node;

#define ZS_PAGE_PLACE_SHIFT 6 /* log2 of ZS_MAX_CHAIN */

/* What a zspage begins with: a piece for so many of the first word's slots, if it has more. */
#define ZS_SHORT_PIECE 32u
#define ZS_SHORT_PIECE_BYTES (ZS_SHORT_PIECE * sizeof(uint32_t))

/* 64 slots: which are holes, and the cell index of each (0: none). */
struct zs_slot_word {
	uint64_t holes;
	uint32_t *owners; /* a piece of its own, made when a page under the slots is first populated */
};

struct zs_zspage {
	uint64_t present;           /* a bit per page */
	uint64_t empty;             /* present pages that no live object touches */
	uint64_t returning;         /* absent, being given back; contiguous only */
	void *base;                 /* contiguous: the first byte; else NULL */
	struct zs_index_node *node; /* that leads to it in its class's index; NULL: none does */
	uint32_t hole_words;        /* a bit per word of the hole bitmap that is not 0 */
	uint32_t index;             /* in its class */
	uint32_t place;             /* that of its slot 0 */
	uint16_t nr_flanked; /* slots from 0 on that have their pages, as has the next; 0 if one is as long as a page */
	uint8_t marks;       /* as known to the class's index of zspages */
	bool is_short;       /* the first word's piece is a short one */
	/* Then, sized by the layout: the words; if scattered the pages, and the list of copies of mapped objects. */
	struct zs_slot_word words[];
};

static inline unsigned int zs_zspage_words(const struct zs_layout *layout)
{
	return (layout->nr_slots + 63u) / 64u;
}

static inline void **zs_zspage_pages(struct zs_zspage *zspage, const struct zs_layout *layout)
{
	return (void **)(zspage->words + zs_zspage_words(layout));
}

/* pre: scattered */
static inline struct zs_buffer **zs_zspage_buffers(struct zs_zspage *zspage, const struct zs_layout *layout)
{
	return (struct zs_buffer **)(zs_zspage_pages(zspage, layout) + layout->nr_pages);
}

static inline uint32_t *zs_zspage_owner(const struct zs_zspage *zspage, unsigned int slot)
{
	return &zspage->words[slot / 64].owners[slot % 64];
}

/* Whether its word's piece reaches to a slot. */
static inline bool zs_zspage_has_owner(const struct zs_zspage *zspage, unsigned int slot)
{
	return zspage->words[slot / 64].owners && !(zspage->is_short && slot < 64 && slot >= ZS_SHORT_PIECE);
}

static inline bool zs_zspage_has_hole(const struct zs_zspage *zspage)
{
	return zspage->hole_words != 0;
}

/* Whether a page may be added: some is absent, and none on its way back. */
static inline bool zs_zspage_has_room(const struct zs_zspage *zspage, const struct zs_layout *layout)
{
	return !zspage->returning && zspage->present != zs_layout_all_pages(layout);
}

/* What the host is told of a scattered page: its zspage's number and its position there. */
static inline unsigned long zs_page_place(const struct zs_zspage *zspage, unsigned int page)
{
	/* A zspage has at least a page of memory: on a 32-bit system its number has at most 20 bits. */
	return (unsigned long)zspage->index << ZS_PAGE_PLACE_SHIFT | page;
}

/* Whether nothing of it is in use, so that it can be destroyed. */
static inline bool zs_zspage_is_bare(const struct zs_zspage *zspage)
{
	return !zspage->present && !zspage->returning;
}

size_t zs_zspage_bytes(const struct zs_layout *layout, bool contiguous);
/* The bytes of the piece for a word's owners: the last word may have fewer slots. */
size_t zs_zspage_piece_bytes(const struct zs_layout *layout, unsigned int word);

/* A zspage without pages, in no class yet; NULL: no memory. context: no lock. */
struct zs_zspage *zs_zspage_create(struct zs_meta *meta, const struct zs_layout *layout, unsigned int flags);
/* pre: bare, in no class. context: no lock. */
void zs_zspage_destroy(struct zs_meta *meta, struct zs_zspage *zspage, const struct zs_layout *layout);

/* The lowest unpopulated slot. pre: has room. */
static inline unsigned int zs_zspage_lowest_unpopulated(const struct zs_zspage *zspage, const struct zs_layout *layout)
{
	/* The lowest absent page's first byte lies in it: all pages before that one are present. */
	return zs_layout_first_slot(layout, (unsigned int)__builtin_ctzll(~zspage->present));
}

/*
 * What the lowest unpopulated slot lacks, and nr_ahead more pages behind it as far as there are. zspage NULL: one
 * without pages. pre: has room.
 */
struct zs_zspage_lack {
	uint64_t pages;   /* to be populated */
	uint32_t pieces;  /* words whose owners have no piece, or only a short one */
	bool short_piece; /* a short one will do, for the first word */
};
struct zs_zspage_lack zs_zspage_lowest_lack(const struct zs_zspage *zspage, const struct zs_layout *layout,
					    unsigned int nr_ahead);

/*
 * Populates pages; slots that thereby have all of theirs become holes. pages: one for each bit of the mask, lowest
 * first, used only if scattered; contiguous pages were reserved. pre: every word of these pages' slots has a piece.
 */
void zs_zspage_populate(struct zs_zspage *zspage, const struct zs_layout *layout, struct zs_source *source,
			uint64_t mask, void **pages);

/*
 * Makes empty pages absent. Scattered pages are handed out in pages, lowest first; contiguous ones are then on their
 * way back until their bits in returning are cleared. pre: mask is within empty.
 */
void zs_zspage_depopulate(struct zs_zspage *zspage, const struct zs_layout *layout, uint64_t mask, void **pages);

/*
 * The ranges of pages of *mask, lowest first, max of them at most; *mask is left with the pages that are in them.
 * Returns how many. pre: contiguous.
 */
unsigned int zs_zspage_ranges(const struct zs_zspage *zspage, const struct zs_layout *layout, uint64_t *mask,
			      struct zs_range *ranges, unsigned int max);

/* The lowest hole. pre: has a hole. */
static inline unsigned int zs_zspage_lowest_hole(const struct zs_zspage *zspage)
{
	unsigned int word = (unsigned int)__builtin_ctz(zspage->hole_words);

	return word * 64u + (unsigned int)__builtin_ctzll(zspage->words[word].holes);
}

/* Takes the lowest hole. pre: has a hole. */
static inline unsigned int zs_zspage_take_slot(struct zs_zspage *zspage, const struct zs_layout *layout)
{
	unsigned int word = (unsigned int)__builtin_ctz(zspage->hole_words);
	uint64_t holes = zspage->words[word].holes;
	unsigned int slot = word * 64u + (unsigned int)__builtin_ctzll(holes);

	holes &= holes - 1;
	zspage->words[word].holes = holes;
	if (!holes)
		zspage->hole_words &= zspage->hole_words - 1;
	if (ZS_HOST_UNLIKELY(zspage->empty))
		zspage->empty &= ~zs_layout_slot_pages(layout, slot);
	return slot;
}

/* Marks those of a slot's pages empty that no live slot touches. Returns them. pre: the slot is a hole. */
uint64_t zs_zspage_mark_emptied(struct zs_zspage *zspage, const struct zs_layout *layout, unsigned int slot);

/* The word of holes in which a slot is, with the slot, which was live, as a hole. */
static inline uint64_t zs_zspage_holes_with(const struct zs_zspage *zspage, unsigned int slot)
{
	return zspage->words[slot / 64u].holes | 1ull << slot % 64u;
}

/*
 * Makes a live slot a hole; holes: its word then. The pages that it may have left empty are the caller's to see to.
 * Result: whether it is the zspage's only hole.
 */
static inline bool zs_zspage_put_slot(struct zs_zspage *zspage, unsigned int slot, uint64_t holes)
{
	uint32_t words;

	zspage->words[slot / 64u].holes = holes;
	if (holes & (holes - 1))
		return false;
	words = zspage->hole_words;
	zspage->hole_words = words | 1u << slot / 64u;
	return !words;
}

/*
 * Whether a hole, just put, has certainly left no page empty: if its object was shorter than a page and both its
 * neighbours live, each of its pages is touched by one of them. What is no hole lives where the slots have their
 * pages; the ends of a word of holes are not looked at more closely.
 */
static inline bool zs_zspage_keeps_pages(const struct zs_zspage *zspage, unsigned int slot, uint64_t holes)
{
	unsigned int bit = slot % 64u;

	return bit - 1u < 62u && !(holes >> (bit - 1u) & 5u) && (uint16_t)slot < zspage->nr_flanked;
}

bool zs_zspage_is_hole(const struct zs_zspage *zspage, unsigned int slot);
bool zs_zspage_is_live(const struct zs_zspage *zspage, const struct zs_layout *layout, unsigned int slot);

/* How many of its slots are holes; how many live. */
unsigned int zs_zspage_nr_holes(const struct zs_zspage *zspage, const struct zs_layout *layout);
unsigned int zs_zspage_nr_live(const struct zs_zspage *zspage, const struct zs_layout *layout);

/* The highest live slot below the given one, or -1. */
int zs_zspage_live_below(const struct zs_zspage *zspage, const struct zs_layout *layout, unsigned int slot);

/* The pages that no other object than this live slot's touches. */
uint64_t zs_zspage_sole_pages(const struct zs_zspage *zspage, const struct zs_layout *layout, unsigned int slot);

/*
 * Where the first len bytes of a live slot are, if they can be reached in one piece; else NULL. context: the slot's
 * object is pinned or the class locked.
 */
void *zs_zspage_address(struct zs_zspage *zspage, const struct zs_layout *layout, unsigned int slot, size_t len);

/* Copies the first len bytes of a live slot, page by page. context: as above. */
void zs_zspage_copy_out(struct zs_zspage *zspage, const struct zs_layout *layout, unsigned int slot, void *to,
			size_t len);
void zs_zspage_copy_in(struct zs_zspage *zspage, const struct zs_layout *layout, unsigned int slot, const void *from,
		       size_t len);

/* Overwrites a whole slot that has its pages with zeroes. context: class locked. */
void zs_zspage_clear_slot(struct zs_zspage *zspage, const struct zs_layout *layout, unsigned int slot);

/* Copies a whole slot to a slot of another zspage, or of the same. context: class locked. */
void zs_zspage_copy_slot(struct zs_zspage *from, unsigned int from_slot, struct zs_zspage *to, unsigned int to_slot,
			 const struct zs_layout *layout);

#endif
