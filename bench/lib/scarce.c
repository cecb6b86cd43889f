/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The models that have to do with the pages there are.
 *
 * How many pages the kernel's zsmalloc needs follows from how many objects there are of each size, so an object is
 * stored if the pages with it are no more than the free ones.
 */
#include <stdlib.h>

#include "model.h"
#include "models.h"
#include "pages.h"
#include "program.h"
#include "slab_sizes.h"

struct bench_kernel {
	struct zs_model_sizes sizes;
	struct zs_model_memory memory;
	uint64_t free_bytes;
	unsigned int max_chain;
};

struct bench_kernel *bench_kernel_open(size_t nr_free_pages, unsigned int max_chain)
{
	struct bench_kernel *kernel = calloc(1, sizeof(*kernel));

	if (!kernel)
		bench_die("out of memory");
	kernel->free_bytes = (uint64_t)nr_free_pages * ZS_PAGE_BYTES;
	kernel->max_chain = max_chain;
	return kernel;
}

bool bench_kernel_store(void *ctx, uint32_t bytes)
{
	struct bench_kernel *kernel = ctx;
	struct zs_model_memory memory;

	kernel->sizes.count[bytes]++;
	memory = zs_model_kernel(&kernel->sizes, kernel->max_chain);
	if (memory.pages_bytes <= kernel->free_bytes) {
		kernel->memory = memory;
		return true;
	}
	kernel->sizes.count[bytes]--;
	return false;
}

uint64_t bench_kernel_metadata_bytes(const struct bench_kernel *kernel)
{
	return kernel->memory.metadata_bytes;
}

void bench_kernel_close(struct bench_kernel *kernel)
{
	free(kernel);
}

struct bench_slabs {
	bool *is_free; /* of each page */
	size_t nr;
	unsigned int order;
	bool may_fall_back;
	size_t next_run[BENCH_MAX_SLAB_ORDER + 1]; /* there is no free run of this order below */
	unsigned int free_slots[BENCH_NR_SLAB_SIZES];
};

struct bench_slabs *bench_slabs_open(const struct bench_pages *pages, unsigned int order, bool may_fall_back)
{
	struct bench_slabs *slabs = calloc(1, sizeof(*slabs));

	if (!slabs)
		bench_die("out of memory");
	slabs->is_free = calloc(pages->nr, sizeof(*slabs->is_free));
	if (!slabs->is_free)
		bench_die("out of memory");
	for (size_t i = 0; i < pages->nr_free; i++)
		slabs->is_free[pages->free[i]] = true;
	slabs->nr = pages->nr;
	slabs->order = order;
	slabs->may_fall_back = may_fall_back;
	return slabs;
}

static bool is_free_run(const struct bench_slabs *slabs, size_t first, unsigned int order)
{
	for (size_t i = first; i < first + ((size_t)1 << order); i++)
		if (!slabs->is_free[i])
			return false;
	return true;
}

static bool take_run(struct bench_slabs *slabs, unsigned int order)
{
	size_t *first = &slabs->next_run[order];

	while (*first + ((size_t)1 << order) <= slabs->nr && !is_free_run(slabs, *first, order))
		*first += (size_t)1 << order;
	if (*first + ((size_t)1 << order) > slabs->nr)
		return false;
	for (size_t i = *first; i < *first + ((size_t)1 << order); i++)
		slabs->is_free[i] = false;
	return true;
}

bool bench_slabs_store(void *ctx, uint32_t bytes)
{
	struct bench_slabs *slabs = ctx;
	unsigned int index = bench_slab_index(bytes), order = slabs->order;

	if (!slabs->free_slots[index]) {
		if (!take_run(slabs, order)) {
			order = 0;
			if (!slabs->may_fall_back || !take_run(slabs, order))
				return false;
		}
		slabs->free_slots[index] = (ZS_PAGE_BYTES << order) / bench_slab_sizes[index];
	}
	slabs->free_slots[index]--;
	return true;
}

void bench_slabs_close(struct bench_slabs *slabs)
{
	free(slabs->is_free);
	free(slabs);
}
