/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The order in which blocks of pages came, so that what came after two of them the last time can come ahead this time.
 *
 * A garbage collector, a list or a tree is walked in the same order over and over, whatever order of addresses that is,
 * and past what it has no use for. Where a block is found in the record behind the same one as now, a walk begins
 * there: what the record has next comes with it. If the next fault is where that ended, twice as much comes with that
 * (temporal streaming, Wenisch et al. 2005); if it is somewhat further, as some were there already, as much as before.
 * There may be several walks by turns.
 *
 * One of 32 blocks that are away is left alone, to see whether it has a fault soon. Unless three of four have, as what
 * is found in the record is there by chance, or comes too early, nothing is brought until more of them have.
 *
 * The record is a ring. A table says where in it two blocks stand one behind the other, by the hash of both; what it
 * says is only believed if they do.
 *
 * Locks: one of its own, innermost. A walk that goes on is its thread's alone, until it ends.
 */
#ifndef ZSWAP_REPLAY_H
#define ZSWAP_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "opinion.h"
#include "table.h"

#define ZSWAP_NR_WALKS 3u

struct zswap_walk {
	uint32_t place; /* in the record, of its next block */
	uint32_t depth; /* so many blocks come with a fault; 0: it is none */
};

struct zswap_replay {
	struct zs_share_lock lock;
	uint32_t *words;  /* the record */
	uint32_t *places; /* the table */
	uint32_t mask;    /* both have one more, a power of two */
	uint64_t end;     /* how many blocks came: the last one is at end - 1, of which places are the lower half */
	struct zswap_walk walks[ZSWAP_NR_WALKS]; /* those that went on last are the first */
	uint32_t nr_foreseen;                    /* blocks that were to come */
	uint32_t left_alone;                     /* the page of one that did not, + 1; 0: there is none */
	uint32_t left_at;                        /* the place where it would be */
	struct zswap_opinion missed;             /* how many of those that did not had a fault */
};

/* Of so many blocks at least. Result: 0 or -ENOMEM; zswap_replay_destroy() is to be called in any case. */
int zswap_replay_create(struct zswap_replay *replay, uint32_t nr_blocks);
void zswap_replay_destroy(struct zswap_replay *replay);
/* Of its memory as much as may have been touched. */
uint64_t zswap_replay_bytes(const struct zswap_replay *replay);

/* A page's block came, or for the sake of this page a part of it. */
void zswap_replay_note(struct zswap_replay *replay, uint32_t page);
/* So did this one, as it had a fault. Result: the walk that it is part of. */
struct zswap_walk zswap_replay_fault(struct zswap_replay *replay, uint32_t page);
/* The page for which a walk's next block came. Result: whether the record has one. */
bool zswap_replay_next(struct zswap_replay *replay, struct zswap_walk *walk, uint32_t *page);
/* Whether a walk's next block is to be left alone. is_away: so that it would have a fault. */
bool zswap_replay_leaves(struct zswap_replay *replay, uint32_t page, bool is_away);
/* No more of a walk comes now. */
void zswap_replay_pause(struct zswap_replay *replay, struct zswap_walk walk);

#endif
