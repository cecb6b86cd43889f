/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Fills of the models.
 *
 * One page each: a page for every object.
 * zbud (mm/zbud.c): a page begins with a header of one chunk, 64 bytes, and holds at most two objects, in whole chunks;
 *   an object goes to the page with the fewest chunks free that will do. One that leaves no chunk has a page to itself.
 * Slabs (SLUB): kmalloc's sizes, in slabs of as many pages as hold 32 objects, at most 8.
 * xvmalloc (drivers/staging/zram, 2010): blocks within single pages, a header of 8 bytes before each, sizes rounded up
 *   to 8; the smallest free block that will do is split; what would be left with less than 32 bytes is lost. Objects
 *   above 4088 bytes have a page to themselves, as zram gave them.
 * Kernel: zsmalloc's own rules (tools/zs/model.h), handles counted.
 */
#include "models.h"

#include "model.h"
#include "slab_sizes.h"

enum {
	PAGE_BYTES = ZS_MODEL_PAGE_BYTES,
	CHUNK_BYTES = 64,
	PAGE_CHUNKS = PAGE_BYTES / CHUNK_BYTES,
	XV_ALIGN_BYTES = 8,
	XV_LEAST_BYTES = 32,
	XV_MOST_BYTES = PAGE_BYTES - XV_ALIGN_BYTES,
};

static uint64_t fill_one_page_each(const uint32_t *sizes, size_t nr)
{
	(void)sizes;
	return (uint64_t)nr * PAGE_BYTES;
}

static uint64_t fill_zbud(const uint32_t *sizes, size_t nr)
{
	uint64_t half_full[PAGE_CHUNKS] = { 0 }; /* pages with one object, by free chunks */
	uint64_t nr_pages = 0;

	for (size_t i = 0; i < nr; i++) {
		unsigned int chunks = (sizes[i] + CHUNK_BYTES - 1) / CHUNK_BYTES, at = chunks;

		while (at < PAGE_CHUNKS && !half_full[at])
			at++;
		if (at < PAGE_CHUNKS) {
			half_full[at]--;
			continue;
		}
		nr_pages++;
		if (chunks < PAGE_CHUNKS - 1)
			half_full[PAGE_CHUNKS - 1 - chunks]++;
	}
	return nr_pages * PAGE_BYTES;
}

static uint64_t fill_slabs(const uint32_t *sizes, size_t nr)
{
	uint64_t objects[BENCH_NR_SLAB_SIZES] = { 0 };
	uint64_t bytes = 0;

	for (size_t i = 0; i < nr; i++)
		objects[bench_slab_index(sizes[i])]++;
	for (unsigned int i = 0; i < BENCH_NR_SLAB_SIZES; i++) {
		uint64_t slab_bytes = (uint64_t)PAGE_BYTES << bench_slab_order(i);
		uint64_t slots = slab_bytes / bench_slab_sizes[i];

		bytes += (objects[i] + slots - 1) / slots * slab_bytes;
	}
	return bytes;
}

static uint64_t fill_xvmalloc(const uint32_t *sizes, size_t nr)
{
	uint64_t free_blocks[PAGE_BYTES / XV_ALIGN_BYTES] = { 0 }; /* by their bytes without the header, in eights */
	uint64_t nr_pages = 0;

	for (size_t i = 0; i < nr; i++) {
		unsigned int least = sizes[i] > XV_LEAST_BYTES ? sizes[i] : XV_LEAST_BYTES;
		unsigned int units = (least + XV_ALIGN_BYTES - 1) / XV_ALIGN_BYTES, at = units;

		while (at <= XV_MOST_BYTES / XV_ALIGN_BYTES && !free_blocks[at])
			at++;
		if (at <= XV_MOST_BYTES / XV_ALIGN_BYTES) {
			free_blocks[at]--;
		} else {
			nr_pages++;
			at = XV_MOST_BYTES / XV_ALIGN_BYTES;
		}
		if (at >= units + 1 + XV_LEAST_BYTES / XV_ALIGN_BYTES)
			free_blocks[at - units - 1]++;
	}
	return nr_pages * PAGE_BYTES;
}

static uint64_t fill_kernel(const uint32_t *sizes, size_t nr, unsigned int max_chain)
{
	struct zs_model_sizes counts = { .count = { 0 } };
	struct zs_model_memory memory;

	for (size_t i = 0; i < nr; i++)
		counts.count[sizes[i]]++;
	memory = zs_model_kernel(&counts, max_chain);
	return memory.pages_bytes + memory.metadata_bytes;
}

static uint64_t fill_kernel_4(const uint32_t *sizes, size_t nr)
{
	return fill_kernel(sizes, nr, 4);
}

static uint64_t fill_kernel_8(const uint32_t *sizes, size_t nr)
{
	return fill_kernel(sizes, nr, 8);
}

const struct bench_model bench_models[] = {
	{ "kernel, chains of 8", fill_kernel_8 },
	{ "kernel, chains of 4", fill_kernel_4 },
	{ "xvmalloc", fill_xvmalloc },
	{ "slabs", fill_slabs },
	{ "zbud", fill_zbud },
	{ "one page each", fill_one_page_each },
	{ NULL, NULL },
};
