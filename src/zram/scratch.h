/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What a request needs for itself: a codec's context, a page, and room for a compressed page. They are kept for the
 * next request; there are as many as requests were under way at once.
 *
 * What only pages packed again need, a context of the stronger codec and room for a whole unit, is made when the first
 * of them is met.
 *
 * Locks: that of the spares.
 */
#ifndef ZRAM_SCRATCH_H
#define ZRAM_SCRATCH_H

#include "comp.h"
#include "slot.h"
#include "spares.h"

#define ZRAM_UNIT_PAGES 16u /* a unit lies within the pages that share a lock */
#define ZRAM_UNIT_BYTES (ZRAM_UNIT_PAGES * ZRAM_PAGE_BYTES)

struct zram_room {
	void *codec;       /* NULL: the disk has no stronger one */
	uint64_t unpacked; /* zram_slot_whole() of whose pages are here, while the lock of its group is held; or 0 */
	unsigned char pages[ZRAM_UNIT_BYTES];
	unsigned char packed[ZRAM_UNIT_BYTES];
};

struct zram_scratch {
	struct zs_spare spare;
	void *codec;
	struct zram_room *room; /* NULL: not made yet */
	unsigned char page[ZRAM_PAGE_BYTES];
	unsigned char packed[ZRAM_PAGE_BYTES];
};

struct zram_scratches {
	struct zs_comp_spec comp;
	struct zs_comp_spec strong; /* comp NULL: there is none */
	struct zs_spares spares;    /* not in use */
	uint32_t nr;                /* all */
	uint32_t nr_rooms;
};

/* NULL: no memory. */
struct zram_scratch *zram_scratch_get(struct zram_scratches *scratches);
void zram_scratch_put(struct zram_scratches *scratches, struct zram_scratch *scratch);
/* pre: none is in use. */
void zram_scratches_destroy(struct zram_scratches *scratches);

/* The scratch's room; NULL: no memory. */
struct zram_room *zram_scratch_room(struct zram_scratches *scratches, struct zram_scratch *scratch);

/* Bytes of all, without what the codec's library takes for a context. */
uint64_t zram_scratches_bytes(const struct zram_scratches *scratches);

#endif
