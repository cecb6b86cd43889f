/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Tables of the host: each grows at its end, unit by unit, never moves, and is charged for the units in use.
 *
 * Locks: none. Threads that open the same unit at once charge it once.
 */
#ifndef ZS_CORE_TABLE_H
#define ZS_CORE_TABLE_H

#include "footprint.h"

struct zs_table {
	char *base;
	size_t max_bytes;    /* constant */
	zs_atomic32 nr_open; /* units in use */
};

/* Gets most_bytes or, where the host refuses that, less, by fours down to least_bytes. Result: 0 or -ENOMEM. */
int zs_table_create(struct zs_table *table, struct zs_source *source, size_t most_bytes, size_t least_bytes);

/* Makes the bytes below end usable. Result: 0 or -ENOMEM. context: no lock. */
int zs_table_extend(struct zs_table *table, struct zs_footprint *footprint, size_t end);

/* Gives the table back. context: no lock, nobody uses it any more. */
void zs_table_release(struct zs_table *table, struct zs_footprint *footprint);

#endif
