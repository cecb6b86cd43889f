/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The disk tester's way to the engine in its own process. With DISK_SIM the engine stands on the simulated host, which
 * makes requests for memory fail: the pool's and, by way of faulty.h, the engine's own and the codecs'.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk.h"
#include "disk_store.h"
#include "disk_tester.h"
#include "zsmalloc.h"
#ifdef DISK_SIM
#include "faulty.h"
#include "sim.h"
#endif

_Static_assert((int)DISK_DATA == (int)ZRAM_EXTENT_DATA && (int)DISK_ZERO == (int)ZRAM_EXTENT_ZERO &&
		       (int)DISK_HOLE == (int)ZRAM_EXTENT_HOLE,
	       "the tester's kinds of extents are the engine's");

#define SLACK_BYTES 65536u        /* by which memory may be above the limit */
#define THREAD_SLACK_BYTES 65536u /* for each thread, more: each looks at the limit before it takes some pages */

/* Of the store of -p w: less than all pages may need. */
#define STORE_BYTES (4u << 20)
#define IDLE_NS 60000000000u

struct engine {
	struct zram *zram;
	struct zs_store *store;
	uint64_t now_ns; /* turned by who tends the disk */
	const struct disk_settings *settings;
};

/* ---- the host below it ---- */

#ifdef DISK_SIM
static void host_begin(const struct disk_settings *settings)
{
	zs_sim_reset();
	zs_sim.clock_step_ns = 100;
	zs_sim.page_budget = settings->budget_pages;
	zs_sim.fail_seed = settings->seed;
	zs_sim.fail_one_in = settings->fail_one_in;
}

static void host_calm(void)
{
	zs_sim_stop_failing();
}

static const char *host_end(void)
{
	if (!zs_sim_is_clean())
		return "the pool left something behind";
	return faulty_nr_out() ? "the engine left memory behind" : NULL;
}
#else
static void host_begin(const struct disk_settings *settings)
{
	(void)settings;
}

static void host_calm(void)
{
}

static const char *host_end(void)
{
	return NULL;
}
#endif

/* ---- the disk ---- */

static bool has(const struct disk_settings *settings, char policy)
{
	return strchr(settings->policies, policy) != NULL;
}

/* Result: whether there was memory. */
static bool set_policies(struct engine *engine, const struct disk_settings *settings, struct zram_options *options)
{
	options->dedup = has(settings, 'd');
	if (has(settings, 'r')) {
		options->recompress = (struct zram_recompress){ .idle_ns = IDLE_NS, .unit_bytes = 65536 };
		zs_comp_parse("zstd:1", &options->recompress.comp);
	}
	if (!has(settings, 'w'))
		return true;
	engine->store = disk_store_create(STORE_BYTES, settings->store_fails, settings->seed);
	options->writeback = (struct zram_writeback_options){ .idle_ns = 2 * (uint64_t)IDLE_NS,
							      .incompressible = settings->seed & 1,
							      .store = engine->store };
	return engine->store != NULL;
}

/* One thread alone goes the same way each time it is asked to, which a thread beside it would not let it. */
static void *engine_open(const struct disk_settings *settings)
{
	struct zram_options options = { .size_bytes = settings->nr_pages * PAGE,
					.limit_bytes = settings->limit_kib << 10,
					.pool_flags = settings->nr_threads > 1 ? ZS_POOL_COMPACTOR : 0 };
	struct engine *engine = calloc(1, sizeof(*engine));
	int err = engine ? zs_comp_parse(settings->codec, &options.comp) : -ENOMEM;

	if (!err && !set_policies(engine, settings, &options))
		err = -ENOMEM;
	host_begin(settings);
	while (!err && (err = zram_create(&options, &engine->zram)) == -ENOMEM && settings->fail_one_in)
		err = 0;
	if (!err) {
		engine->settings = settings;
		return engine;
	}
	fprintf(stderr, "disk: cannot make a disk of %llu pages with %s: %s\n", (unsigned long long)settings->nr_pages,
		settings->codec, strerror(-err));
	free(engine);
	return NULL;
}

static void engine_calm(void *disk)
{
	disk_store_calm(((struct engine *)disk)->store);
	host_calm();
}

static const char *engine_check(void *disk, const struct disk_tally *tally)
{
	struct engine *engine = disk;
	uint64_t slack = SLACK_BYTES + engine->settings->nr_threads * THREAD_SLACK_BYTES;
	struct zram_stats stats;

	zram_stats(engine->zram, &stats);
	if (zs_pool_verify(engine->zram->pool))
		return "the pool is damaged";
	if (!*engine->settings->policies && stats.objects * PAGE != stats.orig_data_size)
		return "the pool has other objects than the disk";
	if (stats.failed_writes != tally->failed_writes || stats.failed_reads != tally->failed_reads)
		return "the disk counted other failures";
	if (stats.mem_limit && stats.mem_used_max > stats.mem_limit + slack)
		return "more memory than the limit";
	return NULL;
}

static const char *engine_check_empty(void *disk)
{
	struct engine *engine = disk;
	struct zram_stats stats;

	zram_stats(engine->zram, &stats);
	if (stats.units || stats.unit_pages || stats.unit_dead_bytes || stats.strong_pages || stats.shared_pages ||
	    stats.dedup_saved_bytes || stats.bd_count || stats.bd_bytes)
		return "an empty disk has more than objects";
	if (stats.objects || stats.orig_data_size || stats.compr_data_size || stats.same_pages || stats.huge_pages)
		return "an empty disk has content";
	return zs_pool_verify(engine->zram->pool) ? "the pool is damaged" : NULL;
}

static const char *engine_close(void *disk)
{
	struct engine *engine = disk;

	zram_destroy(engine->zram);
	disk_store_destroy(engine->store);
	free(engine);
	return host_end();
}

/* ---- requests ---- */

static void *engine_connect(void *disk)
{
	return disk;
}

static void engine_disconnect(void *conn)
{
	(void)conn;
}

static struct zram *zram_of(void *conn)
{
	return ((struct engine *)conn)->zram;
}

static int engine_read(void *conn, void *buf, size_t len, uint64_t offset)
{
	return zram_read(zram_of(conn), buf, len, offset);
}

static int engine_write(void *conn, const void *buf, size_t len, uint64_t offset)
{
	return zram_write(zram_of(conn), buf, len, offset);
}

static int engine_zero(void *conn, uint64_t len, uint64_t offset, bool may_trim)
{
	return zram_zero(zram_of(conn), len, offset, may_trim);
}

static int engine_discard(void *conn, uint64_t len, uint64_t offset)
{
	return zram_discard(zram_of(conn), len, offset);
}

struct each {
	disk_each each;
	void *ctx;
};

static int pass_on(void *ctx, uint64_t offset, uint64_t len, enum zram_extent kind)
{
	struct each *each = ctx;

	return each->each(each->ctx, offset, len, (enum disk_extent)kind);
}

static int engine_extents(void *conn, uint64_t len, uint64_t offset, disk_each each, void *ctx)
{
	struct each both = { .each = each, .ctx = ctx };

	return zram_extents(zram_of(conn), len, offset, pass_on, &both);
}

/* Time passes, a third of what makes pages idle or so; sometimes all is idle at once. */
static void engine_tend(void *conn, uint32_t dice)
{
	struct engine *engine = conn;

	if (dice < 2) {
		uint64_t now_ns = __atomic_add_fetch(&engine->now_ns, IDLE_NS / 3 * (1 + dice), __ATOMIC_RELAXED);

		zram_step(engine->zram, now_ns, UINT64_MAX);
	} else if (dice == 2) {
		zram_compact(engine->zram, 10000);
	} else if (dice == 3) {
		zram_compact(engine->zram, 0);
	} else if (dice == 4) {
		zram_mark_idle(engine->zram);
	} else {
		zram_recompress_idle(engine->zram);
		zram_writeback_idle(engine->zram);
	}
}

const struct disk_way disk_engine = {
	.open = engine_open,
	.calm = engine_calm,
	.check = engine_check,
	.check_empty = engine_check_empty,
	.close = engine_close,
	.connect = engine_connect,
	.disconnect = engine_disconnect,
	.read = engine_read,
	.write = engine_write,
	.zero = engine_zero,
	.discard = engine_discard,
	.extents = engine_extents,
	.tend = engine_tend,
};
