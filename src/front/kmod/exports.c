/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The calls of <linux/zsmalloc.h>, for zram and whoever else calls them.
 *
 * This file sees that header and no body of a structure of ours. So the versions that the kernel's build computes for
 * these symbols are the stock module's, and modules built for that one load on this one.
 */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/types.h>
#include <linux/zsmalloc.h>

#include "calls.h"
#include "compat.h"

struct zs_pool *zs_create_pool(const char *name)
{
	struct zs_pool *pool = zs_kmod_create(name);

	return IS_ERR(pool) ? NULL : pool;
}
EXPORT_SYMBOL_GPL(zs_create_pool);

void zs_destroy_pool(struct zs_pool *pool)
{
	zs_kmod_destroy(pool);
}
EXPORT_SYMBOL_GPL(zs_destroy_pool);

/* A handle or an ERR_PTR. */
static unsigned long allocate(struct zs_pool *pool, size_t size, gfp_t gfp)
{
	unsigned long handle;
	int err = zs_kmod_malloc(pool, size, gfp, &handle);

	if (err == -ENOSPC && !ZS_TOO_LARGE_IS_ENOSPC)
		err = -EINVAL;
	return err ? (unsigned long)ERR_PTR(err) : handle;
}

#if ZS_MALLOC_HAS_NODE
unsigned long zs_malloc(struct zs_pool *pool, size_t size, gfp_t gfp, const int nid)
{
	/* The node is a hint, and single pages come from the nearest one anyway. */
	return allocate(pool, size, gfp);
}
#else
unsigned long zs_malloc(struct zs_pool *pool, size_t size, gfp_t gfp)
{
	return allocate(pool, size, gfp);
}
#endif
EXPORT_SYMBOL_GPL(zs_malloc);

/* zram takes 0 for an empty slot, and hands on what a failed allocation returned. */
void zs_free(struct zs_pool *pool, unsigned long handle)
{
	if (!IS_ERR_OR_NULL((void *)handle))
		zs_kmod_free(pool, handle);
}
EXPORT_SYMBOL_GPL(zs_free);

#if ZS_OBJECTS_ARE_MAPPED
static enum zs_kmod_mode mode_of(enum zs_mapmode mm)
{
	return mm == ZS_MM_RO ? ZS_KMOD_RO : mm == ZS_MM_WO ? ZS_KMOD_WO : ZS_KMOD_RW;
}

void *zs_map_object(struct zs_pool *pool, unsigned long handle, enum zs_mapmode mm)
{
	return zs_kmod_map(pool, handle, mode_of(mm));
}
EXPORT_SYMBOL_GPL(zs_map_object);

void zs_unmap_object(struct zs_pool *pool, unsigned long handle)
{
	zs_kmod_unmap(pool, handle);
}
EXPORT_SYMBOL_GPL(zs_unmap_object);
#else
void *zs_obj_read_begin(struct zs_pool *pool, unsigned long handle, void *local_copy)
{
	return (void *)zs_kmod_read_begin(pool, handle, local_copy);
}
EXPORT_SYMBOL_GPL(zs_obj_read_begin);

void zs_obj_read_end(struct zs_pool *pool, unsigned long handle, void *handle_mem)
{
	zs_kmod_read_end(pool, handle);
}
EXPORT_SYMBOL_GPL(zs_obj_read_end);

void zs_obj_write(struct zs_pool *pool, unsigned long handle, void *handle_mem, size_t mem_len)
{
	zs_kmod_write(pool, handle, handle_mem, mem_len);
}
EXPORT_SYMBOL_GPL(zs_obj_write);
#endif

size_t zs_huge_class_size(struct zs_pool *pool)
{
	return zs_kmod_huge_class_size();
}
EXPORT_SYMBOL_GPL(zs_huge_class_size);

unsigned long zs_get_total_pages(struct zs_pool *pool)
{
	return zs_kmod_total_pages(pool);
}
EXPORT_SYMBOL_GPL(zs_get_total_pages);

unsigned long zs_compact(struct zs_pool *pool)
{
	return zs_kmod_compact(pool);
}
EXPORT_SYMBOL_GPL(zs_compact);

#if ZS_HAS_CLASS_INDEX
unsigned int zs_lookup_class_index(struct zs_pool *pool, unsigned int size)
{
	return zs_kmod_class_index(size);
}
EXPORT_SYMBOL_GPL(zs_lookup_class_index);
#endif

void zs_pool_stats(struct zs_pool *pool, struct zs_pool_stats *stats)
{
	atomic_long_set(&stats->pages_compacted, (long)zs_kmod_pages_compacted(pool));
}
EXPORT_SYMBOL_GPL(zs_pool_stats);
