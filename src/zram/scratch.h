/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What a request needs for itself: a codec's context, a page, and room for a compressed page. They are kept for the
 * next request; there are as many as requests were under way at once.
 *
 * Locks: one of their own, innermost.
 */
#ifndef ZRAM_SCRATCH_H
#define ZRAM_SCRATCH_H

#include "comp.h"
#include "group_lock.h"
#include "slot.h"

struct zram_scratch {
	struct zram_scratch *next;
	void *codec;
	unsigned char page[ZRAM_PAGE_BYTES];
	unsigned char packed[ZRAM_PAGE_BYTES];
};

struct zram_scratches {
	struct zs_comp_spec comp;
	struct zram_group_lock lock;
	struct zram_scratch *first; /* not in use */
	uint32_t nr;                /* all */
};

/* NULL: no memory. */
struct zram_scratch *zram_scratch_get(struct zram_scratches *scratches);
void zram_scratch_put(struct zram_scratches *scratches, struct zram_scratch *scratch);
/* pre: none is in use. */
void zram_scratches_destroy(struct zram_scratches *scratches);

/* Bytes of all, without what the codec's library takes for a context. */
uint64_t zram_scratches_bytes(const struct zram_scratches *scratches);

#endif
