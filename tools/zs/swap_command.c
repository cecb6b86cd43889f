/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * zs swap: programs in compressed memory. Running one has a file of its own.
 */
#include "swap_command.h"

#include <stdio.h>

#include "figures.h"
#include "running_command.h"
#include "stat.h"
#include "top.h"
#include "zs.h"

#define PAGE_BYTES 4096

static const char help_text[] =
	"Usage: zs swap run [OPTION...] [--] COMMAND [ARGUMENT...]\n"
	"       zs swap stat [--json|--prometheus] [NAME]\n"
	"       zs swap top [-d SECONDS] [-n TIMES]\n\n"
	"Runs a program, as it is, with only so much of its memory resident: the rest is compressed, in its own "
	"process.\n"
	"Each process that it starts has as much for itself. This is experimental.\n\n"
	"  run         runs the command; at its end a line on standard error tells what its memory came to\n"
	"  stat        the figures of one that runs with --stats (see zs ls)\n"
	"  top         all of those, over and over\n\n"
	"  --resident SIZE     most of a process's memory that is resident (512M)\n"
	"  --pool SIZE         most that the compressed rest may take; default: no limit\n"
	"  --backing PATH      when that is full the oldest go here: a folder, or a file in that folder; what each\n"
	"                      process writes is in a file of its own without a name\n"
	"  --compressor CODEC  lz4 (default) or zstd[:LEVEL]\n"
	"  --malloc WHICH      jemalloc (default), none (only what the program maps itself), or a library's path\n"
	"  --stats             it can be asked for its figures while it runs\n"
	"  --name NAME         by this name; default: what each program is called\n"
	"  --quiet             print no line at the end\n"
	"  -d SECONDS          between two looks (1)\n"
	"  -n TIMES            look so often; default: until it is interrupted\n"
	"  --json, --prometheus   print this, nothing else\n\n"
	"Exit status: of run, the command's; else 0 done, 1 failed, 2 wrong usage.\n";

/* ---- figures ---- */

static uint64_t packed_bytes(const struct zs_figures *figures)
{
	return (zs_figure(figures, "pool_pages") + zs_figure(figures, "same_filled_pages")) * PAGE_BYTES;
}

static uint64_t pool_bytes(const struct zs_figures *figures)
{
	return zs_figure(figures, "pool_total_bytes") + zs_figure(figures, "table_bytes");
}

static void print_shares(const struct zs_figures *figures)
{
	zs_stat_share("ratio", packed_bytes(figures), pool_bytes(figures), "content / memory, of what is packed");
}

static int stat_swap(int argc, char **argv)
{
	return zs_stat(&(struct zs_stat_of){ "swap", print_shares }, argc, argv);
}

/* ---- top ---- */

static void count(const struct zs_figures *figures, uint64_t *counters)
{
	counters[0] = zs_figure(figures, "faults");
	counters[1] = zs_figure(figures, "evicted");
	counters[2] = zs_figure(figures, "written_back_pages");
}

static void print_program(const struct zs_found *found, const struct zs_figures *figures)
{
	uint64_t resident = zs_figure(figures, "resident_pages") + zs_figure(figures, "standby_pages");
	uint64_t packed = packed_bytes(figures), pool = pool_bytes(figures);
	char mapped[32], in_memory[32], content[32], memory[32];

	printf("%-20s %9s %9s %9s %9s %6.2f", found->name,
	       zs_bytes_for_people(zs_figure(figures, "managed_pages") * PAGE_BYTES, mapped, sizeof(mapped)),
	       zs_bytes_for_people(resident * PAGE_BYTES, in_memory, sizeof(in_memory)),
	       zs_bytes_for_people(packed, content, sizeof(content)), zs_bytes_for_people(pool, memory, sizeof(memory)),
	       pool ? (double)packed / (double)pool : 0);
}

static void print_rates(const double *rates)
{
	if (rates)
		printf(" %9.0f %9.0f %9.0f\n", rates[0], rates[1], rates[2]);
	else
		printf(" %9s %9s %9s\n", "", "", "");
}

static int top_swap(int argc, char **argv)
{
	static const struct zs_top_of of = {
		.kind = "swap",
		.head = "program                 mapped  resident    packed      pool  ratio    faults   evicted   "
			"written",
		.count = count,
		.print = print_program,
		.print_rates = print_rates,
	};

	return zs_top(&of, argc, argv);
}

/* ---- which ---- */

static const struct zs_subcommand subcommands[] = {
	{ "run", zs_swap_run },
	{ "stat", stat_swap },
	{ "top", top_swap },
	{ NULL, NULL },
};

static int run(int argc, char **argv)
{
	return zs_running_command("swap", help_text, subcommands, argc, argv);
}

const struct zs_command zs_command_swap = {
	.name = "swap",
	.summary = "run a program in compressed memory (experimental)",
	.help = help_text,
	.run = run,
};
