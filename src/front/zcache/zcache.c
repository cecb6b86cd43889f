/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The public calls: options and their defaults, errno.
 */
#include "zcache.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "caches.h"
#include "clocks.h"
#include "reserve.h"

#define PUBLIC __attribute__((visibility("default")))
#define MOST_LANES 16
#define PSI_PATH "/proc/pressure/memory"
#define STALL_US 100000u
#define WINDOW_US 2000000u

/* ---- caches ---- */

static uint32_t nr_lanes(void)
{
	long nr = sysconf(_SC_NPROCESSORS_ONLN);

	return nr < 1 ? 1 : nr > MOST_LANES ? MOST_LANES : (uint32_t)nr;
}

/* Where the system has nothing random yet, the time and an address are better than nothing. */
static uint64_t seed(const void *address)
{
	uint64_t word;

	if (getrandom(&word, sizeof(word), GRND_NONBLOCK) == sizeof(word))
		return word;
	return zs_clock_ns() ^ (uint64_t)(uintptr_t)address << 16;
}

static int make(struct zcache *cache, const struct zcache_options *options)
{
	struct zcache_engine_options wanted = { .limit_bytes = options->limit_bytes,
						.seed = seed(cache),
						.nr_lanes = nr_lanes(),
						.on_event = options->on_event,
						.ctx = options->ctx };
	int err = zcache_engine_create(&wanted, &cache->engine);

	cache->on_event = options->on_event;
	cache->ctx = options->ctx;
	return err ? err : zcache_caches_add(cache);
}

PUBLIC struct zcache *zcache_create(const struct zcache_options *options)
{
	struct zcache *cache = NULL;
	int err = -EINVAL;

	if (options && options->size == sizeof(*options) && options->limit_bytes >= ZCACHE_LEAST_LIMIT) {
		cache = zs_reserve(sizeof(*cache));
		err = cache ? make(cache, options) : -ENOMEM;
	}
	if (!err)
		return cache;
	if (cache)
		zcache_destroy(cache);
	errno = -err;
	return NULL;
}

PUBLIC void zcache_destroy(struct zcache *cache)
{
	if (!cache)
		return;
	zcache_caches_remove(cache);
	zcache_watch_stop(cache->watch);
	zcache_engine_destroy(cache->engine);
	zs_unreserve(cache, sizeof(*cache));
}

/* ---- pools ---- */

/* Result: 0 or -EINVAL. *comp: NULL for none, else spec. */
static int find_compressor(const char *name, struct zs_comp_spec *spec, const struct zs_comp_spec **comp)
{
	*comp = NULL;
	if (!name || !strcmp(name, "none"))
		return 0;
	*comp = spec;
	return zs_comp_parse(name, spec) ? -EINVAL : 0;
}

PUBLIC int zcache_new_pool(struct zcache *cache, const struct zcache_pool_options *options)
{
	const struct zs_comp_spec *comp;
	struct zs_comp_spec spec;

	if (options && options->size != sizeof(*options))
		return -EINVAL;
	if (find_compressor(options ? options->compressor : NULL, &spec, &comp))
		return -EINVAL;
	return zcache_engine_new_pool(cache->engine, comp);
}

PUBLIC int zcache_destroy_pool(struct zcache *cache, int pool)
{
	return zcache_engine_destroy_pool(cache->engine, pool);
}

/* ---- values ---- */

PUBLIC int zcache_put(struct zcache *cache, int pool, uint64_t object, uint32_t index, const void *data, size_t len,
		      zcache_token token)
{
	return zcache_engine_put(cache->engine, pool, object, index, data, len, token);
}

PUBLIC int zcache_get(struct zcache *cache, int pool, uint64_t object, uint32_t index, void *buf, size_t len,
		      zcache_token *token)
{
	return zcache_engine_get(cache->engine, pool, object, index, buf, len, false, token);
}

PUBLIC int zcache_get_exclusive(struct zcache *cache, int pool, uint64_t object, uint32_t index, void *buf, size_t len,
				zcache_token *token)
{
	return zcache_engine_get(cache->engine, pool, object, index, buf, len, true, token);
}

PUBLIC int zcache_flush_page(struct zcache *cache, int pool, uint64_t object, uint32_t index)
{
	return zcache_engine_flush_page(cache->engine, pool, object, index);
}

PUBLIC int zcache_flush_object(struct zcache *cache, int pool, uint64_t object)
{
	return zcache_engine_flush_object(cache->engine, pool, object);
}

/* ---- memory ---- */

PUBLIC int zcache_resize(struct zcache *cache, uint64_t limit_bytes)
{
	return zcache_engine_resize(cache->engine, limit_bytes);
}

PUBLIC uint64_t zcache_reclaim(struct zcache *cache, uint64_t bytes)
{
	return zcache_engine_reclaim(cache->engine, bytes);
}

PUBLIC int zcache_watch(struct zcache *cache, const struct zcache_watch_options *options)
{
	struct zcache_watch_target target = { .engine = cache->engine, .on_event = cache->on_event, .ctx = cache->ctx };
	struct zcache_watch_options all = { .size = sizeof(all) };
	struct zcache_watch *watch = NULL, *old;
	int err;

	if (options && options->size != sizeof(*options))
		return -EINVAL;
	if (options)
		all = *options;
	all.psi_path = all.psi_path ? all.psi_path : PSI_PATH;
	all.stall_us = all.stall_us ? all.stall_us : STALL_US;
	all.window_us = all.window_us ? all.window_us : WINDOW_US;
	err = all.stall_us > all.window_us ? -EINVAL : zcache_watch_start(&target, &all, &watch);
	if (err)
		return err;
	zs_share_lock(&cache->lock, true);
	old = cache->watch;
	cache->watch = watch;
	zs_share_unlock(&cache->lock, true);
	zcache_watch_stop(old);
	return 0;
}

/* ---- figures ---- */

PUBLIC void zcache_stats(struct zcache *cache, struct zcache_stats *stats)
{
	struct zcache_stats all = { .size = sizeof(all) };
	size_t size;

	if (!stats->size)
		return;
	zcache_engine_stats(cache->engine, &all);
	size = stats->size < sizeof(all) ? stats->size : sizeof(all);
	memcpy(stats, &all, size);
	stats->size = size;
}
