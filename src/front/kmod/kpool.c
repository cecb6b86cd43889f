/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Pools of the kernel, and its calls in terms of the core's.
 */
#include <linux/bug.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/slab.h>

#include "compact.h"
#include "kpool.h"
#include "mapping.h"
#include "migration.h"
#include "object.h"
#include "reclaim.h"
#include "statistics.h"

/* A wrong handle is the caller's mistake; nothing was touched, so the system goes on. */
static void warn_of_error(void *ctx, int err, const char *what)
{
	const struct zs_kpool *kpool = ctx;

	WARN_ONCE(1, "zsmalloc: pool %s: %s (%d)\n", kpool->core->name, what, err);
}

static int core_create(struct zs_kpool *kpool, const char *name)
{
	const struct zs_ops ops = { .movable = &zs_kmod_movable };
	struct zs_pool_config config = {
		.name = name,
		.max_object_size = PAGE_SIZE,
		.flags = (__force unsigned int)GFP_KERNEL,
		.on_error = warn_of_error,
		.ctx = kpool,
	};
	int err = zs_host_source_create(&ops, &kpool->source);

	if (err)
		return err;
	config.source = kpool->source;
	err = zs_pool_create(&config, &kpool->core);
	if (err)
		zs_host_source_destroy(kpool->source);
	return err;
}

static void core_destroy(struct zs_kpool *kpool)
{
	zs_kernel_source_close(kpool->source);
	zs_host_source_destroy(zs_pool_destroy(kpool->core));
}

struct zs_pool *zs_kmod_create(const char *name)
{
	struct zs_kpool *kpool = kzalloc(sizeof(*kpool), GFP_KERNEL);
	int err = kpool ? core_create(kpool, name) : -ENOMEM;

	if (err)
		goto free;
	err = zs_kmod_add_shrinker(kpool);
	if (err)
		goto destroy;
	zs_kmod_show_pool(kpool);
	return kpool->core;
destroy:
	core_destroy(kpool);
free:
	kfree(kpool);
	return ERR_PTR(err);
}

void zs_kmod_destroy(struct zs_pool *pool)
{
	struct zs_kpool *kpool = zs_kpool_of(pool);

	zs_kmod_hide_pool(kpool);
	zs_kmod_remove_shrinker(kpool);
	core_destroy(kpool);
	kfree(kpool);
}

int zs_kmod_malloc(struct zs_pool *pool, size_t size, gfp_t gfp, unsigned long *handle)
{
	return zs_pool_alloc(pool, size, (__force unsigned int)gfp, true, handle);
}

void zs_kmod_free(struct zs_pool *pool, unsigned long handle)
{
	zs_pool_free(pool, handle);
}

static enum zs_map_mode core_mode(enum zs_kmod_mode mode)
{
	return mode == ZS_KMOD_RO ? ZS_MAP_RO : mode == ZS_KMOD_WO ? ZS_MAP_WO : ZS_MAP_RW;
}

void *zs_kmod_map(struct zs_pool *pool, unsigned long handle, enum zs_kmod_mode mode)
{
	void *address;

	return zs_pool_map(pool, handle, core_mode(mode), &address) ? NULL : address;
}

void zs_kmod_unmap(struct zs_pool *pool, unsigned long handle)
{
	zs_pool_unmap(pool, handle);
}

int zs_kmod_write(struct zs_pool *pool, unsigned long handle, const void *from, size_t len)
{
	return zs_pool_write(pool, handle, from, len);
}

const void *zs_kmod_read_begin(struct zs_pool *pool, unsigned long handle, void *local_copy)
{
	size_t len = zs_pool_slot_bytes(pool, handle);
	const void *address;

	return zs_pool_read_begin(pool, handle, len, local_copy, &address) ? NULL : address;
}

void zs_kmod_read_end(struct zs_pool *pool, unsigned long handle)
{
	zs_pool_read_end(pool, handle);
}

unsigned long zs_kmod_compact(struct zs_pool *pool)
{
	const struct zs_budget unbounded = { .target_pages = 0 };
	unsigned long nr_pages;

	zs_pool_compact(pool, &unbounded, &nr_pages);
	return nr_pages;
}

unsigned long zs_kmod_total_pages(struct zs_pool *pool)
{
	return zs_pool_total_pages(pool);
}

unsigned long zs_kmod_pages_compacted(struct zs_pool *pool)
{
	return zs_host_load_long(&pool->pages_compacted);
}

size_t zs_kmod_huge_class_size(void)
{
	return zs_size_class_huge(PAGE_SHIFT);
}

unsigned int zs_kmod_class_index(size_t size)
{
	return zs_size_class_index(min_t(size_t, max_t(size_t, size, 1), PAGE_SIZE), PAGE_SHIFT);
}
