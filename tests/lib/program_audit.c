/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Whether the engine's books agree with its table.
 */
#include <stdio.h>

#include "parts.h"
#include "program.h"

struct sums {
	uint64_t pages[ZSWAP_NR_KINDS];
	uint64_t managed;
	uint64_t packed_bytes;
	uint64_t nr_copies;
	uint64_t used_blocks;
};

/* ---- the table ---- */

static const char *audit_standby(const struct zswap_engine *engine, uint32_t number, uint64_t place)
{
	const struct zswap_batch *batch = &engine->standby.batches[place / ZSWAP_BATCH_PAGES];
	uint64_t at = place % ZSWAP_BATCH_PAGES;

	if (place / ZSWAP_BATCH_PAGES >= engine->standby.nr_batches)
		return "a page stands by beyond all batches";
	if (batch->state != ZSWAP_BATCH_HELD || at >= batch->nr || batch->page[at] != number)
		return "a page stands by in a batch that has not got it";
	return NULL;
}

/* Whether the program has a page that is elsewhere, too. */
static bool is_twice(const struct zswap_engine *engine, uint32_t number)
{
	const struct program *program = engine->memory.ctx;
	const struct zswap_page *page = zswap_page_of(&engine->table, number);

	return program->is_present[number] && zswap_is_away(page) && page->slot != ZSWAP_GONE && !program->has_unknown;
}

static const char *audit_page(const struct zswap_engine *engine, uint32_t number, struct sums *sums)
{
	uint64_t slot = zswap_page_of(&engine->table, number)->slot;
	enum zswap_kind kind = zswap_slot_kind(slot);

	if (kind >= ZSWAP_NR_KINDS)
		return "a page is of no kind";
	if (kind != ZSWAP_EMPTY && !zswap_table_is_used(&engine->table, number))
		return "a page has content where the table is not in use";
	if (is_twice(engine, number))
		return "a page is with the program, and elsewhere too";
	sums->pages[kind]++;
	sums->managed++;
	sums->nr_copies += kind == ZSWAP_COPIED ||
			   (kind == ZSWAP_STANDBY && *zswap_standby_copy(&engine->standby, zswap_slot_where(slot)));
	sums->packed_bytes += kind == ZSWAP_COPIED ? 0 : zswap_slot_bytes(slot);
	return kind == ZSWAP_STANDBY ? audit_standby(engine, number, zswap_slot_where(slot)) : NULL;
}

static const char *audit_chunk(const struct zswap_engine *engine, uint32_t chunk, struct sums *sums)
{
	const struct zswap_chunk *it = &engine->table.chunks[chunk];
	const char *wrong = NULL;

	for (uint32_t i = 0; i < it->nr_pages && !wrong; i++)
		wrong = audit_page(engine, (chunk << ZSWAP_CHUNK_SHIFT) + i, sums);
	for (uint32_t i = 0; it->pages && i <= it->nr_pages >> ZSWAP_ENTRIES_SHIFT; i++)
		sums->used_blocks += it->in_use[i];
	return wrong;
}

/* ---- the queues ---- */

/* Whether a page may be in a queue of pages of a kind: guests may have a copy. */
static bool is_at_home(const struct zswap_engine *engine, const struct zswap_queue *queue, uint64_t slot,
		       enum zswap_kind kind)
{
	if (queue == &engine->guests)
		return zswap_slot_is_guest(slot);
	return zswap_slot_kind(slot) == kind && !zswap_slot_is_guest(slot) &&
	       (queue != &engine->young || !(slot & ZSWAP_OLD));
}

/* From the newest on, each page is of the kind, and its neighbour knows it. */
static const char *audit_queue(const struct zswap_engine *engine, const struct zswap_queue *queue, enum zswap_kind kind,
			       uint64_t nr)
{
	uint32_t link = queue->newest, newer = UINT32_MAX;
	uint64_t seen = 0;

	for (; link && link != UINT32_MAX; seen++) {
		const struct zswap_page *page = zswap_page_of(&engine->table, link - 1);

		if (!page || !is_at_home(engine, queue, page->slot, kind) || page->newer != newer || seen > nr)
			return "a queue has a page that is not its";
		newer = link;
		link = page->older;
	}
	if (seen && queue->oldest != newer)
		return "a queue ends elsewhere";
	return seen == nr && queue->nr == nr ? NULL : "a page of a queue's kind is not in it";
}

static const char *audit_queues(const struct zswap_engine *engine, const struct sums *sums)
{
	const char *wrong = audit_queue(engine, &engine->young, ZSWAP_RESIDENT, engine->young.nr);

	if (!wrong)
		wrong = audit_queue(engine, &engine->old, ZSWAP_RESIDENT,
				    sums->pages[ZSWAP_RESIDENT] + sums->pages[ZSWAP_COPIED] - engine->young.nr -
					    engine->guests.nr);
	if (!wrong)
		wrong = audit_queue(engine, &engine->guests, ZSWAP_RESIDENT, engine->guests.nr);
	if (!wrong)
		wrong = audit_queue(engine, &engine->objects, ZSWAP_OBJECT, sums->pages[ZSWAP_OBJECT]);
	return wrong ? wrong : audit_queue(engine, &engine->raws, ZSWAP_RAW, sums->pages[ZSWAP_RAW]);
}

/* ---- all ---- */

static const char *audit_counts(const struct zswap_engine *engine, const struct sums *sums)
{
	for (unsigned int kind = 0; kind < ZSWAP_NR_KINDS; kind++)
		if (engine->counts.pages[kind] != sums->pages[kind])
			return "pages of a kind were counted otherwise";
	if (engine->counts.managed != sums->managed || engine->counts.packed_bytes != sums->packed_bytes)
		return "pages or bytes were counted otherwise";
	if (!sums->pages[ZSWAP_STORED] != !engine->counts.backing_bytes)
		return "the store has bytes without pages, or pages without bytes";
	return !sums->used_blocks == !engine->table.used_bytes ? NULL : "the table's memory was counted otherwise";
}

static const char *audit_batches(const struct zswap_engine *engine)
{
	uint64_t nr = 0;

	for (uint32_t i = 0; i < engine->standby.nr_batches; i++)
		nr += engine->standby.batches[i].nr - engine->standby.batches[i].nr_spent;
	return nr == engine->standby.nr_pages ? NULL : "batches were counted otherwise";
}

static const char *audit_pool(const struct zswap_engine *engine, const struct sums *sums)
{
	struct zs_pool_stats stats = { .size = sizeof(stats) };

	zs_pool_stats(engine->pool, &stats);
	if (stats.objects != sums->pages[ZSWAP_OBJECT] + sums->pages[ZSWAP_RAW] + sums->nr_copies)
		return "the pool has other objects than the pages";
	return zs_pool_verify(engine->pool) ? "the pool is damaged" : NULL;
}

const char *program_audit(struct zswap_engine *engine)
{
	struct sums sums = { .managed = 0 };
	const char *wrong = NULL;

	for (uint32_t chunk = 0; chunk < PROGRAM_CHUNKS && !wrong; chunk++)
		wrong = audit_chunk(engine, chunk, &sums);
	if (!wrong)
		wrong = audit_counts(engine, &sums);
	if (!wrong)
		wrong = audit_queues(engine, &sums);
	if (!wrong)
		wrong = audit_batches(engine);
	return wrong ? wrong : audit_pool(engine, &sums);
}
