/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Queues.
 */
#include "fifo.h"

void zcache_fifo_charge(struct zcache_fifo *fifo, int64_t more_bytes)
{
	__atomic_store_n(&fifo->bytes, fifo->bytes + (uint64_t)more_bytes, __ATOMIC_RELAXED);
}

/* What leads to an entry from its newer neighbour's side, and from the older one's. */
static void lead_from_newer(struct zcache_fifo *fifo, struct zcache_index *index, uint32_t newer, uint32_t link)
{
	if (newer)
		zcache_entry_set_older(zcache_index_entry(index, newer - 1), link);
	else
		fifo->newest = link;
}

static void lead_from_older(struct zcache_fifo *fifo, struct zcache_index *index, uint32_t older, uint32_t link)
{
	if (older)
		zcache_entry_set_newer(zcache_index_entry(index, older - 1), link);
	else
		fifo->oldest = link;
}

void zcache_fifo_add(struct zcache_fifo *fifo, struct zcache_index *index, uint32_t number)
{
	struct zcache_entry *entry = zcache_index_entry(index, number);
	uint32_t before = fifo->newest;

	zcache_entry_set_newer(entry, 0);
	zcache_entry_set_older(entry, before);
	fifo->newest = number + 1;
	lead_from_older(fifo, index, before, number + 1);
	zcache_fifo_charge(fifo, zcache_entry_stored(entry));
}

void zcache_fifo_remove(struct zcache_fifo *fifo, struct zcache_index *index, uint32_t number)
{
	const struct zcache_entry *entry = zcache_index_entry(index, number);

	lead_from_newer(fifo, index, zcache_entry_newer(entry), zcache_entry_older(entry));
	lead_from_older(fifo, index, zcache_entry_older(entry), zcache_entry_newer(entry));
	zcache_fifo_charge(fifo, -(int64_t)zcache_entry_stored(entry));
}

void zcache_fifo_renumber(struct zcache_fifo *fifo, struct zcache_index *index, uint32_t number)
{
	const struct zcache_entry *entry = zcache_index_entry(index, number);

	lead_from_newer(fifo, index, zcache_entry_newer(entry), number + 1);
	lead_from_older(fifo, index, zcache_entry_older(entry), number + 1);
}
