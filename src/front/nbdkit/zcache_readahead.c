/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Readers that are known, the one that was not seen for longest making room for the next.
 */
#include "zcache_readahead.h"

#include <stddef.h>

#define NEAR 16u  /* pages that requests side by side come out of order by */
#define STREAK 2u /* requests in order before anything is read ahead */
#define FIRST 8u  /* pages */

void zcache_readahead_init(struct zcache_readahead *readahead, uint32_t most)
{
	*readahead = (struct zcache_readahead){ .most = most };
	pthread_mutex_init(&readahead->lock, NULL);
}

void zcache_readahead_destroy(struct zcache_readahead *readahead)
{
	pthread_mutex_destroy(&readahead->lock);
}

/* A reader that has not begun is near nothing. */
static struct zcache_reader *find(struct zcache_readahead *readahead, uint64_t first)
{
	struct zcache_reader *oldest = &readahead->readers[0];

	for (uint32_t i = 0; i < ZCACHE_READERS; i++) {
		struct zcache_reader *reader = &readahead->readers[i];

		if (reader->used && first + NEAR >= reader->next && first <= reader->next + NEAR)
			return reader;
		if (reader->used < oldest->used)
			oldest = reader;
	}
	*oldest = (struct zcache_reader){ .next = first };
	return oldest;
}

struct zcache_reader *zcache_readahead_note(struct zcache_readahead *readahead, uint64_t first, uint64_t last)
{
	struct zcache_reader *reader;

	if (!readahead->most)
		return NULL;
	pthread_mutex_lock(&readahead->lock);
	reader = find(readahead, first);
	reader->used = ++readahead->now;
	if (last >= reader->next) {
		reader->streak = first == reader->next ? reader->streak + 1 : reader->streak / 2;
		reader->next = last + 1;
	}
	pthread_mutex_unlock(&readahead->lock);
	return reader;
}

uint32_t zcache_readahead_pages(struct zcache_readahead *readahead, struct zcache_reader *reader)
{
	uint32_t pages = 0;

	if (!reader)
		return 0;
	pthread_mutex_lock(&readahead->lock);
	if (reader->streak >= STREAK) {
		pages = reader->ahead ? 2 * reader->ahead : FIRST;
		if (pages > readahead->most)
			pages = readahead->most;
		reader->ahead = pages;
	}
	pthread_mutex_unlock(&readahead->lock);
	return pages;
}
