/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Units: pages of one group that an object holds together, compressed as one by the stronger codec.
 *
 * The object says how long its content is and how many pages were packed. Which of them still live is not noted
 * anywhere: those whose slots name the object, which are all in one group and so under one lock. A page that is
 * overwritten or discarded leaves dead bytes in its unit, which are counted; the last one takes the object with it.
 */
#ifndef ZRAM_UNIT_H
#define ZRAM_UNIT_H

#include "disk.h"

/* What an object of pages begins with. */
struct zram_unit_head {
	uint32_t packed_bytes; /* behind this head */
	uint32_t nr_pages;
};

/*
 * Packs room->pages. Result: 0; -ENOSPC: it would take at_most_bytes or more; -ENOMEM, also at the limit; -EIO: the
 * codec failed.
 */
int zram_unit_pack(struct zram *zram, struct zram_room *room, unsigned int nr_pages, size_t at_most_bytes,
		   unsigned long *handle);

/* Fills room->pages from a unit's bytes, at most size of them. whole: zram_slot_whole(). Result: 0 or -EIO. */
int zram_unit_unpack(struct zram *zram, struct zram_room *room, const void *object, size_t size, uint64_t whole);

/* The same for a slot of a unit, unless the room has it already. context: the group is locked. */
int zram_unit_open(struct zram *zram, struct zram_room *room, uint64_t slot);

/* Both are 0 if it is damaged. context: the group is locked. */
struct zram_unit_head zram_unit_head(struct zram *zram, unsigned long handle);

/* All bytes of the object. */
static inline uint64_t zram_unit_bytes(const struct zram_unit_head *head)
{
	return sizeof(*head) + head->packed_bytes;
}

/* What each page of it is charged with. */
static inline uint64_t zram_unit_share(const struct zram_unit_head *head)
{
	return head->nr_pages ? zram_unit_bytes(head) / head->nr_pages : 0;
}

#endif
