/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Numbers on the command lines of tests.
 */
#ifndef TESTS_OPTIONS_H
#define TESTS_OPTIONS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Ends the program, by whose name it says so, if text is none. Hexadecimal ones begin with 0x. */
static inline uint64_t option_number(const char *program, int option, const char *text)
{
	char *rest;
	uint64_t value = strtoull(text, &rest, 0);

	if (*text >= '0' && *text <= '9' && !*rest)
		return value;
	fprintf(stderr, "%s: -%c takes a number, not '%s'\n", program, option, text);
	exit(2);
}

#endif
