/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Keys, and their hashes. Of a hash the highest bits choose a shard, those in the middle tell ghosts apart, and the
 * lowest find an entry. The seed is the cache's own, so that nobody outside can choose keys that meet.
 */
#ifndef ZCACHE_KEY_H
#define ZCACHE_KEY_H

#include <stdint.h>

struct zcache_key {
	uint64_t object;
	uint32_t index;
	uint8_t pool;
};

#define ZCACHE_ODD_A 0x9e3779b97f4a7c15u /* 2^64 divided by the golden ratio */
#define ZCACHE_ODD_B 0xd6e8feb86659fd93u
#define ZCACHE_SHARD_BITS 6

static inline uint64_t zcache_mix(uint64_t word)
{
	word = (word ^ word >> 32) * ZCACHE_ODD_B;
	word = (word ^ word >> 29) * ZCACHE_ODD_A;
	return word ^ word >> 32;
}

/* Of an object as a whole. */
static inline uint64_t zcache_hash_object(uint64_t seed, uint8_t pool, uint64_t object)
{
	return zcache_mix(zcache_mix(object + seed) + pool * ZCACHE_ODD_A);
}

static inline uint64_t zcache_hash(uint64_t seed, const struct zcache_key *key)
{
	return zcache_mix(zcache_hash_object(seed, key->pool, key->object) + key->index * ZCACHE_ODD_B);
}

/*
 * Numbers 0 to nr − 1 for hashes, such that one number more moves only some of one other's hashes to it (linear
 * hashing, Litwin 1980). pre: nr > 0
 */
static inline uint32_t zcache_hash_place(uint64_t hash, uint32_t nr)
{
	uint32_t mask = nr > 1 ? UINT32_MAX >> __builtin_clz(nr - 1) : 0, place = (uint32_t)hash & mask;

	return place < nr ? place : place & mask >> 1;
}

/* Whose hashes go to a number, when that is new. pre: number > 0 */
static inline uint32_t zcache_hash_parent(uint32_t number)
{
	return number & ~(1u << (31 - __builtin_clz(number)));
}

#endif
