/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Records of a pool's zspages, on hosts that have tables: where a place leads without a search.
 *
 * A place is the position of its zspage's record in the table, in words of eight bytes, and a slot. The record says
 * what an address is made of, so that finding an object touches its cell, the record, and nothing else.
 *
 * Locks: records->lock, innermost, guards the list of free records. A record is written before a place names it, and
 * is read by who has pinned an object of its zspage or holds its class's lock.
 */
#ifndef ZS_CORE_RECORDS_H
#define ZS_CORE_RECORDS_H

#include "size_class.h"
#include "table.h"

struct zs_zspage;

/* Bits of a slot number: a page has so many of the smallest, or else a chain does not have more than 2^9. */
#define ZS_PLACE_SLOT_BITS (ZS_HOST_MAX_PAGE_SHIFT - 5 > 9 ? ZS_HOST_MAX_PAGE_SHIFT - 5 : 9)
#define ZS_PLACE_SLOT_MASK ((1u << ZS_PLACE_SLOT_BITS) - 1)

#if ZS_HOST_TABLES

#define ZS_RECORD_SHIFT 3 /* log2 of the bytes of a word, in which positions are */

struct zs_record {
	void *base; /* of a contiguous zspage */
	struct zs_zspage *zspage;
	uint32_t slot_bytes;
	uint32_t next_free; /* the position of the next free record; 0: none */
};

struct zs_records {
	struct zs_table table;
	zs_lock lock;
	uint32_t first_free; /* positions */
	uint32_t end;
	struct zs_footprint *footprint;
};

/* Result: 0 or -ENOMEM. context: no lock. */
int zs_records_create(struct zs_records *records, struct zs_footprint *footprint);
/* pre: created. context: no lock. */
void zs_records_release(struct zs_records *records);

/* A record for a zspage: its place with slot 0 in *place. Result: 0 or -ENOMEM. context: no lock. */
int zs_records_add(struct zs_records *records, const struct zs_record *record, uint32_t *place);
/* context: no lock. */
void zs_records_remove(struct zs_records *records, uint32_t place);

/* Where a place's record begins in the table, in bytes. */
static inline size_t zs_record_position(uint32_t place)
{
	return (size_t)(place >> ZS_PLACE_SLOT_BITS) << ZS_RECORD_SHIFT;
}

static inline struct zs_zspage *zs_records_zspage(const struct zs_records *records, uint32_t place)
{
	return ((const struct zs_record *)(records->table.base + zs_record_position(place)))->zspage;
}

/* The bytes of an object's slot. */
static inline uint32_t zs_records_slot_bytes(const struct zs_records *records, uint32_t place)
{
	return ((const struct zs_record *)(records->table.base + zs_record_position(place)))->slot_bytes;
}

/* The address of an object in a contiguous zspage; as plain offsets, which compilers fold into the two loads. */
static inline void *zs_records_address(const struct zs_records *records, uint32_t place)
{
	const char *table = records->table.base;
	size_t position = zs_record_position(place);
	char *base = *(char *const *)(table + offsetof(struct zs_record, base) + position);

	return base + (place & ZS_PLACE_SLOT_MASK) *
			      *(const uint32_t *)(table + offsetof(struct zs_record, slot_bytes) + position);
}

#endif

#endif
