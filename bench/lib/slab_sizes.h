/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The sizes of kmalloc up to a page, and how many pages SLUB takes for a slab of each.
 */
#ifndef BENCH_SLAB_SIZES_H
#define BENCH_SLAB_SIZES_H

enum { BENCH_NR_SLAB_SIZES = 12, BENCH_MAX_SLAB_ORDER = 3 };

static const unsigned int bench_slab_sizes[BENCH_NR_SLAB_SIZES] = { 8,   16,  32,  64,   96,   128,
								    192, 256, 512, 1024, 2048, 4096 };

/* pre: bytes <= 4096 */
static inline unsigned int bench_slab_index(unsigned int bytes)
{
	unsigned int index = 0;

	while (bench_slab_sizes[index] < bytes)
		index++;
	return index;
}

static inline unsigned int bench_slab_order(unsigned int index)
{
	unsigned int order = 0;

	while (order < BENCH_MAX_SLAB_ORDER && (4096u << order) / bench_slab_sizes[index] < 32)
		order++;
	return order;
}

#endif
