/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Compaction in small pieces of time: a large pool, half of whose objects were freed, is compacted by calls of a tenth
 * of a millisecond while two threads go on replacing objects. The calls come to an end although the threads do not.
 *
 *   million [-s arena|ops] [-n OBJECTS] [-m MAX_OBJECT] [-b BUDGET_NS] [-r SEED] [-c]
 *   -c: the pool has a compactor of its own besides
 *
 * Nothing here depends on how fast anything is, but that two minutes are enough.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "must.h"
#include "options.h"
#include "pages.h"
#include "random.h"
#include "zsmalloc.h"

#define NR_WORKERS 2u
#define LEAST_SIZE 16u
#define WATCHDOG_SECONDS 120u

struct object {
	unsigned long handle; /* 0: freed */
	uint32_t size;
	uint32_t stamp;
};

struct plan {
	bool has_ops;
	uint32_t nr_objects;
	uint32_t max_object;
	uint64_t budget_ns;
	uint64_t seed;
	unsigned int pool_flags;
};

struct worker {
	const struct plan *plan;
	struct zs_pool *pool;
	struct object *objects;
	uint32_t nr_objects;
	struct rng rng;
	const bool *done;
	uint64_t nr_replaced;
};

/* ---- objects: a stamp at both ends ---- */

static void make_object(struct worker *w, struct object *o)
{
	unsigned char *mem;

	o->size = LEAST_SIZE + rng_below(&w->rng, w->plan->max_object - LEAST_SIZE + 1);
	o->stamp = (uint32_t)rng_next(&w->rng);
	o->handle = zs_malloc(w->pool, o->size, 0);
	MUST(o->handle);
	mem = zs_map_object(w->pool, o->handle, ZS_MM_WO);
	MUST(mem);
	memset(mem, (int)(o->stamp & 0xff), o->size);
	memcpy(mem, &o->stamp, sizeof(o->stamp));
	memcpy(mem + o->size - sizeof(o->stamp), &o->stamp, sizeof(o->stamp));
	zs_unmap_object(w->pool, o->handle);
}

static void free_object(struct worker *w, struct object *o)
{
	unsigned char copy[ZS_PAGE_BYTES];
	const unsigned char *mem = zs_obj_read_begin(w->pool, o->handle, o->size, copy);

	MUST(mem);
	MUST(!memcmp(mem, &o->stamp, sizeof(o->stamp)));
	MUST(mem[o->size / 2] == (o->stamp & 0xff));
	MUST(!memcmp(mem + o->size - sizeof(o->stamp), &o->stamp, sizeof(o->stamp)));
	zs_obj_read_end(w->pool, o->handle, o->size, mem);
	zs_free(w->pool, o->handle);
	o->handle = 0;
}

static struct object *random_object(struct worker *w)
{
	struct object *o;

	do
		o = &w->objects[rng_below(&w->rng, w->nr_objects)];
	while (!o->handle);
	return o;
}

/* ---- workers ---- */

static void *fill(void *arg)
{
	struct worker *w = arg;

	for (uint32_t i = 0; i < w->nr_objects; i++)
		make_object(w, &w->objects[i]);
	for (uint32_t i = 0; i < w->nr_objects / 2; i++)
		free_object(w, random_object(w));
	return NULL;
}

static void *replace(void *arg)
{
	struct worker *w = arg;

	while (!__atomic_load_n(w->done, __ATOMIC_RELAXED)) {
		struct object *o = random_object(w);

		free_object(w, o);
		make_object(w, o);
		w->nr_replaced++;
	}
	return NULL;
}

static void *empty(void *arg)
{
	struct worker *w = arg;

	for (uint32_t i = 0; i < w->nr_objects; i++)
		if (w->objects[i].handle)
			free_object(w, &w->objects[i]);
	return NULL;
}

static void start(pthread_t *threads, void *(*function)(void *arg), struct worker *workers)
{
	for (unsigned int i = 0; i < NR_WORKERS; i++)
		MUST(!pthread_create(&threads[i], NULL, function, &workers[i]));
}

static void join(const pthread_t *threads)
{
	for (unsigned int i = 0; i < NR_WORKERS; i++)
		pthread_join(threads[i], NULL);
}

/* ---- a run ---- */

/* Returns how many calls it took. */
static unsigned long compact(struct zs_pool *pool, uint64_t budget_ns)
{
	unsigned long nr_calls = 0;

	do {
		zs_compact_some(pool, 0, budget_ns);
		MUST(errno == EAGAIN || !errno);
		nr_calls++;
	} while (errno);
	return nr_calls;
}

static void compact_beside(struct zs_pool *pool, struct worker *workers, bool *done)
{
	struct zs_pool_stats before = { .size = sizeof(before) }, after = before;
	pthread_t threads[NR_WORKERS];
	unsigned long nr_calls;

	zs_pool_stats(pool, &before);
	start(threads, replace, workers);
	nr_calls = compact(pool, workers->plan->budget_ns);
	zs_pool_stats(pool, &after);
	__atomic_store_n(done, true, __ATOMIC_RELAXED);
	join(threads);
	printf("million: %lu calls moved %llu objects and gave back %llu of %llu pages; %llu were replaced meanwhile\n",
	       nr_calls, (unsigned long long)after.objects_moved, (unsigned long long)after.pages_compacted,
	       (unsigned long long)before.pages, (unsigned long long)(workers[0].nr_replaced + workers[1].nr_replaced));
	/* Replacing alone would gain something too, given time; and a compactor may have been there before. */
	MUST(workers->plan->pool_flags || after.pages <= before.pages - before.pages / 8);
	MUST(!zs_pool_verify(pool));
}

/* A compactor may be giving back the last pages itself just now: then they are gone a moment later. */
static void compact_all(const struct plan *plan, struct zs_pool *pool)
{
	zs_compact(pool);
	while (plan->pool_flags && zs_get_total_pages(pool))
		usleep(10000);
}

static void run(const struct plan *plan, const struct zs_ops *ops)
{
	struct object *objects = calloc(plan->nr_objects, sizeof(*objects));
	struct worker workers[NR_WORKERS];
	struct zs_pool *pool = zs_create_pool(plan->pool_flags, ops);
	pthread_t threads[NR_WORKERS];
	bool done = false;

	MUST(objects && pool);
	for (unsigned int i = 0; i < NR_WORKERS; i++)
		workers[i] = (struct worker){ .plan = plan,
					      .pool = pool,
					      .objects = objects + i * (plan->nr_objects / NR_WORKERS),
					      .nr_objects = plan->nr_objects / NR_WORKERS,
					      .rng = { .state = plan->seed + i },
					      .done = &done };
	start(threads, fill, workers);
	join(threads);
	compact_beside(pool, workers, &done);
	start(threads, empty, workers);
	join(threads);
	compact_all(plan, pool);
	MUST(!zs_get_total_pages(pool));
	zs_destroy_pool(pool);
	free(objects);
}

static const char *const sources[] = { "arena", "ops", NULL };

int main(int argc, char **argv)
{
	struct test_pages pages = { .pool = NULL };
	struct zs_ops ops = test_pages_ops(&pages);
	struct plan plan = { .nr_objects = 1000000, .max_object = 400, .budget_ns = 100000, .seed = 1 };
	int c;

	while ((c = getopt(argc, argv, "s:n:m:b:r:c")) != -1) {
		switch (c) {
		case 's': plan.has_ops = !strcmp(option_word("million", c, optarg, sources), "ops"); break;
		case 'n': plan.nr_objects = (uint32_t)option_number("million", c, optarg); break;
		case 'm': plan.max_object = (uint32_t)option_number("million", c, optarg); break;
		case 'b': plan.budget_ns = option_number("million", c, optarg); break;
		case 'r': plan.seed = option_number("million", c, optarg); break;
		case 'c': plan.pool_flags = ZS_POOL_COMPACTOR; break;
		default: return 2;
		}
	}
	MUST(plan.max_object >= LEAST_SIZE && plan.max_object <= ZS_PAGE_BYTES);
	printf("million: -s %s -n %u -m %u -b %llu -r %llu\n", plan.has_ops ? "ops" : "arena", plan.nr_objects,
	       plan.max_object, (unsigned long long)plan.budget_ns, (unsigned long long)plan.seed);
	fflush(stdout);
	alarm(WATCHDOG_SECONDS);
	run(&plan, plan.has_ops ? &ops : NULL);
	MUST(!pages.nr_out);
	return 0;
}
