/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The types of the host contract: those of a process, and the lock's short way.
 */
#ifndef ZS_POSIX_HOST_TYPES_H
#define ZS_POSIX_HOST_TYPES_H

#include "../process_types.h"

/* Some architectures have systems with larger pages. */
#if defined(__x86_64__) || defined(__i386__)
#define ZS_HOST_MAX_PAGE_SHIFT 12
#else
#define ZS_HOST_MAX_PAGE_SHIFT 16
#endif

/* Found without a call where the C library is known to have room for it in a library that is loaded late. */
#if defined(__GLIBC__)
extern __thread unsigned int zs_thread_number __attribute__((tls_model("initial-exec")));
#else
extern __thread unsigned int zs_thread_number;
#endif

static inline unsigned int zs_host_thread(void)
{
	return zs_thread_number;
}

#define zs_host_thread zs_host_thread

/* Off the short way: somebody else holds the lock; somebody waits for it. */
void zs_host_lock_wait(zs_lock *lock);
void zs_host_lock_wake(zs_lock *lock);

static inline bool zs_host_try_lock(zs_lock *lock)
{
	uint32_t free_word = 0;

	return __atomic_compare_exchange_n(&lock->word, &free_word, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void zs_host_lock(zs_lock *lock)
{
	if (ZS_HOST_UNLIKELY(!zs_host_try_lock(lock)))
		zs_host_lock_wait(lock);
}

static inline bool zs_host_unlock_quick(zs_lock *lock)
{
	return ZS_HOST_UNLIKELY(__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) == 2);
}

static inline void zs_host_unlock(zs_lock *lock)
{
	if (zs_host_unlock_quick(lock))
		zs_host_lock_wake(lock);
}

#define zs_host_lock zs_host_lock

#endif
