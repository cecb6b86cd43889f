/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The rules of mm/zsmalloc.c as of Linux 6.2 and later, for 4096-byte pages on 64 bits.
 *
 * A size class every 16 bytes from 32 up; a zspage has the number of pages, 1 to the chain, that wastes least; classes
 * with the same pages and objects in a zspage are one, the largest of them. An object carries its handle in front, 8
 * bytes, but for those that get a page to themselves, and a handle is a cell of 8 bytes besides. Left out, in the
 * kernel's favour: descriptors of zspages, and zspages that an unlucky order of frees leaves half empty.
 */
#include "model.h"

#include <stddef.h>

enum {
	MIN_BYTES = 32,
	STEP_BYTES = 16,
	NR_CLASSES = (ZS_MODEL_PAGE_BYTES - MIN_BYTES) / STEP_BYTES + 1,
	HANDLE_BYTES = 8,
};

struct model_class {
	unsigned int pages; /* of a zspage */
	unsigned int slots;
	unsigned int merged_into;
};

static unsigned int chain_of_least_waste(unsigned int size_bytes, unsigned int max_chain)
{
	unsigned int least = ZS_MODEL_PAGE_BYTES, chain = 1;

	if (!(size_bytes & (size_bytes - 1)))
		return 1;
	for (unsigned int i = 1; i <= max_chain; i++) {
		unsigned int waste = i * ZS_MODEL_PAGE_BYTES % size_bytes;

		if (waste < least) {
			least = waste;
			chain = i;
		}
	}
	return chain;
}

static void make_classes(struct model_class *classes, unsigned int max_chain)
{
	for (unsigned int i = NR_CLASSES; i-- > 0;) {
		unsigned int size_bytes = MIN_BYTES + i * STEP_BYTES;
		const struct model_class *larger = i + 1 < NR_CLASSES ? &classes[i + 1] : NULL;
		struct model_class *class = &classes[i];

		class->pages = chain_of_least_waste(size_bytes, max_chain);
		class->slots = class->pages * ZS_MODEL_PAGE_BYTES / size_bytes;
		class->merged_into = i;
		if (larger && larger->pages == class->pages && larger->slots == class->slots)
			class->merged_into = larger->merged_into;
	}
}

static unsigned int class_of(unsigned int object_bytes)
{
	unsigned int bytes = object_bytes + HANDLE_BYTES;
	unsigned int index = bytes > MIN_BYTES ? (bytes - MIN_BYTES + STEP_BYTES - 1) / STEP_BYTES : 0;

	return index < NR_CLASSES ? index : NR_CLASSES - 1;
}

struct zs_model_memory zs_model_kernel(const struct zs_model_sizes *sizes, unsigned int max_chain)
{
	struct model_class classes[NR_CLASSES];
	uint64_t objects[NR_CLASSES] = { 0 };
	struct zs_model_memory memory = { 0, 0 };

	make_classes(classes, max_chain);
	for (unsigned int bytes = 1; bytes <= ZS_MODEL_PAGE_BYTES; bytes++) {
		objects[classes[class_of(bytes)].merged_into] += sizes->count[bytes];
		memory.metadata_bytes += sizes->count[bytes] * HANDLE_BYTES;
	}
	for (unsigned int i = 0; i < NR_CLASSES; i++) {
		uint64_t zspages = (objects[i] + classes[i].slots - 1) / classes[i].slots;

		memory.pages_bytes += zspages * classes[i].pages * ZS_MODEL_PAGE_BYTES;
	}
	return memory;
}

struct zs_model_memory zs_model_one_page_each(const struct zs_model_sizes *sizes)
{
	struct zs_model_memory memory = { 0, 0 };

	for (unsigned int bytes = 1; bytes <= ZS_MODEL_PAGE_BYTES; bytes++)
		memory.pages_bytes += sizes->count[bytes] * ZS_MODEL_PAGE_BYTES;
	return memory;
}
