/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The record, its table, and the walks that follow it.
 */
#include "replay.h"

#include <errno.h>

#include "reserve.h"
#include "sum.h"

#define MOST_DEPTH 8u /* blocks */
#define LOOKED_AT 4u  /* within so many blocks a walk has its next fault: what is there already has none */
#define SMALLEST 256u

/* ---- the record ---- */

static size_t blocks_bytes(const struct zswap_replay *replay)
{
	return ((size_t)replay->mask + 1) * sizeof(uint32_t);
}

int zswap_replay_create(struct zswap_replay *replay, uint32_t nr_blocks)
{
	uint32_t nr = SMALLEST;

	while (nr < nr_blocks && nr <= UINT32_MAX / 4)
		nr *= 2;
	replay->mask = nr - 1;
	replay->end = 0;
	replay->words = zs_reserve(blocks_bytes(replay));
	replay->places = zs_reserve(blocks_bytes(replay));
	return replay->words && replay->places ? 0 : -ENOMEM;
}

void zswap_replay_destroy(struct zswap_replay *replay)
{
	zs_unreserve(replay->words, blocks_bytes(replay));
	zs_unreserve(replay->places, blocks_bytes(replay));
}

/* A block touches the next word of the record, and any of the table. */
uint64_t zswap_replay_bytes(const struct zswap_replay *replay)
{
	uint64_t nr = __atomic_load_n(&replay->end, __ATOMIC_RELAXED), most = blocks_bytes(replay);
	uint64_t of_record = (nr * sizeof(uint32_t) + 4095) & ~UINT64_C(4095), of_table = nr * 4096;

	return (of_record < most ? of_record : most) + (of_table < most ? of_table : most);
}

/* Whether the record has this place: it is not still to come, nor overwritten. context: lock, as for the next */
static bool has(const struct zswap_replay *replay, uint32_t place)
{
	return (uint32_t)replay->end - place - 1 <= replay->mask;
}

/* Words are one more than the page: zeroes were never written. */
static uint32_t *word_at(const struct zswap_replay *replay, uint32_t place)
{
	return &replay->words[place & replay->mask];
}

/* Of what was never written it is none that there could be. */
static uint32_t block_at(const struct zswap_replay *replay, uint32_t place)
{
	return (*word_at(replay, place) - 1) / ZSWAP_BLOCK_PAGES;
}

static bool is_at(const struct zswap_replay *replay, uint32_t place, uint32_t block)
{
	return has(replay, place) && block_at(replay, place) == block;
}

/* Who comes again at once, page by page, is in the record once. */
static bool is_last(const struct zswap_replay *replay, uint32_t page)
{
	return is_at(replay, (uint32_t)replay->end - 1, page / ZSWAP_BLOCK_PAGES);
}

/* Returns where this block stood behind the same one as now; if nowhere, where it stands now. */
static uint32_t append(struct zswap_replay *replay, uint32_t page)
{
	uint32_t block = page / ZSWAP_BLOCK_PAGES, here = (uint32_t)replay->end, there;
	uint32_t before = block_at(replay, here - 1);
	uint32_t *place = &replay->places[zs_sum_step(0, (uint64_t)before << 32 | block) >> 32 & replay->mask];

	there = *place;
	*place = here;
	*word_at(replay, here) = page + 1;
	__atomic_store_n(&replay->end, replay->end + 1, __ATOMIC_RELAXED);
	return is_at(replay, there, block) && is_at(replay, there - 1, before) ? there : here;
}

void zswap_replay_note(struct zswap_replay *replay, uint32_t page)
{
	zs_share_lock(&replay->lock, true);
	if (!is_last(replay, page))
		append(replay, page);
	zs_share_unlock(&replay->lock, true);
}

/* ---- walks ---- */

/* Whether a block is among a walk's next ones, behind which it goes on then, and farther if it is the first of them. */
static bool comes_to(const struct zswap_replay *replay, struct zswap_walk *walk, uint32_t block)
{
	if (!walk->depth)
		return false;
	for (uint32_t i = 0; i < LOOKED_AT; i++)
		if (is_at(replay, walk->place + i, block)) {
			walk->place += i + 1;
			if (!i)
				walk->depth = walk->depth * 2 < MOST_DEPTH ? walk->depth * 2 : MOST_DEPTH;
			return true;
		}
	return false;
}

/* The walk that comes to a block, which is none of those that wait from now on. context: lock */
static struct zswap_walk find_walk(struct zswap_replay *replay, uint32_t block)
{
	struct zswap_walk found = { 0 };

	for (unsigned int i = 0; i < ZSWAP_NR_WALKS; i++)
		if (comes_to(replay, &replay->walks[i], block)) {
			found = replay->walks[i];
			replay->walks[i].depth = 0;
			break;
		}
	return found;
}

/* context: lock */
static struct zswap_walk go_on_or_begin(struct zswap_replay *replay, uint32_t page)
{
	struct zswap_walk walk = find_walk(replay, page / ZSWAP_BLOCK_PAGES);
	uint32_t here = (uint32_t)replay->end, there = append(replay, page);

	if (!walk.depth && there != here)
		walk = (struct zswap_walk){ .place = there + 1, .depth = 1 };
	return walk;
}

/* ---- what is left alone ---- */

#define LEFT 32u /* one block in so many */
#define SOON_PLACES 256u

/* context: lock, as for the next ones */
static bool is_one_left(const struct zswap_replay *replay)
{
	return replay->left_alone && (uint32_t)replay->end - replay->left_at < SOON_PLACES;
}

static void note_missed(struct zswap_replay *replay, uint32_t page)
{
	if (!is_one_left(replay) || (replay->left_alone - 1) / ZSWAP_BLOCK_PAGES != page / ZSWAP_BLOCK_PAGES)
		return;
	replay->left_alone = 0;
	replay->missed.nr_such++;
}

static void leave(struct zswap_replay *replay, uint32_t page)
{
	replay->left_alone = page + 1;
	replay->left_at = (uint32_t)replay->end;
	zswap_opinion_fade(&replay->missed);
	replay->missed.nr_seen++;
}

static bool is_worth_it(const struct zswap_replay *replay)
{
	return !zswap_opinion_is_known(&replay->missed) || zswap_opinion_is_share(&replay->missed, 3, 4);
}

bool zswap_replay_leaves(struct zswap_replay *replay, uint32_t page, bool is_away)
{
	bool leaves;

	zs_share_lock(&replay->lock, true);
	leaves = !is_worth_it(replay);
	if (is_away && !is_one_left(replay) && ++replay->nr_foreseen >= LEFT) {
		replay->nr_foreseen = 0;
		leave(replay, page);
		leaves = true;
	}
	zs_share_unlock(&replay->lock, true);
	return leaves;
}

/* ---- faults ---- */

struct zswap_walk zswap_replay_fault(struct zswap_replay *replay, uint32_t page)
{
	struct zswap_walk walk = { 0 };

	zs_share_lock(&replay->lock, true);
	note_missed(replay, page);
	if (!is_last(replay, page))
		walk = go_on_or_begin(replay, page);
	zs_share_unlock(&replay->lock, true);
	return walk;
}

bool zswap_replay_next(struct zswap_replay *replay, struct zswap_walk *walk, uint32_t *page)
{
	bool is;

	zs_share_lock(&replay->lock, true);
	is = has(replay, walk->place);
	if (is)
		*page = *word_at(replay, walk->place++) - 1;
	zs_share_unlock(&replay->lock, true);
	return is;
}

/* In place of the last one, or of one that is none. */
void zswap_replay_pause(struct zswap_replay *replay, struct zswap_walk walk)
{
	unsigned int i = 0;

	if (!walk.depth)
		return;
	zs_share_lock(&replay->lock, true);
	while (i < ZSWAP_NR_WALKS - 1 && replay->walks[i].depth)
		i++;
	for (; i; i--)
		replay->walks[i] = replay->walks[i - 1];
	replay->walks[0] = walk;
	zs_share_unlock(&replay->lock, true);
}
