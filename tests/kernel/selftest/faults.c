/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Every request for memory fails once: a fixed scenario runs with the n-th failing, for every n until it runs through
 * without reaching the n-th; once with that one failure and once with all that follow it. After each run what was
 * accepted reads back, the pool is empty, and nothing is left over.
 *
 * It needs zsmalloc-faulty.ko, whose requests go through fault.c, in the place of zsmalloc.ko; else it is skipped.
 */
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "fault.h"
#include "selftest.h"

#define NR_OBJECTS 60
#define NR_TRIES 25

struct faults {
	struct selftest *st;
	unsigned long (*fail_at)(unsigned long n, unsigned long nr);
	long (*outstanding)(void);
	struct st_table table;
	unsigned long nr_refused;
};

/* ---- the scenario ---- */

/* Small ones that share pages, ones that cross a border, ones that have a page to themselves. */
static const u32 sizes[] = { 24, 100, 500, 1000, 1360, 1700, 2040, 2400, 2720, 3000, 3264, 3500, PAGE_SIZE };

static void alloc_absent(struct faults *f)
{
	struct st_table *t = &f->table;
	u32 i;

	for (i = 0; i < t->nr; i++)
		if (!t->objects[i].handle &&
		    st_object_alloc(t, &t->objects[i], sizes[(i + t->objects[i].generation) % ARRAY_SIZE(sizes)],
				    i % 2 ? GFP_KERNEL : ST_GFP_QUICK))
			f->nr_refused++;
}

static void rewrite_all(struct st_table *t)
{
	u32 i;

	for (i = 0; i < t->nr; i++)
		if (t->objects[i].handle)
			st_object_rewrite(t, &t->objects[i]);
}

static void use_pool(struct faults *f)
{
	struct st_table *t = &f->table;

	alloc_absent(f);
	rewrite_all(t);
	st_pool_compact(f->st, t->pool);
	st_table_verify(t);
	st_table_free_half(t);
	st_pool_compact(f->st, t->pool);
	alloc_absent(f);
	rewrite_all(t);
	st_pool_compact(f->st, t->pool);
	st_table_verify(t);
	st_table_free_all(t);
}

/* The same requests in the same order each time. */
static void scenario(struct faults *f)
{
	f->nr_refused = 0;
	if (st_table_create(&f->table, f->st, NULL, NR_OBJECTS, 0))
		return;
	f->table.pool = zs_create_pool(f->st->name);
	if (f->table.pool) {
		use_pool(f);
		st_pool_destroy(f->st, f->table.pool);
	} else {
		f->nr_refused++;
	}
	st_table_destroy(&f->table);
}

/* ---- the sweep ---- */

/* Result: how many requests were made to fail. */
static unsigned long run_failing(struct faults *f, unsigned long n, unsigned long nr)
{
	unsigned long nr_failed;

	f->fail_at(n, nr);
	scenario(f);
	nr_failed = f->fail_at(0, 0);
	if (f->nr_refused && !nr_failed)
		st_fail(f->st, "%lu calls failed though no request for memory did", f->nr_refused);
	return nr_failed;
}

/*
 * A page that somebody has isolated for migration when it is freed goes back through him and is not counted: on a slow
 * machine with much migration, in every third run. What is left over each time is a leak.
 */
static unsigned long run_balanced(struct faults *f, unsigned long n, unsigned long nr)
{
	unsigned long nr_failed;
	long before, left;
	unsigned int i;

	for (i = 0; i < NR_TRIES; i++) {
		before = f->outstanding();
		nr_failed = run_failing(f, n, nr);
		left = f->outstanding() - before;
		if (!left)
			return nr_failed;
		msleep(1);
	}
	st_fail(f->st, "with %lu requests failing from here on: %ld pieces of memory are left over", nr, left);
	return nr_failed;
}

static void sweep(struct faults *f, unsigned long nr)
{
	unsigned long n = 0;
	bool was_hit = true;

	while (was_hit && st_goes_on(f->st)) {
		f->st->step = ++n;
		was_hit = run_balanced(f, n, nr) != 0;
	}
	if (!was_hit && n < 2)
		st_fail(f->st, "no request for memory was seen");
	pr_info("%s: %s %lu of the scenario's requests for memory, one by one%s\n", f->st->name,
		nr == 1 ? "failed" : "failed from each of", n - !was_hit, was_hit ? "; ended early" : "");
}

void st_faults_run(struct selftest *st)
{
	struct faults f = { .st = st };

	f.fail_at = __symbol_get("zs_selftest_fail_at");
	f.outstanding = __symbol_get("zs_selftest_outstanding");
	if (f.fail_at && f.outstanding) {
		sweep(&f, 1);
		sweep(&f, ULONG_MAX);
	} else {
		st->skipped = "zsmalloc-faulty is not loaded";
	}
	if (f.fail_at)
		__symbol_put("zs_selftest_fail_at");
	if (f.outstanding)
		__symbol_put("zs_selftest_outstanding");
}
