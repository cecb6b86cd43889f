/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What a disk keeps for each page: 64 bits that say where its content is.
 *
 *   EMPTY   all bits 0: never written, or discarded; reads as zeroes
 *   FILL    one 32-bit word over and over, which stands in the upper half
 *   OBJECT  compressed by the disk's codec: a handle of 48 bits above, the compressed length in bits 2 to 13
 *   STRONG  the same, by the stronger codec of recompression
 *   RAW     not worth compressing: the handle of an object of a whole page
 *   UNIT    one of the pages that an object holds together: its handle, and which of them in bits 4 to 7
 *   SHARED  an object that pages of the same content share: the number of its entry above (see dedup.h)
 *   STORED  an object that was written to the store: the number of its place above (see log.h), the rest as UNIT
 *
 * The lowest two bits tell EMPTY or FILL (bit 2), OBJECT, STRONG, and the rest, which bits 2 and 3 tell apart. Bits 14
 * and 15 are the age of what has an object: how often the walk came by since it was last read or written. Bit 8 of a
 * page of a UNIT, or one that is STORED, says that it was read again while it was young. Arithmetic only.
 */
#ifndef ZRAM_SLOT_H
#define ZRAM_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "zram.h"

#define ZRAM_PAGE_SHIFT 12
#define ZRAM_AGE_SHIFT 14
#define ZRAM_OLDEST 3u
#define ZRAM_AGE_MASK ((uint64_t)ZRAM_OLDEST << ZRAM_AGE_SHIFT)

enum zram_kind {
	ZRAM_EMPTY = 0,
	ZRAM_FILL = 4,
	ZRAM_OBJECT = 1,
	ZRAM_STRONG = 2,
	ZRAM_RAW = 3,
	ZRAM_UNIT = 7,
	ZRAM_SHARED = 11,
	ZRAM_STORED = 15,
};

_Static_assert(ZRAM_PAGE_BYTES == 1u << ZRAM_PAGE_SHIFT, "one and the same");
_Static_assert(sizeof(unsigned long) == 8, "a slot holds a handle of a 64-bit system");

/* Bits 2 and 3 are part of a length where the lowest two are 1 or 2. */
static inline enum zram_kind zram_slot_kind(uint64_t slot)
{
	uint64_t low = slot & 3;

	return (enum zram_kind)(low == ZRAM_OBJECT || low == ZRAM_STRONG ? low : slot & 15);
}

static inline uint64_t zram_slot_fill(uint32_t word)
{
	return (uint64_t)word << 32 | ZRAM_FILL;
}

static inline uint32_t zram_slot_word(uint64_t slot)
{
	return (uint32_t)(slot >> 32);
}

/* kind: OBJECT or STRONG. pre: length < ZRAM_PAGE_BYTES */
static inline uint64_t zram_slot_object(enum zram_kind kind, unsigned long handle, uint32_t length)
{
	return (uint64_t)handle << 16 | length << 2 | kind;
}

static inline uint64_t zram_slot_raw(unsigned long handle)
{
	return (uint64_t)handle << 16 | ZRAM_RAW;
}

#define ZRAM_WARM ((uint64_t)1 << 8)

static inline uint64_t zram_slot_unit(unsigned long handle, unsigned int index)
{
	return (uint64_t)handle << 16 | index << 4 | ZRAM_UNIT;
}

static inline uint64_t zram_slot_shared(uint64_t entry)
{
	return entry << 16 | ZRAM_SHARED;
}

static inline uint64_t zram_slot_stored(uint64_t place, unsigned int index)
{
	return place << 16 | index << 4 | ZRAM_STORED;
}

static inline unsigned int zram_slot_index(uint64_t slot)
{
	return (unsigned int)(slot >> 4 & 15);
}

static inline bool zram_slot_has_object(uint64_t slot)
{
	return (slot & 3) != 0;
}

static inline unsigned long zram_slot_handle(uint64_t slot)
{
	return (unsigned long)(slot >> 16);
}

/* What names an object that pages may have a part of each: all of its slots have this, and no other. 0: none such. */
static inline uint64_t zram_slot_whole(uint64_t slot)
{
	bool has_parts = (slot & 15) == ZRAM_UNIT || (slot & 15) == ZRAM_STORED;

	return has_parts ? slot >> 16 << 4 | (slot & 15) : 0;
}

static inline bool zram_slot_is_beside(uint64_t slot, uint64_t other)
{
	return zram_slot_whole(slot) && zram_slot_whole(slot) == zram_slot_whole(other);
}

static inline unsigned int zram_slot_age(uint64_t slot)
{
	return (unsigned int)(slot >> ZRAM_AGE_SHIFT & ZRAM_OLDEST);
}

/* One step older. What is oldest is no longer warm. */
static inline uint64_t zram_slot_aged(uint64_t slot)
{
	if (zram_slot_age(slot) < ZRAM_OLDEST)
		slot += (uint64_t)1 << ZRAM_AGE_SHIFT;
	return zram_slot_whole(slot) && zram_slot_age(slot) == ZRAM_OLDEST ? slot & ~ZRAM_WARM : slot;
}

/* The bytes of an object of its own; 0 for a page that has a part in one. */
static inline uint32_t zram_slot_stored_bytes(uint64_t slot)
{
	switch (zram_slot_kind(slot)) {
	case ZRAM_OBJECT:
	case ZRAM_STRONG: return (uint32_t)(slot >> 2 & 0xfff);
	case ZRAM_RAW: return ZRAM_PAGE_BYTES;
	default: return 0;
	}
}

#endif
