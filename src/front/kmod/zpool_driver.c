/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The zpool driver "zsmalloc".
 *
 * Where the kernel lets a zpool evict (see compat.h), it does, which the kernel's own zsmalloc does not: zswap then
 * writes its oldest entries back when it is full. zswap asks once, when it has grown above its limit, and then refuses
 * to store anything until the pool has shrunk below its accept threshold (90 %). So an answer to one request has to be
 * large enough for that: shrink_percent of the pool.
 */
#ifdef CONFIG_ZPOOL
#include <linux/err.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/zpool.h>

#include "eviction.h"
#include "object.h"
#include "zpool_driver.h"

static unsigned int shrink_percent = 12;
module_param(shrink_percent, uint, 0644);
MODULE_PARM_DESC(
	shrink_percent,
	"share of a full zpool that one request for room evicts; more than 100 - zswap's accept_threshold_percent");

struct zs_zpool {
	struct zs_pool *pool;
	struct zs_lru lru;
	int (*evict)(void *user, unsigned long handle); /* NULL: the user evicts nothing, and there is no queue */
	struct zpool *zpool;
#if ZS_ZPOOL_EVICTS
	const struct zpool_ops *ops;
#endif
};

static struct zs_zpool *create(const char *name)
{
	struct zs_zpool *zpool = kzalloc(sizeof(*zpool), GFP_KERNEL);
	struct zs_pool *pool;

	if (!zpool)
		return NULL;
	pool = zs_kmod_create(name);
	if (IS_ERR(pool)) {
		kfree(zpool);
		return NULL;
	}
	zpool->pool = pool;
	zs_lru_init(&zpool->lru, &zs_kpool_of(pool)->lru_bytes);
	return zpool;
}

static void driver_destroy(void *driver_pool)
{
	struct zs_zpool *zpool = driver_pool;

	zs_kmod_destroy(zpool->pool);
	zs_lru_destroy(&zpool->lru);
	kfree(zpool);
}

static int driver_malloc(void *driver_pool, size_t size, gfp_t gfp, unsigned long *handle)
{
	struct zs_zpool *zpool = driver_pool;
	int err = zs_kmod_malloc(zpool->pool, size, gfp, handle);

	if (err || !zpool->evict)
		return err;
	err = zs_lru_add(&zpool->lru, zs_handle_index(*handle), gfp);
	if (err)
		zs_kmod_free(zpool->pool, *handle);
	return err;
}

/* Whether an object has a place in the queue: a bad handle has not, and the pool will say so. */
static bool is_evictable(const struct zs_zpool *zpool, unsigned long handle)
{
	return zpool->evict && zs_pool_slot_bytes(zpool->pool, handle);
}

static void driver_free(void *driver_pool, unsigned long handle)
{
	struct zs_zpool *zpool = driver_pool;

	if (is_evictable(zpool, handle) && !zs_lru_remove(&zpool->lru, zs_handle_index(handle)))
		return;
	zs_kmod_free(zpool->pool, handle);
}

static void *driver_map(void *driver_pool, unsigned long handle, enum zpool_mapmode mm)
{
	struct zs_zpool *zpool = driver_pool;
	enum zs_kmod_mode mode = mm == ZPOOL_MM_RO ? ZS_KMOD_RO : mm == ZPOOL_MM_WO ? ZS_KMOD_WO : ZS_KMOD_RW;

	if (mode == ZS_KMOD_WO && is_evictable(zpool, handle))
		zs_lru_write_begin(&zpool->lru, zs_handle_index(handle));
	return zs_kmod_map(zpool->pool, handle, mode);
}

static void driver_unmap(void *driver_pool, unsigned long handle)
{
	struct zs_zpool *zpool = driver_pool;

	zs_kmod_unmap(zpool->pool, handle);
	if (is_evictable(zpool, handle))
		zs_lru_write_end(&zpool->lru, zs_handle_index(handle));
}

static u64 driver_total(void *driver_pool)
{
	const struct zs_zpool *zpool = driver_pool;
	u64 nr_pages = zs_kmod_total_pages(zpool->pool);

	return ZS_ZPOOL_COUNTS_PAGES ? nr_pages : nr_pages << PAGE_SHIFT;
}

#if ZS_ZPOOL_EVICTS
static int ask_user(void *user, unsigned long handle)
{
	const struct zs_zpool *zpool = user;

	return zpool->ops->evict(zpool->zpool, handle);
}

static void *driver_create(const char *name, gfp_t gfp, const struct zpool_ops *ops, struct zpool *owner)
{
	struct zs_zpool *zpool = create(name);

	if (zpool && ops && ops->evict) {
		zpool->ops = ops;
		zpool->zpool = owner;
		zpool->evict = ask_user;
	}
	return zpool;
}

static int driver_shrink(void *driver_pool, unsigned int pages, unsigned int *reclaimed)
{
	struct zs_zpool *zpool = driver_pool;
	const struct zs_evictor evictor = {
		.pool = zpool->pool,
		.lru = &zpool->lru,
		.evict = zpool->evict,
		.user = zpool,
	};
	unsigned long share = zs_kmod_total_pages(zpool->pool) * min(READ_ONCE(shrink_percent), 100u) / 100;
	unsigned long nr_reclaimed;
	int err;

	if (!zpool->evict)
		return -EINVAL;
	err = zs_evict_pages(&evictor, max_t(unsigned long, share, pages), &nr_reclaimed);
	if (reclaimed)
		*reclaimed = nr_reclaimed;
	return nr_reclaimed >= pages ? 0 : err;
}
#else
static void *driver_create(const char *name, gfp_t gfp)
{
	return create(name);
}
#endif

static struct zpool_driver driver = {
	.type = "zsmalloc",
	.owner = THIS_MODULE,
	.create = driver_create,
	.destroy = driver_destroy,
	.malloc_support_movable = true,
	.malloc = driver_malloc,
	.free = driver_free,
#if ZS_ZPOOL_EVICTS
	.shrink = driver_shrink,
#endif
	.map = driver_map,
	.unmap = driver_unmap,
#if ZS_ZPOOL_COUNTS_PAGES
	.total_pages = driver_total,
#else
	.total_size = driver_total,
#endif
};

void zs_kmod_register_zpool(void)
{
	zpool_register_driver(&driver);
}

void zs_kmod_unregister_zpool(void)
{
	zpool_unregister_driver(&driver);
}

MODULE_ALIAS("zpool-zsmalloc");
#endif
