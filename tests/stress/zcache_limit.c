/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Whether a cache's memory stays below its limit while threads put, find, take and flush values of all sizes, the limit
 * is changed, and memory is reclaimed; and whether values are what was put. One more thread looks all the time.
 *   zcache-limit [-j THREADS] [-t SECONDS] [-l LIMIT_KIB] [-c COMPRESSOR] [-r SEED]
 * Both what the cache says and what the process has grown by (not under a sanitizer) may exceed the limit by a
 * hundredth. When the limit was halved the rest must have been given back within a second of the thread's time. Ends
 * with 1 if not.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "options.h"
#include "statm.h"
#include "values.h"
#include "zcache.h"

#define MOST_THREADS 32u
#define NR_OBJECTS 64u
#define STACK_KIB 256u

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

struct player {
	pthread_t thread;
	struct rng rng;
	uint64_t nr;
	unsigned char value[VALUE_MOST], got[VALUE_MOST];
};

static struct {
	unsigned int nr_threads, seconds;
	uint64_t limit_kib, seed;
	const char *compressor;
} settings = { .nr_threads = 4, .seconds = 5, .limit_kib = 65536, .seed = 1, .compressor = "lz4" };

static struct zcache *cache;
static int pools[2];
static uint64_t base_bytes, limit_bytes, most_told, most_grown, nr_looks;
static bool is_over;

_Noreturn static void fail(const char *what, uint64_t found)
{
	fprintf(stderr, "zcache-limit: %s (%llu): -j %u -t %u -l %llu -c %s -r %llu\n", what, (unsigned long long)found,
		settings.nr_threads, settings.seconds, (unsigned long long)settings.limit_kib, settings.compressor,
		(unsigned long long)settings.seed);
	exit(1);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool goes_on(void)
{
	return !__atomic_load_n(&is_over, __ATOMIC_RELAXED);
}

/* ---- players ---- */

static void put(struct player *player, int pool, uint64_t object, uint32_t index)
{
	uint32_t len = value_length(&player->rng);
	uint64_t number = object << 32 | index;
	int err;

	value_make(player->value, len, number);
	err = zcache_put(cache, pool, object, index, player->value, len, 0);
	if (err && err != -ENOMEM)
		fail("a put failed", (uint64_t)-err);
}

/* Whatever its length, the content follows from the key. */
static void get(struct player *player, int pool, uint64_t object, uint32_t index, bool is_exclusive)
{
	int len = is_exclusive ? zcache_get_exclusive(cache, pool, object, index, player->got, VALUE_MOST, NULL)
			       : zcache_get(cache, pool, object, index, player->got, VALUE_MOST, NULL);

	if (len < 0 && len != -ENOENT)
		fail("a get failed", (uint64_t)-len);
	if (len > 0 && !value_is(player->got, (uint32_t)len, object << 32 | index))
		fail("a value is not what was put", (uint64_t)len);
}

static void operate(struct player *player)
{
	uint32_t what = rng_below(&player->rng, 1000), index = rng_below(&player->rng, 4000);
	uint64_t object = rng_below(&player->rng, NR_OBJECTS);
	int pool = pools[object % 2];

	if (what < 500)
		put(player, pool, object, index);
	else if (what < 900)
		get(player, pool, object, index / 4, false);
	else if (what < 930)
		get(player, pool, object, index, true);
	else if (what < 999)
		zcache_flush_page(cache, pool, object, index);
	else if (player->nr % 8 == 0)
		zcache_flush_object(cache, pool, object);
	else
		zcache_reclaim(cache, 256 << 10);
}

static void *play(void *arg)
{
	struct player *player = arg;

	for (; goes_on(); player->nr++)
		operate(player);
	return NULL;
}

/* ---- looking ---- */

static void note(uint64_t *most, uint64_t bytes)
{
	if (bytes > *most)
		*most = bytes;
}

static uint64_t told_bytes(void)
{
	struct zcache_stats stats = { .size = sizeof(stats) };

	zcache_stats(cache, &stats);
	return stats.total_bytes;
}

/* Thread stacks and what the test itself touches while it runs are no part of the cache. */
static void look(void)
{
	uint64_t told = told_bytes(), resident = statm_anonymous(), own = settings.nr_threads * STACK_KIB << 10;
	uint64_t grown = resident > base_bytes + own ? resident - base_bytes - own : 0;

	note(&most_told, told);
	note(&most_grown, grown);
	if (told > limit_bytes + limit_bytes / 100)
		fail("it says more than its limit", told);
	if (!SANITIZED && grown > limit_bytes + limit_bytes / 100)
		fail("the process has grown by more than the limit", grown);
	nr_looks++;
}

static void look_for(uint64_t ns)
{
	static const struct timespec rest = { .tv_nsec = 500000 };

	for (uint64_t until = clock_ns(CLOCK_MONOTONIC) + ns; clock_ns(CLOCK_MONOTONIC) < until;) {
		look();
		nanosleep(&rest, NULL);
	}
}

/* To a half and back, under load. */
static void resize(void)
{
	uint64_t since = clock_ns(CLOCK_THREAD_CPUTIME_ID), took;
	int err = zcache_resize(cache, limit_bytes / 2);

	took = clock_ns(CLOCK_THREAD_CPUTIME_ID) - since;
	if (err)
		fail("it could not be made smaller", (uint64_t)-err);
	if (!SANITIZED && took > 1000000000u)
		fail("making it smaller took too long, in ns", took);
	limit_bytes /= 2;
	look();
	look_for(200000000);
	limit_bytes *= 2;
	zcache_resize(cache, limit_bytes);
}

static void watch(void)
{
	uint64_t until = clock_ns(CLOCK_MONOTONIC) + settings.seconds * 1000000000ull;

	while (clock_ns(CLOCK_MONOTONIC) < until) {
		look_for(700000000);
		resize();
	}
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
}

/* ---- the whole ---- */

static void make_cache(void)
{
	struct zcache_options options = { .size = sizeof(options), .limit_bytes = settings.limit_kib << 10 };
	struct zcache_pool_options pool = { .size = sizeof(pool), .compressor = settings.compressor };

	limit_bytes = options.limit_bytes;
	base_bytes = statm_anonymous();
	cache = zcache_create(&options);
	pools[0] = cache ? zcache_new_pool(cache, NULL) : -1;
	pools[1] = cache ? zcache_new_pool(cache, &pool) : -1;
	if (pools[0] < 0 || pools[1] < 0)
		fail("it cannot be made", 0);
}

static void play_all(struct player *players)
{
	for (unsigned int i = 0; i < settings.nr_threads; i++) {
		players[i].rng.state = settings.seed * 1000 + i;
		if (pthread_create(&players[i].thread, NULL, play, &players[i]))
			fail("no thread", i);
	}
	watch();
	for (unsigned int i = 0; i < settings.nr_threads; i++)
		pthread_join(players[i].thread, NULL);
}

static void end(const struct player *players)
{
	struct zcache_stats stats = { .size = sizeof(stats) };
	uint64_t nr = 0;

	for (unsigned int i = 0; i < settings.nr_threads; i++)
		nr += players[i].nr;
	zcache_stats(cache, &stats);
	printf("zcache-limit: %llu calls, %llu looks: at most %.4f of the limit told and %.4f grown; %llu hits, "
	       "%llu evicted, %llu without room\n",
	       (unsigned long long)nr, (unsigned long long)nr_looks, (double)most_told / (double)limit_bytes,
	       (double)most_grown / (double)limit_bytes, (unsigned long long)stats.hits,
	       (unsigned long long)stats.evicted, (unsigned long long)stats.failed_puts);
	if (!stats.evicted || !stats.hits || stats.failed_puts > stats.puts / 100)
		fail("too little was kept, or nothing evicted", stats.evicted);
	zcache_destroy(cache);
}

static void parse(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "j:t:l:c:r:")) >= 0) {
		switch (option) {
		case 'j': settings.nr_threads = (unsigned int)option_number("zcache-limit", option, optarg); break;
		case 't': settings.seconds = (unsigned int)option_number("zcache-limit", option, optarg); break;
		case 'l': settings.limit_kib = option_number("zcache-limit", option, optarg); break;
		case 'c': settings.compressor = optarg; break;
		case 'r': settings.seed = option_number("zcache-limit", option, optarg); break;
		default: exit(2);
		}
	}
	if (optind == argc && settings.nr_threads && settings.nr_threads <= MOST_THREADS)
		return;
	fprintf(stderr, "zcache-limit: see the head of zcache_limit.c\n");
	exit(2);
}

int main(int argc, char **argv)
{
	static struct player players[MOST_THREADS];

	parse(argc, argv);
	/* In place before it is looked at how much there is. */
	memset(players, 1, sizeof(players));
	memset(players, 0, sizeof(players));
	make_cache();
	play_all(players);
	end(players);
	return 0;
}
