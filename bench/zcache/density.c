/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * How many bytes of values a cache holds for each byte by which the process has grown: after they were put, after they
 * were overwritten at random, and after a part was dropped. Nothing is compressed. Tells in JSON.
 *   zcache-density [-n VALUES] [-o OVERWRITES] [-d DROPPED_PERCENT] [-r SEED]
 */
#include <getopt.h>

#include "json.h"
#include "program.h"
#include "random.h"
#include "resident.h"
#include "zcache.h"

#define LEAST_BYTES 300u
#define MOST_BYTES 3500u
#define LIMIT_BYTES (1ull << 30)

struct density {
	uint32_t nr_values;
	uint32_t nr_overwrites;
	uint32_t percent; /* dropped */
	uint64_t random;
	struct zcache *cache;
	int pool;
	uint32_t *lengths;
	uint64_t value_bytes;
	uint64_t base_bytes; /* of the process, before the cache was made */
};

static void put(struct density *density, uint32_t number)
{
	static uint64_t value[MOST_BYTES / sizeof(uint64_t) + 1];
	uint32_t len = LEAST_BYTES + (uint32_t)zs_random_below(&density->random, MOST_BYTES - LEAST_BYTES + 1);

	for (uint32_t i = 0; i < sizeof(value) / sizeof(value[0]); i++)
		value[i] = zs_random(&density->random);
	if (zcache_put(density->cache, density->pool, number, 0, value, len, 0))
		bench_die("value %u was not stored", number);
	density->value_bytes += len - (uint64_t)density->lengths[number];
	density->lengths[number] = len;
}

static void drop(struct density *density, uint32_t number)
{
	if (zcache_flush_page(density->cache, density->pool, number, 0))
		bench_die("value %u was not dropped", number);
	density->value_bytes -= density->lengths[number];
	density->lengths[number] = 0;
}

/* All values must be there: else less would be held than it seems. */
static void tell(struct density *density, struct zs_json *json, const char *state, uint64_t since_ns)
{
	uint64_t took_ns = bench_clock_ns(CLOCK_MONOTONIC) - since_ns;
	uint64_t grown_bytes = zs_resident_bytes() - density->base_bytes;
	struct zcache_stats stats = { .size = sizeof(stats) };

	zcache_stats(density->cache, &stats);
	if (stats.value_bytes != density->value_bytes)
		bench_die("%s: values are missing", state);
	zs_json_open_object(json, state);
	zs_json_integer(json, "value_bytes", density->value_bytes);
	zs_json_integer(json, "grown_bytes", grown_bytes);
	zs_json_integer(json, "told_bytes", stats.total_bytes);
	zs_json_integer(json, "index_bytes", stats.index_bytes);
	zs_json_number(json, "density", (double)density->value_bytes / (double)grown_bytes);
	zs_json_integer(json, "took_ns", took_ns);
	zs_json_close_object(json);
}

static void fill(struct density *density)
{
	for (uint32_t i = 0; i < density->nr_values; i++)
		put(density, i);
}

static void overwrite(struct density *density)
{
	for (uint32_t i = 0; i < density->nr_overwrites; i++)
		put(density, (uint32_t)zs_random_below(&density->random, density->nr_values));
}

static void drop_some(struct density *density)
{
	for (uint32_t i = 0; i < density->nr_values; i++)
		if (zs_random_below(&density->random, 100) < density->percent)
			drop(density, i);
}

static void measure(struct density *density)
{
	static const struct {
		const char *name;
		void (*act)(struct density *density);
	} states[] = { { "fresh", fill }, { "overwritten", overwrite }, { "dropped", drop_some } };
	struct zs_json json;

	zs_json_begin(&json, stdout);
	for (unsigned int i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		uint64_t since_ns = bench_clock_ns(CLOCK_MONOTONIC);

		states[i].act(density);
		tell(density, &json, states[i].name, since_ns);
	}
	zs_json_end(&json);
}

static void parse(struct density *density, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "n:o:d:r:")) >= 0) {
		switch (option) {
		case 'n': density->nr_values = (uint32_t)bench_number(option, optarg, 1, 100000000); break;
		case 'o': density->nr_overwrites = (uint32_t)bench_number(option, optarg, 0, 1000000000); break;
		case 'd': density->percent = (uint32_t)bench_number(option, optarg, 0, 99); break;
		case 'r': density->random = bench_number(option, optarg, 0, UINT64_MAX); break;
		default: bench_die("see the head of density.c");
		}
	}
	if (optind != argc)
		bench_die("see the head of density.c");
}

int main(int argc, char **argv)
{
	struct density density = { .nr_values = 100000, .nr_overwrites = 200000, .percent = 70, .random = 1 };
	struct zcache_options options = { .size = sizeof(options), .limit_bytes = LIMIT_BYTES };

	parse(&density, argc, argv);
	density.lengths = bench_memory(density.nr_values * sizeof(*density.lengths));
	density.base_bytes = zs_resident_bytes();
	density.cache = zcache_create(&options);
	density.pool = density.cache ? zcache_new_pool(density.cache, NULL) : -1;
	if (density.pool < 0)
		bench_die("there is no cache");
	measure(&density);
	zcache_destroy(density.cache);
	return 0;
}
