/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The engine of compressed memory: it decides which pages a program has in memory, keeps the others compressed in a
 * pool of the allocator, and the pool's oldest in a store. It is passive: no thread, no clock, no file, no system call
 * on the program's memory; whoever hosts it hands it the means to take pages and to give them (managed.h), tells it of
 * faults, and gives it time for evictions.
 *
 * A page's way: the program touches it for the first time (a fault: zeroes), and it is RESIDENT, the newest of its
 * queue. The oldest ones are taken in batches once there are more than there may be (standby.h), and packed when their
 * batch is the oldest one. A fault brings it back, wherever it is, and its object is dropped.
 *
 * What does not compress is stored raw if there is a store, where it goes first; without one it stays with the program.
 * When the pool is full its oldest objects go to the store, until a tenth of it is free (the kernel's accept
 * threshold); without room there, or without a store, nothing is packed until the pool has that room again, and what
 * cannot be packed goes back to the program: then more is resident than should be, which is counted and told.
 *
 * Locks, in this order: busy; traffic; the gate; a group's lock; one of: a queue's, the standby's, the lanes', the
 * log's, the pool's. All but those of groups are mostly shared. Busy is had alone by who forks. Traffic is shared by
 * who gives pages to the program or takes them, and had alone by who reads what the kernel tells of changed mappings:
 * as soon as that is read the change goes on, and nothing that was looked up before may be given or taken after it. The
 * gate is shared by who moves pages, and had alone by who adds or removes numbers. Whoever has any of them touches no
 * managed memory, and signals whose handlers may touch some are blocked meanwhile.
 *
 * The idea is that of Linux's zswap (Seth Jennings), as are the names of the figures.
 */
#ifndef ZSWAP_ENGINE_H
#define ZSWAP_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "comp.h"
#include "managed.h"
#include "store.h"
#include "zswap.h"

struct zswap_engine;

struct zswap_engine_options {
	uint64_t resident_limit_bytes;
	uint64_t pool_limit_bytes; /* of the pool and the table of pages; 0: none */
	struct zs_comp_spec comp;
	const struct zswap_memory *memory; /* is copied */
	const struct zs_store *store;      /* NULL: none */
	uint32_t nr_lanes;                 /* faults and evictions that are worked on at once */
	unsigned int pool_flags;           /* of zs_pool_options */
	/* zswap_engine_fault() is called only by the thread that calls zswap_engine_listen(), not between these. */
	bool is_one_pager;
	/* Something that cannot be undone, or needs attention: from any thread, without a lock. May be NULL. */
	void (*on_error)(void *ctx, const char *what);
	/* Called when there is something for zswap_engine_step() to do. May be NULL. */
	void (*wake)(void *ctx);
	void *ctx;
};

/* Result: 0; -EINVAL; -ENOMEM; -EAGAIN: no thread for the pool. */
int zswap_engine_create(const struct zswap_engine_options *options, struct zswap_engine **engine);
/* NULL is fine. pre: nobody uses it any more, nor touches the memory. */
void zswap_engine_destroy(struct zswap_engine *engine);

/* Numbers for pages in a row, all empty. Result: 0; -ENOMEM: no memory or no numbers. */
int zswap_engine_add(struct zswap_engine *engine, uint64_t nr_pages, uint32_t *first);
/*
 * Pages that are to read as zeroes: their content is of no use. Who still has them with the program drops them there at
 * once: before they are old enough to be taken again (docs/decisions/0016-known-before-dropped.md).
 */
void zswap_engine_drop(struct zswap_engine *engine, uint32_t first, uint64_t nr_pages);
/*
 * Pages that the program has no more: the same, and nothing is given to where they were, which may soon be others'.
 * pre: nr_pages > 0, and all have numbers.
 */
void zswap_engine_unmap(struct zswap_engine *engine, uint32_t first, uint64_t nr_pages);
/* Gives numbers back as zswap_engine_add() gave them. pre: all are dropped or unmapped. */
void zswap_engine_forget(struct zswap_engine *engine, uint32_t first, uint64_t nr_pages);

/*
 * A page is to be the program's. Result: 0: it is; -EAGAIN: try again; -EBUSY: also, the one pager, in a while;
 * -ENOENT: it is none, or its mapping is gone;
 * -ENOMEM; -EIO: its content cannot be had again, which was told.
 */
int zswap_engine_fault(struct zswap_engine *engine, uint32_t page, bool is_write);

/*
 * The same between zswap_engine_pause() and zswap_engine_resume(), for the thread that called the former. A pager that
 * does not tell whose faults it takes gets -EBUSY of the other call meanwhile.
 */
int zswap_engine_fault_paused(struct zswap_engine *engine, uint32_t page, bool is_write);

/*
 * Of pages in a row the first whose content is elsewhere, counted from 0; nr_pages: there is none. context: paused, as
 * for the next
 */
uint64_t zswap_engine_find_away(const struct zswap_engine *engine, uint32_t first, uint64_t nr_pages);
/* Copies what is not resident of pages in a row to where they are. Result: 0 or -EIO. */
int zswap_engine_restore(struct zswap_engine *engine, uint32_t first, uint64_t nr_pages, void *to);

/* Evicts and writes back what is due. Result: whether there is more to do at once. */
bool zswap_engine_step(struct zswap_engine *engine);

/*
 * Some of the pages that could not be taken lately, for who can make that possible; then they are told to be cold.
 * Returns how many.
 */
unsigned int zswap_engine_take_busy(struct zswap_engine *engine, uint32_t *pages, unsigned int most);

/* Whether more is resident than may be, by more than some faults bring, and there is room for it in the pool. */
bool zswap_engine_is_beyond(const struct zswap_engine *engine);

/* What a program knows of its pages. Those are made the next to go; or had ready; or are evicted now. */
void zswap_engine_cold(struct zswap_engine *engine, uint32_t first, uint64_t nr_pages);
int zswap_engine_need(struct zswap_engine *engine, uint32_t first, uint64_t nr_pages);
void zswap_engine_evict(struct zswap_engine *engine, uint32_t first, uint64_t nr_pages);
/* What stands by is packed now. */
void zswap_engine_pack(struct zswap_engine *engine);

/* Nothing is given to the program from here on until it is listened(); what changes is read and dropped in between. */
void zswap_engine_listen(struct zswap_engine *engine);
/* Result: whether nobody gives any at the moment, or within a while, and it did so. */
bool zswap_engine_try_listen(struct zswap_engine *engine);
bool zswap_engine_listen_within(struct zswap_engine *engine, uint32_t ns);
void zswap_engine_listened(struct zswap_engine *engine);

/* Nothing at all moves from here on until it is resumed: for a fork. */
void zswap_engine_pause(struct zswap_engine *engine);
void zswap_engine_resume(struct zswap_engine *engine);

/*
 * What is in the store stays as it is for a child that reads it, until there is none; and goes on to be read in the
 * child, which writes behind it: where that begins, in bytes, is returned. At its end nothing more is written. Without
 * a store nothing is done. context: paused, but for unseal
 */
void zswap_engine_seal(struct zswap_engine *engine);
void zswap_engine_unseal(struct zswap_engine *engine);
uint64_t zswap_engine_branch(struct zswap_engine *engine);
void zswap_engine_end_store(struct zswap_engine *engine);

/* All of them but size and mode. */
void zswap_engine_stats(struct zswap_engine *engine, struct zswap_stats *stats);

#endif
