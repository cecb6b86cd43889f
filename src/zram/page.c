/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Packing, unpacking and swapping of pages.
 */
#include "page.h"

#include <errno.h>
#include <string.h>

/* A page of slots, and the locks for its pages. */
#define TABLE_BYTES (ZRAM_PAGE_BYTES + (ZRAM_PAGE_BYTES >> ZRAM_GROUP_SHIFT) / 2)

/* Whether a page is one 32-bit word over and over. */
static bool is_fill(const void *page, uint32_t *word)
{
	const unsigned char *bytes = page;

	memcpy(word, bytes, sizeof(*word));
	/* Each byte is the one a word before it: the page is its own copy, a word further on. */
	return !memcmp(bytes, bytes + sizeof(*word), ZRAM_PAGE_BYTES - sizeof(*word));
}

/* Whether the limit leaves room for so many bytes more. */
static bool fits(const struct zram *zram, uint64_t more_bytes)
{
	return !zram->limit_bytes || zram_used_bytes(zram) + more_bytes <= zram->limit_bytes;
}

/* A new object with the content; 0: no memory. At the limit there may still be room in pages that the pool has. */
static unsigned long store(struct zram *zram, const void *content, size_t len)
{
	unsigned long handle = zs_malloc(zram->pool, len, fits(zram, len) ? 0 : ZS_NOGROW);

	zram_note_peak(zram);
	if (!handle || !zs_obj_write(zram->pool, handle, content, len))
		return handle;
	zs_free(zram->pool, handle);
	return 0;
}

static int pack_raw(struct zram *zram, const void *page, uint64_t *slot)
{
	unsigned long handle = store(zram, page, ZRAM_PAGE_BYTES);

	*slot = zram_slot_raw(handle);
	return handle ? 0 : -ENOSPC;
}

int zram_page_pack(struct zram *zram, struct zram_scratch *scratch, const void *page, uint64_t *slot)
{
	const struct zs_comp *comp = zram->scratches.comp.comp;
	unsigned long handle;
	uint32_t word;
	ssize_t len;

	if (is_fill(page, &word)) {
		*slot = zram_slot_fill(word);
		return 0;
	}
	len = comp->compress(scratch->codec, page, ZRAM_PAGE_BYTES, scratch->packed, zram->huge_bytes - 1);
	if (len == -ENOSPC)
		return pack_raw(zram, page, slot);
	if (len <= 0)
		return -EIO;
	handle = store(zram, scratch->packed, (size_t)len);
	*slot = zram_slot_object(handle, (uint32_t)len);
	return handle ? 0 : -ENOSPC;
}

static void fill(void *page, uint32_t word)
{
	unsigned char *to = page;

	for (unsigned int i = 0; i < ZRAM_PAGE_BYTES; i += sizeof(word))
		memcpy(to + i, &word, sizeof(word));
}

static int unpack_object(struct zram *zram, struct zram_scratch *scratch, uint64_t slot, void *page)
{
	const struct zs_comp *comp = zram->scratches.comp.comp;
	unsigned long handle = zram_slot_handle(slot);
	size_t len = zram_slot_stored_bytes(slot);
	const void *content = zs_obj_read_begin(zram->pool, handle, len, NULL);
	ssize_t got = -EIO;

	if (!content)
		return -EIO;
	if (zram_slot_kind(slot) == ZRAM_RAW)
		memcpy(page, content, ZRAM_PAGE_BYTES);
	else
		got = comp->decompress(scratch->codec, content, len, page, ZRAM_PAGE_BYTES);
	zs_obj_read_end(zram->pool, handle, len, content);
	return zram_slot_kind(slot) == ZRAM_RAW || got == ZRAM_PAGE_BYTES ? 0 : -EIO;
}

int zram_page_unpack(struct zram *zram, struct zram_scratch *scratch, uint64_t slot, void *page)
{
	if (zram_slot_has_object(slot))
		return unpack_object(zram, scratch, slot, page);
	fill(page, zram_slot_kind(slot) == ZRAM_FILL ? zram_slot_word(slot) : 0);
	return 0;
}

int zram_page_may_use(const struct zram *zram, uint64_t page)
{
	if (__atomic_load_n(&zram->in_use[page >> ZRAM_TABLE_SHIFT], __ATOMIC_RELAXED) || fits(zram, TABLE_BYTES))
		return 0;
	return -ENOSPC;
}

/* Slots of a page of memory that are used for the first time. */
static void note_use(struct zram *zram, uint64_t page)
{
	uint8_t *in_use = &zram->in_use[page >> ZRAM_TABLE_SHIFT];

	if (!__atomic_load_n(in_use, __ATOMIC_RELAXED) && !__atomic_exchange_n(in_use, 1, __ATOMIC_RELAXED))
		zram_count(&zram->counts.table_bytes, TABLE_BYTES);
}

/* Counts what a slot stands for, once more or once less. */
static void count_slot(struct zram_counts *counts, uint64_t slot, int64_t once)
{
	switch (zram_slot_kind(slot)) {
	case ZRAM_EMPTY: break;
	case ZRAM_FILL: zram_count(&counts->same_pages, once); break;
	case ZRAM_RAW: zram_count(&counts->huge_pages, once); /* fall through */
	case ZRAM_OBJECT:
		zram_count(&counts->objects, once);
		zram_count(&counts->stored_bytes, once * (int64_t)zram_slot_stored_bytes(slot));
		break;
	}
}

uint64_t zram_page_swap(struct zram *zram, uint64_t page, uint64_t slot)
{
	uint64_t old = zram->slots[page];

	zram->slots[page] = slot;
	note_use(zram, page);
	count_slot(&zram->counts, old, -1);
	count_slot(&zram->counts, slot, 1);
	if (zram_slot_kind(slot) == ZRAM_RAW)
		zram_count(&zram->counts.huge_pages_since, 1);
	return old;
}

void zram_page_drop(struct zram *zram, uint64_t slot)
{
	if (zram_slot_has_object(slot))
		zs_free(zram->pool, zram_slot_handle(slot));
}
