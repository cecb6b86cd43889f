/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * How many of what was seen lately was such: older ones count half, again and again.
 */
#ifndef ZSWAP_OPINION_H
#define ZSWAP_OPINION_H

#include <stdbool.h>
#include <stdint.h>

#define ZSWAP_LEAST_SEEN 16u /* before that nothing is known */
#define ZSWAP_MOST_SEEN 256u

struct zswap_opinion {
	uint32_t nr_seen, nr_such;
};

static inline void zswap_opinion_fade(struct zswap_opinion *opinion)
{
	if (opinion->nr_seen >= ZSWAP_MOST_SEEN)
		*opinion = (struct zswap_opinion){ opinion->nr_seen / 2, opinion->nr_such / 2 };
}

static inline bool zswap_opinion_is_known(const struct zswap_opinion *opinion)
{
	return opinion->nr_seen >= ZSWAP_LEAST_SEEN;
}

/* Whether at least part of so many were such. */
static inline bool zswap_opinion_is_share(const struct zswap_opinion *opinion, uint32_t part, uint32_t of)
{
	return (uint64_t)opinion->nr_such * of >= (uint64_t)opinion->nr_seen * part;
}

/* ---- in a word that threads share ---- */

static inline struct zswap_opinion zswap_opinion_look(const uint64_t *word)
{
	uint64_t now = __atomic_load_n(word, __ATOMIC_RELAXED);

	return (struct zswap_opinion){ (uint32_t)(now >> 32), (uint32_t)now };
}

/* Who notes something at the same time may take one away again, not more. */
static inline void zswap_opinion_note(uint64_t *word, struct zswap_opinion opinion)
{
	zswap_opinion_fade(&opinion);
	__atomic_store_n(word, (uint64_t)opinion.nr_seen << 32 | opinion.nr_such, __ATOMIC_RELAXED);
}

#endif
