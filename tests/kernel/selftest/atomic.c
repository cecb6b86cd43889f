/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The calls that users make where they may not sleep: zs_malloc() with preemption off and flags that do not wait,
 * zs_map_object() to zs_unmap_object(), and zs_free() under a spinlock.
 *
 * A kernel with DEBUG_ATOMIC_SLEEP sees calls that might sleep there. Any kernel sees those that did: by the number of
 * times the thread was switched away from.
 *
 * The pool is destroyed right after the last object was freed, which must wait for what a free has put off.
 */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

#include "selftest.h"

static DEFINE_SPINLOCK(user_lock);

static unsigned long nr_switches(void)
{
	return current->nvcsw + current->nivcsw;
}

static void has_not_slept(struct selftest *st, unsigned long before, const char *what)
{
	if (nr_switches() != before)
		st_fail(st, "%s has slept", what);
}

int st_atomic_alloc(struct st_table *t, struct st_object *o, u32 size, gfp_t gfp)
{
	unsigned long switches;
	int error;

	preempt_disable();
	switches = nr_switches();
	error = st_object_alloc(t, o, size, gfp);
	has_not_slept(t->st, switches, "an allocation with preemption off");
	preempt_enable();
	return error;
}

void st_atomic_free(struct st_table *t, struct st_object *o)
{
	unsigned long switches;

	spin_lock(&user_lock);
	switches = nr_switches();
	st_object_read(t, o);
	st_object_rewrite(t, o);
	has_not_slept(t->st, switches, "a mapping under a spinlock");
	st_object_free(t, o);
	has_not_slept(t->st, switches, "a free under a spinlock");
	spin_unlock(&user_lock);
}

/* There may be no memory to be had at once; then it is had by waiting. */
static unsigned int alloc(struct st_table *t, struct st_object *o)
{
	u32 size = 1 + st_below(&t->rng, PAGE_SIZE);
	int error = st_atomic_alloc(t, o, size, ST_GFP_QUICK);

	if (error == -ENOMEM)
		st_object_must_alloc(t, o, size, ST_GFP_PATIENT);
	return !error;
}

static void operate(struct st_table *t)
{
	unsigned int nr_quick = 0;
	unsigned int i;

	for (i = 0; i < st_parameters.operations / 4 && st_goes_on(t->st); i++) {
		struct st_object *o = &t->objects[st_below(&t->rng, t->nr)];

		t->st->step = i;
		if (!o->handle)
			nr_quick += alloc(t, o);
		else
			st_atomic_free(t, o);
	}
	if (i && !nr_quick)
		st_fail(t->st, "no allocation succeeded without waiting");
	st_table_verify(t);
}

void st_atomic_run(struct selftest *st)
{
	struct zs_pool *pool;
	struct st_table t;

	if (IS_ENABLED(CONFIG_PREEMPT_RT)) {
		st->skipped = "nothing may be allocated or freed there with PREEMPT_RT";
		return;
	}
	pool = st_pool_create(st);
	if (!pool)
		return;
	if (!st_table_create(&t, st, pool, min(st_parameters.nr_objects, 2000u), 0)) {
		operate(&t);
		st_table_destroy(&t);
	}
	zs_destroy_pool(pool);
}
