/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The engine as a whole: its making, the calls for keys, its limit, and what it tells of itself.
 */
#include "zcache_engine.h"

#include <errno.h>
#include <string.h>

#include "cache_parts.h"
#include "reserve.h"

#define MOST_SHARDS (1u << ZCACHE_SHARD_BITS)
/* A shard for each so many bytes of the limit. */
#define SHARD_BYTES (4u << 20)

/* ---- making ---- */

static uint32_t shards_for(uint64_t limit_bytes)
{
	uint32_t nr = 1;

	while (nr < MOST_SHARDS && 2 * nr * (uint64_t)SHARD_BYTES <= limit_bytes)
		nr *= 2;
	return nr;
}

static uint64_t in_pages(uint64_t bytes)
{
	return (bytes + ZCACHE_PAGE_BYTES - 1) & ~(ZCACHE_PAGE_BYTES - 1ull);
}

/* Each shard has a page of tables. */
static uint64_t own_bytes(const struct zcache_engine *engine)
{
	return in_pages(sizeof(*engine)) + in_pages(engine->nr_shards * sizeof(*engine->shards)) +
	       engine->nr_shards * (uint64_t)ZCACHE_PAGE_BYTES;
}

static int make_shards(struct zcache_engine *engine)
{
	int err = 0;

	engine->shards = zs_reserve(engine->nr_shards * sizeof(*engine->shards));
	if (!engine->shards)
		return -ENOMEM;
	for (uint32_t i = 0; i < engine->nr_shards && !err; i++)
		err = zcache_shard_create(&engine->shards[i], engine->seed, &engine->index_bytes);
	return err;
}

static int make(struct zcache_engine *engine, unsigned int pool_flags)
{
	struct zs_pool_options pool = {
		.size = sizeof(pool), .name = "zcache", .max_object_size = ZCACHE_MAX_VALUE, .flags = pool_flags
	};

	engine->pool = zs_create_pool_with(&pool);
	if (!engine->pool)
		return errno == EAGAIN ? -EAGAIN : -ENOMEM;
	return make_shards(engine);
}

int zcache_engine_create(const struct zcache_engine_options *options, struct zcache_engine **result)
{
	bool is_valid = options->limit_bytes >= ZCACHE_LEAST_LIMIT && options->nr_lanes;
	struct zcache_engine *engine = is_valid ? zs_reserve(sizeof(*engine)) : NULL;
	int err;

	if (!engine)
		return is_valid ? -ENOMEM : -EINVAL;
	engine->limit_bytes = options->limit_bytes;
	engine->seed = options->seed;
	engine->nr_lanes = options->nr_lanes;
	engine->on_event = options->on_event;
	engine->ctx = options->ctx;
	engine->nr_shards = shards_for(options->limit_bytes);
	engine->other_bytes = own_bytes(engine);
	err = make(engine, options->pool_flags);
	if (err)
		zcache_engine_destroy(engine);
	else
		*result = engine;
	return err;
}

void zcache_engine_destroy(struct zcache_engine *engine)
{
	struct zcache_codec *next;

	if (!engine)
		return;
	for (uint32_t i = 0; engine->shards && i < engine->nr_shards; i++)
		zcache_shard_destroy(&engine->shards[i]);
	zs_unreserve(engine->shards, engine->nr_shards * sizeof(*engine->shards));
	for (struct zcache_codec *codec = engine->codecs; codec; codec = next) {
		next = codec->next;
		zcache_codec_destroy(codec);
	}
	zs_destroy_pool(engine->pool);
	zs_unreserve(engine, sizeof(*engine));
}

/* ---- calls for a key ---- */

struct call {
	struct zcache_key key;
	uint64_t hash;
	struct zcache_shard *shard;
	struct zcache_codec *codec;
	uint32_t *object_counter;
};

static uint32_t *object_counter(struct zcache_engine *engine, uint8_t pool, uint64_t object)
{
	return &engine->objects[zcache_hash_object(engine->seed, pool, object) & (ZCACHE_NR_COUNTERS - 1)];
}

/* Result: 0: the shard's gate is shared until it is left; -EINVAL: there is no such pool. */
static int enter(struct zcache_engine *engine, int pool, uint64_t object, uint32_t index, struct call *call)
{
	call->key = (struct zcache_key){ .object = object, .index = index, .pool = (uint8_t)pool };
	call->hash = zcache_hash(engine->seed, &call->key);
	call->shard = &engine->shards[call->hash >> (64 - ZCACHE_SHARD_BITS) & (engine->nr_shards - 1)];
	zs_share_lock(&call->shard->gate, false);
	if (zcache_pool_is_live(engine, pool)) {
		call->codec = engine->pools[pool].codec;
		call->object_counter = object_counter(engine, call->key.pool, object);
		return 0;
	}
	zs_share_unlock(&call->shard->gate, false);
	return -EINVAL;
}

static void leave(struct zcache_engine *engine, struct call *call, const struct zcache_dropped *dropped)
{
	if (dropped->nr) {
		zcache_free_dropped(engine, dropped);
		zcache_tidy(engine, call->shard);
	}
	zs_share_unlock(&call->shard->gate, false);
}

static void flush(struct call *call, struct zcache_dropped *dropped)
{
	if (zcache_shard_flush(call->shard, &call->key, call->hash, dropped))
		zcache_count(&call->shard->counts.flushed, 1);
}

/* ---- putting ---- */

/* An index that cannot grow any more has room for one that goes. */
static int enter_value(struct zcache_engine *engine, struct call *call, const struct zcache_value *value,
		       zcache_token token, struct zcache_dropped *dropped)
{
	int err = zcache_shard_put(call->shard, &call->key, call->hash, value, token, call->object_counter, dropped);

	if (err == -ENOMEM && zcache_evict_from(engine, call->shard, 1))
		err = zcache_shard_put(call->shard, &call->key, call->hash, value, token, call->object_counter,
				       dropped);
	return err;
}

static int put(struct zcache_engine *engine, struct call *call, const void *data, size_t len, zcache_token token,
	       struct zcache_dropped *dropped)
{
	struct zcache_value value;
	int err;

	if (!len || len > ZCACHE_MAX_VALUE)
		return -EINVAL;
	err = zcache_pack(engine, call->shard, call->codec, data, len, &value);
	if (err)
		return err;
	err = enter_value(engine, call, &value, token, dropped);
	if (err)
		zs_free(engine->pool, value.handle);
	zcache_promise_back(engine, ZCACHE_PUT_PROMISE);
	return err;
}

static void count_put(struct zcache_counts *counts, int err)
{
	switch (err) {
	case 0: zcache_count(&counts->puts, 1); break;
	case -ESTALE: zcache_count(&counts->stale_puts, 1); break;
	case -ENOMEM: zcache_count(&counts->failed_puts, 1); break;
	default: break;
	}
}

int zcache_engine_put(struct zcache_engine *engine, int pool, uint64_t object, uint32_t index, const void *data,
		      size_t len, zcache_token token)
{
	struct zcache_dropped dropped = { .nr = 0 };
	struct call call;
	int err = enter(engine, pool, object, index, &call);

	if (err)
		return err;
	err = put(engine, &call, data, len, token, &dropped);
	/* What the key had is not true any more, whatever became of the new. */
	if (err && !token)
		flush(&call, &dropped);
	count_put(&call.shard->counts, err);
	leave(engine, &call, &dropped);
	return err;
}

/* ---- getting ---- */

/* context: the shard's lock, alone if it is exclusive */
static int get(struct zcache_engine *engine, struct call *call, struct zcache_lane *lane, void *buf, size_t len,
	       bool is_exclusive, struct zcache_dropped *dropped)
{
	struct zcache_entry *entry = zcache_shard_find(call->shard, &call->key, call->hash);
	int result = -ENOENT;

	if (entry)
		result = zcache_unpack(engine, call->codec, lane, entry, buf, len);
	if (result < 0)
		return result;
	if (is_exclusive)
		zcache_shard_take(call->shard, entry, call->hash, dropped);
	else
		zcache_entry_use(entry);
	return result;
}

/* A value that cannot be unpacked is a miss: whoever has it elsewhere puts it again. */
static int settle(struct zcache_engine *engine, struct call *call, int result, zcache_token *token)
{
	if (result == -EIO && engine->on_event)
		engine->on_event(engine->ctx, "a value could not be unpacked: it counts as a miss");
	if (result != -ENOENT && result != -EIO) {
		zcache_count(&call->shard->counts.hits, 1);
		return result;
	}
	zcache_count(&call->shard->counts.misses, 1);
	if (token)
		*token = zcache_shard_token(call->shard, call->hash, call->object_counter);
	return -ENOENT;
}

int zcache_engine_get(struct zcache_engine *engine, int pool, uint64_t object, uint32_t index, void *buf, size_t len,
		      bool is_exclusive, zcache_token *token)
{
	struct zcache_dropped dropped = { .nr = 0 };
	struct zcache_lane *lane = NULL;
	struct call call;
	int result = enter(engine, pool, object, index, &call);

	if (result)
		return result;
	if (call.codec)
		lane = zcache_lane_get(engine, call.codec);
	zs_share_lock(&call.shard->lock, is_exclusive);
	result = get(engine, &call, lane, buf, len, is_exclusive, &dropped);
	result = settle(engine, &call, result, token);
	zs_share_unlock(&call.shard->lock, is_exclusive);
	if (call.codec)
		zcache_lane_put(call.codec, lane);
	leave(engine, &call, &dropped);
	return result;
}

/* ---- flushing ---- */

int zcache_engine_flush_page(struct zcache_engine *engine, int pool, uint64_t object, uint32_t index)
{
	struct zcache_dropped dropped = { .nr = 0 };
	struct call call;
	int err = enter(engine, pool, object, index, &call);

	if (err)
		return err;
	flush(&call, &dropped);
	leave(engine, &call, &dropped);
	return 0;
}

int zcache_engine_flush_object(struct zcache_engine *engine, int pool, uint64_t object)
{
	int err = -EINVAL;

	zs_share_lock(&engine->admin, false);
	if (zcache_pool_is_live(engine, pool)) {
		/* Before it looks at any key: what was put with an older token is found, or refused. */
		__atomic_add_fetch(object_counter(engine, (uint8_t)pool, object), 1, __ATOMIC_ACQ_REL);
		zcache_sweep(engine, (uint8_t)pool, &object);
		err = 0;
	}
	zs_share_unlock(&engine->admin, false);
	return err;
}

/* ---- the limit ---- */

int zcache_engine_resize(struct zcache_engine *engine, uint64_t limit_bytes)
{
	uint64_t total;

	if (limit_bytes < ZCACHE_LEAST_LIMIT)
		return -EINVAL;
	zs_share_lock(&engine->admin, false);
	__atomic_store_n(&engine->limit_bytes, limit_bytes, __ATOMIC_RELEASE);
	/* Calls under way may have promises by the old one. */
	zcache_fit(engine);
	total = zcache_total(engine);
	zs_share_unlock(&engine->admin, false);
	return total > limit_bytes ? -ENOMEM : 0;
}

uint64_t zcache_engine_reclaim(struct zcache_engine *engine, uint64_t bytes)
{
	uint64_t given;

	zs_share_lock(&engine->admin, false);
	given = zcache_give_back(engine, bytes);
	zs_share_unlock(&engine->admin, false);
	return given;
}

/* ---- forks ---- */

void zcache_engine_pause(struct zcache_engine *engine)
{
	zs_share_lock(&engine->admin, true);
	for (uint32_t i = 0; i < engine->nr_shards; i++)
		zs_share_lock(&engine->shards[i].gate, true);
}

void zcache_engine_resume(struct zcache_engine *engine)
{
	for (uint32_t i = 0; i < engine->nr_shards; i++)
		zs_share_unlock(&engine->shards[i].gate, true);
	zs_share_unlock(&engine->admin, true);
}

/* ---- figures ---- */

void zcache_engine_note_pressure(struct zcache_engine *engine)
{
	zcache_count(&engine->pressure_events, 1);
}

static void add_counts(const struct zcache_counts *counts, struct zcache_stats *stats)
{
	stats->value_bytes += zcache_counted(&counts->value_bytes);
	stats->hits += zcache_counted(&counts->hits);
	stats->misses += zcache_counted(&counts->misses);
	stats->puts += zcache_counted(&counts->puts);
	stats->stale_puts += zcache_counted(&counts->stale_puts);
	stats->failed_puts += zcache_counted(&counts->failed_puts);
	stats->evicted += zcache_counted(&counts->evicted);
	stats->flushed += zcache_counted(&counts->flushed);
	stats->taken += zcache_counted(&counts->taken);
	stats->ghost_hits += zcache_counted(&counts->ghost_hits);
}

static void add_shard(struct zcache_shard *shard, struct zcache_stats *stats)
{
	zs_share_lock(&shard->lock, false);
	stats->values += shard->index.nr;
	stats->stored_bytes += zcache_shard_stored(shard);
	stats->ghosts += shard->ghosts.nr;
	zs_share_unlock(&shard->lock, false);
	add_counts(&shard->counts, stats);
}

void zcache_engine_stats(struct zcache_engine *engine, struct zcache_stats *stats)
{
	zs_share_lock(&engine->admin, false);
	for (uint32_t i = 0; i < engine->nr_shards; i++)
		add_shard(&engine->shards[i], stats);
	zs_share_unlock(&engine->admin, false);
	stats->limit_bytes = zcache_engine_limit(engine);
	stats->total_bytes = zcache_total(engine);
	stats->index_bytes = zcache_counted(&engine->index_bytes) + own_bytes(engine);
	stats->pressure_events = zcache_counted(&engine->pressure_events);
}
