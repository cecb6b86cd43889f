/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What the commands for running processes of a kind have in common: their subcommands and orders.
 */
#ifndef ZS_RUNNING_COMMAND_H
#define ZS_RUNNING_COMMAND_H

/* It gets the words after its own name. */
struct zs_subcommand {
	const char *name;
	int (*run)(int argc, char **argv);
};

/* Runs the one that is asked for; a NULL name ends them. */
int zs_running_command(const char *kind, const char *help, const struct zs_subcommand *subcommands, int argc,
		       char **argv);

/* The words of a subcommand that takes a name at most. Result: 0, or ZS_EXIT_USAGE with a message. */
int zs_running_check_name(const char *kind, int argc, char **argv);

/* One order to one process, of this name or the only one (NULL). */
int zs_running_order(const char *kind, const char *name, const char *request, void (*show)(const char *answer));

#endif
