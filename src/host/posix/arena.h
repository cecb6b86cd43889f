/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * An arena: address space that is reserved in regions and handed out in blocks of 256 KiB, for zspages and metadata.
 */
#ifndef ZS_POSIX_ARENA_H
#define ZS_POSIX_ARENA_H

#include "host.h"

#define ARENA_BLOCK_SHIFT 18 /* 64 metadata units */
#define ARENA_BLOCK (1ul << ARENA_BLOCK_SHIFT)
#define ARENA_REGION_MAX (256ul << 20)

struct region;

struct arena {
	zs_lock lock;              /* guards everything below and all regions */
	unsigned int page_shift;   /* of the system; constant */
	struct region *first;      /* ordered by creation; the first stays until the end */
	zs_atomic_long nr_regions; /* may be read without the lock */
};

/* Reserves the first region; 64 bytes of it, zeroed, are at *extra for the caller's own use. Result: 0 or -ENOMEM. */
int arena_create(struct arena **arena, void **extra);
void arena_destroy(struct arena *arena);

/* Address space of nr_blocks (1, 2, 4, 8 or 16) blocks, or NULL. */
void *arena_get_blocks(struct arena *arena, unsigned int nr_blocks);
/* pre: no page of the blocks is resident. */
void arena_put_blocks(struct arena *arena, void *blocks, unsigned int nr_blocks);

void *arena_get_unit(struct arena *arena);
void arena_put_unit(struct arena *arena, void *unit);

/* Makes pages resident at once, if the system knows how; else they become so when touched. */
void arena_populate(void *address, size_t bytes);

/* Gives pages back to the system; they stay reserved and read as zeroes. */
void arena_return(void *address, size_t bytes);
void arena_return_ranges(const struct arena *arena, const struct zs_range *ranges, unsigned int nr);

#endif
