/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Which pages come with the one that has a fault: where those beside it mostly have theirs soon, too.
 *
 * A stream remembers the page at which the last fault in its stretch of memory would be followed by the next one of a
 * walk, and how many pages came with it. A fault at just that page brings twice as many, within its group.
 *
 * Several walks at once, or backward, as of a garbage collector through objects of several sizes, look like none to a
 * stream. But each of them comes to all pages of a block of four. So it is counted how many blocks that had a fault
 * have a second one within 256 faults. Where a quarter have, the second one brings what is still away; where half have,
 * the first one brings all. Of these one in eight is left alone all the same, to see whether that still holds. The
 * same is true of pages that were never touched.
 */
#include "parts.h"

#define STRETCH_SHIFT 10 /* pages that share a stream and an opinion */

/* Which of so many words a number has, a power of two. Mappings have numbers 65,536 apart, so these are mixed. */
static unsigned int word_of(uint32_t number, unsigned int nr_words)
{
	return number * 0x9e3779b9u >> 16 & (nr_words - 1);
}

static unsigned int stretch_of(uint32_t page)
{
	return word_of(page >> STRETCH_SHIFT, ZSWAP_NR_STRETCHES);
}

/* ---- streams ---- */

static uint64_t *stream_of(struct zswap_engine *engine, uint32_t page)
{
	return &engine->streams[stretch_of(page)];
}

unsigned int zswap_ahead_window(struct zswap_engine *engine, uint32_t page)
{
	uint64_t stream = __atomic_load_n(stream_of(engine, page), __ATOMIC_RELAXED);
	unsigned int nr = 1, rest = zswap_group_rest(&engine->table, page);

	if (stream && stream >> 32 == page)
		nr = (unsigned int)(stream & UINT32_MAX) * 2;
	return nr < rest ? nr : rest;
}

void zswap_ahead_note(struct zswap_engine *engine, uint32_t page, unsigned int nr)
{
	uint64_t next = (uint64_t)(page + nr) << 32 | nr;

	__atomic_store_n(stream_of(engine, page + nr), next, __ATOMIC_RELAXED);
}

/* ---- blocks ---- */

#define SOON_FAULTS 256u
#define LOOKED_AT 8u /* one block in so many is left alone */

/* Of blocks that had a fault and were left alone, how many had a second one. */
static uint64_t *opinion_of(struct zswap_engine *engine, uint32_t page)
{
	return &engine->opinions[stretch_of(page)];
}

static bool is_share(const struct zswap_opinion *opinion, uint32_t one_in)
{
	return zswap_opinion_is_known(opinion) && zswap_opinion_is_share(opinion, 1, one_in);
}

/* Whether blocks are used as a whole. */
static bool is_whole(const struct zswap_opinion *opinion)
{
	return is_share(opinion, 2);
}

/* ---- first faults ---- */

/* Which block of those that share this word had its first fault last, and at which fault of all. */
static uint64_t *opening_of(struct zswap_engine *engine, uint32_t page)
{
	return &engine->openings[word_of(page / ZSWAP_BLOCK_PAGES, ZSWAP_NR_OPENINGS)];
}

static void note_opening(struct zswap_engine *engine, uint32_t page)
{
	uint64_t now = (uint32_t)zswap_counted(&engine->counts.faults);

	__atomic_store_n(opening_of(engine, page), (uint64_t)(page / ZSWAP_BLOCK_PAGES) << 32 | now, __ATOMIC_RELAXED);
}

/* What stays for long as there is room for it tells of no walk. */
static bool was_opened_lately(struct zswap_engine *engine, uint32_t page)
{
	uint64_t opening = __atomic_load_n(opening_of(engine, page), __ATOMIC_RELAXED);
	uint32_t now = (uint32_t)zswap_counted(&engine->counts.faults);

	return opening >> 32 == page / ZSWAP_BLOCK_PAGES && now - (uint32_t)opening < SOON_FAULTS;
}

/* ---- what comes ---- */

/* Whether the first fault of a block brings all of it. */
static bool comes_at_once(struct zswap_engine *engine, uint32_t page)
{
	struct zswap_opinion opinion = zswap_opinion_look(opinion_of(engine, page));

	if (is_whole(&opinion) && zswap_counted(&engine->counts.faults) % LOOKED_AT)
		return true;
	opinion.nr_seen++;
	zswap_opinion_note(opinion_of(engine, page), opinion);
	note_opening(engine, page);
	return false;
}

/* Whether the second one brings the rest. */
static bool comes_with_second(struct zswap_engine *engine, uint32_t page)
{
	struct zswap_opinion opinion = zswap_opinion_look(opinion_of(engine, page));

	if (!was_opened_lately(engine, page))
		return false;
	opinion.nr_such += opinion.nr_such < opinion.nr_seen;
	zswap_opinion_note(opinion_of(engine, page), opinion);
	return is_share(&opinion, 4);
}

typedef bool page_is(const struct zswap_page *page);

static bool is_guest(const struct zswap_page *page)
{
	return zswap_slot_is_guest(page->slot);
}

static bool is_empty(const struct zswap_page *page)
{
	return page->slot == ZSWAP_EMPTY;
}

/* How many of a block's pages are so. */
static unsigned int count(struct zswap_engine *engine, uint32_t first, page_is *is)
{
	const struct zswap_page *page = zswap_page_of(&engine->table, first);
	unsigned int nr = zswap_block_rest(&engine->table, first), nr_such = 0;

	for (unsigned int i = 0; i < nr; i++)
		nr_such += is(&page[i]);
	return nr_such;
}

unsigned int zswap_ahead_block(struct zswap_engine *engine, uint32_t page, bool is_special, uint32_t *first)
{
	unsigned int nr, nr_guests;

	*first = zswap_block_first(page);
	nr = zswap_block_rest(&engine->table, *first);
	nr_guests = count(engine, *first, is_guest);
	if (nr_guests)
		return nr_guests == 1 && comes_with_second(engine, page) ? nr : 0;
	if (is_special || count(engine, *first, zswap_is_away) < 2)
		return 0;
	return comes_at_once(engine, page) ? nr : 0;
}

unsigned int zswap_ahead_part(struct zswap_engine *engine, uint32_t page, uint32_t *first)
{
	struct zswap_opinion opinion = zswap_opinion_look(opinion_of(engine, page));

	*first = is_whole(&opinion) ? zswap_block_first(page) : page;
	return is_whole(&opinion) ? zswap_block_rest(&engine->table, *first) : 1;
}

unsigned int zswap_ahead_empty(struct zswap_engine *engine, uint32_t page)
{
	uint32_t first = zswap_block_first(page);
	unsigned int nr = zswap_block_rest(&engine->table, first), nr_empty = count(engine, first, is_empty);
	bool comes = false;

	if (nr_empty == nr)
		comes = comes_at_once(engine, page);
	else if (nr_empty == nr - 1)
		comes = comes_with_second(engine, page);
	return comes ? zswap_block_rest(&engine->table, page) : 1;
}
