/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Compaction in bounded steps, alone or beside threads that replace objects.
 *
 *   pace -t TRACE [-n OBJECTS] [-b BUDGET_NS] [-j THREADS] [-r SEED]
 *
 * A pool is filled and a random half freed; then zs_compact_some(pool, 0, BUDGET_NS) is called until it says that
 * its round is done. If it does not say so although no page came back in a whole second, that is told, and what
 * is counted are the calls up to the last that gave a page back. What a call takes beyond its budget is told by
 * the processor time of its thread, and by the clock on the wall, in which the thread may have had to wait for its
 * turn; of calls that the budget ended. The idea is the kernel's: zram's users saw compaction hold up their work.
 *
 * The threads replace objects of theirs (zs_free, zs_malloc; the writing that follows is not in the time) without a
 * pause. Each replace is timed: while nothing else runs, while this thread does nothing but compute, so that the
 * processors are as busy as under compaction, and while it compacts.
 *
 * A mover holds its class's lock for one object at most: step() in src/core/compact.c takes the lock, moves at most
 * one object in step_locked(), and drops it.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "histogram.h"
#include "json.h"
#include "program.h"
#include "random.h"
#include "zsmalloc.h"

enum { MAX_THREADS = 16, MAX_CALLS = 1 << 21, IDLE_MS = 1000, CONTROL_MS = 500 };

enum beside { BESIDE_NOTHING, BESIDE_COMPUTING, BESIDE_COMPACTION, NR_BESIDE, STOP = NR_BESIDE };

static const char *const beside_names[NR_BESIDE] = { "nothing", "computing", "compaction" };

struct worker {
	pthread_t thread;
	uint64_t random;
	unsigned long *handles;
	size_t nr;
	struct bench_histogram replaces[NR_BESIDE];
};

static struct zs_sizes trace;
static struct zs_pool *pool;
static atomic_int beside; /* what the workers run beside, or STOP */
static struct worker workers[MAX_THREADS];
static unsigned char payload[ZS_MAX_OBJECT_BYTES];

struct spent {
	size_t nr_calls;
	size_t nr_bounded; /* calls that the budget ended */
	uint64_t wall_ns;
	uint64_t cpu_ns;
};

struct pace {
	size_t nr;
	uint64_t budget_ns;
	unsigned int nr_threads;
	uint64_t seed;
	unsigned long *handles; /* those kept come first */
	uint64_t freed_bytes;
	struct spent spent;
	struct spent until_last_page;
	double *over_cpu_ns; /* of the calls that the budget ended */
	double *over_wall_ns;
	unsigned long nr_pages; /* given back */
	bool done;
};

/* ---- the pool ---- */

static unsigned long make(uint32_t bytes)
{
	unsigned long handle = zs_malloc(pool, bytes, 0);

	if (!handle)
		bench_die("no memory for an object of %u bytes; give less with -n", bytes);
	return handle;
}

static uint32_t draw(uint64_t *random)
{
	return trace.bytes[zs_random_below(random, trace.nr)];
}

static void fill_and_free_half(struct pace *pace)
{
	uint32_t *sizes = bench_memory(pace->nr * sizeof(*sizes));

	for (size_t i = 0; i < pace->nr; i++) {
		sizes[i] = draw(&pace->seed);
		pace->handles[i] = make(sizes[i]);
		zs_obj_write(pool, pace->handles[i], payload, sizes[i]);
	}
	for (size_t left = pace->nr; left > pace->nr / 2; left--) {
		size_t i = zs_random_below(&pace->seed, left);

		zs_free(pool, pace->handles[i]);
		pace->freed_bytes += sizes[i];
		pace->handles[i] = pace->handles[left - 1];
		sizes[i] = sizes[left - 1];
	}
}

/* ---- those that replace ---- */

static void replace_one(struct worker *worker, int now)
{
	unsigned long *handle = &worker->handles[zs_random_below(&worker->random, worker->nr)];
	uint32_t bytes = draw(&worker->random);
	uint64_t began_ns = bench_clock_ns(CLOCK_MONOTONIC);

	zs_free(pool, *handle);
	*handle = make(bytes);
	bench_histogram_note(&worker->replaces[now], bench_clock_ns(CLOCK_MONOTONIC) - began_ns);
	zs_obj_write(pool, *handle, payload, bytes);
}

static void *replace_all_the_time(void *arg)
{
	int now;

	while ((now = atomic_load_explicit(&beside, memory_order_relaxed)) != STOP)
		replace_one(arg, now);
	return NULL;
}

static void start_workers(struct pace *pace)
{
	size_t share = pace->nr / 2 / pace->nr_threads;

	for (unsigned int i = 0; i < pace->nr_threads; i++) {
		workers[i].random = pace->seed + i + 1;
		workers[i].handles = pace->handles + i * share;
		workers[i].nr = share;
		if (pthread_create(&workers[i].thread, NULL, replace_all_the_time, &workers[i]))
			bench_die("cannot start thread %u of %u", i + 1, pace->nr_threads);
	}
}

static void stop_workers(struct pace *pace)
{
	atomic_store(&beside, STOP);
	for (unsigned int i = 0; i < pace->nr_threads; i++)
		pthread_join(workers[i].thread, NULL);
}

static void compute(uint64_t ns)
{
	uint64_t end_ns = bench_clock_ns(CLOCK_MONOTONIC) + ns;

	while (bench_clock_ns(CLOCK_MONOTONIC) < end_ns)
		;
}

static void run_controls(void)
{
	const struct timespec control = { 0, CONTROL_MS * 1000000L };

	nanosleep(&control, NULL);
	atomic_store(&beside, BESIDE_COMPUTING);
	compute(CONTROL_MS * (uint64_t)1000000);
	atomic_store(&beside, BESIDE_COMPACTION);
}

/* ---- compaction ---- */

static void note_call(struct pace *pace, uint64_t cpu_ns, uint64_t wall_ns)
{
	struct spent *spent = &pace->spent;

	spent->nr_calls++;
	spent->cpu_ns += cpu_ns;
	spent->wall_ns += wall_ns;
	if (pace->done)
		return;
	pace->over_cpu_ns[spent->nr_bounded] = (double)cpu_ns - (double)pace->budget_ns;
	pace->over_wall_ns[spent->nr_bounded++] = (double)wall_ns - (double)pace->budget_ns;
}

static void compact_once(struct pace *pace)
{
	uint64_t cpu_ns = bench_clock_ns(CLOCK_THREAD_CPUTIME_ID), wall_ns = bench_clock_ns(CLOCK_MONOTONIC);
	unsigned long nr_pages = zs_compact_some(pool, 0, pace->budget_ns);

	pace->done = errno != EAGAIN;
	wall_ns = bench_clock_ns(CLOCK_MONOTONIC) - wall_ns;
	note_call(pace, bench_clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_ns, wall_ns);
	pace->nr_pages += nr_pages;
	if (nr_pages || pace->done)
		pace->until_last_page = pace->spent;
}

static bool is_idle(const struct pace *pace)
{
	return pace->spent.wall_ns - pace->until_last_page.wall_ns > IDLE_MS * (uint64_t)1000000;
}

static void compact_all(struct pace *pace)
{
	while (!pace->done && pace->spent.nr_calls < MAX_CALLS && !is_idle(pace))
		compact_once(pace);
}

/* ---- what is told ---- */

static void tell_overrun(struct zs_json *json, const char *name, double *ns, size_t nr)
{
	zs_json_open_object(json, name);
	if (nr) {
		zs_json_number(json, "p50", bench_quantile(ns, nr, .5));
		zs_json_number(json, "p99", bench_quantile(ns, nr, .99));
		zs_json_number(json, "max", bench_quantile(ns, nr, 1));
	}
	zs_json_close_object(json);
}

static void tell_replaces(struct zs_json *json, unsigned int nr_threads, unsigned int what)
{
	static struct bench_histogram all;

	all = (struct bench_histogram){ .nr = 0 };
	for (unsigned int i = 0; i < nr_threads; i++)
		bench_histogram_add(&all, &workers[i].replaces[what]);
	zs_json_open_object(json, beside_names[what]);
	zs_json_integer(json, "replaces", all.nr);
	zs_json_integer(json, "p50", bench_histogram_quantile(&all, .5));
	zs_json_integer(json, "p99", bench_histogram_quantile(&all, .99));
	zs_json_integer(json, "p999", bench_histogram_quantile(&all, .999));
	zs_json_integer(json, "max", all.most);
	zs_json_close_object(json);
}

static void tell(struct pace *pace)
{
	const struct spent *spent = &pace->until_last_page;
	struct zs_pool_stats stats = { .size = sizeof(stats) };
	struct zs_json json;

	zs_pool_stats(pool, &stats);
	zs_json_begin(&json, stdout);
	zs_json_bool(&json, "done", pace->done);
	zs_json_integer(&json, "calls", spent->nr_calls);
	zs_json_integer(&json, "wall_ns", spent->wall_ns);
	zs_json_integer(&json, "cpu_ns", spent->cpu_ns);
	zs_json_integer(&json, "freed_bytes", pace->freed_bytes);
	zs_json_integer(&json, "moved_bytes", stats.bytes_moved);
	zs_json_integer(&json, "pages", pace->nr_pages);
	tell_overrun(&json, "over_cpu_ns", pace->over_cpu_ns, spent->nr_bounded);
	tell_overrun(&json, "over_wall_ns", pace->over_wall_ns, spent->nr_bounded);
	zs_json_open_object(&json, "replace_ns");
	for (unsigned int what = 0; what < NR_BESIDE && pace->nr_threads; what++)
		tell_replaces(&json, pace->nr_threads, what);
	zs_json_close_object(&json);
	zs_json_end(&json);
}

static void run(struct pace *pace)
{
	pool = zs_create_pool(0, NULL);
	if (!pool)
		bench_die("cannot create a pool");
	pace->handles = bench_memory(pace->nr * sizeof(*pace->handles));
	pace->over_cpu_ns = bench_memory(MAX_CALLS * sizeof(*pace->over_cpu_ns));
	pace->over_wall_ns = bench_memory(MAX_CALLS * sizeof(*pace->over_wall_ns));
	fill_and_free_half(pace);
	if (pace->nr_threads) {
		start_workers(pace);
		run_controls();
	}
	compact_all(pace);
	stop_workers(pace);
	tell(pace);
	zs_destroy_pool(pool);
}

int main(int argc, char **argv)
{
	struct pace pace = { .nr = 1000000, .budget_ns = 200000, .seed = 1 };
	const char *trace_path = NULL;
	int option;

	while ((option = getopt(argc, argv, "t:n:b:j:r:")) >= 0) {
		switch (option) {
		case 't': trace_path = optarg; break;
		case 'n': pace.nr = bench_number(option, optarg, 1000, 100000000); break;
		case 'b': pace.budget_ns = bench_number(option, optarg, 1, 1000000000); break;
		case 'j': pace.nr_threads = (unsigned int)bench_number(option, optarg, 0, MAX_THREADS); break;
		case 'r': pace.seed = bench_number(option, optarg, 0, UINT64_MAX); break;
		default: bench_die("see the head of pace.c");
		}
	}
	if (!trace_path || optind != argc)
		bench_die("give a trace with -t");
	bench_read_trace(&trace, trace_path);
	if (trace.max_bytes > ZS_PAGE_BYTES)
		bench_die("%s: it has objects of %u bytes; a page is the most here", trace_path, trace.max_bytes);
	run(&pace);
	zs_sizes_free(&trace);
	return 0;
}
