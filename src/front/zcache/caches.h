/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * All caches of the process, and forks: before one, calls that other threads are in are waited for, since in the child
 * nobody would give back the locks that they have.
 *
 * Locks: the list's, then a cache's, then what zcache_engine_pause() takes.
 */
#ifndef ZCACHE_CACHES_H
#define ZCACHE_CACHES_H

#include "share_lock.h"
#include "watch.h"

struct zcache {
	struct zcache *next;
	struct zcache_engine *engine;
	struct zs_share_lock lock; /* of watch */
	struct zcache_watch *watch;
	void (*on_event)(void *ctx, const char *what);
	void *ctx;
};

/* Result: 0 or -ENOMEM: forks would not be noticed. */
int zcache_caches_add(struct zcache *cache);
void zcache_caches_remove(struct zcache *cache);

#endif
