/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A small generator of random numbers, the same everywhere: splitmix64 (Steele, Lea, Flood 2014).
 */
#ifndef TESTS_RANDOM_H
#define TESTS_RANDOM_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng)
{
	uint64_t z = rng->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* 0 to bound - 1. pre: bound > 0. */
static inline uint32_t rng_below(struct rng *rng, uint32_t bound)
{
	return (uint32_t)(((rng_next(rng) >> 32) * bound) >> 32);
}

/* The same bytes on machines of either order. */
static inline void rng_fill(struct rng *rng, void *buffer, uint32_t bytes)
{
	unsigned char *at = buffer;
	uint64_t word;

	for (; bytes >= sizeof(word); bytes -= (uint32_t)sizeof(word), at += sizeof(word)) {
		word = htole64(rng_next(rng));
		memcpy(at, &word, sizeof(word));
	}
	if (bytes) {
		word = htole64(rng_next(rng));
		memcpy(at, &word, bytes);
	}
}

#endif
