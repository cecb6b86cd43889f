/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The image that disks are filled with: a file, whole pages of it, mapped and read once so that it is in the page
 * cache.
 */
#ifndef BENCH_IMAGE_H
#define BENCH_IMAGE_H

#include <stddef.h>
#include <stdint.h>

enum { BENCH_PAGE_BYTES = 4096 };

struct bench_image {
	unsigned char *bytes;
	size_t nr_pages;
};

/* Ends the program if it cannot be had. */
void bench_image_open(struct bench_image *image, const char *path);

/* A list of all pages' numbers in random order, never freed. */
uint32_t *bench_image_shuffled(const struct bench_image *image, uint64_t seed);

static inline unsigned char *bench_image_page(const struct bench_image *image, size_t page)
{
	return image->bytes + page * BENCH_PAGE_BYTES;
}

#endif
