/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Pages from and to the source, with the footprint charged first and uncharged last.
 */
#include "memory.h"

static unsigned long blocks_of(const struct zs_memory *memory, unsigned int nr_pages)
{
	return (unsigned long)nr_pages << (memory->page_shift - ZS_META_UNIT_SHIFT);
}

static int get_one(struct zs_memory *memory, struct zs_pages *pages, unsigned int flags)
{
	if (memory->contiguous)
		return zs_host_span_reserve(memory->source, 1, flags);
	pages->at[pages->nr] = zs_host_page_get(memory->source, flags);
	return pages->at[pages->nr] ? 0 : -ENOMEM;
}

int zs_memory_get_pages(struct zs_memory *memory, struct zs_pages *pages, unsigned int nr, unsigned int flags)
{
	while (pages->nr < nr) {
		if (!zs_footprint_charge(&memory->footprint, blocks_of(memory, 1)))
			return -ENOMEM;
		if (get_one(memory, pages, flags)) {
			zs_footprint_uncharge(&memory->footprint, blocks_of(memory, 1));
			return -ENOMEM;
		}
		zs_host_add_long(&memory->nr_pages, 1);
		pages->nr++;
	}
	return 0;
}

void zs_memory_move_pages(const struct zs_memory *memory, struct zs_pages *from, struct zs_pages *to, unsigned int max)
{
	while (from->nr && to->nr < max) {
		from->nr--;
		if (!memory->contiguous)
			to->at[to->nr] = from->at[from->nr];
		to->nr++;
	}
}

void zs_memory_put_pages(struct zs_memory *memory, struct zs_pages *pages)
{
	unsigned int nr = pages->nr;

	if (!nr)
		return;
	if (memory->contiguous)
		zs_host_span_unreserve(memory->source, nr);
	else
		for (unsigned int i = 0; i < nr; i++)
			zs_host_page_put(memory->source, pages->at[i]);
	pages->nr = 0;
	zs_host_add_long(&memory->nr_pages, -(long)nr);
	zs_footprint_uncharge(&memory->footprint, blocks_of(memory, nr));
}
