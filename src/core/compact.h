/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Compaction: moves objects together so that pages become empty, and gives those back.
 *
 * Within a class the highest unpinned object moves into the lowest hole below it, until the class holds no more pages
 * than its objects need. When there is no such hole but absent pages lie below, pages that were just emptied at the
 * high end are populated there instead of being given back, so that objects end up side by side; the page source is
 * never asked for anything. The class lock is held for one object at a time.
 */
#ifndef ZS_CORE_COMPACT_H
#define ZS_CORE_COMPACT_H

#include "pool.h"

struct zs_budget {
	unsigned long target_pages; /* host pages; 0: no bound */
	uint64_t deadline_ns;       /* of the host's clock; 0: none */
};

/*
 * Compacts all classes, from where the last bounded call stopped. Result: 0: nothing is left to gain; -EAGAIN: a bound
 * ended it. *nr_pages: host pages given back. context: no lock.
 */
int zs_pool_compact(struct zs_pool *pool, const struct zs_budget *budget, unsigned long *nr_pages);

/*
 * Moves objects of one class together, so many bytes at most but for a last object; pages that become empty stay with
 * the class, and none is populated. Returns the bytes moved. context: no lock.
 */
uint64_t zs_class_gather(struct zs_class *class, uint64_t max_bytes);

/* Pages that compaction could give back about now: a glance without a lock. context: any. */
unsigned long zs_pool_slack_pages(const struct zs_pool *pool);

#endif
