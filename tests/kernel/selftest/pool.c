/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Pools under test, and what must be true of any pool's page counts.
 *
 * A page that the kernel holds for a moment (to migrate it) may go back a little late: counts that must come true are
 * waited for, long enough that no machine is too slow; but not again and again, when that was once in vain.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/string.h>
#include <linux/vmstat.h>

#include "selftest.h"

#define PATIENCE_MS 10000
#define PATIENCE_LOST_MS 200
#define PAUSE_MS 5

/* Each has a name of its own, which is gone when the pool is made. */
struct zs_pool *st_pool_create(struct selftest *st)
{
	static atomic_t nr_pools;
	struct zs_pool *pool;
	char name[32];

	snprintf(name, sizeof(name), "selftest-%s-%d", st->name, atomic_inc_return(&nr_pools));
	pool = zs_create_pool(name);
	memzero_explicit(name, sizeof(name));
	if (!pool)
		st_fail(st, "no pool");
	else if (zs_get_total_pages(pool))
		st_fail(st, "a new pool holds %lu pages", zs_get_total_pages(pool));
	return pool;
}

/* Whether a count comes down to 0. */
static bool comes_down(unsigned long (*count)(struct zs_pool *pool), struct zs_pool *pool)
{
	static bool was_in_vain;
	unsigned long end = jiffies + msecs_to_jiffies(READ_ONCE(was_in_vain) ? PATIENCE_LOST_MS : PATIENCE_MS);

	while (count(pool) && time_before(jiffies, end))
		msleep(PAUSE_MS);
	if (!count(pool))
		return true;
	WRITE_ONCE(was_in_vain, true);
	return false;
}

bool st_pool_drains(struct zs_pool *pool)
{
	return comes_down(zs_get_total_pages, pool);
}

void st_pool_destroy(struct selftest *st, struct zs_pool *pool)
{
	if (!st_pool_drains(pool))
		st_fail(st, "an empty pool holds %lu pages", zs_get_total_pages(pool));
	zs_destroy_pool(pool);
}

unsigned long st_pool_compacted(struct zs_pool *pool)
{
	struct zs_pool_stats stats = {};

	zs_pool_stats(pool, &stats);
	return (unsigned long)atomic_long_read(&stats.pages_compacted);
}

/* A shrinker may compact at the same time, so the statistics may count more than we were told. */
unsigned long st_pool_compact(struct selftest *st, struct zs_pool *pool)
{
	unsigned long before = st_pool_compacted(pool);
	unsigned long freed = zs_compact(pool);
	unsigned long counted = st_pool_compacted(pool) - before;

	if (counted < freed || counted > totalram_pages())
		st_fail(st, "zs_compact() says %lu pages, pages_compacted went up by %lu", freed, counted);
	return freed;
}

unsigned long st_nr_zspages(void)
{
	unsigned long nr = 0;
	int node, i;

	for (node = first_online_node; node < MAX_NUMNODES; node = next_online_node(node)) {
		for (i = 0; i < MAX_NR_ZONES; i++) {
			struct zone *zone = &NODE_DATA(node)->node_zones[i];

			if (populated_zone(zone))
				nr += zone_page_state_snapshot(zone, NR_ZSPAGES);
		}
	}
	return nr;
}

static unsigned long count_zspages(struct zs_pool *unused)
{
	return st_nr_zspages();
}

bool st_zspages_are_gone(void)
{
	return comes_down(count_zspages, NULL);
}
