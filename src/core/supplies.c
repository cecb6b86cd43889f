/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Supplies: how they are brought, used up and given back.
 */
#include "supplies.h"

/* ---- pieces for owners ---- */

static unsigned int last_word(const struct zs_class *class)
{
	return zs_zspage_words(&class->layout) - 1;
}

/* pre: zeroes, but for what a piece that was outgrown holds; that one is not used again. */
static void push_piece(struct zs_spare_piece **pieces, void *block)
{
	struct zs_spare_piece *piece = block;

	piece->next = *pieces;
	*pieces = piece;
}

static void *pop_piece(struct zs_spare_piece **pieces)
{
	struct zs_spare_piece *piece = *pieces;

	*pieces = piece->next;
	piece->next = NULL; /* no slot has a cell yet */
	return piece;
}

void *zs_supplies_take_piece(struct zs_supplies *supplies, const struct zs_class *class, unsigned int word)
{
	void *piece = supplies->last_piece;

	if (word == last_word(class)) {
		supplies->last_piece = NULL;
		return piece;
	}
	supplies->nr_pieces--;
	return pop_piece(&supplies->pieces);
}

void *zs_supplies_take_short_piece(struct zs_supplies *supplies)
{
	return pop_piece(&supplies->short_pieces);
}

void zs_supplies_add_outgrown(struct zs_supplies *supplies, void *piece)
{
	push_piece(&supplies->short_pieces, piece);
}

/* ---- getting ---- */

static int get_zspage(struct zs_class *class, struct zs_supplies *supplies, unsigned int flags)
{
	if (!supplies->zspage)
		supplies->zspage = zs_class_create_zspage(class, flags);
	return supplies->zspage ? 0 : -ENOMEM;
}

static int get_nodes(struct zs_class *class, struct zs_supplies *supplies, unsigned int nr, unsigned int flags)
{
	while (supplies->nr_nodes < nr) {
		struct zs_index_node *node = zs_meta_alloc(&class->memory->meta, sizeof(*node), flags);

		if (!node)
			return -ENOMEM;
		node->parent = supplies->nodes;
		supplies->nodes = node;
		supplies->nr_nodes++;
	}
	return 0;
}

static int get_pieces(struct zs_class *class, struct zs_supplies *supplies, const struct zs_need *need,
		      unsigned int flags)
{
	struct zs_meta *meta = &class->memory->meta;
	void *piece;

	if (need->short_piece && !supplies->short_pieces) {
		piece = zs_meta_alloc(meta, ZS_SHORT_PIECE_BYTES, flags);
		if (!piece)
			return -ENOMEM;
		push_piece(&supplies->short_pieces, piece);
	}
	if (need->last_piece && !supplies->last_piece) {
		supplies->last_piece =
			zs_meta_alloc(meta, zs_zspage_piece_bytes(&class->layout, last_word(class)), flags);
		if (!supplies->last_piece)
			return -ENOMEM;
	}
	for (; supplies->nr_pieces < need->nr_pieces; supplies->nr_pieces++) {
		piece = zs_meta_alloc(meta, zs_zspage_piece_bytes(&class->layout, 0), flags);
		if (!piece)
			return -ENOMEM;
		push_piece(&supplies->pieces, piece);
	}
	return 0;
}

int zs_supplies_get(struct zs_supplies *supplies, struct zs_class *class, const struct zs_need *need,
		    unsigned int flags)
{
	int err = 0;

	if (need->cells && !supplies->first_cell)
		err = zs_handle_table_add_chunk(class->handles, class->id, flags, &supplies->first_cell);
	if (!err && need->zspage)
		err = get_zspage(class, supplies, flags);
	if (!err)
		err = get_nodes(class, supplies, need->nr_nodes, flags);
	if (!err)
		err = get_pieces(class, supplies, need, flags);
	if (!err)
		err = zs_memory_get_pages(class->memory, &supplies->pages, need->nr_pages, flags);
	return err;
}

bool zs_supplies_suffice(const struct zs_supplies *supplies, const struct zs_need *need)
{
	return supplies->pages.nr >= need->nr_pages && supplies->nr_pieces >= need->nr_pieces &&
	       supplies->nr_nodes >= need->nr_nodes && (supplies->last_piece || !need->last_piece) &&
	       (supplies->short_pieces || !need->short_piece) && (supplies->zspage || !need->zspage) && !need->cells;
}

/* ---- giving back ---- */

/* Cells cannot be given back to the table: the class keeps them for its next objects. */
static void keep_cells(struct zs_class *class, uint32_t first_cell)
{
	struct zs_cell *last;
	uint32_t next = first_cell;

	zs_host_lock(&class->lock);
	do {
		last = zs_handle_cell(class->handles, next);
		next = zs_host_load32(&last->place);
	} while (next);
	zs_host_store32(&last->place, class->free_cell);
	class->free_cell = first_cell;
	zs_host_unlock(&class->lock);
}

static void put_pieces(struct zs_meta *meta, struct zs_spare_piece *pieces, size_t bytes)
{
	while (pieces) {
		struct zs_spare_piece *piece = pieces;

		pieces = piece->next;
		zs_meta_free(meta, piece, bytes);
	}
}

void zs_supplies_put(struct zs_supplies *supplies, struct zs_class *class)
{
	struct zs_meta *meta = &class->memory->meta;

	if (supplies->first_cell)
		keep_cells(class, supplies->first_cell);
	if (supplies->zspage)
		zs_class_destroy_zspage(class, supplies->zspage);
	while (supplies->nodes) {
		struct zs_index_node *node = supplies->nodes;

		supplies->nodes = node->parent;
		zs_meta_free(meta, node, sizeof(*node));
	}
	put_pieces(meta, supplies->pieces, zs_zspage_piece_bytes(&class->layout, 0));
	put_pieces(meta, supplies->short_pieces, ZS_SHORT_PIECE_BYTES);
	zs_meta_free(meta, supplies->last_piece, zs_zspage_piece_bytes(&class->layout, last_word(class)));
	zs_memory_put_pages(class->memory, &supplies->pages);
}
