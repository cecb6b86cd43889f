/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The queue of a zpool's objects, doubly linked by cell index.
 */
#include <linux/err.h>
#include <linux/slab.h>

#include "handle.h"
#include "lru.h"

#define CHUNK_SHIFT ZS_LEAF_SHIFT

/* In place of the link to the newer object. 0 ends the queue. */
enum { NEW = 1, WRITING, GUARDED, DOOMED, GONE };

struct node {
	u32 newer;
	u32 older;
};

struct chunk {
	struct node nodes[1 << CHUNK_SHIFT];
};

static_assert(GONE < ZS_LEAF_HEADER_CELLS, "states are no cells");
static_assert(sizeof(struct chunk) == ZS_META_UNIT, "chunks are as large as other metadata");

void zs_lru_init(struct zs_lru *lru, atomic_long_t *bytes)
{
	spin_lock_init(&lru->lock);
	lru->newest = 0;
	lru->oldest = 0;
	lru->nr_queued = 0;
	xa_init(&lru->chunks);
	lru->bytes = bytes;
}

void zs_lru_destroy(struct zs_lru *lru)
{
	struct chunk *chunk;
	unsigned long at;

	xa_for_each(&lru->chunks, at, chunk) kfree(chunk);
	xa_destroy(&lru->chunks);
}

/* pre: the object was added. */
static struct node *node_of(struct zs_lru *lru, u32 index)
{
	struct chunk *chunk = xa_load(&lru->chunks, index >> CHUNK_SHIFT);

	return &chunk->nodes[index & ((1u << CHUNK_SHIFT) - 1)];
}

static int ensure_chunk(struct zs_lru *lru, u32 index, gfp_t gfp)
{
	struct chunk *chunk, *other;

	if (xa_load(&lru->chunks, index >> CHUNK_SHIFT))
		return 0;
	chunk = kzalloc(sizeof(*chunk), gfp);
	if (!chunk)
		return -ENOMEM;
	other = xa_cmpxchg(&lru->chunks, index >> CHUNK_SHIFT, NULL, chunk, gfp);
	if (!other) {
		atomic_long_add(sizeof(*chunk), lru->bytes);
		return 0;
	}
	kfree(chunk);
	return xa_is_err(other) ? -ENOMEM : 0;
}

int zs_lru_add(struct zs_lru *lru, u32 index, gfp_t gfp)
{
	int err = ensure_chunk(lru, index, gfp & ~(__GFP_HIGHMEM | __GFP_MOVABLE));

	if (!err)
		WRITE_ONCE(node_of(lru, index)->newer, NEW);
	return err;
}

/* The link to an object's node from its newer neighbour, or from the queue's end. */
static u32 *link_from_newer(struct zs_lru *lru, u32 newer)
{
	return newer ? &node_of(lru, newer)->older : &lru->newest;
}

static u32 *link_from_older(struct zs_lru *lru, u32 older)
{
	return older ? &node_of(lru, older)->newer : &lru->oldest;
}

static void enqueue(struct zs_lru *lru, struct node *node, u32 index)
{
	node->older = lru->newest;
	WRITE_ONCE(node->newer, 0);
	WRITE_ONCE(*link_from_older(lru, lru->newest), index);
	lru->newest = index;
	lru->nr_queued++;
}

static void dequeue(struct zs_lru *lru, struct node *node)
{
	*link_from_newer(lru, node->newer) = node->older;
	WRITE_ONCE(*link_from_older(lru, node->older), node->newer);
	lru->nr_queued--;
}

static bool is_queued(const struct node *node)
{
	return !node->newer || node->newer >= ZS_LEAF_HEADER_CELLS;
}

void zs_lru_write_begin(struct zs_lru *lru, u32 index)
{
	struct node *node = node_of(lru, index);

	spin_lock(&lru->lock);
	if (node->newer == NEW)
		WRITE_ONCE(node->newer, WRITING);
	spin_unlock(&lru->lock);
}

/* Most unmaps end no first write: they see that without the lock, since only the object's owner changes that state. */
void zs_lru_write_end(struct zs_lru *lru, u32 index)
{
	struct node *node = node_of(lru, index);

	if (READ_ONCE(node->newer) != WRITING)
		return;
	spin_lock(&lru->lock);
	enqueue(lru, node, index);
	spin_unlock(&lru->lock);
}

bool zs_lru_remove(struct zs_lru *lru, u32 index)
{
	struct node *node = node_of(lru, index);
	bool is_guarded;

	spin_lock(&lru->lock);
	is_guarded = node->newer == GUARDED || node->newer == DOOMED;
	if (is_queued(node))
		dequeue(lru, node);
	WRITE_ONCE(node->newer, is_guarded ? DOOMED : GONE);
	spin_unlock(&lru->lock);
	return !is_guarded;
}

u32 zs_lru_guard_oldest(struct zs_lru *lru)
{
	struct node *node;
	u32 index;

	spin_lock(&lru->lock);
	index = lru->oldest;
	if (index) {
		node = node_of(lru, index);
		dequeue(lru, node);
		WRITE_ONCE(node->newer, GUARDED);
	}
	spin_unlock(&lru->lock);
	return index;
}

bool zs_lru_unguard(struct zs_lru *lru, u32 index)
{
	struct node *node = node_of(lru, index);
	bool is_doomed;

	spin_lock(&lru->lock);
	is_doomed = node->newer == DOOMED;
	if (!is_doomed)
		enqueue(lru, node, index);
	spin_unlock(&lru->lock);
	return is_doomed;
}
