/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Verification, class by class under the class's lock.
 */
#include "pool.h"
#include "verify.h"

/* Sums over the zspages of a class, to be compared with its counts. */
struct tally {
	unsigned long nr_live;
	unsigned long nr_pages;
	unsigned long nr_zspages;
};

/* The cell of a live slot must be live, of this class, and name this slot. */
static const char *check_owner(const struct zs_class *class, struct zs_spot spot)
{
	uint32_t index = *zs_zspage_owner(spot.zspage, &class->layout, spot.slot);
	union zs_leaf *leaf = zs_handle_leaf(class->handles, index);
	unsigned int in_leaf = index & (ZS_LEAF_CELLS - 1);

	if (!leaf || in_leaf < ZS_LEAF_HEADER_CELLS)
		return "a slot's owner is no cell";
	if (zs_host_load16(&leaf->owner[in_leaf >> ZS_CHUNK_SHIFT]) != class->id + 1)
		return "a slot's owner is a cell of another class";
	if (!(zs_host_load32(&leaf->cells[in_leaf].state) & ZS_CELL_LIVE))
		return "a live slot's cell is free";
	if (zs_host_load32(&leaf->cells[in_leaf].state) & ZS_CELL_MOVING)
		return "a cell is being moved by nobody";
	if (zs_host_load32(&leaf->cells[in_leaf].place) != zs_class_place(class, spot))
		return "a live slot's cell names another slot";
	return NULL;
}

/* Each slot is live, a hole or unpopulated, as the pages say; page_live is recounted. */
static const char *check_slots(const struct zs_class *class, struct zs_zspage *zspage, uint16_t *page_live)
{
	const struct zs_layout *layout = &class->layout;
	unsigned int nr_live = 0;

	for (unsigned int slot = 0; slot < layout->nr_slots; slot++) {
		bool populated = !(zs_layout_slot_pages(layout, slot) & ~zspage->present);
		const char *damage;

		if (!populated && zs_zspage_is_hole(zspage, slot))
			return "a hole lacks a page";
		if (!zs_zspage_is_live(zspage, layout, slot))
			continue;
		nr_live++;
		if (!zs_zspage_owner_pieces(zspage, layout)[slot / 64])
			return "a live slot has no owner";
		for (unsigned int p = zs_layout_first_page(layout, slot); p <= zs_layout_last_page(layout, slot); p++)
			page_live[p]++;
		damage = check_owner(class, (struct zs_spot){ .zspage = zspage, .slot = slot });
		if (damage)
			return damage;
	}
	return nr_live == zspage->nr_live ? NULL : "a zspage's live count is wrong";
}

static const char *check_words(const struct zs_class *class, const struct zs_zspage *zspage)
{
	for (unsigned int word = 0; word < zs_zspage_words(&class->layout); word++)
		if ((zspage->hole_words >> word & 1) != (zspage->holes[word] != 0))
			return "a zspage's summary of holes is wrong";
	return NULL;
}

static const char *check_pages(const struct zs_class *class, struct zs_zspage *zspage, const uint16_t *page_live)
{
	const struct zs_layout *layout = &class->layout;

	if ((zspage->present | zspage->returning) & ~zs_zspage_all_pages(layout))
		return "a zspage has a page beyond its last";
	if (zspage->present & zspage->returning)
		return "a page is present and on its way back";
	for (unsigned int page = 0; page < layout->nr_pages; page++) {
		bool present = zspage->present >> page & 1;

		if (page_live[page] != zs_zspage_page_live(zspage, layout)[page])
			return "a page's live count is wrong";
		if ((zspage->empty >> page & 1) != (present && !page_live[page]))
			return "a page's empty mark is wrong";
		if (present && !zspage->base && !zs_zspage_pages(zspage, layout)[page])
			return "a present page has no memory";
	}
	return NULL;
}

static const char *check_zspage(const struct zs_class *class, struct zs_zspage *zspage, uint32_t number)
{
	uint16_t page_live[ZS_MAX_CHAIN] = { 0 };
	const char *damage;

	if (zspage->index != number)
		return "a zspage stands at another number than its own";
	if (zs_zspage_is_bare(zspage))
		return "a zspage without pages was kept";
	damage = check_words(class, zspage);
	if (!damage)
		damage = check_slots(class, zspage, page_live);
	if (!damage)
		damage = check_pages(class, zspage, page_live);
	if (!damage && zspage->marks != zs_class_marks(class, zspage))
		damage = "a zspage's marks are wrong";
	return damage;
}

static const char *check_zspages(const struct zs_class *class, struct tally *tally)
{
	const char *damage = zs_zspage_index_is_sound(&class->zspages) ? NULL : "a node's marks are wrong";

	for (uint32_t number = 0; number < class->zspages.end && !damage; number++) {
		struct zs_zspage *zspage = zs_zspage_index_find(&class->zspages, number);

		if (!zspage)
			continue;
		damage = check_zspage(class, zspage, number);
		tally->nr_live += zspage->nr_live;
		tally->nr_pages += zs_count_bits(zspage->present);
		tally->nr_zspages++;
	}
	return damage;
}

/* The list of free cells: each of this class and not live. A list longer than all cells can be is a ring. */
static const char *check_free_cells(const struct zs_class *class)
{
	uint32_t left = zs_host_load32(&class->handles->next_chunk) << ZS_CHUNK_SHIFT;
	uint32_t index = class->free_cell;

	for (; index && left; left--) {
		union zs_leaf *leaf = zs_handle_leaf(class->handles, index);
		unsigned int in_leaf = index & (ZS_LEAF_CELLS - 1);

		if (!leaf || in_leaf < ZS_LEAF_HEADER_CELLS)
			return "the list of free cells leads nowhere";
		if (zs_host_load16(&leaf->owner[in_leaf >> ZS_CHUNK_SHIFT]) != class->id + 1)
			return "a free cell belongs to another class";
		if (zs_host_load32(&leaf->cells[in_leaf].state) & ZS_CELL_LIVE)
			return "a cell in the list of free ones is live";
		index = zs_host_load32(&leaf->cells[in_leaf].place);
	}
	return index ? "the list of free cells is a ring" : NULL;
}

static const char *check_class(struct zs_class *class)
{
	struct tally tally = { .nr_live = 0 };
	const char *damage;

	zs_host_lock(&class->lock);
	damage = check_zspages(class, &tally);
	if (!damage && (tally.nr_live != class->nr_live || tally.nr_pages != class->nr_pages ||
			tally.nr_zspages != class->zspages.nr_zspages))
		damage = "a class's counts are wrong";
	if (!damage && class->lowest != zs_zspage_index_first(&class->zspages, ZS_MARK_HOLE))
		damage = "a class's lowest zspage with a hole is another";
	if (!damage)
		damage = check_free_cells(class);
	zs_host_unlock(&class->lock);
	return damage;
}

int zs_pool_check(struct zs_pool *pool)
{
	for (unsigned int id = 0; id < pool->nr_classes; id++) {
		struct zs_class *class = zs_pool_class(pool, id);
		const char *damage = class ? check_class(class) : NULL;

		if (!damage)
			continue;
		pool->on_error(pool->ctx, EIO, damage);
		return -EIO;
	}
	return 0;
}
