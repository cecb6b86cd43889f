/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Packing and unpacking units.
 */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "page.h"

int zram_unit_pack(struct zram *zram, struct zram_room *room, unsigned int nr_pages, size_t at_most_bytes,
		   unsigned long *handle)
{
	struct zram_unit_head head = { .nr_pages = nr_pages };
	size_t most = at_most_bytes < sizeof(room->packed) ? at_most_bytes : sizeof(room->packed);
	ssize_t len;

	room->unpacked = 0;
	if (most <= sizeof(head) + 1)
		return -ENOSPC;
	len = zram->scratches.strong.comp->compress(room->codec, room->pages, nr_pages * ZRAM_PAGE_BYTES,
						    room->packed + sizeof(head), most - sizeof(head) - 1);
	if (len <= 0)
		return len ? (int)len : -EIO;
	head.packed_bytes = (uint32_t)len;
	memcpy(room->packed, &head, sizeof(head));
	*handle = zram_store(zram, room->packed, sizeof(head) + (size_t)len);
	return *handle ? 0 : -ENOMEM;
}

struct zram_unit_head zram_unit_head(struct zram *zram, unsigned long handle)
{
	struct zram_unit_head head = { 0, 0 };
	const void *object = zs_map_object(zram->pool, handle, ZS_MM_RO);

	if (!object)
		return head;
	memcpy(&head, object, sizeof(head));
	zs_unmap_object(zram->pool, handle);
	return head;
}

int zram_unit_unpack(struct zram *zram, struct zram_room *room, const void *object, size_t size, uint64_t whole)
{
	const unsigned char *bytes = object;
	struct zram_unit_head head;
	ssize_t got;

	room->unpacked = 0;
	if (size < sizeof(head))
		return -EIO;
	memcpy(&head, bytes, sizeof(head));
	if (head.nr_pages > ZRAM_UNIT_PAGES || head.packed_bytes > size - sizeof(head))
		return -EIO;
	got = zram->scratches.strong.comp->decompress(room->codec, bytes + sizeof(head), head.packed_bytes, room->pages,
						      head.nr_pages * ZRAM_PAGE_BYTES);
	if (got < 0 || (size_t)got != head.nr_pages * ZRAM_PAGE_BYTES)
		return -EIO;
	room->unpacked = whole;
	return 0;
}

int zram_unit_open(struct zram *zram, struct zram_room *room, uint64_t slot)
{
	const void *object;
	int err;

	if (room->unpacked == zram_slot_whole(slot))
		return 0;
	object = zs_map_object(zram->pool, zram_slot_handle(slot), ZS_MM_RO);
	if (!object)
		return -EIO;
	err = zram_unit_unpack(zram, room, object, sizeof(room->packed), zram_slot_whole(slot));
	zs_unmap_object(zram->pool, zram_slot_handle(slot));
	return err;
}
