/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Tables: address space from the host, charged as it comes into use.
 */
#include "table.h"

#if ZS_HOST_TABLES

int zs_table_create(struct zs_table *table, struct zs_source *source, size_t most_bytes, size_t least_bytes)
{
	memset(table, 0, sizeof(*table));
	for (size_t bytes = most_bytes; !table->base && bytes >= least_bytes; bytes /= 4) {
		table->base = zs_host_table_get(source, bytes);
		table->max_bytes = bytes;
	}
	return table->base ? 0 : -ENOMEM;
}

static int open_unit(struct zs_table *table, struct zs_footprint *footprint, uint32_t unit)
{
	int err;

	if (!zs_footprint_charge(footprint, 1))
		return -ENOMEM;
	err = zs_host_table_open(footprint->source, table->base, table->base + ((size_t)unit << ZS_META_UNIT_SHIFT));
	/* Whoever was faster has charged it. */
	if (err || !zs_host_cas32_acquire(&table->nr_open, unit, unit + 1))
		zs_footprint_uncharge(footprint, 1);
	return err;
}

int zs_table_extend(struct zs_table *table, struct zs_footprint *footprint, size_t end)
{
	uint32_t unit;

	if (end > table->max_bytes)
		return -ENOMEM;
	while ((size_t)(unit = zs_host_load32(&table->nr_open)) << ZS_META_UNIT_SHIFT < end)
		if (open_unit(table, footprint, unit))
			return -ENOMEM;
	return 0;
}

void zs_table_release(struct zs_table *table, struct zs_footprint *footprint)
{
	if (!table->base)
		return;
	zs_host_table_put(footprint->source, table->base, table->max_bytes);
	zs_footprint_uncharge(footprint, zs_host_load32(&table->nr_open));
	table->base = NULL;
}

#endif
