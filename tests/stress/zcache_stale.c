/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Whether a cache ever brings back what was true before: threads change what is behind keys that all share, as files
 * are changed, and read it through the cache, as fast as they can.
 *   zcache-stale [-j THREADS] [-n CHANGES] [-r SEED]
 * Behind each key is a number that only grows. Who changes it flushes the key before and after, or its object, or puts
 * the new one; who reads must see at least what the last change that was complete has left. Ends with 1 if not.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "random.h"
#include "zcache.h"

#define NR_KEYS 64u
#define NR_OBJECTS 8u
#define MOST_THREADS 16u
#define VALUE_WORDS 64u

struct key {
	pthread_mutex_t lock; /* of who changes it */
	uint64_t behind;      /* the number that is true */
	uint64_t complete;    /* that of the last change that is complete */
};

struct player {
	pthread_t thread;
	struct rng rng;
	uint64_t hits, fills, refused;
};

static struct {
	unsigned int nr_threads;
	uint64_t nr_changes, seed;
} settings = { .nr_threads = 4, .nr_changes = 50000, .seed = 1 };

static struct zcache *cache;
static int pool;
static struct key keys[NR_KEYS];

_Noreturn static void fail(const char *what, uint64_t found)
{
	fprintf(stderr, "zcache-stale: %s (%llu): -j %u -n %llu -r %llu\n", what, (unsigned long long)found,
		settings.nr_threads, (unsigned long long)settings.nr_changes, (unsigned long long)settings.seed);
	exit(1);
}

static uint64_t look(const uint64_t *number)
{
	return __atomic_load_n(number, __ATOMIC_SEQ_CST);
}

static void set(uint64_t *number, uint64_t value)
{
	__atomic_store_n(number, value, __ATOMIC_SEQ_CST);
}

static void make(uint64_t *value, uint64_t number)
{
	for (unsigned int i = 0; i < VALUE_WORDS; i++)
		value[i] = number;
}

/* Now and then another thread comes in between. */
static void pause_some(struct player *player)
{
	if (rng_below(&player->rng, 4) == 0)
		sched_yield();
}

/* ---- changing ---- */

static void flush(uint32_t at, bool whole)
{
	int err = whole ? zcache_flush_object(cache, pool, at % NR_OBJECTS)
			: zcache_flush_page(cache, pool, at % NR_OBJECTS, at);

	if (err)
		fail("a flush failed", (uint64_t)-err);
}

static void put_new(uint32_t at, uint64_t number)
{
	uint64_t value[VALUE_WORDS];
	int err;

	make(value, number);
	err = zcache_put(cache, pool, at % NR_OBJECTS, at, value, sizeof(value), 0);
	if (err && err != -ENOMEM)
		fail("a put failed", (uint64_t)-err);
}

static void change(struct player *player, uint32_t at)
{
	struct key *key = &keys[at];
	uint32_t how = rng_below(&player->rng, 8);
	uint64_t number;

	pthread_mutex_lock(&key->lock);
	number = look(&key->behind) + 1;
	flush(at, how == 0);
	pause_some(player);
	set(&key->behind, number);
	pause_some(player);
	if (how < 4)
		flush(at, how == 0);
	else
		put_new(at, number);
	set(&key->complete, number);
	pthread_mutex_unlock(&key->lock);
}

/* ---- reading ---- */

static void fill(struct player *player, uint32_t at, uint64_t number, zcache_token token)
{
	uint64_t value[VALUE_WORDS];
	int err;

	make(value, number);
	pause_some(player);
	err = zcache_put(cache, pool, at % NR_OBJECTS, at, value, sizeof(value), token);
	player->fills += !err;
	player->refused += err == -ESTALE;
	if (err && err != -ESTALE && err != -ENOMEM)
		fail("filling failed", (uint64_t)-err);
}

static void read_through(struct player *player, uint32_t at)
{
	uint64_t value[VALUE_WORDS], least = look(&keys[at].complete);
	zcache_token token;
	int len = zcache_get(cache, pool, at % NR_OBJECTS, at, value, sizeof(value), &token);

	if (len == -ENOENT) {
		fill(player, at, look(&keys[at].behind), token);
		return;
	}
	if (len != (int)sizeof(value))
		fail("a get failed", (uint64_t)len);
	for (unsigned int i = 1; i < VALUE_WORDS; i++)
		if (value[i] != value[0])
			fail("a value is of two", value[i]);
	if (value[0] < least)
		fail("what was true before came back", least - value[0]);
	player->hits++;
}

/* ---- the whole ---- */

static void *play(void *arg)
{
	struct player *player = arg;

	for (uint64_t i = 0; i < settings.nr_changes; i++) {
		change(player, rng_below(&player->rng, NR_KEYS));
		for (unsigned int reads = 0; reads < 12; reads++)
			read_through(player, rng_below(&player->rng, NR_KEYS));
	}
	return NULL;
}

static void play_all(struct player *players)
{
	for (unsigned int i = 0; i < NR_KEYS; i++)
		pthread_mutex_init(&keys[i].lock, NULL);
	for (unsigned int i = 0; i < settings.nr_threads; i++) {
		players[i].rng.state = settings.seed * 1000 + i;
		if (pthread_create(&players[i].thread, NULL, play, &players[i]))
			fail("no thread", i);
	}
	for (unsigned int i = 0; i < settings.nr_threads; i++)
		pthread_join(players[i].thread, NULL);
}

static void end(const struct player *players)
{
	uint64_t hits = 0, fills = 0, refused = 0;

	for (unsigned int i = 0; i < settings.nr_threads; i++) {
		hits += players[i].hits;
		fills += players[i].fills;
		refused += players[i].refused;
	}
	printf("zcache-stale: %llu hits, %llu fills, %llu refused\n", (unsigned long long)hits,
	       (unsigned long long)fills, (unsigned long long)refused);
	if (!hits || !fills || (!refused && settings.nr_threads > 1))
		fail("too little was tried", refused);
	zcache_destroy(cache);
}

static void parse(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "j:n:r:")) >= 0) {
		switch (option) {
		case 'j': settings.nr_threads = (unsigned int)option_number("zcache-stale", option, optarg); break;
		case 'n': settings.nr_changes = option_number("zcache-stale", option, optarg); break;
		case 'r': settings.seed = option_number("zcache-stale", option, optarg); break;
		default: exit(2);
		}
	}
	if (optind == argc && settings.nr_threads && settings.nr_threads <= MOST_THREADS)
		return;
	fprintf(stderr, "zcache-stale: see the head of zcache_stale.c\n");
	exit(2);
}

int main(int argc, char **argv)
{
	struct zcache_options options = { .size = sizeof(options), .limit_bytes = 64 << 20 };
	static struct player players[MOST_THREADS];

	parse(argc, argv);
	cache = zcache_create(&options);
	pool = cache ? zcache_new_pool(cache, NULL) : -1;
	if (pool < 0)
		fail("there is no cache", 0);
	play_all(players);
	end(players);
	return 0;
}
