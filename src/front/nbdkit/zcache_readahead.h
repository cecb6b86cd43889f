/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * How much is read ahead: who goes through the disk in order gets, with a miss, what follows, twice as much each time.
 *
 * Readers are told apart by where they are, whatever connection they use, since a client may spread its requests over
 * several. With requests under way side by side these come a little out of order.
 */
#ifndef ZCACHE_READAHEAD_H
#define ZCACHE_READAHEAD_H

#include <pthread.h>
#include <stdint.h>

#define ZCACHE_READERS 16u

struct zcache_reader {
	uint64_t next;   /* the page after all that it asked for */
	uint32_t streak; /* requests in order */
	uint32_t ahead;  /* pages, the last time */
	uint64_t used;   /* when */
};

struct zcache_readahead {
	pthread_mutex_t lock;
	uint32_t most; /* pages; 0: nothing is read ahead */
	uint64_t now;  /* counts requests */
	struct zcache_reader readers[ZCACHE_READERS];
};

void zcache_readahead_init(struct zcache_readahead *readahead, uint32_t most);
void zcache_readahead_destroy(struct zcache_readahead *readahead);

/* A request for the pages from first to last. Result: the reader whose it is, for zcache_readahead_pages(). */
struct zcache_reader *zcache_readahead_note(struct zcache_readahead *readahead, uint64_t first, uint64_t last);

/* How many pages are read after the last one of a request that missed it. NULL: none */
uint32_t zcache_readahead_pages(struct zcache_readahead *readahead, struct zcache_reader *reader);

#endif
