/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Beginning to manage memory, and the end of it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "front.h"
#include "page_slot.h"
#include "reserve.h"
#include "zsmalloc.h"

#define LEAST_LIMIT_BYTES (1u << 20)
#define STANDBY_UNIT 64u /* pages */

/* ---- telling ---- */

static void tell_stderr(void *ctx, const char *what)
{
	char line[256];
	int len = snprintf(line, sizeof(line), "zswap: %s\n", what);

	(void)ctx;
	if (write(STDERR_FILENO, line, (size_t)len < sizeof(line) ? (size_t)len : sizeof(line) - 1) < 0)
		return; /* there is nobody to tell */
}

void zswap_tell(struct zswap *zswap, const char *what)
{
	zswap->on_event(zswap->ctx, what);
}

static void tell(void *ctx, const char *what)
{
	zswap_tell(ctx, what);
}

/* ---- creating ---- */

static uint32_t standby_pages(const struct zswap_options *options)
{
	uint64_t pages = options->resident_limit_bytes / ZSWAP_PAGE_BYTES / 32 / STANDBY_UNIT * STANDBY_UNIT;

	return pages < 2 * STANDBY_UNIT ? 2 * STANDBY_UNIT : pages > 8192 ? 8192 : (uint32_t)pages;
}

static uint32_t nr_lanes(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	return processors < 1 ? 4 : processors > 15 ? 32 : (uint32_t)processors * 2 + 2;
}

static int open_backing(struct zswap *zswap, const struct zswap_options *options)
{
	int err;

	if (!options->backing_path)
		return 0;
	err = zs_file_store_open(options->backing_path, &zswap->file);
	if (err) {
		zswap_tell(zswap, "the backing file cannot be opened");
		return err;
	}
	zswap->store = (struct zs_store){ zs_file_store_read, zs_file_store_write, zs_file_store_discard, zswap->file,
					  zs_file_store_size(zswap->file) };
	if (options->backing_limit_bytes && options->backing_limit_bytes < zswap->store.size_bytes)
		zswap->store.size_bytes = options->backing_limit_bytes;
	return 0;
}

static int make_engine(struct zswap *zswap, const struct zswap_options *options)
{
	struct zswap_engine_options engine = {
		.resident_limit_bytes = options->resident_limit_bytes,
		.pool_limit_bytes = options->pool_limit_bytes,
		.memory = &zswap->memory,
		.store = zswap->file ? &zswap->store : NULL,
		.nr_lanes = nr_lanes(),
		.pool_flags = ZS_POOL_COMPACTOR,
		.is_one_pager = !zswap->means.is_sigbus,
		.on_error = tell,
		.wake = zswap_evictor_wake,
		.ctx = zswap,
	};

	if (zs_comp_parse(options->compressor ? options->compressor : "lz4", &engine.comp)) {
		zswap_tell(zswap, "there is no such compressor");
		return -EINVAL;
	}
	return zswap_engine_create(&engine, &zswap->engine);
}

static int make(struct zswap *zswap, const struct zswap_options *options)
{
	const char *why;
	int err = zswap_means_find(options->flags, &zswap->means, &why);

	if (err) {
		zswap_tell(zswap, why);
		return err;
	}
	err = zswap_regions_create(&zswap->regions);
	if (!err)
		err = open_backing(zswap, options);
	if (!err)
		err = zswap_memory_create(zswap, standby_pages(options));
	if (!err)
		err = make_engine(zswap, options);
	if (!err)
		err = zswap_descriptor_open(&zswap->means, &zswap->fd);
	if (!err)
		err = zswap_pager_start(zswap);
	return err ? err : zswap_all_add(zswap);
}

static void destroy(struct zswap *zswap)
{
	struct zswap_region part;

	zswap_all_remove(zswap);
	zswap_pager_stop(zswap);
	if (zswap->fd >= 0)
		close(zswap->fd);
	while (zswap->regions.region && zswap_regions_next(&zswap->regions, 0, UINTPTR_MAX, &part)) {
		munmap((void *)part.start, part.end - part.start);
		zswap_regions_remove(&zswap->regions, &part);
	}
	if (zswap_children_are_there(zswap))
		zs_file_store_keep(zswap->file);
	zswap_engine_destroy(zswap->engine);
	zswap_memory_destroy(zswap);
	zs_file_store_close(zswap->file);
	zswap_children_destroy(zswap);
	zswap_regions_destroy(&zswap->regions);
	zs_unreserve(zswap, sizeof(*zswap));
}

static struct zswap *create(const struct zswap_options *options)
{
	struct zswap *zswap = zs_reserve(sizeof(*zswap));
	int err;

	if (!zswap) {
		errno = ENOMEM;
		return NULL;
	}
	zswap->fd = zswap->standby_fd = zswap->pagemap_fd = zswap->stop_fd = -1;
	zswap->on_event = options->on_event ? options->on_event : tell_stderr;
	zswap->ctx = options->ctx;
	err = make(zswap, options);
	if (!err)
		return zswap;
	destroy(zswap);
	errno = -err;
	return NULL;
}

/* ---- the calls ---- */

/* NULL: nothing. pre: all members are there */
static const char *wrong_with(const struct zswap_options *options)
{
	if (options->resident_limit_bytes < LEAST_LIMIT_BYTES)
		return "resident_limit_bytes is less than 1 MiB";
	if (options->flags & ~(ZSWAP_SIGBUS | ZSWAP_PAGER) || options->flags == (ZSWAP_SIGBUS | ZSWAP_PAGER))
		return "flags are ZSWAP_SIGBUS or ZSWAP_PAGER or none";
	return NULL;
}

static bool are_valid(const struct zswap_options *options)
{
	const char *wrong;

	if (!options || options->size != sizeof(*options))
		return false;
	wrong = wrong_with(options);
	if (wrong && options->on_event)
		options->on_event(options->ctx, wrong);
	else if (wrong)
		tell_stderr(NULL, wrong);
	return !wrong;
}

PUBLIC struct zswap *zswap_create(const struct zswap_options *options)
{
	struct zswap *zswap;
	struct zswap_interrupts before;

	if (!are_valid(options)) {
		errno = EINVAL;
		return NULL;
	}
	zswap_block_interrupts(&before);
	zswap = create(options);
	zswap_restore_interrupts(&before);
	return zswap;
}

PUBLIC void zswap_destroy(struct zswap *zswap)
{
	struct zswap_interrupts before;

	if (!zswap)
		return;
	zswap_block_interrupts(&before);
	destroy(zswap);
	zswap_restore_interrupts(&before);
}
