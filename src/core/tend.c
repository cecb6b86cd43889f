/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Tending: one call's worth of work.
 */
#include "compact.h"
#include "stashes.h"
#include "tend.h"

/* Where more than this share of the pages could be emptied, the pool has shrunk, and it is in haste. */
#define MUCH_SHIFT 4
/* Where gathering leaves more than this share, it is not enough. */
#define LEFT_SHIFT 7
/* Calls without it after compaction has gained nothing. */
#define VAIN_CALLS 100u

static unsigned long loose_pages(const struct zs_pool *pool)
{
	unsigned long nr_pages = 0;

	for (unsigned int id = 0; id < pool->nr_classes; id++) {
		const struct zs_class *class = zs_pool_class(pool, id);

		nr_pages += class ? zs_class_loose_pages(class) : 0;
	}
	return nr_pages;
}

/* What may be moved in this call. */
static uint64_t bytes_to_move(const struct zs_pool *pool, const struct zs_tend_plan *plan)
{
	uint64_t nr_pages = zs_pool_total_pages(pool), nr_loose = loose_pages(pool);

	if (nr_loose <= nr_pages * plan->loose_share >> ZS_TEND_SHARE_SHIFT)
		return 0;
	return nr_loose > nr_pages >> MUCH_SHIFT ? plan->max_bytes * ZS_TEND_HASTE : plan->max_bytes;
}

/* Moves objects in one class after the other, beginning where the last call ended. Returns the bytes moved. */
static uint64_t gather(struct zs_pool *pool, uint64_t max_bytes)
{
	uint64_t moved_bytes = 0;
	unsigned int nr_seen;

	for (nr_seen = 0; nr_seen < pool->nr_classes && moved_bytes < max_bytes; nr_seen++) {
		struct zs_class *class = zs_pool_class(pool, pool->tend_next);

		if (class && zs_class_loose_pages(class))
			moved_bytes += zs_class_gather(class, max_bytes - moved_bytes);
		/* A class that the bytes did not suffice for is the next one's first. */
		if (moved_bytes < max_bytes)
			pool->tend_next = (pool->tend_next + 1) % pool->nr_classes;
	}
	return moved_bytes;
}

/*
 * Gathering fills no slot that lacks one of its pages, and after much was freed there are many of these: compaction
 * populates them. A page given back is taken to cost twice its bytes, moved. Result: whether any was.
 */
static bool settle(struct zs_pool *pool, uint64_t max_bytes)
{
	struct zs_budget budget = { .target_pages = (unsigned long)(max_bytes >> (pool->memory.page_shift + 1)) };
	unsigned long nr_pages;

	if (!budget.target_pages || loose_pages(pool) <= zs_pool_total_pages(pool) >> LEFT_SHIFT)
		return false;
	if (pool->tend_vain_calls) {
		pool->tend_vain_calls--;
		return false;
	}
	zs_pool_compact(pool, &budget, &nr_pages);
	if (!nr_pages)
		pool->tend_vain_calls = VAIN_CALLS;
	return nr_pages != 0;
}

/* Half of the allowance is kept: the next pages that become empty do not all have to be dealt with at once. */
static bool return_pages(struct zs_pool *pool)
{
	unsigned long allowance = zs_memory_empty_allowance(&pool->memory);

	if (zs_host_load_long(&pool->memory.nr_empty) <= allowance)
		return false;
	return zs_pool_trim(pool, allowance / 2) != 0;
}

bool zs_pool_tend(struct zs_pool *pool, const struct zs_tend_plan *plan)
{
	bool more = zs_stashes_tend(pool);
	uint64_t max_bytes = bytes_to_move(pool, plan), moved_bytes = gather(pool, max_bytes);

	more |= settle(pool, max_bytes - (moved_bytes < max_bytes ? moved_bytes : max_bytes)) || moved_bytes;
	more |= return_pages(pool);
	return more;
}
