/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Everything at once on one pool: workers, each with objects of its own and all with objects that everybody reads; a
 * thread that compacts; a thread that reads the totals; and one beside them whose pools live for a moment only. Whoever
 * runs the test can add migration (by writing to /proc/sys/vm/compact_memory), shrinking (/proc/sys/vm/drop_caches) and
 * CPUs that come and go.
 *
 * Workers end by themselves, by the count of their operations. The other three are stopped once all workers have ended;
 * every thread that was started is joined, whatever else went wrong.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "selftest.h"

#define NR_SHARED 256
#define NR_SHORT_LIVED 64
#define PHASES 8
#define TIMES 10 /* as many operations as the other tests: what is rare needs many */

struct worker {
	struct task_struct *task;
	struct completion done;
	struct crew *crew;
	struct st_table own;
	u32 nr_operations;
};

struct crew {
	struct selftest *st;
	struct zs_pool *pool;
	struct st_table shared; /* nobody changes it while the workers run */
	struct task_struct *compactor;
	struct task_struct *observer;
	struct task_struct *mayfly;
	unsigned long nr_compacted; /* by the compactor; read when it was joined */
	u32 nr_workers;
	struct worker workers[];
};

/* ---- what the threads do ---- */

static int work(void *data)
{
	struct worker *w = data;
	struct st_table *shared = &w->crew->shared;
	u32 i;

	for (i = 0; i < w->nr_operations && st_goes_on(w->crew->st); i++) {
		if (i % (w->nr_operations / PHASES + 1) == 0)
			st_table_phase(&w->own);
		st_table_step(&w->own);
		if (i % 8 == 0)
			st_object_read(shared, &shared->objects[st_below(&w->own.rng, shared->nr_live)]);
	}
	st_table_verify(&w->own);
	complete(&w->done);
	return 0;
}

static int compact(void *data)
{
	struct crew *crew = data;

	while (!kthread_should_stop()) {
		crew->nr_compacted += zs_compact(crew->pool);
		usleep_range(50, 500);
	}
	return 0;
}

static int observe(void *data)
{
	struct crew *crew = data;
	unsigned long before = 0;

	while (!kthread_should_stop()) {
		unsigned long pages = zs_get_total_pages(crew->pool);
		unsigned long compacted = st_pool_compacted(crew->pool);

		if (pages > totalram_pages())
			st_fail(crew->st, "zs_get_total_pages() is %lu", pages);
		if (compacted < before)
			st_fail(crew->st, "pages_compacted is %lu, was %lu", compacted, before);
		before = compacted;
		usleep_range(50, 500);
	}
	return 0;
}

static void live_and_die(struct selftest *st, u32 id)
{
	struct zs_pool *pool = st_pool_create(st);
	struct st_table t;
	u32 i;

	if (!pool)
		return;
	if (!st_table_create(&t, st, pool, NR_SHORT_LIVED, id)) {
		for (i = 0; i < 4 * NR_SHORT_LIVED; i++)
			st_table_step(&t);
		st_table_destroy(&t);
	}
	zs_destroy_pool(pool);
}

/* What a free has put off must not outlive the pool. */
static int live_and_die_often(void *data)
{
	struct crew *crew = data;
	u32 id = 1 << 16;

	while (!kthread_should_stop()) {
		live_and_die(crew->st, id++);
		usleep_range(50, 500);
	}
	return 0;
}

/* ---- starting and joining ---- */

/* The reference keeps a task that ended by itself joinable. */
static struct task_struct *start(struct crew *crew, int (*run)(void *), void *data, const char *name)
{
	struct task_struct *task = kthread_create(run, data, "zs-%s", name);

	if (IS_ERR(task)) {
		st_fail(crew->st, "thread %s cannot be started: %ld", name, PTR_ERR(task));
		return NULL;
	}
	get_task_struct(task);
	wake_up_process(task);
	return task;
}

static void join(struct task_struct *task)
{
	if (!task)
		return;
	kthread_stop(task);
	put_task_struct(task);
}

static void start_worker(struct crew *crew, struct worker *w, u32 id)
{
	if (st_table_create(&w->own, crew->st, crew->pool, st_parameters.nr_objects / crew->nr_workers + 1, 1 + id))
		return;
	w->own.lingers = true;
	w->crew = crew;
	w->nr_operations = st_parameters.operations / crew->nr_workers * TIMES + 1;
	init_completion(&w->done);
	w->task = start(crew, work, w, "worker");
}

/* kthread_stop() before a thread has begun would keep it from beginning. */
static void join_worker(struct worker *w)
{
	if (w->task)
		while (!wait_for_completion_timeout(&w->done, 10 * HZ))
			;
	join(w->task);
}

static void free_worker(struct worker *w)
{
	if (w->own.objects)
		st_table_destroy(&w->own);
}

static void work_together(struct crew *crew)
{
	u32 i;

	crew->compactor = start(crew, compact, crew, "compactor");
	crew->observer = start(crew, observe, crew, "observer");
	crew->mayfly = start(crew, live_and_die_often, crew, "mayfly");
	for (i = 0; i < crew->nr_workers; i++)
		start_worker(crew, &crew->workers[i], i);
	for (i = 0; i < crew->nr_workers; i++)
		join_worker(&crew->workers[i]);
	join(crew->compactor);
	join(crew->observer);
	join(crew->mayfly);
	if (st_pool_compacted(crew->pool) < crew->nr_compacted)
		st_fail(crew->st, "pages_compacted is %lu, zs_compact() said %lu", st_pool_compacted(crew->pool),
			crew->nr_compacted);
	for (i = 0; i < crew->nr_workers; i++)
		free_worker(&crew->workers[i]);
}

/* ---- the test ---- */

static void fill_shared(struct st_table *shared)
{
	u32 i;

	for (i = 0; i < shared->nr; i++)
		st_object_must_alloc(shared, &shared->objects[i], 1 + st_below(&shared->rng, PAGE_SIZE),
				     ST_GFP_PATIENT);
}

static void run_crew(struct crew *crew)
{
	if (st_table_create(&crew->shared, crew->st, crew->pool, NR_SHARED, 0))
		return;
	fill_shared(&crew->shared);
	if (crew->shared.nr_live == crew->shared.nr)
		work_together(crew);
	st_table_verify(&crew->shared);
	st_table_destroy(&crew->shared);
}

void st_concurrent_run(struct selftest *st)
{
	u32 nr_workers = st_parameters.threads;
	struct crew *crew = kvzalloc(struct_size(crew, workers, nr_workers), GFP_KERNEL);

	if (!crew) {
		st_fail(st, "no memory for %u threads", nr_workers);
		return;
	}
	crew->st = st;
	crew->nr_workers = nr_workers;
	crew->pool = st_pool_create(st);
	if (crew->pool) {
		run_crew(crew);
		st_pool_destroy(st, crew->pool);
	}
	kvfree(crew);
}
