/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What a pool has taken from the system, in blocks of ZS_META_UNIT bytes, and the limit on it.
 *
 * Charged before memory is taken and uncharged after it was returned, so the true amount never exceeds the count.
 * Lock-free; touched only when a pool grows or shrinks.
 */
#ifndef ZS_CORE_FOOTPRINT_H
#define ZS_CORE_FOOTPRINT_H

#include "host.h"

struct zs_footprint {
	zs_atomic_long blocks;
	unsigned long limit_blocks; /* constant; ~0ul: none */
	struct zs_source *source;
};

/* What the source takes for itself, and the next step of it, which any growth may cause. */
static inline unsigned long zs_footprint_overhead(const struct zs_footprint *footprint)
{
	return (zs_host_overhead_bytes(footprint->source) >> ZS_META_UNIT_SHIFT) + 1;
}

/* Result: false, with nothing charged, if it would exceed the limit. The count never shows more than the limit. */
static inline bool zs_footprint_charge(struct zs_footprint *footprint, unsigned long blocks)
{
	for (;;) {
		unsigned long before = zs_host_load_long(&footprint->blocks);

		if (footprint->limit_blocks != ~0ul &&
		    before + blocks + zs_footprint_overhead(footprint) > footprint->limit_blocks)
			return false;
		if (zs_host_cas_long(&footprint->blocks, before, before + blocks))
			return true;
	}
}

static inline void zs_footprint_uncharge(struct zs_footprint *footprint, unsigned long blocks)
{
	zs_host_add_long(&footprint->blocks, -(long)blocks);
}

static inline unsigned long zs_footprint_blocks(const struct zs_footprint *footprint)
{
	return zs_host_load_long(&footprint->blocks);
}

#endif
