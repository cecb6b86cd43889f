/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The page source for tests.
 */
#include <stdlib.h>
#include <string.h>

#include "pages.h"

#define POISON_FRESH 0xc3
#define POISON_FREED 0x3c

static void call_back(struct test_pages *pages)
{
	struct zs_pool_stats stats = { .size = sizeof(stats) };

	if (pages->pool)
		zs_pool_stats(pages->pool, &stats);
}

static void *test_alloc(void *ctx, unsigned int flags)
{
	struct test_pages *pages = ctx;
	void *page;

	call_back(pages);
	__atomic_store_n(&pages->last_flags, flags, __ATOMIC_RELAXED);
	if (pages->budget && __atomic_load_n(&pages->nr_out, __ATOMIC_RELAXED) >= pages->budget) {
		__atomic_fetch_add(&pages->nr_refused, 1, __ATOMIC_RELAXED);
		return NULL;
	}
	page = aligned_alloc(ZS_PAGE_BYTES, ZS_PAGE_BYTES);
	if (!page)
		return NULL;
	__atomic_fetch_add(&pages->nr_out, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&pages->nr_allocs, 1, __ATOMIC_RELAXED);
	return memset(page, POISON_FRESH, ZS_PAGE_BYTES);
}

static void test_free(void *ctx, void *page)
{
	struct test_pages *pages = ctx;

	call_back(pages);
	memset(page, POISON_FREED, ZS_PAGE_BYTES);
	free(page);
	__atomic_fetch_sub(&pages->nr_out, 1, __ATOMIC_RELAXED);
}

struct zs_ops test_pages_ops(struct test_pages *pages)
{
	return (struct zs_ops){ .alloc = test_alloc, .free = test_free, .ctx = pages };
}
