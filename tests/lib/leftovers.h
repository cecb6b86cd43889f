/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What is left in a pool's memory where no object is. For pools on the simulated host, whose fresh pages hold one byte.
 */
#ifndef TESTS_LEFTOVERS_H
#define TESTS_LEFTOVERS_H

#include "pool.h"

#define LEFTOVERS_FRESH 0xa5     /* of the simulated host's pages */
#define LEFTOVERS_OPS_FRESH 0xc3 /* of pages.c */

/* Bytes that were neither cleared nor never used. */
static inline unsigned long leftovers_in(const unsigned char *at, size_t len)
{
	unsigned long nr = 0;

	for (size_t i = 0; i < len; i++)
		nr += at[i] && at[i] != LEFTOVERS_FRESH && at[i] != LEFTOVERS_OPS_FRESH;
	return nr;
}

static inline unsigned long leftovers_in_page(struct zs_zspage *zspage, const struct zs_layout *layout, uint32_t offset,
					      uint32_t len)
{
	uint32_t page = offset >> layout->page_shift, in_page = offset & ((1u << layout->page_shift) - 1);
	unsigned long nr;
	unsigned char *at;

	if (!(zspage->present >> page & 1))
		return 0;
	if (zspage->base)
		return leftovers_in((unsigned char *)zspage->base + offset, len);
	at = zs_host_page_open(zs_zspage_pages(zspage, layout)[page]);
	nr = leftovers_in(at + in_page, len);
	zs_host_page_close(at);
	return nr;
}

/* Of a slot that is not live, on those of its pages that are present. */
static inline unsigned long leftovers_in_slot(struct zs_zspage *zspage, const struct zs_layout *layout,
					      unsigned int slot)
{
	uint32_t offset = zs_layout_offset(layout, slot), end = offset + layout->slot_bytes;
	unsigned long nr = 0;

	while (offset < end) {
		uint32_t page_end = ((offset >> layout->page_shift) + 1) << layout->page_shift;
		uint32_t part_end = page_end < end ? page_end : end;

		nr += leftovers_in_page(zspage, layout, offset, part_end - offset);
		offset = part_end;
	}
	return nr;
}

static inline unsigned long leftovers_in_zspage(struct zs_zspage *zspage, const struct zs_layout *layout)
{
	unsigned long nr = 0;

	for (unsigned int slot = 0; slot < layout->nr_slots; slot++)
		if (!zs_zspage_is_live(zspage, layout, slot))
			nr += leftovers_in_slot(zspage, layout, slot);
	return nr;
}

static inline unsigned long leftovers_in_class(struct zs_class *class)
{
	unsigned long nr = 0;

	zs_host_lock(&class->lock);
	for (uint32_t number = 0; number < class->zspages.end; number++) {
		struct zs_zspage *zspage = zs_zspage_index_find(&class->zspages, number);

		nr += zspage ? leftovers_in_zspage(zspage, &class->layout) : 0;
	}
	if (class->spare_buffer)
		nr += leftovers_in(class->spare_buffer->data, class->spare_buffer->size_bytes);
	zs_host_unlock(&class->lock);
	return nr;
}

/* In holes, beside objects on their pages, and in the buffers that are kept. */
static inline unsigned long leftovers_in_pool(struct zs_pool *pool)
{
	unsigned long nr = 0;

	for (unsigned int id = 0; id < pool->nr_classes; id++)
		nr += zs_pool_class(pool, id) ? leftovers_in_class(zs_pool_class(pool, id)) : 0;
	return nr;
}

#endif
