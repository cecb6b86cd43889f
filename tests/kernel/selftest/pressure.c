/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A pool gives memory back when it is wanted: half of the objects go, compaction regains pages, and what is left is
 * as it was.
 *
 * What compaction says must be what happened. A shrinker or a migration that runs in between blurs the counts, so in
 * one round of several they must agree exactly.
 */
#include <linux/kernel.h>
#include <linux/mm.h>

#include "selftest.h"

#define MAX_ROUNDS 8
#define MIN_ROUNDS 2
#define NR_SIZES 24

struct round {
	unsigned long full, half, compacted; /* pages */
	bool is_exact;
};

static void fill(struct st_table *t)
{
	u32 i;

	for (i = 0; i < t->nr && st_goes_on(t->st); i++)
		if (!t->objects[i].handle)
			st_object_must_alloc(t, &t->objects[i],
					     (1 + st_below(&t->rng, NR_SIZES)) * PAGE_SIZE / (NR_SIZES + 4),
					     ST_GFP_PATIENT);
}

static struct round one_round(struct st_table *t)
{
	struct round r = {};
	unsigned long counted, told;

	fill(t);
	r.full = zs_get_total_pages(t->pool);
	st_table_free_half(t);
	counted = st_pool_compacted(t->pool);
	r.half = zs_get_total_pages(t->pool);
	told = st_pool_compact(t->st, t->pool);
	r.compacted = zs_get_total_pages(t->pool);
	counted = st_pool_compacted(t->pool) - counted;
	r.is_exact = told && told == counted && r.half - r.compacted == told;
	st_table_verify(t);
	return r;
}

/* Half of the bytes are gone, random ones: an eighth of the pages at least must be, too. */
static void has_shrunk(struct selftest *st, struct round r)
{
	if (r.compacted > r.full - r.full / 8)
		st_fail(st, "of %lu pages %lu are left with half of the objects, %lu when compacted", r.full, r.half,
			r.compacted);
}

static void rounds(struct st_table *t)
{
	unsigned int nr_exact = 0;
	unsigned int i;

	for (i = 0; i < MAX_ROUNDS && (i < MIN_ROUNDS || !nr_exact); i++) {
		struct round r;

		t->st->step = i;
		r = one_round(t);
		if (!st_goes_on(t->st))
			return;
		nr_exact += r.is_exact;
		has_shrunk(t->st, r);
	}
	if (!nr_exact)
		st_fail(t->st, "zs_compact() never said what went: pages_compacted is %lu", st_pool_compacted(t->pool));
}

void st_pressure_run(struct selftest *st)
{
	struct zs_pool *pool = st_pool_create(st);
	struct st_table t;

	if (!pool)
		return;
	if (!st_table_create(&t, st, pool, max(st_parameters.nr_objects, 40u * NR_SIZES), 0)) {
		rounds(&t);
		st_table_destroy(&t);
	}
	st_pool_destroy(st, pool);
}
