/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A sum over bytes that differs for different bytes, but for one pair in 2^32. It is no secret: who wants two to be
 * equal can make them so.
 */
#ifndef ZS_ENGINE_SUM_H
#define ZS_ENGINE_SUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ZS_SUM_LANES 4
#define ZS_SUM_ODD_A 0x9e3779b97f4a7c15u /* 2^64 divided by the golden ratio */
#define ZS_SUM_ODD_B 0xd6e8feb86659fd93u

static inline uint64_t zs_sum_step(uint64_t lane, uint64_t word)
{
	lane = (lane ^ word) * ZS_SUM_ODD_A;
	return lane ^ lane >> 31;
}

/* Several lanes, so that several words are multiplied at a time. */
static inline uint32_t zs_sum(const void *bytes, size_t len)
{
	uint64_t lane[ZS_SUM_LANES] = { 1, 2, 3, 4 }, word, sum = len;
	const unsigned char *at = bytes;

	for (; len >= sizeof(lane); len -= sizeof(lane))
		for (unsigned int i = 0; i < ZS_SUM_LANES; i++, at += sizeof(word)) {
			memcpy(&word, at, sizeof(word));
			lane[i] = zs_sum_step(lane[i], word);
		}
	for (; len; len -= word, at += word) {
		uint64_t rest = 0;

		word = len < sizeof(rest) ? len : sizeof(rest);
		memcpy(&rest, at, word);
		lane[0] = zs_sum_step(lane[0], rest);
	}
	for (unsigned int i = 0; i < ZS_SUM_LANES; i++) {
		sum = (sum + lane[i]) * ZS_SUM_ODD_B;
		sum ^= sum >> 29;
	}
	return (uint32_t)(sum >> 32);
}

#endif
