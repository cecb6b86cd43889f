/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Memory of which not all is resident: this library's, or the kernel's own, whose limit and swap are who starts us's
 * business.
 */
#ifndef BENCH_MANAGED_H
#define BENCH_MANAGED_H

#include <stdint.h>

#include "image.h"
#include "zswap.h"

struct bench_managed {
	struct bench_image image;
	struct zswap *zswap; /* NULL: the kernel's */
	unsigned char *memory;
	size_t nr_pages;
};

/* kind: "pager", "sigbus" or "kernel"; limit_bytes: of what is resident, not for the last. Ends if it cannot be had. */
void bench_managed_open(struct bench_managed *managed, const char *kind, const char *image, size_t nr_pages,
			uint64_t limit_bytes);
void bench_managed_close(struct bench_managed *managed);

/* Fills it with pages of the image. */
void bench_managed_fill(struct bench_managed *managed);

static inline unsigned char *bench_managed_page(struct bench_managed *managed, size_t page)
{
	return managed->memory + page * BENCH_PAGE_BYTES;
}

/* What a page was filled with. */
static inline const unsigned char *bench_managed_content(const struct bench_managed *managed, size_t page)
{
	return bench_image_page(&managed->image, page % managed->image.nr_pages);
}

#endif
