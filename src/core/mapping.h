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

/* All but pins below 2^13, up to which an object is mapped with no more ado. */
#define ZS_NOT_DIRECT (0x80000000u | (ZS_CELL_PIN - 1))
#define ZS_PREFETCH_BYTES 512u

/*
 * The short way: pins an object that the handle names, that is not just being moved, and that lies in one piece, and
 * tells its place. Result: whether it did; if not, nothing has changed, and the long way, zs_pool_map(), knows why.
 *
 * The pin comes first and is looked at second, so a bad handle's cell may be pinned for a few instructions. Whoever
 * finds a pin where there should be none looks again (see object.c).
 */
static inline bool zs_pool_pin_direct(struct zs_pool *pool, unsigned long handle, uint32_t *place)
{
#if ZS_HOST_TABLES
	unsigned long index = handle >> ZS_GENERATION_BITS;
	struct zs_cell *cell;
	uint32_t state;

	if (ZS_HOST_UNLIKELY(index >= zs_host_load_long_acquire(&pool->handles.direct_end)))
		return false;
	cell = zs_handle_cell(&pool->handles, index);
	state = zs_host_fetch_add32_acquire(&cell->state, ZS_CELL_PIN);
	if (ZS_HOST_UNLIKELY(zs_handle_compare(handle, state) & ZS_NOT_DIRECT)) {
		zs_cell_unpin(cell);
		return false;
	}
	*place = zs_host_load32(&cell->place);
	return true;
#else
	(void)pool;
	(void)handle;
	(void)place;
	return false;
#endif
}

/* The same, with the address. */
static inline bool zs_pool_map_direct(struct zs_pool *pool, unsigned long handle, void **address)
{
	uint32_t place;

	if (!zs_pool_pin_direct(pool, handle, &place))
		return false;
#if ZS_HOST_TABLES
	*address = zs_records_address(&pool->memory.records, place);
#else
	(void)address;
#endif
	return true;
}

/* The short way to end a map that began so. Result: whether it did; if not, zs_pool_unmap() knows why. */
static inline bool zs_pool_unmap_direct(struct zs_pool *pool, unsigned long handle)
{
#if ZS_HOST_TABLES
	unsigned long index = handle >> ZS_GENERATION_BITS;
	struct zs_cell *cell;

	if (ZS_HOST_UNLIKELY(index >= zs_host_load_long_acquire(&pool->handles.direct_end)))
		return false;
	cell = zs_handle_cell(&pool->handles, index);
	/* Without a pin the difference has the highest bit. */
	if (ZS_HOST_UNLIKELY((zs_handle_compare(handle, zs_host_load32(&cell->state)) - ZS_CELL_PIN) & ZS_NOT_DIRECT))
		return false;
	zs_cell_unpin(cell);
	return true;
#else
	(void)pool;
	(void)handle;
	return false;
#endif
}

/*
 * Starts loading the first lines of what is about to be read: the processor's own prefetching only sets in after the
 * first misses, and neighbours in time are seldom neighbours in memory here.
 */
static inline void zs_object_prefetch(const char *address, size_t len)
{
	for (size_t at = 0; at < len && at < ZS_PREFETCH_BYTES; at += 64)
		zs_host_prefetch(address + at);
}

/* The short way to read: as above, with the object on its way to the processor. */
static inline bool zs_pool_read_direct(struct zs_pool *pool, unsigned long handle, size_t len, const void **address)
{
#if ZS_HOST_TABLES
	uint32_t place;

	if (!zs_pool_pin_direct(pool, handle, &place))
		return false;
	if (ZS_HOST_UNLIKELY(len > zs_records_slot_bytes(&pool->memory.records, place))) {
		zs_cell_unpin(zs_handle_cell(&pool->handles, handle >> ZS_GENERATION_BITS));
		return false;
	}
	*address = zs_records_address(&pool->memory.records, place);
	zs_object_prefetch(*address, len);
	return true;
#else
	(void)pool;
	(void)handle;
	(void)len;
	(void)address;
	return false;
#endif
}

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
