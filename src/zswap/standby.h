/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Pages that were taken from the program and are not packed yet, in batches, the oldest batch first. A fault on one of
 * them gives it back as it is: so a page that is in use after all is found, and stays (segmented FIFO, Turner and Levy
 * 1981). What it had here is given back with the rest of its batch.
 *
 * A batch is filled by who reserved it, held, and emptied by who claimed it; its content does not change meanwhile. Its
 * memory may be kept then, as a spare one, in which pages are unpacked that are given to the program as they are.
 *
 * Locks: one of their states and lists, innermost.
 */
#ifndef ZSWAP_STANDBY_H
#define ZSWAP_STANDBY_H

#include <stdbool.h>

#include "managed.h"
#include "share_lock.h"
#include "page_slot.h"

#define ZSWAP_BATCH_PAGES 64u

enum zswap_batch_state {
	ZSWAP_BATCH_FREE,
	ZSWAP_BATCH_FILLING,
	ZSWAP_BATCH_HELD,
	ZSWAP_BATCH_CLAIMED,
	ZSWAP_BATCH_SPARE
};

struct zswap_batch {
	struct zswap_batch *next; /* in the list that it is in */
	enum zswap_batch_state state;
	unsigned int nr;
	unsigned int nr_spent; /* of a spare one, so many of the first pages are not there any more */
	uint64_t first;        /* the place of its first page */
	unsigned char *at;
	uint32_t page[ZSWAP_BATCH_PAGES];
	/* What a page came from, as a slot; 0: nothing is kept. It is the group's lock's until the page leaves. */
	uint64_t copy[ZSWAP_BATCH_PAGES];
};

/* The first is the next to be taken. */
struct zswap_batch_list {
	struct zswap_batch *first;
	struct zswap_batch *last;
};

struct zswap_standby {
	struct zs_share_lock lock;
	const struct zswap_memory *memory;
	struct zswap_batch *batches;
	uint32_t nr_batches;
	struct zswap_batch_list free;
	struct zswap_batch_list held;
	struct zswap_batch_list spare;
	uint32_t nr_free;    /* batches; changed with the lock, as the lists */
	uint64_t nr_pages;   /* in batches, in use or not */
	uint64_t nr_spare;   /* of those, in spare ones */
	uint32_t nr_changes; /* a futex: how often a batch was held or released */
	uint32_t nr_waiting;
};

/* Result: 0 or -ENOMEM. */
int zswap_standby_create(struct zswap_standby *standby, const struct zswap_memory *memory);
void zswap_standby_destroy(struct zswap_standby *standby);

/* A batch to be filled; NULL: all are in use. */
struct zswap_batch *zswap_standby_reserve(struct zswap_standby *standby);
/* It is filled: with batch->nr pages. */
void zswap_standby_hold(struct zswap_standby *standby, struct zswap_batch *batch);
/* The oldest one that is held; NULL: there is none. */
struct zswap_batch *zswap_standby_claim(struct zswap_standby *standby);
/* Some of a claimed one is still needed: its turn comes again when all others have had theirs. */
void zswap_standby_hold_again(struct zswap_standby *standby, struct zswap_batch *batch);
/* Nothing in it is needed any more. */
void zswap_standby_release(struct zswap_standby *standby, struct zswap_batch *batch);
/* The same, but its memory stays: with batch->nr pages. */
void zswap_standby_spare(struct zswap_standby *standby, struct zswap_batch *batch);
/* A spare batch that has so many pages, which is the caller's until the next call; NULL: there is none. */
struct zswap_batch *zswap_standby_borrow(struct zswap_standby *standby, unsigned int nr);
/* So many of its pages were given away. */
void zswap_standby_spend(struct zswap_standby *standby, struct zswap_batch *batch, unsigned int nr);
/* A spare batch's memory goes back. Result: whether there was one. */
bool zswap_standby_drop_spare(struct zswap_standby *standby);

/* Until a batch is held or released, unless that was done since there were so many changes. */
void zswap_standby_wait(struct zswap_standby *standby, uint32_t nr_changes);

static inline uint32_t zswap_standby_changes(const struct zswap_standby *standby)
{
	return __atomic_load_n(&standby->nr_changes, __ATOMIC_ACQUIRE);
}

static inline uint32_t zswap_standby_free_batches(const struct zswap_standby *standby)
{
	return __atomic_load_n(&standby->nr_free, __ATOMIC_RELAXED);
}

static inline uint64_t zswap_standby_pages(const struct zswap_standby *standby)
{
	return __atomic_load_n(&standby->nr_pages, __ATOMIC_RELAXED);
}

/* Where the copy of the page at a place is noted. */
static inline uint64_t *zswap_standby_copy(const struct zswap_standby *standby, uint64_t place)
{
	return &standby->batches[place / ZSWAP_BATCH_PAGES].copy[place % ZSWAP_BATCH_PAGES];
}

static inline uint64_t zswap_standby_spare_pages(const struct zswap_standby *standby)
{
	return __atomic_load_n(&standby->nr_spare, __ATOMIC_RELAXED);
}

/* The first page of a spare batch that is there. */
static inline unsigned char *zswap_standby_rest(const struct zswap_batch *batch)
{
	return batch->at + (size_t)batch->nr_spent * ZSWAP_PAGE_BYTES;
}

static inline const unsigned char *zswap_standby_content(const struct zswap_standby *standby, uint64_t place)
{
	return standby->memory->standby + place * ZSWAP_PAGE_BYTES;
}

#endif
