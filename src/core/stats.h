/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What a pool can tell about itself: totals, and one row per size class.
 */
#ifndef ZS_CORE_STATS_H
#define ZS_CORE_STATS_H

#include "host_types.h"

struct zs_pool;

struct zs_totals {
	uint64_t objects;
	uint64_t slot_bytes;
	uint64_t pages; /* host pages */
	uint64_t metadata_bytes;
	uint64_t objects_moved;
	uint64_t pages_compacted; /* host pages */
	uint64_t failed_allocs;
	uint64_t bad_handles;
	uint64_t bytes_moved;
};

struct zs_class_stats {
	uint32_t size_bytes;  /* of a slot */
	uint32_t chain_pages; /* page positions of a zspage */
	uint32_t chain_slots; /* slots of a zspage */
	uint64_t objects;     /* live */
	uint64_t holes;       /* free slots whose pages are present */
	uint64_t zspages;
	uint64_t almost_full;    /* zspages with holes, of which more than three quarters of the slots are live */
	uint64_t almost_empty;   /* the other zspages with holes */
	uint64_t pages;          /* present */
	uint64_t freeable_pages; /* that compaction could give back, if nothing is mapped */
};

/* Any context that may take a class lock; exact when the pool is at rest. */
void zs_pool_totals(struct zs_pool *pool, struct zs_totals *totals);

/* pre: index < zs_pool_nr_classes(pool). A class never used has zero counts and its geometry. */
void zs_pool_class_stats(struct zs_pool *pool, unsigned int index, struct zs_class_stats *stats);

unsigned int zs_pool_nr_classes(const struct zs_pool *pool);

#endif
