/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Requests: ranges of bytes, cut into pages and parts of pages.
 */
#include <errno.h>
#include <string.h>

#include "dedup.h"
#include "page.h"
#include "sum.h"

/* A part of a page. */
struct part {
	uint64_t page;
	uint32_t from; /* in it */
	uint32_t len;
};

/* The first part of a range. pre: len > 0 */
static struct part first_part(uint64_t len, uint64_t offset)
{
	uint32_t from = (uint32_t)(offset % ZRAM_PAGE_BYTES), room = ZRAM_PAGE_BYTES - from;

	return (struct part){ .page = offset >> ZRAM_PAGE_SHIFT,
			      .from = from,
			      .len = len < room ? (uint32_t)len : room };
}

static bool is_whole(const struct part *part)
{
	return part->len == ZRAM_PAGE_BYTES;
}

static int check_range(struct zram *zram, uint64_t len, uint64_t offset)
{
	uint64_t size = zram_size_bytes(zram);

	if (offset <= size && len <= size - offset)
		return 0;
	zram_count(&zram->counts.invalid_io, 1);
	return -EINVAL;
}

/* ---- reading ---- */

/* What is read is young. Others who share the lock may do the same, so only bits are set and cleared. */
static void rejuvenate(uint64_t *slot, uint64_t seen)
{
	if (!zram_slot_has_object(seen))
		return;
	if (zram_slot_age(seen))
		__atomic_fetch_and(slot, ~ZRAM_AGE_MASK, __ATOMIC_RELAXED);
	else if (zram_slot_whole(seen) && !(seen & ZRAM_WARM))
		__atomic_fetch_or(slot, ZRAM_WARM, __ATOMIC_RELAXED);
}

static int read_part(struct zram *zram, struct zram_scratch *scratch, const struct part *part, unsigned char *to)
{
	uint64_t *at = &zram->slots[part->page], slot = __atomic_load_n(at, __ATOMIC_RELAXED);
	int err = zram_page_unpack(zram, scratch, slot, is_whole(part) ? to : scratch->page);

	if (!err && !is_whole(part))
		memcpy(to, scratch->page + part->from, part->len);
	rejuvenate(at, slot);
	return err;
}

/* The length of the range's beginning that lies in one group. */
static uint64_t within_group(uint64_t len, uint64_t offset)
{
	uint64_t group_bytes = (uint64_t)ZRAM_PAGE_BYTES << ZRAM_GROUP_SHIFT, room = group_bytes - offset % group_bytes;

	return len < room ? len : room;
}

/* What is in one group is read under one lock, so a unit is unpacked once. */
static int read_group(struct zram *zram, struct zram_scratch *scratch, unsigned char *to, uint64_t len, uint64_t offset)
{
	struct zs_share_lock *lock = zram_lock_of(zram, offset >> ZRAM_PAGE_SHIFT);
	int err = 0;

	/* What was never written does not even have a lock in memory. */
	if (!zram_is_in_use(zram, offset >> ZRAM_PAGE_SHIFT)) {
		memset(to, 0, len);
		return 0;
	}
	zs_share_lock(lock, false);
	zram_touch(zram, offset >> ZRAM_PAGE_SHIFT);
	while (len && !err) {
		struct part part = first_part(len, offset);

		err = read_part(zram, scratch, &part, to);
		to += part.len;
		offset += part.len;
		len -= part.len;
	}
	if (scratch->room)
		scratch->room->unpacked = 0;
	zs_share_unlock(lock, false);
	return err;
}

static int read_range(struct zram *zram, struct zram_scratch *scratch, unsigned char *to, uint64_t len, uint64_t offset)
{
	int err = 0;

	while (len && !err) {
		uint64_t now = within_group(len, offset);

		err = read_group(zram, scratch, to, now, offset);
		to += now;
		offset += now;
		len -= now;
	}
	return err;
}

/* ---- writing ---- */

static void put_slot(struct zram *zram, uint64_t page, uint64_t slot)
{
	struct zs_share_lock *lock = zram_lock_of(zram, page);
	uint64_t old;

	zs_share_lock(lock, true);
	zram_touch(zram, page);
	old = zram_page_swap(zram, page, slot);
	zs_share_unlock(lock, true);
	zram_page_drop(zram, old);
}

/* Shares the object of a page with the same content, or has one that others may share. */
static int write_deduplicated(struct zram *zram, struct zram_scratch *scratch, uint64_t page, const void *from)
{
	uint32_t hash = zs_sum(from, ZRAM_PAGE_BYTES);
	uint64_t slot = zram_dedup_find(zram, scratch, from, hash, page);
	bool is_new = slot == ZRAM_EMPTY;
	int err = is_new ? zram_page_pack(zram, scratch, from, &slot) : 0;

	if (err)
		return err;
	put_slot(zram, page, slot);
	if (is_new && zram_slot_has_object(slot))
		zram_dedup_note(zram, hash, page);
	return 0;
}

static int write_whole(struct zram *zram, struct zram_scratch *scratch, uint64_t page, const void *from)
{
	uint64_t slot;
	int err = zram_page_may_use(zram, page);

	if (!err && zram->dedup)
		return write_deduplicated(zram, scratch, page, from);
	if (!err)
		err = zram_page_pack(zram, scratch, from, &slot);
	if (!err)
		put_slot(zram, page, slot);
	return err;
}

/* What is written to a part: bytes, or zeroes. */
static void change(unsigned char *page, const struct part *part, const void *from)
{
	if (from)
		memcpy(page + part->from, from, part->len);
	else
		memset(page + part->from, 0, part->len);
}

/* The lock is held from the old content to the new: two who write parts of one page both have their way. */
static int write_part(struct zram *zram, struct zram_scratch *scratch, const struct part *part, const void *from)
{
	struct zs_share_lock *lock = zram_lock_of(zram, part->page);
	uint64_t slot, old = ZRAM_EMPTY;
	int err = zram_page_may_use(zram, part->page);

	if (err)
		return err;
	zs_share_lock(lock, true);
	zram_touch(zram, part->page);
	err = zram_page_unpack(zram, scratch, zram->slots[part->page], scratch->page);
	if (scratch->room)
		scratch->room->unpacked = 0;
	if (!err) {
		change(scratch->page, part, from);
		err = zram_page_pack(zram, scratch, scratch->page, &slot);
	}
	if (!err)
		old = zram_page_swap(zram, part->page, slot);
	zs_share_unlock(lock, true);
	zram_page_drop(zram, old);
	return err;
}

/* ---- requests of bytes ---- */

static int write_range(struct zram *zram, struct zram_scratch *scratch, unsigned char *from, uint64_t len,
		       uint64_t offset)
{
	int err = 0;

	while (len && !err) {
		struct part part = first_part(len, offset);

		err = is_whole(&part) ? write_whole(zram, scratch, part.page, from)
				      : write_part(zram, scratch, &part, from);
		from += part.len;
		offset += part.len;
		len -= part.len;
	}
	return err;
}

typedef int range_fn(struct zram *zram, struct zram_scratch *scratch, unsigned char *bytes, uint64_t len,
		     uint64_t offset);

static int with_scratch(struct zram *zram, unsigned char *bytes, uint64_t len, uint64_t offset, range_fn *run)
{
	struct zram_scratch *scratch = zram_scratch_get(&zram->scratches);
	int err = scratch ? run(zram, scratch, bytes, len, offset) : -ENOMEM;

	if (scratch)
		zram_scratch_put(&zram->scratches, scratch);
	return err;
}

static int request(struct zram *zram, unsigned char *bytes, size_t len, uint64_t offset, struct zram_traffic *traffic,
		   range_fn *run)
{
	int err = check_range(zram, len, offset);

	if (err)
		return err;
	err = with_scratch(zram, bytes, len, offset, run);
	zram_count(&traffic->requests, 1);
	if (err)
		zram_count(&traffic->failed, 1);
	else
		zram_count(&traffic->bytes, (int64_t)len);
	return err;
}

int zram_read(struct zram *zram, void *buf, size_t len, uint64_t offset)
{
	return request(zram, buf, len, offset, &zram->counts.read, read_range);
}

/* A write only reads the buffer. */
int zram_write(struct zram *zram, const void *buf, size_t len, uint64_t offset)
{
	return request(zram, (unsigned char *)buf, len, offset, &zram->counts.written, write_range);
}

/* ---- discarding and zeroing ---- */

/* A page that was never written is left alone, and so is the memory of its slot. Result: 0, or -ENOSPC for a fill. */
static int discard_page(struct zram *zram, uint64_t page, uint64_t slot)
{
	if (!zram_is_in_use(zram, page) && slot == ZRAM_EMPTY)
		return 0;
	if (zram_page_may_use(zram, page))
		return -ENOSPC;
	put_slot(zram, page, slot);
	zram_count(&zram->counts.notify_free, slot == ZRAM_EMPTY);
	return 0;
}

int zram_discard(struct zram *zram, uint64_t len, uint64_t offset)
{
	uint64_t end = (offset + len) >> ZRAM_PAGE_SHIFT;
	int err = check_range(zram, len, offset);

	if (err)
		return err;
	for (uint64_t page = (offset + ZRAM_PAGE_BYTES - 1) >> ZRAM_PAGE_SHIFT; page < end; page++)
		discard_page(zram, page, ZRAM_EMPTY);
	return 0;
}

static int zero_part(struct zram *zram, const struct part *part)
{
	struct zram_scratch *scratch = zram_scratch_get(&zram->scratches);
	int err;

	if (!scratch)
		return -ENOMEM;
	err = write_part(zram, scratch, part, NULL);
	zram_scratch_put(&zram->scratches, scratch);
	return err;
}

int zram_zero(struct zram *zram, uint64_t len, uint64_t offset, bool may_trim)
{
	int err = check_range(zram, len, offset);

	if (err)
		return err;
	while (len && !err) {
		struct part part = first_part(len, offset);

		if (is_whole(&part))
			err = discard_page(zram, part.page, may_trim ? ZRAM_EMPTY : zram_slot_fill(0));
		else
			err = zero_part(zram, &part);
		offset += part.len;
		len -= part.len;
	}
	zram_count(&zram->counts.written.failed, err != 0);
	return err;
}

/* ---- extents ---- */

static enum zram_extent kind_of(struct zram *zram, uint64_t page)
{
	uint64_t slot = zram_page_look(zram, page);

	if (slot == ZRAM_EMPTY)
		return ZRAM_EXTENT_HOLE;
	return slot == zram_slot_fill(0) ? ZRAM_EXTENT_ZERO : ZRAM_EXTENT_DATA;
}

int zram_extents(struct zram *zram, uint64_t len, uint64_t offset,
		 int (*each)(void *ctx, uint64_t offset, uint64_t len, enum zram_extent kind), void *ctx)
{
	uint64_t end = offset + len;
	int err = check_range(zram, len, offset);

	while (!err && offset < end) {
		uint64_t page = offset >> ZRAM_PAGE_SHIFT, next = page + 1;
		enum zram_extent kind = kind_of(zram, page);
		uint64_t upto;

		while (next << ZRAM_PAGE_SHIFT < end && kind_of(zram, next) == kind)
			next++;
		upto = next << ZRAM_PAGE_SHIFT < end ? next << ZRAM_PAGE_SHIFT : end;
		err = each(ctx, offset, upto - offset, kind);
		offset = upto;
	}
	return err;
}
