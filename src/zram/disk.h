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
#define ZRAM_GROUP_PAGES (1u << ZRAM_GROUP_SHIFT)
/* Slots of a page of memory, which is counted from the first of them that is used. */
#define ZRAM_TABLE_SHIFT 9

struct zram_traffic {
	uint64_t requests;
	uint64_t bytes; /* of those that did not fail */
	uint64_t failed;
};

struct zram_counts {
	uint64_t pages;        /* with an object, of their own or a unit's */
	uint64_t stored_bytes; /* of all these objects; of units with what is dead in them */
	uint64_t dead_bytes;   /* of units, for pages that live no more */
	uint64_t units;
	uint64_t unit_pages;    /* of units, that live */
	uint64_t bd_pages;      /* pages in the store */
	uint64_t backing_bytes; /* their bytes */
	uint64_t bd_reads;
	uint64_t bd_writes;
	uint64_t bd_failures; /* writes that failed */
	uint64_t shared_pages;
	uint64_t dedup_saved_bytes; /* what shared objects would take besides if each page had its own */
	uint64_t strong_pages;      /* alone, by the stronger codec */
	uint64_t recompressed;      /* pages packed again since the disk was made */
	uint64_t recompress_saved_bytes;
	uint64_t background_ns;
	uint64_t unpacked; /* pages of units that were put by themselves again */
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

/* What the disk does by itself: see walk.c. */
struct zram_walk {
	struct zs_share_lock lock; /* of all of it: one walks at a time */
	uint64_t period_ns;        /* from one walk that makes pages older to the next; 0: there are none */
	uint64_t begun_ns;         /* the last of any kind; 0: none yet */
	uint64_t next_ns;          /* when pages are made older next */
	uint64_t group;            /* the next to be looked at */
	uint32_t quiet_every;      /* of walks that make older, one in so many finds groups quiet */
	uint32_t nr_aging;         /* such walks */
	bool under_way;
	bool ages;      /* this walk makes pages older */
	bool cancelled; /* orders end early */
};

struct zram_dedup;
struct zram_writeback;

struct zram {
	struct zs_pool *pool;
	uint64_t nr_pages;
	uint64_t *slots; /* address space, whose memory comes when it is touched, as that of all tables here */
	struct zs_share_lock *locks;
	/* A byte for each group: to pack its pages again gained nothing, and none of them was written since. */
	uint8_t *given_up;
	uint8_t *in_use;   /* a byte for each page of slots */
	size_t huge_bytes; /* compressed sizes from here on are no better than a page */
	uint64_t limit_bytes;
	uint32_t unit_pages; /* packed together at most */
	struct zram_walk walk;
	struct zram_dedup *dedup;         /* NULL: off */
	struct zram_writeback *writeback; /* NULL: off */
	uint16_t *quiet;                  /* with it: how often a group was found untouched */
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

static inline uint64_t zram_nr_groups(const struct zram *zram)
{
	return (zram->nr_pages + ZRAM_GROUP_PAGES - 1) >> ZRAM_GROUP_SHIFT;
}

/* The first page of a page's group. */
static inline uint64_t zram_group_first(uint64_t page)
{
	return page & ~(uint64_t)(ZRAM_GROUP_PAGES - 1);
}

/* How many pages the group has: the last one may lack some. */
static inline unsigned int zram_group_pages(const struct zram *zram, uint64_t page)
{
	uint64_t left = zram->nr_pages - zram_group_first(page);

	return left < ZRAM_GROUP_PAGES ? (unsigned int)left : ZRAM_GROUP_PAGES;
}

static inline struct zs_share_lock *zram_lock_of(struct zram *zram, uint64_t page)
{
	return &zram->locks[page >> ZRAM_GROUP_SHIFT];
}

/* Whether slots like a page's, those in the same page of memory, were ever used. */
static inline bool zram_is_in_use(const struct zram *zram, uint64_t page)
{
	return __atomic_load_n(&zram->in_use[page >> ZRAM_TABLE_SHIFT], __ATOMIC_RELAXED) != 0;
}

/* A page is read or written by who uses the disk. context: its group is locked. */
static inline void zram_touch(struct zram *zram, uint64_t page)
{
	uint16_t *quiet = zram->quiet ? &zram->quiet[page >> ZRAM_GROUP_SHIFT] : NULL;

	if (quiet && __atomic_load_n(quiet, __ATOMIC_RELAXED))
		__atomic_store_n(quiet, 0, __ATOMIC_RELAXED);
}

/* All memory of the disk now. */
uint64_t zram_used_bytes(const struct zram *zram);

/* Whether the limit leaves room for so many bytes more. */
bool zram_fits(const struct zram *zram, uint64_t more_bytes);

/* Returns what zram_used_bytes() does, which may be the most that there was, and is noted then. */
uint64_t zram_note_peak(struct zram *zram);

#endif
