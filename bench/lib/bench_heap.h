/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The allocator under measurement, chosen when a program is compiled so that a call costs what it costs: zsmalloc, or
 * whatever malloc the program is started with (LD_PRELOAD).
 */
#ifndef BENCH_HEAP_H
#define BENCH_HEAP_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef BENCH_MALLOC

typedef void *bench_object;

static inline void bench_heap_open(unsigned int flags)
{
	(void)flags;
}

static inline void bench_heap_close(void)
{
}

static inline bench_object bench_alloc(size_t size)
{
	return malloc(size);
}

static inline void bench_free(bench_object object)
{
	free(object);
}

static inline void bench_free_many(bench_object *objects, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		free(objects[i]);
}

static inline void bench_write(bench_object object, const void *data, size_t len)
{
	memcpy(object, data, len);
}

static inline const void *bench_map(bench_object object)
{
	return object;
}

static inline void bench_unmap(bench_object object)
{
	(void)object;
}

static inline const void *bench_read_begin(bench_object object, size_t len)
{
	(void)len;
	return object;
}

static inline void bench_read_end(bench_object object, size_t len, const void *data)
{
	(void)object;
	(void)len;
	(void)data;
}

#else

#include "zsmalloc.h"

typedef unsigned long bench_object;

static struct zs_pool *bench_pool;

static inline void bench_heap_open(unsigned int flags)
{
	struct zs_pool_options options = { .size = sizeof(options), .name = "bench", .flags = flags };

	bench_pool = zs_create_pool_with(&options);
	if (!bench_pool) {
		perror("zs_create_pool_with");
		exit(1);
	}
}

static inline void bench_heap_close(void)
{
	zs_destroy_pool(bench_pool);
}

static inline bench_object bench_alloc(size_t size)
{
	return zs_malloc(bench_pool, size, 0);
}

static inline void bench_free(bench_object object)
{
	zs_free(bench_pool, object);
}

static inline void bench_free_many(bench_object *objects, size_t nr)
{
	zs_free_bulk(bench_pool, objects, nr);
}

static inline void bench_write(bench_object object, const void *data, size_t len)
{
	memcpy(zs_map_object(bench_pool, object, ZS_MM_WO), data, len);
	zs_unmap_object(bench_pool, object);
}

static inline const void *bench_map(bench_object object)
{
	return zs_map_object(bench_pool, object, ZS_MM_RO);
}

static inline void bench_unmap(bench_object object)
{
	zs_unmap_object(bench_pool, object);
}

/* An arena needs no copy. */
static inline const void *bench_read_begin(bench_object object, size_t len)
{
	return zs_obj_read_begin(bench_pool, object, len, NULL);
}

static inline void bench_read_end(bench_object object, size_t len, const void *data)
{
	zs_obj_read_end(bench_pool, object, len, data);
}

#endif

#endif
