/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What a disk keeps for each page: 64 bits that say where its content is.
 *
 *   EMPTY   all bits 0: never written, or discarded; reads as zeroes
 *   FILL    one 32-bit word over and over, which stands in the upper half
 *   OBJECT  compressed: a handle of 48 bits above, the compressed length in bits 2 to 13
 *   RAW     not worth compressing: the handle of an object of a whole page
 *
 * Bits 14 and 15 are spare. Arithmetic only.
 */
#ifndef ZRAM_SLOT_H
#define ZRAM_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "zram.h"

#define ZRAM_PAGE_SHIFT 12

enum zram_kind { ZRAM_EMPTY, ZRAM_FILL, ZRAM_OBJECT, ZRAM_RAW };

_Static_assert(ZRAM_PAGE_BYTES == 1u << ZRAM_PAGE_SHIFT, "one and the same");
_Static_assert(sizeof(unsigned long) == 8, "a slot holds a handle of a 64-bit system");

static inline enum zram_kind zram_slot_kind(uint64_t slot)
{
	return (enum zram_kind)(slot & 3);
}

static inline uint64_t zram_slot_fill(uint32_t word)
{
	return (uint64_t)word << 32 | ZRAM_FILL;
}

static inline uint32_t zram_slot_word(uint64_t slot)
{
	return (uint32_t)(slot >> 32);
}

/* pre: length < ZRAM_PAGE_BYTES */
static inline uint64_t zram_slot_object(unsigned long handle, uint32_t length)
{
	return (uint64_t)handle << 16 | length << 2 | ZRAM_OBJECT;
}

static inline uint64_t zram_slot_raw(unsigned long handle)
{
	return (uint64_t)handle << 16 | ZRAM_RAW;
}

static inline bool zram_slot_has_object(uint64_t slot)
{
	return zram_slot_kind(slot) >= ZRAM_OBJECT;
}

static inline unsigned long zram_slot_handle(uint64_t slot)
{
	return (unsigned long)(slot >> 16);
}

/* The bytes of its content as it is stored. */
static inline uint32_t zram_slot_stored_bytes(uint64_t slot)
{
	switch (zram_slot_kind(slot)) {
	case ZRAM_OBJECT: return (uint32_t)(slot >> 2 & 0xfff);
	case ZRAM_RAW: return ZRAM_PAGE_BYTES;
	default: return 0;
	}
}

#endif
