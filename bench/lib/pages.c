/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The source of single pages: a stack of page numbers.
 */
#include "pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "program.h"
#include "random.h"

static void *take_page(void *ctx, unsigned int flags)
{
	struct bench_pages *pages = ctx;

	(void)flags;
	if (!pages->nr_free) {
		pages->nr_refused++;
		return NULL;
	}
	pages->nr_given++;
	return pages->region + (size_t)pages->free[--pages->nr_free] * ZS_PAGE_BYTES;
}

static void put_page(void *ctx, void *page)
{
	struct bench_pages *pages = ctx;

	pages->free[pages->nr_free++] = (uint32_t)((size_t)((unsigned char *)page - pages->region) / ZS_PAGE_BYTES);
}

struct zs_ops bench_pages_ops(struct bench_pages *pages)
{
	return (struct zs_ops){ take_page, put_page, pages };
}

static void shuffle(uint32_t *numbers, size_t nr, uint64_t seed)
{
	for (size_t i = nr; i > 1; i--) {
		size_t other = zs_random_below(&seed, i);
		uint32_t number = numbers[other];

		numbers[other] = numbers[i - 1];
		numbers[i - 1] = number;
	}
}

void bench_pages_open(struct bench_pages *pages, size_t nr, size_t nr_free, uint64_t seed)
{
	void *region = mmap(NULL, nr * ZS_PAGE_BYTES, PROT_READ | PROT_WRITE,
			    MAP_ANONYMOUS | MAP_PRIVATE | MAP_NORESERVE, -1, 0);

	*pages = (struct bench_pages){ .region = region, .nr = nr, .nr_free = nr_free };
	pages->free = calloc(nr, sizeof(*pages->free));
	if (region == MAP_FAILED || !pages->free)
		bench_die("no memory for %zu pages: %s", nr, strerror(errno));
	for (size_t i = 0; i < nr; i++)
		pages->free[i] = (uint32_t)i;
	shuffle(pages->free, nr, seed);
}

void bench_pages_close(struct bench_pages *pages)
{
	munmap(pages->region, pages->nr * ZS_PAGE_BYTES);
	free(pages->free);
}
