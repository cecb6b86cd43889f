/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Faults: a page comes back, with those that may be wanted next (ahead.c), and is a guest at first.
 */
#include <errno.h>
#include <string.h>

#include "parts.h"
#include "sum.h"

/* ---- bringing ---- */

/* How many of up to nr pages in a row are empty. */
static unsigned int count_empty(const struct zswap_page *page, unsigned int nr)
{
	unsigned int nr_empty = 0;

	while (nr_empty < nr && page[nr_empty].slot == ZSWAP_EMPTY)
		nr_empty++;
	return nr_empty;
}

/* What a fault brings. */
struct coming {
	uint32_t wanted; /* the page that has the fault */
	bool stays;
	bool is_regular; /* that page stays, whatever the others do */
};

#define STAYING_SHARE 32
#define CHOICE_FAULTS 1024

/*
 * Whether what comes stays. So does what comes of the same group at about the same time, so that what is away is away
 * in groups, and can come as such. Where the kernel tells which pages were written, that decides who goes, and all do.
 */
static bool is_staying(const struct zswap_engine *engine, uint32_t page)
{
	uint64_t choice = zswap_counted(&engine->nr_came) / CHOICE_FAULTS + 1;
	uint64_t sum = zs_sum_step(zs_sum_step(0, choice), page >> ZSWAP_GROUP_SHIFT);

	return engine->memory.written || sum >> 32 < (UINT64_C(1) << 32) / STAYING_SHARE;
}

/*
 * A page as it comes to the program. One that had been packed, or was not asked for, is a guest: it goes before the
 * others, unless it is touched again while it stands by. So who walks through more than may be resident, over and over,
 * as a garbage collector does, drives out only what it brought itself, and finds the others again. One fault in so many
 * brings pages that do stay, as those that are there may be of no use any more (the bimodal insertion of Qureshi et al.
 * 2007); and who comes back soon does (regulars.c).
 */
static uint64_t slot_of_coming(const struct zswap_engine *engine, uint64_t slot, bool is_wanted, bool stays)
{
	enum zswap_kind known = is_wanted ? ZSWAP_STANDBY : ZSWAP_COPIED;

	return !stays && zswap_slot_kind(slot) > known ? ZSWAP_A_GUEST : zswap_young(engine);
}

static void settle_page(struct zswap_engine *engine, const struct coming *coming, uint32_t page)
{
	uint64_t slot = zswap_look(zswap_page_of(&engine->table, page));
	bool is_wanted = page == coming->wanted, stays = coming->stays || (is_wanted && coming->is_regular);
	uint64_t next = slot_of_coming(engine, slot, is_wanted, stays);
	uint64_t copy = zswap_slot_is_guest(next) ? zswap_copies_keep(engine, slot) : 0;

	if (copy)
		zswap_pass_on(engine, page, zswap_slot_as(copy, ZSWAP_COPIED), ZSWAP_NEWEST);
	else
		zswap_move_to(engine, page, next, ZSWAP_NEWEST);
}

static void settle(struct zswap_engine *engine, const struct coming *coming, uint32_t page, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		settle_page(engine, coming, page + i);
		zswap_count(&engine->counts.read_ahead, page + i != coming->wanted);
	}
}

/*
 * Gives pages in a row; of one that is in part no more the program's, one by one those before that part, so that what
 * came is known. Result: how many came, or a negative errno.
 */
static int give_row(struct zswap_engine *engine, const struct coming *coming, uint32_t page, unsigned int nr,
		    const unsigned char *content)
{
	const struct zswap_memory *memory = &engine->memory;
	int err = memory->give(memory->ctx, page, nr, content);
	unsigned int i = err ? 0 : nr;

	if (err && nr > 1)
		for (err = 0; i < nr && !err; i += !err)
			err = memory->give(memory->ctx, page + i, 1, content ? content + i * ZSWAP_PAGE_BYTES : NULL);
	settle(engine, coming, page, i);
	return i ? (int)i : err;
}

/* The same, with the memory of a spare batch: what cannot be moved is copied. Of that nothing is left in any case. */
static int move_row(struct zswap_engine *engine, const struct coming *coming, uint32_t page, unsigned int nr,
		    unsigned char *content)
{
	const struct zswap_memory *memory = &engine->memory;
	unsigned int nr_moved = memory->move(memory->ctx, page, nr, content);
	unsigned char *rest = content + nr_moved * ZSWAP_PAGE_BYTES;
	int got;

	settle(engine, coming, page, nr_moved);
	if (nr_moved == nr)
		return (int)nr;
	got = give_row(engine, coming, page + nr_moved, nr - nr_moved, rest);
	memory->release(memory->ctx, rest, nr - nr_moved);
	if (got < 0)
		return nr_moved ? (int)nr_moved : got;
	return (int)nr_moved + got;
}

static int bring_zeroes(struct zswap_engine *engine, uint32_t page, unsigned int nr, bool is_write)
{
	const struct coming coming = { .wanted = page };

	if (nr == 1)
		nr = zswap_ahead_empty(engine, page);
	nr = count_empty(zswap_page_of(&engine->table, page), nr);
	return give_row(engine, &coming, page, nr, is_write ? engine->zeroes : NULL);
}

/* Unpacks pages in a row until one of them has nothing to unpack, or cannot be. */
static unsigned int unpack_row(struct zswap_engine *engine, struct zswap_lane *lane, const struct zswap_page *page,
			       unsigned int nr, unsigned char *to)
{
	unsigned int i = 0;

	for (; i < nr && zswap_is_away(&page[i]); i++)
		if (zswap_unpack(engine, lane, page[i].slot, to + i * ZSWAP_PAGE_BYTES))
			break;
	return i;
}

/* The row from a page on. Returns how many pages it has; got is how many of them came, or a negative errno. */
static unsigned int bring_row(struct zswap_engine *engine, struct zswap_lane *lane, const struct coming *coming,
			      uint32_t page, unsigned int nr, int *got)
{
	const struct zswap_page *first = zswap_page_of(&engine->table, page);
	struct zswap_batch *spare = NULL;

	if (zswap_moves(engine))
		spare = zswap_standby_borrow(&engine->standby, nr);
	nr = unpack_row(engine, lane, first, nr, spare ? zswap_standby_rest(spare) : lane->pages);
	*got = 0;
	if (nr)
		*got = spare ? move_row(engine, coming, page, nr, zswap_standby_rest(spare))
			     : give_row(engine, coming, page, nr, lane->pages);
	if (spare)
		zswap_standby_spend(&engine->standby, spare, nr);
	return nr;
}

static int tell_lost(struct zswap_engine *engine)
{
	zswap_count(&engine->counts.lost, 1);
	if (engine->on_error)
		engine->on_error(engine->ctx, "a page's content cannot be had again");
	return -EIO;
}

/* What is away of a block of pages. Result: whether all could come; what cannot has a fault of its own some time. */
static bool bring_block(struct zswap_engine *engine, struct zswap_lane *lane, const struct coming *coming,
			uint32_t first, unsigned int nr, unsigned int *nr_came)
{
	unsigned int nr_row;
	int got;

	for (unsigned int i = 0; i < nr; i += nr_row + 1) {
		nr_row = bring_row(engine, lane, coming, first + i, nr - i, &got);
		*nr_came += got > 0 ? (unsigned int)got : 0;
		if (got != (int)nr_row)
			return false;
	}
	return true;
}

/* The page itself comes first, and who waits for it goes on. Result: how many are there from it on, or -errno. */
static int bring_content(struct zswap_engine *engine, struct zswap_lane *lane, uint32_t page, unsigned int nr)
{
	const struct coming coming = { page, is_staying(engine, page), zswap_regulars_come(engine, page) };
	uint32_t first;
	unsigned int nr_block = zswap_ahead_block(engine, page, nr > 1 || coming.stays, &first), nr_came = 0;
	int got;

	zswap_count(&engine->nr_came, 1);
	if (!bring_row(engine, lane, &coming, page, nr, &got))
		got = tell_lost(engine);
	if (got > 0 && bring_block(engine, lane, &coming, first, nr_block, &nr_came) &&
	    page + (uint32_t)got < first + nr_block)
		got = (int)(first + nr_block - page);
	return got;
}

/*
 * A page that is resident and faults was brought meanwhile, or the program has dropped it behind our back: then it is
 * to read as zeroes.
 */
static int bring_again(struct zswap_engine *engine, uint32_t page)
{
	int err = engine->memory.give(engine->memory.ctx, page, 1, NULL);

	return err ? err : 1;
}

/* ---- what came next the last time ---- */

#define MOST_LOOKED_AT 64 /* blocks of a walk, of which all may be there */

/* Result: whether any of what comes with a page was away, and came. context: gate shared, as for the next */
static bool bring_with(struct zswap_engine *engine, struct zswap_lane *lane, uint32_t page)
{
	const struct coming coming = { .wanted = ZSWAP_NONE, .stays = is_staying(engine, page) };
	unsigned int nr, nr_came = 0;
	uint32_t first;

	zs_share_lock(zswap_lock_of(&engine->table, page), true);
	nr = zswap_ahead_part(engine, page, &first);
	bring_block(engine, lane, &coming, first, nr, &nr_came);
	zs_share_unlock(zswap_lock_of(&engine->table, page), true);
	if (nr_came)
		zswap_replay_note(&engine->replay, page);
	return nr_came != 0;
}

/* Result: whether the page, or some with it, came, or would have. pre: there is one of this number */
static bool replay_block(struct zswap_engine *engine, struct zswap_lane *lane, uint32_t page)
{
	bool is_away = zswap_is_away(zswap_page_of(&engine->table, page));

	return zswap_replay_leaves(&engine->replay, page, is_away) ? is_away : bring_with(engine, lane, page);
}

/* A page had a fault, and so many came from it on: what came after them the last time comes, too. */
static void replay(struct zswap_engine *engine, struct zswap_lane *lane, uint32_t page, unsigned int nr)
{
	struct zswap_walk walk = zswap_replay_fault(&engine->replay, page);
	uint32_t next = zswap_block_first(page) + ZSWAP_BLOCK_PAGES;
	unsigned int nr_left = walk.depth;

	for (; next < page + nr; next += ZSWAP_BLOCK_PAGES)
		zswap_replay_note(&engine->replay, next);
	for (unsigned int i = 0; i < MOST_LOOKED_AT && nr_left && !zswap_is_at_limit(engine); i++) {
		if (!zswap_replay_next(&engine->replay, &walk, &next))
			break;
		if (zswap_page_of(&engine->table, next))
			nr_left -= replay_block(engine, lane, next);
	}
	zswap_replay_pause(&engine->replay, walk);
}

/* Who waited for the page may drop it before it is settled: it is in use first, so that the lock is waited for. */
static int bring(struct zswap_engine *engine, struct zswap_lane *lane, uint32_t number, bool is_write)
{
	struct zs_share_lock *lock = zswap_lock_of(&engine->table, number);
	struct zswap_page *page = zswap_page_of(&engine->table, number);
	unsigned int nr = zswap_ahead_window(engine, number);
	enum zswap_kind kind;
	int got;

	zs_share_lock(lock, true);
	zswap_table_note_use(&engine->table, number);
	zswap_queue_expect(&engine->table, page);
	kind = zswap_slot_kind(page->slot);
	if (page->slot == ZSWAP_GONE)
		got = -ENOENT;
	else if (zswap_slot_is_resident(page->slot))
		got = bring_again(engine, number);
	else if (kind == ZSWAP_EMPTY)
		got = bring_zeroes(engine, number, nr, is_write);
	else
		got = bring_content(engine, lane, number, nr);
	zs_share_unlock(lock, true);
	if (got <= 0)
		return got;
	zswap_count(&engine->counts.faults_of[kind], 1);
	zswap_ahead_note(engine, number, (unsigned int)got);
	if (kind > ZSWAP_COPIED)
		replay(engine, lane, number, (unsigned int)got);
	return 0;
}

static int bring_if_there(struct zswap_engine *engine, struct zswap_lane *lane, uint32_t page, bool is_write)
{
	int err = -ENOENT;

	zs_share_lock(&engine->gate, false);
	if (zswap_page_of(&engine->table, page))
		err = bring(engine, lane, page, is_write);
	zs_share_unlock(&engine->gate, false);
	return err;
}

/* Only the one pager, who reads of changed mappings too, need not keep them from being read meanwhile. */
static int bring_in_order(struct zswap_engine *engine, struct zswap_lane *lane, uint32_t page, bool is_write,
			  bool is_pager)
{
	int err;

	if (is_pager)
		return bring_if_there(engine, lane, page, is_write);
	zs_share_lock(&engine->traffic, false);
	err = bring_if_there(engine, lane, page, is_write);
	zs_share_unlock(&engine->traffic, false);
	return err;
}

static bool has_work(struct zswap_engine *engine)
{
	return zswap_is_eviction_due(engine) || zswap_writeback_is_due(engine);
}

static int fault(struct zswap_engine *engine, uint32_t page, bool is_write, bool is_pager)
{
	struct zswap_lane *lane;
	int err;

	while (zswap_is_at_limit(engine) && !zswap_may_pack(engine) && zswap_writeback_once(engine))
		;
	lane = zswap_lane_get(&engine->lanes);
	zswap_make_room(engine, lane);
	err = bring_in_order(engine, lane, page, is_write, is_pager);
	zswap_lane_put(&engine->lanes, lane);
	zswap_count(&engine->counts.faults, 1);
	if (engine->wake && has_work(engine))
		engine->wake(engine->ctx);
	return err;
}

/* The one pager must not wait for who forks, whose faults it may have to take. */
static bool be_busy(struct zswap_engine *engine)
{
	uint32_t state = __atomic_load_n(&engine->busy.word, __ATOMIC_RELAXED);

	while (engine->is_one_pager && !(state & (ZS_SHARE_ALONE | ZS_SHARE_WAITED))) {
		if (zs_share_try(&engine->busy, state, false))
			return true;
		state = __atomic_load_n(&engine->busy.word, __ATOMIC_RELAXED);
	}
	if (engine->is_one_pager)
		return false;
	zs_share_lock(&engine->busy, false);
	return true;
}

int zswap_engine_fault(struct zswap_engine *engine, uint32_t page, bool is_write)
{
	int err;

	if (!be_busy(engine))
		return -EBUSY;
	err = fault(engine, page, is_write, engine->is_one_pager);
	zs_share_unlock(&engine->busy, false);
	return err;
}

/* Nothing is evicted: that may have to give pages back, which nobody may do now. */
int zswap_engine_fault_paused(struct zswap_engine *engine, uint32_t page, bool is_write)
{
	struct zswap_lane *lane = zswap_lane_get(&engine->lanes);
	int err = bring_if_there(engine, lane, page, is_write);

	zswap_lane_put(&engine->lanes, lane);
	zswap_count(&engine->counts.faults, 1);
	return err;
}

int zswap_engine_restore(struct zswap_engine *engine, uint32_t first, uint64_t nr_pages, void *to)
{
	struct zswap_lane *lane = zswap_lane_get(&engine->lanes);
	int err = 0;

	for (uint64_t i = 0;
	     !err && (i += zswap_engine_find_away(engine, first + (uint32_t)i, nr_pages - i)) < nr_pages;) {
		uint32_t page = first + (uint32_t)i;

		err = zswap_unpack(engine, lane, zswap_look(zswap_page_of(&engine->table, page)),
				   (unsigned char *)to + i * ZSWAP_PAGE_BYTES);
		if (!err)
			zswap_move_to(engine, page, ZSWAP_RESIDENT | ZSWAP_OLD | ZSWAP_STAYS, ZSWAP_NEWEST);
	}
	zswap_lane_put(&engine->lanes, lane);
	return err;
}

/* Whether a page would have a fault. A page never touched would: if it comes, a system call finds it there. */
static bool is_missing(struct zswap_engine *engine, uint32_t number)
{
	const struct zswap_page *page;
	bool is;

	zs_share_lock(&engine->gate, false);
	page = zswap_page_of(&engine->table, number);
	is = page && zswap_look(page) != ZSWAP_GONE && !zswap_slot_is_resident(zswap_look(page));
	zs_share_unlock(&engine->gate, false);
	return is;
}

/* Advice is no order: what cannot come just now, or is being unmapped, does not. A page that is lost is told of. */
static int need_page(struct zswap_engine *engine, uint32_t page)
{
	return fault(engine, page, false, false) == -EIO ? -EIO : 0;
}

/* What is more than half of what may be resident would drive out its own beginning. */
int zswap_engine_need(struct zswap_engine *engine, uint32_t first, uint64_t nr_pages)
{
	uint64_t nr_left = engine->limit_pages / 2;
	int err = 0;

	for (uint64_t i = 0; i < nr_pages && nr_left && !err; i++) {
		zs_share_lock(&engine->busy, false);
		if (is_missing(engine, first + (uint32_t)i)) {
			err = need_page(engine, first + (uint32_t)i);
			nr_left--;
		}
		zs_share_unlock(&engine->busy, false);
	}
	return err;
}
