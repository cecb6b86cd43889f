/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Eviction: a zpool that is full is made smaller by having its user write its oldest objects elsewhere.
 *
 * The user (zswap) may free the object from inside its call, or beside it, or not at all, whatever it returns. So the
 * object is guarded meanwhile (see lru.h). No lock is held: the user allocates memory and does I/O.
 */
#ifndef ZS_KMOD_EVICTION_H
#define ZS_KMOD_EVICTION_H

#include "kpool.h"
#include "lru.h"

struct zs_evictor {
	struct zs_pool *pool;
	struct zs_lru *lru;
	/* Asks the user to write an object elsewhere and free it. Result: 0 or -errno. */
	int (*evict)(void *user, unsigned long handle);
	void *user;
};

/*
 * Evicts and compacts until the pool is nr_pages smaller. Result: 0, or -EAGAIN: the user could not write enough of its
 * objects. *reclaimed: pages given back. context: may sleep, no lock.
 */
int zs_evict_pages(const struct zs_evictor *evictor, unsigned long nr_pages, unsigned long *reclaimed);

#endif
