/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Growing, with what the supplies have.
 */
#include "growth.h"

/* What a class populates ahead: this share of its pages, but no more than so many. */
#define AHEAD_SHIFT 10
#define AHEAD_MAX_PAGES 3u

/* Whether a page may be added somewhere: a zspage's number must fit a place. */
static bool may_grow_more(const struct zs_class *class)
{
	return class->zspages.nr_zspages < 1u << (32u - ZS_PLACE_SLOT_BITS) ||
	       zs_zspage_index_first(&class->zspages, ZS_MARK_ROOM);
}

static struct zs_zspage *add_zspage(struct zs_class *class, struct zs_supplies *supplies, unsigned int nr_nodes)
{
	struct zs_zspage *zspage = supplies->zspage;

	supplies->nr_nodes -= nr_nodes;
	zs_zspage_index_insert(&class->zspages, zspage, &supplies->nodes);
#if !ZS_HOST_TABLES
	zspage->place = zspage->index << ZS_PLACE_SLOT_BITS;
#endif
	supplies->zspage = NULL;
	return zspage;
}

static void install_pieces(struct zs_class *class, struct zs_zspage *zspage, const struct zs_zspage_lack *lack,
			   struct zs_supplies *supplies)
{
	if (lack->short_piece) {
		zspage->words[0].owners = zs_supplies_take_short_piece(supplies);
		zspage->is_short = true;
	}
	for (uint32_t words = lack->pieces; words; words &= words - 1) {
		unsigned int word = (unsigned int)__builtin_ctz(words);
		uint32_t *piece = zs_supplies_take_piece(supplies, class, word);

		if (!word && zspage->is_short) {
			memcpy(piece, zspage->words[0].owners, ZS_SHORT_PIECE_BYTES);
			zs_supplies_add_outgrown(supplies, zspage->words[0].owners);
			zspage->is_short = false;
		}
		zspage->words[word].owners = piece;
	}
}

/* Scattered pages are told whom they serve, so that a host can ask for one. pages: as for zs_zspage_populate(). */
static void bind_pages(struct zs_class *class, const struct zs_zspage *zspage, uint64_t mask, void **pages)
{
	for (; mask; mask &= mask - 1)
		zs_host_page_use(class->memory->source, *pages++, class,
				 zs_page_place(zspage, (unsigned int)__builtin_ctzll(mask)));
}

/* Populates the pages of the lack with the last ones of the supplies. */
static void install_pages(struct zs_class *class, struct zs_zspage *zspage, uint64_t mask, struct zs_pages *pages)
{
	unsigned int nr = zs_count_bits(mask);
	uint64_t empty = zspage->empty;

	pages->nr -= nr;
	zs_zspage_populate(zspage, &class->layout, class->memory->source, mask,
			   class->memory->contiguous ? NULL : pages->at + pages->nr);
	if (!class->memory->contiguous)
		bind_pages(class, zspage, mask, pages->at + pages->nr);
	ZS_HOST_SHOW_MORE(class->nr_pages, nr);
	zs_class_note_pages(class, zspage, empty);
}

/* What growing takes: in the zspage that has room, or NULL for a new one. */
static struct zs_zspage_lack plan_growth(const struct zs_class *class, const struct zs_zspage *zspage,
					 unsigned int nr_ahead, struct zs_need *need)
{
	struct zs_zspage_lack lack = zs_zspage_lowest_lack(zspage, &class->layout, nr_ahead);

	need->nr_pages = zs_count_bits(lack.pages);
	need->short_piece = lack.short_piece;
	need->last_piece = lack.pieces >> (zs_zspage_words(&class->layout) - 1);
	need->nr_pieces = zs_count_bits(lack.pieces) - need->last_piece;
	need->zspage = !zspage;
	need->nr_nodes = zspage ? 0 : zs_zspage_index_nodes_needed(&class->zspages);
	return lack;
}

bool zs_growth_populate(struct zs_class *class, struct zs_supplies *supplies, unsigned int nr_ahead,
			struct zs_need *need)
{
	struct zs_zspage *zspage = zs_zspage_index_first(&class->zspages, ZS_MARK_ROOM);
	struct zs_zspage_lack lack = plan_growth(class, zspage, nr_ahead, need);

	if (!zs_supplies_suffice(supplies, need))
		return false;
	if (!zspage)
		zspage = add_zspage(class, supplies, need->nr_nodes);
	install_pieces(class, zspage, &lack, supplies);
	install_pages(class, zspage, lack.pages, &supplies->pages);
	class->nr_changes++;
	return true;
}

/*
 * A large class of a contiguous pool populates a few pages at once, which costs the system less than a fault for each
 * and leaves no more than 1/1024 of its pages waiting for objects.
 */
static unsigned int pages_ahead(const struct zs_class *class)
{
	unsigned long nr_pages = class->nr_pages >> AHEAD_SHIFT;

	if (!class->memory->contiguous)
		return 0;
	return nr_pages < AHEAD_MAX_PAGES ? (unsigned int)nr_pages : AHEAD_MAX_PAGES;
}

static void adopt_cells(struct zs_class *class, struct zs_supplies *supplies)
{
	if (class->free_cell)
		return;
	class->free_cell = supplies->first_cell;
	supplies->first_cell = 0;
}

/* Whether the next object finds a cell: its slot may have one, from the object that was there before. */
static bool has_cell(const struct zs_class *class)
{
	const struct zs_zspage *lowest = class->lowest;

	return class->free_cell || (lowest && *zs_zspage_owner(lowest, zs_zspage_lowest_hole(lowest)));
}

bool zs_growth_provide(struct zs_class *class, struct zs_supplies *supplies, bool may_grow, struct zs_need *need)
{
	bool has_hole = class->lowest != NULL;

	if (!has_hole && (!may_grow || !may_grow_more(class)))
		return false;
	adopt_cells(class, supplies);
	need->cells = !has_cell(class);
	/* Without a cell it only learns what else is lacking: no page is populated for nothing. */
	if (!has_hole)
		has_hole = zs_growth_populate(class, supplies, supplies->frugal ? 0 : pages_ahead(class), need);
	return has_hole && !need->cells;
}
