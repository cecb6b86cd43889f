/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Handles and the cells they name.
 *
 * A handle is a cell index and a generation. The cell says where the object is (a zspage number and a slot of its
 * class: the place) and in what state: generation, LIVE, MOVING, and how many maps pin it. Freeing an object takes
 * its cell to the next generation, so a stale handle is told from a good one unless the generation has come round:
 * it escapes with probability 2^-16 on 64-bit systems (32 bits of index, 16 of generation) and 2^-8 on 32-bit ones
 * (24 and 8). Cells start at a random generation, so a handle of another pool escapes as seldom.
 *
 * Cells stand in leaves of one metadata unit; a leaf is divided in chunks of 16 cells, each owned by one size class
 * and its lock. Leaves are found through a three-level table whose nodes never move. Leaves and nodes stay until the
 * pool is destroyed, so any number may be looked up at any time without a lock.
 *
 * Locks: none of its own; leaves and chunks are claimed by compare and exchange. A cell's place and LIVE and MOVING
 * change only under the lock of the class that owns it. Pins change at any time, by atomic addition.
 */
#ifndef ZS_CORE_HANDLE_H
#define ZS_CORE_HANDLE_H

#include "meta.h"

#define ZS_CELL_GENERATION 0x0000ffffu
#define ZS_CELL_LIVE 0x00010000u
#define ZS_CELL_MOVING 0x00020000u
#define ZS_CELL_PIN 0x00040000u /* one pin; the count has the bits from here up */
/* Fewer than the 2^14 that fit, so that threads that add at once cannot overflow. */
#define ZS_CELL_MAX_PINS 16000u

#define ZS_GENERATION_BITS (sizeof(long) == 8 ? 16 : 8)
#define ZS_GENERATION_MASK ((1u << ZS_GENERATION_BITS) - 1)
/* On 32-bit systems the last indexes are left out: their handles would look like error pointers. */
#define ZS_MAX_CELL_INDEX (sizeof(long) == 8 ? 0xffffffffu : 0x00ffff00u)

#define ZS_LEAF_SHIFT 9
#define ZS_LEAF_CELLS (1u << ZS_LEAF_SHIFT)
#define ZS_CHUNK_SHIFT 4
#define ZS_CHUNK_CELLS (1u << ZS_CHUNK_SHIFT)
#define ZS_LEAF_CHUNKS (ZS_LEAF_CELLS / ZS_CHUNK_CELLS)
/* The leaf's header takes the room of its first cells, so their indexes are never used; and so no handle is 0. */
#define ZS_LEAF_HEADER_CELLS 8u

struct zs_cell {
	zs_atomic32 state;
	zs_atomic32 place; /* while free: the index of the next free cell of the class, 0 at the end */
};

union zs_leaf {
	uint16_t owner[ZS_LEAF_CHUNKS]; /* the class of each chunk, plus one; 0: handed out to none */
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

struct zs_handle_table {
	zs_atomic32 next_chunk; /* the lowest that was handed out to no class */
	uint32_t salt;
	struct zs_meta *meta;
	struct zs_top_node *top[1u << ZS_TOP_SHIFT];
};

void zs_handle_table_init(struct zs_handle_table *table, struct zs_meta *meta, uint32_t salt);

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

/* Whether a cell in this state is live and of the handle's generation. */
static inline bool zs_handle_matches(unsigned long handle, uint32_t state)
{
	return (state & (ZS_GENERATION_MASK | ZS_CELL_LIVE)) ==
	       (((uint32_t)handle & ZS_GENERATION_MASK) | ZS_CELL_LIVE);
}

static inline uint32_t zs_cell_pins(uint32_t state)
{
	return state / ZS_CELL_PIN;
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

/* The leaf of a cell index, or NULL if there is none. context: any. */
static inline union zs_leaf *zs_handle_leaf(const struct zs_handle_table *table, uint32_t index)
{
	const struct zs_top_node *top = zs_host_load_pointer(table->top[index >> (ZS_LEAF_SHIFT + 2 * ZS_NODE_SHIFT)]);
	const struct zs_leaf_node *node;

	if (ZS_HOST_UNLIKELY(!top))
		return NULL;
	node = zs_host_load_pointer(top->nodes[index >> (ZS_LEAF_SHIFT + ZS_NODE_SHIFT) & ((1u << ZS_NODE_SHIFT) - 1)]);
	if (ZS_HOST_UNLIKELY(!node))
		return NULL;
	return zs_host_load_pointer(node->leaves[index >> ZS_LEAF_SHIFT & ((1u << ZS_NODE_SHIFT) - 1)]);
}

/* The cell of an index that is known to exist. context: any. */
static inline struct zs_cell *zs_handle_cell(const struct zs_handle_table *table, uint32_t index)
{
	return &zs_handle_leaf(table, index)->cells[index & (ZS_LEAF_CELLS - 1)];
}

/*
 * The cell that a handle names and the class that owns it, if there is such a cell; whether the handle is good is for
 * the cell's state to say. Result: false: no such cell. context: any.
 */
static inline bool zs_handle_find(const struct zs_handle_table *table, unsigned long handle, struct zs_cell **cell,
				  unsigned int *class_id)
{
	uint32_t index = zs_handle_index(handle);
	union zs_leaf *leaf;
	unsigned int owner;

	if (ZS_HOST_UNLIKELY(handle >> ZS_GENERATION_BITS > ZS_MAX_CELL_INDEX))
		return false;
	leaf = zs_handle_leaf(table, index);
	if (ZS_HOST_UNLIKELY(!leaf || (index & (ZS_LEAF_CELLS - 1)) < ZS_LEAF_HEADER_CELLS))
		return false;
	owner = zs_host_load16(&leaf->owner[(index & (ZS_LEAF_CELLS - 1)) >> ZS_CHUNK_SHIFT]);
	*cell = &leaf->cells[index & (ZS_LEAF_CELLS - 1)];
	*class_id = owner - 1;
	return owner != 0;
}

#endif
