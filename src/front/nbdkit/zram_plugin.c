/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The compressed RAM disk as a plugin of nbdkit, which is the NBD server: this file only passes on what it asks.
 * See nbdkit-zram-plugin(1). The disk is made after nbdkit has forked, since its pool has a thread, as has its control
 * socket.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "file_store.h"
#include "plugin_control.h"
#include "plugin_settings.h"
#include "worker.h"
#include "zram_control.h"
#include "zram_policy.h"
#include "zsmalloc.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

static struct zram_options options = { .pool_flags = ZS_POOL_COMPACTOR | ZS_POOL_DENSE };
static struct zram *disk;

static struct zram_controlled controlled;
static struct plugin_control control = { .key = "control" };
static struct zs_worker *worker;

static struct zram_writeback_policy writeback;
static struct zs_file_store *file;

/* ---- configuration ---- */

static int set_dedup(const char *value)
{
	int on = nbdkit_parse_bool(value);

	options.dedup = on > 0;
	return on < 0 ? -1 : 0;
}

static int plugin_config(const char *key, const char *value)
{
	char message[PLUGIN_MESSAGE];

	if (!strcmp(key, "size"))
		return plugin_set_size(value, key, &options.size_bytes);
	if (!strcmp(key, "limit"))
		return plugin_set_size(value, key, &options.limit_bytes);
	if (!strcmp(key, "compressor"))
		return plugin_taken(plugin_codec(value, &options.comp, message), key, value, message);
	if (!strcmp(key, "recompress"))
		return plugin_taken(zram_policy_recompress(value, &options.recompress, message), key, value, message);
	if (!strcmp(key, "writeback"))
		return plugin_taken(zram_policy_writeback(value, &writeback, message), key, value, message);
	if (!strcmp(key, "dedup"))
		return set_dedup(value);
	if (!strcmp(key, "control"))
		return plugin_control_set(&control, value);
	nbdkit_error(
		"unknown parameter '%s': there are size, compressor, limit, recompress, dedup, writeback and control",
		key);
	return -1;
}

static int plugin_config_complete(void)
{
	if (!options.size_bytes) {
		nbdkit_error("give the disk's size: size=4G");
		return -1;
	}
	/* A disk is whole pages: the last one is made up. */
	options.size_bytes = (options.size_bytes + 4095) & ~(uint64_t)4095;
	return options.comp.comp ? 0 : plugin_config("compressor", "lz4");
}

#define plugin_config_help                                                                                             \
	"[size=]SIZE      (required) of the disk, which takes memory only for what is written\n"                       \
	"compressor=NAME  lz4 (default), lzo, zstd, zstd:LEVEL\n"                                                      \
	"limit=SIZE       of all memory; a write that would go beyond it fails with ENOSPC\n"                          \
	"recompress=idle:TIME[,codec=NAME][,unit=SIZE]\n"                                                              \
	"                 pack again what was not touched for so long: neighbours together, denser\n"                  \
	"dedup=on         have pages of the same content share their memory\n"                                         \
	"writeback=idle:TIME|incompressible,backing=FILE[,limit=SIZE]\n"                                               \
	"                 write to a file what was not touched for so long, or hardly compresses\n"                    \
	"control=NAME     under which zs(1) finds the disk; default: the process's number; off: not at all"

static void plugin_dump(void)
{
	printf("zsmalloc_version=%s\n", zs_version());
	printf("zram_compressors=%s\n", zs_comp_names());
}

/* ---- the disk ---- */

static void tell_error(void *ctx, const char *what)
{
	(void)ctx;
	nbdkit_error("%s", what);
}

static const char *backing_error(int err)
{
	switch (err) {
	case -EWOULDBLOCK: return "another process uses it";
	case -EEXIST: return "it is not empty; remove it if nobody needs it, or give another";
	case -EPERM: return "it is another user's, or others may read it: give another";
	case -EINVAL: return "it is no file, no folder and no block device";
	default: return strerror(-err);
	}
}

/* Before nbdkit forks, so that it is told where it is seen. */
static int plugin_get_ready(void)
{
	int err = writeback.backing ? zs_file_store_open(writeback.backing, &file) : 0;

	if (!err)
		return 0;
	nbdkit_error("writeback: %s: %s", writeback.backing, backing_error(err));
	return -1;
}

/* store is copied by the engine. */
static void use_backing(struct zs_store *store)
{
	uint64_t size = zs_file_store_size(file);

	*store = (struct zs_store){ zs_file_store_read, zs_file_store_write, zs_file_store_discard, file, size };
	if (writeback.limit_bytes && writeback.limit_bytes < size)
		store->size_bytes = writeback.limit_bytes;
	options.writeback = (struct zram_writeback_options){ .idle_ns = writeback.idle_ns,
							     .incompressible = writeback.incompressible,
							     .store = store,
							     .on_error = tell_error };
}

static int start_disk(void)
{
	struct zs_store store;
	int err;

	if (file)
		use_backing(&store);
	err = zram_create(&options, &disk);
	options.writeback.store = NULL;
	if (!err)
		return 0;
	nbdkit_error("cannot make a disk of %" PRIu64 " bytes: %s", options.size_bytes, strerror(-err));
	return -1;
}

static int start_control(void)
{
	controlled =
		(struct zram_controlled){ .zram = disk, .name = plugin_control_name(&control), .comp = options.comp };
	return plugin_control_start(&control, "zram", zram_control_answer, &controlled);
}

/* So many pages are packed in a step of the worker: of the order of a millisecond by the strongest codecs. */
#define STEP_PAGES 16

static uint64_t step_disk(void *ctx, uint64_t now_ns)
{
	(void)ctx;
	return zram_step(disk, now_ns, STEP_PAGES);
}

static void note_spent(void *ctx, uint64_t ns)
{
	(void)ctx;
	zram_note_background(disk, ns);
}

static int start_worker(void)
{
	int err = zram_has_background(disk) ? zs_worker_start(step_disk, note_spent, NULL, &worker) : 0;

	if (!err)
		return 0;
	nbdkit_error("cannot start a thread for the disk: %s", strerror(-err));
	return -1;
}

static int plugin_after_fork(void)
{
	if (start_disk() || start_worker())
		return -1;
	return start_control();
}

static void plugin_unload(void)
{
	if (disk)
		zram_cancel(disk);
	plugin_control_stop(&control);
	zs_worker_stop(worker);
	zram_destroy(disk);
	zs_file_store_close(file);
	free(writeback.backing);
}

/* ---- what a connection is told ---- */

static void *plugin_open(int readonly)
{
	(void)readonly;
	return NBDKIT_HANDLE_NOT_NEEDED;
}

static int64_t plugin_get_size(void *handle)
{
	(void)handle;
	return (int64_t)zram_size_bytes(disk);
}

static int plugin_block_size(void *handle, uint32_t *minimum, uint32_t *preferred, uint32_t *maximum)
{
	(void)handle;
	*minimum = 1;
	*preferred = 4096;
	*maximum = 0xffffffff;
	return 0;
}

static int yes(void *handle)
{
	(void)handle;
	return 1;
}

static int native_fua(void *handle)
{
	(void)handle;
	return NBDKIT_FUA_NATIVE;
}

static int native_cache(void *handle)
{
	(void)handle;
	return NBDKIT_CACHE_NATIVE;
}

/* ---- requests ---- */

static int plugin_pread(void *handle, void *buf, uint32_t count, uint64_t offset, uint32_t flags)
{
	(void)handle;
	(void)flags;
	return plugin_told(zram_read(disk, buf, count, offset), "read", offset);
}

static int plugin_pwrite(void *handle, const void *buf, uint32_t count, uint64_t offset, uint32_t flags)
{
	(void)handle;
	(void)flags;
	return plugin_told(zram_write(disk, buf, count, offset), "write", offset);
}

static int plugin_trim(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
	(void)handle;
	(void)flags;
	return plugin_told(zram_discard(disk, count, offset), "trim", offset);
}

static int plugin_zero(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
	(void)handle;
	return plugin_told(zram_zero(disk, count, offset, flags & NBDKIT_FLAG_MAY_TRIM), "zero", offset);
}

/* A write is in memory when it is answered; what is written back to a file is read from there. */
static int plugin_flush(void *handle, uint32_t flags)
{
	(void)handle;
	(void)flags;
	return 0;
}

/* What is in a file stays there until it is read. */
static int plugin_cache(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
	(void)handle;
	(void)count;
	(void)offset;
	(void)flags;
	return 0;
}

static int add_extent(void *ctx, uint64_t offset, uint64_t len, enum zram_extent kind)
{
	static const uint32_t types[] = { 0, NBDKIT_EXTENT_ZERO, NBDKIT_EXTENT_ZERO | NBDKIT_EXTENT_HOLE };

	return nbdkit_add_extent(ctx, offset, len, types[kind]) ? -errno : 0;
}

static int plugin_extents(void *handle, uint32_t count, uint64_t offset, uint32_t flags, struct nbdkit_extents *extents)
{
	(void)handle;
	(void)flags;
	return plugin_told(zram_extents(disk, count, offset, add_extent, extents), "extents", offset);
}

static struct nbdkit_plugin plugin = {
	.name = "zram",
	.longname = "compressed RAM disk",
	.description = "A RAM disk whose pages are compressed and stored by zsmalloc",
	.unload = plugin_unload,
	.config = plugin_config,
	.config_complete = plugin_config_complete,
	.config_help = plugin_config_help,
	.magic_config_key = "size",
	.dump_plugin = plugin_dump,
	.get_ready = plugin_get_ready,
	.after_fork = plugin_after_fork,
	.open = plugin_open,
	.get_size = plugin_get_size,
	.block_size = plugin_block_size,
	.can_multi_conn = yes,
	.can_write = yes,
	.can_trim = yes,
	.can_zero = yes,
	.can_fast_zero = yes,
	.can_extents = yes,
	.can_fua = native_fua,
	.can_cache = native_cache,
	.pread = plugin_pread,
	.pwrite = plugin_pwrite,
	.flush = plugin_flush,
	.trim = plugin_trim,
	.zero = plugin_zero,
	.cache = plugin_cache,
	.extents = plugin_extents,
	.errno_is_preserved = 0,
};

NBDKIT_REGISTER_PLUGIN(plugin)
