/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The stashes of a pool together: which threads have one, and what is done to all of them at once. In a pool without
 * stashes there is nothing to do. See stash.h for what one is.
 *
 * Locks: none is held by who calls; those of a stash and of a class are taken, one after the other.
 */
#ifndef ZS_CORE_STASHES_H
#define ZS_CORE_STASHES_H

#include "pool.h"

/* Gives the running thread a stash, unless the pool has as many as it may. A thread of its number may be faster. */
void zs_stashes_ensure(struct zs_pool *pool, unsigned int flags);

/* Empties the stashes; the shelves of one class. Result: whether there was anything. */
bool zs_stashes_clear(struct zs_pool *pool);
void zs_stashes_clear_shelves(struct zs_pool *pool, unsigned int class_id);

/* Whether a cell is on a shelf of its class: a glance. */
bool zs_stashes_have(const struct zs_pool *pool, unsigned int class_id, uint32_t index);

/* Empties them, and has as many open as the pool's size allows. Result: as above. context: as for zs_pool_tend(). */
bool zs_stashes_tend(struct zs_pool *pool);

#endif
