/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Counts times in buckets that are a 256th of their octave wide, so that many can be noted at little cost in memory.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

enum {
	BENCH_HISTOGRAM_SHIFT = 8,
	BENCH_HISTOGRAM_STEPS = 1 << BENCH_HISTOGRAM_SHIFT,
	BENCH_HISTOGRAM_BUCKETS = (65 - BENCH_HISTOGRAM_SHIFT) * BENCH_HISTOGRAM_STEPS
};

struct bench_histogram {
	uint64_t count[BENCH_HISTOGRAM_BUCKETS];
	uint64_t nr;
	uint64_t most; /* exact */
};

static inline void bench_histogram_note(struct bench_histogram *histogram, uint64_t value)
{
	unsigned int shift =
		value < BENCH_HISTOGRAM_STEPS ? 0 : 63 - BENCH_HISTOGRAM_SHIFT - (unsigned int)__builtin_clzll(value);

	histogram->count[shift * BENCH_HISTOGRAM_STEPS + (value >> shift)]++;
	histogram->nr++;
	histogram->most = value > histogram->most ? value : histogram->most;
}

static inline void bench_histogram_add(struct bench_histogram *to, const struct bench_histogram *from)
{
	for (unsigned int i = 0; i < BENCH_HISTOGRAM_BUCKETS; i++)
		to->count[i] += from->count[i];
	to->nr += from->nr;
	to->most = from->most > to->most ? from->most : to->most;
}

/* The largest value of the bucket that this share of all lie in or below; 0 if there is none. */
static inline uint64_t bench_histogram_quantile(const struct bench_histogram *histogram, double share)
{
	uint64_t below = 0;

	for (unsigned int i = 0; i < BENCH_HISTOGRAM_BUCKETS; i++) {
		unsigned int shift = i < 2 * BENCH_HISTOGRAM_STEPS ? 0 : i / BENCH_HISTOGRAM_STEPS - 1;

		below += histogram->count[i];
		if (below && (double)below >= share * (double)histogram->nr)
			return ((uint64_t)(i - shift * BENCH_HISTOGRAM_STEPS + 1) << shift) - 1;
	}
	return 0;
}

#endif
