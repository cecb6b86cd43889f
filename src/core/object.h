/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Objects come and go: allocation and freeing, one at a time and many.
 */
#ifndef ZS_CORE_OBJECT_H
#define ZS_CORE_OBJECT_H

#include "pool.h"

/*
 * Allocates an object. may_grow: false serves only from pages the pool owns.
 * Result: 0 with the handle; -EINVAL: size 0; -ENOSPC: above the pool's maximum; -ENOMEM. context: no lock.
 */
int zs_pool_alloc(struct zs_pool *pool, size_t size, unsigned int flags, bool may_grow, unsigned long *handle);

/* The bytes of an object's slot; 0: a bad handle. True to the moment only for who owns the object. context: any. */
size_t zs_pool_slot_bytes(const struct zs_pool *pool, unsigned long handle);

/* Result: 0; -EINVAL: bad handle, -EBUSY: mapped, both reported. context: no lock. */
int zs_pool_free(struct zs_pool *pool, unsigned long handle);

/* Allocates in order until one fails. Result: as above, for the first that failed; *nr_done: how many succeeded. */
int zs_pool_alloc_bulk(struct zs_pool *pool, const size_t *sizes, unsigned long *handles, size_t nr, unsigned int flags,
		       bool may_grow, size_t *nr_done);

/* Frees all; handles of 0 are skipped, bad ones reported. */
void zs_pool_free_bulk(struct zs_pool *pool, const unsigned long *handles, size_t nr);

#endif
