/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Keys of values that are gone, 32 bits of hash each, in sets of fifteen: a new one takes the place of its set's
 * oldest. So four bytes and a bit remember a key. Now and then a key is taken for another, which does no harm.
 *
 * Locks: the shard's.
 */
#ifndef ZCACHE_GHOSTS_H
#define ZCACHE_GHOSTS_H

#include <stdbool.h>

#include "array.h"
#include "key.h"

#define ZCACHE_SET_GHOSTS 15u

struct zcache_ghosts {
	struct zcache_array sets;
	uint32_t nr_sets;
	uint32_t nr; /* remembered */
};

#define ZCACHE_GHOST_CHUNKS 24u

/* chunks: its user's, ZCACHE_GHOST_CHUNKS, all NULL. Result: 0 or -ENOMEM; it is to be emptied in any case. */
int zcache_ghosts_create(struct zcache_ghosts *ghosts, unsigned char **chunks);
void zcache_ghosts_empty(struct zcache_ghosts *ghosts);

/* Where it is full it comes nearer to room for so many, by some sets; without memory it stays as it is. */
void zcache_ghosts_grow(struct zcache_ghosts *ghosts, uint32_t nr);
/* Room for twice as many is enough. */
void zcache_ghosts_shrink(struct zcache_ghosts *ghosts, uint32_t nr);

void zcache_ghosts_add(struct zcache_ghosts *ghosts, uint64_t hash);
/* Whether it was remembered; it is not any more. */
bool zcache_ghosts_take(struct zcache_ghosts *ghosts, uint64_t hash);

static inline uint64_t zcache_ghosts_bytes(const struct zcache_ghosts *ghosts)
{
	return (uint64_t)ghosts->sets.nr_pages << ZCACHE_PAGE_SHIFT;
}

#endif
