/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Eviction of a zpool's oldest objects.
 */
#include <linux/sched.h>

#include "eviction.h"
#include "object.h"

/* Objects evicted between two compactions: their holes are closed together. */
#define BATCH 128
/* So many failures in a row say that memory is short for the user's writing; what is under way needs time then. */
#define FAILURES_IN_A_ROW 16
#define PAUSE (HZ / 50)
#define MAX_PAUSES 100

struct effort {
	unsigned long nr_left;    /* objects that may still be tried: each is tried once */
	unsigned int nr_failures; /* in a row */
	unsigned int nr_pauses;
};

static unsigned long handle_of(const struct zs_pool *pool, u32 index)
{
	return zs_handle_make(index, zs_host_load32(&zs_handle_cell(&pool->handles, index)->state));
}

/* Result: what the user said, or -ENOENT: nothing is queued. The object may be gone in any case. */
static int evict_oldest(const struct zs_evictor *evictor)
{
	u32 index = zs_lru_guard_oldest(evictor->lru);
	unsigned long handle;
	int err;

	if (!index)
		return -ENOENT;
	/* It cannot be freed while it is guarded, so its handle stays what it is. */
	handle = handle_of(evictor->pool, index);
	err = evictor->evict(evictor->user, handle);
	if (zs_lru_unguard(evictor->lru, index))
		zs_pool_free(evictor->pool, handle);
	return err;
}

/* Result: whether to go on. */
static bool note_failure(struct effort *effort)
{
	if (++effort->nr_failures < FAILURES_IN_A_ROW)
		return true;
	effort->nr_failures = 0;
	if (effort->nr_pauses++ == MAX_PAUSES)
		return false;
	schedule_timeout_uninterruptible(PAUSE);
	return true;
}

/* Result: whether more can be tried. */
static bool evict_batch(const struct zs_evictor *evictor, struct effort *effort)
{
	for (int i = 0; i < BATCH; i++) {
		int err;

		if (!effort->nr_left)
			return false;
		effort->nr_left--;
		err = evict_oldest(evictor);
		if (err == -ENOENT || (err && !note_failure(effort)))
			return false;
		if (!err)
			effort->nr_failures = 0;
		cond_resched();
	}
	return true;
}

int zs_evict_pages(const struct zs_evictor *evictor, unsigned long nr_pages, unsigned long *reclaimed)
{
	unsigned long before = zs_pool_total_pages(evictor->pool);
	unsigned long goal = before > nr_pages ? before - nr_pages : 0;
	struct effort effort = { .nr_left = READ_ONCE(evictor->lru->nr_queued) };
	bool more = true;
	unsigned long now;

	/* What compaction alone can give back costs the user nothing. */
	zs_kmod_compact(evictor->pool);
	while (zs_pool_total_pages(evictor->pool) > goal && more) {
		more = evict_batch(evictor, &effort);
		zs_kmod_compact(evictor->pool);
	}
	now = zs_pool_total_pages(evictor->pool);
	*reclaimed = before > now ? before - now : 0;
	return now <= goal ? 0 : -EAGAIN;
}
