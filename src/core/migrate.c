/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Replacing a page under its objects.
 */
#include "migrate.h"

/* A page where it is used. */
struct seat {
	struct zs_zspage *zspage;
	unsigned int page;
	void *at; /* the page there */
};

static struct seat find_seat(const struct zs_class *class, void *page, unsigned long place)
{
	struct seat seat = {
		.zspage = zs_zspage_index_find(&class->zspages, (uint32_t)(place >> ZS_PAGE_PLACE_SHIFT)),
		.page = place & (ZS_MAX_CHAIN - 1),
		.at = page,
	};

	return seat;
}

static struct zs_cell *cell_in(const struct zs_class *class, struct seat seat, unsigned int slot)
{
	return zs_class_cell(class, (struct zs_spot){ .zspage = seat.zspage, .slot = slot });
}

/* Lets go of the page's objects in slots below end. */
static void end_moves(const struct zs_class *class, struct seat seat, unsigned int end)
{
	for (unsigned int slot = zs_layout_first_slot(&class->layout, seat.page); slot < end; slot++)
		if (zs_zspage_is_live(seat.zspage, &class->layout, slot))
			zs_cell_end_move(cell_in(class, seat, slot));
}

/* Marks all objects that touch the page as being moved, or none if one of them is pinned. */
static bool begin_moves(const struct zs_class *class, struct seat seat)
{
	unsigned int last = zs_layout_last_slot(&class->layout, seat.page);

	for (unsigned int slot = zs_layout_first_slot(&class->layout, seat.page); slot <= last; slot++) {
		if (!zs_zspage_is_live(seat.zspage, &class->layout, slot) ||
		    zs_cell_begin_move(cell_in(class, seat, slot)))
			continue;
		end_moves(class, seat, slot);
		return false;
	}
	return true;
}

static void copy_contents(void *to_page, void *from_page, size_t bytes)
{
	void *to = zs_host_page_open(to_page);
	void *from = zs_host_page_open(from_page);

	memcpy(to, from, bytes);
	zs_host_page_close(from);
	zs_host_page_close(to);
}

static void clear_contents(void *page, size_t bytes)
{
	void *address = zs_host_page_open(page);

	memset(address, 0, bytes);
	zs_host_page_close(address);
}

static void replace(struct zs_class *class, struct seat seat, void *new_page, unsigned long place)
{
	struct zs_source *source = class->memory->source;
	size_t bytes = (size_t)1 << class->layout.page_shift;

	copy_contents(new_page, seat.at, bytes);
	if (class->memory->clears)
		clear_contents(seat.at, bytes);
	zs_zspage_pages(seat.zspage, &class->layout)[seat.page] = new_page;
	zs_host_page_use(source, new_page, class, place);
	zs_host_page_use(source, seat.at, NULL, 0);
}

int zs_class_replace_page(struct zs_class *class, void *old_page, void *new_page)
{
	unsigned long place;
	int err = -EAGAIN;

	zs_host_lock(&class->lock);
	if (zs_host_page_is_used(class->memory->source, old_page, class, &place)) {
		struct seat seat = find_seat(class, old_page, place);

		if (begin_moves(class, seat)) {
			replace(class, seat, new_page, place);
			end_moves(class, seat, zs_layout_last_slot(&class->layout, seat.page) + 1);
			err = 0;
		}
	}
	zs_host_unlock(&class->lock);
	return err;
}
