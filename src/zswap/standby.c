/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The ring of batches.
 */
#include "standby.h"

#include <errno.h>

#include "futex.h"
#include "reserve.h"

static size_t batches_bytes(const struct zswap_standby *standby)
{
	return standby->nr_batches * sizeof(struct zswap_batch);
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
	}
	return 0;
}

void zswap_standby_destroy(struct zswap_standby *standby)
{
	zs_unreserve(standby->batches, batches_bytes(standby));
}

/* The first batch of a state from one on, round the ring; NULL: there is none. context: lock */
static struct zswap_batch *find(struct zswap_standby *standby, uint32_t from, enum zswap_batch_state state)
{
	for (uint32_t i = 0; i < standby->nr_batches; i++) {
		struct zswap_batch *batch = &standby->batches[(from + i) % standby->nr_batches];

		if (batch->state == state)
			return batch;
	}
	return NULL;
}

/* It gets the other state, and the next one is looked for behind it. */
static struct zswap_batch *advance(struct zswap_standby *standby, uint32_t *next, enum zswap_batch_state from,
				   enum zswap_batch_state to)
{
	struct zswap_batch *batch;

	zs_share_lock(&standby->lock, true);
	batch = find(standby, *next, from);
	if (batch) {
		batch->state = to;
		*next = (uint32_t)(batch - standby->batches + 1) % standby->nr_batches;
	}
	zs_share_unlock(&standby->lock, true);
	return batch;
}

struct zswap_batch *zswap_standby_reserve(struct zswap_standby *standby)
{
	return advance(standby, &standby->next_free, ZSWAP_BATCH_FREE, ZSWAP_BATCH_FILLING);
}

struct zswap_batch *zswap_standby_claim(struct zswap_standby *standby)
{
	return advance(standby, &standby->next_held, ZSWAP_BATCH_HELD, ZSWAP_BATCH_CLAIMED);
}

static void set_state(struct zswap_standby *standby, struct zswap_batch *batch, enum zswap_batch_state state)
{
	zs_share_lock(&standby->lock, true);
	batch->state = state;
	zs_share_unlock(&standby->lock, true);
	__atomic_fetch_add(&standby->nr_changes, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&standby->nr_waiting, __ATOMIC_SEQ_CST))
		zs_futex_wake(&standby->nr_changes, INT_MAX);
}

/* An empty one is held too: it has its turn in the ring. */
void zswap_standby_hold(struct zswap_standby *standby, struct zswap_batch *batch)
{
	__atomic_fetch_add(&standby->nr_pages, batch->nr, __ATOMIC_RELAXED);
	set_state(standby, batch, ZSWAP_BATCH_HELD);
}

void zswap_standby_hold_again(struct zswap_standby *standby, struct zswap_batch *batch)
{
	set_state(standby, batch, ZSWAP_BATCH_HELD);
}

void zswap_standby_release(struct zswap_standby *standby, struct zswap_batch *batch)
{
	if (batch->nr)
		standby->memory->release(standby->memory->ctx, batch->at, batch->nr);
	__atomic_fetch_sub(&standby->nr_pages, batch->nr, __ATOMIC_RELAXED);
	batch->nr = 0;
	set_state(standby, batch, ZSWAP_BATCH_FREE);
}

/* Who waits has said so before it looked at the changes for the last time. */
void zswap_standby_wait(struct zswap_standby *standby, uint32_t nr_changes)
{
	__atomic_fetch_add(&standby->nr_waiting, 1, __ATOMIC_SEQ_CST);
	zs_futex_wait(&standby->nr_changes, nr_changes, NULL);
	__atomic_fetch_sub(&standby->nr_waiting, 1, __ATOMIC_RELAXED);
}
