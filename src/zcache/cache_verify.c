/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Whether a cache is what it is said to be: for tests.
 */
#include <errno.h>

#include "cache_parts.h"

struct tally {
	uint64_t bytes;
	uint64_t value_bytes;
	uint32_t nr;
};

static void tally(const struct zcache_entry *entry, struct tally *all)
{
	all->bytes += zcache_entry_stored(entry);
	all->value_bytes += zcache_entry_bytes(entry);
	all->nr++;
}

/* A queue's entries, from the oldest on: each knows the one before it, and its bytes are the queue's. */
static bool is_fifo_sound(const struct zcache_shard *shard, const struct zcache_fifo *fifo, struct tally *all)
{
	bool is_main = fifo == &shard->main;
	struct tally mine = { .nr = 0 };
	uint32_t before = 0;

	for (uint32_t link = fifo->oldest; link;) {
		const struct zcache_entry *entry = zcache_index_entry(&shard->index, link - 1);

		if (mine.nr > shard->index.nr || link > shard->index.nr || zcache_entry_in_main(entry) != is_main ||
		    zcache_entry_older(entry) != before)
			return false;
		tally(entry, &mine);
		before = link;
		link = zcache_entry_newer(entry);
	}
	all->nr += mine.nr;
	all->value_bytes += mine.value_bytes;
	return before == fifo->newest && mine.bytes == fifo->bytes;
}

/* Each can be found by its key. */
static bool is_index_sound(const struct zcache_index *index)
{
	for (uint32_t i = 0; i < index->nr; i++) {
		struct zcache_key key = zcache_entry_key(zcache_index_entry(index, i));

		if (zcache_index_find(index, &key, zcache_hash(index->seed, &key)) != i)
			return false;
	}
	return true;
}

static bool is_shard_sound(const struct zcache_shard *shard)
{
	uint64_t bytes = zcache_index_bytes(&shard->index) + zcache_ghosts_bytes(&shard->ghosts);
	struct tally all = { .nr = 0 };

	return is_index_sound(&shard->index) && is_fifo_sound(shard, &shard->small, &all) &&
	       is_fifo_sound(shard, &shard->main, &all) && all.nr == shard->index.nr &&
	       all.value_bytes == shard->counts.value_bytes && shard->told_bytes == bytes;
}

int zcache_engine_verify(struct zcache_engine *engine)
{
	struct zs_pool_stats stats = { .size = sizeof(stats) };
	uint64_t nr = 0, bytes = 0;

	for (uint32_t i = 0; i < engine->nr_shards; i++) {
		if (!is_shard_sound(&engine->shards[i]))
			return -EIO;
		nr += engine->shards[i].index.nr;
		bytes += engine->shards[i].told_bytes;
	}
	zs_pool_stats(engine->pool, &stats);
	if (stats.objects != nr || bytes != engine->index_bytes || engine->promised_bytes)
		return -EIO;
	return zs_pool_verify(engine->pool);
}
