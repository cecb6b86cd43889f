/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The ranges of a disk that are being changed, or about which nobody knows whether they still will be: what is read
 * there meanwhile is not kept.
 *
 * A change is begun before the cache is flushed for the first time, and ended after it is flushed for the second. So
 * who has read something and finds that no change is under way keeps either what is true, or what a flush that is to
 * come drops, or has a token that is void.
 *
 * A change whose outcome is in doubt, since the server was given up, may come true at any later time. Its range stays.
 * Of many such the neighbours become one, with what is between them: less is kept then, never more.
 */
#ifndef ZCACHE_CHANGES_H
#define ZCACHE_CHANGES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define ZCACHE_DOUBTS 64u

/* Pages from first to last. */
struct zcache_range {
	uint64_t first;
	uint64_t last;
};

/* One that is under way; it is its thread's. */
struct zcache_pending {
	struct zcache_range range;
	struct zcache_pending *prev;
	struct zcache_pending *next;
};

struct zcache_changes {
	pthread_mutex_t lock;
	struct zcache_pending *pending;
	struct zcache_range doubts[ZCACHE_DOUBTS]; /* in order, apart from each other */
	uint32_t nr_doubts;
};

void zcache_changes_init(struct zcache_changes *changes);
void zcache_changes_destroy(struct zcache_changes *changes);

void zcache_changes_begin(struct zcache_changes *changes, struct zcache_pending *pending, uint64_t first,
			  uint64_t last);
/* in_doubt: nobody knows what became of it, nor when. */
void zcache_changes_end(struct zcache_changes *changes, struct zcache_pending *pending, bool in_doubt);

/* Whether any of these pages is being changed, or in doubt. */
bool zcache_changes_touch(struct zcache_changes *changes, uint64_t first, uint64_t last);

uint64_t zcache_changes_doubtful_pages(struct zcache_changes *changes);

#endif
