/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Waiting for a word to change, by Linux's futex. The constants are here, since not every C library comes with the
 * kernel's headers.
 */
#ifndef ZS_HOST_FUTEX_H
#define ZS_HOST_FUTEX_H

#include <limits.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ZS_FUTEX_WAIT_PRIVATE (0 | 128)
#define ZS_FUTEX_WAKE_PRIVATE (1 | 128)

/* The call that takes a timespec as this program has it: on 32-bit systems its seconds may have 64 bits. */
#ifndef SYS_futex
#define SYS_futex SYS_futex_time64 /* newer 32-bit architectures have no other */
#endif
#ifdef SYS_futex_time64
#define ZS_SYS_FUTEX_TIMED (sizeof(time_t) > sizeof(long) ? SYS_futex_time64 : SYS_futex)
#else
#define ZS_SYS_FUTEX_TIMED SYS_futex
#endif

/* Sleeps while the word has the value, until it is woken or, unless timeout is NULL, so long; or for no reason. */
static inline void zs_futex_wait(uint32_t *word, uint32_t value, const struct timespec *timeout)
{
	syscall(timeout ? ZS_SYS_FUTEX_TIMED : SYS_futex, word, ZS_FUTEX_WAIT_PRIVATE, value, timeout, NULL, 0);
}

static inline void zs_futex_wake(uint32_t *word, int nr)
{
	syscall(SYS_futex, word, ZS_FUTEX_WAKE_PRIVATE, nr, NULL, NULL, 0);
}

#endif
