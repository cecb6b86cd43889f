/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Who takes and packs pages, and when.
 *
 * Mostly one thread does both, ahead of demand, and who has a fault does so only at the limit. But each row of pages
 * that is taken has to be told to all processors that run the program, and where such messages are slow, as in a
 * virtual machine, that is most of what eviction costs. Who waits for a pager runs on none. So there a batch is taken
 * between a fault and its page, if one is free, and the evictor only packs, to have some free.
 */
#include "parts.h"

#define STEP_BATCHES 4
#define MOST_TRIES 8
#define FREE_BATCHES 2u /* that faults are to find */

static bool takes_with_faults(const struct zswap_engine *engine)
{
	return __atomic_load_n(&engine->takes_with_faults, __ATOMIC_RELAXED);
}

/* ---- ahead of demand ---- */

/* Whether too few batches are free; where there are few at all, one is enough. */
static bool is_packing_due(struct zswap_engine *engine)
{
	uint32_t wanted = engine->standby.nr_batches / 4 < FREE_BATCHES ? 1 : FREE_BATCHES;

	return zswap_standby_free_batches(&engine->standby) < wanted && zswap_may_pack(engine);
}

bool zswap_is_eviction_due(struct zswap_engine *engine)
{
	if (takes_with_faults(engine))
		return is_packing_due(engine) || zswap_taken_pages(engine) > engine->limit_pages;
	return zswap_taken_pages(engine) > engine->high_pages;
}

/* Result: whether that could be done. */
static bool evict_or_pack(struct zswap_engine *engine, struct zswap_lane *lane)
{
	if (!takes_with_faults(engine))
		return zswap_taken_pages(engine) > engine->low_pages && zswap_evict_once(engine, lane);
	if (is_packing_due(engine))
		return zswap_pack_oldest(engine, lane);
	return zswap_taken_pages(engine) > engine->limit_pages && zswap_evict_once(engine, lane);
}

bool zswap_evict_some(struct zswap_engine *engine)
{
	struct zswap_lane *lane = zswap_lane_get(&engine->lanes);
	bool goes_on = true;

	for (unsigned int i = 0; i < STEP_BATCHES && goes_on; i++)
		goes_on = evict_or_pack(engine, lane);
	zswap_lane_put(&engine->lanes, lane);
	return goes_on;
}

/* ---- on demand ---- */

static void take_ahead(struct zswap_engine *engine)
{
	bool is;

	if (!engine->memory.takes_with_faults || zswap_taken_pages(engine) <= engine->high_pages)
		return;
	is = engine->memory.takes_with_faults(engine->memory.ctx);
	__atomic_store_n(&engine->takes_with_faults, is, __ATOMIC_RELAXED);
	if (is)
		zswap_take_once(engine);
}

void zswap_make_room(struct zswap_engine *engine, struct zswap_lane *lane)
{
	bool goes_on = true;

	take_ahead(engine);
	for (unsigned int tries = 0; tries < MOST_TRIES && goes_on && zswap_is_at_limit(engine); tries++) {
		if (zswap_standby_drop_spare(&engine->standby))
			continue;
		goes_on = zswap_evict_once(engine, lane);
		zswap_count(&engine->counts.direct, 1);
	}
}
