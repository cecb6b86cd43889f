/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A lock of four bytes for a group of pages: many share it, or one has it alone. Who waits to have it alone goes before
 * those who come to share it later, so a stream of readers holds up no writer. A futex is waited on.
 */
#ifndef ZRAM_GROUP_LOCK_H
#define ZRAM_GROUP_LOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Zeroes: nobody has it. */
struct zram_group_lock {
	uint32_t word; /* how many share it, ALONE, WAITED */
};

#define ZRAM_LOCK_ALONE 0x80000000u  /* one has it alone */
#define ZRAM_LOCK_WAITED 0x40000000u /* somebody waits */

/* Off the short way. */
void zram_group_lock_wait(struct zram_group_lock *lock, bool alone);
void zram_group_lock_wake(struct zram_group_lock *lock);

static inline bool zram_group_try(struct zram_group_lock *lock, uint32_t state, bool alone)
{
	uint32_t next = alone ? ZRAM_LOCK_ALONE : state + 1;

	if (alone ? state != 0 : (state & (ZRAM_LOCK_ALONE | ZRAM_LOCK_WAITED)) != 0)
		return false;
	return __atomic_compare_exchange_n(&lock->word, &state, next, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void zram_group_lock(struct zram_group_lock *lock, bool alone)
{
	if (!zram_group_try(lock, __atomic_load_n(&lock->word, __ATOMIC_RELAXED), alone))
		zram_group_lock_wait(lock, alone);
}

static inline void zram_group_unlock(struct zram_group_lock *lock, bool alone)
{
	if (alone) {
		if (__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) & ZRAM_LOCK_WAITED)
			zram_group_lock_wake(lock);
	} else if (__atomic_sub_fetch(&lock->word, 1, __ATOMIC_ACQ_REL) == ZRAM_LOCK_WAITED) {
		/*
		 * The last one out, who passes on what the others before have released: the store is no part of
		 * their release sequences. Whoever sees the mark without a holder waits for it.
		 */
		__atomic_store_n(&lock->word, 0, __ATOMIC_RELEASE);
		zram_group_lock_wake(lock);
	}
}

#endif
