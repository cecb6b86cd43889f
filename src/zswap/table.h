/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Pages by number. Numbers are given out in chunks of up to 65,536, each with its own memory: 18 bytes for a page and a
 * lock for sixteen in a row, which comes when it is touched.
 *
 * Locks: who adds or removes a chunk does it alone (see engine.h); a group's lock guards the slots of its pages.
 */
#ifndef ZSWAP_TABLE_H
#define ZSWAP_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "share_lock.h"
#include "page_slot.h"

#define ZSWAP_CHUNK_SHIFT 16
#define ZSWAP_CHUNK_PAGES (1u << ZSWAP_CHUNK_SHIFT)
#define ZSWAP_NR_CHUNKS 65535u /* the last number of all names none */
#define ZSWAP_NONE UINT32_MAX
#define ZSWAP_GROUP_SHIFT 4
#define ZSWAP_GROUP_PAGES (1u << ZSWAP_GROUP_SHIFT)
#define ZSWAP_BLOCK_PAGES 4u /* which come together where they are used together: see ahead.c */

struct zswap_page {
	uint64_t slot;
	/* Its neighbours in the queue that it is in: see queue.h. */
	uint32_t newer;
	uint32_t older;
};

struct zswap_chunk {
	struct zswap_page *pages; /* NULL: nobody has these numbers */
	struct zs_share_lock *locks;
	uint16_t *gone;  /* when each page was taken last: see regulars.c */
	uint8_t *in_use; /* a byte for each page of the table */
	size_t bytes;
	uint32_t nr_pages;
};

struct zswap_table {
	struct zswap_chunk *chunks; /* address space, whose memory comes when it is touched */
	uint64_t used_bytes;        /* of chunks, as far as they are touched */
	uint32_t first_free;        /* somebody has each chunk before this one */
};

/* Result: 0 or -ENOMEM. */
int zswap_table_create(struct zswap_table *table);
void zswap_table_destroy(struct zswap_table *table);

/* Numbers for so many pages in a row. Result: the first one's, or ZSWAP_NONE: no memory, or no numbers. */
uint32_t zswap_table_add(struct zswap_table *table, uint64_t nr_pages);
/* Gives all of them back: first is what zswap_table_add() said. */
void zswap_table_remove(struct zswap_table *table, uint32_t first, uint64_t nr_pages);

static inline struct zswap_chunk *zswap_chunk_of(const struct zswap_table *table, uint32_t page)
{
	return &table->chunks[page >> ZSWAP_CHUNK_SHIFT];
}

/* NULL: there is none. */
static inline struct zswap_page *zswap_page_of(const struct zswap_table *table, uint32_t page)
{
	const struct zswap_chunk *chunk = zswap_chunk_of(table, page);
	uint32_t at = page & (ZSWAP_CHUNK_PAGES - 1);

	return at < chunk->nr_pages ? &chunk->pages[at] : NULL;
}

static inline struct zs_share_lock *zswap_lock_of(const struct zswap_table *table, uint32_t page)
{
	return &zswap_chunk_of(table, page)->locks[(page & (ZSWAP_CHUNK_PAGES - 1)) >> ZSWAP_GROUP_SHIFT];
}

static inline uint16_t *zswap_gone_of(const struct zswap_table *table, uint32_t page)
{
	return &zswap_chunk_of(table, page)->gone[page & (ZSWAP_CHUNK_PAGES - 1)];
}

/* How many of the pages from this one on are in its group. */
static inline unsigned int zswap_group_rest(const struct zswap_table *table, uint32_t page)
{
	unsigned int rest = ZSWAP_GROUP_PAGES - (page & (ZSWAP_GROUP_PAGES - 1));
	uint32_t left = zswap_chunk_of(table, page)->nr_pages - (page & (ZSWAP_CHUNK_PAGES - 1));

	return left < rest ? left : rest;
}

static inline uint32_t zswap_block_first(uint32_t page)
{
	return page & ~(ZSWAP_BLOCK_PAGES - 1);
}

/* As zswap_group_rest(), of its block. */
static inline unsigned int zswap_block_rest(const struct zswap_table *table, uint32_t page)
{
	unsigned int rest = ZSWAP_BLOCK_PAGES - (page & (ZSWAP_BLOCK_PAGES - 1));
	unsigned int left = zswap_group_rest(table, page);

	return left < rest ? left : rest;
}

/* The table's pages are counted by blocks of so many entries. */
#define ZSWAP_ENTRIES_SHIFT 8

/* Whether entries like a page's, those in the same page of memory, were ever used. */
static inline bool zswap_table_is_used(const struct zswap_table *table, uint32_t page)
{
	uint32_t block = (page & (ZSWAP_CHUNK_PAGES - 1)) >> ZSWAP_ENTRIES_SHIFT;

	return __atomic_load_n(&zswap_chunk_of(table, page)->in_use[block], __ATOMIC_RELAXED) != 0;
}

/* Counts the memory of a page's entry, if it is the first one there that is used. */
void zswap_table_note_use(struct zswap_table *table, uint32_t page);

#endif
