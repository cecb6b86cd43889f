/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The zspages of a class by number: a radix tree whose nodes also say where below them something can be found.
 *
 * Each node keeps four words of marks, a bit per child: FULL (no number below is unused), HOLE, ROOM and EMPTY (a
 * zspage below has a hole, may get another page, keeps an empty page). The lowest zspage with a mark is found by
 * following the lowest set bit. A single zspage of number 0 needs no node at all.
 *
 * Locks: changed and searched under the class lock. zs_zspage_index_get() takes none: nodes never move and are freed
 * only with the index, a zspage is published before any place that names it, and one that is looked up holds a pinned
 * object.
 */
#ifndef ZS_CORE_ZSPAGE_INDEX_H
#define ZS_CORE_ZSPAGE_INDEX_H

#include "zspage.h"

#define ZS_INDEX_SHIFT 5
#define ZS_INDEX_FANOUT (1u << ZS_INDEX_SHIFT)
#define ZS_INDEX_MAX_HEIGHT 6 /* 2^30 zspages */

enum zs_mark { ZS_MARK_FULL, ZS_MARK_HOLE, ZS_MARK_ROOM, ZS_MARK_EMPTY, ZS_NR_MARKS };

struct zs_index_node {
	void *children[ZS_INDEX_FANOUT]; /* nodes, or zspages in the lowest level */
	uint32_t marks[ZS_NR_MARKS];
	unsigned int position;        /* of it in its parent */
	struct zs_index_node *parent; /* NULL: it is the root; while it is a spare: the next one */
};

struct zs_zspage_index {
	uintptr_t root; /* a zspage (height 0) or node, with the height in the low bits */
	uint32_t nr_zspages;
	uint32_t end; /* every number in use is below */
};

/* The zspage of that number. pre: it is in the index. context: class locked, or the zspage holds a pinned object. */
struct zs_zspage *zs_zspage_index_get(const struct zs_zspage_index *index, uint32_t number);

/* The zspage of that number, or NULL. context: class locked. */
struct zs_zspage *zs_zspage_index_find(const struct zs_zspage_index *index, uint32_t number);

/* The lowest zspage with HOLE, ROOM or EMPTY, or NULL. */
struct zs_zspage *zs_zspage_index_first(const struct zs_zspage_index *index, enum zs_mark mark);

/* How many nodes the next insertion takes. */
unsigned int zs_zspage_index_nodes_needed(const struct zs_zspage_index *index);

/*
 * Gives the zspage the lowest unused number. Nodes are taken from *spares, linked by parent and otherwise zeroed.
 * pre: *spares has as many as are needed.
 */
void zs_zspage_index_insert(struct zs_zspage_index *index, struct zs_zspage *zspage, struct zs_index_node **spares);

void zs_zspage_index_remove(struct zs_zspage_index *index, struct zs_zspage *zspage);

/* Tells the nodes above one whether there is a mark in it, as far as that changes what they say. */
void zs_index_node_tell(struct zs_index_node *node, enum zs_mark mark, bool on);

/* Sets one of HOLE, ROOM and EMPTY for a zspage. */
static inline void zs_zspage_index_set(struct zs_zspage *zspage, enum zs_mark mark)
{
	struct zs_index_node *node = zspage->node;
	uint32_t before;

	zspage->marks |= (uint8_t)(1u << mark);
	if (!node)
		return;
	before = node->marks[mark];
	node->marks[mark] = before | 1u << (zspage->index % ZS_INDEX_FANOUT);
	if (ZS_HOST_UNLIKELY(!before))
		zs_index_node_tell(node, mark, true);
}

static inline void zs_zspage_index_clear(struct zs_zspage *zspage, enum zs_mark mark)
{
	struct zs_index_node *node = zspage->node;

	zspage->marks &= (uint8_t) ~(1u << mark);
	if (!node)
		return;
	node->marks[mark] &= ~(1u << (zspage->index % ZS_INDEX_FANOUT));
	if (ZS_HOST_UNLIKELY(!node->marks[mark]))
		zs_index_node_tell(node, mark, false);
}

/* Frees all nodes. pre: no zspage is left. context: no lock. */
void zs_zspage_index_release(struct zs_zspage_index *index, struct zs_meta *meta);

/*
 * The short ways, which change one node and, where those above it would have to change too, nothing. Sets a zspage's
 * mark. Result: whether it did.
 */
static inline bool zs_zspage_index_set_direct(struct zs_zspage *zspage, enum zs_mark mark)
{
	struct zs_index_node *node = zspage->node;

	if (node) {
		if (ZS_HOST_UNLIKELY(!node->marks[mark] && node->parent))
			return false;
		node->marks[mark] |= 1u << zspage->index % ZS_INDEX_FANOUT;
	}
	zspage->marks |= (uint8_t)(1u << mark);
	return true;
}

/* Clears the mark of the lowest zspage that has it, with the next one, if any, in *next. Result: whether it did. */
static inline bool zs_zspage_index_clear_lowest(struct zs_zspage *zspage, enum zs_mark mark, struct zs_zspage **next)
{
	struct zs_index_node *node = zspage->node;

	*next = NULL;
	if (node) {
		uint32_t others = node->marks[mark] & (node->marks[mark] - 1);

		if (ZS_HOST_UNLIKELY(!others && node->parent))
			return false;
		node->marks[mark] = others;
		if (others)
			*next = node->children[(unsigned int)__builtin_ctz(others)];
	}
	zspage->marks &= (uint8_t) ~(1u << mark);
	return true;
}

/* Whether the marks of every node say what is below; for zs_pool_verify(). */
bool zs_zspage_index_is_sound(const struct zs_zspage_index *index);

#endif
