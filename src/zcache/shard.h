/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A part of the cache's keys: their entries in two queues, the keys that are remembered, and the counters that tell
 * stale puts.
 *
 * What goes is chosen by S3-FIFO. New values are in the small queue, a tenth of the bytes; those that were found twice
 * by its end go on to the main queue, the others go, and their keys are remembered. A key that is remembered comes to
 * the main queue at once. At the end of the main queue a value that was found since goes round once more.
 *
 * Locks: the gate is shared by every call for a key of the shard, for as long as it lasts, and had alone by who needs
 * to know that there is none: a fork, and who ends a pool. The lock is shared by who looks for a value and reads it,
 * and had alone by who changes anything but the uses of an entry. Objects are freed outside of it: who has taken an
 * entry out has its object alone, since readers hold the lock.
 */
#ifndef ZCACHE_SHARD_H
#define ZCACHE_SHARD_H

#include <stdbool.h>

#include "fifo.h"
#include "ghosts.h"
#include "share_lock.h"

#define ZCACHE_NR_COUNTERS 512u
#define ZCACHE_BATCH 32u /* objects that are dropped at a time */

/* Each changed atomically or while the lock is had alone; read at any time. */
struct zcache_counts {
	uint64_t value_bytes; /* of the values there are */
	uint64_t hits;
	uint64_t misses;
	uint64_t puts;
	uint64_t stale_puts;
	uint64_t failed_puts;
	uint64_t evicted;
	uint64_t flushed;
	uint64_t taken;
	uint64_t ghost_hits;
};

/* A page for what is too large for the shard itself. */
struct zcache_tables {
	uint32_t counters[ZCACHE_NR_COUNTERS]; /* of puts without token and flushes, by hash */
	unsigned char *index_chunks[ZCACHE_INDEX_CHUNKS];
	unsigned char *ghost_chunks[ZCACHE_GHOST_CHUNKS];
};

_Static_assert(sizeof(struct zcache_tables) <= ZCACHE_PAGE_BYTES, "the tables are a page");

struct zcache_shard {
	struct zs_share_lock gate;
	struct zs_share_lock lock;
	struct zcache_index index;
	struct zcache_fifo small;
	struct zcache_fifo main;
	struct zcache_ghosts ghosts;
	struct zcache_tables *tables;
	uint64_t told_bytes; /* of the index, as all_bytes has them */
	uint64_t *all_bytes; /* of all shards */
	uint32_t drops;      /* counted by who tidies up after them */
	struct zcache_counts counts;
} __attribute__((aligned(64)));

struct zcache_value {
	unsigned long handle;
	uint32_t bytes;
	uint32_t stored; /* less than bytes: compressed */
};

/* Objects that nobody can find any more, to be freed. */
struct zcache_dropped {
	unsigned long handle[ZCACHE_BATCH];
	unsigned int nr;
	uint64_t bytes; /* as they were stored */
};

static inline void zcache_count(uint64_t *count, int64_t more)
{
	__atomic_fetch_add(count, (uint64_t)more, __ATOMIC_RELAXED);
}

static inline uint64_t zcache_counted(const uint64_t *count)
{
	return __atomic_load_n(count, __ATOMIC_RELAXED);
}

/*
 * Result: 0 or -ENOMEM; zcache_shard_destroy() is to be called in any case. all_bytes: what its index takes is
 * added.
 */
int zcache_shard_create(struct zcache_shard *shard, uint64_t seed, uint64_t *all_bytes);
void zcache_shard_destroy(struct zcache_shard *shard);

/*
 * What a token has to be for a put of this key to be good: of the shard's counter and the object's. context: the lock,
 * shared or alone
 */
uint64_t zcache_shard_token(const struct zcache_shard *shard, uint64_t hash, const uint32_t *object_counter);

/* NULL: it is not there. context: the lock */
struct zcache_entry *zcache_shard_find(const struct zcache_shard *shard, const struct zcache_key *key, uint64_t hash);

/*
 * A value takes the place of what the key had, which is dropped. token 0: tokens of the key are void from now on.
 * Result: 0; -ESTALE; -ENOMEM: the index cannot grow, and all is as it was.
 */
int zcache_shard_put(struct zcache_shard *shard, const struct zcache_key *key, uint64_t hash,
		     const struct zcache_value *value, uint64_t token, const uint32_t *object_counter,
		     struct zcache_dropped *dropped);

/* Drops a key's value; tokens of the key are void from now on. Result: whether there was one. */
bool zcache_shard_flush(struct zcache_shard *shard, const struct zcache_key *key, uint64_t hash,
			struct zcache_dropped *dropped);

/* An entry's value was given away, and its key is remembered. context: the lock, alone */
void zcache_shard_take(struct zcache_shard *shard, struct zcache_entry *entry, uint64_t hash,
		       struct zcache_dropped *dropped);

/* Drops values of so many bytes, or a batch, as they are chosen; none, if there are none. */
void zcache_shard_evict(struct zcache_shard *shard, uint64_t bytes, struct zcache_dropped *dropped);

/*
 * Drops all values of a pool, or of one of its objects, among those below *end; some at a time. *end starts as
 * UINT32_MAX, and nothing is left when it is 0.
 */
void zcache_shard_sweep(struct zcache_shard *shard, uint8_t pool, const uint64_t *object, uint32_t *end,
			struct zcache_dropped *dropped);

/* As they are stored. context: any */
static inline uint64_t zcache_shard_stored(const struct zcache_shard *shard)
{
	return zcache_fifo_bytes(&shard->small) + zcache_fifo_bytes(&shard->main);
}

#endif
