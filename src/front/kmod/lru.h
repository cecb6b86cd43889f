/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The order in which the objects of a zpool were written, and which of them are just being evicted.
 *
 * Objects are known by their cell index. An object is NEW from allocation until its first write has ended (before that
 * there is nothing to evict), QUEUED after it, and GUARDED while the zpool's user evicts it. A guarded object must not
 * go: freeing it, which the user may do from inside the eviction or beside it, only makes it DOOMED, and who ends the
 * guard frees it. Freed, it is GONE.
 *
 * Eight bytes an object: two links, of which the numbers below ZS_LEAF_HEADER_CELLS are states, as they are no cell's.
 *
 * Locks: lru->lock guards links and states; innermost. Memory is taken outside of it.
 */
#ifndef ZS_KMOD_LRU_H
#define ZS_KMOD_LRU_H

#include <linux/spinlock.h>
#include <linux/xarray.h>

struct zs_lru {
	spinlock_t lock;
	u32 newest; /* cell indexes; 0: none */
	u32 oldest;
	unsigned long nr_queued;
	struct xarray chunks; /* of nodes, by cell index; they stay until the end */
	atomic_long_t *bytes; /* what the chunks take, for the statistics */
};

void zs_lru_init(struct zs_lru *lru, atomic_long_t *bytes);
/* context: may sleep; no object is left or will be asked for. */
void zs_lru_destroy(struct zs_lru *lru);

/* A new object. Result: 0 or -ENOMEM. context: as gfp allows. */
int zs_lru_add(struct zs_lru *lru, u32 index, gfp_t gfp);

/* Its content is about to be written as a whole; and it was unmapped, after a write or not. context: atomic. */
void zs_lru_write_begin(struct zs_lru *lru, u32 index);
void zs_lru_write_end(struct zs_lru *lru, u32 index);

/* Forgets an object that is to be freed. Result: false: it is guarded, and now doomed. context: atomic. */
bool zs_lru_remove(struct zs_lru *lru, u32 index);

/* Takes the oldest object out and guards it. Result: its index, or 0: nothing is queued. */
u32 zs_lru_guard_oldest(struct zs_lru *lru);

/* Ends a guard. Result: true: the object is doomed, the caller frees it; else it is queued again, as the newest. */
bool zs_lru_unguard(struct zs_lru *lru, u32 index);

#endif
