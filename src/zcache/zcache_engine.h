/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The engine of a cache of clean pages. It is passive: no thread, no clock, no file. What it does beside storing and
 * finding values, it does within the calls: evicting and compacting, in small steps, so that its memory stays below the
 * limit and goes to values, not to holes.
 *
 * Who may take memory promises so much before, and gives the promise back when what was taken is counted: all promises
 * and all memory together never exceed the limit.
 *
 * Locks, in this order: admin; a shard's gate; a lane; a shard's lock; the pool's own. Admin is shared by calls that
 * are for more than one shard, and had alone by who makes or ends a pool; see shard.h for the others. Who has a shard's
 * lock to read a value writes to the caller's memory: nothing that is needed to touch that may wait for the same cache.
 *
 * The calls are those of include/zcache.h, which says what they mean.
 */
#ifndef ZCACHE_ENGINE_H
#define ZCACHE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "comp.h"
#include "zcache.h"

#define ZCACHE_LEAST_LIMIT (1u << 20)

struct zcache_engine;

struct zcache_engine_options {
	uint64_t limit_bytes;
	uint64_t seed;           /* of hashes: nobody's outside */
	uint32_t nr_lanes;       /* calls that compress or unpack at once, for each codec; at least 1 */
	unsigned int pool_flags; /* of zs_pool_options */
	/* Something that needs attention: from any thread. May be NULL. */
	void (*on_event)(void *ctx, const char *what);
	void *ctx;
};

/* Result: 0; -EINVAL; -ENOMEM; -EAGAIN: no thread for the pool. */
int zcache_engine_create(const struct zcache_engine_options *options, struct zcache_engine **engine);
/* NULL is fine. pre: nobody uses it any more. */
void zcache_engine_destroy(struct zcache_engine *engine);

/* comp NULL: none. Result: the pool's number; -ENOSPC; -ENOMEM. */
int zcache_engine_new_pool(struct zcache_engine *engine, const struct zs_comp_spec *comp);
int zcache_engine_destroy_pool(struct zcache_engine *engine, int pool);

int zcache_engine_put(struct zcache_engine *engine, int pool, uint64_t object, uint32_t index, const void *data,
		      size_t len, zcache_token token);
int zcache_engine_get(struct zcache_engine *engine, int pool, uint64_t object, uint32_t index, void *buf, size_t len,
		      bool is_exclusive, zcache_token *token);
int zcache_engine_flush_page(struct zcache_engine *engine, int pool, uint64_t object, uint32_t index);
int zcache_engine_flush_object(struct zcache_engine *engine, int pool, uint64_t object);

int zcache_engine_resize(struct zcache_engine *engine, uint64_t limit_bytes);
uint64_t zcache_engine_reclaim(struct zcache_engine *engine, uint64_t bytes);
uint64_t zcache_engine_limit(const struct zcache_engine *engine);

/* Memory was given back for want of it. */
void zcache_engine_note_pressure(struct zcache_engine *engine);

/* No call is under way from here on until it is resumed: for a fork. */
void zcache_engine_pause(struct zcache_engine *engine);
void zcache_engine_resume(struct zcache_engine *engine);

/* All of them but size. */
void zcache_engine_stats(struct zcache_engine *engine, struct zcache_stats *stats);

/* Walks every structure; for tests. Result: 0, or -EIO on damage. pre: no call is under way */
int zcache_engine_verify(struct zcache_engine *engine);

#endif
