/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Lanes.
 */
#include "lane.h"

#include <errno.h>
#include <string.h>

#include "reserve.h"

/* A library may take a context's memory when it is first used, in each direction. */
static int warm_up(const struct zs_comp *comp, struct zswap_lane *lane)
{
	ssize_t len;

	memset(lane->pages, 0, ZSWAP_PAGE_BYTES);
	len = comp->compress(lane->codec, lane->pages, ZSWAP_PAGE_BYTES, lane->packed, ZSWAP_PAGE_BYTES);
	if (len > 0)
		len = comp->decompress(lane->codec, lane->packed, (size_t)len, lane->pages, ZSWAP_PAGE_BYTES);
	return len == ZSWAP_PAGE_BYTES ? 0 : -ENOMEM;
}

static int add_lane(struct zswap_lanes *lanes, struct zswap_lane *lane)
{
	lane->codec = lanes->comp.comp->create(lanes->comp.level, ZSWAP_PAGE_BYTES);
	if (!lane->codec)
		return -ENOMEM;
	zs_spares_put(&lanes->spares, &lane->spare);
	return warm_up(lanes->comp.comp, lane);
}

int zswap_lanes_create(struct zswap_lanes *lanes, const struct zs_comp_spec *comp, uint32_t nr)
{
	int err = 0;

	*lanes = (struct zswap_lanes){ .comp = *comp, .nr = nr };
	lanes->all = zs_reserve(nr * sizeof(*lanes->all));
	if (!lanes->all)
		return -ENOMEM;
	for (uint32_t i = 0; i < nr && !err; i++)
		err = add_lane(lanes, &lanes->all[i]);
	return err;
}

void zswap_lanes_destroy(struct zswap_lanes *lanes)
{
	for (uint32_t i = 0; lanes->all && i < lanes->nr; i++)
		if (lanes->all[i].codec)
			lanes->comp.comp->destroy(lanes->all[i].codec);
	zs_unreserve(lanes->all, lanes->nr * sizeof(*lanes->all));
}

struct zswap_lane *zswap_lane_get(struct zswap_lanes *lanes)
{
	return zs_spares_get(&lanes->spares);
}

void zswap_lane_put(struct zswap_lanes *lanes, struct zswap_lane *lane)
{
	zs_spares_put(&lanes->spares, &lane->spare);
}
