/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Waiting for a lock.
 */
#include "share_lock.h"

#include <errno.h>

#include "futex.h"

#define SPINS 100

static uint32_t state_of(struct zs_share_lock *lock)
{
	return __atomic_load_n(&lock->word, __ATOMIC_RELAXED);
}

/*
 * The mark is set while somebody has the lock, or after the last one dropped it and before that one has cleared it: in
 * either case it is cleared by whoever wakes all that wait, and the futex does not sleep on a word that has changed. Of
 * one that has waited long enough the mark stays: then nobody may be there to be woken.
 */
bool zs_share_lock_wait(struct zs_share_lock *lock, bool alone, const struct timespec *most)
{
	int saved_errno = errno;
	bool has_slept = false, has_it;

	for (unsigned int looks = 0; !(has_it = zs_share_try(lock, state_of(lock), alone)) && !has_slept; looks++) {
		uint32_t state = state_of(lock);

		if (looks < SPINS || !state)
			continue;
		if (state & ZS_SHARE_WAITED || __atomic_compare_exchange_n(&lock->word, &state, state | ZS_SHARE_WAITED,
									   false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
			zs_futex_wait(&lock->word, state | ZS_SHARE_WAITED, most);
			has_slept = most != NULL;
		}
	}
	errno = saved_errno;
	return has_it;
}

void zs_share_lock_wake(struct zs_share_lock *lock)
{
	int saved_errno = errno;

	zs_futex_wake(&lock->word, INT_MAX);
	errno = saved_errno;
}
