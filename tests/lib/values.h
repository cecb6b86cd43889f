/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Values for tests of caches: lengths of all kinds, and content that follows from a number, of which a part compresses.
 */
#ifndef TESTS_VALUES_H
#define TESTS_VALUES_H

#include <stdbool.h>
#include <string.h>

#include "random.h"

#define VALUE_MOST 65536u

/* Mostly up to a page, now and then up to the longest, or the least or most that there may be. */
static inline uint32_t value_length(struct rng *rng)
{
	switch (rng_below(rng, 32)) {
	case 0: return 1;
	case 1: return 4096;
	case 2: return 1 + rng_below(rng, VALUE_MOST);
	case 3: return rng_below(rng, 8) ? 16384 : VALUE_MOST;
	default: return 1 + rng_below(rng, 4096);
	}
}

/* Every fourth does not compress; of the others one half is a word over and over. */
static inline void value_make(void *buffer, uint32_t len, uint64_t number)
{
	struct rng rng = { .state = number * 2 + 1 };
	uint32_t plain = number % 4 ? len / 2 : 0;

	memset(buffer, (int)(number & 0x7f), plain);
	rng_fill(&rng, (unsigned char *)buffer + plain, len - plain);
}

static inline bool value_is(const void *buffer, uint32_t len, uint64_t number)
{
	static _Thread_local unsigned char made[VALUE_MOST];

	value_make(made, len, number);
	return !memcmp(buffer, made, len);
}

#endif
