/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Objects come and go: allocation and freeing, one at a time and many.
 */
#ifndef ZS_CORE_OBJECT_H
#define ZS_CORE_OBJECT_H

#include "pool.h"

/*
 * The short ways, inline for who is called often. What they cannot do with a few instructions is left to the calls that
 * their comments name; where a class is busy that is all of it. So no call is in their middle.
 */

/* How far an allocation has come, and the call that is left to be made. */
enum zs_taken {
	ZS_TAKEN,     /* zs_host_unlock(&class->lock) */
	ZS_TAKE_HELD, /* zs_pool_alloc_held(): the class is locked, nothing has changed */
	ZS_TAKE_LONG, /* zs_pool_alloc_long(): nothing has changed */
};

/* context: no lock. */
static inline enum zs_taken zs_pool_alloc_direct(struct zs_pool *pool, size_t size, struct zs_class **class,
						 unsigned long *handle)
{
	if (ZS_HOST_UNLIKELY(size - 1 >= pool->direct_max_size))
		return ZS_TAKE_LONG;
	*class = zs_pool_class(pool, zs_host_load16(pool->serving + (size + ZS_SLOT_STEP - 1) / ZS_SLOT_STEP));
	if (ZS_HOST_UNLIKELY(!*class || !zs_host_try_lock(&(*class)->lock)))
		return ZS_TAKE_LONG;
	*handle = zs_class_take_direct(*class, &pool->handles);
	return ZS_HOST_UNLIKELY(!*handle) ? ZS_TAKE_HELD : ZS_TAKEN;
}

/* The state of a cell whose object was in a state and is freed: at the next generation. */
static inline uint32_t zs_cell_freed_state(uint32_t state)
{
	return ((state + 1) & ZS_GENERATION_MASK) | ZS_CELL_FREE;
}

/* How far a free has come, and the call that is left to be made. */
enum zs_freed {
	ZS_FREED,      /* zs_host_unlock(&class->lock) */
	ZS_FREED_SLOT, /* zs_pool_free_rest() */
	ZS_FREE_HELD,  /* zs_pool_free_held(): the class is locked, nothing has changed */
	ZS_FREE_LONG,  /* zs_pool_free_long(): nothing has changed */
};

/* context: no lock. */
static inline enum zs_freed zs_pool_free_direct(struct zs_pool *pool, unsigned long handle, struct zs_class **class,
						struct zs_spot *spot)
{
	struct zs_cell *cell;
	unsigned int class_id;
	uint32_t state;

	if (ZS_HOST_UNLIKELY(!zs_handle_find(&pool->handles, handle, &cell, &class_id)))
		return ZS_FREE_LONG;
	*class = zs_pool_class(pool, class_id);
	if (ZS_HOST_UNLIKELY(!zs_host_try_lock(&(*class)->lock)))
		return ZS_FREE_LONG;
	state = zs_host_load32(&cell->state);
	if (ZS_HOST_UNLIKELY(zs_handle_compare(handle, state) ||
			     !zs_host_cas32_acquire(&cell->state, state, zs_cell_freed_state(state))))
		return ZS_FREE_HELD;
	(*class)->nr_changes++;
	*spot = zs_class_spot_of(*class, &pool->memory, cell);
	return zs_class_put_direct(*class, *spot) ? ZS_FREED : ZS_FREED_SLOT;
}

/* The end of a free whose slot left more to do. context: class locked, which it unlocks. */
void zs_pool_free_rest(struct zs_pool *pool, struct zs_class *class, struct zs_zspage *zspage, unsigned int slot);

/* As zs_pool_free(). pre: the handle is the class's. context: class locked, which it unlocks. */
int zs_pool_free_held(struct zs_pool *pool, struct zs_class *class, unsigned long handle);

/*
 * Allocates an object. may_grow: false serves only from pages the pool owns.
 * Result: 0 with the handle; -EINVAL: size 0; -ENOSPC: above the pool's maximum; -ENOMEM. context: no lock.
 */
int zs_pool_alloc(struct zs_pool *pool, size_t size, unsigned int flags, bool may_grow, unsigned long *handle);
int zs_pool_alloc_long(struct zs_pool *pool, size_t size, unsigned int flags, bool may_grow, unsigned long *handle);
/* pre: the class serves the size. context: class locked, which it unlocks. */
int zs_pool_alloc_held(struct zs_pool *pool, struct zs_class *class, size_t size, unsigned int flags, bool may_grow,
		       unsigned long *handle);

/* The bytes of an object's slot; 0: a bad handle. True to the moment only for who owns the object. context: any. */
size_t zs_pool_slot_bytes(const struct zs_pool *pool, unsigned long handle);

/* Result: 0; -EINVAL: bad handle, -EBUSY: mapped, both reported. context: no lock. */
int zs_pool_free(struct zs_pool *pool, unsigned long handle);
int zs_pool_free_long(struct zs_pool *pool, unsigned long handle);

/* Allocates in order until one fails. Result: as above, for the first that failed; *nr_done: how many succeeded. */
int zs_pool_alloc_bulk(struct zs_pool *pool, const size_t *sizes, unsigned long *handles, size_t nr, unsigned int flags,
		       bool may_grow, size_t *nr_done);

/* Frees all; handles of 0 are skipped, bad ones reported. */
void zs_pool_free_bulk(struct zs_pool *pool, const unsigned long *handles, size_t nr);

#endif
