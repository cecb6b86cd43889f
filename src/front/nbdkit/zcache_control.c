/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Questions and orders to a cached disk.
 */
#include "zcache_control.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "orders.h"
#include "zcache_disk_metrics.h"

static void look(const struct zcache_controlled *controlled, struct zcache_disk_stats *stats)
{
	zcache_disk_tell(controlled->disk, stats);
	if (controlled->nbd)
		stats->reconnections = zcache_nbd_reconnections(controlled->nbd);
}

static bool stat(void *ctx, char *const *words, FILE *out)
{
	const struct zcache_controlled *controlled = ctx;
	struct zcache_disk_stats stats;

	look(controlled, &stats);
	return zs_metrics_tell(zcache_disk_metrics(), &stats, words[1], controlled->name, out);
}

static bool summary(void *ctx, char *const *words, FILE *out)
{
	const struct zcache_controlled *controlled = ctx;
	struct zcache_disk_stats stats;
	uint64_t pages;

	(void)words;
	look(controlled, &stats);
	pages = stats.counts.hit_pages + stats.counts.miss_pages;
	fprintf(out, "%" PRIu64 " MiB disk, %s, %" PRIu64 " MiB cached in %" PRIu64 " of %" PRIu64 " MiB, %.1f %% hits",
		stats.disk_size >> 20, controlled->compressor, stats.cache.value_bytes >> 20,
		stats.cache.total_bytes >> 20, stats.cache.limit_bytes >> 20,
		pages ? 100 * (double)stats.counts.hit_pages / (double)pages : 0);
	return true;
}

static bool resize(void *ctx, char *const *words, FILE *out)
{
	const struct zcache_controlled *controlled = ctx;
	uint64_t bytes;
	int err = -EINVAL;

	if (orders_number(words[1], &bytes))
		err = zcache_resize(controlled->disk->cache, bytes);
	if (err)
		fputs(err == -EINVAL ? "give bytes, 1 MiB or more" : strerror(-err), out);
	return !err;
}

static bool flush(void *ctx, char *const *words, FILE *out)
{
	const struct zcache_controlled *controlled = ctx;
	struct zcache_stats before = { .size = sizeof(before) }, after = { .size = sizeof(after) };

	(void)words;
	zcache_stats(controlled->disk->cache, &before);
	zcache_disk_forget(controlled->disk);
	zcache_stats(controlled->disk->cache, &after);
	fprintf(out, "%" PRIu64 "\n", after.flushed - before.flushed);
	return true;
}

static const struct order orders[] = {
	{ "stat", ORDERS_STAT_ARGUMENTS, 2, stat },
	{ "summary", NULL, 1, summary },
	{ "resize", "BYTES", 2, resize },
	{ "flush", NULL, 1, flush },
};

bool zcache_control_answer(void *ctx, char *const *words, size_t nr_words, FILE *out)
{
	return orders_answer(orders, sizeof(orders) / sizeof(orders[0]), ctx, words, nr_words, out);
}
