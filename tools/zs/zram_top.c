/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * zs zram top: all disks, over and over.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "figures.h"
#include "running.h"
#include "zram_command.h"
#include "zs.h"

/* What a disk had done when it was looked at. */
struct seen {
	struct zs_found disk;
	uint64_t time_ns;
	uint64_t requests;
	uint64_t bytes_read;
	uint64_t bytes_written;
};

struct look {
	struct seen *seen;
	size_t nr;
};

static const struct seen *find(const struct look *look, const struct zs_found *disk)
{
	for (size_t i = 0; look && i < look->nr; i++)
		if (!strcmp(look->seen[i].disk.name, disk->name))
			return &look->seen[i];
	return NULL;
}

static void note(struct seen *seen, const struct zs_found *disk, const struct zs_figures *figures)
{
	*seen = (struct seen){
		.disk = *disk,
		.time_ns = zs_clock_ns(),
		.requests = zs_figure(figures, "reads") + zs_figure(figures, "writes"),
		.bytes_read = zs_figure(figures, "bytes_read"),
		.bytes_written = zs_figure(figures, "bytes_written"),
	};
}

/* Another disk may have taken a name since, and begins at 0. */
static double per_second(uint64_t now, uint64_t before, uint64_t time_ns)
{
	return now < before || !time_ns ? 0 : (double)(now - before) * 1e9 / (double)time_ns;
}

static void print_rates(const struct seen *now, const struct seen *before)
{
	uint64_t time_ns = before ? now->time_ns - before->time_ns : 0;

	if (!before) {
		printf(" %9s %9s %9s\n", "", "", "");
		return;
	}
	printf(" %9.1f %9.1f %9.0f\n", per_second(now->bytes_read, before->bytes_read, time_ns) / 1e6,
	       per_second(now->bytes_written, before->bytes_written, time_ns) / 1e6,
	       per_second(now->requests, before->requests, time_ns));
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

/* One that ended meanwhile is left out. */
static void look_at(const struct zs_found *disk, const struct look *before, struct look *now)
{
	char *text = zs_running_try(disk, "stat plain");
	struct zs_figures figures;

	if (!text)
		return;
	zs_figures_parse(&figures, text);
	note(&now->seen[now->nr], disk, &figures);
	print_disk(disk, &figures);
	print_rates(&now->seen[now->nr++], find(before, disk));
	free(text);
}

static bool look_once(const struct look *before, struct look *now)
{
	struct zs_found *disks;
	size_t nr;

	if (!zs_running_find("zram", &disks, &nr))
		return false;
	now->nr = 0;
	now->seen = calloc(nr + 1, sizeof(*now->seen));
	if (isatty(STDOUT_FILENO))
		fputs("\033[H\033[J", stdout);
	printf("%-20s %9s %9s %9s %6s %6s %9s %9s %9s\n", "disk", "size", "content", "memory", "ratio", "use",
	       "read MB/s", "write", "requests");
	for (size_t i = 0; now->seen && i < nr; i++)
		look_at(&disks[i], before, now);
	if (!isatty(STDOUT_FILENO))
		putchar('\n');
	free(disks);
	return now->seen != NULL;
}

/* Ends early when it is interrupted. */
static void wait_for(uint64_t ms)
{
	struct timespec time = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&time, NULL);
}

static int watch(uint64_t ms, uint64_t times)
{
	struct look looks[2] = { { NULL, 0 }, { NULL, 0 } };
	int status = ZS_EXIT_OK;

	zs_catch_interrupts();
	for (uint64_t i = 0; !status && !zs_interrupted() && (!times || i < times); i++) {
		struct look *now = &looks[i % 2], *before = i ? &looks[(i + 1) % 2] : NULL;

		if (i)
			wait_for(ms);
		if (zs_interrupted())
			break;
		free(now->seen);
		status = look_once(before, now) ? zs_finish_stdout(ZS_EXIT_OK) : ZS_EXIT_FAILURE;
	}
	free(looks[0].seen);
	free(looks[1].seen);
	return status;
}

/* "1", "0.5": at least a hundredth of a second. */
static bool parse_seconds(const char *text, uint64_t *ms)
{
	char *end;
	double seconds = strtod(text, &end);

	if (!*text || *end || !(seconds >= .01 && seconds <= 86400))
		return false;
	*ms = (uint64_t)(seconds * 1000);
	return true;
}

int zs_zram_top(int argc, char **argv)
{
	uint64_t ms = 1000, times = 0;
	int option;

	while ((option = getopt(argc, argv, ":d:n:")) >= 0) {
		if (option == 'd') {
			if (!parse_seconds(optarg, &ms))
				return zs_usage_error("zram", "-d %s: give seconds, .01 to 86400", optarg);
		} else if (option == 'n') {
			if (!zs_parse_count(optarg, &times) || !times)
				return zs_usage_error("zram", "-n %s: give a number above 0", optarg);
		} else {
			return zs_option_error("zram", option, argv);
		}
	}
	if (optind < argc)
		return zs_usage_error("zram", "top takes no argument such as '%s'", argv[optind]);
	return watch(ms, times);
}
