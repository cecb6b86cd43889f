/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Things that a call has for itself for a while, as a codec's context: those that nobody has just now. The one that was
 * put back last goes first, as it may still be in a cache.
 *
 * Locks: one of its own, innermost. Who waits for one must have none of the same kind.
 */
#ifndef ZS_SPARES_H
#define ZS_SPARES_H

#include "share_lock.h"

/* The first member of such a thing. */
struct zs_spare {
	struct zs_spare *next;
};

/* Zeroes: there is none. */
struct zs_spares {
	struct zs_share_lock lock;
	uint32_t nr; /* a futex */
	struct zs_spare *first;
};

void zs_spares_put(struct zs_spares *spares, struct zs_spare *spare);
/* NULL: there is none. */
void *zs_spares_try(struct zs_spares *spares);
/* Waits for one. pre: there is one, somewhere */
void *zs_spares_get(struct zs_spares *spares);

#endif
