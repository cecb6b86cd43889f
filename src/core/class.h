/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A size class at work: its zspages, its free cells, and its lock, under which slots are taken and put back.
 *
 * How it grows and gives pages back is on top of this: what that asks of the system is asked for without the lock (see
 * growth.h, release.h, departure.h).
 *
 * Locks: class->lock guards the class and all its zspages and cells (see handle.h for what is free of it).
 */
#ifndef ZS_CORE_CLASS_H
#define ZS_CORE_CLASS_H

#include "buffer.h"
#include "handle.h"
#include "memory.h"
#include "zspage_index.h"

struct zs_class {
	/* What lookups read, in a cache line that seldom changes. */
	struct zs_layout layout; /* constant */
	struct zs_zspage_index zspages;
	struct zs_memory *memory;        /* the pool's; constant */
	struct zs_handle_table *handles; /* the pool's; constant */
	uint32_t id;                     /* its size class index; constant */
	uint32_t resume_zspage;          /* where a walk of compaction goes on, if it does */
	uint32_t resume_nr_changes;      /* as it was when that walk began */
	uint16_t resume_slot;
	bool resumes;
	bool resumes_second; /* it was the second walk, see compact.c */
	/* What changes with every object. */
	_Alignas(64) zs_lock lock;
	uint32_t free_cell; /* the first cell that no slot has, linked by place; 0: none */
	/* Frees and growths, modulo 2^32: whether a walk of compaction may have missed something. */
	uint32_t nr_changes;
	uint32_t lowest_index; /* the number of the lowest; ~0: there is none */
	/* These four, and nr_moved, may be glanced at without the lock. */
	struct zs_zspage *lowest; /* the lowest zspage with a hole; NULL: there is none */
	unsigned long nr_live;
	unsigned long nr_pages;         /* present in its zspages */
	unsigned long nr_empty;         /* of them, touched by no object */
	unsigned long nr_moved;         /* objects moved by compaction */
	struct zs_buffer *spare_buffer; /* kept for the next copy of a mapped object */
};

/* A live object as the class sees it. */
struct zs_spot {
	struct zs_zspage *zspage;
	unsigned int slot;
};

struct zs_class *zs_class_create(struct zs_memory *memory, struct zs_handle_table *handles, unsigned int id,
				 uint32_t slot_bytes, unsigned int flags);
/* Frees the class. pre: it has no pages any more. context: no lock, nobody uses the pool any more. */
void zs_class_destroy(struct zs_class *class);

/* A zspage without pages, in no class yet, to which places can lead; NULL: no memory. context: no lock. */
struct zs_zspage *zs_class_create_zspage(struct zs_class *class, unsigned int flags);
/* pre: bare, in no class. context: no lock. */
void zs_class_destroy_zspage(struct zs_class *class, struct zs_zspage *zspage);

/* ---- from cell to place and back ---- */

/* Where an object of the class is. context: class locked, or object pinned. */
static inline struct zs_spot zs_class_spot_of(const struct zs_class *class, const struct zs_memory *memory,
					      const struct zs_cell *cell)
{
	uint32_t place = zs_host_load32(&cell->place);
	struct zs_spot spot = { .slot = place & ZS_PLACE_SLOT_MASK };

#if ZS_HOST_TABLES
	(void)class;
	spot.zspage = zs_records_zspage(&memory->records, place);
#else
	(void)memory;
	spot.zspage = zs_zspage_index_get(&class->zspages, place >> ZS_PLACE_SLOT_BITS);
#endif
	return spot;
}

static inline struct zs_spot zs_class_spot(const struct zs_class *class, const struct zs_cell *cell)
{
	return zs_class_spot_of(class, class->memory, cell);
}

/* The cell of the object in a live slot. context: class locked. */
static inline struct zs_cell *zs_class_cell(const struct zs_class *class, struct zs_spot spot)
{
	return zs_handle_cell(class->handles, *zs_zspage_owner(spot.zspage, spot.slot));
}

static inline uint32_t zs_class_place(struct zs_spot spot)
{
	return spot.zspage->place | spot.slot;
}

/* ---- with the class locked ---- */

/* The marks that the class's index should have for a zspage. */
uint8_t zs_class_marks(const struct zs_class *class, const struct zs_zspage *zspage);

/* What follows for the class and the pool's counts when other pages of a zspage are empty than before. */
void zs_class_note_empty(struct zs_class *class, struct zs_zspage *zspage, uint64_t before);

/* What follows when pages were added to a zspage, taken from it, or have gone to the system. */
void zs_class_note_pages(struct zs_class *class, struct zs_zspage *zspage, uint64_t empty_before);

/*
 * Takes empty pages out of a zspage: scattered ones are handed out in pages, lowest first; contiguous ones are on their
 * way back then. Result: whether the zspage is bare and out of the index, so that it can be destroyed.
 */
bool zs_class_take_out(struct zs_class *class, struct zs_zspage *zspage, uint64_t mask, struct zs_pages *pages);

/* Takes the lowest hole of a zspage. pre: has one. Returns the slot, whose owner is what it was. */
unsigned int zs_class_take_slot(struct zs_class *class, struct zs_zspage *zspage);

/* Overwrites what is in a slot that is a hole, or about to become one, if the pool clears. */
static inline void zs_class_clear_slot(struct zs_class *class, struct zs_spot spot)
{
	if (ZS_HOST_UNLIKELY(class->memory->clears))
		zs_zspage_clear_slot(spot.zspage, &class->layout, spot.slot);
}

/* Makes the slot of a live object a hole, whose owner it stays. Returns the pages that became empty. */
uint64_t zs_class_put_slot(struct zs_class *class, struct zs_spot spot);

static inline void zs_class_set_lowest(struct zs_class *class, struct zs_zspage *zspage)
{
	ZS_HOST_SHOW(class->lowest, zspage);
	class->lowest_index = zspage ? zspage->index : ~0u;
}

/*
 * The short way to put a slot: where its zspage keeps its pages and the class's index has only its lowest node to
 * change. Result: whether that was all; if not, zs_class_put_rest() is to follow.
 */
static inline bool zs_class_put_direct(struct zs_class *class, struct zs_spot spot)
{
	struct zs_zspage *zspage = spot.zspage;
	uint64_t holes = zs_zspage_holes_with(zspage, spot.slot);

	ZS_HOST_SHOW_MORE(class->nr_live, -1);
	if (ZS_HOST_UNLIKELY(zs_zspage_put_slot(zspage, spot.slot, holes))) {
		if (!zs_zspage_index_set_direct(zspage, ZS_MARK_HOLE))
			return false;
		if (zspage->index < class->lowest_index)
			zs_class_set_lowest(class, zspage);
	}
	return zs_zspage_keeps_pages(zspage, spot.slot, holes);
}

/* Returns the pages that became empty. */
uint64_t zs_class_put_rest(struct zs_class *class, struct zs_spot spot);

/* Swaps the cells of two slots. pre: the first has one. */
void zs_class_swap_cells(struct zs_class *class, struct zs_spot a, struct zs_spot b);

/* Takes the lowest hole for a new object. Returns its handle, or 0: there is no hole, or no cell for it. */
unsigned long zs_class_take(struct zs_class *class);

/* A word of the lowest zspage loses its last hole. Result: whether all that follows was done; else nothing was. */
static inline bool zs_class_leave_word(struct zs_class *class, struct zs_zspage *zspage)
{
	uint32_t words = zspage->hole_words & (zspage->hole_words - 1);
	struct zs_zspage *next;

	if (!words) {
		if (ZS_HOST_UNLIKELY(!zs_zspage_index_clear_lowest(zspage, ZS_MARK_HOLE, &next)))
			return false;
		zs_class_set_lowest(class, next);
	}
	zspage->hole_words = words;
	return true;
}

/* The short way to the same, where the slot has a cell and no more than the lowest node of the index changes. */
static inline unsigned long zs_class_take_direct(struct zs_class *class, const struct zs_handle_table *handles)
{
	struct zs_zspage *zspage = class->lowest;
	struct zs_slot_word *word;
	uint64_t holes;
	uint32_t index;

	if (ZS_HOST_UNLIKELY(!zspage || zspage->empty))
		return 0;
	word = &zspage->words[(unsigned int)__builtin_ctz(zspage->hole_words)];
	holes = word->holes;
	index = word->owners[(unsigned int)__builtin_ctzll(holes)];
	holes &= holes - 1;
	if (ZS_HOST_UNLIKELY(!index || (!holes && !zs_class_leave_word(class, zspage))))
		return 0;
	word->holes = holes;
	ZS_HOST_SHOW_MORE(class->nr_live, 1);
	/* The mark was there: subtracting clears it. */
	return zs_handle_make(index, zs_host_fetch_sub32_release(&zs_handle_cell(handles, index)->state, ZS_CELL_FREE));
}

/* Frees the buffer that the class keeps for the next map. Result: whether there was one. context: no lock. */
bool zs_class_release_buffer(struct zs_class *class);

/* Fewest pages that hold the live objects. */
unsigned long zs_class_least_pages(const struct zs_class *class);

/* ---- without a lock ---- */

/* Whether it has a hole: a glance. */
static inline bool zs_class_has_hole(const struct zs_class *class)
{
	return ZS_HOST_GLANCE(class->lowest) != NULL;
}

/* Pages that compaction could give back about now: a glance, true to the moment only when the class is at rest. */
unsigned long zs_class_slack_pages(const struct zs_class *class);

/* The same without those that are empty already: what moving objects could gain. */
unsigned long zs_class_loose_pages(const struct zs_class *class);

#endif
