/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * zs ls: what runs.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "running.h"
#include "zs.h"
#include "zsmalloc.h"

enum {
	OPTION_JSON = 256,
	OPTION_HELP,
};

static const char help_text[] = "Usage: zs ls [--json]\n\n"
				"Lists this user's running RAM disks, caches and programs in compressed memory: kind, "
				"name, process and a summary.\n\n"
				"  --json    print JSON, nothing else\n";

struct process {
	const struct zs_found *found;
	uint64_t pid;
	const char *summary;
};

/* The number in the line "pid\tNUMBER". */
static uint64_t pid_in(const char *about)
{
	const char *line = strstr(about, "pid\t");

	return line ? strtoull(line + strlen("pid\t"), NULL, 10) : 0;
}

static void print_row(struct zs_json *json, const struct process *process)
{
	printf("%-6s %-20s %10" PRIu64 "  %s\n", process->found->kind, process->found->name, process->pid,
	       process->summary);
	(void)json;
}

static void print_object(struct zs_json *json, const struct process *process)
{
	zs_json_open_object(json, NULL);
	zs_json_string(json, "kind", process->found->kind);
	zs_json_string(json, "name", process->found->name);
	zs_json_integer(json, "pid", process->pid);
	zs_json_string(json, "summary", process->summary);
	zs_json_close_object(json);
}

/* One that ends meanwhile is left out. */
static void print_each(const struct zs_found *found, size_t nr, struct zs_json *json,
		       void (*print)(struct zs_json *json, const struct process *process))
{
	for (size_t i = 0; i < nr; i++) {
		char *about = zs_running_try(&found[i], "about");
		char *summary = zs_running_try(&found[i], "summary");

		if (about && summary)
			print(json, &(struct process){ &found[i], pid_in(about), summary });
		free(about);
		free(summary);
	}
}

static void print_json(const struct zs_found *found, size_t nr)
{
	struct zs_json json;

	zs_json_begin(&json, stdout);
	zs_json_string(&json, "version", zs_version());
	zs_json_open_array(&json, "running");
	print_each(found, nr, &json, print_object);
	zs_json_close_array(&json);
	zs_json_end(&json);
}

static int list(bool as_json)
{
	struct zs_found *found;
	size_t nr;

	if (!zs_running_find(NULL, &found, &nr))
		return ZS_EXIT_FAILURE;
	if (as_json)
		print_json(found, nr);
	else
		print_each(found, nr, NULL, print_row);
	free(found);
	return zs_finish_stdout(ZS_EXIT_OK);
}

static int run(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "json", no_argument, NULL, OPTION_JSON },
		{ "help", no_argument, NULL, OPTION_HELP },
		{ NULL, 0, NULL, 0 },
	};
	bool as_json = false;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", long_options, NULL)) >= 0) {
		if (option == OPTION_HELP || option == 'h') {
			fputs(help_text, stdout);
			return zs_finish_stdout(ZS_EXIT_OK);
		}
		if (option != OPTION_JSON)
			return zs_option_error("ls", option, argv);
		as_json = true;
	}
	if (optind < argc)
		return zs_usage_error("ls", "it takes no argument such as '%s'", argv[optind]);
	return list(as_json);
}

const struct zs_command zs_command_ls = {
	.name = "ls",
	.summary = "list the RAM disks, caches and programs in compressed memory that run",
	.help = help_text,
	.run = run,
};
