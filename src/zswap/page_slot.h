/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What the engine keeps for each page of managed memory: 64 bits that say where its content is.
 *
 *   EMPTY     all bits 0: never touched, or dropped; reads as zeroes. GONE besides: the program has unmapped it
 *   RESIDENT  the program has it, in memory
 *   COPIED    so has it a guest (see fault.c), and what it came from stays, as an OBJECT's below (see copies.c)
 *   STANDBY   taken from the program and not packed yet: its place among those above (see standby.h)
 *   FILL      one 32-bit word over and over, which stands in the upper half
 *   OBJECT    compressed: a handle of 48 bits above, the compressed length in bits 4 to 15
 *   RAW       did not compress: the handle of an object of a whole page
 *   STORED    was written to the store: the number of its place there above
 *
 * The lowest three bits tell which. Bit 7 of a RESIDENT page says that it is a guest, bit 3 that it could not be taken
 * or packed lately. Arithmetic only.
 */
#ifndef ZSWAP_SLOT_H
#define ZSWAP_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#define ZSWAP_PAGE_BYTES 4096u
#define ZSWAP_PAGE_SHIFT 12

enum zswap_kind {
	ZSWAP_EMPTY,
	ZSWAP_RESIDENT,
	ZSWAP_COPIED,
	ZSWAP_STANDBY,
	ZSWAP_FILL,
	ZSWAP_OBJECT,
	ZSWAP_RAW,
	ZSWAP_STORED,
};

#define ZSWAP_STAYS 8u
#define ZSWAP_OLD 16u
#define ZSWAP_COLD_PAGE 32u
#define ZSWAP_GONE 64u
#define ZSWAP_GUEST 128u
#define ZSWAP_A_GUEST (ZSWAP_RESIDENT | ZSWAP_OLD | ZSWAP_GUEST)

_Static_assert(sizeof(unsigned long) == 8, "a slot holds a handle of a 64-bit system");

static inline enum zswap_kind zswap_slot_kind(uint64_t slot)
{
	return (enum zswap_kind)(slot & 7);
}

static inline bool zswap_slot_is_resident(uint64_t slot)
{
	return zswap_slot_kind(slot) == ZSWAP_RESIDENT || zswap_slot_kind(slot) == ZSWAP_COPIED;
}

/* Whether a bit of RESIDENT pages is set. */
static inline bool zswap_slot_has(uint64_t slot, uint64_t bit)
{
	return zswap_slot_kind(slot) == ZSWAP_RESIDENT && slot & bit;
}

static inline bool zswap_slot_is_guest(uint64_t slot)
{
	return zswap_slot_kind(slot) == ZSWAP_COPIED || zswap_slot_has(slot, ZSWAP_GUEST);
}

static inline uint64_t zswap_slot_fill(uint32_t word)
{
	return (uint64_t)word << 32 | ZSWAP_FILL;
}

static inline uint32_t zswap_slot_word(uint64_t slot)
{
	return (uint32_t)(slot >> 32);
}

/* pre: length < ZSWAP_PAGE_BYTES */
static inline uint64_t zswap_slot_object(unsigned long handle, uint32_t length)
{
	return (uint64_t)handle << 16 | length << 4 | ZSWAP_OBJECT;
}

static inline uint64_t zswap_slot_raw(unsigned long handle)
{
	return (uint64_t)handle << 16 | ZSWAP_RAW;
}

static inline uint64_t zswap_slot_standby(uint64_t place)
{
	return place << 16 | ZSWAP_STANDBY;
}

static inline uint64_t zswap_slot_stored(uint64_t place)
{
	return place << 16 | ZSWAP_STORED;
}

/* The same object of a page of the other kind: OBJECT or COPIED. */
static inline uint64_t zswap_slot_as(uint64_t slot, enum zswap_kind kind)
{
	return (slot & ~(uint64_t)7) | kind;
}

/* The handle or the place. */
static inline uint64_t zswap_slot_where(uint64_t slot)
{
	return slot >> 16;
}

/* Of what is in the pool; else 0. */
static inline uint32_t zswap_slot_bytes(uint64_t slot)
{
	switch (zswap_slot_kind(slot)) {
	case ZSWAP_COPIED:
	case ZSWAP_OBJECT: return (uint32_t)(slot >> 4 & 0xfff);
	case ZSWAP_RAW: return ZSWAP_PAGE_BYTES;
	default: return 0;
	}
}

#endif
