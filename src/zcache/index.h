/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A shard's entries: side by side without holes, so that they take no more memory than they need. Who removes one moves
 * the last one into its place. Keys are found by buckets of one to one and a half entries, whose number follows that
 * of the entries one by one, so no operation has to wait until all are sorted anew.
 *
 * Locks: the shard's.
 */
#ifndef ZCACHE_INDEX_H
#define ZCACHE_INDEX_H

#include "array.h"
#include "entry.h"

#define ZCACHE_NONE UINT32_MAX

/* Chunks that it may have: of 16,384 entries each, and of 131,072 buckets. */
#define ZCACHE_ENTRY_CHUNKS 160u
#define ZCACHE_BUCKET_CHUNKS 24u
#define ZCACHE_INDEX_CHUNKS (ZCACHE_ENTRY_CHUNKS + ZCACHE_BUCKET_CHUNKS)

_Static_assert(ZCACHE_ENTRY_CHUNKS *(ZCACHE_CHUNK_BYTES / sizeof(struct zcache_entry)) <= ZCACHE_LINK_MASK,
	       "a link can name each entry");

struct zcache_index {
	struct zcache_array entries;
	struct zcache_array buckets; /* links to their first entries */
	uint64_t seed;
	uint32_t nr;
	uint32_t nr_buckets;
};

/* chunks: its user's, ZCACHE_INDEX_CHUNKS, all NULL. Result: 0 or -ENOMEM; it is to be emptied in any case. */
int zcache_index_create(struct zcache_index *index, unsigned char **chunks, uint64_t seed);
void zcache_index_empty(struct zcache_index *index);

static inline struct zcache_entry *zcache_index_entry(const struct zcache_index *index, uint32_t number)
{
	return zcache_array_at(&index->entries, (size_t)number * sizeof(struct zcache_entry));
}

/* ZCACHE_NONE: it is not there. */
uint32_t zcache_index_find(const struct zcache_index *index, const struct zcache_key *key, uint64_t hash);

/* Has memory for one more. Result: 0 or -ENOMEM. */
int zcache_index_hold(struct zcache_index *index);
/* The new entry's number, which is the last. pre: held; it is not there */
uint32_t zcache_index_add(struct zcache_index *index, const struct zcache_key *key, uint64_t hash);

/*
 * Takes an entry out, and gives its number to the last one. Result: the number that the last one had: its neighbours in
 * its queue are to be told, unless it is the same. pre: it is in no queue
 */
uint32_t zcache_index_remove(struct zcache_index *index, uint32_t number);

static inline uint64_t zcache_index_bytes(const struct zcache_index *index)
{
	return ((uint64_t)index->entries.nr_pages + index->buckets.nr_pages) << ZCACHE_PAGE_SHIFT;
}

#endif
