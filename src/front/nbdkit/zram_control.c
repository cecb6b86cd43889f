/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Questions and orders to a RAM disk.
 */
#include "zram_control.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "metrics.h"
#include "orders.h"

static bool stat(void *ctx, char *const *words, FILE *out)
{
	const struct zram_controlled *disk = ctx;
	struct zram_stats stats;

	zram_stats(disk->zram, &stats);
	return zs_metrics_tell(&zram_metrics, &stats, words[1], disk->name, out);
}

static bool summary(void *ctx, char *const *words, FILE *out)
{
	const struct zram_controlled *disk = ctx;
	struct zram_stats stats;

	(void)words;
	zram_stats(disk->zram, &stats);
	fprintf(out, "%" PRIu64 " MiB disk, %s, %" PRIu64 " MiB stored in %" PRIu64 " MiB", stats.disk_size >> 20,
		disk->comp.comp->name, (stats.orig_data_size + stats.same_pages * ZRAM_PAGE_BYTES) >> 20,
		stats.mem_used_total >> 20);
	return true;
}

static bool compact(void *ctx, char *const *words, FILE *out)
{
	const struct zram_controlled *disk = ctx;
	(void)words;
	fprintf(out, "%" PRIu64 "\n", zram_compact(disk->zram, 0));
	return true;
}

static bool reset_peak(void *ctx, char *const *words, FILE *out)
{
	const struct zram_controlled *disk = ctx;
	(void)words;
	(void)out;
	zram_reset_peak(disk->zram);
	return true;
}

static bool idle(void *ctx, char *const *words, FILE *out)
{
	const struct zram_controlled *disk = ctx;
	(void)words;
	(void)out;
	zram_mark_idle(disk->zram);
	return true;
}

/* What an order that walks the disk comes to; why: what the disk lacks if it cannot. */
static bool tell_walk(int err, const char *why, uint64_t nr, FILE *out)
{
	if (err)
		return fputs(err == -EINVAL ? why : strerror(-err), out), false;
	fprintf(out, "%" PRIu64 "\n", nr);
	return true;
}

static bool recompress(void *ctx, char *const *words, FILE *out)
{
	const struct zram_controlled *disk = ctx;
	struct zram_stats before, after;
	int err;

	(void)words;
	zram_stats(disk->zram, &before);
	err = zram_recompress_idle(disk->zram);
	zram_stats(disk->zram, &after);
	return tell_walk(err, "the disk was started without recompress=", after.recompressed - before.recompressed,
			 out);
}

static bool write_back(void *ctx, char *const *words, FILE *out)
{
	const struct zram_controlled *disk = ctx;
	struct zram_stats before, after;
	int err;

	(void)words;
	zram_stats(disk->zram, &before);
	err = zram_writeback_idle(disk->zram);
	zram_stats(disk->zram, &after);
	return tell_walk(err, "the disk was started without writeback=", after.bd_writes - before.bd_writes, out);
}

/* Of an answer: see peer.h. */
#define MOST_BYTES (48 << 20)

static int print_blocks(void *ctx, const struct zram_blocks *blocks)
{
	fprintf(ctx, "%" PRIu64 "\t%" PRIu64 "\t%s\t%u\n", blocks->first, blocks->nr, blocks->state, blocks->age);
	return ftello(ctx) > MOST_BYTES ? -EMSGSIZE : 0;
}

/* Instead of the runs that were printed already. */
static bool refuse_blocks(int err, FILE *out)
{
	rewind(out);
	fputs(err == -EMSGSIZE ? "their states are more than an answer holds: ask for fewer blocks"
			       : "the disk has no such blocks",
	      out);
	return false;
}

static bool blocks(void *ctx, char *const *words, FILE *out)
{
	const struct zram_controlled *disk = ctx;
	uint64_t first, nr;
	int err;

	if (!orders_number(words[1], &first) || !orders_number(words[2], &nr))
		return fputs("say which blocks: the first one's number, and how many", out), false;
	err = zram_blocks(disk->zram, first, nr, print_blocks, out);
	return err ? refuse_blocks(err, out) : true;
}

static const struct order orders[] = {
	{ "stat", ORDERS_STAT_ARGUMENTS, 2, stat },
	{ "blocks", "FIRST COUNT", 3, blocks },
	{ "summary", NULL, 1, summary },
	{ "compact", NULL, 1, compact },
	{ "reset-peak", NULL, 1, reset_peak },
	{ "idle", NULL, 1, idle },
	{ "recompress", NULL, 1, recompress },
	{ "writeback", NULL, 1, write_back },
};

bool zram_control_answer(void *ctx, char *const *words, size_t nr_words, FILE *out)
{
	return orders_answer(orders, sizeof(orders) / sizeof(orders[0]), ctx, words, nr_words, out);
}
