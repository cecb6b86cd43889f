/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Random numbers that a seed brings back: SplitMix64 (Steele, Lea, Flood 2014).
 */
#ifndef ZS_RANDOM_H
#define ZS_RANDOM_H

#include <stdint.h>

static inline uint64_t zs_random(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

/* 0 to bound - 1. pre: 0 < bound < 2^32 */
static inline uint32_t zs_random_below(uint64_t *state, uint64_t bound)
{
	return (uint32_t)((zs_random(state) >> 32) * bound >> 32);
}

#endif
