/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The table of records: a new one comes from the list of free ones, or from the table's end.
 */
#include "records.h"

#if ZS_HOST_TABLES

#define RECORD_WORDS (sizeof(struct zs_record) >> ZS_RECORD_SHIFT)
/* As far as places reach, but no more than some 1.4 million zspages need, or what a 32-bit system can hold. */
#define PLACES_BYTES ((1ull << (32 - ZS_PLACE_SLOT_BITS)) << ZS_RECORD_SHIFT)
#define LIMIT_BYTES (sizeof(long) == 8 ? 1ull << 25 : 1ull << 20)
#define MOST_BYTES ((size_t)(PLACES_BYTES < LIMIT_BYTES ? PLACES_BYTES : LIMIT_BYTES))
#define LEAST_BYTES ((size_t)1 << 17)

_Static_assert(sizeof(struct zs_record) % (1u << ZS_RECORD_SHIFT) == 0, "records begin at words");

int zs_records_create(struct zs_records *records, struct zs_footprint *footprint)
{
	memset(records, 0, sizeof(*records));
	zs_host_lock_init(&records->lock);
	records->footprint = footprint;
	records->end = RECORD_WORDS; /* the first is not used: no position is 0 */
	return zs_table_create(&records->table, footprint->source, MOST_BYTES, LEAST_BYTES);
}

void zs_records_release(struct zs_records *records)
{
	zs_table_release(&records->table, records->footprint);
}

static struct zs_record *record_at(const struct zs_records *records, uint32_t position)
{
	return (struct zs_record *)(records->table.base + ((size_t)position << ZS_RECORD_SHIFT));
}

/* Bytes of the table up to and with the record at a position. */
static size_t end_of(uint32_t position)
{
	return ((size_t)position << ZS_RECORD_SHIFT) + sizeof(struct zs_record);
}

/* The position of a record that was free. pre: locked. Result: 0: none is, and the table has to be extended. */
static uint32_t take_position(struct zs_records *records)
{
	uint32_t position = records->first_free;

	if (position) {
		records->first_free = record_at(records, position)->next_free;
		return position;
	}
	position = records->end;
	if (end_of(position) > (size_t)zs_host_load32(&records->table.nr_open) << ZS_META_UNIT_SHIFT)
		return 0;
	ZS_HOST_SHOW(records->end, position + RECORD_WORDS);
	return position;
}

/* A glance at the end may be late, and then asks for a unit that others have opened: it changes nothing. */
static int extend(struct zs_records *records)
{
	return zs_table_extend(&records->table, records->footprint, end_of(ZS_HOST_GLANCE(records->end)));
}

int zs_records_add(struct zs_records *records, const struct zs_record *record, uint32_t *place)
{
	uint32_t position;

	for (;;) {
		zs_host_lock(&records->lock);
		position = take_position(records);
		zs_host_unlock(&records->lock);
		if (position)
			break;
		if (extend(records))
			return -ENOMEM;
	}
	*record_at(records, position) = *record;
	*place = position << ZS_PLACE_SLOT_BITS;
	return 0;
}

void zs_records_remove(struct zs_records *records, uint32_t place)
{
	uint32_t position = place >> ZS_PLACE_SLOT_BITS;

	zs_host_lock(&records->lock);
	record_at(records, position)->next_free = records->first_free;
	records->first_free = position;
	zs_host_unlock(&records->lock);
}

#endif
