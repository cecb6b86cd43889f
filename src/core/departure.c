/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Giving contiguous pages back.
 */
#include "departure.h"

void zs_departure_add(struct zs_departure *departure, struct zs_class *class, unsigned int max_pages)
{
	struct zs_zspage *zspage;
	struct zs_pages none;
	uint64_t mask;

	/* Only contiguous zspages keep empty pages. */
	if (!class->memory->contiguous)
		return;
	zs_host_lock(&class->lock);
	while (departure->pages.nr < max_pages && departure->nr_ranges < ZS_HOST_RANGES &&
	       (zspage = zs_zspage_index_first(&class->zspages, ZS_MARK_EMPTY))) {
		mask = zs_lowest_bits(zspage->empty, max_pages - departure->pages.nr);
		departure->nr_ranges +=
			zs_zspage_ranges(zspage, &class->layout, &mask, departure->ranges + departure->nr_ranges,
					 ZS_HOST_RANGES - departure->nr_ranges);
		departure->pages.nr += zs_count_bits(mask);
		departure->parts[departure->nr_parts++] = (struct zs_departing){ class, zspage, mask };
		zs_class_take_out(class, zspage, mask, &none);
	}
	zs_host_unlock(&class->lock);
}

/* The pages of one zspage have gone: it may have them again. Without any page it goes too. */
static void end_departing(const struct zs_departing *part)
{
	struct zs_class *class = part->class;
	struct zs_zspage *zspage = part->zspage;
	bool bare;

	zs_host_lock(&class->lock);
	zspage->returning &= ~part->mask;
	bare = zs_zspage_is_bare(zspage);
	if (bare)
		zs_zspage_index_remove(&class->zspages, zspage);
	else
		zs_class_note_pages(class, zspage, zspage->empty);
	zs_host_unlock(&class->lock);
	if (bare)
		zs_class_destroy_zspage(class, zspage);
}

unsigned int zs_departure_finish(struct zs_departure *departure, struct zs_memory *memory, struct zs_pages *keep,
				 unsigned int keep_max)
{
	unsigned int nr;

	if (!departure->pages.nr)
		return 0;
	zs_host_spans_return(memory->source, departure->ranges, departure->nr_ranges);
	for (unsigned int i = 0; i < departure->nr_parts; i++)
		end_departing(&departure->parts[i]);
	if (keep)
		zs_memory_move_pages(memory, &departure->pages, keep, keep_max);
	nr = departure->pages.nr;
	zs_memory_put_pages(memory, &departure->pages);
	return nr;
}

unsigned int zs_departure_some(struct zs_class *class, unsigned int max_pages, struct zs_pages *keep,
			       unsigned int keep_max)
{
	struct zs_departure departure;

	zs_departure_init(&departure);
	zs_departure_add(&departure, class, max_pages);
	return zs_departure_finish(&departure, class->memory, keep, keep_max);
}
