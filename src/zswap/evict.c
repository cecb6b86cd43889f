/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Eviction: batches of the oldest pages are taken, and packed when their turn comes (pack.c).
 *
 * Where the kernel tells which pages were written lately, the oldest quarter or so of those that are resident is old: a
 * page is asked about as it gets there, and again when it is to be taken; one that was written in between is young
 * again.
 */
#include <errno.h>

#include "parts.h"

/* ---- taking ---- */

/* Few, and mostly in order. */
static void sort(uint32_t *page, unsigned int nr)
{
	for (unsigned int i = 1; i < nr; i++) {
		uint32_t number = page[i];
		unsigned int at = i;

		for (; at && page[at - 1] > number; at--)
			page[at] = page[at - 1];
		page[at] = number;
	}
}

/* How many of the first pages follow each other within a chunk. */
static unsigned int count_row(const uint32_t *page, unsigned int nr)
{
	unsigned int i = 1;

	while (i < nr && page[i] == page[i - 1] + 1 && page[i] & (ZSWAP_CHUNK_PAGES - 1))
		i++;
	return i;
}

static uint64_t slot_of(struct zswap_engine *engine, uint32_t page)
{
	return zswap_page_of(&engine->table, page)->slot;
}

/* Which of a row were written since they became old, and are not called cold. context: groups locked alone, as below */
static uint64_t find_written(struct zswap_engine *engine, const uint32_t *page, unsigned int nr)
{
	uint64_t written = 0;

	if (engine->memory.written)
		written = engine->memory.written(engine->memory.ctx, page[0], nr);
	for (unsigned int i = 0; written && i < nr; i++)
		if (zswap_slot_has(slot_of(engine, page[i]), ZSWAP_COLD_PAGE))
			written &= ~((uint64_t)1 << i);
	return written;
}

/* How many of the first ones can be taken. */
static unsigned int count_takeable(struct zswap_engine *engine, const uint32_t *page, unsigned int nr, uint64_t written)
{
	unsigned int i = 0;

	while (i < nr && !(written >> i & 1) && zswap_slot_is_resident(slot_of(engine, page[i])) &&
	       !zswap_slot_has(slot_of(engine, page[i]), ZSWAP_STAYS))
		i++;
	return i;
}

/* A page that is not to be taken. One that had to stay once may go the next time. */
static void leave(struct zswap_engine *engine, uint32_t page, bool was_written)
{
	if (!zswap_slot_is_resident(slot_of(engine, page)))
		return;
	zswap_count(&engine->counts.spared, was_written);
	zswap_move_to(engine, page, was_written ? ZSWAP_RESIDENT : ZSWAP_RESIDENT | ZSWAP_OLD, ZSWAP_NEWEST);
}

static void note_busy(struct zswap_engine *engine, uint32_t page)
{
	struct zswap_busy *busy = &engine->busy_pages;

	zs_share_lock(&busy->lock, true);
	if (busy->nr < sizeof(busy->page) / sizeof(busy->page[0]))
		busy->page[busy->nr++] = page;
	zs_share_unlock(&busy->lock, true);
	zswap_count(&engine->counts.busy, 1);
}

unsigned int zswap_engine_take_busy(struct zswap_engine *engine, uint32_t *page, unsigned int most)
{
	struct zswap_busy *busy = &engine->busy_pages;
	unsigned int nr = 0;

	zs_share_lock(&engine->busy, false);
	zs_share_lock(&busy->lock, true);
	while (nr < most && busy->nr)
		page[nr++] = busy->page[--busy->nr];
	zs_share_unlock(&busy->lock, true);
	zs_share_unlock(&engine->busy, false);
	return nr;
}

/* A page that could not be taken: the program has dropped it, or it has to stay. */
static void pass_over(struct zswap_engine *engine, uint32_t page, int why)
{
	if (why == ENOENT) {
		zswap_move_to(engine, page, ZSWAP_EMPTY, ZSWAP_NEWEST);
		return;
	}
	note_busy(engine, page);
	zswap_move_to(engine, page, ZSWAP_RESIDENT | ZSWAP_OLD | ZSWAP_STAYS, ZSWAP_NEWEST);
}

/* It is in the batch now, with what it came from, if that is kept. */
static void stand_by(struct zswap_engine *engine, struct zswap_batch *batch, uint32_t page)
{
	uint64_t slot = slot_of(engine, page);

	zswap_regulars_go(engine, page);
	batch->page[batch->nr] = page;
	batch->copy[batch->nr] = zswap_slot_kind(slot) == ZSWAP_COPIED ? zswap_slot_as(slot, ZSWAP_OBJECT) : 0;
	zswap_pass_on(engine, page, zswap_slot_standby(batch->first + batch->nr), ZSWAP_NEWEST);
	batch->nr++;
}

/* Returns how many of them are done with. */
static unsigned int take_some(struct zswap_engine *engine, struct zswap_batch *batch, const uint32_t *page,
			      unsigned int nr)
{
	unsigned char *to = batch->at + batch->nr * ZSWAP_PAGE_BYTES;
	int why = 0;
	unsigned int nr_taken = engine->memory.take(engine->memory.ctx, page[0], nr, to, &why);

	for (unsigned int i = 0; i < nr_taken; i++)
		stand_by(engine, batch, page[i]);
	if (nr_taken == nr)
		return nr;
	pass_over(engine, page[nr_taken], why);
	return nr_taken + 1;
}

static void take_locked(struct zswap_engine *engine, struct zswap_batch *batch, const uint32_t *page, unsigned int nr,
			bool spares)
{
	uint64_t written = spares ? find_written(engine, page, nr) : 0;

	for (unsigned int i = 0; i < nr;) {
		unsigned int some = count_takeable(engine, page + i, nr - i, written >> i);

		if (some) {
			i += take_some(engine, batch, page + i, some);
		} else {
			leave(engine, page[i], written >> i & 1);
			i++;
		}
	}
}

/* The first pages of a row's groups, one by one from the first page on. Returns false behind the last one. */
static bool next_group(uint32_t *page, uint32_t last)
{
	*page = (*page | (ZSWAP_GROUP_PAGES - 1)) + 1;
	return *page <= last;
}

/* The groups of a row, in order: nobody else has more than one of them. context: gate shared, as for the next */
static void lock_groups(struct zswap_engine *engine, uint32_t page, uint32_t last)
{
	do
		zs_share_lock(zswap_lock_of(&engine->table, page), true);
	while (next_group(&page, last));
}

static void unlock_groups(struct zswap_engine *engine, uint32_t page, uint32_t last)
{
	do
		zs_share_unlock(zswap_lock_of(&engine->table, page), true);
	while (next_group(&page, last));
}

/* Pages that are popped may be gone meanwhile, with their numbers. Result: whether their groups are locked alone. */
static bool lock_row(struct zswap_engine *engine, const uint32_t *page, unsigned int nr)
{
	zs_share_lock(&engine->gate, false);
	if (zswap_page_of(&engine->table, page[nr - 1])) {
		lock_groups(engine, page[0], page[nr - 1]);
		return true;
	}
	zs_share_unlock(&engine->gate, false);
	return false;
}

static void unlock_row(struct zswap_engine *engine, const uint32_t *page, unsigned int nr)
{
	unlock_groups(engine, page[0], page[nr - 1]);
	zs_share_unlock(&engine->gate, false);
}

/* What was read as changed is known by now, so that no page is taken from where it was. */
static void take_row(struct zswap_engine *engine, struct zswap_batch *batch, const uint32_t *page, unsigned int nr,
		     bool spares)
{
	zs_share_lock(&engine->traffic, false);
	if (lock_row(engine, page, nr)) {
		take_locked(engine, batch, page, nr, spares);
		unlock_row(engine, page, nr);
	}
	zs_share_unlock(&engine->traffic, false);
}

/* spares: those that were written lately stay. Returns how many were taken. */
static unsigned int take_pages(struct zswap_engine *engine, struct zswap_batch *batch, uint32_t *page, unsigned int nr,
			       bool spares)
{
	unsigned int nr_row;

	sort(page, nr);
	for (unsigned int i = 0; i < nr; i += nr_row) {
		nr_row = count_row(page + i, nr - i);
		take_row(engine, batch, page + i, nr_row, spares);
	}
	nr = batch->nr;
	zswap_count(&engine->counts.evicted, nr);
	zswap_standby_hold(&engine->standby, batch);
	return nr;
}

/* ---- aging ---- */

#define OLD_SHARE 4

/* The pages of a row that are still young are old from now on, and asked about for the first time. */
static void age_row(struct zswap_engine *engine, const uint32_t *page, unsigned int nr)
{
	if (!lock_row(engine, page, nr))
		return;
	engine->memory.written(engine->memory.ctx, page[0], nr);
	for (unsigned int i = 0; i < nr; i++)
		if (zswap_slot_kind(slot_of(engine, page[i])) == ZSWAP_RESIDENT)
			zswap_move_to(engine, page[i], ZSWAP_RESIDENT | ZSWAP_OLD, ZSWAP_NEWEST);
	unlock_row(engine, page, nr);
}

static void age_some(struct zswap_engine *engine)
{
	uint32_t page[ZSWAP_BATCH_PAGES];
	unsigned int nr = zswap_queue_pop(&engine->young, &engine->table, page, ZSWAP_BATCH_PAGES), nr_row;

	sort(page, nr);
	for (unsigned int i = 0; i < nr; i += nr_row) {
		nr_row = count_row(page + i, nr - i);
		age_row(engine, page + i, nr_row);
	}
}

/* A batch at a time, as batches are taken; more if there are too few that are old. */
static void age(struct zswap_engine *engine)
{
	uint64_t nr_old = zswap_queue_length(&engine->old), nr_young = zswap_queue_length(&engine->young);

	if (nr_old * OLD_SHARE < nr_old + nr_young)
		age_some(engine);
	if (nr_young && zswap_queue_length(&engine->old) < ZSWAP_BATCH_PAGES)
		age_some(engine);
}

/* ---- choosing ---- */

/* Up to a batch of them. Returns how many. */
static unsigned int pop_oldest(struct zswap_engine *engine, uint32_t *page)
{
	unsigned int nr = 0;

	if (zswap_queue_length(&engine->guests) > engine->guest_pages)
		nr = zswap_queue_pop(&engine->guests, &engine->table, page, ZSWAP_BATCH_PAGES);
	if (!nr) {
		age(engine);
		nr = zswap_queue_pop(&engine->old, &engine->table, page, ZSWAP_BATCH_PAGES);
	}
	return nr ? nr : zswap_queue_pop(&engine->guests, &engine->table, page, ZSWAP_BATCH_PAGES);
}

/* ---- evicting ---- */

/* No batch is free: one is emptied, or others are at work on all of them, and one of them is done. */
static void free_one(struct zswap_engine *engine, struct zswap_lane *lane, uint32_t nr_changes)
{
	if (!zswap_pack_oldest(engine, lane) && !zswap_standby_drop_spare(&engine->standby))
		zswap_standby_wait(&engine->standby, nr_changes);
}

/* Returns how many were taken. */
static unsigned int take_oldest(struct zswap_engine *engine, struct zswap_batch *batch)
{
	uint32_t page[ZSWAP_BATCH_PAGES];
	unsigned int nr = pop_oldest(engine, page);

	return take_pages(engine, batch, page, nr, true);
}

void zswap_take_once(struct zswap_engine *engine)
{
	struct zswap_batch *batch = zswap_may_pack(engine) ? zswap_standby_reserve(&engine->standby) : NULL;

	if (batch)
		take_oldest(engine, batch);
}

bool zswap_evict_once(struct zswap_engine *engine, struct zswap_lane *lane)
{
	uint32_t nr_changes = zswap_standby_changes(&engine->standby);
	struct zswap_batch *batch;

	if (!zswap_may_pack(engine))
		return false;
	batch = zswap_standby_reserve(&engine->standby);
	if (batch)
		return take_oldest(engine, batch) != 0;
	free_one(engine, lane, nr_changes);
	return true;
}

/* Each batch has one turn at most: what cannot go anywhere now would have one again and again. */
void zswap_evict_pages(struct zswap_engine *engine, struct zswap_lane *lane, uint32_t *page, unsigned int nr)
{
	struct zswap_batch *batch = zswap_standby_reserve(&engine->standby);
	uint32_t turns = engine->standby.nr_batches;

	for (; !batch && turns && zswap_may_pack(engine) && zswap_pack_oldest(engine, lane); turns--)
		batch = zswap_standby_reserve(&engine->standby);
	if (batch)
		take_pages(engine, batch, page, nr, false);
}
