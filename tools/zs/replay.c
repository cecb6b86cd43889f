/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * zs replay: reads its arguments and the trace, has the chapters run, shows what came of them.
 */
#include "replay.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "loop.h"
#include "zs.h"
#include "zsmalloc.h"

enum {
	OPTION_JSON = 256,
	OPTION_MALLOC,
	OPTION_COMPACTOR,
	OPTION_DENSE,
	OPTION_HELP,
};

struct arguments {
	struct zs_replay_options options;
	bool json;
	bool done;
};

static const char help_text[] =
	"Usage: zs replay [OPTION...] TRACE\n\n"
	"Has a pool hold objects of the sizes in a trace (see `zs trace`), frees, refills, replaces and compacts,\n"
	"and tells after each step how dense it is: bytes of the objects against all memory it takes.\n\n"
	"  -n OBJECTS  so many objects of random sizes of the trace; default: its own, in its order\n"
	"  -r SEED     of what is random (1)\n"
	"  -s CHAPTER  only this, may be repeated: half (half of the objects is freed), most (nine tenths are),\n"
	"              churn (ten times a random tenth is replaced)\n"
	"  --compactor a thread tends the pool: it returns empty pages and moves objects together\n"
	"  --dense     the same, moving more\n"
	"  --malloc    the same with malloc, whose memory is what the process grows by\n"
	"  --json      print JSON, nothing else\n\n"
	"Exit status: 0 every object kept its bytes, 1 one did not or something failed, 2 wrong usage.\n";

static int want_chapter(struct zs_replay_options *options, const char *name)
{
	for (unsigned int i = 0; i < ZS_REPLAY_NR_CHAPTERS; i++) {
		if (!strcmp(name, zs_replay_chapter_names[i])) {
			options->wanted[i] = true;
			return 0;
		}
	}
	return zs_usage_error("replay", "-s %s: there are the chapters half, most and churn", name);
}

static int set_number(uint64_t *number, char letter, const char *text, uint64_t least, uint64_t most)
{
	if (zs_parse_count(text, number) && *number >= least && *number <= most)
		return 0;
	return zs_usage_error("replay", "-%c %s: give a number from %llu to %llu", letter, text,
			      (unsigned long long)least, (unsigned long long)most);
}

static int set_option(struct arguments *arguments, int option, char **argv)
{
	struct zs_replay_options *options = &arguments->options;
	uint64_t number = 0;
	int status;

	switch (option) {
	case 'n':
		status = set_number(&number, 'n', optarg, 1, UINT32_MAX);
		options->nr_objects = (size_t)number;
		return status;
	case 'r': return set_number(&options->seed, 'r', optarg, 0, UINT64_MAX);
	case 's': return want_chapter(options, optarg);
	case OPTION_MALLOC: options->use_malloc = true; return 0;
	case OPTION_COMPACTOR: options->pool_flags |= ZS_POOL_COMPACTOR; return 0;
	case OPTION_DENSE: options->pool_flags |= ZS_POOL_COMPACTOR | ZS_POOL_DENSE; return 0;
	case OPTION_JSON: arguments->json = true; return 0;
	default: return zs_option_error("replay", option, argv);
	}
}

static bool wants_any(const struct zs_replay_options *options)
{
	bool any = false;

	for (unsigned int i = 0; i < ZS_REPLAY_NR_CHAPTERS; i++)
		any |= options->wanted[i];
	return any;
}

/* 0, or an exit status; arguments->done: there is nothing to run. */
static int parse(struct arguments *arguments, int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "malloc", no_argument, NULL, OPTION_MALLOC }, { "compactor", no_argument, NULL, OPTION_COMPACTOR },
		{ "dense", no_argument, NULL, OPTION_DENSE },   { "json", no_argument, NULL, OPTION_JSON },
		{ "help", no_argument, NULL, OPTION_HELP },     { NULL, 0, NULL, 0 },
	};
	int option, status = 0;

	opterr = 0;
	while (!status && (option = getopt_long(argc, argv, ":hn:r:s:", long_options, NULL)) >= 0) {
		if (option == OPTION_HELP || option == 'h') {
			arguments->done = true;
			fputs(help_text, stdout);
			return zs_finish_stdout(ZS_EXIT_OK);
		}
		status = set_option(arguments, option, argv);
	}
	if (!status && optind != argc - 1)
		status = zs_usage_error("replay", "give one trace");
	arguments->options.trace_path = argv[optind];
	if (!wants_any(&arguments->options))
		memset(arguments->options.wanted, true, sizeof(arguments->options.wanted));
	return status;
}

static double density(const struct zs_replay_state *state)
{
	return state->total_bytes ? (double)state->payload_bytes / (double)state->total_bytes : 0;
}

static double mib(uint64_t bytes)
{
	return (double)bytes / (1 << 20);
}

static void print_state(const struct zs_replay_state *state, const char *chapter)
{
	printf("%-6s %-18s %10llu %10.1f %10.1f %9.1f %8.3f %9.1f %9.1f\n", chapter, state->name,
	       (unsigned long long)state->objects, mib(state->payload_bytes), mib(state->total_bytes),
	       mib(state->metadata_bytes), density(state), mib(state->moved_bytes), (double)state->time_ns / 1e6);
}

static void print_table(const struct zs_replay_chapter *chapters)
{
	printf("%-6s %-18s %10s %10s %10s %9s %8s %9s %9s\n", "", "", "objects", "their MiB", "memory MiB", "metadata",
	       "density", "moved MiB", "took ms");
	for (unsigned int i = 0; i < ZS_REPLAY_NR_CHAPTERS; i++)
		for (unsigned int s = 0; s < chapters[i].nr_states; s++)
			print_state(&chapters[i].states[s], s ? "" : zs_replay_chapter_names[i]);
}

static void print_state_json(struct zs_json *json, const struct zs_replay_state *state)
{
	zs_json_open_object(json, NULL);
	zs_json_string(json, "state", state->name);
	zs_json_integer(json, "objects", state->objects);
	zs_json_integer(json, "payload_bytes", state->payload_bytes);
	zs_json_integer(json, "total_bytes", state->total_bytes);
	zs_json_integer(json, "metadata_bytes", state->metadata_bytes);
	zs_json_integer(json, "resident_bytes", state->resident_bytes);
	zs_json_number(json, "density", density(state));
	zs_json_integer(json, "time_ns", state->time_ns);
	zs_json_integer(json, "written_bytes", state->written_bytes);
	zs_json_integer(json, "freed_bytes", state->freed_bytes);
	zs_json_integer(json, "moved_bytes", state->moved_bytes);
	zs_json_close_object(json);
}

static void print_json(const struct arguments *arguments, const struct zs_replay_chapter *chapters, bool ok)
{
	struct zs_json json;

	zs_json_begin(&json, stdout);
	zs_json_string(&json, "version", zs_version());
	zs_json_string(&json, "trace", arguments->options.trace_path);
	zs_json_string(&json, "heap", arguments->options.use_malloc ? "malloc" : "zsmalloc");
	zs_json_bool(&json, "ok", ok);
	for (unsigned int i = 0; i < ZS_REPLAY_NR_CHAPTERS; i++) {
		if (!arguments->options.wanted[i])
			continue;
		zs_json_open_array(&json, zs_replay_chapter_names[i]);
		for (unsigned int s = 0; s < chapters[i].nr_states; s++)
			print_state_json(&json, &chapters[i].states[s]);
		zs_json_close_array(&json);
	}
	zs_json_end(&json);
}

static bool all_intact(const struct zs_replay_options *options, const struct zs_replay_chapter *chapters)
{
	bool intact = true;

	for (unsigned int i = 0; i < ZS_REPLAY_NR_CHAPTERS; i++) {
		if (!options->wanted[i] || chapters[i].intact)
			continue;
		zs_message("%s: not every object kept its bytes", zs_replay_chapter_names[i]);
		intact = false;
	}
	return intact;
}

static int replay(const struct arguments *arguments, const struct zs_sizes *trace)
{
	size_t chapters_bytes = ZS_REPLAY_NR_CHAPTERS * sizeof(struct zs_replay_chapter);
	struct zs_replay_chapter *chapters = zs_loop_memory(chapters_bytes, 1);
	int status = ZS_EXIT_FAILURE;

	if (!chapters) {
		zs_message("out of memory");
		return ZS_EXIT_FAILURE;
	}
	zs_catch_interrupts();
	if (zs_replay_run(&arguments->options, trace, chapters)) {
		bool ok = all_intact(&arguments->options, chapters);

		if (arguments->json)
			print_json(arguments, chapters, ok);
		else
			print_table(chapters);
		status = zs_finish_stdout(ok ? ZS_EXIT_OK : ZS_EXIT_FAILURE);
	}
	zs_loop_memory_free(chapters, chapters_bytes);
	if (zs_interrupted())
		zs_die_of_interrupt();
	return status;
}

static int run(int argc, char **argv)
{
	struct arguments arguments = { .options.seed = 1 };
	struct zs_sizes trace;
	int status = parse(&arguments, argc, argv);
	int err;

	if (status || arguments.done)
		return status;
	err = zs_sizes_read(&trace, arguments.options.trace_path);
	if (err) {
		zs_message("%s: %s", arguments.options.trace_path,
			   err == EINVAL ? "no trace: it is empty or of an odd length" : strerror(err));
		return ZS_EXIT_FAILURE;
	}
	status = replay(&arguments, &trace);
	zs_sizes_free(&trace);
	return status;
}

const struct zs_command zs_command_replay = {
	.name = "replay",
	.summary = "have a pool hold objects of a trace's sizes",
	.help = help_text,
	.run = run,
};
