/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A shard: putting, dropping, choosing.
 */
#include "shard.h"

#include <errno.h>

#include "reserve.h"

/* The small queue's part of the bytes is one in so many. */
#define SMALL_PART 10u
/* Values that are moved on before one goes in any case: what is chosen while the lock is had must come to an end. */
#define MOST_MOVES 64u
#define COUNTER_BITS 9 /* of a hash: a counter of all */
/* Entries that are looked at before others get the lock. */
#define SWEEP_ENTRIES 1024u

/* What the index takes has changed, perhaps. context: the lock, alone */
static void tell_bytes(struct zcache_shard *shard)
{
	uint64_t bytes = zcache_index_bytes(&shard->index) + zcache_ghosts_bytes(&shard->ghosts);

	if (bytes != shard->told_bytes)
		zcache_count(shard->all_bytes, (int64_t)(bytes - shard->told_bytes));
	shard->told_bytes = bytes;
}

int zcache_shard_create(struct zcache_shard *shard, uint64_t seed, uint64_t *all_bytes)
{
	int err;

	shard->all_bytes = all_bytes;
	shard->tables = zs_reserve(sizeof(*shard->tables));
	if (!shard->tables)
		return -ENOMEM;
	err = zcache_index_create(&shard->index, shard->tables->index_chunks, seed);
	if (!err)
		err = zcache_ghosts_create(&shard->ghosts, shard->tables->ghost_chunks);
	tell_bytes(shard);
	return err;
}

void zcache_shard_destroy(struct zcache_shard *shard)
{
	if (!shard->tables)
		return;
	zcache_index_empty(&shard->index);
	zcache_ghosts_empty(&shard->ghosts);
	zs_unreserve(shard->tables, sizeof(*shard->tables));
}

/* ---- tokens ---- */

static uint32_t *counter_of(const struct zcache_shard *shard, uint64_t hash)
{
	return &shard->tables->counters[hash >> (64 - ZCACHE_SHARD_BITS - COUNTER_BITS) & (ZCACHE_NR_COUNTERS - 1)];
}

/* Never 0. */
uint64_t zcache_shard_token(const struct zcache_shard *shard, uint64_t hash, const uint32_t *object_counter)
{
	uint64_t object = __atomic_load_n(object_counter, __ATOMIC_ACQUIRE);

	return 1ull << 63 | object << 33 >> 1 | *counter_of(shard, hash);
}

/* ---- entries ---- */

static struct zcache_fifo *fifo_of(struct zcache_shard *shard, const struct zcache_entry *entry)
{
	return zcache_entry_in_main(entry) ? &shard->main : &shard->small;
}

static uint32_t number_of(const struct zcache_shard *shard, const struct zcache_key *key, uint64_t hash)
{
	return zcache_index_find(&shard->index, key, hash);
}

struct zcache_entry *zcache_shard_find(const struct zcache_shard *shard, const struct zcache_key *key, uint64_t hash)
{
	uint32_t number = number_of(shard, key, hash);

	return number == ZCACHE_NONE ? NULL : zcache_index_entry(&shard->index, number);
}

static void drop_value(struct zcache_shard *shard, const struct zcache_entry *entry, struct zcache_dropped *dropped)
{
	dropped->handle[dropped->nr++] = zcache_entry_handle(entry);
	dropped->bytes += zcache_entry_stored(entry);
	zcache_count(&shard->counts.value_bytes, -(int64_t)zcache_entry_bytes(entry));
}

static void drop_entry(struct zcache_shard *shard, uint32_t number, struct zcache_dropped *dropped)
{
	struct zcache_entry *entry = zcache_index_entry(&shard->index, number);
	uint32_t last;

	drop_value(shard, entry, dropped);
	zcache_fifo_remove(fifo_of(shard, entry), &shard->index, number);
	last = zcache_index_remove(&shard->index, number);
	if (last != number)
		zcache_fifo_renumber(fifo_of(shard, entry), &shard->index, number);
}

/* ---- putting ---- */

static void set_value(struct zcache_shard *shard, struct zcache_entry *entry, const struct zcache_value *value)
{
	zcache_entry_set_value(entry, value->handle, value->bytes, value->stored);
	zcache_count(&shard->counts.value_bytes, value->bytes);
}

/* It keeps its place, and was used. */
static void replace(struct zcache_shard *shard, struct zcache_entry *entry, const struct zcache_value *value,
		    struct zcache_dropped *dropped)
{
	struct zcache_fifo *fifo = fifo_of(shard, entry);

	drop_value(shard, entry, dropped);
	zcache_fifo_charge(fifo, -(int64_t)zcache_entry_stored(entry));
	set_value(shard, entry, value);
	zcache_fifo_charge(fifo, zcache_entry_stored(entry));
	zcache_entry_use(entry);
}

static int add(struct zcache_shard *shard, const struct zcache_key *key, uint64_t hash,
	       const struct zcache_value *value)
{
	struct zcache_entry *entry;
	uint32_t number;
	int err = zcache_index_hold(&shard->index);

	if (err)
		return err;
	number = zcache_index_add(&shard->index, key, hash);
	entry = zcache_index_entry(&shard->index, number);
	set_value(shard, entry, value);
	if (zcache_ghosts_take(&shard->ghosts, hash)) {
		zcache_entry_set_in_main(entry, true);
		zcache_count(&shard->counts.ghost_hits, 1);
	}
	zcache_fifo_add(fifo_of(shard, entry), &shard->index, number);
	zcache_ghosts_grow(&shard->ghosts, shard->index.nr);
	return 0;
}

static int put(struct zcache_shard *shard, const struct zcache_key *key, uint64_t hash,
	       const struct zcache_value *value, struct zcache_dropped *dropped)
{
	uint32_t number = number_of(shard, key, hash);

	if (number == ZCACHE_NONE)
		return add(shard, key, hash, value);
	replace(shard, zcache_index_entry(&shard->index, number), value, dropped);
	return 0;
}

int zcache_shard_put(struct zcache_shard *shard, const struct zcache_key *key, uint64_t hash,
		     const struct zcache_value *value, uint64_t token, const uint32_t *object_counter,
		     struct zcache_dropped *dropped)
{
	int err = 0;

	zs_share_lock(&shard->lock, true);
	if (token && token != zcache_shard_token(shard, hash, object_counter))
		err = -ESTALE;
	if (!err)
		err = put(shard, key, hash, value, dropped);
	if (!err && !token)
		++*counter_of(shard, hash);
	tell_bytes(shard);
	zs_share_unlock(&shard->lock, true);
	return err;
}

/* ---- dropping ---- */

bool zcache_shard_flush(struct zcache_shard *shard, const struct zcache_key *key, uint64_t hash,
			struct zcache_dropped *dropped)
{
	uint32_t number;

	zs_share_lock(&shard->lock, true);
	++*counter_of(shard, hash);
	number = number_of(shard, key, hash);
	if (number != ZCACHE_NONE)
		drop_entry(shard, number, dropped);
	tell_bytes(shard);
	zs_share_unlock(&shard->lock, true);
	return number != ZCACHE_NONE;
}

void zcache_shard_take(struct zcache_shard *shard, struct zcache_entry *entry, uint64_t hash,
		       struct zcache_dropped *dropped)
{
	struct zcache_key key = zcache_entry_key(entry);

	drop_entry(shard, number_of(shard, &key, hash), dropped);
	zcache_ghosts_add(&shard->ghosts, hash);
	zcache_count(&shard->counts.taken, 1);
	tell_bytes(shard);
}

void zcache_shard_sweep(struct zcache_shard *shard, uint8_t pool, const uint64_t *object, uint32_t *end,
			struct zcache_dropped *dropped)
{
	zs_share_lock(&shard->lock, true);
	if (*end > shard->index.nr)
		*end = shard->index.nr;
	for (unsigned int i = 0; i < SWEEP_ENTRIES && *end && dropped->nr < ZCACHE_BATCH; i++) {
		struct zcache_key key = zcache_entry_key(zcache_index_entry(&shard->index, --*end));

		/* The last one, which takes its place, was looked at before, or is new. */
		if (key.pool == pool && (!object || key.object == *object))
			drop_entry(shard, *end, dropped);
	}
	zcache_count(&shard->counts.flushed, dropped->nr);
	tell_bytes(shard);
	zs_share_unlock(&shard->lock, true);
}

/* ---- choosing ---- */

static bool is_small_due(const struct zcache_shard *shard)
{
	return shard->small.oldest &&
	       (!shard->main.oldest || shard->small.bytes * SMALL_PART >= shard->small.bytes + shard->main.bytes);
}

/* Whether an entry at the end of its queue was moved on instead. */
static bool move_on(struct zcache_shard *shard, struct zcache_entry *entry, uint32_t number)
{
	bool is_main = zcache_entry_in_main(entry);
	uint32_t uses = zcache_entry_uses(entry);

	if (uses < (is_main ? 1 : 2))
		return false;
	zcache_fifo_remove(fifo_of(shard, entry), &shard->index, number);
	zcache_entry_set_in_main(entry, true);
	zcache_entry_set_uses(entry, is_main ? uses - 1 : 0);
	zcache_fifo_add(&shard->main, &shard->index, number);
	return true;
}

static uint32_t choose(struct zcache_shard *shard)
{
	uint32_t number;

	for (unsigned int moves = 0;; moves++) {
		number = (is_small_due(shard) ? shard->small.oldest : shard->main.oldest) - 1;
		if (moves == MOST_MOVES || !move_on(shard, zcache_index_entry(&shard->index, number), number))
			return number;
	}
}

static void evict(struct zcache_shard *shard, struct zcache_dropped *dropped)
{
	uint32_t number = choose(shard);
	const struct zcache_entry *entry = zcache_index_entry(&shard->index, number);
	struct zcache_key key = zcache_entry_key(entry);

	if (!zcache_entry_in_main(entry))
		zcache_ghosts_add(&shard->ghosts, zcache_hash(shard->index.seed, &key));
	drop_entry(shard, number, dropped);
	zcache_count(&shard->counts.evicted, 1);
}

void zcache_shard_evict(struct zcache_shard *shard, uint64_t bytes, struct zcache_dropped *dropped)
{
	zs_share_lock(&shard->lock, true);
	while (shard->index.nr && dropped->nr < ZCACHE_BATCH && dropped->bytes < bytes)
		evict(shard, dropped);
	zcache_ghosts_shrink(&shard->ghosts, shard->index.nr);
	tell_bytes(shard);
	zs_share_unlock(&shard->lock, true);
}
