/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * All memory of a pool: pages for objects from the host's source, the metadata heap, and the count of both.
 *
 * Lock-free counters, touched only when the pool grows or shrinks; empty pages are counted by their classes, under the
 * class lock.
 */
#ifndef ZS_CORE_MEMORY_H
#define ZS_CORE_MEMORY_H

#include "meta.h"
#include "records.h"
#include "size_class.h"

struct zs_memory {
	struct zs_source *source;
	bool contiguous;         /* constant: zspages are contiguous */
	bool is_tended;          /* constant: somebody returns empty pages in the background */
	bool clears;             /* constant: no content of objects is left where they were */
	unsigned int page_shift; /* constant */
	struct zs_footprint footprint;
	zs_atomic_long nr_pages; /* held: present, being returned, or in somebody's supplies */
	zs_atomic_long nr_empty; /* present and empty */
	struct zs_meta meta;
#if ZS_HOST_TABLES
	struct zs_records records;
#endif
};

/* Pages on their way between the source and a zspage. Contiguous pages are a mere number (they were reserved). */
struct zs_pages {
	unsigned int nr;
	void *at[ZS_MAX_SLOT_PAGES];
};

/* Brings pages->nr up to nr. Result: 0, or -ENOMEM with what was had kept. context: no lock. */
int zs_memory_get_pages(struct zs_memory *memory, struct zs_pages *pages, unsigned int nr, unsigned int flags);

/* Moves pages from one collection to another, as many as are in from and as fit below max. */
void zs_memory_move_pages(const struct zs_memory *memory, struct zs_pages *from, struct zs_pages *to, unsigned int max);

/* Gives all of pages back. context: no lock. */
void zs_memory_put_pages(struct zs_memory *memory, struct zs_pages *pages);

/* The share of empty pages that a contiguous source may keep back, in pages: 1/128 of what the pool holds. */
static inline unsigned long zs_memory_empty_allowance(const struct zs_memory *memory)
{
	return memory->contiguous ? zs_host_load_long(&memory->nr_pages) >> 7 : 0;
}

/* How many there may be before who frees has to return some: a quarter of all where somebody else does it. */
static inline unsigned long zs_memory_empty_bound(const struct zs_memory *memory)
{
	return memory->is_tended ? zs_host_load_long(&memory->nr_pages) >> 2 : zs_memory_empty_allowance(memory);
}

#endif
