/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Threads: workers that allocate, write, map, check and free objects of their own, readers that share objects, and
 * beside them one thread that compacts and one that verifies and gathers statistics. On the simulated host's scattered
 * pages another one replaces pages under the objects.
 *
 *   stress [-s arena|ops|scattered] [-n STEPS] [-w WORKERS] [-r SEED] [-t SECONDS] [-m MAX_OBJECT] [-c] [-z]
 *   -c: the pool has a compactor of its own besides; -z: it clears
 *
 * Every object says by its content whose it is, so a lost write, a wrong move or a mix-up is seen by its owner. The
 * result never depends on the order in which the threads run.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "must.h"
#include "options.h"
#include "pages.h"
#include "random.h"
#include "zsmalloc.h"

#ifdef STRESS_SIM
#include "migrate.h"
#include "pool.h"
#include "sim.h"
#endif

#define OWN_OBJECTS 2000u
#define SHARED_OBJECTS 64u
#define MAX_WORKERS 16u
#define BULK 32u

struct object {
	unsigned long handle;
	uint32_t size;
	uint64_t stamp;
};

struct shared {
	const char *source;
	uint64_t nr_steps;
	uint64_t seed;
	unsigned int nr_workers;
	unsigned int seconds;
	uint32_t max_object;
	unsigned int pool_flags;
	struct zs_pool *pool;
	struct test_pages pages;
	struct object objects[SHARED_OBJECTS]; /* never freed nor written while the workers run */
	bool done;
	unsigned long nr_migrated; /* pages */
};

struct worker {
	struct shared *shared;
	unsigned int number;
	struct rng rng;
	struct object objects[OWN_OBJECTS];
	unsigned char buffer[ZS_MAX_OBJECT_BYTES];
};

static void error_is_failure(void *ctx, int err, const char *what)
{
	(void)ctx;
	fprintf(stderr, "stress: error %d: %s\n", err, what);
	_exit(1);
}

/* An object's content: its stamp at both ends and, byte by byte, in between. */
static void fill(unsigned char *bytes, const struct object *o)
{
	memset(bytes, (int)(o->stamp & 0xff), o->size);
	if (o->size >= 2 * sizeof(o->stamp)) {
		memcpy(bytes, &o->stamp, sizeof(o->stamp));
		memcpy(bytes + o->size - sizeof(o->stamp), &o->stamp, sizeof(o->stamp));
	}
}

static void check(const unsigned char *bytes, const struct object *o)
{
	static __thread unsigned char expected[ZS_MAX_OBJECT_BYTES];

	fill(expected, o);
	MUST(!memcmp(bytes, expected, o->size));
}

static void read_object(struct worker *w, const struct object *o)
{
	const void *mem = zs_obj_read_begin(w->shared->pool, o->handle, o->size, w->buffer);

	MUST(mem);
	check(mem, o);
	zs_obj_read_end(w->shared->pool, o->handle, o->size, mem);
}

static void write_object(struct worker *w, struct object *o)
{
	o->stamp = rng_next(&w->rng);
	fill(w->buffer, o);
	MUST(zs_obj_write(w->shared->pool, o->handle, w->buffer, o->size) == 0);
}

static void allocate(struct worker *w, struct object *o)
{
	o->size = 1 + rng_below(&w->rng, w->shared->max_object);
	o->handle = zs_malloc(w->shared->pool, o->size, 0);
	MUST(o->handle);
	write_object(w, o);
}

static void free_object(struct worker *w, struct object *o)
{
	read_object(w, o);
	zs_free(w->shared->pool, o->handle);
	o->handle = 0;
}

static void change_mapped(struct worker *w, struct object *o)
{
	unsigned char *mapped = zs_map_object(w->shared->pool, o->handle, ZS_MM_RW);

	MUST(mapped);
	check(mapped, o);
	o->stamp = rng_next(&w->rng);
	fill(mapped, o);
	zs_unmap_object(w->shared->pool, o->handle);
}

static void overwrite_mapped(struct worker *w, struct object *o)
{
	unsigned char *mapped = zs_map_object(w->shared->pool, o->handle, ZS_MM_WO);

	MUST(mapped);
	o->stamp = rng_next(&w->rng);
	fill(mapped, o);
	zs_unmap_object(w->shared->pool, o->handle);
}

/* Several threads map the same object at once. */
static void read_shared(struct worker *w)
{
	const struct object *o = &w->shared->objects[rng_below(&w->rng, SHARED_OBJECTS)];
	const unsigned char *mapped = zs_map_object(w->shared->pool, o->handle, ZS_MM_RO);

	MUST(mapped);
	check(mapped, o);
	zs_unmap_object(w->shared->pool, o->handle);
	read_object(w, o);
}

static void free_many(struct worker *w)
{
	unsigned long handles[BULK];
	unsigned int first = rng_below(&w->rng, OWN_OBJECTS - BULK);

	for (unsigned int i = 0; i < BULK; i++) {
		handles[i] = w->objects[first + i].handle;
		w->objects[first + i].handle = 0;
	}
	zs_free_bulk(w->shared->pool, handles, BULK);
}

static void allocate_many(struct worker *w)
{
	size_t sizes[BULK];
	unsigned long handles[BULK];
	unsigned int first = rng_below(&w->rng, OWN_OBJECTS - BULK);

	for (unsigned int i = 0; i < BULK; i++) {
		if (w->objects[first + i].handle)
			free_object(w, &w->objects[first + i]);
		sizes[i] = w->objects[first + i].size = 1 + rng_below(&w->rng, w->shared->max_object);
	}
	MUST(zs_malloc_bulk(w->shared->pool, sizes, handles, BULK, 0) == BULK);
	for (unsigned int i = 0; i < BULK; i++) {
		w->objects[first + i].handle = handles[i];
		write_object(w, &w->objects[first + i]);
	}
}

static void one_step(struct worker *w)
{
	struct object *o = &w->objects[rng_below(&w->rng, OWN_OBJECTS)];
	uint32_t pick = rng_below(&w->rng, 100);

	if (pick == 0)
		free_many(w);
	else if (pick == 1)
		allocate_many(w);
	else if (pick < 12)
		read_shared(w);
	else if (!o->handle)
		allocate(w, o);
	else if (pick < 45)
		free_object(w, o);
	else if (pick < 60)
		change_mapped(w, o);
	else if (pick < 70)
		overwrite_mapped(w, o);
	else if (pick < 85)
		write_object(w, o);
	else
		read_object(w, o);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	time_t end = time(NULL) + w->shared->seconds;
	uint64_t step = 0;

	while (step < w->shared->nr_steps || time(NULL) < end) {
		one_step(w);
		step++;
	}
	for (unsigned int i = 0; i < OWN_OBJECTS; i++)
		if (w->objects[i].handle)
			free_object(w, &w->objects[i]);
	return NULL;
}

static bool is_done(struct shared *shared)
{
	return __atomic_load_n(&shared->done, __ATOMIC_RELAXED);
}

static void *compact(void *arg)
{
	struct shared *shared = arg;

	while (!is_done(shared)) {
		zs_compact_some(shared->pool, 8, 200000);
		zs_compact(shared->pool);
	}
	return NULL;
}

static void *watch(void *arg)
{
	struct shared *shared = arg;

	while (!is_done(shared)) {
		struct zs_pool_stats stats = { .size = sizeof(stats) };

		MUST(zs_pool_verify(shared->pool) == 0);
		zs_pool_stats(shared->pool, &stats);
		MUST(stats.objects <= MAX_WORKERS * OWN_OBJECTS + SHARED_OBJECTS);
		MUST(zs_get_total_size_bytes(shared->pool) > 0);
	}
	return NULL;
}

#ifdef STRESS_SIM
static int replace_page(void *user, void *old_page, void *new_page)
{
	return zs_class_replace_page(user, old_page, new_page);
}

static void *migrate(void *arg)
{
	struct shared *shared = arg;

	while (!is_done(shared))
		shared->nr_migrated += zs_sim_migrate(replace_page);
	return NULL;
}

static bool choose_source(const struct shared *shared)
{
	zs_sim.contiguous = strcmp(shared->source, "scattered") != 0;
	return !zs_sim.contiguous;
}
#else
static void *migrate(void *arg)
{
	return arg;
}

static bool choose_source(const struct shared *shared)
{
	(void)shared;
	return false;
}
#endif

/* ---- a run ---- */

static void create_pool(struct shared *shared)
{
	struct zs_ops ops = test_pages_ops(&shared->pages);
	struct zs_pool_options options = {
		.size = sizeof(options),
		.flags = shared->pool_flags,
		.max_object_size = shared->max_object,
		.on_error = error_is_failure,
	};

	if (!strcmp(shared->source, "ops"))
		options.ops = &ops;
	shared->pool = zs_create_pool_with(&options);
	MUST(shared->pool);
#ifdef STRESS_SIM
	shared->pool->stash_pages = 64; /* a small pool's threads have stashes, too */
#endif
}

static void run_threads(struct shared *shared, struct worker *workers)
{
	pthread_t threads[MAX_WORKERS], compactor, watcher, migrator;

	MUST(!pthread_create(&compactor, NULL, compact, shared));
	MUST(!pthread_create(&watcher, NULL, watch, shared));
	MUST(!pthread_create(&migrator, NULL, migrate, shared));
	for (unsigned int i = 0; i < shared->nr_workers; i++)
		MUST(!pthread_create(&threads[i], NULL, work, &workers[i]));
	for (unsigned int i = 0; i < shared->nr_workers; i++)
		pthread_join(threads[i], NULL);
	__atomic_store_n(&shared->done, true, __ATOMIC_RELAXED);
	pthread_join(compactor, NULL);
	pthread_join(watcher, NULL);
	pthread_join(migrator, NULL);
}

/* A compactor may be giving back the last pages itself just now: then they are gone a moment later. */
static void compact_all(struct shared *shared)
{
	unsigned int waited = 0;

	zs_compact(shared->pool);
	while (shared->pool_flags && zs_get_total_pages(shared->pool) && waited++ < 3000)
		usleep(10000);
}

static void run(struct shared *shared)
{
	struct worker *workers = calloc(shared->nr_workers, sizeof(*workers));
	struct zs_pool_stats stats = { .size = sizeof(stats) };
	bool is_scattered;

	MUST(workers);
	is_scattered = choose_source(shared);
	create_pool(shared);
	for (unsigned int i = 0; i < shared->nr_workers; i++) {
		workers[i].shared = shared;
		workers[i].number = i;
		workers[i].rng.state = shared->seed + i;
	}
	for (unsigned int i = 0; i < SHARED_OBJECTS; i++)
		allocate(&workers[0], &shared->objects[i]);
	run_threads(shared, workers);
	for (unsigned int i = 0; i < SHARED_OBJECTS; i++)
		free_object(&workers[0], &shared->objects[i]);
	compact_all(shared);
	zs_pool_stats(shared->pool, &stats);
	MUST(stats.objects == 0 && stats.pages == 0 && stats.bad_handles == 0);
	zs_destroy_pool(shared->pool);
	MUST(shared->pages.nr_out == 0);
	MUST(stats.objects_moved);
	MUST(!is_scattered || shared->nr_migrated);
	printf("stress: %llu objects moved, %lu pages replaced\n", (unsigned long long)stats.objects_moved,
	       shared->nr_migrated);
	free(workers);
}

static const char *const sources[] = {
	"arena",
	"ops",
#ifdef STRESS_SIM
	"scattered",
#endif
	NULL,
};

int main(int argc, char **argv)
{
	static struct shared shared = {
		.source = "arena", .nr_steps = 20000, .nr_workers = 3, .seed = 1, .max_object = 4096
	};
	int c;

	while ((c = getopt(argc, argv, "s:n:w:r:t:m:cz")) != -1) {
		switch (c) {
		case 's': shared.source = option_word("stress", c, optarg, sources); break;
		case 'n': shared.nr_steps = option_number("stress", c, optarg); break;
		case 'w': shared.nr_workers = (unsigned int)option_number("stress", c, optarg); break;
		case 'r': shared.seed = option_number("stress", c, optarg); break;
		case 't': shared.seconds = (unsigned int)option_number("stress", c, optarg); break;
		case 'c': shared.pool_flags |= ZS_POOL_COMPACTOR | ZS_POOL_DENSE; break;
		case 'z': shared.pool_flags |= ZS_POOL_ZERO_ON_FREE; break;
		case 'm': shared.max_object = (uint32_t)option_number("stress", c, optarg); break;
		default: return 2;
		}
	}
	if (!shared.nr_workers || shared.nr_workers > MAX_WORKERS) {
		fprintf(stderr, "stress: -w %u: 1 to %u workers\n", shared.nr_workers, MAX_WORKERS);
		return 2;
	}
	printf("stress: -s %s -n %llu -w %u -r %llu -t %u -m %u\n", shared.source, (unsigned long long)shared.nr_steps,
	       shared.nr_workers, (unsigned long long)shared.seed, shared.seconds, shared.max_object);
	run(&shared);
	return 0;
}
