/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A stash: what a thread has just freed, to be used again by its next objects.
 *
 * In a pool that has stashes a free marks the object's cell as free and puts its index on the shelf of its class; an
 * allocation takes one from there and clears the mark. So neither takes a lock of a class, nor touches anything else
 * than the cell and the stash, which are the thread's own for the most part. For its class the slot is live meanwhile:
 * it may be moved, as an object may. What does not fit on a shelf goes the long way, and so does who finds none.
 *
 * What is stashed is bounded: by the shelves, and since a pool has a stash for so many of its pages only
 * (zs_pool_config.stash_bytes). Who tends the pool empties the stashes at each tick, and closes those that a pool has
 * become too small for; they are emptied too before an allocation fails, before a class is compacted, and when the pool
 * tells its figures.
 *
 * Locks: stash->state, held for a few instructions in which nothing is waited for. Nobody waits for it either: who
 * finds it held goes the long way.
 */
#ifndef ZS_CORE_STASH_H
#define ZS_CORE_STASH_H

#include "host.h"

/* A stash with its head is a unit of metadata. */
#define ZS_STASH_CELLS 3u
#define ZS_STASH_CLASSES 255u /* those of sizes up to 4096 */

enum zs_stash_state { ZS_STASH_OPEN, ZS_STASH_HELD, ZS_STASH_CLOSED };

struct zs_shelf {
	uint32_t nr;
	uint32_t cells[ZS_STASH_CELLS]; /* indexes */
};

struct zs_stash {
	zs_atomic32 state;
	uint32_t nr; /* on all shelves */
	uint32_t unused[2];
	struct zs_shelf shelves[ZS_STASH_CLASSES];
};

/* The stashes of a pool that has not made any, by thread: NULL, each. Never written. */
extern struct zs_stash *zs_no_stashes[ZS_HOST_THREADS];

static inline bool zs_stash_hold(struct zs_stash *stash)
{
	return zs_host_cas32_acquire(&stash->state, ZS_STASH_OPEN, ZS_STASH_HELD);
}

static inline void zs_stash_let_go(struct zs_stash *stash)
{
	zs_host_store32_release(&stash->state, ZS_STASH_OPEN);
}

/* Whether there may be something on a class's shelf; whether there may be room: glances. */
static inline bool zs_stash_has(const struct zs_stash *stash, unsigned int class_id)
{
	return ZS_HOST_GLANCE(stash->shelves[class_id].nr) != 0;
}

static inline bool zs_stash_has_room(const struct zs_stash *stash, unsigned int class_id)
{
	return ZS_HOST_GLANCE(stash->shelves[class_id].nr) < ZS_STASH_CELLS;
}

/* Puts a cell on its class's shelf. Result: whether it is the stash's first. pre: held, has room. */
static inline bool zs_stash_put(struct zs_stash *stash, unsigned int class_id, uint32_t index)
{
	struct zs_shelf *shelf = &stash->shelves[class_id];
	uint32_t nr = shelf->nr;

	ZS_HOST_SHOW(shelf->cells[nr], index);
	ZS_HOST_SHOW(shelf->nr, nr + 1);
	nr = stash->nr;
	ZS_HOST_SHOW(stash->nr, nr + 1);
	return !nr;
}

/* Takes the cell that was put on a class's shelf last. Returns its index; 0: there is none. */
static inline uint32_t zs_stash_take(struct zs_stash *stash, unsigned int class_id)
{
	struct zs_shelf *shelf = &stash->shelves[class_id];
	uint32_t index = 0;
	uint32_t nr;

	if (ZS_HOST_UNLIKELY(!zs_stash_hold(stash)))
		return 0;
	nr = shelf->nr;
	if (nr) {
		index = shelf->cells[nr - 1];
		ZS_HOST_SHOW(shelf->nr, nr - 1);
		ZS_HOST_SHOW(stash->nr, stash->nr - 1);
	}
	zs_stash_let_go(stash);
	return index;
}

/* Whether a cell is on a class's shelf: a glance. */
bool zs_stash_shows(const struct zs_stash *stash, unsigned int class_id, uint32_t index);

/* Takes all that is on a class's shelf. Returns how many; cells: room for ZS_STASH_CELLS. */
unsigned int zs_stash_clear_shelf(struct zs_stash *stash, unsigned int class_id, uint32_t *cells);

/*
 * Opens a stash or, if there is nothing in it, closes it: then nothing is put there any more until it is opened again.
 * context: one thread at a time.
 */
void zs_stash_set_open(struct zs_stash *stash, bool open);

#endif
