/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Size classes: slots taken and put back, cells that go with them, and what the class notes of both.
 */
#include "class.h"

struct zs_class *zs_class_create(struct zs_memory *memory, struct zs_handle_table *handles, unsigned int id,
				 uint32_t slot_bytes, unsigned int flags)
{
	struct zs_class *class = zs_meta_alloc(&memory->meta, sizeof(*class), flags);

	if (!class)
		return NULL;
	zs_host_lock_init(&class->lock);
	class->id = id;
	class->memory = memory;
	class->handles = handles;
	class->lowest_index = ~0u;
	zs_layout_init(&class->layout, slot_bytes, memory->page_shift);
	return class;
}

void zs_class_destroy(struct zs_class *class)
{
	struct zs_meta *meta = &class->memory->meta;

	zs_zspage_index_release(&class->zspages, meta);
	zs_buffer_destroy_list(class->memory, class->spare_buffer);
	zs_meta_free(meta, class, sizeof(*class));
}

bool zs_class_release_buffer(struct zs_class *class)
{
	struct zs_buffer *buffer;

	zs_host_lock(&class->lock);
	buffer = class->spare_buffer;
	class->spare_buffer = NULL;
	zs_host_unlock(&class->lock);
	zs_buffer_destroy_list(class->memory, buffer);
	return buffer;
}

/* ---- what the class notes ---- */

uint8_t zs_class_marks(const struct zs_class *class, const struct zs_zspage *zspage)
{
	return (uint8_t)(zs_zspage_has_hole(zspage) << ZS_MARK_HOLE |
			 zs_zspage_has_room(zspage, &class->layout) << ZS_MARK_ROOM |
			 (zspage->empty != 0) << ZS_MARK_EMPTY);
}

/* What follows for the class when a zspage has got its first hole. */
static void gained_hole(struct zs_class *class, struct zs_zspage *zspage)
{
	zs_zspage_index_set(zspage, ZS_MARK_HOLE);
	if (zspage->index < class->lowest_index)
		zs_class_set_lowest(class, zspage);
}

/* And when it has lost its last. */
static void lost_holes(struct zs_class *class, struct zs_zspage *zspage)
{
	zs_zspage_index_clear(zspage, ZS_MARK_HOLE);
	if (class->lowest == zspage)
		zs_class_set_lowest(class, zs_zspage_index_first(&class->zspages, ZS_MARK_HOLE));
}

static void set_mark(struct zs_zspage *zspage, enum zs_mark mark, bool on)
{
	if (on == (zspage->marks >> mark & 1))
		return;
	if (on)
		zs_zspage_index_set(zspage, mark);
	else
		zs_zspage_index_clear(zspage, mark);
}

void zs_class_note_empty(struct zs_class *class, struct zs_zspage *zspage, uint64_t before)
{
	long more = (long)zs_count_bits(zspage->empty) - (long)zs_count_bits(before);

	if (zspage->empty == before)
		return;
	zs_host_add_long(&class->memory->nr_empty, more);
	ZS_HOST_SHOW_MORE(class->nr_empty, more);
	set_mark(zspage, ZS_MARK_EMPTY, zspage->empty != 0);
}

void zs_class_note_pages(struct zs_class *class, struct zs_zspage *zspage, uint64_t empty_before)
{
	bool has_hole = zs_zspage_has_hole(zspage);

	zs_class_note_empty(class, zspage, empty_before);
	set_mark(zspage, ZS_MARK_ROOM, zs_zspage_has_room(zspage, &class->layout));
	if (has_hole == (zspage->marks >> ZS_MARK_HOLE & 1))
		return;
	if (has_hole)
		gained_hole(class, zspage);
	else
		lost_holes(class, zspage);
}

/* ---- cells ---- */

/* A slot's cell is the one of that index from now on; 0: none. */
static void set_owner(struct zs_class *class, struct zs_spot spot, uint32_t index)
{
	*zs_zspage_owner(spot.zspage, spot.slot) = index;
	if (index)
		zs_host_store32(&zs_handle_cell(class->handles, index)->place, zs_class_place(spot));
}

/* Gives a slot without a cell the class's next free one. Returns its index; 0: there is none. */
static uint32_t attach_cell(struct zs_class *class, struct zs_spot spot)
{
	uint32_t index = class->free_cell;
	struct zs_cell *cell;

	if (!index)
		return 0;
	cell = zs_handle_cell(class->handles, index);
	class->free_cell = zs_host_load32(&cell->place);
	set_owner(class, spot, index);
	return index;
}

/* Makes the cell of a free slot the class's next free one, if the slot has one. */
static void detach_cell(struct zs_class *class, struct zs_spot spot)
{
	uint32_t *owner = zs_zspage_owner(spot.zspage, spot.slot);

	if (!*owner)
		return;
	zs_host_store32(&zs_handle_cell(class->handles, *owner)->place, class->free_cell);
	class->free_cell = *owner;
	*owner = 0;
}

/* The slots that touch pages which go have no use for their cells. */
static void detach_cells(struct zs_class *class, struct zs_zspage *zspage, uint64_t pages)
{
	for (; pages; pages &= pages - 1) {
		unsigned int page = (unsigned int)__builtin_ctzll(pages);
		struct zs_spot spot = { .zspage = zspage, .slot = zs_layout_first_slot(&class->layout, page) };
		unsigned int last = zs_layout_last_slot(&class->layout, page);

		for (; spot.slot <= last; spot.slot++)
			detach_cell(class, spot);
	}
}

void zs_class_swap_cells(struct zs_class *class, struct zs_spot a, struct zs_spot b)
{
	uint32_t of_a = *zs_zspage_owner(a.zspage, a.slot);
	uint32_t of_b = *zs_zspage_owner(b.zspage, b.slot);

	set_owner(class, a, of_b);
	set_owner(class, b, of_a);
}

/* ---- slots ---- */

unsigned int zs_class_take_slot(struct zs_class *class, struct zs_zspage *zspage)
{
	uint64_t empty = zspage->empty;
	unsigned int slot = zs_zspage_take_slot(zspage, &class->layout);

	ZS_HOST_SHOW_MORE(class->nr_live, 1);
	if (!zs_zspage_has_hole(zspage))
		lost_holes(class, zspage);
	zs_class_note_empty(class, zspage, empty);
	return slot;
}

unsigned long zs_class_take(struct zs_class *class)
{
	struct zs_spot spot = { .zspage = class->lowest };
	struct zs_cell *cell;
	uint32_t index;

	if (!spot.zspage)
		return 0;
	spot.slot = zs_zspage_lowest_hole(spot.zspage);
	index = *zs_zspage_owner(spot.zspage, spot.slot);
	if (!index && !(index = attach_cell(class, spot)))
		return 0;
	zs_class_take_slot(class, spot.zspage);
	cell = zs_handle_cell(class->handles, index);
	return zs_handle_make(index, zs_host_fetch_sub32_release(&cell->state, ZS_CELL_FREE));
}

uint64_t zs_class_put_slot(struct zs_class *class, struct zs_spot spot)
{
	return zs_class_put_direct(class, spot) ? 0 : zs_class_put_rest(class, spot);
}

uint64_t zs_class_put_rest(struct zs_class *class, struct zs_spot spot)
{
	uint64_t empty = spot.zspage->empty;
	uint64_t emptied = zs_zspage_mark_emptied(spot.zspage, &class->layout, spot.slot);

	if (!(spot.zspage->marks >> ZS_MARK_HOLE & 1))
		gained_hole(class, spot.zspage);
	zs_class_note_empty(class, spot.zspage, empty);
	return emptied;
}

/* ---- zspages ---- */

struct zs_zspage *zs_class_create_zspage(struct zs_class *class, unsigned int flags)
{
	struct zs_zspage *zspage = zs_zspage_create(&class->memory->meta, &class->layout, flags);

#if ZS_HOST_TABLES
	if (zspage) {
		struct zs_record record = { .base = zspage->base,
					    .zspage = zspage,
					    .slot_bytes = class->layout.slot_bytes };

		if (!zs_records_add(&class->memory->records, &record, &zspage->place))
			return zspage;
		zs_zspage_destroy(&class->memory->meta, zspage, &class->layout);
		zspage = NULL;
	}
#endif
	return zspage;
}

void zs_class_destroy_zspage(struct zs_class *class, struct zs_zspage *zspage)
{
#if ZS_HOST_TABLES
	zs_records_remove(&class->memory->records, zspage->place);
#endif
	zs_zspage_destroy(&class->memory->meta, zspage, &class->layout);
}

static void unbind_pages(const struct zs_class *class, const struct zs_pages *pages)
{
	for (unsigned int i = 0; i < pages->nr; i++)
		zs_host_page_use(class->memory->source, pages->at[i], NULL, 0);
}

bool zs_class_take_out(struct zs_class *class, struct zs_zspage *zspage, uint64_t mask, struct zs_pages *pages)
{
	uint64_t empty = zspage->empty;

	pages->nr = zspage->base ? 0 : zs_count_bits(mask);
	detach_cells(class, zspage, mask);
	zs_zspage_depopulate(zspage, &class->layout, mask, pages->at);
	unbind_pages(class, pages);
	ZS_HOST_SHOW_MORE(class->nr_pages, -(long)zs_count_bits(mask));
	zs_class_note_pages(class, zspage, empty);
	if (!zs_zspage_is_bare(zspage))
		return false;
	zs_zspage_index_remove(&class->zspages, zspage);
	return true;
}

/* ---- figures ---- */

/* Fewest pages that hold nr_live objects. */
static unsigned long least_pages(const struct zs_class *class, unsigned long nr_live)
{
	const struct zs_layout *layout = &class->layout;
	unsigned long full = nr_live / layout->nr_slots;
	unsigned long rest = nr_live % layout->nr_slots;

	return full * layout->nr_pages +
	       ((rest * layout->slot_bytes + (1ul << layout->page_shift) - 1) >> layout->page_shift);
}

unsigned long zs_class_least_pages(const struct zs_class *class)
{
	return least_pages(class, class->nr_live);
}

unsigned long zs_class_slack_pages(const struct zs_class *class)
{
	unsigned long nr_pages = ZS_HOST_GLANCE(class->nr_pages);
	unsigned long least = least_pages(class, ZS_HOST_GLANCE(class->nr_live));

	return nr_pages > least ? nr_pages - least : 0;
}

unsigned long zs_class_loose_pages(const struct zs_class *class)
{
	unsigned long slack = zs_class_slack_pages(class), empty = ZS_HOST_GLANCE(class->nr_empty);

	return slack > empty ? slack - empty : 0;
}
