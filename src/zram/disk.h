/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The disk's own: its slots, their locks, its pool, and its figures. Sixteen pages in a row share a lock: a read shares
 * it while it decompresses, so that nobody frees the object meanwhile; a write has it alone only while it swaps the
 * slot, and compresses before that. A write of a part of a page has it alone all the while.
 */
#ifndef ZRAM_DISK_H
#define ZRAM_DISK_H

#include "scratch.h"
#include "zram.h"
#include "zsmalloc.h"

#define ZRAM_GROUP_SHIFT 4 /* log2 of the pages that share a lock */
/* Slots of a page of memory, which is counted from the first of them that is used. */
#define ZRAM_TABLE_SHIFT 9

struct zram_traffic {
	uint64_t requests;
	uint64_t bytes; /* of those that did not fail */
	uint64_t failed;
};

struct zram_counts {
	uint64_t objects; /* pages that are compressed or raw */
	uint64_t stored_bytes;
	uint64_t same_pages;
	uint64_t huge_pages;
	uint64_t huge_pages_since;
	struct zram_traffic read;
	struct zram_traffic written;
	uint64_t invalid_io;
	uint64_t notify_free;
	uint64_t table_bytes; /* of slots and locks in use */
	uint64_t peak_bytes;
};

struct zram {
	struct zs_pool *pool;
	uint64_t nr_pages;
	uint64_t *slots; /* address space, whose memory comes when it is touched, as that of all three */
	struct zram_group_lock *locks;
	uint8_t *in_use;   /* a byte for each page of slots */
	size_t huge_bytes; /* compressed sizes from here on are no better than a page */
	uint64_t limit_bytes;
	struct zram_scratches scratches;
	struct zram_counts counts; /* each changed atomically */
};

static inline void zram_count(uint64_t *count, int64_t more)
{
	__atomic_fetch_add(count, (uint64_t)more, __ATOMIC_RELAXED);
}

static inline uint64_t zram_counted(const uint64_t *count)
{
	return __atomic_load_n(count, __ATOMIC_RELAXED);
}

static inline struct zram_group_lock *zram_lock_of(struct zram *zram, uint64_t page)
{
	return &zram->locks[page >> ZRAM_GROUP_SHIFT];
}

/* All memory of the disk now. */
uint64_t zram_used_bytes(const struct zram *zram);

/* Returns the same, which may be the most that there was, and is noted then. */
uint64_t zram_note_peak(struct zram *zram);

#endif
