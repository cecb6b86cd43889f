/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The managed memory, as the engine's host supplies it: how pages are taken from the program and given to it. A page is
 * named by the number that it got from zswap_engine_add().
 */
#ifndef ZSWAP_MEMORY_H
#define ZSWAP_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

struct zswap_memory {
	/*
	 * Takes pages in a row, up to 64 of a chunk, from the program, each at a single moment: what it wrote before is
	 * in the content that comes to `to`, and its next access is a fault. Result: how many from the first on. If not
	 * all, why tells of the first that was not: ENOENT: it is not there; another: it has to stay, for now or for
	 * long.
	 */
	unsigned int (*take)(void *ctx, uint32_t page, unsigned int nr, void *to, int *why);
	/*
	 * Gives pages in a row to the program, with this content; NULL: zeroes. Each that is there already is left
	 * alone. Result: 0 or a negative errno: -EAGAIN: the mapping is being changed, try later; -ENOENT: it is gone;
	 * -ENOMEM.
	 */
	int (*give)(void *ctx, uint32_t page, unsigned int nr, const void *content);
	/*
	 * The same of content in standby memory, by giving that memory itself, which is not there then. Result: how
	 * many of the first ones came. NULL: that cannot be done.
	 */
	unsigned int (*move)(void *ctx, uint32_t page, unsigned int nr, void *content);
	/* Whether that is cheaper than give() and release(), for now. NULL as move. */
	bool (*moves)(void *ctx);
	/* The content that came to some place is of no use any more. */
	void (*release)(void *ctx, void *at, unsigned int nr);
	/*
	 * Whether who has a fault is to take pages, too, as that is cheaper for now than to have another thread do it
	 * beside the program. NULL: no.
	 */
	bool (*takes_with_faults)(void *ctx);
	/*
	 * Where pages in a row in standby memory can be read: there, or in the buffer, which has room for so many.
	 */
	const void *(*look)(void *ctx, const void *at, unsigned int nr, void *buffer);
	/*
	 * Which of up to 64 pages in a row the program wrote since this was asked before: a bit for each. NULL: that
	 * cannot be told.
	 */
	uint64_t (*written)(void *ctx, uint32_t page, unsigned int nr);
	void *ctx;
	unsigned char *standby; /* where taken pages come to */
	uint32_t standby_pages;
};

#endif
