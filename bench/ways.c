/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What mapping costs in either way and in each mode.
 *
 *   ways -t TRACE [-n OPERATIONS] [-k ROUNDS]
 *
 * Idea and method are of Seth Jennings' zsmapbench, with which he compared copying and page tables in 2012 and 2013:
 * map an object, touch it, unmap it. Here the ways are single pages of a source (zs_ops), where an object that spans
 * pages is copied, and the library's own arena, where every object lies in one piece. All of the object is touched:
 * RO sums its words up, WO sets them, RW adds one to each. Objects are chosen at random out of 32 MiB of them, so the
 * touching is in the figures, and cache misses are; it is the same for both ways. Each figure is the median of the
 * rounds; in a round each way and mode has its turn.
 *
 * Whether an object was copied shows by its address, which is then in no page of the source.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>

#include "json.h"
#include "pages.h"
#include "program.h"
#include "random.h"

enum { LIVE_BYTES = 32 << 20, MAX_OBJECTS = 1 << 20, MAX_ROUNDS = 64, NR_WAYS = 2, NR_MODES = 3 };

/* fixed 0: sizes of the trace */
struct subject {
	const char *name;
	uint32_t fixed;
};

static const struct subject subjects[] = {
	{ "128 bytes", 128 }, { "1000 bytes", 1000 }, { "60 % of a page", 2456 }, { "3900 bytes", 3896 }, { "proc", 0 },
};
static const char *const way_names[NR_WAYS] = { "arena", "pages" };
static const char *const mode_names[NR_MODES] = { "RO", "RW", "WO" };
static const enum zs_mapmode modes[NR_MODES] = { ZS_MM_RO, ZS_MM_RW, ZS_MM_WO };

struct way {
	struct bench_pages pages;
	struct zs_pool *pool;
	unsigned long *handles;
	double ns[NR_MODES][MAX_ROUNDS];
};

struct bench {
	struct zs_sizes trace;
	size_t nr_operations;
	size_t nr_rounds;
	struct way ways[NR_WAYS];
	uint32_t *sizes; /* of the objects, in both ways */
	uint32_t *which; /* object of each operation */
	size_t nr;
	uint64_t random;
	uint64_t sum; /* what was read, so that it is */
};

static void touch(struct bench *bench, uint64_t *word, size_t nr, enum zs_mapmode mode)
{
	uint64_t sum = 0;

	if (mode == ZS_MM_RO)
		for (size_t i = 0; i < nr; i++)
			sum += word[i];
	else if (mode == ZS_MM_RW)
		for (size_t i = 0; i < nr; i++)
			word[i]++;
	else
		for (size_t i = 0; i < nr; i++)
			word[i] = i;
	bench->sum += sum;
}

static double time_mode(struct bench *bench, const struct way *way, enum zs_mapmode mode)
{
	uint64_t began_ns = bench_clock_ns(CLOCK_MONOTONIC);

	for (size_t i = 0; i < bench->nr_operations; i++) {
		unsigned long handle = way->handles[bench->which[i]];
		uint64_t *object = zs_map_object(way->pool, handle, mode);

		touch(bench, object, bench->sizes[bench->which[i]] / sizeof(*object), mode);
		zs_unmap_object(way->pool, handle);
	}
	return (double)(bench_clock_ns(CLOCK_MONOTONIC) - began_ns) / (double)bench->nr_operations;
}

static void choose(struct bench *bench, const struct subject *subject)
{
	uint64_t bytes = 0;

	bench->random = 1;
	for (bench->nr = 0; bytes < LIVE_BYTES && bench->nr < MAX_OBJECTS; bench->nr++) {
		uint32_t drawn = bench->trace.bytes[zs_random_below(&bench->random, bench->trace.nr)];

		bench->sizes[bench->nr] = subject->fixed ? subject->fixed : drawn;
		bytes += bench->sizes[bench->nr];
	}
	for (size_t i = 0; i < bench->nr_operations; i++)
		bench->which[i] = (uint32_t)zs_random_below(&bench->random, bench->nr);
}

static void open_way(const struct bench *bench, struct way *way, bool has_pages)
{
	static const unsigned char payload[ZS_PAGE_BYTES];
	size_t nr_pages = 2 * LIVE_BYTES / ZS_PAGE_BYTES;
	struct zs_ops ops;

	if (has_pages)
		bench_pages_open(&way->pages, nr_pages, nr_pages, 1);
	ops = bench_pages_ops(&way->pages);
	way->pool = zs_create_pool(0, has_pages ? &ops : NULL);
	if (!way->pool)
		bench_die("cannot create a pool");
	for (size_t i = 0; i < bench->nr; i++) {
		way->handles[i] = zs_malloc(way->pool, bench->sizes[i], 0);
		if (!way->handles[i] || zs_obj_write(way->pool, way->handles[i], payload, bench->sizes[i]))
			bench_die("cannot make an object of %u bytes", bench->sizes[i]);
	}
}

static void close_way(struct way *way, bool has_pages)
{
	zs_destroy_pool(way->pool);
	if (has_pages)
		bench_pages_close(&way->pages);
}

/* The share of the objects that are copied when they are mapped. */
static double share_copied(const struct bench *bench, const struct way *way)
{
	size_t nr_copied = 0;

	for (size_t i = 0; i < bench->nr; i++) {
		nr_copied += !bench_pages_hold(&way->pages, zs_map_object(way->pool, way->handles[i], ZS_MM_RO));
		zs_unmap_object(way->pool, way->handles[i]);
	}
	return (double)nr_copied / (double)bench->nr;
}

static void tell(struct bench *bench, const struct subject *subject, struct zs_json *json)
{
	zs_json_open_object(json, subject->name);
	zs_json_number(json, "copied", share_copied(bench, &bench->ways[1]));
	for (unsigned int w = 0; w < NR_WAYS; w++) {
		zs_json_open_object(json, way_names[w]);
		for (unsigned int m = 0; m < NR_MODES; m++)
			zs_json_number(json, mode_names[m], bench_quantile(bench->ways[w].ns[m], bench->nr_rounds, .5));
		zs_json_close_object(json);
	}
	zs_json_close_object(json);
}

static void measure(struct bench *bench, const struct subject *subject, struct zs_json *json)
{
	choose(bench, subject);
	for (unsigned int w = 0; w < NR_WAYS; w++)
		open_way(bench, &bench->ways[w], w == 1);
	for (size_t round = 0; round < bench->nr_rounds; round++)
		for (unsigned int m = 0; m < NR_MODES; m++)
			for (unsigned int w = 0; w < NR_WAYS; w++)
				bench->ways[w].ns[m][round] = time_mode(bench, &bench->ways[w], modes[m]);
	tell(bench, subject, json);
	for (unsigned int w = 0; w < NR_WAYS; w++)
		close_way(&bench->ways[w], w == 1);
}

static void prepare(struct bench *bench)
{
	bench->sizes = bench_memory(MAX_OBJECTS * sizeof(*bench->sizes));
	bench->which = bench_memory(bench->nr_operations * sizeof(*bench->which));
	for (unsigned int w = 0; w < NR_WAYS; w++)
		bench->ways[w].handles = bench_memory(MAX_OBJECTS * sizeof(*bench->ways[w].handles));
}

int main(int argc, char **argv)
{
	static struct bench bench = { .nr_operations = 200000, .nr_rounds = 5 };
	const char *trace_path = NULL;
	struct zs_json json;
	int option;

	while ((option = getopt(argc, argv, "t:n:k:")) >= 0) {
		switch (option) {
		case 't': trace_path = optarg; break;
		case 'n': bench.nr_operations = bench_number(option, optarg, 1, 1 << 28); break;
		case 'k': bench.nr_rounds = bench_number(option, optarg, 1, MAX_ROUNDS); break;
		default: bench_die("see the head of ways.c");
		}
	}
	if (!trace_path || optind != argc)
		bench_die("give a trace with -t");
	bench_read_trace(&bench.trace, trace_path);
	prepare(&bench);
	zs_json_begin(&json, stdout);
	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
		measure(&bench, &subjects[i], &json);
	zs_json_end(&json);
	zs_sizes_free(&bench.trace);
	return 0;
}
