/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Tables that grow and shrink at their end.
 */
#include "array.h"

#include <errno.h>

#include "reserve.h"

#define CHUNK_PAGES (ZCACHE_CHUNK_BYTES / ZCACHE_PAGE_BYTES)

static size_t pages_for(size_t bytes)
{
	return (bytes + ZCACHE_PAGE_BYTES - 1) >> ZCACHE_PAGE_SHIFT;
}

static size_t chunks_for(size_t nr_pages)
{
	return (nr_pages + CHUNK_PAGES - 1) / CHUNK_PAGES;
}

static void drop_chunks(struct zcache_array *array, size_t from)
{
	for (size_t i = from; i < chunks_for(array->nr_pages); i++) {
		zs_unreserve(array->chunks[i], ZCACHE_CHUNK_BYTES);
		array->chunks[i] = NULL;
	}
}

void zcache_array_empty(struct zcache_array *array)
{
	drop_chunks(array, 0);
	array->nr_pages = 0;
}

int zcache_array_hold(struct zcache_array *array, size_t bytes)
{
	size_t wanted = pages_for(bytes);

	if (chunks_for(wanted) > array->most_chunks)
		return -ENOMEM;
	while (array->nr_pages < wanted) {
		size_t end = chunks_for(array->nr_pages) * CHUNK_PAGES;

		if (array->nr_pages == end) {
			unsigned char *chunk = zs_reserve(ZCACHE_CHUNK_BYTES);

			if (!chunk)
				return -ENOMEM;
			array->chunks[end / CHUNK_PAGES] = chunk;
			end += CHUNK_PAGES;
		}
		array->nr_pages = (uint32_t)(wanted < end ? wanted : end);
	}
	return 0;
}

void zcache_array_trim(struct zcache_array *array, size_t bytes)
{
	size_t kept = pages_for(bytes) + 1, whole = chunks_for(kept), end = whole * CHUNK_PAGES;

	if (array->nr_pages <= kept)
		return;
	drop_chunks(array, whole);
	if (end > array->nr_pages)
		end = array->nr_pages;
	if (kept < end)
		zs_reserve_empty(zcache_array_at(array, kept << ZCACHE_PAGE_SHIFT), (end - kept) << ZCACHE_PAGE_SHIFT);
	array->nr_pages = (uint32_t)kept;
}
