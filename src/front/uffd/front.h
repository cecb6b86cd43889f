/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Managed memory as a whole, for the files of this folder.
 *
 * Locks: the list of all comes before the regions' and the engine's. Who calls from outside has all signals blocked: a
 * handler of the program's could touch managed memory, and its fault would wait for what its own thread holds.
 */
#ifndef ZSWAP_FRONT_H
#define ZSWAP_FRONT_H

#include <pthread.h>
#include <signal.h>

#include "descriptor.h"
#include "engine.h"
#include "file_store.h"
#include "regions.h"
#include "zswap.h"

struct zswap {
	struct zswap *next; /* of all */
	struct zswap_means means;
	struct zswap_regions regions;
	struct zswap_memory memory;
	struct zswap_engine *engine;
	struct zs_file_store *file; /* NULL: none */
	struct zs_store store;
	int fd;         /* of managed memory */
	int standby_fd; /* of where taken pages come to; -1: they come by mremap() */
	int stop_fd;
	pthread_t pager;
	pthread_t evictor;
	bool has_pager;
	bool has_evictor;
	uint32_t evictor_state; /* a futex: see pager.c */
	void (*on_event)(void *ctx, const char *what);
	void *ctx;
};

/* ---- moving.c: the engine's means ---- */

/* Makes room for so many taken pages. Result: 0 or a negative errno. */
int zswap_memory_create(struct zswap *zswap, uint32_t standby_pages);
void zswap_memory_destroy(struct zswap *zswap);
/* What waits for a page looks again. */
void zswap_memory_wake(struct zswap *zswap, uint32_t page);

/* ---- pager.c: the threads ---- */

/* Result: 0 or a negative errno; zswap_pager_stop() is to be called in any case. */
int zswap_pager_start(struct zswap *zswap);
void zswap_pager_stop(struct zswap *zswap);
/* Of the engine's options; ctx is a struct zswap. */
void zswap_evictor_wake(void *ctx);
/* What the kernel, or the program, unmaps. */
void zswap_unmapped(struct zswap *zswap, uintptr_t start, uintptr_t end);
void zswap_removed(struct zswap *zswap, uintptr_t start, uintptr_t end);

/* ---- sigbus.c: faults in their threads ---- */

/* From now on until it is forgotten. Result: 0 or a negative errno. */
int zswap_sigbus_mind(struct zswap *zswap);
void zswap_sigbus_forget(struct zswap *zswap);

/* ---- zswap.c ---- */

void zswap_tell(struct zswap *zswap, const char *what);

static inline void zswap_block_signals(sigset_t *old)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, old);
}

static inline void zswap_restore_signals(const sigset_t *old)
{
	pthread_sigmask(SIG_SETMASK, old, NULL);
}

#endif
