/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Statistics, gathered class by class.
 */
#include "stashes.h"
#include "stats.h"

static void add_zspage(const struct zs_class *class, const struct zs_zspage *zspage, struct zs_class_stats *stats)
{
	unsigned int nr_holes = zs_zspage_nr_holes(zspage, &class->layout);
	unsigned int nr_live = zs_zspage_nr_live(zspage, &class->layout);

	stats->holes += nr_holes;
	if (nr_holes && nr_live > 3 * nr_holes)
		stats->almost_full++;
	else if (nr_holes)
		stats->almost_empty++;
}

static void add_zspages(const struct zs_class *class, struct zs_class_stats *stats)
{
	for (uint32_t number = 0; number < class->zspages.end; number++) {
		const struct zs_zspage *zspage = zs_zspage_index_find(&class->zspages, number);

		if (zspage)
			add_zspage(class, zspage, stats);
	}
}

/* What is not pages. The two are not read at once: while the pool shrinks the difference may come out too small. */
static uint64_t metadata_bytes(const struct zs_pool *pool, uint64_t pages_bytes)
{
	uint64_t total_bytes = zs_pool_total_bytes(pool);

	return total_bytes > pages_bytes ? total_bytes - pages_bytes : 0;
}

void zs_pool_totals(struct zs_pool *pool, struct zs_totals *totals)
{
	memset(totals, 0, sizeof(*totals));
	zs_stashes_clear(pool);
	for (unsigned int id = 0; id < pool->nr_classes; id++) {
		struct zs_class *class = zs_pool_class(pool, id);

		if (!class)
			continue;
		zs_host_lock(&class->lock);
		totals->objects += class->nr_live;
		totals->slot_bytes += (uint64_t) class->nr_live * class->layout.slot_bytes;
		totals->objects_moved += class->nr_moved;
		totals->bytes_moved += (uint64_t) class->nr_moved * class->layout.slot_bytes;
		zs_host_unlock(&class->lock);
	}
	totals->pages = zs_pool_total_pages(pool);
	totals->metadata_bytes = metadata_bytes(pool, totals->pages << pool->memory.page_shift);
	totals->pages_compacted = zs_host_load_long(&pool->pages_compacted);
	totals->failed_allocs = zs_host_load_long(&pool->failed_allocs);
	totals->bad_handles = zs_host_load_long(&pool->bad_handles);
}

void zs_pool_class_stats(struct zs_pool *pool, unsigned int index, struct zs_class_stats *stats)
{
	struct zs_class *class = zs_pool_class(pool, index);
	struct zs_layout layout;

	memset(stats, 0, sizeof(*stats));
	zs_layout_init(&layout, zs_size_class_bytes(index), pool->memory.page_shift);
	stats->size_bytes = layout.slot_bytes;
	stats->chain_pages = layout.nr_pages;
	stats->chain_slots = layout.nr_slots;
	if (!class)
		return;
	zs_stashes_clear_shelves(pool, index);
	zs_host_lock(&class->lock);
	stats->objects = class->nr_live;
	add_zspages(class, stats);
	stats->zspages = class->zspages.nr_zspages;
	stats->pages = class->nr_pages;
	stats->freeable_pages = zs_class_slack_pages(class);
	zs_host_unlock(&class->lock);
}

unsigned int zs_pool_nr_classes(const struct zs_pool *pool)
{
	return pool->nr_classes;
}
