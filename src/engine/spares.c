/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A list, and how many are in it, for those who wait.
 */
#include "spares.h"

#include <stdbool.h>
#include <stddef.h>

#include "futex.h"

void zs_spares_put(struct zs_spares *spares, struct zs_spare *spare)
{
	bool was_last;

	zs_share_lock(&spares->lock, true);
	spare->next = spares->first;
	spares->first = spare;
	was_last = !spares->nr;
	__atomic_store_n(&spares->nr, spares->nr + 1, __ATOMIC_RELAXED);
	zs_share_unlock(&spares->lock, true);
	if (was_last)
		zs_futex_wake(&spares->nr, INT_MAX);
}

void *zs_spares_try(struct zs_spares *spares)
{
	struct zs_spare *spare;

	zs_share_lock(&spares->lock, true);
	spare = spares->first;
	if (spare) {
		spares->first = spare->next;
		__atomic_store_n(&spares->nr, spares->nr - 1, __ATOMIC_RELAXED);
	}
	zs_share_unlock(&spares->lock, true);
	return spare;
}

void *zs_spares_get(struct zs_spares *spares)
{
	void *spare = zs_spares_try(spares);

	for (; !spare; spare = zs_spares_try(spares))
		zs_futex_wait(&spares->nr, 0, NULL);
	return spare;
}
