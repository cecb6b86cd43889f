/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The engine as a whole: its making, its pages, background work, advice, and what it tells of itself.
 */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>

#include "parts.h"
#include "reserve.h"

#define ZEROES_BYTES (ZSWAP_GROUP_PAGES * ZSWAP_PAGE_BYTES)
#define LEAST_LIMIT_PAGES 256u

/* ---- making ---- */

/* Ahead of demand a thirty-second of what may be resident is kept free, and twice that once pages are evicted. */
static void set_marks(struct zswap_engine *engine)
{
	uint64_t some = engine->limit_pages / 32;

	some = some < ZSWAP_BATCH_PAGES ? ZSWAP_BATCH_PAGES : some > 4096 ? 4096 : some;
	engine->high_pages = engine->limit_pages - some;
	engine->low_pages = engine->high_pages - some;
	engine->guest_pages = engine->limit_pages / 16;
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

/* ---- pages ---- */

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

int zswap_engine_add(struct zswap_engine *engine, uint64_t nr_pages, uint32_t *first)
{
	zs_share_lock(&engine->gate, true);
	*first = zswap_table_add(&engine->table, nr_pages);
	if (*first != ZSWAP_NONE) {
		zswap_count(&engine->counts.managed, (int64_t)nr_pages);
		zswap_count(&engine->counts.pages[ZSWAP_EMPTY], (int64_t)nr_pages);
	}
	zs_share_unlock(&engine->gate, true);
	return *first == ZSWAP_NONE ? -ENOMEM : 0;
}

void zswap_engine_forget(struct zswap_engine *engine, uint32_t first, uint64_t nr_pages)
{
	zs_share_lock(&engine->gate, true);
	zswap_table_remove(&engine->table, first, nr_pages);
	zswap_count(&engine->counts.managed, -(int64_t)nr_pages);
	zswap_count(&engine->counts.pages[ZSWAP_EMPTY], -(int64_t)nr_pages);
	zs_share_unlock(&engine->gate, true);
}

/* So many pages from one on that are in its group, or not in use. Calls back for each of the former, locked. */
typedef void each_fn(struct zswap_engine *engine, uint32_t page);

static uint32_t each_of_group(struct zswap_engine *engine, uint32_t page, uint64_t most, each_fn *each)
{
	struct zs_share_lock *lock = zswap_lock_of(&engine->table, page);
	unsigned int nr = zswap_group_rest(&engine->table, page);

	nr = nr < most ? nr : (unsigned int)most;
	if (!zswap_table_is_used(&engine->table, page))
		return nr;
	zs_share_lock(lock, true);
	for (unsigned int i = 0; i < nr; i++)
		each(engine, page + i);
	zs_share_unlock(lock, true);
	return nr;
}

static void each_page(struct zswap_engine *engine, uint32_t first, uint64_t nr_pages, each_fn *each)
{
	for (uint64_t done = 0; done < nr_pages && zswap_page_of(&engine->table, first + (uint32_t)done);)
		done += each_of_group(engine, first + (uint32_t)done, nr_pages - done, each);
}

static void drop_page(struct zswap_engine *engine, uint32_t page)
{
	if (zswap_slot_kind(zswap_look(zswap_page_of(&engine->table, page))) != ZSWAP_EMPTY)
		zswap_move_to(engine, page, ZSWAP_EMPTY, ZSWAP_NEWEST);
}

void zswap_engine_drop(struct zswap_engine *engine, uint32_t first, uint64_t nr_pages)
{
	zs_share_lock(&engine->gate, false);
	each_page(engine, first, nr_pages, drop_page);
	zs_share_unlock(&engine->gate, false);
}

static void lose_page(struct zswap_engine *engine, uint32_t page)
{
	zswap_move_to(engine, page, ZSWAP_GONE, ZSWAP_NEWEST);
}

/* Read-ahead stays in its group: groups that are not in use need a mark only if some of them stays. */
void zswap_engine_unmap(struct zswap_engine *engine, uint32_t first, uint64_t nr_pages)
{
	uint32_t end = first + (uint32_t)nr_pages;

	zs_share_lock(&engine->gate, false);
	if (first % ZSWAP_GROUP_PAGES)
		zswap_table_note_use(&engine->table, first);
	if (end % ZSWAP_GROUP_PAGES)
		zswap_table_note_use(&engine->table, end - 1);
	each_page(engine, first, nr_pages, lose_page);
	zs_share_unlock(&engine->gate, false);
}

/* ---- background work ---- */

#define STEP_BATCHES 4
#define COMPACT_NS 1000000 /* of a step */

/* What was freed in a full pool may be holes here and there; a child's pool has no thread of its own for them. */
static void compact_if_full(struct zswap_engine *engine)
{
	if (__atomic_load_n(&engine->is_full, __ATOMIC_RELAXED))
		zs_compact_some(engine->pool, 0, COMPACT_NS);
}

static bool evict_some(struct zswap_engine *engine)
{
	struct zswap_lane *lane = zswap_lane_get(&engine->lanes);
	bool goes_on = true;

	for (unsigned int i = 0; i < STEP_BATCHES && goes_on; i++)
		goes_on = zswap_resident_pages(engine) > engine->low_pages && zswap_evict_once(engine, lane);
	zswap_lane_put(&engine->lanes, lane);
	return goes_on;
}

bool zswap_engine_step(struct zswap_engine *engine)
{
	bool writes, evicts;

	zs_share_lock(&engine->busy, false);
	writes = zswap_writeback_is_due(engine) && zswap_writeback_once(engine);
	compact_if_full(engine);
	evicts = evict_some(engine);
	writes = writes && zswap_writeback_is_due(engine);
	zs_share_unlock(&engine->busy, false);
	return evicts || writes;
}

bool zswap_engine_is_beyond(const struct zswap_engine *engine)
{
	return zswap_resident_pages(engine) > engine->limit_pages + ZSWAP_BATCH_PAGES &&
	       !__atomic_load_n(&engine->is_full, __ATOMIC_RELAXED);
}

/* ---- advice ---- */

static void cool_page(struct zswap_engine *engine, uint32_t page)
{
	if (zswap_slot_kind(zswap_look(zswap_page_of(&engine->table, page))) == ZSWAP_RESIDENT)
		zswap_move_to(engine, page, ZSWAP_RESIDENT | ZSWAP_OLD | ZSWAP_COLD_PAGE, ZSWAP_OLDEST);
}

void zswap_engine_cold(struct zswap_engine *engine, uint32_t first, uint64_t nr_pages)
{
	zs_share_lock(&engine->busy, false);
	zs_share_lock(&engine->gate, false);
	each_page(engine, first, nr_pages, cool_page);
	zs_share_unlock(&engine->gate, false);
	zs_share_unlock(&engine->busy, false);
}

/* Of a page that just comes the lock tells: who has got it may ask before that is noted. context: gate shared */
static bool is_resident(struct zswap_engine *engine, uint32_t number)
{
	const struct zswap_page *page = zswap_page_of(&engine->table, number);
	bool is;

	if (!page)
		return false;
	zs_share_lock(zswap_lock_of(&engine->table, number), false);
	is = zswap_slot_kind(zswap_look(page)) == ZSWAP_RESIDENT;
	zs_share_unlock(zswap_lock_of(&engine->table, number), false);
	return is;
}

/* The next resident pages of a range, up to a batch of them. Returns where it stopped. context: gate shared */
static uint64_t gather_resident(struct zswap_engine *engine, uint32_t first, uint64_t nr_pages, uint32_t *page,
				unsigned int *nr)
{
	uint64_t i = 0;

	for (*nr = 0; i < nr_pages && *nr < ZSWAP_BATCH_PAGES; i++)
		if (is_resident(engine, first + (uint32_t)i))
			page[(*nr)++] = first + (uint32_t)i;
	return i;
}

static uint64_t evict_batch(struct zswap_engine *engine, struct zswap_lane *lane, uint32_t first, uint64_t nr_pages)
{
	uint32_t page[ZSWAP_BATCH_PAGES];
	unsigned int nr;
	uint64_t done;

	zs_share_lock(&engine->gate, false);
	done = gather_resident(engine, first, nr_pages, page, &nr);
	zs_share_unlock(&engine->gate, false);
	if (nr)
		zswap_evict_pages(engine, lane, page, nr);
	return done;
}

void zswap_engine_evict(struct zswap_engine *engine, uint32_t first, uint64_t nr_pages)
{
	struct zswap_lane *lane;

	zs_share_lock(&engine->busy, false);
	lane = zswap_lane_get(&engine->lanes);
	for (uint64_t i = 0; i < nr_pages;) {
		if (zswap_writeback_is_due(engine))
			zswap_writeback_once(engine);
		i += evict_batch(engine, lane, first + (uint32_t)i, nr_pages - i);
	}
	zswap_lane_put(&engine->lanes, lane);
	zs_share_unlock(&engine->busy, false);
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
	stats->resident_pages = zswap_counted(&pages[ZSWAP_RESIDENT]);
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
