/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A lock of four bytes, for instance for a group of pages: many share it, or one has it alone. Who waits to have it
 * alone goes before those who come to share it later, so a stream of readers holds up no writer. A futex is waited on.
 */
#ifndef ZS_ENGINE_SHARE_LOCK_H
#define ZS_ENGINE_SHARE_LOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Zeroes: nobody has it. */
struct zs_share_lock {
	uint32_t word; /* how many share it, ALONE, WAITED */
};

#define ZS_SHARE_ALONE 0x80000000u  /* one has it alone */
#define ZS_SHARE_WAITED 0x40000000u /* somebody waits */

/* Off the short way. most: how long one sleeps, at most, before one does without; NULL: one does not. Result: has it */
bool zs_share_lock_wait(struct zs_share_lock *lock, bool alone, const struct timespec *most);
void zs_share_lock_wake(struct zs_share_lock *lock);

static inline bool zs_share_try(struct zs_share_lock *lock, uint32_t state, bool alone)
{
	uint32_t next = alone ? ZS_SHARE_ALONE : state + 1;

	if (alone ? state != 0 : (state & (ZS_SHARE_ALONE | ZS_SHARE_WAITED)) != 0)
		return false;
	return __atomic_compare_exchange_n(&lock->word, &state, next, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void zs_share_lock(struct zs_share_lock *lock, bool alone)
{
	if (!zs_share_try(lock, __atomic_load_n(&lock->word, __ATOMIC_RELAXED), alone))
		zs_share_lock_wait(lock, alone, NULL);
}

/* Result: whether one has it, having waited for so long at most, or somewhat longer. */
static inline bool zs_share_lock_within(struct zs_share_lock *lock, bool alone, uint32_t ns)
{
	const struct timespec most = { .tv_nsec = (long)ns };

	return zs_share_try(lock, __atomic_load_n(&lock->word, __ATOMIC_RELAXED), alone) ||
	       zs_share_lock_wait(lock, alone, &most);
}

static inline void zs_share_unlock(struct zs_share_lock *lock, bool alone)
{
	if (alone) {
		if (__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) & ZS_SHARE_WAITED)
			zs_share_lock_wake(lock);
	} else if (__atomic_sub_fetch(&lock->word, 1, __ATOMIC_ACQ_REL) == ZS_SHARE_WAITED) {
		/*
		 * The last one out, who passes on what the others before have released: the store is no part of
		 * their release sequences. Whoever sees the mark without a holder waits for it.
		 */
		__atomic_store_n(&lock->word, 0, __ATOMIC_RELEASE);
		zs_share_lock_wake(lock);
	}
}

#endif
