/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What fuzzers have in common: the bytes that drive them, and what must be so.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "fuzz: %s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                  \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

/* What libFuzzer and main.c call. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_bytes {
	const uint8_t *data;
	size_t left;
};

/* The next so many, as a number; those that are left, if they are fewer. */
static inline uint32_t fuzz_take(struct fuzz_bytes *bytes, unsigned int nr)
{
	uint32_t value = 0;

	for (; nr && bytes->left; nr--, bytes->left--)
		value = value << 8 | *bytes->data++;
	return value;
}

#endif
