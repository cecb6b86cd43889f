/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A cache in front of something slow: squares, "computed" by a function that is asked only when the cache has none.
 *
 *   cc zcache.c $(pkg-config --cflags --libs zcache) -o zcache && ./zcache
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <zcache.h>

#define LIMIT_BYTES (4u << 20)
#define NR_NUMBERS 20000u
#define NR_LOOKUPS 200000u

static unsigned long nr_computed;

static size_t compute(unsigned int number, char *text, size_t size)
{
	nr_computed++;
	memset(text, '.', size);
	snprintf(text, size, "%u has the square %llu", number, 1ull * number * number);
	return size;
}

/* Others might flush the number meanwhile: then what was computed is not stored. */
static int look_up(struct zcache *cache, int pool, unsigned int number, char *text, size_t size)
{
	zcache_token token;
	int len = zcache_get(cache, pool, number, 0, text, size, &token);

	if (len != -ENOENT)
		return len;
	len = (int)compute(number, text, size);
	zcache_put(cache, pool, number, 0, text, (size_t)len, token);
	return len;
}

/* Small numbers are asked for more often than large ones. */
static int use(struct zcache *cache, int pool)
{
	unsigned long long state = 1;
	char text[1000], right[64];

	for (unsigned int i = 0; i < NR_LOOKUPS; i++) {
		unsigned int number;

		state = state * 6364136223846793005u + 1442695040888963407u;
		number = (unsigned int)((state >> 33) % (1 + (state >> 45) % NR_NUMBERS));
		snprintf(right, sizeof(right), "%u has the square %llu", number, 1ull * number * number);
		if (look_up(cache, pool, number, text, sizeof(text)) != sizeof(text) || strcmp(text, right))
			return -1;
	}
	return 0;
}

static void print_figures(struct zcache *cache)
{
	struct zcache_stats stats = { .size = sizeof(stats) };

	zcache_stats(cache, &stats);
	printf("%u lookups: %llu hits, %lu computed; %llu values of %.1f MiB are kept in %.1f MiB\n", NR_LOOKUPS,
	       (unsigned long long)stats.hits, nr_computed, (unsigned long long)stats.values,
	       (double)stats.value_bytes / (1 << 20), (double)stats.total_bytes / (1 << 20));
}

int main(void)
{
	struct zcache_options options = { .size = sizeof(options), .limit_bytes = LIMIT_BYTES };
	struct zcache *cache = zcache_create(&options);
	int pool = cache ? zcache_new_pool(cache, NULL) : -ENOMEM;
	int err = pool < 0 ? pool : use(cache, pool);

	if (err)
		fprintf(stderr, "zcache: it does not work\n");
	else
		print_figures(cache);
	zcache_destroy(cache);
	return err ? 1 : 0;
}
