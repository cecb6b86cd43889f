/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The metadata heap of a pool: blocks of up to ZS_META_UNIT bytes carved from the host's metadata units.
 *
 * It exists so that metadata is counted to the byte and asks the host for no more than a unit at a time. Small blocks
 * share units; a unit without live blocks goes back. Blocks never move.
 *
 * Locks: heap->lock, innermost. Units are taken from and returned to the host without it.
 */
#ifndef ZS_CORE_META_H
#define ZS_CORE_META_H

#include "footprint.h"
#include "host.h"

#define ZS_META_GRAIN 64u /* a cache line: blocks do not share one */
/* Blocks above this have a unit of their own. */
#define ZS_META_SHARED_MAX 2048u
#define ZS_META_BINS (ZS_META_SHARED_MAX / ZS_META_GRAIN)

struct zs_meta_free;
struct zs_meta_unit;

struct zs_meta {
	zs_lock lock;
	struct zs_source *source;
	struct zs_footprint *footprint;
	struct zs_meta_unit *open; /* the unit that new blocks are cut from */
	uint32_t open_used_bytes;
	uint32_t filled_bins; /* a bit per bin that is not empty */
	struct zs_meta_free *bins[ZS_META_BINS];
};

/*
 * Makes a heap whose first unit is given: its first used_bytes after the grain at its start hold the heap's owner, and
 * the rest is for blocks. The heap never returns that unit. pre: the unit is charged.
 */
void zs_meta_init(struct zs_meta *heap, struct zs_source *source, struct zs_footprint *footprint, void *unit,
		  size_t used_bytes);

/* Returns what is left. pre: every block was freed. context: no lock. */
void zs_meta_release(struct zs_meta *heap);

/* size_bytes of zeroes, aligned to ZS_META_GRAIN, or NULL. pre: 0 < size_bytes <= ZS_META_UNIT. context: no lock. */
void *zs_meta_alloc(struct zs_meta *heap, size_t size_bytes, unsigned int flags);

/* NULL is ignored. size_bytes as at allocation. context: no lock. */
void zs_meta_free(struct zs_meta *heap, void *block, size_t size_bytes);

#endif
