/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Entries by key.
 */
#include "index.h"

#include <errno.h>

int zcache_index_create(struct zcache_index *index, unsigned char **chunks, uint64_t seed)
{
	*index = (struct zcache_index){ .seed = seed, .nr_buckets = 1 };
	zcache_array_init(&index->entries, chunks, ZCACHE_ENTRY_CHUNKS);
	zcache_array_init(&index->buckets, chunks + ZCACHE_ENTRY_CHUNKS, ZCACHE_BUCKET_CHUNKS);
	return zcache_array_hold(&index->buckets, sizeof(uint32_t));
}

void zcache_index_empty(struct zcache_index *index)
{
	zcache_array_empty(&index->entries);
	zcache_array_empty(&index->buckets);
}

static uint32_t *bucket_at(const struct zcache_index *index, uint32_t number)
{
	return zcache_array_at(&index->buckets, (size_t)number * sizeof(uint32_t));
}

static uint64_t hash_of(const struct zcache_index *index, uint32_t number)
{
	struct zcache_key key = zcache_entry_key(zcache_index_entry(index, number));

	return zcache_hash(index->seed, &key);
}

uint32_t zcache_index_find(const struct zcache_index *index, const struct zcache_key *key, uint64_t hash)
{
	uint32_t link = *bucket_at(index, zcache_hash_place(hash, index->nr_buckets));

	while (link) {
		const struct zcache_entry *entry = zcache_index_entry(index, link - 1);

		if (zcache_entry_is(entry, key))
			return link - 1;
		link = zcache_entry_next(entry);
	}
	return ZCACHE_NONE;
}

/* ---- buckets ---- */

static void push(struct zcache_index *index, uint32_t bucket, uint32_t number)
{
	uint32_t *first = bucket_at(index, bucket);

	zcache_entry_set_next(zcache_index_entry(index, number), *first);
	*first = number + 1;
}

/* Whatever leads to an entry in its bucket leads somewhere else. */
static void redirect(struct zcache_index *index, uint32_t bucket, uint32_t number, uint32_t link)
{
	uint32_t *first = bucket_at(index, bucket);
	struct zcache_entry *entry;

	if (*first == number + 1) {
		*first = link;
		return;
	}
	for (entry = zcache_index_entry(index, *first - 1); zcache_entry_next(entry) != number + 1;)
		entry = zcache_index_entry(index, zcache_entry_next(entry) - 1);
	zcache_entry_set_next(entry, link);
}

/* All of a bucket, to where they belong now. */
static void sort_again(struct zcache_index *index, uint32_t bucket)
{
	uint32_t link = *bucket_at(index, bucket);

	*bucket_at(index, bucket) = 0;
	while (link) {
		uint32_t number = link - 1;

		link = zcache_entry_next(zcache_index_entry(index, number));
		push(index, zcache_hash_place(hash_of(index, number), index->nr_buckets), number);
	}
}

static void add_bucket(struct zcache_index *index)
{
	*bucket_at(index, index->nr_buckets) = 0;
	index->nr_buckets++;
	sort_again(index, zcache_hash_parent(index->nr_buckets - 1));
}

static void remove_bucket(struct zcache_index *index)
{
	index->nr_buckets--;
	sort_again(index, index->nr_buckets);
	zcache_array_trim(&index->buckets, (size_t)index->nr_buckets * sizeof(uint32_t));
}

/* ---- entries ---- */

int zcache_index_hold(struct zcache_index *index)
{
	int err = zcache_array_hold(&index->entries, ((size_t)index->nr + 1) * sizeof(struct zcache_entry));

	if (!err)
		err = zcache_array_hold(&index->buckets, ((size_t)index->nr_buckets + 1) * sizeof(uint32_t));
	return err;
}

uint32_t zcache_index_add(struct zcache_index *index, const struct zcache_key *key, uint64_t hash)
{
	uint32_t number = index->nr++;

	zcache_entry_make(zcache_index_entry(index, number), key);
	push(index, zcache_hash_place(hash, index->nr_buckets), number);
	if (index->nr > index->nr_buckets + index->nr_buckets / 2)
		add_bucket(index);
	return number;
}

uint32_t zcache_index_remove(struct zcache_index *index, uint32_t number)
{
	uint32_t bucket = zcache_hash_place(hash_of(index, number), index->nr_buckets);
	uint32_t last = index->nr - 1;

	redirect(index, bucket, number, zcache_entry_next(zcache_index_entry(index, number)));
	if (last != number) {
		redirect(index, zcache_hash_place(hash_of(index, last), index->nr_buckets), last, number + 1);
		*zcache_index_entry(index, number) = *zcache_index_entry(index, last);
	}
	index->nr = last;
	if (index->nr_buckets > 1 && index->nr < index->nr_buckets)
		remove_bucket(index);
	zcache_array_trim(&index->entries, (size_t)index->nr * sizeof(struct zcache_entry));
	return last;
}
