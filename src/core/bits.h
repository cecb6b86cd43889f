/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Counting bits without a library: on processors that are not known to count them, the compiler would call one.
 * Choosing the lowest of them.
 */
#ifndef ZS_CORE_BITS_H
#define ZS_CORE_BITS_H

#include "host_types.h"

/* Sums of bits in pairs, fours, eights; the multiplication adds up the bytes (Warren, Hacker's Delight, 5-1). */
static inline unsigned int zs_count_bits(uint64_t x)
{
	x -= x >> 1 & 0x5555555555555555u;
	x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
	return (unsigned int)(x * 0x0101010101010101u >> 56);
}

/* The lowest nr set bits of a word. */
static inline uint64_t zs_lowest_bits(uint64_t x, unsigned int nr)
{
	uint64_t rest = x;

	while (rest && nr--)
		rest &= rest - 1;
	return x & ~rest;
}

#endif
