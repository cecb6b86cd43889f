/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What every subcommand of zs shares: exit statuses, messages, interruption.
 */
#ifndef ZS_TOOL_H
#define ZS_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clocks.h"

enum zs_exit {
	ZS_EXIT_OK = 0,
	ZS_EXIT_FAILURE = 1, /* also: some byte did not come back */
	ZS_EXIT_USAGE = 2,
};

struct zs_command {
	const char *name;
	const char *summary;
	const char *help;
	int (*run)(int argc, char **argv);
};

extern const struct zs_command zs_command_store;
extern const struct zs_command zs_command_classes;
extern const struct zs_command zs_command_trace;
extern const struct zs_command zs_command_replay;
extern const struct zs_command zs_command_ls;
extern const struct zs_command zs_command_zram;
extern const struct zs_command zs_command_swap;
extern const struct zs_command zs_command_zcache;

/* One line on stderr, "zs: " before it; a progress bar there is wiped first. */
void zs_message(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ends a subcommand that was called wrongly: the message, and where help is. Returns ZS_EXIT_USAGE. */
int zs_usage_error(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same, for what getopt_long() did not take: option is its ':' or '?'. */
int zs_option_error(const char *command, int option, char **argv);

/* Reads "4096", "4k", "512M", "2G" or "1T" into bytes; false: not such a number. */
bool zs_parse_size(const char *text, uint64_t *bytes);
bool zs_parse_count(const char *text, uint64_t *count);

/* What stdout took is only known here: flushes it. Returns status, or ZS_EXIT_FAILURE with a message. */
int zs_finish_stdout(int status);

/* From here on SIGINT and SIGTERM only set a mark, so that the work in hand ends in order. */
void zs_catch_interrupts(void);
bool zs_interrupted(void);
/* Ends the process by the signal that was caught, as a shell expects. */
void zs_die_of_interrupt(void);

#endif
