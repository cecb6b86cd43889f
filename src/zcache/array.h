/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Memory for a table that grows and shrinks at its end. It comes in chunks of address space, which never move, and is
 * used page by page; what lies behind the end goes back to the system.
 *
 * Locks: its user's.
 */
#ifndef ZCACHE_ARRAY_H
#define ZCACHE_ARRAY_H

#include <stddef.h>
#include <stdint.h>

#define ZCACHE_PAGE_SHIFT 12
#define ZCACHE_PAGE_BYTES (1u << ZCACHE_PAGE_SHIFT)
#define ZCACHE_CHUNK_SHIFT 19
#define ZCACHE_CHUNK_BYTES (1u << ZCACHE_CHUNK_SHIFT)

struct zcache_array {
	unsigned char **chunks;
	uint32_t most_chunks;
	uint32_t nr_pages; /* that may have memory */
};

/* chunks: its user's, for so many, all NULL. */
static inline void zcache_array_init(struct zcache_array *array, unsigned char **chunks, uint32_t most_chunks)
{
	*array = (struct zcache_array){ .chunks = chunks, .most_chunks = most_chunks };
}

/* Gives all back. */
void zcache_array_empty(struct zcache_array *array);

/* Has memory for so many bytes; new ones are zeroes. Result: 0 or -ENOMEM, and all is as it was. */
int zcache_array_hold(struct zcache_array *array, size_t bytes);
/*
 * Gives back what is not needed for so many, but for a page, so that who takes and drops one does not do so each
 * time.
 */
void zcache_array_trim(struct zcache_array *array, size_t bytes);

/* pre: it has memory there */
static inline void *zcache_array_at(const struct zcache_array *array, size_t offset)
{
	return array->chunks[offset >> ZCACHE_CHUNK_SHIFT] + (offset & (ZCACHE_CHUNK_BYTES - 1));
}

#endif
