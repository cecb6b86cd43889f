/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Packing and unpacking pages, and moving them from one state to another.
 */
#include <errno.h>
#include <string.h>

#include "fill.h"
#include "parts.h"

uint64_t zswap_table_bytes(const struct zswap_engine *engine)
{
	return zswap_counted(&engine->table.used_bytes) + zswap_replay_bytes(&engine->replay) +
	       zswap_writeback_bytes(engine);
}

uint64_t zswap_pool_bytes(const struct zswap_engine *engine)
{
	return zs_get_total_size_bytes(engine->pool) + zswap_table_bytes(engine);
}

/* The kernel's accept_threshold_percent. */
#define ACCEPT_PERCENT 90

bool zswap_pool_has_room(const struct zswap_engine *engine)
{
	uint64_t limit = engine->pool_limit_bytes;

	return !limit || zswap_pool_bytes(engine) <= limit / 100 * ACCEPT_PERCENT;
}

/* ---- packing ---- */

static bool fits(const struct zswap_engine *engine, size_t more_bytes)
{
	return !engine->pool_limit_bytes || zswap_pool_bytes(engine) + more_bytes <= engine->pool_limit_bytes;
}

/* At the limit there may still be room in pages that the pool has. */
static unsigned long store(struct zswap_engine *engine, const void *content, size_t len)
{
	unsigned long handle = zs_malloc(engine->pool, len, fits(engine, len) ? 0 : ZS_NOGROW);

	if (!handle || !zs_obj_write(engine->pool, handle, content, len))
		return handle;
	zs_free(engine->pool, handle);
	return 0;
}

static int pack_raw(struct zswap_engine *engine, const void *content, uint64_t *slot)
{
	unsigned long handle;

	zswap_count(&engine->counts.incompressible, 1);
	if (!engine->writeback)
		return -ENOSPC;
	handle = store(engine, content, ZSWAP_PAGE_BYTES);
	*slot = zswap_slot_raw(handle);
	return handle ? 0 : -ENOMEM;
}

int zswap_pack(struct zswap_engine *engine, struct zswap_lane *lane, const void *content, uint64_t *slot)
{
	const struct zs_comp *comp = engine->lanes.comp.comp;
	unsigned long handle;
	uint32_t word;
	ssize_t len;

	if (zs_fill_find(content, ZSWAP_PAGE_BYTES, &word)) {
		*slot = word ? zswap_slot_fill(word) : ZSWAP_EMPTY;
		return 0;
	}
	len = comp->compress(lane->codec, content, ZSWAP_PAGE_BYTES, lane->packed, engine->huge_bytes - 1);
	if (len == -ENOSPC)
		return pack_raw(engine, content, slot);
	if (len <= 0)
		return len ? (int)len : -EIO;
	handle = store(engine, lane->packed, (size_t)len);
	*slot = zswap_slot_object(handle, (uint32_t)len);
	return handle ? 0 : -ENOMEM;
}

/* ---- unpacking ---- */

static int unpack_bytes(struct zswap_engine *engine, struct zswap_lane *lane, bool is_raw, const void *bytes,
			size_t len, void *content)
{
	if (!is_raw)
		return engine->lanes.comp.comp->decompress(lane->codec, bytes, len, content, ZSWAP_PAGE_BYTES) ==
				       ZSWAP_PAGE_BYTES
			       ? 0
			       : -EIO;
	if (len != ZSWAP_PAGE_BYTES)
		return -EIO;
	memcpy(content, bytes, ZSWAP_PAGE_BYTES);
	return 0;
}

static int unpack_object(struct zswap_engine *engine, struct zswap_lane *lane, uint64_t slot, void *content)
{
	unsigned long handle = zswap_slot_where(slot);
	size_t len = zswap_slot_bytes(slot);
	const void *bytes = zs_obj_read_begin(engine->pool, handle, len, NULL);
	int err;

	if (!bytes)
		return -EIO;
	err = unpack_bytes(engine, lane, zswap_slot_kind(slot) == ZSWAP_RAW, bytes, len, content);
	zs_obj_read_end(engine->pool, handle, len, bytes);
	return err;
}

static int unpack_stored(struct zswap_engine *engine, struct zswap_lane *lane, uint64_t slot, void *content)
{
	uint32_t len;
	bool is_raw;
	int err = zswap_stored_read(engine, slot, lane->packed, sizeof(lane->packed), &len, &is_raw);

	return err ? err : unpack_bytes(engine, lane, is_raw, lane->packed, len, content);
}

int zswap_unpack(struct zswap_engine *engine, struct zswap_lane *lane, uint64_t slot, void *content)
{
	switch (zswap_slot_kind(slot)) {
	case ZSWAP_STANDBY:
		memcpy(content, zswap_standby_content(&engine->standby, zswap_slot_where(slot)), ZSWAP_PAGE_BYTES);
		return 0;
	case ZSWAP_FILL: zs_fill_make(content, ZSWAP_PAGE_BYTES, zswap_slot_word(slot)); return 0;
	case ZSWAP_OBJECT:
	case ZSWAP_RAW: return unpack_object(engine, lane, slot, content);
	case ZSWAP_STORED: return unpack_stored(engine, lane, slot, content);
	default: return -EIO;
	}
}

/* ---- moving ---- */

/* NULL: none. */
static struct zswap_queue *queue_of(struct zswap_engine *engine, uint64_t slot)
{
	if (zswap_slot_is_guest(slot))
		return &engine->guests;
	switch (zswap_slot_kind(slot)) {
	case ZSWAP_RESIDENT: return slot & ZSWAP_OLD ? &engine->old : &engine->young;
	case ZSWAP_OBJECT: return &engine->objects;
	case ZSWAP_RAW: return &engine->raws;
	default: return NULL;
	}
}

static void count_slot(struct zswap_counts *counts, uint64_t slot, int64_t once)
{
	zswap_count(&counts->pages[zswap_slot_kind(slot)], once);
	if (zswap_slot_kind(slot) != ZSWAP_COPIED)
		zswap_count(&counts->packed_bytes, once * zswap_slot_bytes(slot));
}

void zswap_discard(struct zswap_engine *engine, uint64_t slot)
{
	if (zswap_slot_bytes(slot))
		zs_free(engine->pool, zswap_slot_where(slot));
	else if (zswap_slot_kind(slot) == ZSWAP_STORED)
		zswap_stored_drop(engine, slot);
}

void zswap_pass_on(struct zswap_engine *engine, uint32_t number, uint64_t slot, enum zswap_end end)
{
	struct zswap_page *page = zswap_page_of(&engine->table, number);
	uint64_t old = page->slot;

	if (queue_of(engine, old))
		zswap_queue_remove(queue_of(engine, old), &engine->table, number);
	/* Who packs looks without a lock, and lets go of a place that was left: all that was done there is. */
	__atomic_store_n(&page->slot, slot, __ATOMIC_RELEASE);
	if (queue_of(engine, slot))
		zswap_queue_add(queue_of(engine, slot), &engine->table, number, end);
	if (!old)
		zswap_table_note_use(&engine->table, number);
	count_slot(&engine->counts, old, -1);
	count_slot(&engine->counts, slot, 1);
}

void zswap_move_to(struct zswap_engine *engine, uint32_t number, uint64_t slot, enum zswap_end end)
{
	uint64_t old = zswap_page_of(&engine->table, number)->slot;

	/* What it came from, if that is kept: the place may be another page's as soon as this one is seen elsewhere. */
	if (zswap_slot_kind(old) == ZSWAP_STANDBY)
		old = zswap_copies_take(engine, zswap_slot_where(old));
	zswap_pass_on(engine, number, slot, end);
	zswap_discard(engine, old);
}
