/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Supplies: what a class uses up to grow, brought from outside of its lock.
 *
 * An attempt that lacks something says what it needs; the caller unlocks, gets it, and tries again. What was not used
 * in the end goes back.
 */
#ifndef ZS_CORE_SUPPLIES_H
#define ZS_CORE_SUPPLIES_H

#include "class.h"

/* An owner piece while it is not in a zspage. */
struct zs_spare_piece {
	struct zs_spare_piece *next;
};

struct zs_supplies {
	struct zs_pages pages;
	struct zs_zspage *zspage;
	struct zs_index_node *nodes;
	struct zs_spare_piece *pieces;       /* of whole words */
	struct zs_spare_piece *short_pieces; /* of zspages that begin, or have outgrown it */
	void *last_piece;                    /* of a zspage's last word */
	uint32_t first_cell;                 /* of a chunk */
	bool frugal;                         /* memory is short: nothing is asked for ahead */
	unsigned int nr_nodes;
	unsigned int nr_pieces;
};

/* What an attempt found lacking: the amounts the supplies should be brought up to. */
struct zs_need {
	unsigned int nr_pages;
	unsigned int nr_nodes;
	unsigned int nr_pieces;
	bool last_piece;
	bool short_piece;
	bool zspage;
	bool cells;
};

static inline void zs_supplies_init(struct zs_supplies *supplies)
{
	supplies->pages.nr = 0;
	supplies->zspage = NULL;
	supplies->nodes = NULL;
	supplies->pieces = NULL;
	supplies->short_pieces = NULL;
	supplies->last_piece = NULL;
	supplies->first_cell = 0;
	supplies->frugal = false;
	supplies->nr_nodes = 0;
	supplies->nr_pieces = 0;
}

/* Brings supplies up to what is needed. Result: 0 or -ENOMEM, with what was had kept. context: no lock. */
int zs_supplies_get(struct zs_supplies *supplies, struct zs_class *class, const struct zs_need *need,
		    unsigned int flags);

/* Gives back what is left; cells stay with the class. context: no lock. */
void zs_supplies_put(struct zs_supplies *supplies, struct zs_class *class);

/* Whether they have what is needed. */
bool zs_supplies_suffice(const struct zs_supplies *supplies, const struct zs_need *need);

/* The piece for the owners of a word; a short one. pre: there is one. */
void *zs_supplies_take_piece(struct zs_supplies *supplies, const struct zs_class *class, unsigned int word);
void *zs_supplies_take_short_piece(struct zs_supplies *supplies);

/* A short piece that its zspage has outgrown: it is not used again, only given back. */
void zs_supplies_add_outgrown(struct zs_supplies *supplies, void *piece);

#endif
