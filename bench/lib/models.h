/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Models of other allocators of the kernel: arithmetic on sizes, no object is stored. Nothing is freed in them, and
 * descriptors are left out, both in their favour.
 */
#ifndef BENCH_MODELS_H
#define BENCH_MODELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench_model {
	const char *name; /* NULL: the end of the table */
	/* Bytes of all pages, and of handles, after a fill with objects of 1 to 4096 bytes. */
	uint64_t (*fill)(const uint32_t *sizes, size_t nr);
};

extern const struct bench_model bench_models[];

/* ---- what can be stored in few or scattered pages; store: whether one more object of so many bytes was ---- */

/* The kernel's zsmalloc: all pages of a zspage at once, but single ones. */
struct bench_kernel;
struct bench_kernel *bench_kernel_open(size_t nr_free_pages, unsigned int max_chain);
bool bench_kernel_store(void *kernel, uint32_t bytes);
uint64_t bench_kernel_metadata_bytes(const struct bench_kernel *kernel);
void bench_kernel_close(struct bench_kernel *kernel);

/*
 * Slabs of kmalloc's sizes, each an aligned run of 2^order free pages; may_fall_back: where there is no such run a
 * single page will do, as in SLUB.
 */
struct bench_pages;
struct bench_slabs;
struct bench_slabs *bench_slabs_open(const struct bench_pages *pages, unsigned int order, bool may_fall_back);
bool bench_slabs_store(void *slabs, uint32_t bytes);
void bench_slabs_close(struct bench_slabs *slabs);

#endif
