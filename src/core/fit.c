/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * How much larger a slot may be than its class.
 */
#include "fit.h"

#define SHARE_SHIFT 16 /* shares are in 2^-16 */
#define MAX_SHARE ((1u << SHARE_SHIFT) / 10)
#define PARTIAL_WEIGHT 3u
/* A pool's idle share is looked at again after it has grown by 1/64, or by this many pages if that is more. */
#define LOOKS_SHIFT 6
#define FEWEST_GROWTHS 4u

/* x / y as a share. pre: x <= y, y is not 0 */
static uint32_t share_of(uint64_t x, uint64_t y)
{
	/* Both are made to fit 32 - SHARE_SHIFT and 32 bits: 64-bit kernels alone divide by 64 bits. */
	while (y >> (32 - SHARE_SHIFT)) {
		x >>= 1;
		y >>= 1;
	}
	return ((uint32_t)x << SHARE_SHIFT) / (uint32_t)y;
}

/* What the pages of classes hold. */
struct idle {
	uint64_t all;
	uint64_t loose;   /* whole pages more than the objects take: what churn leaves */
	uint64_t partial; /* of the pages that they take, what lies idle: mostly in the last page of each class */
};

static void add_class(struct idle *idle, const struct zs_class *class)
{
	uint64_t bytes = (uint64_t)ZS_HOST_GLANCE(class->nr_pages) << class->layout.page_shift;
	uint64_t loose = (uint64_t)zs_class_slack_pages(class) << class->layout.page_shift;
	uint64_t live = (uint64_t)ZS_HOST_GLANCE(class->nr_live) * class->layout.slot_bytes;

	idle->all += bytes;
	/* Glances need not agree. */
	if (bytes < loose + live)
		return;
	idle->loose += loose;
	idle->partial += bytes - loose - live;
}

static uint32_t find_share(const struct zs_pool *pool)
{
	struct idle idle = { .all = 0 };
	uint64_t partial;

	for (unsigned int id = 0; id < pool->nr_classes; id++)
		if (zs_pool_class(pool, id))
			add_class(&idle, zs_pool_class(pool, id));
	if (!idle.all)
		return 0;
	partial = share_of(idle.partial, idle.all);
	return share_of(idle.loose, idle.all) / 2 + (uint32_t)(PARTIAL_WEIGHT * partial * partial >> SHARE_SHIFT);
}

static uint32_t look_at_share(struct zs_pool *pool)
{
	uint32_t share = find_share(pool);
	uint32_t growths = (uint32_t)(zs_pool_total_pages(pool) >> LOOKS_SHIFT);

	share = share < MAX_SHARE ? share : MAX_SHARE;
	zs_host_store32(&pool->fit_share, share);
	zs_host_store32(&pool->fit_countdown, growths > FEWEST_GROWTHS ? growths : FEWEST_GROWTHS);
	return share;
}

/* Threads that count at once may lose a count, which only makes the next look a little later. */
static uint32_t current_share(struct zs_pool *pool)
{
	uint32_t countdown = zs_host_load32(&pool->fit_countdown);

	if (!countdown)
		return look_at_share(pool);
	zs_host_store32(&pool->fit_countdown, countdown - 1);
	return zs_host_load32(&pool->fit_share);
}

unsigned int zs_fit_last_class(struct zs_pool *pool, unsigned int id)
{
	uint32_t slot_bytes = zs_size_class_bytes(id);
	uint32_t most = slot_bytes + (uint32_t)((uint64_t)slot_bytes * current_share(pool) >> SHARE_SHIFT);

	if (most > pool->max_object_size)
		most = pool->max_object_size;
	return zs_size_class_index(most, pool->memory.page_shift);
}
