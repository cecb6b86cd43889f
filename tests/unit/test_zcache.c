/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The public calls of the cache.
 */
#include <pthread.h>
#include <time.h>

#include "random.h"
#include "statm.h"
#include "unit.h"
#include "values.h"
#include "zcache.h"

#define LIMIT (64u << 20)

static struct zcache *make_cache(uint64_t limit_bytes)
{
	struct zcache_options options = { .size = sizeof(options), .limit_bytes = limit_bytes };
	struct zcache *cache = zcache_create(&options);

	assert_non_null(cache);
	return cache;
}

static int make_pool_of(struct zcache *cache, const char *compressor)
{
	struct zcache_pool_options options = { .size = sizeof(options), .compressor = compressor };

	return zcache_new_pool(cache, &options);
}

static struct zcache_stats figures(struct zcache *cache)
{
	struct zcache_stats stats = { .size = sizeof(stats) };

	zcache_stats(cache, &stats);
	return stats;
}

/* Values that do not compress, until the cache has evicted some. */
static void fill(struct zcache *cache, int pool)
{
	static unsigned char value[2000];
	struct rng rng = { .state = 1 };

	for (uint64_t i = 0; !figures(cache).evicted; i++)
		for (uint32_t j = 0; j < 1000; j++) {
			rng_fill(&rng, value, sizeof(value));
			assert_int_equal(zcache_put(cache, pool, i, j, value, 1 + rng_below(&rng, sizeof(value)), 0),
					 0);
		}
}

static void test_options(void **state)
{
	struct zcache_options options = { .size = sizeof(options), .limit_bytes = (1u << 20) - 1 };

	(void)state;
	assert_null(zcache_create(NULL));
	assert_int_equal(errno, EINVAL);
	errno = 0;
	assert_null(zcache_create(&options));
	assert_int_equal(errno, EINVAL);
	options.limit_bytes++;
	options.size--;
	assert_null(zcache_create(&options));
	options.size++;
	zcache_destroy(zcache_create(&options));
	zcache_destroy(NULL);
}

static void test_pools(void **state)
{
	struct zcache *cache = make_cache(LIMIT);
	struct zcache_pool_options bad = { .size = 1 };

	(void)state;
	assert_int_equal(zcache_new_pool(cache, &bad), -EINVAL);
	assert_int_equal(make_pool_of(cache, "brotli"), -EINVAL);
	assert_int_equal(make_pool_of(cache, "lz4:9"), -EINVAL);
	assert_int_equal(make_pool_of(cache, "zstd:99"), -EINVAL);
	for (int i = 0; i < (int)ZCACHE_MAX_POOLS; i++)
		assert_int_equal(make_pool_of(cache, i % 2 ? "lz4" : NULL), i);
	assert_int_equal(zcache_new_pool(cache, NULL), -ENOSPC);
	assert_int_equal(zcache_destroy_pool(cache, 7), 0);
	assert_int_equal(zcache_destroy_pool(cache, 7), -EINVAL);
	assert_int_equal(zcache_put(cache, 7, 0, 0, "x", 1, 0), -EINVAL);
	assert_int_equal(zcache_flush_object(cache, 7, 0), -EINVAL);
	assert_int_equal(zcache_put(cache, -1, 0, 0, "x", 1, 0), -EINVAL);
	assert_int_equal(zcache_put(cache, 256, 0, 0, "x", 1, 0), -EINVAL);
	assert_int_equal(make_pool_of(cache, "zstd:3"), 7);
	zcache_destroy(cache);
}

static void test_values(void **state)
{
	static unsigned char value[ZCACHE_MAX_VALUE + 1], got[ZCACHE_MAX_VALUE];
	static const char *const compressors[] = { "none", "lz4", "zstd:1" };
	struct zcache *cache = make_cache(LIMIT);

	(void)state;
	for (unsigned int c = 0; c < NR_OF(compressors); c++) {
		int pool = make_pool_of(cache, compressors[c]);

		for (uint32_t number = 0; number < 40; number++) {
			uint32_t len = number < 8    ? 1 + number
				       : number < 16 ? ZCACHE_MAX_VALUE - number + 8
						     : number * 999;

			value_make(value, len, number);
			assert_int_equal(zcache_put(cache, pool, 1ull << 63, number, value, len, 0), 0);
			assert_int_equal(zcache_get(cache, pool, 1ull << 63, number, got, sizeof(got), NULL), len);
			assert_true(value_is(got, len, number));
			assert_int_equal(zcache_get(cache, pool, 1ull << 63, number, got, len - 1, NULL), -ENOBUFS);
		}
	}
	/* Others' keys, and lengths that are none: what the key had is gone all the same. */
	assert_int_equal(zcache_get(cache, 0, 1ull << 62, 0, got, sizeof(got), NULL), -ENOENT);
	assert_int_equal(zcache_put(cache, 0, 1ull << 63, 0, value, 0, 0), -EINVAL);
	assert_int_equal(zcache_get(cache, 0, 1ull << 63, 0, got, sizeof(got), NULL), -ENOENT);
	assert_int_equal(zcache_put(cache, 0, 1ull << 63, 1, value, ZCACHE_MAX_VALUE + 1, 0), -EINVAL);
	assert_int_equal(zcache_get(cache, 0, 1ull << 63, 1, got, sizeof(got), NULL), -ENOENT);
	/* Taken once. */
	assert_int_equal(zcache_get_exclusive(cache, 1, 1ull << 63, 3, got, 1, NULL), -ENOBUFS);
	assert_int_equal(zcache_get_exclusive(cache, 1, 1ull << 63, 3, got, sizeof(got), NULL), 4);
	assert_int_equal(zcache_get_exclusive(cache, 1, 1ull << 63, 3, got, sizeof(got), NULL), -ENOENT);
	assert_int_equal(zcache_flush_object(cache, 2, 1ull << 63), 0);
	assert_int_equal(figures(cache).flushed, 2 + 40);
	zcache_destroy(cache);
}

static void test_tokens(void **state)
{
	struct zcache *cache = make_cache(LIMIT);
	int pool = zcache_new_pool(cache, NULL);
	zcache_token token = 0;
	char got[8];

	(void)state;
	assert_int_equal(zcache_get(cache, pool, 1, 2, got, sizeof(got), &token), -ENOENT);
	assert_int_not_equal(token, 0);
	assert_int_equal(zcache_put(cache, pool, 1, 2, "old", 3, token), 0);
	assert_int_equal(zcache_flush_page(cache, pool, 1, 2), 0);
	assert_int_equal(zcache_put(cache, pool, 1, 2, "old", 3, token), -ESTALE);
	assert_int_equal(zcache_get(cache, pool, 1, 2, got, sizeof(got), &token), -ENOENT);
	assert_int_equal(zcache_flush_object(cache, pool, 1), 0);
	assert_int_equal(zcache_put(cache, pool, 1, 2, "old", 3, token), -ESTALE);
	assert_int_equal(zcache_get(cache, pool, 1, 2, got, sizeof(got), &token), -ENOENT);
	assert_int_equal(zcache_put(cache, pool, 1, 2, "new", 3, 0), 0);
	assert_int_equal(zcache_put(cache, pool, 1, 2, "old", 3, token), -ESTALE);
	assert_int_equal(zcache_get(cache, pool, 1, 2, got, sizeof(got), NULL), 3);
	assert_memory_equal(got, "new", 3);
	assert_int_equal(zcache_get(cache, pool, 1, 3, got, sizeof(got), &token), -ENOENT);
	assert_int_equal(zcache_destroy_pool(cache, pool), 0);
	assert_int_equal(zcache_new_pool(cache, NULL), pool);
	assert_int_equal(zcache_put(cache, pool, 1, 3, "old", 3, token), -ESTALE);
	assert_int_equal(figures(cache).stale_puts, 4);
	zcache_destroy(cache);
}

/* Of this thread, whatever else the machine does. */
static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* What is beyond a smaller limit is the system's again on return, and what is reclaimed too. */
static void test_shrinking(void **state)
{
	struct zcache *cache = make_cache(LIMIT);
	int pool = zcache_new_pool(cache, NULL);
	uint64_t base, full, given;
	double since;

	(void)state;
	base = statm_anonymous();
	fill(cache, pool);
	assert_true(figures(cache).total_bytes <= LIMIT);
	assert_true(figures(cache).total_bytes > LIMIT / 100 * 98);
	full = statm_anonymous();
	since = seconds();
	assert_int_equal(zcache_resize(cache, LIMIT / 2), 0);
	assert_true(seconds() - since < 1 || UNIT_SANITIZED);
	assert_true(figures(cache).total_bytes <= LIMIT / 2);
	/* No more went than had to. */
	assert_true(figures(cache).total_bytes > LIMIT / 2 / 100 * 90);
	assert_true(UNIT_SANITIZED || statm_anonymous() <= base + LIMIT / 2 + LIMIT / 100);
	assert_true(UNIT_SANITIZED || full > base + LIMIT / 100 * 95);
	full = figures(cache).total_bytes;
	given = zcache_reclaim(cache, 4 << 20);
	assert_true(given >= 4 << 20);
	assert_true(figures(cache).total_bytes <= full - (4 << 20));
	assert_true(zcache_reclaim(cache, UINT64_MAX) > 20 << 20);
	assert_int_equal(figures(cache).values, 0);
	assert_true(figures(cache).total_bytes < 4 << 20);
	assert_int_equal(zcache_resize(cache, 1000), -EINVAL);
	assert_int_equal(figures(cache).limit_bytes, LIMIT / 2);
	zcache_destroy(cache);
}

/* Compared with LRU by a model: keys by a skewed chance, and one in three of a scan that never comes back. */
#define MODEL_KEYS 4000u
#define MODEL_BYTES 4000u

static uint32_t next_key(struct rng *rng, uint32_t *scan)
{
	if (rng_below(rng, 3) == 0)
		return MODEL_KEYS + (*scan)++;
	return rng_below(rng, 1 + rng_below(rng, MODEL_KEYS));
}

/* Hits of an LRU of so many values. */
static uint32_t lru_hits(uint32_t nr_values, uint32_t nr_gets)
{
	static uint64_t used[MODEL_KEYS];
	static uint64_t uses[1000000];
	struct rng rng = { .state = 9 };
	uint32_t scan = 0, hits = 0, live = 0;
	uint64_t oldest = 1;

	assert_true(nr_gets < NR_OF(uses));
	memset(used, 0, sizeof(used));
	for (uint64_t i = 1; i <= nr_gets; i++) {
		uint32_t key = next_key(&rng, &scan);
		bool is_hit = key < MODEL_KEYS && used[key] >= oldest;

		hits += is_hit;
		live += !is_hit;
		uses[i] = key;
		if (key < MODEL_KEYS)
			used[key] = i;
		/* A use that was not the key's last one stands for nothing. */
		while (live > nr_values || (oldest < i && uses[oldest] < MODEL_KEYS && used[uses[oldest]] != oldest)) {
			live -= uses[oldest] >= MODEL_KEYS || used[uses[oldest]] == oldest;
			oldest++;
		}
	}
	return hits;
}

static void test_scans(void **state)
{
	static unsigned char value[MODEL_BYTES], got[MODEL_BYTES];
	const uint32_t nr_gets = 150000;
	struct zcache *cache = make_cache(4 << 20);
	int pool = zcache_new_pool(cache, NULL);
	struct rng rng = { .state = 9 };
	uint32_t scan = 0;

	(void)state;
	for (uint32_t i = 0; i < nr_gets; i++) {
		uint32_t key = next_key(&rng, &scan);

		if (zcache_get(cache, pool, key, 0, got, sizeof(got), NULL) < 0)
			assert_int_equal(zcache_put(cache, pool, key, 0, value, sizeof(value), 0), 0);
	}
	print_message("%llu hits, with LRU %u\n", (unsigned long long)figures(cache).hits,
		      lru_hits((4 << 20) / MODEL_BYTES, nr_gets));
	assert_true(figures(cache).hits > lru_hits((4 << 20) / MODEL_BYTES, nr_gets) * 11ull / 10);
	zcache_destroy(cache);
}

/* ---- forks ---- */

static struct {
	struct zcache *cache;
	int pools[2];
	bool is_over;
} forked;

static void *use_cache(void *arg)
{
	static _Thread_local unsigned char value[VALUE_MOST], got[VALUE_MOST];
	struct rng rng = { .state = (uintptr_t)arg };

	while (!__atomic_load_n(&forked.is_over, __ATOMIC_RELAXED)) {
		uint32_t number = rng_below(&rng, 2000), len = value_length(&rng);
		int pool = forked.pools[number % 2], found;

		value_make(value, len, number);
		zcache_put(forked.cache, pool, number, 0, value, len, 0);
		number = rng_below(&rng, 2000);
		found = zcache_get(forked.cache, forked.pools[number % 2], number, 0, got, sizeof(got), NULL);
		if (found > 0 && !value_is(got, (uint32_t)found, number))
			abort();
	}
	return NULL;
}

/* In the child: what is there is right, more can be put, and it can be ended. */
static int live_on(unsigned int round)
{
	static unsigned char got[VALUE_MOST];
	unsigned int nr_found = 0;

	for (uint32_t number = 0; number < 2000; number++) {
		int found = zcache_get(forked.cache, forked.pools[number % 2], number, 0, got, sizeof(got), NULL);

		if (found > 0 && !value_is(got, (uint32_t)found, number))
			return 1;
		nr_found += found > 0;
	}
	for (uint32_t i = 0; i < 100; i++)
		if (zcache_put(forked.cache, forked.pools[i % 2], 5000 + i, 0, got, 3000, 0))
			return 2;
	if (round % 2)
		zcache_resize(forked.cache, 1 << 20);
	zcache_destroy(forked.cache);
	return nr_found ? 0 : 3;
}

/* ThreadSanitizer is not made for children of programs with threads. */
static void test_forks(void **state)
{
	pthread_t threads[3];
	unsigned int nr_rounds = 20;

	(void)state;
#if defined(__SANITIZE_THREAD__)
	skip();
#endif
	forked.cache = make_cache(8 << 20);
	forked.pools[0] = zcache_new_pool(forked.cache, NULL);
	forked.pools[1] = make_pool_of(forked.cache, "zstd:1");
	for (uintptr_t i = 0; i < NR_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_cache, (void *)(i + 1)), 0);
	while (!figures(forked.cache).values)
		usleep(1000);
	for (unsigned int round = 0; round < nr_rounds; round++) {
		pid_t child = fork();
		int status;

		if (!child) {
			alarm(60);
			_exit(live_on(round));
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
	__atomic_store_n(&forked.is_over, true, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < NR_OF(threads); i++)
		pthread_join(threads[i], NULL);
	zcache_destroy(forked.cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options), cmocka_unit_test(test_pools), cmocka_unit_test(test_values),
		cmocka_unit_test(test_tokens),  cmocka_unit_test(test_scans), cmocka_unit_test(test_shrinking),
		cmocka_unit_test(test_forks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
