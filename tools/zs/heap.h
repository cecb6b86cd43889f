/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Where objects are kept: a pool of zsmalloc, or malloc. What is done with them is the same code for both.
 *
 * malloc is whichever the process was started with: of jemalloc, mimalloc and tcmalloc it is known how they trim.
 */
#ifndef ZS_HEAP_H
#define ZS_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct zs_pool;

struct zs_heap {
	struct zs_pool *pool;
	/* Keeps a copy of data. 0: no memory, with errno. */
	uint64_t (*put)(const struct zs_heap *heap, const void *data, size_t len);
	/* Where to read an object, until unget(); copy has room for it. NULL: it cannot be had. */
	const void *(*get)(const struct zs_heap *heap, uint64_t object, size_t len, void *copy);
	void (*unget)(const struct zs_heap *heap, uint64_t object, size_t len, const void *data);
	void (*drop)(const struct zs_heap *heap, uint64_t object);
	/* Gives back to the system what it can do without. */
	void (*trim)(const struct zs_heap *heap);
};

struct zs_heap zs_heap_of_pool(struct zs_pool *pool);
struct zs_heap zs_heap_of_malloc(void);

#endif
