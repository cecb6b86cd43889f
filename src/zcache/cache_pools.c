/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Pools and their codecs: made, and ended with their values. Pools of the same specification share a codec.
 *
 * Locks: admin is had alone by who makes or ends a pool.
 */
#include <errno.h>

#include "cache_parts.h"

/* Room for the first context of a codec. */
#define CODEC_ROOM (2u << 20)

/* ---- codecs ---- */

static bool is_same(const struct zs_comp_spec *a, const struct zs_comp_spec *b)
{
	return a->comp == b->comp && a->level == b->level;
}

static void add_codec(struct zcache_engine *engine, struct zcache_codec *codec)
{
	codec->next = engine->codecs;
	engine->codecs = codec;
	zcache_count(&engine->other_bytes, (int64_t)zcache_codec_bytes(codec));
}

/* What a context takes only shows when it is there: room for one is promised before, as far as the limit allows. */
static int make_codec(struct zcache_engine *engine, const struct zs_comp_spec *comp, struct zcache_codec **codec)
{
	uint64_t quarter = zcache_engine_limit(engine) / 4, promised = quarter < CODEC_ROOM ? quarter : CODEC_ROOM;
	uint64_t bytes;
	int err = zcache_promise_room(engine, promised);

	if (err)
		return err;
	err = zcache_codec_create(comp, engine->nr_lanes, codec);
	bytes = err ? 0 : zcache_codec_bytes(*codec);
	if (bytes > promised && !(err = zcache_promise_room(engine, bytes - promised)))
		promised = bytes;
	if (!err)
		add_codec(engine, *codec);
	else if (bytes)
		zcache_codec_destroy(*codec);
	zcache_promise_back(engine, promised);
	return err;
}

static int get_codec(struct zcache_engine *engine, const struct zs_comp_spec *comp, struct zcache_codec **codec)
{
	int err = 0;

	for (*codec = engine->codecs; *codec && !is_same(&(*codec)->comp, comp);)
		*codec = (*codec)->next;
	if (!*codec)
		err = make_codec(engine, comp, codec);
	if (!err)
		(*codec)->nr_pools++;
	return err;
}

static void put_codec(struct zcache_engine *engine, struct zcache_codec *codec)
{
	struct zcache_codec **link = &engine->codecs;
	uint64_t bytes;

	if (!codec || --codec->nr_pools)
		return;
	while (*link != codec)
		link = &(*link)->next;
	*link = codec->next;
	bytes = zcache_codec_bytes(codec);
	zcache_codec_destroy(codec);
	zcache_count(&engine->other_bytes, -(int64_t)bytes);
}

/* ---- pools ---- */

static int free_pool(const struct zcache_engine *engine)
{
	int pool = 0;

	while (pool < (int)ZCACHE_MAX_POOLS && engine->pools[pool].state != ZCACHE_POOL_FREE)
		pool++;
	return pool < (int)ZCACHE_MAX_POOLS ? pool : -ENOSPC;
}

int zcache_engine_new_pool(struct zcache_engine *engine, const struct zs_comp_spec *comp)
{
	struct zcache_codec *codec = NULL;
	int pool, err = 0;

	zs_share_lock(&engine->admin, true);
	pool = free_pool(engine);
	if (pool >= 0 && comp)
		err = get_codec(engine, comp, &codec);
	if (pool >= 0 && !err) {
		engine->pools[pool].codec = codec;
		__atomic_store_n(&engine->pools[pool].state, ZCACHE_POOL_LIVE, __ATOMIC_RELEASE);
	}
	zs_share_unlock(&engine->admin, true);
	return err ? err : pool;
}

void zcache_sweep(struct zcache_engine *engine, uint8_t pool, const uint64_t *object)
{
	for (uint32_t i = 0; i < engine->nr_shards; i++) {
		struct zcache_shard *shard = &engine->shards[i];

		for (uint32_t end = UINT32_MAX; end;) {
			struct zcache_dropped dropped = { .nr = 0 };

			zcache_shard_sweep(shard, pool, object, &end, &dropped);
			zcache_free_dropped(engine, &dropped);
			if (dropped.nr)
				zcache_tidy(engine, shard);
		}
	}
}

/* Each gate was closed once: all calls that may have seen what there was before have ended. */
static void wait_for_calls(struct zcache_engine *engine)
{
	for (uint32_t i = 0; i < engine->nr_shards; i++) {
		zs_share_lock(&engine->shards[i].gate, true);
		zs_share_unlock(&engine->shards[i].gate, true);
	}
}

/* Misses of the pool may not be filled in the next one of its number. */
static void end_pool(struct zcache_engine *engine, int pool)
{
	__atomic_store_n(&engine->pools[pool].state, ZCACHE_POOL_ENDING, __ATOMIC_RELEASE);
	wait_for_calls(engine);
	for (uint32_t i = 0; i < ZCACHE_NR_COUNTERS; i++)
		__atomic_add_fetch(&engine->objects[i], 1, __ATOMIC_ACQ_REL);
	zcache_sweep(engine, (uint8_t)pool, NULL);
	put_codec(engine, engine->pools[pool].codec);
	__atomic_store_n(&engine->pools[pool].state, ZCACHE_POOL_FREE, __ATOMIC_RELEASE);
}

int zcache_engine_destroy_pool(struct zcache_engine *engine, int pool)
{
	int err = -EINVAL;

	zs_share_lock(&engine->admin, true);
	if (zcache_pool_is_live(engine, pool)) {
		end_pool(engine, pool);
		err = 0;
	}
	zs_share_unlock(&engine->admin, true);
	return err;
}
