/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Packing: a batch that has stood by goes to the pool, as far as its pages still stand by.
 */
#include <errno.h>

#include "parts.h"

/* ---- a page ---- */

/* Whether a page is still where the batch has it. context: its group is locked, or this is only to save work */
static bool stands_by(struct zswap_engine *engine, uint32_t number, uint64_t place)
{
	const struct zswap_page *page = zswap_page_of(&engine->table, number);

	return page && zswap_look(page) == zswap_slot_standby(place);
}

/* Locks a page's group alone if it still stands by; else its number may have gone. context: gate shared */
static bool lock_standing_by(struct zswap_engine *engine, uint32_t number, uint64_t place)
{
	if (!stands_by(engine, number, place))
		return false;
	zs_share_lock(zswap_lock_of(&engine->table, number), true);
	if (stands_by(engine, number, place))
		return true;
	zs_share_unlock(zswap_lock_of(&engine->table, number), true);
	return false;
}

/*
 * The pool is full for now, or the page does not compress: the program has it again. If the mapping is being changed
 * just now, it stays where it is. Result: whether it is no more in the batch.
 */
static bool give_back(struct zswap_engine *engine, uint32_t number, uint64_t place)
{
	int err = 0;

	zs_share_lock(&engine->traffic, false);
	zs_share_lock(&engine->gate, false);
	if (lock_standing_by(engine, number, place)) {
		err = engine->memory.give(engine->memory.ctx, number, 1,
					  zswap_standby_content(&engine->standby, place));
		if (!err)
			zswap_move_to(engine, number, ZSWAP_RESIDENT | ZSWAP_OLD | ZSWAP_STAYS, ZSWAP_NEWEST);
		zs_share_unlock(zswap_lock_of(&engine->table, number), true);
	}
	zs_share_unlock(&engine->gate, false);
	zs_share_unlock(&engine->traffic, false);
	return !err;
}

/* What is packed is the page's, if it is still where it was. Result: whether it is. */
static bool put(struct zswap_engine *engine, uint32_t number, uint64_t place, uint64_t packed)
{
	bool is_wanted;

	zs_share_lock(&engine->gate, false);
	is_wanted = lock_standing_by(engine, number, place);
	if (is_wanted) {
		zswap_move_to(engine, number, packed, ZSWAP_NEWEST);
		zs_share_unlock(zswap_lock_of(&engine->table, number), true);
	}
	zs_share_unlock(&engine->gate, false);
	if (!is_wanted)
		zswap_discard(engine, packed);
	return is_wanted;
}

/* Result: whether the page is still there. What it came from is the caller's then. */
static bool begin_to_pack(struct zswap_engine *engine, uint32_t number, uint64_t place, uint64_t *copy)
{
	bool is_there;

	zs_share_lock(&engine->gate, false);
	is_there = lock_standing_by(engine, number, place);
	if (is_there) {
		*copy = zswap_copies_take(engine, place);
		zs_share_unlock(zswap_lock_of(&engine->table, number), true);
	}
	zs_share_unlock(&engine->gate, false);
	return is_there;
}

static void note_full(struct zswap_engine *engine)
{
	zswap_count(&engine->counts.pool_limit_hit, 1);
	__atomic_store_n(&engine->is_full, true, __ATOMIC_RELAXED);
}

/* A full pool has room again without what guests came from. */
static int pack(struct zswap_engine *engine, struct zswap_lane *lane, const void *content, uint64_t *packed)
{
	int err = zswap_pack(engine, lane, content, packed);

	if (err == -ENOMEM && zswap_copies_drop(engine))
		err = zswap_pack(engine, lane, content, packed);
	if (err == -ENOMEM)
		note_full(engine);
	return err;
}

/* Result: whether it is no more in the batch. */
static bool pack_page(struct zswap_engine *engine, struct zswap_lane *lane, const struct zswap_batch *batch,
		      unsigned int i, const void *content)
{
	uint32_t number = batch->page[i];
	uint64_t place = batch->first + i, copy, packed;

	if (!begin_to_pack(engine, number, place, &copy))
		return true;
	if (copy && zswap_copies_is_same(engine, lane, copy, content)) {
		put(engine, number, place, copy);
		return true;
	}
	if (pack(engine, lane, content, &packed))
		return give_back(engine, number, place);
	zswap_count(&engine->counts.packed, put(engine, number, place, packed));
	return true;
}

/* ---- a batch ---- */

/* Whether the memory of a batch that is packed is kept for what comes next. */
static bool is_spare(struct zswap_engine *engine, const struct zswap_batch *batch)
{
	return batch->nr && zswap_moves(engine) &&
	       zswap_standby_spare_pages(&engine->standby) + batch->nr <= engine->spare_pages;
}

/* Where some of a batch can be read. */
static const unsigned char *look(struct zswap_engine *engine, struct zswap_lane *lane, const struct zswap_batch *batch,
				 unsigned int i, unsigned int nr)
{
	const unsigned char *at = zswap_standby_content(&engine->standby, batch->first + i);

	return engine->memory.look(engine->memory.ctx, at, nr, lane->taken);
}

/* Result: whether all of them are no more in the batch. */
static bool pack_some(struct zswap_engine *engine, struct zswap_lane *lane, const struct zswap_batch *batch,
		      unsigned int first, unsigned int nr)
{
	const unsigned char *content = look(engine, lane, batch, first, nr);
	bool all = true;

	for (unsigned int i = 0; i < nr; i++)
		all &= pack_page(engine, lane, batch, first + i, content + (size_t)i * ZSWAP_PAGE_BYTES);
	return all;
}

/* Those that cannot go anywhere just now are tried again when the batch's turn comes once more. */
static void pack_batch(struct zswap_engine *engine, struct zswap_lane *lane, struct zswap_batch *batch)
{
	unsigned int nr;
	bool all = true;

	for (unsigned int i = 0; i < batch->nr; i += nr) {
		nr = batch->nr - i < ZSWAP_GROUP_PAGES ? batch->nr - i : ZSWAP_GROUP_PAGES;
		all &= pack_some(engine, lane, batch, i, nr);
	}
	if (!all)
		zswap_standby_hold_again(&engine->standby, batch);
	else if (is_spare(engine, batch))
		zswap_standby_spare(&engine->standby, batch);
	else
		zswap_standby_release(&engine->standby, batch);
}

/* ---- when ---- */

static void tell_full(struct zswap_engine *engine)
{
	if (engine->writeback || !engine->on_error)
		return;
	if (!__atomic_exchange_n(&engine->is_full_told, true, __ATOMIC_RELAXED))
		engine->on_error(engine->ctx,
				 "the pool is full: pages stay in memory beyond the limit (this is told once)");
}

bool zswap_may_pack(struct zswap_engine *engine)
{
	if (!__atomic_load_n(&engine->is_full, __ATOMIC_RELAXED))
		return true;
	if (!zswap_pool_has_room(engine)) {
		tell_full(engine);
		return false;
	}
	__atomic_store_n(&engine->is_full, false, __ATOMIC_RELAXED);
	return true;
}

bool zswap_pack_oldest(struct zswap_engine *engine, struct zswap_lane *lane)
{
	struct zswap_batch *batch = zswap_standby_claim(&engine->standby);

	if (batch)
		pack_batch(engine, lane, batch);
	return batch != NULL;
}

void zswap_pack_all(struct zswap_engine *engine, struct zswap_lane *lane)
{
	for (uint32_t i = 0;
	     i < engine->standby.nr_batches && zswap_may_pack(engine) && zswap_pack_oldest(engine, lane); i++)
		;
}
