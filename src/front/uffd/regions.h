/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Which addresses are managed, and the numbers of their pages. What was mapped at once is an area; parts of it that are
 * unmapped leave regions, and its numbers go when none is left.
 *
 * Locks: one of its own, shared by who looks, also in a signal handler.
 */
#ifndef ZSWAP_REGIONS_H
#define ZSWAP_REGIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "share_lock.h"

struct zswap_region {
	uintptr_t start;
	uintptr_t end;
	uint32_t page;     /* at start */
	uint32_t area;     /* the first page of its area */
	uint64_t nr_pages; /* of its area */
};

struct zswap_regions {
	struct zs_share_lock lock;
	struct zswap_region *region; /* in order of their addresses */
	size_t nr;
	size_t room;     /* there is for so many */
	size_t most;     /* as many as the areas may fall into */
	uintptr_t *base; /* the address of each chunk of page numbers */
};

/* Result: 0 or -ENOMEM. */
int zswap_regions_create(struct zswap_regions *regions);
void zswap_regions_destroy(struct zswap_regions *regions);

/* An area is mapped. Result: 0; -ENOMEM: there is no room for it, or for what it may fall into. */
int zswap_regions_add(struct zswap_regions *regions, uintptr_t start, size_t bytes, uint32_t page);

/* The page at an address. */
bool zswap_regions_find(struct zswap_regions *regions, uintptr_t address, uint32_t *page);
/* Where a page is, whose number may be another area's by now; NULL: nowhere. */
void *zswap_regions_place(struct zswap_regions *regions, uint32_t page);
/* The first part of a range that is managed; nothing is in an empty range. */
bool zswap_regions_next(struct zswap_regions *regions, uintptr_t start, uintptr_t end, struct zswap_region *part);

/*
 * A part of one region, as zswap_regions_next() tells it, is managed no more. Result: whether it was its area's last.
 */
bool zswap_regions_remove(struct zswap_regions *regions, const struct zswap_region *part);

/* That of a number that may be another area's meanwhile is one of both. pre: the number is, or was, in use */
static inline void *zswap_regions_address(const struct zswap_regions *regions, uint32_t page)
{
	uintptr_t base = __atomic_load_n(&regions->base[page >> 16], __ATOMIC_RELAXED);

	return (void *)(base + ((uintptr_t)(page & 0xffff) << 12));
}

#endif
