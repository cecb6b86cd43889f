/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What a fault or an eviction needs for itself: a codec's context and room for pages. All are made in the beginning,
 * since who takes a fault may be anywhere in the program, and may not ask for memory. Who finds none waits for one.
 *
 * Locks: that of the spares. Who has a lane never waits for another.
 */
#ifndef ZSWAP_LANE_H
#define ZSWAP_LANE_H

#include "comp.h"
#include "spares.h"
#include "table.h"

struct zswap_lane {
	struct zs_spare spare;
	void *codec;
	unsigned char pages[ZSWAP_GROUP_PAGES * ZSWAP_PAGE_BYTES];
	unsigned char packed[ZSWAP_PAGE_BYTES];
	unsigned char taken[ZSWAP_GROUP_PAGES * ZSWAP_PAGE_BYTES]; /* as it is to be packed: see pack.c */
};

struct zswap_lanes {
	struct zs_comp_spec comp;
	struct zs_spares spares;
	struct zswap_lane *all;
	uint32_t nr;
};

/* Result: 0 or -ENOMEM; zswap_lanes_destroy() is to be called in any case. */
int zswap_lanes_create(struct zswap_lanes *lanes, const struct zs_comp_spec *comp, uint32_t nr);
void zswap_lanes_destroy(struct zswap_lanes *lanes);

struct zswap_lane *zswap_lane_get(struct zswap_lanes *lanes);
void zswap_lane_put(struct zswap_lanes *lanes, struct zswap_lane *lane);

#endif
