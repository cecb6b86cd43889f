/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What a page of the guest's tests holds: everything follows from a key, so a page can be checked by whoever knows
 * whose it is and how often it was written. Compresses as memory does: most pages to 20-90 %, some are one word
 * repeated, some do not compress.
 */
#ifndef TESTS_KERNEL_CONTENT_H
#define TESTS_KERNEL_CONTENT_H

#include <stdint.h>
#include <string.h>

#include "random.h"

#define PAGE_BYTES 4096u
#define PAGE_WORDS (PAGE_BYTES / sizeof(uint64_t))

/* Generation 0 is a page never written, or given back: it reads as zeroes. */
static inline uint64_t content_key(uint64_t seed, uint64_t owner, uint32_t generation)
{
	struct rng rng = { .state = seed ^ (owner << 32) ^ (owner >> 32) ^ ((uint64_t)generation << 17) };

	return rng_next(&rng);
}

/* Runs of 64 bytes: random, with the given chance of 256, or else one pattern for the page. */
static inline void content_mixed(struct rng *rng, uint64_t words[PAGE_WORDS], uint32_t chance)
{
	uint64_t pattern = rng_next(rng) & 0x00ff00ff00ff00ffu;

	for (unsigned int run = 0; run < PAGE_WORDS; run += 8) {
		int is_random = rng_below(rng, 256) < chance;

		for (unsigned int i = run; i < run + 8; i++)
			words[i] = is_random ? rng_next(rng) : pattern + (run << 8);
	}
}

static inline void content_fill(uint64_t words[PAGE_WORDS], uint64_t seed, uint64_t owner, uint32_t generation)
{
	struct rng rng = { .state = content_key(seed, owner, generation) };
	uint32_t kind = rng_below(&rng, 64);

	if (!generation) {
		memset(words, 0, PAGE_BYTES);
	} else if (kind < 3) {
		words[0] = rng_next(&rng);
		for (unsigned int i = 1; i < PAGE_WORDS; i++)
			words[i] = words[0];
	} else if (kind < 5) {
		content_mixed(&rng, words, 256);
	} else {
		content_mixed(&rng, words, 24 + rng_below(&rng, 170));
	}
}

/* The first byte that is not what it should be, or PAGE_BYTES. */
static inline unsigned int content_differs(const void *page, uint64_t seed, uint64_t owner, uint32_t generation)
{
	uint64_t expected[PAGE_WORDS];
	const unsigned char *have = page;

	content_fill(expected, seed, owner, generation);
	if (!memcmp(have, expected, PAGE_BYTES))
		return PAGE_BYTES;
	for (unsigned int at = 0; at < PAGE_BYTES; at++) {
		if (have[at] != ((unsigned char *)expected)[at])
			return at;
	}
	return PAGE_BYTES;
}

#endif
