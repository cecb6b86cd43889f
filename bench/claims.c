/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The two claims of the proposal of 2013: objects of more than half a page do not waste the rest of a page, and memory
 * that has only single pages left is enough.
 *
 *   claims -t TRACE [-n OBJECTS] [-r SEED]
 *
 * Density is that of a fill. This library is measured, all metadata counted; all others are models (lib/models.h).
 *
 * For the second claim, random pages of a region are free and no others can be had. Objects of the trace are made until
 * one fails, and then ten thousand more are tried. What is stored is told for each byte of the free pages and of
 * metadata that lies elsewhere (the library's own; 8 bytes of a handle in the kernel's; slabs have none).
 */
#include <getopt.h>
#include <stdlib.h>

#include "json.h"
#include "models.h"
#include "pages.h"
#include "program.h"
#include "random.h"

enum { HALF_PAGE = ZS_PAGE_BYTES / 2, TRIES_AFTER_FAILURE = 10000, MAX_NAME = 64 };

struct claims {
	struct zs_sizes trace;
	size_t nr;
	uint64_t seed;
	uint32_t *sizes;
	struct zs_json json;
};

/* ---- objects of more than half a page ---- */

static uint32_t draw_sixty_percent(const struct claims *claims, uint64_t *random)
{
	(void)claims;
	(void)random;
	return ZS_PAGE_BYTES * 6 / 10;
}

static uint32_t draw_above_half(const struct claims *claims, uint64_t *random)
{
	(void)claims;
	return HALF_PAGE + 1 + zs_random_below(random, HALF_PAGE);
}

static uint32_t draw_of_trace(const struct claims *claims, uint64_t *random)
{
	return claims->trace.bytes[zs_random_below(random, claims->trace.nr)];
}

struct distribution {
	const char *name;
	uint32_t (*draw)(const struct claims *claims, uint64_t *random);
};

static const struct distribution distributions[] = {
	{ "60 % of a page", draw_sixty_percent },
	{ "2049 to 4096 bytes", draw_above_half },
	{ "proc", draw_of_trace },
};

static uint64_t pool_bytes(const uint32_t *sizes, size_t nr)
{
	struct zs_pool *pool = zs_create_pool(0, NULL);
	uint64_t bytes;

	if (!pool)
		bench_die("cannot create a pool");
	for (size_t i = 0; i < nr; i++)
		if (!zs_malloc(pool, sizes[i], 0))
			bench_die("no memory for object %zu of %zu; give less with -n", i, nr);
	bytes = zs_get_total_size_bytes(pool);
	zs_destroy_pool(pool);
	return bytes;
}

static void tell_density(struct claims *claims, const struct distribution *distribution)
{
	uint64_t random = claims->seed;
	double payload = 0;

	for (size_t i = 0; i < claims->nr; i++) {
		claims->sizes[i] = distribution->draw(claims, &random);
		payload += claims->sizes[i];
	}
	zs_json_open_object(&claims->json, distribution->name);
	zs_json_number(&claims->json, "zsmalloc", payload / (double)pool_bytes(claims->sizes, claims->nr));
	for (const struct bench_model *model = bench_models; model->name; model++)
		zs_json_number(&claims->json, model->name, payload / (double)model->fill(claims->sizes, claims->nr));
	zs_json_close_object(&claims->json);
}

/* ---- single pages ---- */

struct source {
	size_t nr_pages;
	size_t nr_free;
};

static const struct source sources[] = {
	{ 16384, 8192 }, { 16384, 4096 }, { 16384, 2048 }, { 2048, 256 }, { 512, 64 },
};

/* What came of one allocator on one source. */
struct outcome {
	uint64_t first_run; /* objects before the first failure */
	uint64_t objects;
	uint64_t payload_bytes;
	uint64_t metadata_bytes; /* not in the pages of the source */
};

/* store: whether an object of so many bytes was stored. */
static struct outcome try_objects(const struct claims *claims, bool (*store)(void *ctx, uint32_t bytes), void *ctx)
{
	struct outcome outcome = { 0 };
	uint64_t random = claims->seed;
	bool has_failed = false;

	for (size_t left = TRIES_AFTER_FAILURE; left; left -= has_failed) {
		uint32_t bytes = draw_of_trace(claims, &random);

		if (store(ctx, bytes)) {
			outcome.objects++;
			outcome.payload_bytes += bytes;
			outcome.first_run += !has_failed;
		} else {
			has_failed = true;
		}
	}
	return outcome;
}

static void tell_outcome(struct claims *claims, const struct source *source, const char *name, struct outcome outcome)
{
	double bytes = (double)(source->nr_free * ZS_PAGE_BYTES + outcome.metadata_bytes);

	zs_json_open_object(&claims->json, name);
	zs_json_integer(&claims->json, "objects_before_failure", outcome.first_run);
	zs_json_integer(&claims->json, "objects", outcome.objects);
	zs_json_number(&claims->json, "density", (double)outcome.payload_bytes / bytes);
	zs_json_close_object(&claims->json);
}

struct pool_store {
	struct zs_pool *pool;
	struct bench_pages pages;
	uint64_t most_asked; /* pages, by one allocation that was refused none */
};

static bool store_in_pool(void *ctx, uint32_t bytes)
{
	struct pool_store *store = ctx;
	uint64_t given_before = store->pages.nr_given, refused_before = store->pages.nr_refused;
	bool stored = zs_malloc(store->pool, bytes, 0) != 0;
	uint64_t given = store->pages.nr_given - given_before;

	if (store->pages.nr_refused == refused_before && given > store->most_asked)
		store->most_asked = given;
	return stored;
}

/* Result: the most pages that one allocation asked for and was given. */
static uint64_t try_pool(struct claims *claims, const struct source *source)
{
	struct zs_pool_stats stats = { .size = sizeof(stats) };
	struct pool_store store = { .most_asked = 0 };
	struct outcome outcome;
	struct zs_ops ops;

	bench_pages_open(&store.pages, source->nr_pages, source->nr_free, claims->seed);
	ops = bench_pages_ops(&store.pages);
	store.pool = zs_create_pool(0, &ops);
	if (!store.pool)
		bench_die("cannot create a pool");
	outcome = try_objects(claims, store_in_pool, &store);
	zs_pool_stats(store.pool, &stats);
	outcome.metadata_bytes = stats.metadata_bytes;
	zs_destroy_pool(store.pool);
	bench_pages_close(&store.pages);
	tell_outcome(claims, source, "zsmalloc", outcome);
	return store.most_asked;
}

static void try_kernel(struct claims *claims, const struct source *source, unsigned int max_chain)
{
	struct bench_kernel *kernel = bench_kernel_open(source->nr_free, max_chain);
	struct outcome outcome = try_objects(claims, bench_kernel_store, kernel);
	char name[MAX_NAME];

	outcome.metadata_bytes = bench_kernel_metadata_bytes(kernel);
	bench_kernel_close(kernel);
	snprintf(name, sizeof(name), "kernel, chains of %u", max_chain);
	tell_outcome(claims, source, name, outcome);
}

static void try_slabs(struct claims *claims, const struct source *source, unsigned int order, bool may_fall_back)
{
	struct bench_pages pages;
	struct bench_slabs *slabs;
	char name[MAX_NAME];

	bench_pages_open(&pages, source->nr_pages, source->nr_free, claims->seed);
	slabs = bench_slabs_open(&pages, order, may_fall_back);
	snprintf(name, sizeof(name), may_fall_back ? "slabs of %u pages, else of one" : "slabs of %u pages",
		 1u << order);
	tell_outcome(claims, source, name, try_objects(claims, bench_slabs_store, slabs));
	bench_slabs_close(slabs);
	bench_pages_close(&pages);
}

static void tell_source(struct claims *claims, const struct source *source)
{
	uint64_t most_asked;

	zs_json_open_object(&claims->json, NULL);
	zs_json_integer(&claims->json, "pages", source->nr_pages);
	zs_json_integer(&claims->json, "free_pages", source->nr_free);
	zs_json_open_object(&claims->json, "allocators");
	most_asked = try_pool(claims, source);
	try_kernel(claims, source, 4);
	try_kernel(claims, source, 8);
	for (unsigned int order = 1; order <= 3; order++)
		try_slabs(claims, source, order, false);
	try_slabs(claims, source, 3, true);
	zs_json_close_object(&claims->json);
	zs_json_integer(&claims->json, "pages_asked_at_most", most_asked);
	zs_json_close_object(&claims->json);
}

static void run(struct claims *claims)
{
	claims->sizes = bench_memory(claims->nr * sizeof(*claims->sizes));
	zs_json_begin(&claims->json, stdout);
	zs_json_open_object(&claims->json, "density");
	for (size_t i = 0; i < sizeof(distributions) / sizeof(distributions[0]); i++)
		tell_density(claims, &distributions[i]);
	zs_json_close_object(&claims->json);
	zs_json_open_array(&claims->json, "single_pages");
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		tell_source(claims, &sources[i]);
	zs_json_close_array(&claims->json);
	zs_json_end(&claims->json);
}

int main(int argc, char **argv)
{
	struct claims claims = { .nr = 100000, .seed = 1 };
	const char *trace_path = NULL;
	int option;

	while ((option = getopt(argc, argv, "t:n:r:")) >= 0) {
		switch (option) {
		case 't': trace_path = optarg; break;
		case 'n': claims.nr = bench_number(option, optarg, 1, 10000000); break;
		case 'r': claims.seed = bench_number(option, optarg, 0, UINT64_MAX); break;
		default: bench_die("see the head of claims.c");
		}
	}
	if (!trace_path || optind != argc)
		bench_die("give a trace with -t");
	bench_read_trace(&claims.trace, trace_path);
	if (claims.trace.max_bytes > ZS_PAGE_BYTES)
		bench_die("%s: it has objects of %u bytes, and only those of a page fit the models", trace_path,
			  claims.trace.max_bytes);
	run(&claims);
	zs_sizes_free(&claims.trace);
	return 0;
}
