/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The metadata heap: segregated fit within units.
 *
 * A shared unit starts with a header that counts its live blocks; the rest is live blocks and free blocks without a
 * gap, but for the part of the open unit that was not cut yet. A free block says its size, so all free blocks of a
 * unit can be found by walking it, which is how an empty unit is taken out of the bins. Free blocks are not joined:
 * few sizes are in use, and a unit that empties starts afresh.
 */
#include "meta.h"

struct zs_meta_unit {
	uint32_t nr_live;
	uint32_t pad[15];
};

struct zs_meta_free {
	struct zs_meta_free *next;
	struct zs_meta_free *prev;
	uint32_t size_bytes;
};

_Static_assert(sizeof(struct zs_meta_unit) == ZS_META_GRAIN, "blocks stay aligned");
_Static_assert(sizeof(struct zs_meta_free) <= ZS_META_GRAIN, "the smallest block holds its links");
_Static_assert(ZS_META_BINS == 32, "one word tells the filled bins");

static void *unit_get(struct zs_meta *heap, unsigned int flags)
{
	void *unit;

	if (!zs_footprint_charge(heap->footprint, 1))
		return NULL;
	unit = zs_host_meta_get(heap->source, flags);
	if (!unit)
		zs_footprint_uncharge(heap->footprint, 1);
	return unit;
}

static void unit_put(struct zs_meta *heap, void *unit)
{
	zs_host_meta_put(heap->source, unit);
	zs_footprint_uncharge(heap->footprint, 1);
}

static struct zs_meta_unit *unit_of(const void *block)
{
	return (struct zs_meta_unit *)((uintptr_t)block & ~(uintptr_t)(ZS_META_UNIT - 1));
}

static unsigned int bin_of(uint32_t size_bytes)
{
	return size_bytes / ZS_META_GRAIN - 1;
}

static void bin_add(struct zs_meta *heap, void *block, uint32_t size_bytes)
{
	unsigned int bin = bin_of(size_bytes);
	struct zs_meta_free *free_block = block;

	free_block->size_bytes = size_bytes;
	free_block->prev = NULL;
	free_block->next = heap->bins[bin];
	if (free_block->next)
		free_block->next->prev = free_block;
	heap->bins[bin] = free_block;
	heap->filled_bins |= 1u << bin;
}

static void bin_remove(struct zs_meta *heap, struct zs_meta_free *free_block)
{
	unsigned int bin = bin_of(free_block->size_bytes);

	if (free_block->next)
		free_block->next->prev = free_block->prev;
	if (free_block->prev)
		free_block->prev->next = free_block->next;
	else
		heap->bins[bin] = free_block->next;
	if (!heap->bins[bin])
		heap->filled_bins &= ~(1u << bin);
}

/* Free space of any length becomes blocks that the bins can hold. */
static void bin_add_space(struct zs_meta *heap, char *space, uint32_t size_bytes)
{
	while (size_bytes) {
		uint32_t part = size_bytes < ZS_META_SHARED_MAX ? size_bytes : ZS_META_SHARED_MAX;

		bin_add(heap, space, part);
		space += part;
		size_bytes -= part;
	}
}

static void *take_binned(struct zs_meta *heap, uint32_t size_bytes)
{
	uint32_t bins = heap->filled_bins >> bin_of(size_bytes) << bin_of(size_bytes);
	struct zs_meta_free *block;

	if (!bins)
		return NULL;
	block = heap->bins[__builtin_ctz(bins)];
	bin_remove(heap, block);
	if (block->size_bytes > size_bytes)
		bin_add(heap, (char *)block + size_bytes, block->size_bytes - size_bytes);
	return block;
}

static void *take_open(struct zs_meta *heap, uint32_t size_bytes)
{
	char *block;

	if (!heap->open || heap->open_used_bytes + size_bytes > ZS_META_UNIT)
		return NULL;
	block = (char *)heap->open + heap->open_used_bytes;
	heap->open_used_bytes += size_bytes;
	return block;
}

static void *take(struct zs_meta *heap, uint32_t size_bytes)
{
	void *block = take_binned(heap, size_bytes);

	if (!block)
		block = take_open(heap, size_bytes);
	if (block)
		unit_of(block)->nr_live++;
	return block;
}

/* Takes the free blocks of an empty unit out of the bins. */
static void unit_clear(struct zs_meta *heap, struct zs_meta_unit *unit)
{
	uint32_t at = sizeof(*unit);

	while (at < ZS_META_UNIT) {
		struct zs_meta_free *block = (struct zs_meta_free *)((char *)unit + at);

		at += block->size_bytes;
		bin_remove(heap, block);
	}
}

/*
 * The rest of the open unit goes to the bins and another unit takes its place. Returns the old one if nothing lives in
 * it: the caller returns it to the host after unlocking.
 */
static struct zs_meta_unit *open_replace(struct zs_meta *heap, struct zs_meta_unit *unit)
{
	struct zs_meta_unit *old = heap->open;

	if (old)
		bin_add_space(heap, (char *)old + heap->open_used_bytes, ZS_META_UNIT - heap->open_used_bytes);
	heap->open = unit;
	heap->open_used_bytes = sizeof(*unit);
	if (!old || old->nr_live)
		return NULL;
	unit_clear(heap, old);
	return old;
}

static uint32_t block_bytes(size_t size_bytes)
{
	return ((uint32_t)size_bytes + ZS_META_GRAIN - 1) & ~(ZS_META_GRAIN - 1);
}

void zs_meta_init(struct zs_meta *heap, struct zs_source *source, struct zs_footprint *footprint, void *unit,
		  size_t used_bytes)
{
	memset(heap, 0, sizeof(*heap));
	zs_host_lock_init(&heap->lock);
	heap->source = source;
	heap->footprint = footprint;
	heap->open = unit;
	heap->open->nr_live = 1; /* the owner, for good */
	heap->open_used_bytes = (uint32_t)sizeof(struct zs_meta_unit) + block_bytes(used_bytes);
}

void *zs_meta_alloc(struct zs_meta *heap, size_t size_bytes, unsigned int flags)
{
	uint32_t bytes = block_bytes(size_bytes);
	struct zs_meta_unit *unit, *surplus;
	void *block;

	if (bytes > ZS_META_SHARED_MAX)
		return unit_get(heap, flags);
	zs_host_lock(&heap->lock);
	block = take(heap, bytes);
	zs_host_unlock(&heap->lock);
	if (!block) {
		unit = unit_get(heap, flags);
		if (!unit)
			return NULL;
		zs_host_lock(&heap->lock);
		surplus = open_replace(heap, unit);
		block = take(heap, bytes);
		zs_host_unlock(&heap->lock);
		if (surplus)
			unit_put(heap, surplus);
	}
	return memset(block, 0, bytes);
}

void zs_meta_free(struct zs_meta *heap, void *block, size_t size_bytes)
{
	uint32_t bytes = block_bytes(size_bytes);
	struct zs_meta_unit *unit;
	bool empty;

	if (!block)
		return;
	if (bytes > ZS_META_SHARED_MAX) {
		unit_put(heap, block);
		return;
	}
	unit = unit_of(block);
	zs_host_lock(&heap->lock);
	bin_add(heap, block, bytes);
	empty = --unit->nr_live == 0 && unit != heap->open;
	if (empty)
		unit_clear(heap, unit);
	zs_host_unlock(&heap->lock);
	if (empty)
		unit_put(heap, unit);
}

void zs_meta_release(struct zs_meta *heap)
{
	if (heap->open && !heap->open->nr_live)
		unit_put(heap, heap->open);
	heap->open = NULL;
}
