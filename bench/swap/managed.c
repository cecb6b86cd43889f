/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Memory of each kind.
 */
#include "managed.h"

#include <string.h>
#include <sys/mman.h>

#include "program.h"

static unsigned char *map_kernels(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		bench_die("no address space for %zu bytes", bytes);
	madvise(memory, bytes, MADV_NOHUGEPAGE);
	return memory;
}

void bench_managed_open(struct bench_managed *managed, const char *kind, const char *image, size_t nr_pages,
			uint64_t limit_bytes)
{
	struct zswap_options options = { .size = sizeof(options), .resident_limit_bytes = limit_bytes };
	size_t bytes = nr_pages * BENCH_PAGE_BYTES;

	bench_image_open(&managed->image, image);
	managed->nr_pages = nr_pages;
	if (!strcmp(kind, "kernel")) {
		managed->memory = map_kernels(bytes);
		return;
	}
	if (strcmp(kind, "pager") && strcmp(kind, "sigbus"))
		bench_die("-k %s: there are: pager, sigbus, kernel", kind);
	options.flags = !strcmp(kind, "pager") ? ZSWAP_PAGER : ZSWAP_SIGBUS;
	managed->zswap = zswap_create(&options);
	managed->memory = managed->zswap ? zswap_mmap(managed->zswap, bytes) : NULL;
	if (!managed->memory)
		bench_die("no managed memory");
}

void bench_managed_close(struct bench_managed *managed)
{
	if (managed->zswap)
		zswap_destroy(managed->zswap);
	else
		munmap(managed->memory, managed->nr_pages * BENCH_PAGE_BYTES);
}

void bench_managed_fill(struct bench_managed *managed)
{
	for (size_t i = 0; i < managed->nr_pages; i++)
		memcpy(bench_managed_page(managed, i), bench_managed_content(managed, i), BENCH_PAGE_BYTES);
}
