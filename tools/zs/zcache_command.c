/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * zs zcache: what one asks a cache in front of a disk, and orders.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "figures.h"
#include "running_command.h"
#include "stat.h"
#include "top.h"
#include "zs.h"

static const char help_text[] = "Usage: zs zcache stat [--json|--prometheus] [NAME]\n"
				"       zs zcache top [-d SECONDS] [-n TIMES]\n"
				"       zs zcache resize NAME SIZE\n"
				"       zs zcache flush [NAME]\n\n"
				"Asks a compressed cache in front of a disk that runs. NAME is the cache's (see zs "
				"ls); it can be left out while\n"
				"there is only one.\n\n"
				"  stat        its figures\n"
				"  top         all caches, over and over\n"
				"  resize      has its memory be so much at most, as 512M or 4G; it keeps what fits\n"
				"  flush       drops all that it has, and tells how many pages that were\n\n"
				"  -d SECONDS  between two looks (1)\n"
				"  -n TIMES    look so often; default: until it is interrupted\n"
				"  --json, --prometheus   print this, nothing else\n\n"
				"Exit status: 0 done, 1 failed, 2 wrong usage.\n";

/* ---- stat and top ---- */

static void print_shares(const struct zs_figures *figures)
{
	uint64_t hits = zs_figure(figures, "hit_pages");

	zs_stat_share("hit_share", hits, hits + zs_figure(figures, "miss_pages"), "pages found / pages read");
	zs_stat_share("ratio", zs_figure(figures, "value_bytes"), zs_figure(figures, "total_bytes"),
		      "content / memory");
}

static int show_stat(int argc, char **argv)
{
	return zs_stat(&(struct zs_stat_of){ "zcache", print_shares }, argc, argv);
}

enum { BYTES_READ, BYTES_WRITTEN, REQUESTS, HITS, MISSES };

static void count(const struct zs_figures *figures, uint64_t *counters)
{
	counters[BYTES_READ] = zs_figure(figures, "bytes_read");
	counters[BYTES_WRITTEN] = zs_figure(figures, "bytes_written");
	counters[REQUESTS] = zs_figure(figures, "reads") + zs_figure(figures, "writes");
	counters[HITS] = zs_figure(figures, "hit_pages");
	counters[MISSES] = zs_figure(figures, "miss_pages");
}

static void print_cache(const struct zs_found *cache, const struct zs_figures *figures)
{
	char size[32], content[32], memory[32], limit[32];
	uint64_t used = zs_figure(figures, "total_bytes"), values = zs_figure(figures, "value_bytes");

	printf("%-20s %9s %9s %9s %9s %6.2f", cache->name,
	       zs_bytes_for_people(zs_figure(figures, "disk_size"), size, sizeof(size)),
	       zs_bytes_for_people(values, content, sizeof(content)), zs_bytes_for_people(used, memory, sizeof(memory)),
	       zs_bytes_for_people(zs_figure(figures, "limit_bytes"), limit, sizeof(limit)),
	       used ? (double)values / (double)used : 0);
}

static void print_rates(const double *rates)
{
	double pages = rates ? rates[HITS] + rates[MISSES] : 0;

	if (rates)
		printf(" %9.1f %9.1f %9.0f", rates[BYTES_READ] / 1e6, rates[BYTES_WRITTEN] / 1e6, rates[REQUESTS]);
	if (pages > 0)
		printf(" %6.1f", 100 * rates[HITS] / pages);
	putchar('\n');
}

static int show_top(int argc, char **argv)
{
	static const struct zs_top_of of = {
		.kind = "zcache",
		.head = "cache                     disk   content    memory     limit  ratio read MB/s     write  "
			"requests hits %",
		.count = count,
		.print = print_cache,
		.print_rates = print_rates,
	};

	return zs_top(&of, argc, argv);
}

/* ---- orders ---- */

static void show_nothing(const char *answer)
{
	(void)answer;
}

static int resize(int argc, char **argv)
{
	char request[64];
	uint64_t bytes;

	if (argc != 3)
		return zs_usage_error("zcache", "resize takes a name and a size");
	if (!zs_parse_size(argv[2], &bytes) || !bytes)
		return zs_usage_error("zcache", "'%s' is no size such as 512M", argv[2]);
	snprintf(request, sizeof(request), "resize %" PRIu64, bytes);
	return zs_running_order("zcache", argv[1], request, show_nothing);
}

static void show_pages(const char *answer)
{
	printf("%" PRIu64 " pages dropped\n", (uint64_t)strtoull(answer, NULL, 10));
}

static int flush(int argc, char **argv)
{
	if (zs_running_check_name("zcache", argc, argv))
		return ZS_EXIT_USAGE;
	return zs_running_order("zcache", argv[1], "flush", show_pages);
}

/* ---- which ---- */

static const struct zs_subcommand subcommands[] = {
	{ "stat", show_stat }, { "top", show_top }, { "resize", resize }, { "flush", flush }, { NULL, NULL },
};

static int run(int argc, char **argv)
{
	return zs_running_command("zcache", help_text, subcommands, argc, argv);
}

const struct zs_command zs_command_zcache = {
	.name = "zcache",
	.summary = "ask a compressed cache in front of a disk",
	.help = help_text,
	.run = run,
};
