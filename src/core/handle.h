/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Handles and the cells they name.
 *
 * A handle is a cell index and a generation. The cell says where the object is (the place) and in what state: its
 * generation, FREE, MOVING, and how many maps pin it. Freeing an object takes its cell to the next generation, so a
 * stale handle is told from a good one unless the generation has come round: it escapes with probability 2^-16 on
 * 64-bit systems (32 bits of index, 16 of generation) and 2^-8 on 32-bit ones (24 and 8). Cells start at a random
 * generation, so a handle of another pool escapes as seldom.
 *
 * Cells are handed out in chunks of 16, each owned by one size class and its lock. They are made in order, never move,
 * and stay until the pool is destroyed, so any cell below the table's end may be looked up at any time without a lock.
 * On hosts that have tables they stand side by side in one, and the classes of the chunks in another, once they are
 * more than a small pool has, so that each is found by arithmetic. Elsewhere they stand in leaves of one metadata unit,
 * which hang in a tree of two levels below its top, and the classes of a leaf's chunks in its first 64 bytes.
 *
 * Locks: table->lock, innermost, while a chunk is handed out. A cell's place, FREE and MOVING change only under the
 * lock of the class that owns it, but for FREE in a pool with stashes (see stash.h). Pins change at any time, by atomic
 * addition.
 */
#ifndef ZS_CORE_HANDLE_H
#define ZS_CORE_HANDLE_H

#include "meta.h"
#include "table.h"

#define ZS_CELL_GENERATION 0x0000ffffu
#define ZS_CELL_FREE 0x00010000u
#define ZS_CELL_MOVING 0x00020000u
#define ZS_CELL_PIN 0x00040000u /* one pin; the count has the bits from here up */
/* Fewer than the 2^14 that fit, so that threads that add at once cannot overflow. */
#define ZS_CELL_MAX_PINS 16000u

#define ZS_GENERATION_BITS (sizeof(long) == 8 ? 16 : 8)
#define ZS_GENERATION_MASK ((1u << ZS_GENERATION_BITS) - 1)

#define ZS_CHUNK_SHIFT 4
#define ZS_CHUNK_CELLS (1u << ZS_CHUNK_SHIFT)

struct zs_cell {
	zs_atomic32 state;
	zs_atomic32 place; /* while free: the index of the next free cell of the class, 0 at the end */
};

/* The last indexes are left out: on 32-bit systems their handles would look like error pointers. */
#if ZS_HOST_TABLES
#define ZS_FIRST_CELL 1u /* no handle is 0 */
#define ZS_FIRST_OWNERS 128u
#define ZS_MAX_CELL_INDEX ((sizeof(long) == 8 ? 1u << 27 : 1u << 24) - 256)
#else
#define ZS_MAX_CELL_INDEX (sizeof(long) == 8 ? 0xffffff00u : 0x00ffff00u)
#define ZS_LEAF_SHIFT 9
#define ZS_LEAF_CELLS (1u << ZS_LEAF_SHIFT)
#define ZS_LEAF_CHUNKS (ZS_LEAF_CELLS / ZS_CHUNK_CELLS)
/* The leaf's header takes the room of its first cells, whose indexes are never used. */
#define ZS_LEAF_HEADER_CELLS 8u
#define ZS_FIRST_CELL ZS_LEAF_HEADER_CELLS

union zs_leaf {
	uint16_t owner[ZS_LEAF_CHUNKS]; /* the class of each chunk */
	struct zs_cell cells[ZS_LEAF_CELLS];
};

#define ZS_NODE_SHIFT 8
#define ZS_TOP_SHIFT (32 - ZS_LEAF_SHIFT - 2 * ZS_NODE_SHIFT)

struct zs_leaf_node {
	union zs_leaf *leaves[1u << ZS_NODE_SHIFT];
};

struct zs_top_node {
	struct zs_leaf_node *nodes[1u << ZS_NODE_SHIFT];
};
#endif

struct zs_handle_table {
	zs_atomic_long end;        /* every cell below exists */
	zs_atomic_long direct_end; /* the same if cells lead to addresses, see records.h; else 0 */
	zs_atomic_long plain_end;  /* the same if the pool has no stashes, see stash.h, and clears nothing; else 0 */
	bool is_direct;            /* constant */
	bool is_plain;             /* constant */
	uint32_t salt;
	zs_lock lock;
	struct zs_meta *meta;
#if ZS_HOST_TABLES
	struct zs_table cells;
	uint16_t *owners; /* the class of each chunk: the first ones here, more than these in a table */
	uint16_t first_owners[ZS_FIRST_OWNERS];
	struct zs_table owner_table;
#else
	struct zs_top_node *top[1u << ZS_TOP_SHIFT];
#endif
};

/* is_direct, is_plain: as above. Result: 0 or -ENOMEM. context: no lock. */
int zs_handle_table_init(struct zs_handle_table *table, struct zs_meta *meta, uint32_t salt, bool is_direct,
			 bool is_plain);

/* Frees all leaves and nodes. context: no lock, nobody uses the table any more. */
void zs_handle_table_release(struct zs_handle_table *table);

/*
 * Hands a chunk of new cells to a class, which alone uses them from then on. The cells are free, linked by place, and
 * at a random generation. Result: 0 with the first cell's index in *first, or -ENOMEM. context: no lock.
 */
int zs_handle_table_add_chunk(struct zs_handle_table *table, unsigned int class_id, unsigned int flags,
			      uint32_t *first);

static inline unsigned long zs_handle_make(uint32_t index, uint32_t state)
{
	return (unsigned long)index << ZS_GENERATION_BITS | (state & ZS_GENERATION_MASK);
}

static inline uint32_t zs_handle_index(unsigned long handle)
{
	return (uint32_t)(handle >> ZS_GENERATION_BITS);
}

/* A state less the handle's generation: nothing but pins, if the object is the handle's, alive, and at rest. */
static inline uint32_t zs_handle_compare(unsigned long handle, uint32_t state)
{
	return state ^ ((uint32_t)handle & ZS_GENERATION_MASK);
}

/* Whether a cell in this state is live and of the handle's generation. */
static inline bool zs_handle_matches(unsigned long handle, uint32_t state)
{
	return !(zs_handle_compare(handle, state) & (ZS_CELL_GENERATION | ZS_CELL_FREE));
}

static inline uint32_t zs_cell_pins(uint32_t state)
{
	return state / ZS_CELL_PIN;
}

/* Takes back a pin. What was done with the object meanwhile is seen by who finds it without a pin. */
static inline void zs_cell_unpin(struct zs_cell *cell)
{
	zs_host_fetch_sub32_release(&cell->state, ZS_CELL_PIN);
}

/*
 * Marks an unpinned object as being moved. Result: false: it is pinned. Who pins it from now on waits for the lock of
 * its class. context: class locked.
 */
static inline bool zs_cell_begin_move(struct zs_cell *cell)
{
	uint32_t state = zs_host_load32(&cell->state);

	return !zs_cell_pins(state) && zs_host_cas32_acquire(&cell->state, state, state | ZS_CELL_MOVING);
}

/* Ends it: what the move changed is seen by whoever no longer sees the mark. context: class locked. */
static inline void zs_cell_end_move(struct zs_cell *cell)
{
	zs_host_fetch_and32_release(&cell->state, ~ZS_CELL_MOVING);
}

/* The cell of an index below the table's end. context: any. */
static inline struct zs_cell *zs_handle_cell(const struct zs_handle_table *table, unsigned long index)
{
#if ZS_HOST_TABLES
	return (struct zs_cell *)table->cells.base + index;
#else
	const uint32_t node_mask = (1u << ZS_NODE_SHIFT) - 1, number = (uint32_t)index >> ZS_LEAF_SHIFT;
	const struct zs_top_node *top = zs_host_load_pointer(table->top[number >> 2 * ZS_NODE_SHIFT]);
	const struct zs_leaf_node *node = zs_host_load_pointer(top->nodes[number >> ZS_NODE_SHIFT & node_mask]);
	union zs_leaf *leaf = zs_host_load_pointer(node->leaves[number & node_mask]);

	return &leaf->cells[index % ZS_LEAF_CELLS];
#endif
}

/* Whether there is a cell of that index below one of the table's ends. context: any. */
static inline bool zs_handle_exists_below(const zs_atomic_long *end, unsigned long index)
{
	if (index >= zs_host_load_long_acquire(end))
		return false;
#if ZS_HOST_TABLES
	return true;
#else
	return index % ZS_LEAF_CELLS >= ZS_LEAF_HEADER_CELLS;
#endif
}

static inline bool zs_handle_exists(const struct zs_handle_table *table, unsigned long index)
{
	return zs_handle_exists_below(&table->end, index);
}

/* The class that owns the cell of an index. */
static inline unsigned int zs_handle_owner(const struct zs_handle_table *table, uint32_t index)
{
#if ZS_HOST_TABLES
	return zs_host_load16(zs_host_load_pointer(table->owners) + (index >> ZS_CHUNK_SHIFT));
#else
	const struct zs_cell *cell = zs_handle_cell(table, index);
	const union zs_leaf *leaf = (const union zs_leaf *)(cell - index % ZS_LEAF_CELLS);

	return zs_host_load16(&leaf->owner[index % ZS_LEAF_CELLS >> ZS_CHUNK_SHIFT]);
#endif
}

/*
 * The cell that a handle names and the class that owns it, if there is such a cell below one of the table's ends;
 * whether the handle is good is for the cell's state to say. Result: false: no such cell. context: any.
 */
static inline bool zs_handle_find_below(const struct zs_handle_table *table, const zs_atomic_long *end,
					unsigned long handle, struct zs_cell **cell, unsigned int *class_id)
{
	unsigned long index = handle >> ZS_GENERATION_BITS;

	if (ZS_HOST_UNLIKELY(!zs_handle_exists_below(end, index)))
		return false;
	*cell = zs_handle_cell(table, index);
	*class_id = zs_handle_owner(table, (uint32_t)index);
	return true;
}

static inline bool zs_handle_find(const struct zs_handle_table *table, unsigned long handle, struct zs_cell **cell,
				  unsigned int *class_id)
{
	return zs_handle_find_below(table, &table->end, handle, cell, class_id);
}

#endif
