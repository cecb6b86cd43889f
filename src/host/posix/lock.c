/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The short lock: four bytes, one atomic operation to take and one to drop when nobody contends, a futex to wait on.
 *
 * States as in host_types.h. A waiter always leaves the word at 2, so an unlock that finds 2 wakes one.
 */
#include "futex.h"
#include "host.h"

#define SPINS 100

static bool lock_spin(zs_lock *lock)
{
	for (int i = 0; i < SPINS; i++) {
		if (__atomic_load_n(&lock->word, __ATOMIC_RELAXED) == 0 && zs_host_try_lock(lock))
			return true;
#if defined(__x86_64__) || defined(__i386__)
		__builtin_ia32_pause();
#endif
	}
	return false;
}

void zs_host_lock_init(zs_lock *lock)
{
	lock->word = 0;
}

void zs_host_lock_wait(zs_lock *lock)
{
	int saved_errno = errno;

	if (lock_spin(lock))
		return;
	while (__atomic_exchange_n(&lock->word, 2, __ATOMIC_ACQUIRE) != 0)
		zs_futex_wait(&lock->word, 2, NULL);
	errno = saved_errno;
}

void zs_host_lock_wake(zs_lock *lock)
{
	int saved_errno = errno;

	zs_futex_wake(&lock->word, 1);
	errno = saved_errno;
}
