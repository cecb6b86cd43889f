/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * How much larger a slot may be than its class.
 */
#include "fit.h"

#define SHARE_SHIFT 16 /* shares are in 2^-16 */
#define MAX_SHARE ((1u << SHARE_SHIFT) / 10)
/* A pool's idle share is looked at again after it has grown by 1/64, or by this many pages if that is more. */
#define LOOKS_SHIFT 6
#define FEWEST_GROWTHS 4u

/* Bytes of a class's pages that no object takes. */
static uint64_t idle_bytes(const struct zs_class *class, uint64_t page_bytes)
{
	uint64_t live = (uint64_t)ZS_HOST_GLANCE(class->nr_live) * class->layout.slot_bytes;

	return page_bytes > live ? page_bytes - live : 0;
}

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

static uint32_t idle_share(const struct zs_pool *pool)
{
	uint64_t idle = 0, all = 0;

	for (unsigned int id = 0; id < pool->nr_classes; id++) {
		const struct zs_class *class = zs_pool_class(pool, id);
		uint64_t page_bytes = class ? (uint64_t)ZS_HOST_GLANCE(class->nr_pages) << class->layout.page_shift : 0;

		idle += page_bytes ? idle_bytes(class, page_bytes) : 0;
		all += page_bytes;
	}
	return all ? share_of(idle, all) : 0;
}

static uint32_t look_at_share(struct zs_pool *pool)
{
	uint32_t share = idle_share(pool) / 2;
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
