/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What is known of a value, in 32 bytes: its key, where it is, its length and how long it is as it is stored, the next
 * of its bucket, its neighbours in its queue, and how often it was used.
 *
 * A link is 0 for none, else an entry's number + 1; it has 23 bits.
 *
 * The word with the uses is the only one that changes while the shard is shared, by who finds the value; all others
 * change while somebody has the shard alone. Nothing that is needed for finding is in that word.
 */
#ifndef ZCACHE_ENTRY_H
#define ZCACHE_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "key.h"

#define ZCACHE_LINK_BITS 23
#define ZCACHE_LINK_MASK ((1u << ZCACHE_LINK_BITS) - 1)
#define ZCACHE_HANDLE_BITS 48
#define ZCACHE_MOST_USES 3u

struct zcache_entry {
	uint64_t object;
	uint64_t place; /* the handle; above it the bytes as stored, less 1 */
	uint32_t index;
	uint32_t chain; /* the next of its bucket; IN_MAIN; above them the pool */
	uint32_t used;  /* the newer neighbour; the low 7 bits of the older one; above them how often it was used */
	uint32_t rest;  /* the other bits of the older neighbour; above them the value's bytes, less 1 */
};

_Static_assert(sizeof(struct zcache_entry) == 32, "an entry is small");

#define ZCACHE_IN_MAIN (1u << ZCACHE_LINK_BITS)
#define ZCACHE_POOL_SHIFT (ZCACHE_LINK_BITS + 1)
#define ZCACHE_USES_SHIFT 30
#define ZCACHE_OLDER_BITS (ZCACHE_USES_SHIFT - ZCACHE_LINK_BITS)

/* ---- the key ---- */

static inline struct zcache_key zcache_entry_key(const struct zcache_entry *entry)
{
	return (struct zcache_key){ .object = entry->object,
				    .index = entry->index,
				    .pool = (uint8_t)(entry->chain >> ZCACHE_POOL_SHIFT) };
}

static inline bool zcache_entry_is(const struct zcache_entry *entry, const struct zcache_key *key)
{
	return entry->object == key->object && entry->index == key->index &&
	       entry->chain >> ZCACHE_POOL_SHIFT == key->pool;
}

static inline void zcache_entry_make(struct zcache_entry *entry, const struct zcache_key *key)
{
	*entry = (struct zcache_entry){ .object = key->object,
					.index = key->index,
					.chain = (uint32_t)key->pool << ZCACHE_POOL_SHIFT };
}

/* ---- the value ---- */

static inline unsigned long zcache_entry_handle(const struct zcache_entry *entry)
{
	return (unsigned long)(entry->place & ((1ull << ZCACHE_HANDLE_BITS) - 1));
}

static inline uint32_t zcache_entry_stored(const struct zcache_entry *entry)
{
	return (uint32_t)(entry->place >> ZCACHE_HANDLE_BITS) + 1;
}

static inline uint32_t zcache_entry_bytes(const struct zcache_entry *entry)
{
	return (entry->rest >> 16) + 1;
}

/* bytes, stored: 1 to 65536 */
static inline void zcache_entry_set_value(struct zcache_entry *entry, unsigned long handle, uint32_t bytes,
					  uint32_t stored)
{
	entry->place = (uint64_t)handle | (uint64_t)(stored - 1) << ZCACHE_HANDLE_BITS;
	entry->rest = (entry->rest & 0xffffu) | (bytes - 1) << 16;
}

/* ---- links ---- */

static inline uint32_t zcache_entry_next(const struct zcache_entry *entry)
{
	return entry->chain & ZCACHE_LINK_MASK;
}

static inline void zcache_entry_set_next(struct zcache_entry *entry, uint32_t link)
{
	entry->chain = (entry->chain & ~ZCACHE_LINK_MASK) | link;
}

static inline uint32_t zcache_entry_newer(const struct zcache_entry *entry)
{
	return entry->used & ZCACHE_LINK_MASK;
}

static inline void zcache_entry_set_newer(struct zcache_entry *entry, uint32_t link)
{
	entry->used = (entry->used & ~ZCACHE_LINK_MASK) | link;
}

static inline uint32_t zcache_entry_older(const struct zcache_entry *entry)
{
	return (entry->used >> ZCACHE_LINK_BITS & ((1u << ZCACHE_OLDER_BITS) - 1)) | (entry->rest & 0xffffu)
											     << ZCACHE_OLDER_BITS;
}

static inline void zcache_entry_set_older(struct zcache_entry *entry, uint32_t link)
{
	uint32_t low = link & ((1u << ZCACHE_OLDER_BITS) - 1);

	entry->used = (entry->used & (ZCACHE_LINK_MASK | ~0u << ZCACHE_USES_SHIFT)) | low << ZCACHE_LINK_BITS;
	entry->rest = (entry->rest & ~0xffffu) | link >> ZCACHE_OLDER_BITS;
}

static inline bool zcache_entry_in_main(const struct zcache_entry *entry)
{
	return entry->chain & ZCACHE_IN_MAIN;
}

static inline void zcache_entry_set_in_main(struct zcache_entry *entry, bool in_main)
{
	entry->chain = (entry->chain & ~ZCACHE_IN_MAIN) | (in_main ? ZCACHE_IN_MAIN : 0);
}

/* ---- uses ---- */

static inline uint32_t zcache_entry_uses(const struct zcache_entry *entry)
{
	return entry->used >> ZCACHE_USES_SHIFT;
}

static inline void zcache_entry_set_uses(struct zcache_entry *entry, uint32_t uses)
{
	entry->used = (entry->used & ~(~0u << ZCACHE_USES_SHIFT)) | uses << ZCACHE_USES_SHIFT;
}

/* Once more; no more than can be told. Others may do so at the same time. */
static inline void zcache_entry_use(struct zcache_entry *entry)
{
	uint32_t used = __atomic_load_n(&entry->used, __ATOMIC_RELAXED);

	while (used >> ZCACHE_USES_SHIFT < ZCACHE_MOST_USES &&
	       !__atomic_compare_exchange_n(&entry->used, &used, used + (1u << ZCACHE_USES_SHIFT), true,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

#endif
