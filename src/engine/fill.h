/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Pages that are one 32-bit word over and over: they need no object, only their word.
 *
 * pre, of all: the length is a multiple of the word's, above 0.
 */
#ifndef ZS_ENGINE_FILL_H
#define ZS_ENGINE_FILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Whether a page is such, and its first word. */
static inline bool zs_fill_find(const void *page, size_t len, uint32_t *word)
{
	const unsigned char *bytes = page;

	memcpy(word, bytes, sizeof(*word));
	/* Each byte is the one a word before it: the page is its own copy, a word further on. */
	return !memcmp(bytes, bytes + sizeof(*word), len - sizeof(*word));
}

static inline void zs_fill_make(void *page, size_t len, uint32_t word)
{
	unsigned char *to = page;

	for (size_t i = 0; i < len; i += sizeof(word))
		memcpy(to + i, &word, sizeof(word));
}

#endif
