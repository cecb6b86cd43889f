/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Clocks of the system, in nanoseconds.
 */
#ifndef ZS_CLOCKS_H
#define ZS_CLOCKS_H

#include <stdint.h>
#include <time.h>

static inline uint64_t zs_clock_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t zs_clock_ns(void)
{
	return zs_clock_of(CLOCK_MONOTONIC);
}

#endif
