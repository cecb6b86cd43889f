/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A plain cache in front of a disk, as a filter of nbdkit:
 *
 *   nbdkit --filter=./nbdkit-lru-filter.so PLUGIN … lru-size=SIZE
 *
 * The disk is read-only. Pages that are asked for as a whole are kept; what is less than a page is passed on. No lock
 * is held while the disk behind is read, so requests go on beside each other.
 */
#include <errno.h>
#include <string.h>

#include <nbdkit-filter.h>

#include "lru.h"

static struct lru lru;
static int64_t lru_bytes;

static int filter_config(nbdkit_next_config *next, nbdkit_backend *nxdata, const char *key, const char *value)
{
	if (strcmp(key, "lru-size"))
		return next(nxdata, key, value);
	lru_bytes = nbdkit_parse_size(value);
	return lru_bytes < 0 ? -1 : 0;
}

static int filter_get_ready(int thread_model)
{
	int err = lru_create(&lru, (uint64_t)lru_bytes);

	(void)thread_model;
	if (!err)
		return 0;
	nbdkit_error("lru-size=%lld: %s", (long long)lru_bytes, strerror(-err));
	return -1;
}

static void filter_unload(void)
{
	if (lru.pages)
		lru_destroy(&lru);
}

static int filter_thread_model(void)
{
	return NBDKIT_THREAD_MODEL_PARALLEL;
}

static int filter_can_write(nbdkit_next *next, void *handle)
{
	(void)next;
	(void)handle;
	return 0;
}

/* ---- reading ---- */

static int read_page(nbdkit_next *next, void *buf, uint32_t page, uint32_t flags, int *err)
{
	if (lru_get(&lru, page, buf))
		return 0;
	if (next->pread(next, buf, LRU_PAGE, (uint64_t)page * LRU_PAGE, flags, err))
		return -1;
	lru_put(&lru, page, buf);
	return 0;
}

/* Up to the end of its page. */
static uint32_t piece_bytes(uint32_t count, uint64_t offset)
{
	uint32_t left = LRU_PAGE - (uint32_t)(offset % LRU_PAGE);

	return left < count ? left : count;
}

static int filter_pread(nbdkit_next *next, void *handle, void *buf, uint32_t count, uint64_t offset, uint32_t flags,
			int *err)
{
	int result = 0;

	(void)handle;
	while (count && !result) {
		uint32_t bytes = piece_bytes(count, offset);
		uint64_t page = offset / LRU_PAGE;

		if (bytes == LRU_PAGE && page <= UINT32_MAX)
			result = read_page(next, buf, (uint32_t)page, flags, err);
		else
			result = next->pread(next, buf, bytes, offset, flags, err);
		buf = (char *)buf + bytes;
		offset += bytes;
		count -= bytes;
	}
	return result;
}

static struct nbdkit_filter filter = {
	.name = "lru",
	.longname = "plain LRU cache",
	.description = "A cache of pages as they are, for comparisons",
	.unload = filter_unload,
	.config = filter_config,
	.config_help = "lru-size=SIZE    (required) memory for the cache, with its tables",
	.thread_model = filter_thread_model,
	.get_ready = filter_get_ready,
	.can_write = filter_can_write,
	.pread = filter_pread,
};

NBDKIT_REGISTER_FILTER(filter)
