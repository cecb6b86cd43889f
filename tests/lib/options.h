/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Numbers and words on the command lines of tests. What is none of those that there are ends the program, so that no
 * test runs another thing than it was asked to.
 */
#ifndef TESTS_OPTIONS_H
#define TESTS_OPTIONS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Hexadecimal ones begin with 0x. */
static inline uint64_t option_number(const char *program, int option, const char *text)
{
	char *rest;
	uint64_t value = strtoull(text, &rest, 0);

	if (*text >= '0' && *text <= '9' && !*rest)
		return value;
	fprintf(stderr, "%s: -%c takes a number, not '%s'\n", program, option, text);
	exit(2);
}

/* The one of the words, of which NULL is behind the last. */
static inline const char *option_word(const char *program, int option, const char *text, const char *const *words)
{
	for (unsigned int i = 0; words[i]; i++)
		if (!strcmp(text, words[i]))
			return words[i];
	fprintf(stderr, "%s: -%c takes one of", program, option);
	for (unsigned int i = 0; words[i]; i++)
		fprintf(stderr, " %s", words[i]);
	fprintf(stderr, ", not '%s'\n", text);
	exit(2);
}

#endif
