/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What one call costs: time, or instructions where callgrind counts them between the calls of measured_*().
 *   speed -t TRACE [-n OBJECTS] [-o OPERATIONS] [-j THREADS] [-r SEED] [-f FLAGS] WHAT
 * Prints nanoseconds an operation. The objects have the trace's sizes, in random order; each thread has its share.
 */
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench_heap.h"
#include "program.h"
#include "random.h"
#include "sizes.h"

enum { MAX_OBJECT = 65536, MAX_THREADS = 64 };

struct worker {
	pthread_t thread;
	uint64_t random;
	bench_object *objects;
	uint32_t *sizes;
	size_t nr;
	size_t nr_operations;
	uint64_t sum; /* what was read, so that it is */
	uint64_t ns;
};

static struct zs_sizes trace;
static unsigned char payload[MAX_OBJECT];
static pthread_barrier_t start_line;

static uint32_t random_size(struct worker *worker)
{
	return trace.bytes[zs_random_below(&worker->random, trace.nr)];
}

static void put(struct worker *worker, size_t i, uint32_t size, bool write)
{
	worker->objects[i] = bench_alloc(size);
	worker->sizes[i] = size;
	if (!worker->objects[i])
		bench_die("out of memory");
	if (write)
		bench_write(worker->objects[i], payload, size);
}

/* In random order, so that what lies side by side was not made one after the other. */
static void fill(struct worker *worker)
{
	for (size_t i = 0; i < worker->nr; i++)
		put(worker, i, random_size(worker), true);
	for (size_t i = worker->nr; i > 1; i--) {
		size_t other = zs_random_below(&worker->random, i);
		bench_object object = worker->objects[other];
		uint32_t size = worker->sizes[other];

		worker->objects[other] = worker->objects[i - 1];
		worker->sizes[other] = worker->sizes[i - 1];
		worker->objects[i - 1] = object;
		worker->sizes[i - 1] = size;
	}
}

/* The choice is made outside of what is measured. */
static void choose(struct worker *worker, uint32_t *which, uint32_t *sizes, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		which[i] = (uint32_t)zs_random_below(&worker->random, worker->nr);
		sizes[i] = random_size(worker);
	}
}

#define MEASURED __attribute__((noinline)) static void
/* The compiler cannot know what becomes of it. */
#define KEEP(x) __asm__ volatile("" : "+r"(x) : : "memory")

MEASURED measured_replace(struct worker *worker, const uint32_t *which, const uint32_t *sizes, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		bench_free(worker->objects[which[i]]);
		put(worker, which[i], sizes[i], false);
	}
}

/* The loop without the calls, whose instructions are to be subtracted. */
MEASURED measured_nothing_replace(struct worker *worker, const uint32_t *which, const uint32_t *sizes, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		bench_object object = worker->objects[which[i]];

		KEEP(object);
		worker->objects[which[i]] = object;
		worker->sizes[which[i]] = sizes[i];
		if (!object)
			bench_die("out of memory");
	}
}

MEASURED measured_nothing_map(struct worker *worker, const uint32_t *which, const uint32_t *sizes, size_t nr)
{
	(void)sizes;
	for (size_t i = 0; i < nr; i++) {
		bench_object object = worker->objects[which[i]];

		KEEP(object);
		worker->sum += (uintptr_t)object;
	}
}

MEASURED measured_replace_write(struct worker *worker, const uint32_t *which, const uint32_t *sizes, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		bench_free(worker->objects[which[i]]);
		put(worker, which[i], sizes[i], true);
	}
}

MEASURED measured_touch(struct worker *worker, const uint32_t *which, const uint32_t *sizes, size_t nr)
{
	(void)sizes;
	for (size_t i = 0; i < nr; i++) {
		worker->sum += *(const unsigned char *)bench_map(worker->objects[which[i]]);
		bench_unmap(worker->objects[which[i]]);
	}
}

MEASURED measured_map(struct worker *worker, const uint32_t *which, const uint32_t *sizes, size_t nr)
{
	(void)sizes;
	for (size_t i = 0; i < nr; i++) {
		worker->sum += (uintptr_t)bench_map(worker->objects[which[i]]);
		bench_unmap(worker->objects[which[i]]);
	}
}

static uint64_t sum_of(const void *data, size_t len)
{
	const uint64_t *word = data;
	uint64_t sum = 0;

	for (size_t i = 0; i < len / sizeof(*word); i++)
		sum += word[i];
	return sum;
}

MEASURED measured_read(struct worker *worker, const uint32_t *which, const uint32_t *sizes, size_t nr)
{
	(void)which;
	(void)sizes;
	for (size_t i = 0; i < nr; i++) {
		const void *data = bench_read_begin(worker->objects[i], worker->sizes[i]);

		worker->sum += sum_of(data, worker->sizes[i]);
		bench_read_end(worker->objects[i], worker->sizes[i], data);
	}
}

MEASURED measured_hot_pair(struct worker *worker, const uint32_t *which, const uint32_t *sizes, size_t nr)
{
	(void)which;
	(void)worker;
	for (size_t i = 0; i < nr; i++) {
		bench_object object = bench_alloc(sizes[i]);

		KEEP(object);
		bench_free(object);
	}
}

MEASURED measured_free(struct worker *worker, const uint32_t *which, const uint32_t *sizes, size_t nr)
{
	(void)which;
	(void)sizes;
	for (size_t i = 0; i < nr; i++)
		bench_free(worker->objects[i]);
}

MEASURED measured_free_bulk(struct worker *worker, const uint32_t *which, const uint32_t *sizes, size_t nr)
{
	(void)which;
	(void)sizes;
	bench_free_many(worker->objects, nr);
}

MEASURED measured_fill(struct worker *worker, const uint32_t *which, const uint32_t *sizes, size_t nr)
{
	(void)which;
	for (size_t i = 0; i < nr; i++)
		put(worker, i, sizes[i], true);
}

struct kind {
	const char *name;
	void (*measured)(struct worker *worker, const uint32_t *which, const uint32_t *sizes, size_t nr);
	bool of_all; /* each object once, not nr_operations at random */
	bool ends;   /* the objects are gone after it */
	bool begins; /* and there are none before it */
};

static const struct kind kinds[] = {
	{ .name = "replace", .measured = measured_replace },
	{ .name = "nothing-replace", .measured = measured_nothing_replace },
	{ .name = "nothing-map", .measured = measured_nothing_map },
	{ .name = "replace-write", .measured = measured_replace_write },
	{ .name = "map", .measured = measured_map },
	{ .name = "touch", .measured = measured_touch },
	{ .name = "read", .measured = measured_read, .of_all = true },
	{ .name = "hot-pair", .measured = measured_hot_pair },
	{ .name = "fill", .measured = measured_fill, .of_all = true, .begins = true },
	{ .name = "free", .measured = measured_free, .of_all = true, .ends = true },
	{ .name = "free-bulk", .measured = measured_free_bulk, .of_all = true, .ends = true },
};

static const struct kind *kind;

static void *work(void *arg)
{
	struct worker *worker = arg;
	size_t nr = kind->of_all ? worker->nr : worker->nr_operations;
	uint32_t *which = calloc(nr, sizeof(*which)), *sizes = calloc(nr, sizeof(*sizes));
	uint64_t began_ns;

	if (!which || !sizes)
		bench_die("out of memory");
	if (!kind->begins)
		fill(worker);
	choose(worker, which, sizes, nr);
	pthread_barrier_wait(&start_line);
	began_ns = bench_clock_ns(CLOCK_MONOTONIC);
	kind->measured(worker, which, sizes, nr);
	worker->ns = bench_clock_ns(CLOCK_MONOTONIC) - began_ns;
	pthread_barrier_wait(&start_line);
	if (!kind->ends)
		bench_free_many(worker->objects, worker->nr);
	free(which);
	free(sizes);
	return NULL;
}

static void run(unsigned int nr_threads, size_t nr_objects, size_t nr_operations, uint64_t seed)
{
	struct worker workers[MAX_THREADS] = { 0 };
	uint64_t ns = 0;

	pthread_barrier_init(&start_line, NULL, nr_threads);
	for (unsigned int i = 0; i < nr_threads; i++) {
		struct worker *worker = &workers[i];

		worker->random = seed * MAX_THREADS + i;
		worker->nr = nr_objects / nr_threads;
		worker->nr_operations = nr_operations / nr_threads;
		worker->objects = calloc(worker->nr, sizeof(*worker->objects));
		worker->sizes = calloc(worker->nr, sizeof(*worker->sizes));
		if (!worker->objects || !worker->sizes || pthread_create(&worker->thread, NULL, work, worker))
			bench_die("cannot start a thread");
	}
	for (unsigned int i = 0; i < nr_threads; i++) {
		struct worker *worker = &workers[i];

		pthread_join(worker->thread, NULL);
		ns = worker->ns > ns ? worker->ns : ns;
		free(worker->objects);
		free(worker->sizes);
	}
	printf("%s %.2f\n", kind->name,
	       (double)ns / (double)(kind->of_all ? nr_objects / nr_threads : nr_operations / nr_threads));
}

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	bench_die("%s: no such operation; see kinds[] in speed.c", name);
}

int main(int argc, char **argv)
{
	size_t nr_objects = 160000, nr_operations = 1000000;
	unsigned int nr_threads = 1, flags = 0;
	const char *trace_path = NULL;
	uint64_t seed = 1;
	int option;

	while ((option = getopt(argc, argv, "t:n:o:j:r:f:")) >= 0) {
		switch (option) {
		case 't': trace_path = optarg; break;
		case 'n': nr_objects = bench_number(option, optarg, 1, UINT32_MAX); break;
		case 'o': nr_operations = bench_number(option, optarg, 1, UINT32_MAX); break;
		case 'j': nr_threads = (unsigned int)bench_number(option, optarg, 1, MAX_THREADS); break;
		case 'r': seed = bench_number(option, optarg, 0, UINT64_MAX); break;
		case 'f': flags = (unsigned int)bench_number(option, optarg, 0, UINT32_MAX); break;
		default: bench_die("see the head of speed.c");
		}
	}
	if (!trace_path || optind != argc - 1 || nr_objects < nr_threads)
		bench_die("see the head of speed.c");
	bench_read_trace(&trace, trace_path);
	kind = find_kind(argv[optind]);
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (unsigned char)(i * 7);
	bench_heap_open(flags);
	run(nr_threads, nr_objects, nr_operations, seed);
	bench_heap_close();
	zs_sizes_free(&trace);
	return 0;
}
