/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Pages in order of age: those that the program has, and those whose objects are in the pool. A page is in one queue at
 * most, and its slot tells in which; one that was popped is in none until it is added again.
 *
 * Locks: a queue's own, innermost. Who adds or removes a page has its group's lock; who pops has none.
 */
#ifndef ZSWAP_QUEUE_H
#define ZSWAP_QUEUE_H

#include <stdbool.h>

#include "table.h"

struct zswap_queue {
	struct zs_share_lock lock;
	uint32_t newest; /* as the pages' own links: 0: none, else the number + 1 */
	uint32_t oldest;
	uint64_t nr;
};

enum zswap_end { ZSWAP_NEWEST, ZSWAP_OLDEST };

void zswap_queue_add(struct zswap_queue *queue, struct zswap_table *table, uint32_t page, enum zswap_end end);
/* Nothing, if it was popped. */
void zswap_queue_remove(struct zswap_queue *queue, struct zswap_table *table, uint32_t page);
/* A page will be removed soon: what that changes is fetched meanwhile. context: its group is locked */
void zswap_queue_expect(const struct zswap_table *table, const struct zswap_page *page);
/* The oldest ones, up to so many. Returns how many. */
unsigned int zswap_queue_pop(struct zswap_queue *queue, struct zswap_table *table, uint32_t *pages, unsigned int most);

static inline uint64_t zswap_queue_length(const struct zswap_queue *queue)
{
	return __atomic_load_n(&queue->nr, __ATOMIC_RELAXED);
}

#endif
