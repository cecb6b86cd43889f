/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Fit across classes: before a class grows, a hole of a somewhat larger class may serve.
 *
 * Where objects come and go, a pool has holes that no object of their own size comes for. Using one costs the
 * difference in size for as long as the object lives; growing costs the page now, and leaves the hole. How much larger
 * a slot may be depends on how much of the pool lies idle: half the share of its pages that compaction could give back,
 * and, for pools so small that the last pages of their classes are a large part, three times the square of what lies
 * idle in these; together a tenth at most. So a pool that only grows keeps to the classes: growth fills those pages
 * too, and objects that took what did not fit would waste the difference for good.
 *
 * Locks: none. The share is looked at from time to time, since it takes a look at every class.
 */
#ifndef ZS_CORE_FIT_H
#define ZS_CORE_FIT_H

#include "pool.h"

/* The largest class that may serve what a class would have to grow for, now. Counts this growth. */
unsigned int zs_fit_last_class(struct zs_pool *pool, unsigned int id);

#endif
