/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Verification, class by class under the class's lock.
 */
#include "pool.h"
#include "stashes.h"
#include "verify.h"

/* Sums over the zspages of a class, to be compared with its counts. */
struct tally {
	const struct zs_pool *pool;
	unsigned long nr_live;
	unsigned long nr_loose; /* of them, without an object and on no shelf */
	unsigned long nr_pages;
	unsigned long nr_zspages;
	unsigned long nr_empty;
};

/*
 * How many of a class's cells can be on the way to a shelf or from there to their slots. It is generous: each thread
 * has one or some for a moment, but the walk takes longer than that.
 */
static unsigned long most_loose(const struct zs_class *class)
{
	return class->handles->is_plain || class->memory->clears ? 0 : (ZS_HOST_THREADS - 1) * ZS_STASH_CELLS;
}

/*
 * The cell of a slot must be of this class, name this slot, and live if the slot does; but for those that are stashed.
 * A hole may do without.
 */
static const char *check_owner(const struct zs_class *class, struct zs_spot spot, bool is_live, struct tally *tally)
{
	uint32_t index = *zs_zspage_owner(spot.zspage, spot.slot);
	const struct zs_cell *cell;
	uint32_t state;

	if (!index && !is_live)
		return NULL;
	if (index < ZS_FIRST_CELL || !zs_handle_exists(class->handles, index))
		return "a slot's owner is no cell";
	cell = zs_handle_cell(class->handles, index);
	if (zs_handle_owner(class->handles, index) != class->id)
		return "a slot's owner is a cell of another class";
	state = zs_host_load32(&cell->state);
	tally->nr_loose += is_live && state & ZS_CELL_FREE && !zs_stashes_have(tally->pool, class->id, index);
	if ((!is_live && !(state & ZS_CELL_FREE)) || tally->nr_loose > most_loose(class))
		return "a slot and its cell do not agree that it is live";
	if (state & ZS_CELL_MOVING)
		return "a cell is being moved by nobody";
	if (zs_host_load32(&cell->place) != zs_class_place(spot))
		return "a slot's cell names another slot";
	return NULL;
}

/* An unpopulated slot has no cell. */
static const char *check_unpopulated(struct zs_spot spot)
{
	if (zs_zspage_is_hole(spot.zspage, spot.slot))
		return "a hole lacks a page";
	if (zs_zspage_has_owner(spot.zspage, spot.slot) && *zs_zspage_owner(spot.zspage, spot.slot))
		return "a slot without pages has a cell";
	return NULL;
}

static const char *check_slot(const struct zs_class *class, struct zs_spot spot, struct tally *tally)
{
	if (zs_layout_slot_pages(&class->layout, spot.slot) & ~spot.zspage->present)
		return check_unpopulated(spot);
	if (!zs_zspage_has_owner(spot.zspage, spot.slot))
		return "a slot has no owner";
	return check_owner(class, spot, !zs_zspage_is_hole(spot.zspage, spot.slot), tally);
}

/* Each slot is live, a hole or unpopulated, as the pages say; touched gets the pages that live ones touch. */
static const char *check_slots(const struct zs_class *class, struct zs_zspage *zspage, struct tally *tally,
			       uint64_t *touched)
{
	const struct zs_layout *layout = &class->layout;

	for (unsigned int slot = 0; slot < layout->nr_slots; slot++) {
		const char *damage = check_slot(class, (struct zs_spot){ .zspage = zspage, .slot = slot }, tally);

		if (damage)
			return damage;
		if (!zs_zspage_is_live(zspage, layout, slot))
			continue;
		tally->nr_live++;
		*touched |= zs_layout_slot_pages(layout, slot);
	}
	return NULL;
}

static const char *check_words(const struct zs_class *class, const struct zs_zspage *zspage)
{
	for (unsigned int word = 0; word < zs_zspage_words(&class->layout); word++)
		if ((zspage->hole_words >> word & 1) != (zspage->words[word].holes != 0))
			return "a zspage's summary of holes is wrong";
	return NULL;
}

/* The slots that have their pages and whose next one has, from the first on. */
static const char *check_flanked(const struct zs_class *class, const struct zs_zspage *zspage)
{
	const struct zs_layout *layout = &class->layout;
	unsigned int nr = 0;

	while (nr < layout->nr_slots && !(zs_layout_slot_pages(layout, nr) & ~zspage->present))
		nr++;
	if (layout->slot_bytes >= 1u << layout->page_shift)
		nr = 0;
	return zspage->nr_flanked == (nr ? nr - 1 : 0) ? NULL : "a zspage's count of flanked slots is wrong";
}

static const char *check_pages(const struct zs_class *class, struct zs_zspage *zspage, uint64_t touched)
{
	const struct zs_layout *layout = &class->layout;

	if ((zspage->present | zspage->returning) & ~zs_layout_all_pages(layout))
		return "a zspage has a page beyond its last";
	if (zspage->present & zspage->returning)
		return "a page is present and on its way back";
	if (zspage->empty != (zspage->present & ~touched))
		return "a page's empty mark is wrong";
	for (unsigned int page = 0; page < layout->nr_pages; page++)
		if ((zspage->present >> page & 1) && !zspage->base && !zs_zspage_pages(zspage, layout)[page])
			return "a present page has no memory";
	return NULL;
}

static const char *check_zspage(const struct zs_class *class, struct zs_zspage *zspage, uint32_t number,
				struct tally *tally)
{
	const char *damage;
	uint64_t touched = 0;

	if (zspage->index != number)
		return "a zspage stands at another number than its own";
	if (zs_zspage_is_bare(zspage))
		return "a zspage without pages was kept";
	damage = check_words(class, zspage);
	if (!damage)
		damage = check_slots(class, zspage, tally, &touched);
	if (!damage)
		damage = check_pages(class, zspage, touched);
	if (!damage)
		damage = check_flanked(class, zspage);
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
		damage = check_zspage(class, zspage, number, tally);
		tally->nr_pages += zs_count_bits(zspage->present);
		tally->nr_zspages++;
		tally->nr_empty += zs_count_bits(zspage->empty);
	}
	return damage;
}

/* The list of free cells: each of this class and not live. A list longer than all cells can be is a ring. */
static const char *check_free_cells(const struct zs_class *class)
{
	unsigned long left = zs_host_load_long(&class->handles->end);
	uint32_t index = class->free_cell;

	for (; index && left; left--) {
		const struct zs_cell *cell;

		if (index < ZS_FIRST_CELL || !zs_handle_exists(class->handles, index))
			return "the list of free cells leads nowhere";
		cell = zs_handle_cell(class->handles, index);
		if (zs_handle_owner(class->handles, index) != class->id)
			return "a free cell belongs to another class";
		if (!(zs_host_load32(&cell->state) & ZS_CELL_FREE))
			return "a cell in the list of free ones is live";
		index = zs_host_load32(&cell->place);
	}
	return index ? "the list of free cells is a ring" : NULL;
}

static const char *check_class(const struct zs_pool *pool, struct zs_class *class)
{
	struct tally tally = { .pool = pool };
	const char *damage;

	zs_host_lock(&class->lock);
	damage = check_zspages(class, &tally);
	if (!damage && (tally.nr_live != class->nr_live || tally.nr_pages != class->nr_pages ||
			tally.nr_zspages != class->zspages.nr_zspages || tally.nr_empty != class->nr_empty))
		damage = "a class's counts are wrong";
	if (!damage && class->lowest != zs_zspage_index_first(&class->zspages, ZS_MARK_HOLE))
		damage = "a class's lowest zspage with a hole is another";
	if (!damage && class->lowest_index != (class->lowest ? class->lowest->index : ~0u))
		damage = "a class's lowest zspage has another number";
	if (!damage)
		damage = check_free_cells(class);
	zs_host_unlock(&class->lock);
	return damage;
}

int zs_pool_check(struct zs_pool *pool)
{
	for (unsigned int id = 0; id < pool->nr_classes; id++) {
		struct zs_class *class = zs_pool_class(pool, id);
		const char *damage = class ? check_class(pool, class) : NULL;

		if (!damage)
			continue;
		pool->on_error(pool->ctx, EIO, damage);
		return -EIO;
	}
	return 0;
}
