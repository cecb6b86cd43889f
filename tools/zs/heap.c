/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The two heaps.
 */
#include "heap.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "zsmalloc.h"

static uint64_t pool_put(const struct zs_heap *heap, const void *data, size_t len)
{
	unsigned long handle = zs_malloc(heap->pool, len, 0);

	if (handle && zs_obj_write(heap->pool, handle, data, len)) {
		zs_free(heap->pool, handle);
		return 0;
	}
	return handle;
}

static const void *pool_get(const struct zs_heap *heap, uint64_t object, size_t len, void *copy)
{
	return zs_obj_read_begin(heap->pool, (unsigned long)object, len, copy);
}

static void pool_unget(const struct zs_heap *heap, uint64_t object, size_t len, const void *data)
{
	zs_obj_read_end(heap->pool, (unsigned long)object, len, data);
}

static void pool_drop(const struct zs_heap *heap, uint64_t object)
{
	zs_free(heap->pool, (unsigned long)object);
}

static void pool_trim(const struct zs_heap *heap)
{
	zs_compact(heap->pool);
}

struct zs_heap zs_heap_of_pool(struct zs_pool *pool)
{
	return (struct zs_heap){ pool, pool_put, pool_get, pool_unget, pool_drop, pool_trim };
}

static uint64_t malloc_put(const struct zs_heap *heap, const void *data, size_t len)
{
	void *object = malloc(len);

	(void)heap;
	if (object)
		memcpy(object, data, len);
	return (uintptr_t)object;
}

static const void *malloc_get(const struct zs_heap *heap, uint64_t object, size_t len, void *copy)
{
	(void)heap;
	(void)len;
	(void)copy;
	return (const void *)(uintptr_t)object;
}

static void malloc_unget(const struct zs_heap *heap, uint64_t object, size_t len, const void *data)
{
	(void)heap;
	(void)object;
	(void)len;
	(void)data;
}

static void malloc_drop(const struct zs_heap *heap, uint64_t object)
{
	(void)heap;
	free((void *)(uintptr_t)object);
}

/* Theirs are there if LD_PRELOAD brought them. */
extern int mallctl(const char *name, void *old, size_t *old_len, void *new_value, size_t new_len) __attribute__((weak));
extern void mi_collect(bool force) __attribute__((weak));
extern void MallocExtension_ReleaseFreeMemory(void) __attribute__((weak));

static void malloc_trim_all(const struct zs_heap *heap)
{
	(void)heap;
	if (mallctl)
		mallctl("arena.4096.purge", NULL, NULL, NULL, 0); /* 4096: all arenas */
	if (mi_collect)
		mi_collect(true);
	if (MallocExtension_ReleaseFreeMemory)
		MallocExtension_ReleaseFreeMemory();
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

struct zs_heap zs_heap_of_malloc(void)
{
	return (struct zs_heap){ NULL, malloc_put, malloc_get, malloc_unget, malloc_drop, malloc_trim_all };
}
