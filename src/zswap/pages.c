/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Pages in a row, as the program maps and unmaps them, and what it knows of them.
 */
#include "engine.h"

#include <errno.h>

#include "parts.h"

/* ---- numbers ---- */

int zswap_engine_add(struct zswap_engine *engine, uint64_t nr_pages, uint32_t *first)
{
	zs_share_lock(&engine->gate, true);
	*first = zswap_table_add(&engine->table, nr_pages);
	if (*first != ZSWAP_NONE) {
		zswap_count(&engine->counts.managed, (int64_t)nr_pages);
		zswap_count(&engine->counts.pages[ZSWAP_EMPTY], (int64_t)nr_pages);
	}
	zs_share_unlock(&engine->gate, true);
	return *first == ZSWAP_NONE ? -ENOMEM : 0;
}

void zswap_engine_forget(struct zswap_engine *engine, uint32_t first, uint64_t nr_pages)
{
	zs_share_lock(&engine->gate, true);
	zswap_table_remove(&engine->table, first, nr_pages);
	zswap_count(&engine->counts.managed, -(int64_t)nr_pages);
	zswap_count(&engine->counts.pages[ZSWAP_EMPTY], -(int64_t)nr_pages);
	zs_share_unlock(&engine->gate, true);
}

/* ---- what they are ---- */

/* context: the page's group is locked alone */
typedef void each_fn(struct zswap_engine *engine, uint32_t page);

/* Pages of one group, unless none like them was ever in use. Returns how many there are from this one on. */
static uint32_t each_of_group(struct zswap_engine *engine, uint32_t page, uint64_t most, each_fn *each)
{
	struct zs_share_lock *lock = zswap_lock_of(&engine->table, page);
	unsigned int nr = zswap_group_rest(&engine->table, page);

	nr = nr < most ? nr : (unsigned int)most;
	if (!zswap_table_is_used(&engine->table, page))
		return nr;
	zs_share_lock(lock, true);
	for (unsigned int i = 0; i < nr; i++)
		each(engine, page + i);
	zs_share_unlock(lock, true);
	return nr;
}

static void each_page(struct zswap_engine *engine, uint32_t first, uint64_t nr_pages, each_fn *each)
{
	for (uint64_t done = 0; done < nr_pages && zswap_page_of(&engine->table, first + (uint32_t)done);)
		done += each_of_group(engine, first + (uint32_t)done, nr_pages - done, each);
}

static void drop_page(struct zswap_engine *engine, uint32_t page)
{
	if (zswap_slot_kind(zswap_look(zswap_page_of(&engine->table, page))) != ZSWAP_EMPTY)
		zswap_move_to(engine, page, ZSWAP_EMPTY, ZSWAP_NEWEST);
}

void zswap_engine_drop(struct zswap_engine *engine, uint32_t first, uint64_t nr_pages)
{
	zs_share_lock(&engine->gate, false);
	each_page(engine, first, nr_pages, drop_page);
	zs_share_unlock(&engine->gate, false);
}

uint64_t zswap_engine_find_away(const struct zswap_engine *engine, uint32_t first, uint64_t nr_pages)
{
	const uint32_t block = 1u << ZSWAP_ENTRIES_SHIFT;
	uint64_t i = 0;

	while (i < nr_pages) {
		uint32_t page = first + (uint32_t)i;

		if (!zswap_table_is_used(&engine->table, page))
			i += block - page % block;
		else if (!zswap_is_away(zswap_page_of(&engine->table, page)))
			i++;
		else
			return i;
	}
	return nr_pages;
}

static void lose_page(struct zswap_engine *engine, uint32_t page)
{
	zswap_move_to(engine, page, ZSWAP_GONE, ZSWAP_NEWEST);
}

/* A number may be gone by now: who unmaps the same at the same time was faster. context: gate shared */
static void note_use(struct zswap_engine *engine, uint32_t page)
{
	if (zswap_page_of(&engine->table, page))
		zswap_table_note_use(&engine->table, page);
}

/* Read-ahead stays in its group: groups that are not in use need a mark only if some of them stays. */
void zswap_engine_unmap(struct zswap_engine *engine, uint32_t first, uint64_t nr_pages)
{
	uint32_t end = first + (uint32_t)nr_pages;

	zs_share_lock(&engine->gate, false);
	if (first % ZSWAP_GROUP_PAGES)
		note_use(engine, first);
	if (end % ZSWAP_GROUP_PAGES)
		note_use(engine, end - 1);
	each_page(engine, first, nr_pages, lose_page);
	zs_share_unlock(&engine->gate, false);
}

/* ---- advice ---- */

static void cool_page(struct zswap_engine *engine, uint32_t page)
{
	if (zswap_slot_is_resident(zswap_look(zswap_page_of(&engine->table, page))))
		zswap_move_to(engine, page, ZSWAP_RESIDENT | ZSWAP_OLD | ZSWAP_COLD_PAGE, ZSWAP_OLDEST);
}

void zswap_engine_cold(struct zswap_engine *engine, uint32_t first, uint64_t nr_pages)
{
	zs_share_lock(&engine->busy, false);
	zs_share_lock(&engine->gate, false);
	each_page(engine, first, nr_pages, cool_page);
	zs_share_unlock(&engine->gate, false);
	zs_share_unlock(&engine->busy, false);
}

/* Of a page that just comes the lock tells: who has got it may ask before that is noted. context: gate shared */
static bool is_resident(struct zswap_engine *engine, uint32_t number)
{
	const struct zswap_page *page = zswap_page_of(&engine->table, number);
	bool is;

	if (!page)
		return false;
	zs_share_lock(zswap_lock_of(&engine->table, number), false);
	is = zswap_slot_is_resident(zswap_look(page));
	zs_share_unlock(zswap_lock_of(&engine->table, number), false);
	return is;
}

/* The next resident pages of a range, up to a batch of them. Returns where it stopped. context: gate shared */
static uint64_t gather_resident(struct zswap_engine *engine, uint32_t first, uint64_t nr_pages, uint32_t *page,
				unsigned int *nr)
{
	uint64_t i = 0;

	for (*nr = 0; i < nr_pages && *nr < ZSWAP_BATCH_PAGES; i++)
		if (is_resident(engine, first + (uint32_t)i))
			page[(*nr)++] = first + (uint32_t)i;
	return i;
}

static uint64_t evict_batch(struct zswap_engine *engine, struct zswap_lane *lane, uint32_t first, uint64_t nr_pages)
{
	uint32_t page[ZSWAP_BATCH_PAGES];
	unsigned int nr;
	uint64_t done;

	zs_share_lock(&engine->gate, false);
	done = gather_resident(engine, first, nr_pages, page, &nr);
	zs_share_unlock(&engine->gate, false);
	if (nr)
		zswap_evict_pages(engine, lane, page, nr);
	return done;
}

void zswap_engine_evict(struct zswap_engine *engine, uint32_t first, uint64_t nr_pages)
{
	struct zswap_lane *lane;

	zs_share_lock(&engine->busy, false);
	lane = zswap_lane_get(&engine->lanes);
	for (uint64_t i = 0; i < nr_pages;) {
		if (zswap_writeback_is_due(engine))
			zswap_writeback_once(engine);
		i += evict_batch(engine, lane, first + (uint32_t)i, nr_pages - i);
	}
	zswap_lane_put(&engine->lanes, lane);
	zs_share_unlock(&engine->busy, false);
}
