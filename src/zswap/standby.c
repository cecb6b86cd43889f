/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Batches that are free and those that are held, each in the order in which they became so.
 */
#include "standby.h"

#include <errno.h>

#include "futex.h"
#include "reserve.h"

static size_t batches_bytes(const struct zswap_standby *standby)
{
	return standby->nr_batches * sizeof(struct zswap_batch);
}

/* context: lock, as for the next */
static void prepend(struct zswap_batch_list *list, struct zswap_batch *batch)
{
	batch->next = list->first;
	if (!list->first)
		list->last = batch;
	list->first = batch;
}

static void append(struct zswap_batch_list *list, struct zswap_batch *batch)
{
	batch->next = NULL;
	if (list->first)
		list->last->next = batch;
	else
		list->first = batch;
	list->last = batch;
}

/* context: lock */
static void count_free(struct zswap_standby *standby, const struct zswap_batch_list *list, int more)
{
	if (list == &standby->free)
		__atomic_store_n(&standby->nr_free, standby->nr_free + (uint32_t)more, __ATOMIC_RELAXED);
}

int zswap_standby_create(struct zswap_standby *standby, const struct zswap_memory *memory)
{
	standby->memory = memory;
	standby->nr_batches = memory->standby_pages / ZSWAP_BATCH_PAGES;
	standby->batches = zs_reserve(batches_bytes(standby));
	if (!standby->batches)
		return -ENOMEM;
	for (uint32_t i = 0; i < standby->nr_batches; i++) {
		standby->batches[i].first = (uint64_t)i * ZSWAP_BATCH_PAGES;
		standby->batches[i].at = memory->standby + standby->batches[i].first * ZSWAP_PAGE_BYTES;
		append(&standby->free, &standby->batches[i]);
		count_free(standby, &standby->free, 1);
	}
	return 0;
}

void zswap_standby_destroy(struct zswap_standby *standby)
{
	zs_unreserve(standby->batches, batches_bytes(standby));
}

/* The first one of a list, which is in none then. */
static struct zswap_batch *take_first(struct zswap_standby *standby, struct zswap_batch_list *list,
				      enum zswap_batch_state state)
{
	struct zswap_batch *batch;

	zs_share_lock(&standby->lock, true);
	batch = list->first;
	if (batch) {
		list->first = batch->next;
		batch->state = state;
		count_free(standby, list, -1);
	}
	zs_share_unlock(&standby->lock, true);
	return batch;
}

typedef void put_fn(struct zswap_batch_list *list, struct zswap_batch *batch);

static void put(struct zswap_standby *standby, struct zswap_batch_list *list, struct zswap_batch *batch,
		enum zswap_batch_state state, put_fn *where)
{
	zs_share_lock(&standby->lock, true);
	batch->state = state;
	where(list, batch);
	count_free(standby, list, 1);
	zs_share_unlock(&standby->lock, true);
	__atomic_fetch_add(&standby->nr_changes, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&standby->nr_waiting, __ATOMIC_SEQ_CST))
		zs_futex_wake(&standby->nr_changes, INT_MAX);
}

/* Who waits has said so before it looked at the changes for the last time. */
void zswap_standby_wait(struct zswap_standby *standby, uint32_t nr_changes)
{
	__atomic_fetch_add(&standby->nr_waiting, 1, __ATOMIC_SEQ_CST);
	zs_futex_wait(&standby->nr_changes, nr_changes, NULL);
	__atomic_fetch_sub(&standby->nr_waiting, 1, __ATOMIC_RELAXED);
}

struct zswap_batch *zswap_standby_reserve(struct zswap_standby *standby)
{
	return take_first(standby, &standby->free, ZSWAP_BATCH_FILLING);
}

struct zswap_batch *zswap_standby_claim(struct zswap_standby *standby)
{
	return take_first(standby, &standby->held, ZSWAP_BATCH_CLAIMED);
}

/* An empty one is held too: it has its turn. */
void zswap_standby_hold(struct zswap_standby *standby, struct zswap_batch *batch)
{
	__atomic_fetch_add(&standby->nr_pages, batch->nr, __ATOMIC_RELAXED);
	put(standby, &standby->held, batch, ZSWAP_BATCH_HELD, append);
}

void zswap_standby_hold_again(struct zswap_standby *standby, struct zswap_batch *batch)
{
	put(standby, &standby->held, batch, ZSWAP_BATCH_HELD, append);
}

void zswap_standby_release(struct zswap_standby *standby, struct zswap_batch *batch)
{
	if (batch->nr)
		standby->memory->release(standby->memory->ctx, batch->at, batch->nr);
	__atomic_fetch_sub(&standby->nr_pages, batch->nr, __ATOMIC_RELAXED);
	batch->nr = 0;
	put(standby, &standby->free, batch, ZSWAP_BATCH_FREE, append);
}

/* ---- spare ones ---- */

/* What is left of a spare batch's memory goes back. */
static void empty(struct zswap_standby *standby, struct zswap_batch *batch)
{
	unsigned int rest = batch->nr - batch->nr_spent;

	if (rest)
		standby->memory->release(standby->memory->ctx, zswap_standby_rest(batch), rest);
	__atomic_fetch_sub(&standby->nr_spare, rest, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&standby->nr_pages, rest, __ATOMIC_RELAXED);
	batch->nr = batch->nr_spent = 0;
}

void zswap_standby_spare(struct zswap_standby *standby, struct zswap_batch *batch)
{
	__atomic_fetch_add(&standby->nr_spare, batch->nr, __ATOMIC_RELAXED);
	put(standby, &standby->spare, batch, ZSWAP_BATCH_SPARE, append);
}

static void free_spare(struct zswap_standby *standby, struct zswap_batch *batch)
{
	empty(standby, batch);
	put(standby, &standby->free, batch, ZSWAP_BATCH_FREE, append);
}

struct zswap_batch *zswap_standby_borrow(struct zswap_standby *standby, unsigned int nr)
{
	struct zswap_batch *batch;

	while ((batch = take_first(standby, &standby->spare, ZSWAP_BATCH_SPARE))) {
		if (batch->nr - batch->nr_spent >= nr)
			return batch;
		free_spare(standby, batch);
	}
	return NULL;
}

void zswap_standby_spend(struct zswap_standby *standby, struct zswap_batch *batch, unsigned int nr)
{
	__atomic_fetch_sub(&standby->nr_spare, nr, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&standby->nr_pages, nr, __ATOMIC_RELAXED);
	batch->nr_spent += nr;
	if (batch->nr_spent == batch->nr)
		free_spare(standby, batch);
	else
		put(standby, &standby->spare, batch, ZSWAP_BATCH_SPARE, prepend);
}

bool zswap_standby_drop_spare(struct zswap_standby *standby)
{
	struct zswap_batch *batch = take_first(standby, &standby->spare, ZSWAP_BATCH_SPARE);

	if (batch)
		free_spare(standby, batch);
	return batch != NULL;
}
