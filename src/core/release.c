/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Giving scattered pages back, and all pages at the end.
 */
#include "departure.h"
#include "release.h"

void zs_release_begin(struct zs_release *release, struct zs_class *class, struct zs_zspage *zspage, uint64_t mask)
{
	release->zspage = zspage;
	release->bare = zs_class_take_out(class, zspage, mask, &release->pages);
}

unsigned int zs_release_finish(struct zs_release *release, struct zs_class *class, struct zs_pages *keep,
			       unsigned int keep_max)
{
	unsigned int nr;

	/* A zspage that is not bare may be gone by now: others are free to take its last object. */
	if (keep)
		zs_memory_move_pages(class->memory, &release->pages, keep, keep_max);
	nr = release->pages.nr;
	zs_memory_put_pages(class->memory, &release->pages);
	if (release->bare)
		zs_class_destroy_zspage(class, release->zspage);
	return nr;
}

/* ---- the end ---- */

/* The objects of a pool that ends: their pages may go to others, but for those that the system clears. */
static void clear_objects(struct zs_class *class, struct zs_zspage *zspage)
{
	for (unsigned int slot = 0; slot < class->layout.nr_slots; slot++)
		if (zs_zspage_is_live(zspage, &class->layout, slot))
			zs_class_clear_slot(class, (struct zs_spot){ .zspage = zspage, .slot = slot });
}

/* Whatever lives in a zspage, from now on its pages are as good as empty. context: class locked. */
static void abandon(struct zs_class *class, struct zs_zspage *zspage)
{
	uint64_t empty = zspage->empty;

	if (class->memory->clears && !zspage->base)
		clear_objects(class, zspage);
	zspage->empty = zspage->present;
	zs_class_note_empty(class, zspage, empty);
}

/* Nobody uses the pool any more, but a host may still ask for a page of it: hence the lock. */
static void abandon_all(struct zs_class *class)
{
	for (uint32_t number = 0; number < class->zspages.end; number++) {
		struct zs_zspage *zspage;

		zs_host_lock(&class->lock);
		zspage = zs_zspage_index_find(&class->zspages, number);
		if (zspage)
			abandon(class, zspage);
		zs_host_unlock(&class->lock);
	}
}

static void release_scattered(struct zs_class *class, struct zs_zspage *zspage)
{
	struct zs_release release;

	zs_buffer_destroy_list(class->memory, *zs_zspage_buffers(zspage, &class->layout));
	do {
		zs_host_lock(&class->lock);
		zs_release_begin(&release, class, zspage, zs_lowest_bits(zspage->present, ZS_MAX_SLOT_PAGES));
		zs_host_unlock(&class->lock);
		zs_release_finish(&release, class, NULL, 0);
	} while (!release.bare);
}

void zs_release_all(struct zs_class *class)
{
	abandon_all(class);
	while (class->zspages.nr_zspages)
		if (class->memory->contiguous)
			zs_departure_some(class, ZS_DEPARTURE_MAX_PAGES, NULL, 0);
		else
			release_scattered(class, zs_zspage_index_find(&class->zspages, class->zspages.end - 1));
}
