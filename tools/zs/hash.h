/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A 128-bit hash that tells whether a unit came back as it went in.
 */
#ifndef ZS_HASH_H
#define ZS_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zs_hash {
	uint64_t word[2];
};

/* MurmurHash3, x64, 128 bits, seed 0. pre: len is a multiple of 16. */
struct zs_hash zs_hash_of(const void *data, size_t len);

static inline bool zs_hash_equal(const struct zs_hash *a, const struct zs_hash *b)
{
	return a->word[0] == b->word[0] && a->word[1] == b->word[1];
}

#endif
