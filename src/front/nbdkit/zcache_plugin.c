/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A compressed cache in front of a slow disk as a plugin of nbdkit, which is the NBD server: this file only passes on
 * what it asks. See nbdkit-zcache-plugin(1). The disk behind is opened before nbdkit forks, so that it is told where
 * that is seen; threads and the cache come after.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "plugin_control.h"
#include "plugin_settings.h"
#include "zcache_control.h"
#include "zcache_disk.h"
#include "zcache_disk_metrics.h"
#include "zcache_file.h"
#include "zcache_nbd.h"
#include "zsmalloc.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

#define DEFAULT_READAHEAD (128u << 10)
#define DEFAULT_TIMEOUT_NS (60 * 1000000000ull)
#define LEAST_CACHE (1u << 20)

static struct {
	char *file;
	const char *uri;
	uint64_t cache_bytes;
	uint64_t readahead_bytes;
	uint64_t timeout_ns;
	const char *compressor;
	bool is_readonly;
} settings = { .readahead_bytes = DEFAULT_READAHEAD, .timeout_ns = DEFAULT_TIMEOUT_NS, .compressor = "lz4" };

static struct zcache_backing backing;
static struct zcache_nbd *nbd; /* NULL: it is a file */
static struct zcache *cache;
static struct zcache_disk disk;
static bool is_started;
static struct zcache_controlled controlled;
static struct plugin_control control = { .key = "name" };

/* ---- configuration ---- */

static int set_file(const char *value)
{
	free(settings.file);
	settings.file = nbdkit_realpath(value);
	return settings.file ? 0 : -1;
}

static int set_mode(const char *value)
{
	bool is_known = !strcmp(value, "readonly") || !strcmp(value, "writethrough");

	settings.is_readonly = !strcmp(value, "readonly");
	return plugin_taken(is_known, "mode", value, "there are writethrough and readonly");
}

static int set_compressor(const char *value)
{
	char message[PLUGIN_MESSAGE];
	struct zs_comp_spec comp;

	settings.compressor = value;
	return plugin_taken(!strcmp(value, "none") || plugin_codec(value, &comp, message), "compressor", value,
			    message);
}

static int set_readahead(const char *value)
{
	int64_t bytes = nbdkit_parse_size(value);

	settings.readahead_bytes = bytes < 0 ? 0 : (uint64_t)bytes;
	return bytes < 0 ? -1 : 0;
}

static int set_timeout(const char *value)
{
	return plugin_taken(plugin_parse_time(value, &settings.timeout_ns), "timeout", value,
			    "a time is a number above 0 with ms, s, m or h, as 60s");
}

static int set_uri(const char *value)
{
	settings.uri = value;
	return 0;
}

static int plugin_config(const char *key, const char *value)
{
	if (!strcmp(key, "file"))
		return set_file(value);
	if (!strcmp(key, "uri"))
		return set_uri(value);
	if (!strcmp(key, "cache"))
		return plugin_set_size(value, key, &settings.cache_bytes);
	if (!strcmp(key, "mode"))
		return set_mode(value);
	if (!strcmp(key, "compressor"))
		return set_compressor(value);
	if (!strcmp(key, "readahead"))
		return set_readahead(value);
	if (!strcmp(key, "timeout"))
		return set_timeout(value);
	if (!strcmp(key, "name"))
		return plugin_control_set(&control, value);
	nbdkit_error(
		"unknown parameter '%s': there are file, uri, cache, mode, compressor, readahead, timeout and name",
		key);
	return -1;
}

static int plugin_config_complete(void)
{
	if (!settings.file == !settings.uri)
		nbdkit_error("say which disk is behind: file=PATH or uri=NBD-URI");
	else if (settings.cache_bytes < LEAST_CACHE)
		nbdkit_error("say how much memory the cache may take, 1M or more: cache=512M");
	else
		return 0;
	return -1;
}

#define plugin_config_help                                                                                             \
	"[file=]PATH      the disk behind: a file or a block device\n"                                                 \
	"uri=NBD-URI      or an NBD server: nbd://HOST, nbd+unix:///?socket=PATH\n"                                    \
	"cache=SIZE       (required) most memory for the cache, with all that it needs\n"                              \
	"compressor=NAME  lz4 (default), zstd, zstd:LEVEL, none\n"                                                     \
	"mode=writethrough|readonly\n"                                                                                 \
	"                 pass on writes (default), or refuse them\n"                                                  \
	"readahead=SIZE   most that is read ahead for who reads in order (128K); 0: nothing\n"                         \
	"timeout=TIME     most that a request to the server behind takes (60s)\n"                                      \
	"name=NAME        under which zs(1) finds the cache; default: the process's number; off: not at all"

static void plugin_dump(void)
{
	printf("zsmalloc_version=%s\n", zs_version());
	printf("zcache_compressors=none %s\n", zs_comp_names());
}

/* ---- the disk behind ---- */

static void note_event(void *ctx, const char *what)
{
	(void)ctx;
	nbdkit_error("%s", what);
}

static void forget(void *ctx)
{
	zcache_disk_forget(ctx);
}

static int open_server(void)
{
	struct zcache_nbd_options options = {
		.uri = settings.uri,
		.timeout_ns = settings.timeout_ns,
		.is_readonly = settings.is_readonly,
		.on_session = forget,
		.on_event = note_event,
		.ctx = &disk,
	};
	char message[ZCACHE_NBD_MESSAGE];

	if (!zcache_nbd_open(&options, &nbd, &backing, message))
		return 0;
	nbdkit_error("uri=%s: %s", settings.uri, message);
	return -1;
}

static int open_file(void)
{
	int err = zcache_file_open(settings.file, settings.is_readonly, &backing);

	if (!err)
		return 0;
	nbdkit_error("file=%s: %s", settings.file,
		     err == -EINVAL ? "it is no file and no block device" : strerror(-err));
	return -1;
}

static int plugin_get_ready(void)
{
	if (settings.file ? open_file() : open_server())
		return -1;
	if (backing.size_bytes)
		return 0;
	nbdkit_error("the disk behind is empty");
	return -1;
}

/* ---- the cache ---- */

static void note_cache_event(void *ctx, const char *what)
{
	(void)ctx;
	nbdkit_debug("%s", what);
}

static uint32_t readahead_pages(void)
{
	uint64_t pages = settings.readahead_bytes / ZCACHE_DISK_PAGE;

	return pages < UINT32_MAX ? (uint32_t)pages : UINT32_MAX;
}

static int start_cache(void)
{
	struct zcache_options options = { .size = sizeof(options),
					  .limit_bytes = settings.cache_bytes,
					  .on_event = note_cache_event };
	struct zcache_pool_options pool = { .size = sizeof(pool), .compressor = settings.compressor };
	int number = -ENOMEM;

	cache = zcache_create(&options);
	if (cache)
		number = zcache_new_pool(cache, &pool);
	if (number >= 0) {
		zcache_disk_init(&disk, cache, number, &backing, readahead_pages());
		return 0;
	}
	nbdkit_error("cannot make a cache of %" PRIu64 " bytes: %s", settings.cache_bytes, strerror(-number));
	return -1;
}

static int start_server(void)
{
	int err = nbd ? zcache_nbd_start(nbd) : 0;

	if (!err)
		return 0;
	nbdkit_error("cannot start a thread for the server behind: %s", strerror(-err));
	return -1;
}

static int start_control(void)
{
	controlled = (struct zcache_controlled){
		.disk = &disk, .nbd = nbd, .name = plugin_control_name(&control), .compressor = settings.compressor
	};
	zcache_disk_metrics();
	return plugin_control_start(&control, "zcache", zcache_control_answer, &controlled);
}

static int plugin_after_fork(void)
{
	if (start_cache())
		return -1;
	is_started = true;
	return start_server() ? -1 : start_control();
}

static void plugin_unload(void)
{
	plugin_control_stop(&control);
	zcache_nbd_close(nbd);
	if (is_started)
		zcache_disk_destroy(&disk);
	zcache_destroy(cache);
	if (!nbd && backing.ops)
		zcache_file_close(&backing);
	free(settings.file);
}

/* ---- what a connection is told: what the disk behind can do ---- */

static void *plugin_open(int readonly)
{
	(void)readonly;
	return NBDKIT_HANDLE_NOT_NEEDED;
}

static int64_t plugin_get_size(void *handle)
{
	(void)handle;
	return (int64_t)backing.size_bytes;
}

static int plugin_block_size(void *handle, uint32_t *minimum, uint32_t *preferred, uint32_t *maximum)
{
	(void)handle;
	*minimum = backing.least_block;
	*preferred = ZCACHE_DISK_PAGE;
	*maximum = 0xffffffff;
	return 0;
}

/* All clients have the same connections to the disk behind, and the same cache. */
static int plugin_can_multi_conn(void *handle)
{
	(void)handle;
	return 1;
}

static int plugin_is_rotational(void *handle)
{
	(void)handle;
	return backing.is_rotational;
}

static int plugin_can_write(void *handle)
{
	(void)handle;
	return backing.can_write;
}

static int plugin_can_flush(void *handle)
{
	(void)handle;
	return backing.can_flush;
}

static int plugin_can_trim(void *handle)
{
	(void)handle;
	return backing.can_trim;
}

static int plugin_can_zero(void *handle)
{
	(void)handle;
	return backing.can_zero;
}

static int plugin_can_fast_zero(void *handle)
{
	(void)handle;
	return backing.can_fast_zero;
}

static int plugin_can_extents(void *handle)
{
	(void)handle;
	return backing.can_extents;
}

static int plugin_can_fua(void *handle)
{
	(void)handle;
	if (backing.can_fua)
		return NBDKIT_FUA_NATIVE;
	return backing.can_flush ? NBDKIT_FUA_EMULATE : NBDKIT_FUA_NONE;
}

/* nbdkit reads what is to be cached. */
static int plugin_can_cache(void *handle)
{
	(void)handle;
	return NBDKIT_CACHE_EMULATE;
}

/* ---- requests ---- */

/* What the protocol has no error for is one of the device. */
static int told(int err, const char *what, uint64_t offset)
{
	int result = plugin_told(err, what, offset);

	if (err == -ETIMEDOUT || err == -ENOTCONN)
		nbdkit_set_error(EIO);
	return result;
}

static int plugin_pread(void *handle, void *buf, uint32_t count, uint64_t offset, uint32_t flags)
{
	(void)handle;
	(void)flags;
	return told(zcache_disk_read(&disk, buf, count, offset), "read", offset);
}

static int plugin_pwrite(void *handle, const void *buf, uint32_t count, uint64_t offset, uint32_t flags)
{
	struct zcache_change change = { .kind = ZCACHE_WRITE, .data = buf, .count = count, .offset = offset };

	(void)handle;
	change.fua = flags & NBDKIT_FLAG_FUA;
	return told(zcache_disk_change(&disk, &change), "write", offset);
}

static int plugin_trim(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
	struct zcache_change change = { .kind = ZCACHE_TRIM, .count = count, .offset = offset };

	(void)handle;
	change.fua = flags & NBDKIT_FLAG_FUA;
	return told(zcache_disk_change(&disk, &change), "trim", offset);
}

static int plugin_zero(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
	struct zcache_change change = { .kind = ZCACHE_ZERO, .count = count, .offset = offset };

	(void)handle;
	change.fua = flags & NBDKIT_FLAG_FUA;
	change.may_trim = flags & NBDKIT_FLAG_MAY_TRIM;
	change.is_fast = flags & NBDKIT_FLAG_FAST_ZERO;
	return told(zcache_disk_change(&disk, &change), "zero", offset);
}

static int plugin_flush(void *handle, uint32_t flags)
{
	(void)handle;
	(void)flags;
	return told(backing.ops->flush(backing.ctx), "flush", 0);
}

static int add_extent(void *ctx, uint64_t offset, uint64_t len, bool is_hole, bool is_zero)
{
	uint32_t type = (is_hole ? NBDKIT_EXTENT_HOLE : 0) | (is_zero ? NBDKIT_EXTENT_ZERO : 0);

	return nbdkit_add_extent(ctx, offset, len, type) ? -errno : 0;
}

static int plugin_extents(void *handle, uint32_t count, uint64_t offset, uint32_t flags, struct nbdkit_extents *extents)
{
	(void)handle;
	(void)flags;
	return told(backing.ops->extents(backing.ctx, count, offset, add_extent, extents), "extents", offset);
}

static struct nbdkit_plugin plugin = {
	.name = "zcache",
	.longname = "compressed cache in front of a disk",
	.description = "A cache of compressed pages in front of a file, a block device or an NBD server",
	.unload = plugin_unload,
	.config = plugin_config,
	.config_complete = plugin_config_complete,
	.config_help = plugin_config_help,
	.magic_config_key = "file",
	.dump_plugin = plugin_dump,
	.get_ready = plugin_get_ready,
	.after_fork = plugin_after_fork,
	.open = plugin_open,
	.get_size = plugin_get_size,
	.block_size = plugin_block_size,
	.is_rotational = plugin_is_rotational,
	.can_multi_conn = plugin_can_multi_conn,
	.can_write = plugin_can_write,
	.can_flush = plugin_can_flush,
	.can_trim = plugin_can_trim,
	.can_zero = plugin_can_zero,
	.can_fast_zero = plugin_can_fast_zero,
	.can_extents = plugin_can_extents,
	.can_fua = plugin_can_fua,
	.can_cache = plugin_can_cache,
	.pread = plugin_pread,
	.pwrite = plugin_pwrite,
	.flush = plugin_flush,
	.trim = plugin_trim,
	.zero = plugin_zero,
	.extents = plugin_extents,
	.errno_is_preserved = 0,
};

NBDKIT_REGISTER_PLUGIN(plugin)
