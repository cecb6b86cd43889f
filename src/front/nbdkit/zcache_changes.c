/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Ranges under way, in a list; those in doubt, in an array in order.
 */
#include "zcache_changes.h"

#include <string.h>

void zcache_changes_init(struct zcache_changes *changes)
{
	*changes = (struct zcache_changes){ .pending = NULL };
	pthread_mutex_init(&changes->lock, NULL);
}

void zcache_changes_destroy(struct zcache_changes *changes)
{
	pthread_mutex_destroy(&changes->lock);
}

/* ---- in doubt ---- */

static void remove_doubt(struct zcache_changes *changes, uint32_t i)
{
	memmove(&changes->doubts[i], &changes->doubts[i + 1], (--changes->nr_doubts - i) * sizeof(changes->doubts[0]));
}

/* Takes in those that follow, as far as they touch it. */
static void join_next(struct zcache_changes *changes, uint32_t i)
{
	struct zcache_range *range = &changes->doubts[i];

	while (i + 1 < changes->nr_doubts && changes->doubts[i + 1].first <= range->last + 1) {
		if (range->last < changes->doubts[i + 1].last)
			range->last = changes->doubts[i + 1].last;
		remove_doubt(changes, i + 1);
	}
}

/* Of all neighbours the two with the least between them become one. */
static void make_room(struct zcache_changes *changes)
{
	struct zcache_range *doubts = changes->doubts;
	uint32_t best = 0;

	for (uint32_t i = 1; i + 1 < changes->nr_doubts; i++)
		if (doubts[i + 1].first - doubts[i].last < doubts[best + 1].first - doubts[best].last)
			best = i;
	doubts[best].last = doubts[best + 1].last;
	remove_doubt(changes, best + 1);
}

static void add_doubt(struct zcache_changes *changes, const struct zcache_range *range)
{
	struct zcache_range *doubts = changes->doubts;
	uint32_t i = 0;

	if (changes->nr_doubts == ZCACHE_DOUBTS)
		make_room(changes);
	while (i < changes->nr_doubts && doubts[i].last + 1 < range->first)
		i++;
	if (i < changes->nr_doubts && doubts[i].first <= range->first) {
		if (doubts[i].last < range->last)
			doubts[i].last = range->last;
	} else {
		memmove(&doubts[i + 1], &doubts[i], (changes->nr_doubts++ - i) * sizeof(doubts[0]));
		doubts[i] = *range;
	}
	join_next(changes, i);
}

/* ---- under way ---- */

void zcache_changes_begin(struct zcache_changes *changes, struct zcache_pending *pending, uint64_t first, uint64_t last)
{
	pthread_mutex_lock(&changes->lock);
	*pending = (struct zcache_pending){ .range = { first, last }, .next = changes->pending };
	if (pending->next)
		pending->next->prev = pending;
	changes->pending = pending;
	pthread_mutex_unlock(&changes->lock);
}

void zcache_changes_end(struct zcache_changes *changes, struct zcache_pending *pending, bool in_doubt)
{
	pthread_mutex_lock(&changes->lock);
	if (in_doubt)
		add_doubt(changes, &pending->range);
	if (pending->next)
		pending->next->prev = pending->prev;
	*(pending->prev ? &pending->prev->next : &changes->pending) = pending->next;
	pthread_mutex_unlock(&changes->lock);
}

static bool meets(const struct zcache_range *range, uint64_t first, uint64_t last)
{
	return range->first <= last && first <= range->last;
}

bool zcache_changes_touch(struct zcache_changes *changes, uint64_t first, uint64_t last)
{
	bool touched = false;

	pthread_mutex_lock(&changes->lock);
	for (const struct zcache_pending *pending = changes->pending; pending && !touched; pending = pending->next)
		touched = meets(&pending->range, first, last);
	for (uint32_t i = 0; i < changes->nr_doubts && !touched; i++)
		touched = meets(&changes->doubts[i], first, last);
	pthread_mutex_unlock(&changes->lock);
	return touched;
}

uint64_t zcache_changes_doubtful_pages(struct zcache_changes *changes)
{
	uint64_t pages = 0;

	pthread_mutex_lock(&changes->lock);
	for (uint32_t i = 0; i < changes->nr_doubts; i++)
		pages += changes->doubts[i].last - changes->doubts[i].first + 1;
	pthread_mutex_unlock(&changes->lock);
	return pages;
}
