/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Chunks of pages.
 */
#include "table.h"

#include <errno.h>

#include "reserve.h"

/* What is counted for a block: its page, and its locks. */
#define BLOCK_BYTES                                                                                                    \
	(ZSWAP_PAGE_BYTES + (1u << ZSWAP_ENTRIES_SHIFT) * sizeof(uint16_t) +                                           \
	 (1u << (ZSWAP_ENTRIES_SHIFT - ZSWAP_GROUP_SHIFT)) * sizeof(struct zs_share_lock) + 1)

int zswap_table_create(struct zswap_table *table)
{
	table->used_bytes = table->first_free = 0;
	table->chunks = zs_reserve(ZSWAP_NR_CHUNKS * sizeof(struct zswap_chunk));
	return table->chunks ? 0 : -ENOMEM;
}

void zswap_table_destroy(struct zswap_table *table)
{
	if (!table->chunks)
		return;
	for (uint32_t i = 0; i < ZSWAP_NR_CHUNKS; i++)
		zs_unreserve(table->chunks[i].pages, table->chunks[i].bytes);
	zs_unreserve(table->chunks, ZSWAP_NR_CHUNKS * sizeof(struct zswap_chunk));
}

static uint32_t chunks_for(uint64_t nr_pages)
{
	return (uint32_t)((nr_pages + ZSWAP_CHUNK_PAGES - 1) >> ZSWAP_CHUNK_SHIFT);
}

/* The first of so many in a row that nobody has; ZSWAP_NR_CHUNKS: there are none. */
static uint32_t find_chunks(const struct zswap_table *table, uint32_t nr)
{
	uint32_t nr_free = 0;

	for (uint32_t i = table->first_free; i < ZSWAP_NR_CHUNKS; i++) {
		nr_free = table->chunks[i].pages ? 0 : nr_free + 1;
		if (nr_free == nr)
			return i + 1 - nr;
	}
	return ZSWAP_NR_CHUNKS;
}

/* One piece of address space: the pages, then the locks, then what is in use. */
static int add_chunk(struct zswap_chunk *chunk, uint32_t nr_pages)
{
	size_t nr_groups = (nr_pages + ZSWAP_GROUP_PAGES - 1) >> ZSWAP_GROUP_SHIFT;
	size_t nr_blocks = (nr_pages >> ZSWAP_ENTRIES_SHIFT) + 1;

	chunk->bytes = nr_pages * (sizeof(struct zswap_page) + sizeof(uint16_t)) +
		       nr_groups * sizeof(struct zs_share_lock) + nr_blocks;
	chunk->pages = zs_reserve(chunk->bytes);
	if (!chunk->pages)
		return -ENOMEM;
	chunk->locks = (struct zs_share_lock *)(chunk->pages + nr_pages);
	chunk->gone = (uint16_t *)(chunk->locks + nr_groups);
	chunk->in_use = (uint8_t *)(chunk->gone + nr_pages);
	chunk->nr_pages = nr_pages;
	return 0;
}

static void remove_chunk(struct zswap_table *table, struct zswap_chunk *chunk)
{
	uint64_t used_bytes = 0;

	if (!chunk->pages)
		return;
	for (uint32_t block = 0; block <= chunk->nr_pages >> ZSWAP_ENTRIES_SHIFT; block++)
		used_bytes += chunk->in_use[block] ? BLOCK_BYTES : 0;
	__atomic_fetch_sub(&table->used_bytes, used_bytes, __ATOMIC_RELAXED); /* it is read at any time */
	zs_unreserve(chunk->pages, chunk->bytes);
	*chunk = (struct zswap_chunk){ 0 };
}

static uint32_t pages_of_chunk(uint64_t nr_pages, uint32_t i)
{
	uint64_t rest = nr_pages - ((uint64_t)i << ZSWAP_CHUNK_SHIFT);

	return rest < ZSWAP_CHUNK_PAGES ? (uint32_t)rest : ZSWAP_CHUNK_PAGES;
}

uint32_t zswap_table_add(struct zswap_table *table, uint64_t nr_pages)
{
	uint32_t nr, first;

	if (!nr_pages || nr_pages > (uint64_t)ZSWAP_NR_CHUNKS << ZSWAP_CHUNK_SHIFT)
		return ZSWAP_NONE;
	nr = chunks_for(nr_pages);
	first = find_chunks(table, nr);
	if (first == ZSWAP_NR_CHUNKS)
		return ZSWAP_NONE;
	for (uint32_t i = 0; i < nr; i++)
		if (add_chunk(&table->chunks[first + i], pages_of_chunk(nr_pages, i))) {
			zswap_table_remove(table, first << ZSWAP_CHUNK_SHIFT, (uint64_t)i << ZSWAP_CHUNK_SHIFT);
			return ZSWAP_NONE;
		}
	while (table->first_free < ZSWAP_NR_CHUNKS && table->chunks[table->first_free].pages)
		table->first_free++;
	return first << ZSWAP_CHUNK_SHIFT;
}

void zswap_table_remove(struct zswap_table *table, uint32_t first, uint64_t nr_pages)
{
	uint32_t at = first >> ZSWAP_CHUNK_SHIFT;

	if (at < table->first_free)
		table->first_free = at;
	for (uint32_t i = 0; i < chunks_for(nr_pages); i++)
		remove_chunk(table, &table->chunks[at + i]);
}

void zswap_table_note_use(struct zswap_table *table, uint32_t page)
{
	uint8_t *in_use = &zswap_chunk_of(table, page)->in_use[(page & (ZSWAP_CHUNK_PAGES - 1)) >> ZSWAP_ENTRIES_SHIFT];

	if (!__atomic_load_n(in_use, __ATOMIC_RELAXED) && !__atomic_exchange_n(in_use, 1, __ATOMIC_RELAXED))
		__atomic_fetch_add(&table->used_bytes, BLOCK_BYTES, __ATOMIC_RELAXED);
}
