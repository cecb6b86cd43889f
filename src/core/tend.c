/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Tending: one call's worth of work.
 */
#include "compact.h"
#include "tend.h"

static unsigned long loose_pages(const struct zs_pool *pool)
{
	unsigned long nr_pages = 0;

	for (unsigned int id = 0; id < pool->nr_classes; id++) {
		const struct zs_class *class = zs_pool_class(pool, id);

		nr_pages += class ? zs_class_loose_pages(class) : 0;
	}
	return nr_pages;
}

static bool is_loose(const struct zs_pool *pool, const struct zs_tend_plan *plan)
{
	uint64_t most = (uint64_t)zs_pool_total_pages(pool) * plan->loose_share >> ZS_TEND_SHARE_SHIFT;

	return loose_pages(pool) > most;
}

/* Moves objects in one class after the other, beginning where the last call ended. Result: whether any was moved. */
static bool gather(struct zs_pool *pool, const struct zs_tend_plan *plan)
{
	uint64_t moved_bytes = 0;
	unsigned int nr_seen;

	for (nr_seen = 0; nr_seen < pool->nr_classes && moved_bytes < plan->max_bytes; nr_seen++) {
		struct zs_class *class = zs_pool_class(pool, pool->tend_next);

		if (class && zs_class_loose_pages(class))
			moved_bytes += zs_class_gather(class, plan->max_bytes - moved_bytes);
		/* A class that the bytes did not suffice for is the next one's first. */
		if (moved_bytes < plan->max_bytes)
			pool->tend_next = (pool->tend_next + 1) % pool->nr_classes;
	}
	return moved_bytes != 0;
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
	bool more = is_loose(pool, plan) && gather(pool, plan);

	more |= return_pages(pool);
	return more;
}
