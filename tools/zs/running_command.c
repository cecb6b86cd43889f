/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Finding a subcommand, and giving an order to one process.
 */
#include "running_command.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "running.h"
#include "zs.h"

/* ---- orders ---- */

int zs_running_check_name(const char *kind, int argc, char **argv)
{
	if (argc <= 2 && (argc < 2 || *argv[1] != '-'))
		return 0;
	return zs_usage_error(kind, "%s takes a name and nothing else, not '%s'", argv[0], argv[argc - 1]);
}

int zs_running_order(const char *kind, const char *name, const char *request, void (*show)(const char *answer))
{
	struct zs_found process;
	char *answer = zs_running_choose(kind, name, &process) ? zs_running_ask(&process, request) : NULL;

	if (!answer)
		return ZS_EXIT_FAILURE;
	show(answer);
	free(answer);
	return zs_finish_stdout(ZS_EXIT_OK);
}

/* ---- which ---- */

/* "stat, top or run" */
static void tell_which(const struct zs_subcommand *subcommands, char *text, size_t size)
{
	size_t len = 0;

	for (const struct zs_subcommand *each = subcommands; each->name && len < size; each++)
		len += (size_t)snprintf(text + len, size - len, "%s%s",
					each == subcommands ? ""
					: each[1].name      ? ", "
							    : " or ",
					each->name);
}

static bool is_help(const char *word)
{
	return word && (!strcmp(word, "--help") || !strcmp(word, "-h"));
}

int zs_running_command(const char *kind, const char *help, const struct zs_subcommand *subcommands, int argc,
		       char **argv)
{
	char which[128];

	tell_which(subcommands, which, sizeof(which));
	if (argc < 2)
		return zs_usage_error(kind, "say what: %s", which);
	if (is_help(argv[1]) || is_help(argv[2])) {
		fputs(help, stdout);
		return zs_finish_stdout(ZS_EXIT_OK);
	}
	opterr = 0;
	for (const struct zs_subcommand *each = subcommands; each->name; each++)
		if (!strcmp(argv[1], each->name))
			return each->run(argc - 1, argv + 1);
	return zs_usage_error(kind, "there is no '%s'", argv[1]);
}
