/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * One page's content: to a slot and back.
 */
#ifndef ZRAM_PAGE_H
#define ZRAM_PAGE_H

#include "disk.h"

/* Stores a page; the slot that stands for it is in *slot. Result: 0, -ENOSPC, or what the codec says: -ENOMEM, -EIO. */
int zram_page_pack(struct zram *zram, struct zram_scratch *scratch, const void *page, uint64_t *slot);

/* A page's slot at the moment, by which it is not made young. context: no lock. */
uint64_t zram_page_look(struct zram *zram, uint64_t page);

/*
 * The page that a slot stands for. Result: 0; -EIO: it is damaged, or does not come back from the store; -ENOMEM: for a
 * codec. context: the page's group is locked.
 */
int zram_page_unpack(struct zram *zram, struct zram_scratch *scratch, uint64_t slot, void *page);

/*
 * Puts a slot in a page's place. Returns what is to be dropped after unlocking: the old one, or EMPTY if other pages
 * have a part in that. context: group locked alone.
 */
uint64_t zram_page_swap(struct zram *zram, uint64_t page, uint64_t slot);

/* A new object with the content; 0: no memory, or the limit is reached. */
unsigned long zram_store(struct zram *zram, const void *content, size_t len);

/* The 4096 bytes by the stronger codec, alone. Result: as of zram_unit_pack(). */
int zram_page_pack_strong(struct zram *zram, struct zram_room *room, const void *page, size_t at_most_bytes,
			  uint64_t *slot);

/* Whether a page's slot may be used: its memory is in use, or within the limit. Result: 0 or -ENOSPC. */
int zram_page_may_use(const struct zram *zram, uint64_t page);

/* Frees what a slot stands for. pre: it is in no page's place. context: no lock. */
void zram_page_drop(struct zram *zram, uint64_t slot);

#endif
