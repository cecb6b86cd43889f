/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The engine as a whole: its making, pauses, background work, and what it tells of itself.
 */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>

#include "parts.h"
#include "reserve.h"

#define ZEROES_BYTES (ZSWAP_GROUP_PAGES * ZSWAP_PAGE_BYTES)
#define LEAST_LIMIT_PAGES 256u

/* ---- making ---- */

#define MOST_AHEAD 4096u
#define LEAST_GUESTS (2 * ZSWAP_BATCH_PAGES)

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a < b ? b : a;
}

/*
 * Ahead of demand little is kept free, and twice that once pages are evicted; and guests are few. All of that is not
 * there for what stays: with four times as much of both, and twice as much that stood by, a program as large as the
 * limit had half to a third of the speed.
 */
static void set_marks(struct zswap_engine *engine)
{
	uint64_t limit = engine->limit_pages, ahead = least(most(limit / 128, ZSWAP_BATCH_PAGES), MOST_AHEAD);

	engine->high_pages = limit - ahead;
	engine->low_pages = limit - 2 * ahead;
	engine->spare_pages = most(limit / 64, ZSWAP_BATCH_PAGES);
	engine->guest_pages = most(limit / 64, least(limit / 8, LEAST_GUESTS));
}

static int make_pool(struct zswap_engine *engine, const struct zswap_engine_options *options)
{
	struct zs_pool_options pool = { .size = sizeof(pool), .name = "zswap", .flags = options->pool_flags };

	engine->pool = zs_create_pool_with(&pool);
	if (!engine->pool)
		return errno == EAGAIN ? -EAGAIN : -ENOMEM;
	engine->huge_bytes = zs_huge_class_size(engine->pool);
	if (engine->huge_bytes > ZSWAP_PAGE_BYTES)
		engine->huge_bytes = ZSWAP_PAGE_BYTES;
	return 0;
}

#define MOST_REPLAYED (UINT64_C(1) << 22)

/* What is walked may be several times what is resident, and be so in several orders by turns. */
static uint32_t replayed_blocks(const struct zswap_engine *engine)
{
	return (uint32_t)(4 * engine->limit_pages < MOST_REPLAYED ? 4 * engine->limit_pages : MOST_REPLAYED);
}

static int make(struct zswap_engine *engine, const struct zswap_engine_options *options)
{
	int err = make_pool(engine, options);

	if (!err)
		err = zswap_table_create(&engine->table);
	if (!err)
		err = zswap_standby_create(&engine->standby, &engine->memory);
	if (!err)
		err = zswap_lanes_create(&engine->lanes, &options->comp, options->nr_lanes);
	if (!err)
		err = zswap_replay_create(&engine->replay, replayed_blocks(engine));
	if (!err && options->store)
		err = zswap_writeback_create(engine, options->store);
	engine->zeroes = zs_reserve(ZEROES_BYTES);
	return !err && !engine->zeroes ? -ENOMEM : err;
}

static bool are_valid(const struct zswap_engine_options *options)
{
	return options->resident_limit_bytes / ZSWAP_PAGE_BYTES >= LEAST_LIMIT_PAGES && options->nr_lanes &&
	       options->memory->standby_pages >= 2 * ZSWAP_BATCH_PAGES;
}

int zswap_engine_create(const struct zswap_engine_options *options, struct zswap_engine **result)
{
	struct zswap_engine *engine = are_valid(options) ? zs_reserve(sizeof(*engine)) : NULL;
	int err;

	if (!engine)
		return are_valid(options) ? -ENOMEM : -EINVAL;
	engine->memory = *options->memory;
	engine->limit_pages = options->resident_limit_bytes / ZSWAP_PAGE_BYTES;
	engine->pool_limit_bytes = options->pool_limit_bytes;
	engine->is_one_pager = options->is_one_pager;
	engine->on_error = options->on_error;
	engine->wake = options->wake;
	engine->ctx = options->ctx;
	set_marks(engine);
	err = make(engine, options);
	if (err)
		zswap_engine_destroy(engine);
	else
		*result = engine;
	return err;
}

void zswap_engine_destroy(struct zswap_engine *engine)
{
	if (!engine)
		return;
	zswap_writeback_destroy(engine);
	zswap_replay_destroy(&engine->replay);
	zswap_lanes_destroy(&engine->lanes);
	zswap_standby_destroy(&engine->standby);
	zswap_table_destroy(&engine->table);
	zs_destroy_pool(engine->pool);
	zs_unreserve((void *)engine->zeroes, ZEROES_BYTES);
	zs_unreserve(engine, sizeof(*engine));
}

/* ---- pauses ---- */

void zswap_engine_listen(struct zswap_engine *engine)
{
	zs_share_lock(&engine->traffic, true);
}

bool zswap_engine_try_listen(struct zswap_engine *engine)
{
	return zs_share_try(&engine->traffic, 0, true);
}

bool zswap_engine_listen_within(struct zswap_engine *engine, uint32_t ns)
{
	return zs_share_lock_within(&engine->traffic, true, ns);
}

void zswap_engine_listened(struct zswap_engine *engine)
{
	zs_share_unlock(&engine->traffic, true);
}

void zswap_engine_pause(struct zswap_engine *engine)
{
	zs_share_lock(&engine->busy, true);
	zswap_engine_listen(engine);
}

void zswap_engine_resume(struct zswap_engine *engine)
{
	zswap_engine_listened(engine);
	zs_share_unlock(&engine->busy, true);
}

/* ---- background work ---- */

#define COMPACT_NS 1000000 /* of a step */

/* What was freed in a full pool may be holes here and there; a child's pool has no thread of its own for them. */
static void compact_if_full(struct zswap_engine *engine)
{
	if (__atomic_load_n(&engine->is_full, __ATOMIC_RELAXED))
		zs_compact_some(engine->pool, 0, COMPACT_NS);
}

bool zswap_engine_step(struct zswap_engine *engine)
{
	bool writes, evicts;

	zs_share_lock(&engine->busy, false);
	writes = zswap_writeback_is_due(engine) && zswap_writeback_once(engine);
	compact_if_full(engine);
	evicts = zswap_evict_some(engine);
	writes = writes && zswap_writeback_is_due(engine);
	zs_share_unlock(&engine->busy, false);
	return evicts || writes;
}

bool zswap_engine_is_beyond(const struct zswap_engine *engine)
{
	return zswap_resident_pages(engine) > engine->limit_pages + ZSWAP_BATCH_PAGES &&
	       !__atomic_load_n(&engine->is_full, __ATOMIC_RELAXED);
}

void zswap_engine_pack(struct zswap_engine *engine)
{
	struct zswap_lane *lane;

	zs_share_lock(&engine->busy, false);
	lane = zswap_lane_get(&engine->lanes);
	zswap_pack_all(engine, lane);
	zswap_lane_put(&engine->lanes, lane);
	zs_share_unlock(&engine->busy, false);
}

/* ---- figures ---- */

static void tell_pages(const struct zswap_engine *engine, struct zswap_stats *stats)
{
	const uint64_t *pages = engine->counts.pages;

	stats->managed_pages = zswap_counted(&engine->counts.managed);
	stats->resident_pages = zswap_counted(&pages[ZSWAP_RESIDENT]) + zswap_counted(&pages[ZSWAP_COPIED]);
	stats->resident_limit_pages = engine->limit_pages;
	stats->standby_pages = zswap_standby_pages(&engine->standby);
	stats->same_filled_pages = zswap_counted(&pages[ZSWAP_FILL]);
	stats->pool_pages = zswap_counted(&pages[ZSWAP_OBJECT]) + zswap_counted(&pages[ZSWAP_RAW]);
	stats->raw_pages = zswap_counted(&pages[ZSWAP_RAW]);
	stats->stored_pages = zswap_counted(&pages[ZSWAP_STORED]);
	stats->compressed_bytes = zswap_counted(&engine->counts.packed_bytes);
	stats->backing_bytes = zswap_counted(&engine->counts.backing_bytes);
}

static void tell_events(const struct zswap_counts *counts, struct zswap_stats *stats)
{
	stats->faults = zswap_counted(&counts->faults);
	stats->zero_faults = zswap_counted(&counts->faults_of[ZSWAP_EMPTY]);
	stats->standby_faults = zswap_counted(&counts->faults_of[ZSWAP_STANDBY]);
	stats->pool_faults = zswap_counted(&counts->faults_of[ZSWAP_OBJECT]) +
			     zswap_counted(&counts->faults_of[ZSWAP_RAW]) +
			     zswap_counted(&counts->faults_of[ZSWAP_FILL]);
	stats->stored_faults = zswap_counted(&counts->faults_of[ZSWAP_STORED]);
	stats->read_ahead = zswap_counted(&counts->read_ahead);
	stats->evicted = zswap_counted(&counts->evicted);
	stats->packed = zswap_counted(&counts->packed);
	stats->spared = zswap_counted(&counts->spared);
	stats->busy_pages = zswap_counted(&counts->busy);
	stats->incompressible = zswap_counted(&counts->incompressible);
	stats->direct_evictions = zswap_counted(&counts->direct);
	stats->written_back_pages = zswap_counted(&counts->written_back);
	stats->pool_limit_hit = zswap_counted(&counts->pool_limit_hit);
	stats->failed_writes = zswap_counted(&counts->failed_writes);
	stats->lost_pages = zswap_counted(&counts->lost);
}

void zswap_engine_stats(struct zswap_engine *engine, struct zswap_stats *stats)
{
	tell_pages(engine, stats);
	tell_events(&engine->counts, stats);
	stats->pool_total_bytes = zs_get_total_size_bytes(engine->pool);
	stats->pool_limit_bytes = engine->pool_limit_bytes;
	stats->table_bytes = zswap_table_bytes(engine);
}
