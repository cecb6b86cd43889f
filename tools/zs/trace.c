/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * zs trace: reads its arguments, has the trace made, tells what is in it.
 */
#include "trace.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <string.h>

#include "json.h"
#include "progress.h"
#include "zs.h"

enum {
	OPTION_JSON = 256,
	OPTION_HELP,
};

static const char help_text[] =
	"Usage: zs trace -o FILE [OPTION...] [PATH...]\n"
	"       zs trace -o FILE [OPTION...] -p PID [-p PID...]\n\n"
	"Writes the sizes that units of files, or of the anonymous memory of running processes, have when they\n"
	"are compressed: 16 bits each, little endian, 0 for 65536. Units of one repeated word are left out.\n"
	"`zs replay` has a pool hold objects of such sizes.\n\n"
	"  -o FILE     the trace; - is standard output\n"
	"  -p PID      a process to read, up to 256 of them\n"
	"  -c CODEC    lz4 (default), lzo or zstd[:LEVEL]\n"
	"  -u SIZE     size of a unit, compressed alone: 4k (default), 8k, 16k, 32k or 64k\n"
	"  -j THREADS  threads, 1 to 256; default: one for each processor\n"
	"  -n PAGES    read at most so many units\n"
	"  --json      tell in JSON what is in the trace\n";

static int add_pid(struct zs_trace_options *options, const char *text)
{
	uint64_t pid;

	if (!zs_parse_count(text, &pid) || !pid || pid > INT_MAX)
		return zs_usage_error("trace", "-p %s: give the number of a process", text);
	if (options->nr_pids == ZS_TRACE_MAX_PROCESSES)
		return zs_usage_error("trace", "-p %s: %d processes are the most", text, ZS_TRACE_MAX_PROCESSES);
	options->pids[options->nr_pids++] = (long)pid;
	return 0;
}

static int set_option(struct zs_trace_options *options, int option, char **argv)
{
	switch (option) {
	case OPTION_JSON: options->json = true; return 0;
	case 'o': options->out_path = optarg; return 0;
	case 'p': return add_pid(options, optarg);
	default: return zs_unit_options_set(&options->units, "trace", option, argv);
	}
}

static int check(const struct zs_trace_options *options, bool has_paths)
{
	if (!options->out_path)
		return zs_usage_error("trace", "where should the trace go? Give -o FILE");
	if (options->nr_pids && has_paths)
		return zs_usage_error("trace", "give either files or processes, not both");
	return 0;
}

/* 0, or an exit status with done set. */
static int parse(struct zs_trace_options *options, int argc, char **argv, bool *done)
{
	static const struct option long_options[] = {
		{ "json", no_argument, NULL, OPTION_JSON },
		{ "help", no_argument, NULL, OPTION_HELP },
		{ NULL, 0, NULL, 0 },
	};
	int option, status = 0;

	zs_unit_options_init(&options->units);
	opterr = 0;
	while (!status &&
	       (option = getopt_long(argc, argv, ":ho:p:" ZS_UNIT_OPTION_LETTERS, long_options, NULL)) >= 0) {
		if (option == OPTION_HELP || option == 'h') {
			*done = true;
			fputs(help_text, stdout);
			return zs_finish_stdout(ZS_EXIT_OK);
		}
		status = set_option(options, option, argv);
	}
	if (!status)
		status = check(options, optind < argc);
	if (options->nr_pids && !options->units.limit_units)
		options->units.limit_units = SIZE_MAX;
	zs_unit_options_set_paths(&options->units, argc, argv);
	*done = status != 0;
	return status;
}

static void tell_json(const struct zs_trace_counts *counts, FILE *out)
{
	struct zs_json json;

	zs_json_begin(&json, out);
	zs_json_integer(&json, "units", counts->units);
	zs_json_integer(&json, "same_filled", counts->same_filled);
	zs_json_integer(&json, "incompressible", counts->incompressible);
	zs_json_integer(&json, "objects", counts->objects);
	zs_json_integer(&json, "object_bytes", counts->object_bytes);
	zs_json_end(&json);
}

static void tell(const struct zs_trace_counts *counts, FILE *out)
{
	double mean = counts->objects ? (double)counts->object_bytes / (double)counts->objects : 0;

	fprintf(out, "%llu units: %llu same-filled, %llu incompressible; %llu sizes of %.0f bytes on average\n",
		(unsigned long long)counts->units, (unsigned long long)counts->same_filled,
		(unsigned long long)counts->incompressible, (unsigned long long)counts->objects, mean);
}

/* What the file took is only known when it is closed. */
static int close_out(const struct zs_trace_options *options, FILE *out, int status)
{
	bool failed;

	if (out == stdout)
		return zs_finish_stdout(status);
	errno = 0;
	failed = ferror(out);
	failed |= fclose(out) != 0;
	if (!failed || status != ZS_EXIT_OK)
		return status;
	zs_message("%s: cannot write the trace: %s", options->out_path, strerror(errno ? errno : EIO));
	return ZS_EXIT_FAILURE;
}

static int run_to(const struct zs_trace_options *options, FILE *out)
{
	struct zs_trace_counts counts = { 0 };
	FILE *told = out == stdout ? stderr : stdout;
	int status;

	zs_catch_interrupts();
	status = zs_trace_run(options, out, &counts) ? ZS_EXIT_OK : ZS_EXIT_FAILURE;
	zs_progress_wipe();
	if (status == ZS_EXIT_OK && !counts.objects) {
		zs_message("nothing to trace: there is no unit but of one repeated word");
		status = ZS_EXIT_FAILURE;
	}
	status = close_out(options, out, status);
	if (zs_interrupted())
		zs_die_of_interrupt();
	if (status != ZS_EXIT_OK)
		return status;
	if (options->json)
		tell_json(&counts, told);
	else
		tell(&counts, told);
	return zs_finish_stdout(status);
}

static int run(int argc, char **argv)
{
	struct zs_trace_options options = { .nr_pids = 0 };
	bool done = false;
	int status;
	FILE *out;

	status = parse(&options, argc, argv, &done);
	if (done)
		return status;
	out = strcmp(options.out_path, "-") ? fopen(options.out_path, "we") : stdout;
	if (!out) {
		zs_message("%s: cannot write the trace: %s", options.out_path, strerror(errno));
		return ZS_EXIT_FAILURE;
	}
	return run_to(&options, out);
}

const struct zs_command zs_command_trace = {
	.name = "trace",
	.summary = "write the sizes that pages have when compressed",
	.help = help_text,
	.run = run,
};
