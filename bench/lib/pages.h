/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A source of single pages: some pages of a region are free, and they are handed out in random order, so that two that
 * follow each other hardly ever lie side by side. For one thread.
 */
#ifndef BENCH_PAGES_H
#define BENCH_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zsmalloc.h"

struct bench_pages {
	unsigned char *region;
	size_t nr;
	uint32_t *free; /* numbers of the free pages; the last is handed out next */
	size_t nr_free;
	uint64_t nr_given;
	uint64_t nr_refused; /* times a page was asked for, and none was free */
};

/* nr_free random ones of nr pages are free. */
void bench_pages_open(struct bench_pages *pages, size_t nr, size_t nr_free, uint64_t seed);
void bench_pages_close(struct bench_pages *pages);
struct zs_ops bench_pages_ops(struct bench_pages *pages);

static inline bool bench_pages_hold(const struct bench_pages *pages, const void *address)
{
	return (uintptr_t)address - (uintptr_t)pages->region < pages->nr * ZS_PAGE_BYTES;
}

#endif
