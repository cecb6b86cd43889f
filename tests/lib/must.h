/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What must be so in a program of several threads or processes. It is told without stdio, which a child may find
 * locked, and ends the process at once: no other thread has to end first.
 */
#ifndef TESTS_MUST_H
#define TESTS_MUST_H

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			dprintf(STDERR_FILENO, "%s: process %d: line %d: %s (errno %d)\n",                             \
				program_invocation_short_name, (int)getpid(), __LINE__, #condition, errno);            \
			_exit(1);                                                                                      \
		}                                                                                                      \
	} while (0)

#endif
