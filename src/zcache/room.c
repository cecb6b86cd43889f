/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Memory: promises, what goes when there is no room, and holes.
 *
 * At the limit the pool may not grow, but a new object may take a hole that others have left. Where none fits,
 * something is dropped. Holes of sizes that nobody asks for would pile up, so when they come to a part of the pool it
 * is compacted, a little at a time, and the pages that this gives back may hold anything.
 */
#include <errno.h>

#include "cache_parts.h"

/* What an object may take beside its own pages: one more at each end, those populated ahead, and metadata. */
#define GROW_PROMISE (ZCACHE_PUT_PROMISE + 8u * ZCACHE_PAGE_BYTES)
/* The pool does not grow into the last bytes of the limit, where holes may still be used. */
#define KEPT_PART 32u
#define KEPT_MOST (64u * 1024)
/* Holes: one part in so many of the pool, and what a small pool has in any case. */
#define WASTE_PART 48u
#define WASTE_LEAST (256u * 1024)
/* A put tries so often; what goes before it compacts in any case; compactions left out when one has gained nothing. */
#define STORE_TRIES 512u
#define PATIENT_TRIES 3u
#define VAIN 64u
/* A step of it, after so many drops in a shard. */
#define TIDY_DROPS 32u
#define TIDY_PAGES 64u
#define TIDY_NS 300000u
#define GIVE_BACK_ROUNDS 64u
/* To come below the limit; others may take again what goes. */
#define FIT_ROUNDS 16u

/* ---- promises ---- */

uint64_t zcache_total(const struct zcache_engine *engine)
{
	return zs_get_total_size_bytes(engine->pool) + zcache_counted(&engine->index_bytes) +
	       zcache_counted(&engine->other_bytes);
}

/* Promises first: see below. */
static uint64_t total_promised(const struct zcache_engine *engine)
{
	uint64_t promised = __atomic_load_n(&engine->promised_bytes, __ATOMIC_ACQUIRE);

	return promised + zcache_total(engine);
}

uint64_t zcache_engine_limit(const struct zcache_engine *engine)
{
	return zcache_counted(&engine->limit_bytes);
}

/*
 * Promises are looked at before memory: what another call has taken meanwhile is in one or both of them, since it is
 * counted before its promise is given back.
 */
bool zcache_promise(struct zcache_engine *engine, uint64_t bytes, uint64_t kept_bytes)
{
	uint64_t promised = __atomic_add_fetch(&engine->promised_bytes, bytes, __ATOMIC_ACQ_REL);

	if (zcache_total(engine) + promised + kept_bytes <= zcache_engine_limit(engine))
		return true;
	zcache_promise_back(engine, bytes);
	return false;
}

void zcache_promise_back(struct zcache_engine *engine, uint64_t bytes)
{
	__atomic_sub_fetch(&engine->promised_bytes, bytes, __ATOMIC_ACQ_REL);
}

/* ---- dropping ---- */

void zcache_free_dropped(struct zcache_engine *engine, const struct zcache_dropped *dropped)
{
	for (unsigned int i = 0; i < dropped->nr; i++)
		zs_free(engine->pool, dropped->handle[i]);
}

uint64_t zcache_evict_from(struct zcache_engine *engine, struct zcache_shard *shard, uint64_t bytes)
{
	struct zcache_dropped dropped = { .nr = 0 };

	zcache_shard_evict(shard, bytes, &dropped);
	zcache_free_dropped(engine, &dropped);
	return dropped.bytes;
}

/* Every shard has its turn; of two the one that holds more. shard: NULL, or the other one. */
static struct zcache_shard *next_shard(struct zcache_engine *engine, struct zcache_shard *shard)
{
	uint32_t hand = __atomic_fetch_add(&engine->hand, 1, __ATOMIC_RELAXED);
	struct zcache_shard *next = &engine->shards[hand & (engine->nr_shards - 1)];

	return shard && zcache_shard_stored(shard) >= zcache_shard_stored(next) ? shard : next;
}

/* So many bytes of values, or all. Result: the bytes. */
static uint64_t evict(struct zcache_engine *engine, struct zcache_shard *shard, uint64_t bytes)
{
	uint64_t done = 0, once;
	unsigned int nr_empty = 0;

	while (done < bytes && nr_empty < engine->nr_shards) {
		once = zcache_evict_from(engine, next_shard(engine, shard), bytes - done);
		nr_empty = once ? 0 : nr_empty + 1;
		done += once;
		shard = NULL;
	}
	return done;
}

/* ---- holes ---- */

static uint64_t stored_bytes(const struct zcache_engine *engine)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < engine->nr_shards; i++)
		bytes += zcache_shard_stored(&engine->shards[i]);
	return bytes;
}

static bool is_wasteful(const struct zcache_engine *engine)
{
	uint64_t pool_bytes = zs_get_total_size_bytes(engine->pool), stored = stored_bytes(engine);

	return pool_bytes > stored && pool_bytes - stored > pool_bytes / WASTE_PART + WASTE_LEAST;
}

/* A step may be the end of a round of the pool: it was in vain if the whole round was. context: compacting */
static void note_step(struct zcache_engine *engine, unsigned long gained, bool is_round_done)
{
	engine->round_gained += gained;
	if (!is_round_done)
		return;
	if (!engine->round_gained)
		__atomic_store_n(&engine->vain, VAIN, __ATOMIC_RELAXED);
	engine->round_gained = 0;
}

/* One at a time. Result: whether it has given anything back. */
static bool compact(struct zcache_engine *engine, unsigned long nr_pages)
{
	unsigned long gained;

	if (!zs_share_try(&engine->compacting, 0, true))
		return false;
	gained = zs_compact_some(engine->pool, nr_pages, TIDY_NS);
	note_step(engine, gained, errno != EAGAIN);
	zs_share_unlock(&engine->compacting, true);
	return gained;
}

/* Whether one is to be left out, for there was nothing to gain a moment ago. */
static bool is_vain(struct zcache_engine *engine)
{
	uint32_t vain = __atomic_load_n(&engine->vain, __ATOMIC_RELAXED);

	if (vain)
		__atomic_compare_exchange_n(&engine->vain, &vain, vain - 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	return vain;
}

void zcache_tidy(struct zcache_engine *engine, struct zcache_shard *shard)
{
	int saved_errno = errno;

	if (__atomic_add_fetch(&shard->drops, 1, __ATOMIC_RELAXED) % TIDY_DROPS)
		return;
	if (is_wasteful(engine) && !is_vain(engine))
		compact(engine, TIDY_PAGES);
	errno = saved_errno;
}

/* ---- storing ---- */

static unsigned long kept_bytes(const struct zcache_engine *engine)
{
	uint64_t part = zcache_engine_limit(engine) / KEPT_PART;

	return part < KEPT_MOST ? (unsigned long)part : KEPT_MOST;
}

/* Result: 0: there is no room. Else ZCACHE_PUT_PROMISE stays. */
static unsigned long try_store(struct zcache_engine *engine, size_t len)
{
	uint64_t grow_bytes = GROW_PROMISE + ((len + 2 * ZCACHE_PAGE_BYTES - 1) & ~(ZCACHE_PAGE_BYTES - 1ull));
	unsigned long handle = 0;

	if (zcache_promise(engine, grow_bytes, kept_bytes(engine))) {
		handle = zs_malloc(engine->pool, len, 0);
		zcache_promise_back(engine, handle ? grow_bytes - ZCACHE_PUT_PROMISE : grow_bytes);
	}
	if (!handle && zcache_promise(engine, ZCACHE_PUT_PROMISE, 0)) {
		handle = zs_malloc(engine->pool, len, ZS_NOGROW);
		if (!handle)
			zcache_promise_back(engine, ZCACHE_PUT_PROMISE);
	}
	return handle;
}

static bool make_room(struct zcache_engine *engine, struct zcache_shard *shard, size_t len, unsigned int nr_tries)
{
	unsigned long nr_pages = len / ZCACHE_PAGE_BYTES + TIDY_PAGES / 4;

	if ((nr_tries > PATIENT_TRIES || (is_wasteful(engine) && !is_vain(engine))) && compact(engine, nr_pages))
		return true;
	return evict(engine, shard, len);
}

int zcache_store(struct zcache_engine *engine, struct zcache_shard *shard, const void *bytes, size_t len,
		 unsigned long *handle)
{
	int saved_errno = errno;
	bool has_room = true;

	*handle = try_store(engine, len);
	for (unsigned int i = 0; !*handle && has_room && i < STORE_TRIES; i++) {
		has_room = make_room(engine, shard, len, i);
		*handle = try_store(engine, len);
	}
	if (*handle && zs_obj_write(engine->pool, *handle, bytes, len)) {
		zs_free(engine->pool, *handle);
		zcache_promise_back(engine, ZCACHE_PUT_PROMISE);
		*handle = 0;
	}
	errno = saved_errno;
	return *handle ? 0 : -ENOMEM;
}

/* ---- giving back ---- */

/* Result: what it has given back, as far as others have not taken it again. */
static uint64_t give_back_once(struct zcache_engine *engine, uint64_t bytes, bool *has_more)
{
	uint64_t before = zcache_total(engine), after, evicted = evict(engine, NULL, bytes);
	unsigned long gained = zs_compact_some(engine->pool, (unsigned long)(bytes / ZCACHE_PAGE_BYTES) + 1, 0);

	*has_more = evicted || gained;
	after = zcache_total(engine);
	return before > after ? before - after : 0;
}

uint64_t zcache_give_back(struct zcache_engine *engine, uint64_t bytes)
{
	int saved_errno = errno;
	uint64_t given = 0;
	bool has_more = true;

	for (unsigned int i = 0; given < bytes && has_more && i < GIVE_BACK_ROUNDS; i++)
		given += give_back_once(engine, bytes - given, &has_more);
	errno = saved_errno;
	return given;
}

bool zcache_fit(struct zcache_engine *engine)
{
	uint64_t limit = zcache_engine_limit(engine), total = total_promised(engine);

	for (unsigned int i = 0; i < FIT_ROUNDS && total > limit; i++) {
		zcache_give_back(engine, total - limit);
		total = total_promised(engine);
	}
	return total <= limit;
}

/* It is promised before there is room, so that nobody else takes what others leave; nothing is taken until there is. */
int zcache_promise_room(struct zcache_engine *engine, uint64_t bytes)
{
	__atomic_add_fetch(&engine->promised_bytes, bytes, __ATOMIC_ACQ_REL);
	if (zcache_fit(engine))
		return 0;
	zcache_promise_back(engine, bytes);
	return -ENOMEM;
}
