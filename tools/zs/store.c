/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * zs store: reads its arguments, has the run done, shows the report.
 */
#include "store.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "progress.h"
#include "report.h"
#include "zs.h"

enum {
	OPTION_JSON = 256,
	OPTION_SVG,
	OPTION_HELP,
};

static const char help_text[] =
	"Usage: zs store [OPTION...] [PATH...]\n\n"
	"Stores the content of files in a pool, compressed page by page, reads every page back, and tells\n"
	"what memory and time that took, beside malloc and the kernel's zsmalloc.\n"
	"PATH is a file or a directory. Without one: the first 2 GiB of /usr/bin and /usr/lib.\n\n"
	"  -c CODEC    lz4 (default), lzo or zstd[:LEVEL]\n"
	"  -u SIZE     size of a unit, compressed alone: 4k (default), 8k, 16k, 32k or 64k\n"
	"  -j THREADS  threads, 1 to 256; default: one for each processor\n"
	"  -n PAGES    read at most so many units\n"
	"  --json      print JSON, nothing else\n"
	"  --svg FILE  draw how full each size class is, before and after compaction\n\n"
	"Exit status: 0 every byte came back, 1 it did not or something failed, 2 wrong usage.\n";

static int set_option(struct zs_store_options *options, int option, char **argv)
{
	switch (option) {
	case OPTION_JSON: options->json = true; return 0;
	case OPTION_SVG: options->svg_path = optarg; return 0;
	default: return zs_unit_options_set(&options->units, "store", option, argv);
	}
}

/* 0, or an exit status with done set. */
static int parse(struct zs_store_options *options, int argc, char **argv, bool *done)
{
	static const struct option long_options[] = {
		{ "json", no_argument, NULL, OPTION_JSON },
		{ "svg", required_argument, NULL, OPTION_SVG },
		{ "help", no_argument, NULL, OPTION_HELP },
		{ NULL, 0, NULL, 0 },
	};
	int option, status;

	zs_unit_options_init(&options->units);
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h" ZS_UNIT_OPTION_LETTERS, long_options, NULL)) >= 0) {
		if (option == OPTION_HELP || option == 'h') {
			*done = true;
			fputs(help_text, stdout);
			return zs_finish_stdout(ZS_EXIT_OK);
		}
		status = set_option(options, option, argv);
		if (status) {
			*done = true;
			return status;
		}
	}
	zs_unit_options_set_paths(&options->units, argc, argv);
	return 0;
}

static int finish_svg(const struct zs_store_options *options, const struct zs_report *report, FILE *svg)
{
	bool failed;

	if (!svg)
		return ZS_EXIT_OK;
	errno = 0;
	zs_report_svg(report, svg);
	failed = fflush(svg) || ferror(svg);
	if (fclose(svg) || failed) {
		zs_message("%s: cannot write the drawing: %s", options->svg_path, strerror(errno ? errno : EIO));
		return ZS_EXIT_FAILURE;
	}
	return ZS_EXIT_OK;
}

static int show(const struct zs_store_options *options, const struct zs_report *report, FILE *svg)
{
	int status = finish_svg(options, report, svg);

	if (options->json)
		zs_report_json(report, stdout);
	else
		zs_report_table(report, stdout);
	if (!zs_report_ok(report))
		status = ZS_EXIT_FAILURE;
	return zs_finish_stdout(status);
}

static int run(int argc, char **argv)
{
	struct zs_store_options options = { 0 };
	struct zs_report report = { 0 };
	int status = ZS_EXIT_FAILURE;
	bool done = false;
	FILE *svg = NULL;

	status = parse(&options, argc, argv, &done);
	if (done)
		return status;
	if (options.svg_path) {
		svg = fopen(options.svg_path, "we");
		if (!svg) {
			zs_message("%s: cannot write the drawing: %s", options.svg_path, strerror(errno));
			return ZS_EXIT_FAILURE;
		}
	}
	zs_catch_interrupts();
	status = zs_store_run(&options, &report) ? ZS_EXIT_OK : ZS_EXIT_FAILURE;
	zs_progress_wipe();
	if (zs_interrupted())
		zs_die_of_interrupt();
	if (status == ZS_EXIT_OK)
		status = show(&options, &report, svg);
	else if (svg)
		fclose(svg);
	free(report.classes_freed.row);
	free(report.classes_compacted.row);
	return status;
}

const struct zs_command zs_command_store = {
	.name = "store",
	.summary = "store files compressed, read them back, tell what it took",
	.help = help_text,
	.run = run,
};
