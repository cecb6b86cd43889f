/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Guests are mostly read and gone again: what one came from stays in the pool meanwhile. When it is taken and has not
 * changed, that is used again, which is cheaper than to pack it anew: as the kernel's swap cache, which has a bit for
 * each page that was written. Here both are compared, byte for byte. There are few guests, so what is in memory twice
 * is little; and where most have changed, only some are kept, to see whether that still holds.
 */
#include <string.h>

#include "parts.h"

/* ---- whether it is of use ---- */

#define ONE_IN 3u /* at least so many have to be unchanged */
#define LOOKED_AT 16u

static void note(struct zswap_engine *engine, bool is_same)
{
	struct zswap_opinion opinion = zswap_opinion_look(&engine->copies);

	opinion.nr_seen++;
	opinion.nr_such += is_same;
	zswap_opinion_note(&engine->copies, opinion);
}

static bool is_of_use(const struct zswap_engine *engine)
{
	struct zswap_opinion opinion = zswap_opinion_look(&engine->copies);

	return !zswap_opinion_is_known(&opinion) || zswap_opinion_is_share(&opinion, 1, ONE_IN) ||
	       zswap_counted(&engine->counts.faults) % LOOKED_AT == 0;
}

/* ---- keeping ---- */

uint64_t zswap_copies_take(struct zswap_engine *engine, uint64_t place)
{
	uint64_t *copy = zswap_standby_copy(&engine->standby, place), slot = *copy;

	*copy = 0;
	return slot;
}

uint64_t zswap_copies_keep(struct zswap_engine *engine, uint64_t slot)
{
	if (zswap_slot_kind(slot) == ZSWAP_STANDBY)
		return zswap_copies_take(engine, zswap_slot_where(slot));
	return zswap_slot_kind(slot) == ZSWAP_OBJECT && is_of_use(engine) && zswap_pool_has_room(engine) ? slot : 0;
}

bool zswap_copies_is_same(struct zswap_engine *engine, struct zswap_lane *lane, uint64_t copy, const void *content)
{
	bool is_same =
		!zswap_unpack(engine, lane, copy, lane->pages) && !memcmp(lane->pages, content, ZSWAP_PAGE_BYTES);

	note(engine, is_same);
	zswap_count(&engine->counts.unchanged, is_same);
	if (!is_same)
		zswap_discard(engine, copy);
	return is_same;
}

/* Guests have their order again afterwards. context: gate shared */
static void drop_some(struct zswap_engine *engine, const uint32_t *page, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		if (!zswap_page_of(&engine->table, page[i]))
			continue;
		zs_share_lock(zswap_lock_of(&engine->table, page[i]), true);
		if (zswap_slot_is_guest(zswap_look(zswap_page_of(&engine->table, page[i]))))
			zswap_move_to(engine, page[i], ZSWAP_A_GUEST, ZSWAP_NEWEST);
		zs_share_unlock(zswap_lock_of(&engine->table, page[i]), true);
	}
}

bool zswap_copies_drop(struct zswap_engine *engine)
{
	uint64_t nr_left = zswap_queue_length(&engine->guests);
	uint32_t page[ZSWAP_BATCH_PAGES];
	unsigned int nr = 1;

	if (!zswap_counted(&engine->counts.pages[ZSWAP_COPIED]))
		return false;
	for (; nr && nr_left; nr_left -= nr) {
		nr = nr_left < ZSWAP_BATCH_PAGES ? (unsigned int)nr_left : ZSWAP_BATCH_PAGES;
		nr = zswap_queue_pop(&engine->guests, &engine->table, page, nr);
		zs_share_lock(&engine->gate, false);
		drop_some(engine, page, nr);
		zs_share_unlock(&engine->gate, false);
	}
	return true;
}
