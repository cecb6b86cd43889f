/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * zs zram: what one asks a RAM disk, and orders. Figures here; top and run have files of their own.
 */
#include "zram_command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "figures.h"
#include "running_command.h"
#include "stat.h"
#include "zs.h"

static const char help_text[] =
	"Usage: zs zram stat [--json|--prometheus] [NAME]\n"
	"       zs zram top [-d SECONDS] [-n TIMES]\n"
	"       zs zram compact [NAME]\n"
	"       zs zram reset-peak [NAME]\n"
	"       zs zram idle [NAME]\n"
	"       zs zram recompress [NAME]\n"
	"       zs zram writeback [NAME]\n"
	"       zs zram blocks [NAME]\n"
	"       zs zram map [--svg FILE] [NAME]\n"
	"       zs zram run [-s SIZE] [-c CODEC] [-l LIMIT] [--] COMMAND [ARGUMENT...]\n\n"
	"Asks a compressed RAM disk that runs, or runs one for a command. NAME is the disk's (see zs ls); it can be\n"
	"left out while there is only one.\n\n"
	"  stat        its figures, by the names of the kernel's zram\n"
	"  top         all disks, over and over\n"
	"  compact     moves its objects together now, and tells how many bytes that gave back\n"
	"  reset-peak  has mem_used_max begin anew\n"
	"  idle        counts all its content as idle, until it is read or written\n"
	"  recompress  packs again what is idle, if the disk has recompress=\n"
	"  blocks      the state of each of its blocks of 4096 bytes, in runs\n"
	"  map         the same as a picture, in letters or as a drawing\n"
	"  writeback   writes to its file what is idle, if the disk has writeback=\n"
	"  run         starts a disk, runs the command with $uri in its environment, and ends the disk after it\n\n"
	"  -d SECONDS  between two looks (1)\n"
	"  -n TIMES    look so often; default: until it is interrupted\n"
	"  -s SIZE     of the disk, as 512M or 4G (4G); it takes memory only for what is written\n"
	"  -c CODEC    lz4 (default), lzo or zstd[:LEVEL]\n"
	"  -l LIMIT    of its memory, as 512M or 1G; default: none\n"
	"  --svg FILE  draw the map; - is standard output\n"
	"  --json, --prometheus   print this, nothing else\n\n"
	"Exit status: of run, the command's; else 0 done, 1 failed, 2 wrong usage.\n";

/* ---- stat ---- */

static void print_shares(const struct zs_figures *figures)
{
	uint64_t memory = zs_figure(figures, "mem_used_total");

	zs_stat_share("ratio", zs_figure(figures, "orig_data_size"), memory, "content / memory");
	zs_stat_share("utilisation", zs_figure(figures, "compr_data_size"), memory, "compressed content / memory");
}

int zs_zram_stat(int argc, char **argv)
{
	return zs_stat(&(struct zs_stat_of){ "zram", print_shares }, argc, argv);
}

/* ---- orders ---- */

static int order(int argc, char **argv, const char *request, void (*show)(const char *answer))
{
	if (zs_running_check_name("zram", argc, argv))
		return ZS_EXIT_USAGE;
	return zs_running_order("zram", argv[1], request, show);
}

static void show_bytes(const char *answer)
{
	char text[32];
	uint64_t bytes = strtoull(answer, NULL, 10);

	printf("%" PRIu64 " bytes given back (%s)\n", bytes, zs_bytes_for_people(bytes, text, sizeof(text)));
}

static void show_nothing(const char *answer)
{
	(void)answer;
}

int zs_zram_compact(int argc, char **argv)
{
	return order(argc, argv, "compact", show_bytes);
}

int zs_zram_reset_peak(int argc, char **argv)
{
	return order(argc, argv, "reset-peak", show_nothing);
}

int zs_zram_idle(int argc, char **argv)
{
	return order(argc, argv, "idle", show_nothing);
}

static void show_pages(const char *answer)
{
	printf("%" PRIu64 " pages packed again\n", (uint64_t)strtoull(answer, NULL, 10));
}

int zs_zram_recompress(int argc, char **argv)
{
	return order(argc, argv, "recompress", show_pages);
}

static void show_objects(const char *answer)
{
	printf("%" PRIu64 " objects written\n", (uint64_t)strtoull(answer, NULL, 10));
}

int zs_zram_writeback(int argc, char **argv)
{
	return order(argc, argv, "writeback", show_objects);
}

/* ---- which ---- */

static const struct zs_subcommand subcommands[] = {
	{ "stat", zs_zram_stat },
	{ "top", zs_zram_top },
	{ "compact", zs_zram_compact },
	{ "reset-peak", zs_zram_reset_peak },
	{ "idle", zs_zram_idle },
	{ "recompress", zs_zram_recompress },
	{ "writeback", zs_zram_writeback },
	{ "blocks", zs_zram_blocks },
	{ "map", zs_zram_map },
	{ "run", zs_zram_run },
	{ NULL, NULL },
};

static int run(int argc, char **argv)
{
	return zs_running_command("zram", help_text, subcommands, argc, argv);
}

const struct zs_command zs_command_zram = {
	.name = "zram",
	.summary = "ask a compressed RAM disk, or run one for a command",
	.help = help_text,
	.run = run,
};
