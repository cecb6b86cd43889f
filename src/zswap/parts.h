/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The engine's own, for its files.
 */
#ifndef ZSWAP_PARTS_H
#define ZSWAP_PARTS_H

#include "engine.h"
#include "lane.h"
#include "log.h"
#include "opinion.h"
#include "queue.h"
#include "replay.h"
#include "standby.h"
#include "table.h"
#include "zsmalloc.h"

#define ZSWAP_NR_KINDS 8
#define ZSWAP_NR_STRETCHES 16u /* a power of two, as the next */
#define ZSWAP_NR_OPENINGS 256u

struct zswap_counts {
	uint64_t pages[ZSWAP_NR_KINDS]; /* of each kind */
	uint64_t managed;
	uint64_t packed_bytes; /* of objects in the pool, without copies */
	uint64_t backing_bytes;
	uint64_t faults;
	uint64_t faults_of[ZSWAP_NR_KINDS]; /* by what the page was */
	uint64_t read_ahead;
	uint64_t evicted;
	uint64_t packed;
	uint64_t unchanged; /* had a copy that could be used again */
	uint64_t spared;
	uint64_t busy;
	uint64_t incompressible;
	uint64_t direct;
	uint64_t written_back;
	uint64_t pool_limit_hit;
	uint64_t failed_writes;
	uint64_t lost;
};

struct zswap_writeback;

/* Pages that could not be taken, for who may know why. What does not fit is forgotten. */
struct zswap_busy {
	struct zs_share_lock lock;
	unsigned int nr;
	uint32_t page[4 * ZSWAP_BATCH_PAGES];
};

struct zswap_engine {
	struct zs_share_lock busy;
	struct zs_share_lock traffic;
	struct zs_share_lock gate;
	struct zswap_memory memory;
	struct zswap_table table;
	struct zswap_queue young; /* resident, as the next: see evict.c */
	struct zswap_queue old;
	struct zswap_queue guests; /* resident, and not known to be in use: see evict.c */
	struct zswap_queue objects;
	struct zswap_queue raws; /* goes to the store before all others */
	struct zswap_standby standby;
	struct zswap_lanes lanes;
	struct zswap_busy busy_pages;
	struct zs_pool *pool;
	struct zswap_writeback *writeback; /* NULL: there is no store */
	const unsigned char *zeroes;       /* of a group's size */
	uint64_t limit_pages;              /* of what is resident, with what stands by */
	uint64_t high_pages;               /* from here on pages are evicted ahead of demand… */
	uint64_t low_pages;                /* … down to here */
	uint64_t guest_pages;              /* more of these go before all others */
	uint64_t spare_pages;              /* most that spare batches may have */
	uint64_t nr_came;                  /* see fault.c */
	uint64_t pool_limit_bytes;         /* 0: none */
	size_t huge_bytes;                 /* compressed sizes from here on are no better than a page */
	bool is_one_pager;
	bool takes_with_faults; /* as memory said the last time: see pace.c */
	bool is_full;           /* nothing is packed until the pool has room again */
	bool is_full_told;
	uint64_t streams[ZSWAP_NR_STRETCHES]; /* see ahead.c */
	uint64_t opinions[ZSWAP_NR_STRETCHES];
	uint64_t openings[ZSWAP_NR_OPENINGS];
	uint64_t copies;   /* an opinion, as those: see copies.c */
	uint64_t regulars; /* another one: see regulars.c */
	struct zswap_replay replay;
	struct zswap_counts counts; /* each changed atomically */
	void (*on_error)(void *ctx, const char *what);
	void (*wake)(void *ctx);
	void *ctx;
};

static inline void zswap_count(uint64_t *count, int64_t more)
{
	__atomic_fetch_add(count, (uint64_t)more, __ATOMIC_RELAXED);
}

static inline uint64_t zswap_counted(const uint64_t *count)
{
	return __atomic_load_n(count, __ATOMIC_RELAXED);
}

/* What was done to a page before it got that slot is done. */
static inline uint64_t zswap_look(const struct zswap_page *page)
{
	return __atomic_load_n(&page->slot, __ATOMIC_ACQUIRE);
}

/* Whether a page's content is elsewhere than in the program's memory. */
static inline bool zswap_is_away(const struct zswap_page *page)
{
	return zswap_slot_kind(zswap_look(page)) > ZSWAP_COPIED;
}

/* A page's slot as it comes to the program: where nothing can tell who is in use, all are old at once. */
static inline uint64_t zswap_young(const struct zswap_engine *engine)
{
	return engine->memory.written ? ZSWAP_RESIDENT : ZSWAP_RESIDENT | ZSWAP_OLD;
}

/* Whether pages are given by moving them, for now. */
static inline bool zswap_moves(const struct zswap_engine *engine)
{
	return engine->memory.moves && engine->memory.moves(engine->memory.ctx);
}

/* Pages that take memory beside the pool. */
static inline uint64_t zswap_resident_pages(const struct zswap_engine *engine)
{
	return zswap_counted(&engine->counts.pages[ZSWAP_RESIDENT]) +
	       zswap_counted(&engine->counts.pages[ZSWAP_COPIED]) + zswap_standby_pages(&engine->standby);
}

static inline bool zswap_is_at_limit(const struct zswap_engine *engine)
{
	return zswap_resident_pages(engine) >= engine->limit_pages;
}

/* Those that cannot be had without eviction. */
static inline uint64_t zswap_taken_pages(const struct zswap_engine *engine)
{
	return zswap_resident_pages(engine) - zswap_standby_spare_pages(&engine->standby);
}

/* Tables that grow as pages come and go. */
uint64_t zswap_table_bytes(const struct zswap_engine *engine);
/* All memory that the pool's limit is for. */
uint64_t zswap_pool_bytes(const struct zswap_engine *engine);
/* Whether a pool that was full takes pages again. */
bool zswap_pool_has_room(const struct zswap_engine *engine);

/* ---- content.c: a page's content, to a slot and back ---- */

/* Result: 0; -ENOSPC: it does not compress, and there is no store; -ENOMEM: the pool is full; -EIO. */
int zswap_pack(struct zswap_engine *engine, struct zswap_lane *lane, const void *content, uint64_t *slot);
/* Result: 0 or -EIO. pre: the page is away. context: the page's group is locked. */
int zswap_unpack(struct zswap_engine *engine, struct zswap_lane *lane, uint64_t slot, void *content);
/*
 * A page is somewhere else from now on: it leaves its queue, enters another, what it had is dropped, and all is
 * counted. context: its group is locked alone
 */
void zswap_move_to(struct zswap_engine *engine, uint32_t page, uint64_t slot, enum zswap_end end);
/* The same, but what it had is not dropped: somebody has it. */
void zswap_pass_on(struct zswap_engine *engine, uint32_t page, uint64_t slot, enum zswap_end end);
/* What no page has taken. */
void zswap_discard(struct zswap_engine *engine, uint64_t slot);

/* ---- copies.c: what guests came from stays ---- */

/*
 * What is to be kept of a page that comes as a guest, which is the caller's then. Result: the slot of an object, or 0.
 * context: the page's group is locked alone, as for the next
 */
uint64_t zswap_copies_keep(struct zswap_engine *engine, uint64_t slot);
/* The same of what is kept of the page that stands by at a place. */
uint64_t zswap_copies_take(struct zswap_engine *engine, uint64_t place);
/* Whether this is what a page came from; else the caller's copy is dropped. */
bool zswap_copies_is_same(struct zswap_engine *engine, struct zswap_lane *lane, uint64_t copy, const void *content);
/* Makes room in the pool. Result: whether there were any. context: no lock but busy */
bool zswap_copies_drop(struct zswap_engine *engine);

/* ---- regulars.c: who comes back soon. context: the page's group is locked alone ---- */

/* A page is taken. */
void zswap_regulars_go(struct zswap_engine *engine, uint32_t page);
/* Whether one that is away, and comes as it is wanted, is to stay. */
bool zswap_regulars_come(struct zswap_engine *engine, uint32_t page);

/* ---- ahead.c: what comes with a page. context: its group is locked alone ---- */

/* How many pages from this one on are to come, at most. */
unsigned int zswap_ahead_window(struct zswap_engine *engine, uint32_t page);
/* So many came from this one on. */
void zswap_ahead_note(struct zswap_engine *engine, uint32_t page, unsigned int nr);
/*
 * Of a page that has a fault and is away, the pages around it that are to come, too: so many from first on, or 0.
 * is_special: it tells nothing of others, as it is part of a walk, or is not to be a guest.
 */
unsigned int zswap_ahead_block(struct zswap_engine *engine, uint32_t page, bool is_special, uint32_t *first);
/* Of a page that comes without a fault, what comes with it: so many from first on, its block or the page alone. */
unsigned int zswap_ahead_part(struct zswap_engine *engine, uint32_t page, uint32_t *first);
/* Of one that is empty, and has a fault, how many from this one on are to come. */
unsigned int zswap_ahead_empty(struct zswap_engine *engine, uint32_t page);

/* ---- evict.c. context: busy shared, as for pack.c ---- */

/* One batch is taken, if one is free. */
void zswap_take_once(struct zswap_engine *engine);
/* The same, or one is packed. Result: whether that could be done. */
bool zswap_evict_once(struct zswap_engine *engine, struct zswap_lane *lane);
/* Takes these pages, as far as they are resident. */
void zswap_evict_pages(struct zswap_engine *engine, struct zswap_lane *lane, uint32_t *pages, unsigned int nr);

/* ---- pace.c: who takes and packs, and when ---- */

/* Whether there is work for who evicts ahead of demand. */
bool zswap_is_eviction_due(struct zswap_engine *engine);
/* Some of that. Result: whether there is more. */
bool zswap_evict_some(struct zswap_engine *engine);
/* Before a page comes: what is over the limit goes, as far as it can; and what is taken with faults. */
void zswap_make_room(struct zswap_engine *engine, struct zswap_lane *lane);

/* ---- pack.c ---- */

/* Packs the batch that has stood by longest. Result: whether there was one. */
bool zswap_pack_oldest(struct zswap_engine *engine, struct zswap_lane *lane);
/* Packs all that stands by. */
void zswap_pack_all(struct zswap_engine *engine, struct zswap_lane *lane);
/* Whether pages may be packed: not while the pool is full. */
bool zswap_may_pack(struct zswap_engine *engine);

/* ---- writeback.c ---- */

int zswap_writeback_create(struct zswap_engine *engine, const struct zs_store *store);
void zswap_writeback_destroy(struct zswap_engine *engine);
uint64_t zswap_writeback_bytes(const struct zswap_engine *engine);
/* Whether the pool should be written back from. */
bool zswap_writeback_is_due(const struct zswap_engine *engine);
/* Writes the pool's oldest objects, a segment of them. Result: whether any were. context: busy shared */
bool zswap_writeback_once(struct zswap_engine *engine);
int zswap_stored_read(struct zswap_engine *engine, uint64_t slot, void *buf, size_t size, uint32_t *bytes,
		      bool *is_raw);
void zswap_stored_drop(struct zswap_engine *engine, uint64_t slot);

#endif
