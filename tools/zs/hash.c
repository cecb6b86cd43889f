/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * MurmurHash3_x64_128, whose algorithm Austin Appleby placed in the public domain, for whole blocks of 16 bytes.
 */
#include "hash.h"

#include <string.h>

static const uint64_t C1 = 0x87c37b91114253d5u;
static const uint64_t C2 = 0x4cf5ad432745937fu;

static uint64_t rotate_left(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static uint64_t final_mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdu;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53u;
	return x ^ x >> 33;
}

struct zs_hash zs_hash_of(const void *data, size_t len)
{
	const unsigned char *at = data;
	uint64_t h1 = 0, h2 = 0, block[2];

	for (size_t left = len; left >= sizeof(block); left -= sizeof(block), at += sizeof(block)) {
		memcpy(block, at, sizeof(block));
		h1 ^= rotate_left(block[0] * C1, 31) * C2;
		h1 = (rotate_left(h1, 27) + h2) * 5 + 0x52dce729;
		h2 ^= rotate_left(block[1] * C2, 33) * C1;
		h2 = (rotate_left(h2, 31) + h1) * 5 + 0x38495ab5;
	}
	h1 ^= len;
	h2 ^= len;
	h1 += h2;
	h2 += h1;
	h1 = final_mix(h1);
	h2 = final_mix(h2);
	h1 += h2;
	h2 += h1;
	return (struct zs_hash){ { h1, h2 } };
}
