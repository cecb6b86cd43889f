/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What others need for the same objects, by their rules: the kernel's zsmalloc, and one page for each object.
 */
#ifndef ZS_MODEL_H
#define ZS_MODEL_H

#include <stdint.h>

enum { ZS_MODEL_PAGE_BYTES = 4096 };

/* How many objects there are of each size, 1 to 4096 bytes. */
struct zs_model_sizes {
	uint64_t count[ZS_MODEL_PAGE_BYTES + 1];
};

struct zs_model_memory {
	uint64_t pages_bytes;
	uint64_t metadata_bytes;
};

/* The kernel's zsmalloc after a fill, with at most max_chain pages in a zspage. */
struct zs_model_memory zs_model_kernel(const struct zs_model_sizes *sizes, unsigned int max_chain);
struct zs_model_memory zs_model_one_page_each(const struct zs_model_sizes *sizes);

#endif
