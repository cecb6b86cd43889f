/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Entries of an index in the order in which they came, and the bytes that they take as they are stored.
 *
 * Locks: the shard's.
 */
#ifndef ZCACHE_FIFO_H
#define ZCACHE_FIFO_H

#include "index.h"

struct zcache_fifo {
	uint32_t newest; /* links */
	uint32_t oldest;
	uint64_t bytes; /* may be read without the lock */
};

void zcache_fifo_add(struct zcache_fifo *fifo, struct zcache_index *index, uint32_t number);
void zcache_fifo_remove(struct zcache_fifo *fifo, struct zcache_index *index, uint32_t number);
/* An entry has another number, where it was moved to. */
void zcache_fifo_renumber(struct zcache_fifo *fifo, struct zcache_index *index, uint32_t number);
/* What an entry takes has changed. */
void zcache_fifo_charge(struct zcache_fifo *fifo, int64_t more_bytes);

static inline uint64_t zcache_fifo_bytes(const struct zcache_fifo *fifo)
{
	return __atomic_load_n(&fifo->bytes, __ATOMIC_RELAXED);
}

#endif
