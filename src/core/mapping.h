/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Access to objects: mapping in place or by copy, and reading and writing piecewise.
 *
 * An object is pinned while it is accessed, and compaction leaves it where it is. Pinning takes no lock: a pin is
 * added to the cell's state, and what the state was tells whether the handle is good. An object that is just being
 * moved shows it there; its mover holds the class lock for that one object, so taking the lock waits for it.
 */
#ifndef ZS_CORE_MAPPING_H
#define ZS_CORE_MAPPING_H

#include "pool.h"

enum zs_map_mode { ZS_MAP_RW, ZS_MAP_RO, ZS_MAP_WO };

/* Result: 0 with *address; -EINVAL: bad handle, reported; -EBUSY: too many maps; -ENOMEM. context: no lock. */
int zs_pool_map(struct zs_pool *pool, unsigned long handle, enum zs_map_mode mode, void **address);

/* Result: 0; -EINVAL: bad handle or not mapped, reported. context: no lock. */
int zs_pool_unmap(struct zs_pool *pool, unsigned long handle);

/*
 * Result: 0 with *address in the pool or equal to copy; -EINVAL: bad handle (reported), len above the slot, or copy
 * NULL where one is needed; -EBUSY. context: no lock.
 */
int zs_pool_read_begin(struct zs_pool *pool, unsigned long handle, size_t len, void *copy, const void **address);
int zs_pool_read_end(struct zs_pool *pool, unsigned long handle);

/* Result: 0; -EINVAL: bad handle (reported) or len above the slot; -EBUSY. context: no lock. */
int zs_pool_write(struct zs_pool *pool, unsigned long handle, const void *from, size_t len);

#endif
