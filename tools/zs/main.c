/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The zs command: finds the subcommand and runs it.
 */
#include "zs.h"

#include <stdio.h>
#include <string.h>

#include "zsmalloc.h"

static const struct zs_command *const commands[] = {
	&zs_command_store,  &zs_command_classes, &zs_command_trace,
	&zs_command_replay, &zs_command_zram,    &zs_command_zcache,
#ifdef ZS_HAVE_SWAP
	&zs_command_swap,
#endif
	&zs_command_ls,
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct zs_command *find_command(const char *name)
{
	for (size_t i = 0; i < NR_COMMANDS; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static void print_usage(FILE *out)
{
	fputs("Usage: zs COMMAND [OPTION...] [ARGUMENT...]\n\n", out);
	for (size_t i = 0; i < NR_COMMANDS; i++)
		fprintf(out, "  zs %-13s %s\n", commands[i]->name, commands[i]->summary);
	fputs("  zs help COMMAND  tell how to use a command\n"
	      "  zs --version     tell the version\n\n"
	      "Manuals: zs(1), zs-store(1), zs-classes(1), zs-trace(1), zs-replay(1), zs-zram(1), zs-zcache(1),\n"
	      "zs-swap(1), zs-ls(1).\n",
	      out);
}

static int help(int argc, char **argv)
{
	const struct zs_command *command;

	if (argc < 2) {
		print_usage(stdout);
		return zs_finish_stdout(ZS_EXIT_OK);
	}
	command = find_command(argv[1]);
	if (!command)
		return zs_usage_error(NULL, "there is no command '%s' to help with", argv[1]);
	fputs(command->help, stdout);
	return zs_finish_stdout(ZS_EXIT_OK);
}

int main(int argc, char **argv)
{
	const struct zs_command *command;

	if (argc < 2) {
		print_usage(stderr);
		return ZS_EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return help(argc - 1, argv + 1);
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("zs %s\n", zs_version());
		return zs_finish_stdout(ZS_EXIT_OK);
	}
	command = find_command(argv[1]);
	if (!command)
		return zs_usage_error(NULL, "there is no command '%s'", argv[1]);
	return command->run(argc - 1, argv + 1);
}
