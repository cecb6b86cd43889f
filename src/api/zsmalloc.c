/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The public calls, thin over the core: defaults, errno, 0 and NULL for failure, pages of 4096 bytes, nanoseconds.
 */
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "compact.h"
#include "compactor.h"
#include "mapping.h"
#include "object.h"
#include "stats.h"
#include "verify.h"
#include "zsmalloc.h"

#define PUBLIC __attribute__((visibility("default")))
#define API_PAGE_SHIFT 12
/* What is in a full stash comes to 1/42 of so many. */
#define STASH_BYTES (64ull << 20)
#define TEXT_OF(x) #x
#define VERSION_TEXT(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

_Static_assert(ZS_MAX_OBJECT_BYTES == ZS_MAX_SLOT, "the public maximum is the core's");
_Static_assert(ZS_PAGE_BYTES == 1u << API_PAGE_SHIFT, "the public page");
_Static_assert((int)ZS_MM_RW == (int)ZS_MAP_RW && (int)ZS_MM_RO == (int)ZS_MAP_RO && (int)ZS_MM_WO == (int)ZS_MAP_WO,
	       "map modes are passed on");

/* As the hardened allocators do: a bad handle is a bug in the program, and going on would hide it. */
static void abort_on_error(void *ctx, int err, const char *what)
{
	const struct zs_pool *pool = ctx;

	fprintf(stderr, "zsmalloc: pool \"%s\": %s: %s\n", pool->name, what, strerror(err));
	abort();
}

static int options_check(const struct zs_pool_options *options)
{
	if (options->size != sizeof(*options) || options->max_object_size > ZS_MAX_OBJECT_BYTES)
		return -EINVAL;
	if (options->flags & ~(ZS_POOL_COMPACTOR | ZS_POOL_DENSE | ZS_POOL_ZERO_ON_FREE))
		return -EINVAL;
	if (options->flags & ZS_POOL_DENSE && !(options->flags & ZS_POOL_COMPACTOR))
		return -EINVAL;
	return 0;
}

/* pre: the options were checked, so that all members are there. */
static int pool_create(const struct zs_pool_options *options, struct zs_pool **pool)
{
	struct zs_pool_config config = {
		.name = options->name ? options->name : "zsmalloc",
		.max_object_size = options->max_object_size ? (uint32_t)options->max_object_size : ZS_PAGE_BYTES,
		.limit_bytes = options->limit_bytes,
		.is_tended = options->flags & ZS_POOL_COMPACTOR,
		.stash_bytes = options->flags & ZS_POOL_COMPACTOR ? STASH_BYTES : 0,
		.clears = options->flags & ZS_POOL_ZERO_ON_FREE,
		.on_error = options->on_error ? options->on_error : abort_on_error,
		.ctx = options->ctx,
	};
	int err = zs_host_source_create(options->ops, &config.source);

	if (err)
		return err;
	err = zs_pool_create(&config, pool);
	if (err)
		zs_host_source_destroy(config.source);
	else if (!options->on_error)
		(*pool)->ctx = *pool;
	return err;
}

/* Shares in 2^-16; bytes for each tick of the thread. */
static const struct zs_tend_plan default_plan = { .loose_share = 262, .max_bytes = 200000 };
static const struct zs_tend_plan dense_plan = { .loose_share = 164, .max_bytes = 600000 };

static int start_compactor(struct zs_pool *pool, unsigned int flags)
{
	const struct zs_tend_plan *plan = flags & ZS_POOL_DENSE ? &dense_plan : &default_plan;
	struct zs_compactor *compactor = NULL;
	int err = zs_compactor_start(pool, plan, &compactor);

	if (err)
		zs_destroy_pool(pool);
	else
		pool->tender = compactor;
	return err;
}

PUBLIC struct zs_pool *zs_create_pool_with(const struct zs_pool_options *options)
{
	static const struct zs_pool_options defaults = { .size = sizeof(defaults) };
	struct zs_pool *pool;
	int err;

	options = options ? options : &defaults;
	err = options_check(options);
	if (!err)
		err = pool_create(options, &pool);
	if (!err && options->flags & ZS_POOL_COMPACTOR)
		err = start_compactor(pool, options->flags);
	if (!err)
		return pool;
	errno = -err;
	return NULL;
}

PUBLIC struct zs_pool *zs_create_pool(unsigned int flags, const struct zs_ops *ops)
{
	struct zs_pool_options options = { .size = sizeof(options), .flags = flags, .ops = ops };

	return zs_create_pool_with(&options);
}

PUBLIC void zs_destroy_pool(struct zs_pool *pool)
{
	if (!pool)
		return;
	zs_compactor_stop(pool->tender);
	zs_host_source_destroy(zs_pool_destroy(pool));
}

static unsigned long handle_or_errno(int err, unsigned long handle)
{
	if (!err)
		return handle;
	errno = -err;
	return 0;
}

static ZS_HOST_NOINLINE unsigned long malloc_long(struct zs_pool *pool, size_t size, unsigned int flags)
{
	unsigned long handle;
	int err = zs_pool_alloc_long(pool, size, flags & ~ZS_NOGROW, !(flags & ZS_NOGROW), &handle);

	return handle_or_errno(err, handle);
}

static ZS_HOST_NOINLINE unsigned long malloc_held(struct zs_pool *pool, struct zs_class *class, size_t size,
						  unsigned int flags)
{
	unsigned long handle;
	int err = zs_pool_alloc_held(pool, class, size, flags & ~ZS_NOGROW, !(flags & ZS_NOGROW), &handle);

	return handle_or_errno(err, handle);
}

/* A last call: with it zs_malloc() needs no frame. */
static ZS_HOST_NOINLINE unsigned long wake_and_return(zs_lock *lock, unsigned long handle)
{
	zs_host_lock_wake(lock);
	return handle;
}

/* Out of zs_malloc()'s way in a pool that has no stashes. */
static ZS_HOST_NOINLINE unsigned long malloc_stashing(struct zs_pool *pool, size_t size, unsigned int flags)
{
	struct zs_class *class;
	unsigned long handle;

	switch (zs_pool_alloc_stashing(pool, size, &class, &handle)) {
	case ZS_TAKEN_STASHED: return handle;
	case ZS_TAKEN: return zs_host_unlock_quick(&class->lock) ? wake_and_return(&class->lock, handle) : handle;
	case ZS_TAKE_HELD: return malloc_held(pool, class, size, flags);
	case ZS_TAKE_LONG: break;
	}
	return malloc_long(pool, size, flags);
}

PUBLIC unsigned long zs_malloc(struct zs_pool *pool, size_t size, unsigned int flags)
{
	struct zs_class *class;
	unsigned long handle;

	switch (zs_pool_alloc_direct(pool, size, &class, &handle)) {
	case ZS_TAKEN: return zs_host_unlock_quick(&class->lock) ? wake_and_return(&class->lock, handle) : handle;
	case ZS_TAKE_HELD: return malloc_held(pool, class, size, flags);
	default: break;
	}
	return malloc_stashing(pool, size, flags);
}

/* 0 is no handle, but would lead to a cell, which is nobody's. */
static ZS_HOST_NOINLINE void free_held(struct zs_pool *pool, struct zs_class *class, unsigned long handle)
{
	int err = 0;

	if (handle)
		err = zs_pool_free_held(pool, class, handle);
	else
		zs_host_unlock(&class->lock);
	if (err)
		errno = -err;
}

static ZS_HOST_NOINLINE void free_long(struct zs_pool *pool, unsigned long handle)
{
	int err = handle ? zs_pool_free_long(pool, handle) : 0;

	if (err)
		errno = -err;
}

/* Out of zs_free()'s way, as above. */
static ZS_HOST_NOINLINE void free_stashing(struct zs_pool *pool, unsigned long handle)
{
	struct zs_class *class;
	struct zs_spot spot;

	switch (zs_pool_free_stashing(pool, handle, &class, &spot)) {
	case ZS_FREED_STASHED: break;
	case ZS_FREED_FIRST: zs_host_work(pool->memory.source); break;
	case ZS_FREED: zs_host_unlock(&class->lock); break;
	case ZS_FREED_SLOT: zs_pool_free_rest(pool, class, spot.zspage, spot.slot); break;
	case ZS_FREE_HELD: free_held(pool, class, handle); break;
	case ZS_FREE_LONG: free_long(pool, handle); break;
	}
}

PUBLIC void zs_free(struct zs_pool *pool, unsigned long handle)
{
	struct zs_class *class;
	struct zs_spot spot;

	switch (zs_pool_free_direct(pool, handle, &class, &spot)) {
	case ZS_FREED: zs_host_unlock(&class->lock); break;
	case ZS_FREED_SLOT: zs_pool_free_rest(pool, class, spot.zspage, spot.slot); break;
	case ZS_FREE_HELD: free_held(pool, class, handle); break;
	case ZS_FREE_LONG: free_stashing(pool, handle); break;
	default: break;
	}
}

static ZS_HOST_NOINLINE void *map_long(struct zs_pool *pool, unsigned long handle, enum zs_mapmode mm)
{
	void *address;
	int err = zs_pool_map(pool, handle, (enum zs_map_mode)mm, &address);

	if (!err)
		return address;
	errno = -err;
	return NULL;
}

PUBLIC void *zs_map_object(struct zs_pool *pool, unsigned long handle, enum zs_mapmode mm)
{
	void *address;

	if (ZS_HOST_UNLIKELY(!zs_pool_map_direct(pool, handle, &address)))
		return map_long(pool, handle, mm);
	return address;
}

static ZS_HOST_NOINLINE void unmap_long(struct zs_pool *pool, unsigned long handle)
{
	int err = zs_pool_unmap(pool, handle);

	if (err)
		errno = -err;
}

PUBLIC void zs_unmap_object(struct zs_pool *pool, unsigned long handle)
{
	if (ZS_HOST_UNLIKELY(!zs_pool_unmap_direct(pool, handle)))
		unmap_long(pool, handle);
}

PUBLIC uint64_t zs_get_total_size_bytes(struct zs_pool *pool)
{
	return zs_pool_total_bytes(pool);
}

static ZS_HOST_NOINLINE const void *read_begin_long(struct zs_pool *pool, unsigned long handle, size_t len,
						    void *local_copy)
{
	const void *address;
	int err = zs_pool_read_begin(pool, handle, len, local_copy, &address);

	if (!err)
		return address;
	errno = -err;
	return NULL;
}

PUBLIC const void *zs_obj_read_begin(struct zs_pool *pool, unsigned long handle, size_t len, void *local_copy)
{
	const void *address;

	if (ZS_HOST_UNLIKELY(!zs_pool_read_direct(pool, handle, len, &address)))
		return read_begin_long(pool, handle, len, local_copy);
	return address;
}

static ZS_HOST_NOINLINE void read_end_long(struct zs_pool *pool, unsigned long handle)
{
	int err = zs_pool_read_end(pool, handle);

	if (err)
		errno = -err;
}

PUBLIC void zs_obj_read_end(struct zs_pool *pool, unsigned long handle, size_t len, const void *mem)
{
	(void)len;
	(void)mem;
	if (ZS_HOST_UNLIKELY(!zs_pool_unmap_direct(pool, handle)))
		read_end_long(pool, handle);
}

PUBLIC int zs_obj_write(struct zs_pool *pool, unsigned long handle, const void *mem, size_t len)
{
	int err = zs_pool_write(pool, handle, mem, len);

	if (err)
		errno = -err;
	return err;
}

/* Host pages as pages of 4096 bytes. */
static unsigned long api_pages(const struct zs_pool *pool, unsigned long nr_pages)
{
	return nr_pages << (pool->memory.page_shift - API_PAGE_SHIFT);
}

PUBLIC unsigned long zs_compact(struct zs_pool *pool)
{
	const struct zs_budget unbounded = { .target_pages = 0 };
	unsigned long nr_pages;

	zs_pool_compact(pool, &unbounded, &nr_pages);
	return api_pages(pool, nr_pages);
}

PUBLIC unsigned long zs_compact_some(struct zs_pool *pool, unsigned long target_pages, uint64_t budget_ns)
{
	unsigned int shift = pool->memory.page_shift - API_PAGE_SHIFT;
	struct zs_budget budget = { .target_pages = (target_pages >> shift) + !!(target_pages & ((1ul << shift) - 1)) };
	uint64_t now = budget_ns ? zs_host_now_ns() : 0;
	unsigned long nr_pages;

	if (budget_ns)
		budget.deadline_ns = now + budget_ns < now ? UINT64_MAX : now + budget_ns;
	errno = -zs_pool_compact(pool, &budget, &nr_pages);
	return api_pages(pool, nr_pages);
}

PUBLIC unsigned long zs_get_total_pages(struct zs_pool *pool)
{
	return api_pages(pool, zs_pool_total_pages(pool));
}

PUBLIC size_t zs_huge_class_size(struct zs_pool *pool)
{
	(void)pool;
	return zs_size_class_huge(API_PAGE_SHIFT);
}

PUBLIC unsigned int zs_lookup_class_index(struct zs_pool *pool, size_t size)
{
	size_t clamped = size < 1 ? 1 : size < pool->max_object_size ? size : pool->max_object_size;

	return zs_size_class_index(clamped, pool->memory.page_shift);
}

/* The bytes of the whole members that fit: all but the first have eight. */
static size_t stats_bytes(size_t size)
{
	const size_t first = offsetof(struct zs_pool_stats, objects);

	if (size < first)
		return 0;
	return size < sizeof(struct zs_pool_stats) ? first + (size - first) / 8 * 8 : sizeof(struct zs_pool_stats);
}

PUBLIC void zs_pool_stats(struct zs_pool *pool, struct zs_pool_stats *stats)
{
	struct zs_totals totals;
	struct zs_pool_stats all;

	zs_pool_totals(pool, &totals);
	all = (struct zs_pool_stats){
		.size = stats->size,
		.objects = totals.objects,
		.slot_bytes = totals.slot_bytes,
		.pages = api_pages(pool, (unsigned long)totals.pages),
		.metadata_bytes = totals.metadata_bytes,
		.objects_moved = totals.objects_moved,
		.pages_compacted = api_pages(pool, (unsigned long)totals.pages_compacted),
		.failed_allocs = totals.failed_allocs,
		.bad_handles = totals.bad_handles,
		.bytes_moved = totals.bytes_moved,
	};
	memcpy(stats, &all, stats_bytes(stats->size));
}

PUBLIC size_t zs_malloc_bulk(struct zs_pool *pool, const size_t *sizes, unsigned long *handles, size_t n,
			     unsigned int flags)
{
	size_t nr_done;
	int err = zs_pool_alloc_bulk(pool, sizes, handles, n, flags & ~ZS_NOGROW, !(flags & ZS_NOGROW), &nr_done);

	for (size_t i = nr_done; i < n; i++)
		handles[i] = 0;
	if (err)
		errno = -err;
	return nr_done;
}

PUBLIC void zs_free_bulk(struct zs_pool *pool, const unsigned long *handles, size_t n)
{
	zs_pool_free_bulk(pool, handles, n);
}

PUBLIC int zs_pool_verify(struct zs_pool *pool)
{
	return zs_pool_check(pool);
}

PUBLIC const char *zs_version(void)
{
	return VERSION_TEXT(ZS_VERSION_MAJOR, ZS_VERSION_MINOR, ZS_VERSION_PATCH);
}
