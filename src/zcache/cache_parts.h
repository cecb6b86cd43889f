/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The engine's own, for its files.
 */
#ifndef ZCACHE_CACHE_PARTS_H
#define ZCACHE_CACHE_PARTS_H

#include "codec.h"
#include "shard.h"
#include "zcache_engine.h"
#include "zsmalloc.h"

enum zcache_pool_state { ZCACHE_POOL_FREE, ZCACHE_POOL_LIVE, ZCACHE_POOL_ENDING };

struct zcache_pool {
	uint32_t state;
	struct zcache_codec *codec; /* NULL: values are stored as they are */
};

struct zcache_engine {
	struct zs_share_lock admin;
	struct zs_share_lock compacting;
	struct zs_pool *pool;
	struct zcache_shard *shards;
	uint32_t nr_shards; /* a power of two */
	uint64_t seed;
	uint64_t limit_bytes;
	uint64_t promised_bytes; /* that calls under way may take */
	uint64_t index_bytes;    /* of all shards */
	uint64_t other_bytes;    /* the engine's own, and the codecs' */
	uint32_t hand;           /* where the next shard is that something goes from */
	uint32_t vain;           /* compactions to be left out, since the last one gained nothing */
	uint64_t round_gained;   /* pages, by compaction since the pool's round began; compacting */
	uint32_t nr_lanes;
	struct zcache_codec *codecs;
	struct zcache_pool pools[ZCACHE_MAX_POOLS];
	uint32_t objects[ZCACHE_NR_COUNTERS]; /* counters of flushed objects, by hash */
	uint64_t pressure_events;
	void (*on_event)(void *ctx, const char *what);
	void *ctx;
};

static inline bool zcache_pool_is_live(const struct zcache_engine *engine, int pool)
{
	return pool >= 0 && pool < (int)ZCACHE_MAX_POOLS &&
	       __atomic_load_n(&engine->pools[pool].state, __ATOMIC_ACQUIRE) == ZCACHE_POOL_LIVE;
}

/* ---- cache_pools.c: pools ---- */

/* Drops all values of a pool, or of one of its objects. context: admin */
void zcache_sweep(struct zcache_engine *engine, uint8_t pool, const uint64_t *object);

/* ---- room.c: memory ---- */

/* All memory in use. context: any */
uint64_t zcache_total(const struct zcache_engine *engine);

/* So much may be taken until the promise is back. Result: false: not within the limit, less so many bytes. */
bool zcache_promise(struct zcache_engine *engine, uint64_t bytes, uint64_t kept_bytes);
/* The same, and values go for it. Result: 0 or -ENOMEM. */
int zcache_promise_room(struct zcache_engine *engine, uint64_t bytes);
void zcache_promise_back(struct zcache_engine *engine, uint64_t bytes);

/* Evicts and compacts until all memory is within the limit, with what was promised. Result: whether it is. */
bool zcache_fit(struct zcache_engine *engine);

/* What a put may take beside the value: to be given back by who has stored one. */
#define ZCACHE_PUT_PROMISE (8u * ZCACHE_PAGE_BYTES)

/* An object with these bytes; others go for it, of the shard first. Result: 0 and ZCACHE_PUT_PROMISE; or -ENOMEM. */
int zcache_store(struct zcache_engine *engine, struct zcache_shard *shard, const void *bytes, size_t len,
		 unsigned long *handle);
void zcache_free_dropped(struct zcache_engine *engine, const struct zcache_dropped *dropped);

/* Values of so many bytes, or a batch of them, go from a shard. Result: the bytes. */
uint64_t zcache_evict_from(struct zcache_engine *engine, struct zcache_shard *shard, uint64_t bytes);

/* Something was dropped: now and then holes are made use of. */
void zcache_tidy(struct zcache_engine *engine, struct zcache_shard *shard);

/* Evicts and compacts until so many bytes have been given back, or nothing is left. Result: how many were. */
uint64_t zcache_give_back(struct zcache_engine *engine, uint64_t bytes);

/* ---- cache_content.c: values, to objects and back ---- */

/* pre: codec is not NULL */
struct zcache_lane *zcache_lane_get(struct zcache_engine *engine, struct zcache_codec *codec);
/* Result: as zcache_store(). */
int zcache_pack(struct zcache_engine *engine, struct zcache_shard *shard, struct zcache_codec *codec, const void *data,
		size_t len, struct zcache_value *value);
/* Result: the bytes; -ENOBUFS; -EIO. lane: NULL where nothing is compressed. context: the shard's lock */
int zcache_unpack(struct zcache_engine *engine, const struct zcache_codec *codec, struct zcache_lane *lane,
		  const struct zcache_entry *entry, void *buf, size_t len);

#endif
