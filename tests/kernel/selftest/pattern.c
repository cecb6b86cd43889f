/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Numbers and contents that follow from a seed: splitmix64 (Steele, Lea, Flood 2014).
 *
 * Content is never stored to compare with: each byte follows from a key and its place.
 */
#include <asm/unaligned.h>

#include "selftest.h"

#define GOLDEN 0x9e3779b97f4a7c15ull

static u64 mix(u64 z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

u64 st_random(struct st_rng *rng)
{
	return mix(rng->state += GOLDEN);
}

u32 st_below(struct st_rng *rng, u32 bound)
{
	return (u32)(((st_random(rng) >> 32) * bound) >> 32);
}

u64 st_key(u64 seed, u64 value)
{
	return mix(seed ^ mix(value + GOLDEN));
}

static u64 word_at(u32 at, u64 key)
{
	return mix(key + (at / sizeof(u64) + 1) * GOLDEN);
}

u8 st_pattern_byte(u32 at, u64 key)
{
	return (u8)(word_at(at, key) >> (8 * (at % sizeof(u64))));
}

static bool word_starts(u32 at, u32 to)
{
	return at % sizeof(u64) == 0 && to - at >= sizeof(u64);
}

void st_pattern_fill(void *memory, u32 from, u32 to, u64 key)
{
	u8 *bytes = memory;
	u32 at = from;

	while (at < to) {
		if (word_starts(at, to)) {
			put_unaligned_le64(word_at(at, key), bytes + at);
			at += sizeof(u64);
		} else {
			bytes[at] = st_pattern_byte(at, key);
			at++;
		}
	}
}

u32 st_pattern_differs(const void *memory, u32 from, u32 to, u64 key)
{
	const u8 *bytes = memory;
	u32 at = from;

	while (at < to) {
		if (word_starts(at, to) && get_unaligned_le64(bytes + at) == word_at(at, key))
			at += sizeof(u64);
		else if (bytes[at] == st_pattern_byte(at, key))
			at++;
		else
			break;
	}
	return at;
}
