/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * zs zram top: all disks, over and over.
 */
#include <stdio.h>

#include "figures.h"
#include "top.h"
#include "zram_command.h"

static void count(const struct zs_figures *figures, uint64_t *counters)
{
	counters[0] = zs_figure(figures, "bytes_read");
	counters[1] = zs_figure(figures, "bytes_written");
	counters[2] = zs_figure(figures, "reads") + zs_figure(figures, "writes");
}

static void print_rates(const double *rates)
{
	if (rates)
		printf(" %9.1f %9.1f %9.0f\n", rates[0] / 1e6, rates[1] / 1e6, rates[2]);
	else
		printf(" %9s %9s %9s\n", "", "", "");
}

static void print_disk(const struct zs_found *disk, const struct zs_figures *figures)
{
	char size[32], content[32], memory[32];
	uint64_t used = zs_figure(figures, "mem_used_total"), original = zs_figure(figures, "orig_data_size");

	printf("%-20s %9s %9s %9s %6.2f %6.3f", disk->name,
	       zs_bytes_for_people(zs_figure(figures, "disk_size"), size, sizeof(size)),
	       zs_bytes_for_people(original, content, sizeof(content)),
	       zs_bytes_for_people(used, memory, sizeof(memory)), used ? (double)original / (double)used : 0,
	       used ? (double)zs_figure(figures, "compr_data_size") / (double)used : 0);
}

int zs_zram_top(int argc, char **argv)
{
	static const struct zs_top_of of = {
		.kind = "zram",
		.head = "disk                      size   content    memory  ratio    use read MB/s     write  "
			"requests",
		.count = count,
		.print = print_disk,
		.print_rates = print_rates,
	};

	return zs_top(&of, argc, argv);
}
