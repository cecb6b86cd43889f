/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A page source for tests: counts, bounds and poisons pages, and calls back into the pool as zs_ops allows.
 */
#ifndef TESTS_PAGES_H
#define TESTS_PAGES_H

#include <stdbool.h>

#include "zsmalloc.h"

struct test_pages {
	struct zs_pool *pool;    /* called back if set */
	unsigned long budget;    /* pages that may be out; 0: no bound */
	unsigned long nr_out;    /* pages out now */
	unsigned long nr_allocs; /* calls of alloc that were served */
	unsigned long nr_refused;
	unsigned int last_flags;
};

/* ops whose ctx is pages. The functions may be called from several threads. */
struct zs_ops test_pages_ops(struct test_pages *pages);

#endif
