/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Messages, numbers in arguments, interruption: the small things every subcommand needs.
 */
#include "zs.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "progress.h"

static volatile sig_atomic_t caught_signal;

void zs_message(const char *format, ...)
{
	va_list args;

	zs_progress_wipe();
	fputs("zs: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

int zs_usage_error(const char *command, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "zs%s%s: ", command ? " " : "", command ? command : "");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\nTry 'zs help%s%s'.\n", command ? " " : "", command ? command : "");
	return ZS_EXIT_USAGE;
}

int zs_option_error(const char *command, int option, char **argv)
{
	char letter[3] = { '-', (char)optopt, 0 };
	const char *name = optopt > ' ' && optopt < 0x7f ? letter : argv[optind - 1];

	if (option == ':')
		return zs_usage_error(command, "option '%s' needs a value", name);
	return zs_usage_error(command, "there is no option '%s'", name);
}

bool zs_parse_count(const char *text, uint64_t *count)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*count = strtoull(text, &end, 10);
	return !errno && !*end;
}

bool zs_parse_size(const char *text, uint64_t *bytes)
{
	static const char letters[] = "kKmMgGtT";
	const char *letter;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*bytes = strtoull(text, &end, 10);
	if (errno || !*end)
		return !errno;
	letter = strchr(letters, *end);
	return letter && !end[1] &&
	       !__builtin_mul_overflow(*bytes, (uint64_t)1024 << 10 * ((letter - letters) / 2), bytes);
}

int zs_finish_stdout(int status)
{
	errno = 0;
	if (fflush(stdout) || ferror(stdout)) {
		zs_message("cannot write to standard output: %s", errno ? strerror(errno) : "it failed earlier");
		return ZS_EXIT_FAILURE;
	}
	return status;
}

static void note_signal(int number)
{
	caught_signal = number;
}

void zs_catch_interrupts(void)
{
	struct sigaction action = { .sa_handler = note_signal, .sa_flags = SA_RESTART };

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool zs_interrupted(void)
{
	return caught_signal != 0;
}

void zs_die_of_interrupt(void)
{
	signal(caught_signal, SIG_DFL);
	raise(caught_signal);
}
