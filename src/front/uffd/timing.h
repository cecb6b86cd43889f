/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What something takes on this machine, as it was lately: the median, which each time that is above it takes up a
 * little, and each below it down. A mean would tell of those few times when others had to go first. Any number of
 * threads may note and look; what one of them notes may be lost.
 */
#ifndef ZSWAP_TIMING_H
#define ZSWAP_TIMING_H

#include <stdint.h>

#define ZSWAP_MOST_NS (UINT32_C(1) << 28)
#define ZSWAP_TIMING_STEP 16u /* one part of the median in so many */

/* 0: nothing was noted yet. */
static inline uint32_t zswap_timing_ns(const uint32_t *timing)
{
	return __atomic_load_n(timing, __ATOMIC_RELAXED);
}

static inline void zswap_timing_note(uint32_t *timing, uint64_t ns)
{
	uint32_t median = zswap_timing_ns(timing), step = median / ZSWAP_TIMING_STEP + 1;

	if (!median)
		median = ns < ZSWAP_MOST_NS ? (uint32_t)ns + 1 : ZSWAP_MOST_NS;
	else if (ns > median)
		median += median < ZSWAP_MOST_NS ? step : 0;
	else
		median -= step < median ? step : 0;
	__atomic_store_n(timing, median, __ATOMIC_RELAXED);
}

#endif
