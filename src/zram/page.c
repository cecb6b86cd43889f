/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Packing, unpacking and swapping of pages.
 */
#include "page.h"

#include <errno.h>
#include <string.h>

#include "dedup.h"
#include "fill.h"
#include "unit.h"
#include "writeback.h"

/* A page of slots, and for each group of its pages a lock and three bytes. */
#define TABLE_BYTES (ZRAM_PAGE_BYTES + ((1u << ZRAM_TABLE_SHIFT) >> ZRAM_GROUP_SHIFT) * 7)

/* At the limit there may still be room in pages that the pool has. */
unsigned long zram_store(struct zram *zram, const void *content, size_t len)
{
	unsigned long handle = zs_malloc(zram->pool, len, zram_fits(zram, len) ? 0 : ZS_NOGROW);

	zram_note_peak(zram);
	if (!handle || !zs_obj_write(zram->pool, handle, content, len))
		return handle;
	zs_free(zram->pool, handle);
	return 0;
}

static int pack_raw(struct zram *zram, const void *page, uint64_t *slot)
{
	unsigned long handle = zram_store(zram, page, ZRAM_PAGE_BYTES);

	*slot = zram_slot_raw(handle);
	zram_count(&zram->counts.huge_pages_since, handle != 0);
	return handle ? 0 : -ENOSPC;
}

int zram_page_pack(struct zram *zram, struct zram_scratch *scratch, const void *page, uint64_t *slot)
{
	const struct zs_comp *comp = zram->scratches.comp.comp;
	unsigned long handle;
	uint32_t word;
	ssize_t len;

	if (zs_fill_find(page, ZRAM_PAGE_BYTES, &word)) {
		*slot = zram_slot_fill(word);
		return 0;
	}
	len = comp->compress(scratch->codec, page, ZRAM_PAGE_BYTES, scratch->packed, zram->huge_bytes - 1);
	if (len == -ENOSPC)
		return pack_raw(zram, page, slot);
	if (len <= 0)
		return len ? (int)len : -EIO;
	handle = zram_store(zram, scratch->packed, (size_t)len);
	*slot = zram_slot_object(ZRAM_OBJECT, handle, (uint32_t)len);
	return handle ? 0 : -ENOSPC;
}

int zram_page_pack_strong(struct zram *zram, struct zram_room *room, const void *page, size_t at_most_bytes,
			  uint64_t *slot)
{
	size_t most = at_most_bytes < zram->huge_bytes ? at_most_bytes : zram->huge_bytes;
	unsigned long handle;
	ssize_t len;

	room->unpacked = 0;
	len = zram->scratches.strong.comp->compress(room->codec, page, ZRAM_PAGE_BYTES, room->packed, most - 1);
	if (len <= 0)
		return len ? (int)len : -EIO;
	handle = zram_store(zram, room->packed, (size_t)len);
	*slot = zram_slot_object(ZRAM_STRONG, handle, (uint32_t)len);
	return handle ? 0 : -ENOMEM;
}

/* An object of its own, of this kind. */
static int unpack_bytes(struct zram *zram, struct zram_scratch *scratch, enum zram_kind kind, const void *bytes,
			size_t len, void *page)
{
	struct zram_room *room;
	ssize_t got = -EIO;

	if (kind == ZRAM_RAW && len == ZRAM_PAGE_BYTES) {
		memcpy(page, bytes, ZRAM_PAGE_BYTES);
		got = ZRAM_PAGE_BYTES;
	} else if (kind == ZRAM_OBJECT) {
		got = zram->scratches.comp.comp->decompress(scratch->codec, bytes, len, page, ZRAM_PAGE_BYTES);
	} else if (kind == ZRAM_STRONG) {
		room = zram_scratch_room(&zram->scratches, scratch);
		if (!room)
			return -ENOMEM;
		got = zram->scratches.strong.comp->decompress(room->codec, bytes, len, page, ZRAM_PAGE_BYTES);
	}
	return got == ZRAM_PAGE_BYTES ? 0 : -EIO;
}

static int unpack_object(struct zram *zram, struct zram_scratch *scratch, uint64_t slot, void *page)
{
	unsigned long handle = zram_slot_handle(slot);
	size_t len = zram_slot_stored_bytes(slot);
	const void *content = zs_obj_read_begin(zram->pool, handle, len, NULL);
	int err;

	if (!content)
		return -EIO;
	err = unpack_bytes(zram, scratch, zram_slot_kind(slot), content, len, page);
	zs_obj_read_end(zram->pool, handle, len, content);
	return err;
}

static void take_page(const struct zram_room *room, uint64_t slot, void *page)
{
	memcpy(page, room->pages + zram_slot_index(slot) * ZRAM_PAGE_BYTES, ZRAM_PAGE_BYTES);
}

static int unpack_from_unit(struct zram *zram, struct zram_scratch *scratch, uint64_t slot, void *page)
{
	struct zram_room *room = zram_scratch_room(&zram->scratches, scratch);
	int err = room ? zram_unit_open(zram, room, slot) : -ENOMEM;

	if (!err)
		take_page(room, slot, page);
	return err;
}

static int unpack_stored(struct zram *zram, struct zram_scratch *scratch, uint64_t slot, void *page)
{
	struct zram_room *room = zram_scratch_room(&zram->scratches, scratch);
	struct zs_log_object stored;
	int err;

	if (!room)
		return -ENOMEM;
	if (room->unpacked != zram_slot_whole(slot)) {
		err = zram_stored_read(zram, slot, room->packed, sizeof(room->packed), &stored);
		if (err)
			return err;
		if (stored.kind != ZRAM_UNIT)
			return unpack_bytes(zram, scratch, stored.kind, room->packed, stored.bytes, page);
		err = zram_unit_unpack(zram, room, room->packed, stored.bytes, zram_slot_whole(slot));
		if (err)
			return err;
	}
	take_page(room, slot, page);
	return 0;
}

int zram_page_unpack(struct zram *zram, struct zram_scratch *scratch, uint64_t slot, void *page)
{
	switch (zram_slot_kind(slot)) {
	case ZRAM_EMPTY: zs_fill_make(page, ZRAM_PAGE_BYTES, 0); return 0;
	case ZRAM_FILL: zs_fill_make(page, ZRAM_PAGE_BYTES, zram_slot_word(slot)); return 0;
	case ZRAM_OBJECT:
	case ZRAM_STRONG:
	case ZRAM_RAW: return unpack_object(zram, scratch, slot, page);
	case ZRAM_UNIT: return unpack_from_unit(zram, scratch, slot, page);
	case ZRAM_STORED: return unpack_stored(zram, scratch, slot, page);
	case ZRAM_SHARED: return unpack_object(zram, scratch, zram_dedup_object(zram, slot), page);
	}
	return -EIO;
}

int zram_page_may_use(const struct zram *zram, uint64_t page)
{
	if (zram_is_in_use(zram, page) || zram_fits(zram, TABLE_BYTES))
		return 0;
	return -ENOSPC;
}

uint64_t zram_page_look(struct zram *zram, uint64_t page)
{
	struct zs_share_lock *lock = zram_lock_of(zram, page);
	uint64_t slot;

	if (!zram_is_in_use(zram, page))
		return ZRAM_EMPTY;
	zs_share_lock(lock, false);
	slot = __atomic_load_n(&zram->slots[page], __ATOMIC_RELAXED);
	zs_share_unlock(lock, false);
	return slot;
}

/* Slots of a page of memory that are used for the first time. */
static void note_use(struct zram *zram, uint64_t page)
{
	uint8_t *in_use = &zram->in_use[page >> ZRAM_TABLE_SHIFT];

	if (!__atomic_load_n(in_use, __ATOMIC_RELAXED) && !__atomic_exchange_n(in_use, 1, __ATOMIC_RELAXED))
		zram_count(&zram->counts.table_bytes, TABLE_BYTES);
}

/* Counts what a slot stands for, once more or once less; of a unit only that one of its pages lives. */
static void count_slot(struct zram_counts *counts, uint64_t slot, int64_t once)
{
	if (!zram_slot_has_object(slot)) {
		zram_count(&counts->same_pages, zram_slot_kind(slot) == ZRAM_FILL ? once : 0);
		return;
	}
	zram_count(&counts->pages, once);
	zram_count(&counts->stored_bytes, once * (int64_t)zram_slot_stored_bytes(slot));
	switch (zram_slot_kind(slot)) {
	case ZRAM_RAW: zram_count(&counts->huge_pages, once); break;
	case ZRAM_STRONG: zram_count(&counts->strong_pages, once); break;
	case ZRAM_UNIT: zram_count(&counts->unit_pages, once); break;
	case ZRAM_STORED: zram_count(&counts->bd_pages, once); break;
	case ZRAM_SHARED: zram_count(&counts->shared_pages, once); break;
	default: break;
	}
}

/* Whether a page of the group has a part of the object that one has left. */
static bool lives_on(const struct zram *zram, uint64_t page, uint64_t left)
{
	uint64_t first = zram_group_first(page);

	for (uint64_t i = first; i < first + zram_group_pages(zram, page); i++)
		if (zram_slot_is_beside(zram->slots[i], left))
			return true;
	return false;
}

/* A page has left an object in which others have a part. Returns what is to be dropped. */
static uint64_t leave(struct zram *zram, uint64_t page, uint64_t old)
{
	bool lives = lives_on(zram, page, old);
	struct zram_unit_head head;
	uint64_t share;

	if (zram_slot_kind(old) != ZRAM_UNIT)
		return lives ? ZRAM_EMPTY : old;
	head = zram_unit_head(zram, zram_slot_handle(old));
	share = zram_unit_share(&head);
	if (lives) {
		zram_count(&zram->counts.dead_bytes, (int64_t)share);
		return ZRAM_EMPTY;
	}
	zram_count(&zram->counts.units, -1);
	zram_count(&zram->counts.stored_bytes, -(int64_t)zram_unit_bytes(&head));
	zram_count(&zram->counts.dead_bytes, -(int64_t)(share * (head.nr_pages - 1)));
	return old;
}

uint64_t zram_page_swap(struct zram *zram, uint64_t page, uint64_t slot)
{
	uint64_t old = zram->slots[page];

	zram->slots[page] = slot;
	if (zram->given_up[page >> ZRAM_GROUP_SHIFT])
		zram->given_up[page >> ZRAM_GROUP_SHIFT] = 0;
	note_use(zram, page);
	count_slot(&zram->counts, old, -1);
	count_slot(&zram->counts, slot, 1);
	return zram_slot_whole(old) ? leave(zram, page, old) : old;
}

void zram_page_drop(struct zram *zram, uint64_t slot)
{
	if (zram_slot_kind(slot) == ZRAM_STORED) {
		zram_stored_drop(zram, slot);
		return;
	}
	if (zram_slot_kind(slot) == ZRAM_SHARED)
		slot = zram_dedup_leave(zram, slot);
	if (zram_slot_has_object(slot))
		zs_free(zram->pool, zram_slot_handle(slot));
}
