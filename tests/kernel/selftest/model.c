/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Random operations on one pool by one thread, the pool growing and shrinking with objects of changing sizes, compacted
 * now and then; each object's content is known at any time.
 */
#include <linux/mm.h>

#include "selftest.h"

#define PHASES 24
#define COMPACTIONS 60

static void totals_are_sane(struct st_table *t)
{
	unsigned long pages = zs_get_total_pages(t->pool);

	if (((u64)pages << PAGE_SHIFT) < t->nr_bytes || pages > totalram_pages())
		st_fail(t->st, "%u objects of %llu bytes are said to be in %lu pages", t->nr_live, t->nr_bytes, pages);
}

static void compact(struct st_table *t)
{
	st_pool_compact(t->st, t->pool);
	totals_are_sane(t);
	st_table_verify(t);
}

static void operate(struct st_table *t)
{
	unsigned int nr = st_parameters.operations;
	unsigned int i;

	for (i = 0; i < nr && st_goes_on(t->st); i++) {
		t->st->step = i;
		if (i % (nr / PHASES + 1) == 0)
			st_table_phase(t);
		st_table_step(t);
		if (i % (nr / COMPACTIONS + 1) == 0)
			compact(t);
	}
	compact(t);
}

void st_model_run(struct selftest *st)
{
	struct zs_pool *pool = st_pool_create(st);
	struct st_table t;

	if (!pool)
		return;
	if (!st_table_create(&t, st, pool, st_parameters.nr_objects, 0)) {
		operate(&t);
		st_table_destroy(&t);
	}
	st_pool_destroy(st, pool);
}
