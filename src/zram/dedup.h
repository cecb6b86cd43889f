/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Deduplication: pages of the same content share one object.
 *
 * A table of hints tells from a hash of a page's content which page had it; a hint may be wrong or missing, so the
 * content itself is compared. The second page of some content makes an entry, which has the object's slot and a count
 * of the pages that name the entry in their own slots; from then on the hint names the entry. Only pages with an object
 * of their own are found, not those of units; and a page that shares an object goes into no unit and not to the store,
 * so no way back from an object to its pages is needed.
 *
 * Locks: one for the hints, one for the entries. Both are innermost, and taken one at a time; that of the entries also
 * under a group's lock.
 */
#ifndef ZRAM_DEDUP_H
#define ZRAM_DEDUP_H

#include "disk.h"

/* Makes it for a disk. Result: 0 or -ENOMEM. */
int zram_dedup_create(struct zram *zram);
void zram_dedup_destroy(struct zram *zram);

/*
 * hash: zs_sum() of the content, that page is to have. A slot that shares the object of another page with it, which
 * then has one such too; 0: there is none, or no memory. The slot counts among those that share already. context: no
 * group's lock.
 */
uint64_t zram_dedup_find(struct zram *zram, struct zram_scratch *scratch, const void *content, uint32_t hash,
			 uint64_t page);

/* This page has content of this hash now. */
void zram_dedup_note(struct zram *zram, uint32_t hash, uint64_t page);

/* Gives back memory of hints for pages that cannot be found any more. */
void zram_dedup_fit(struct zram *zram);

/* The slot of the object that a slot shares. context: the group of a page with this slot is locked. */
uint64_t zram_dedup_object(const struct zram *zram, uint64_t slot);

/* The slot of the object if only one page shares it any more, whose object alone it is then; else EMPTY. */
uint64_t zram_dedup_part(struct zram *zram, uint64_t slot);

/* One page less shares it. Returns the slot of the object, to be dropped, if it was the last; else EMPTY. */
uint64_t zram_dedup_leave(struct zram *zram, uint64_t slot);

/* Bytes of the table and the entries. */
uint64_t zram_dedup_bytes(const struct zram *zram);

#endif
