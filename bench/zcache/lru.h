/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Pages as they are, the one that was not used for longest making room for the next: what a compressed cache is
 * compared with. It takes the memory that it is given, all its tables in it, and no more.
 */
#ifndef BENCH_LRU_H
#define BENCH_LRU_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define LRU_PAGE 4096u

struct lru_entry;

struct lru {
	pthread_mutex_t lock; /* of all below */
	uint64_t bytes;       /* of memory */
	unsigned char *pages; /* memory begins with them */
	struct lru_entry *entries;
	uint32_t *buckets; /* heads of chains, as many as entries */
	uint32_t nr_most;
	uint32_t nr;
	uint32_t newest; /* links, see lru.c */
	uint32_t oldest;
};

/* Result: 0, -EINVAL: there is no room for a page, or for too many; -ENOMEM. */
int lru_create(struct lru *lru, uint64_t bytes);
void lru_destroy(struct lru *lru);

/* Whether the page is there; it is the newest then, and was copied to buf. context: any thread */
bool lru_get(struct lru *lru, uint32_t page, void *buf);
/* It is the newest then. context: any thread */
void lru_put(struct lru *lru, uint32_t page, const void *content);

#endif
