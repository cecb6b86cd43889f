/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The engine of a cache against a model, which remembers for each key the number and length of what was put last: a get
 * is a miss or exactly that, nothing is found after a flush, and a put with a token that is void is refused.
 *   zcache-model [-r SEED] [-n OPERATIONS] [-j THREADS] [-c CODEC] [-l LIMIT_KIB]
 *   zcache-model-sim [-f ONE_IN] ...
 * Each thread has two pools of its own, one of them with the codec, and all share the memory; with several threads the
 * engine is also paused now and then, as for a fork. -f: of the requests for memory one in so many fails.
 * Ends with 1 at the first difference, and says how to come there again: with several threads to about there.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "values.h"
#include "zcache_engine.h"
#ifdef ZCACHE_SIM
#include "faulty.h"
#include "sim.h"
#endif

#define NR_POOLS 2u
#define NR_OBJECTS 24u
#define NR_INDEXES 48u
#define NR_KEYS (NR_POOLS * NR_OBJECTS * NR_INDEXES)
#define MOST_THREADS 8u
#define AUDIT_EVERY 2000u
#define LONGEST_SECONDS 280 /* after which it is taken to hang */

struct key {
	uint64_t number; /* of the content; 0: nothing may be found */
	uint32_t len;
	zcache_token token;
	bool is_good; /* the token */
};

struct player {
	pthread_t thread;
	struct rng rng;
	unsigned int who;
	int pools[NR_POOLS];
	struct key keys[NR_KEYS];
	uint64_t step, number, hits, misses, filled, refused;
	unsigned char value[VALUE_MOST], got[VALUE_MOST];
};

struct settings {
	uint64_t seed, nr_operations, nr_threads, limit_kib, memory_fails;
	const char *codec;
};

static struct settings settings = { .seed = 1,
				    .nr_operations = 50000,
				    .nr_threads = 1,
				    .codec = "lz4",
				    .limit_kib = 4096 };
static struct zcache_engine *engine;
static struct zs_comp_spec comp;

/* ---- differences ---- */

_Noreturn static void differ(const struct player *player, const char *what, int64_t found)
{
	fprintf(stderr, "zcache: thread %u, step %llu: %s (%lld): -r %llu -n %llu -j %llu -c %s -l %llu -f %llu\n",
		player->who, (unsigned long long)player->step, what, (long long)found,
		(unsigned long long)settings.seed, (unsigned long long)settings.nr_operations,
		(unsigned long long)settings.nr_threads, settings.codec, (unsigned long long)settings.limit_kib,
		(unsigned long long)settings.memory_fails);
	exit(1);
}

#define MUST(condition, found)                                                                                         \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			differ(player, #condition, found);                                                             \
	} while (0)

/* ---- keys ---- */

static struct key *key_at(struct player *player, uint32_t at)
{
	return &player->keys[at];
}

static int pool_of(const struct player *player, uint32_t at)
{
	return player->pools[at / (NR_OBJECTS * NR_INDEXES)];
}

/* Far apart, so that all bits of both are in use. */
static uint64_t object_of(uint32_t at)
{
	return (uint64_t)(at / NR_INDEXES % NR_OBJECTS) << 59 | at / NR_INDEXES % NR_OBJECTS;
}

static uint32_t index_of(uint32_t at)
{
	return (at % NR_INDEXES) * 0x3000001u;
}

/* Some are used more than others. */
static uint32_t any_key(struct player *player)
{
	uint32_t at = rng_below(&player->rng, NR_KEYS);

	return rng_below(&player->rng, 2) ? at : at / 8 * 3 % NR_KEYS;
}

static void forget(struct key *key)
{
	key->number = 0;
	key->is_good = false;
}

/* ---- operations ---- */

/* What the key has from now on is this, or nothing. */
static void put(struct player *player, uint32_t at)
{
	struct key *key = key_at(player, at);
	int err;

	key->number = ++player->number * MOST_THREADS + player->who;
	key->len = value_length(&player->rng);
	key->is_good = false;
	value_make(player->value, key->len, key->number);
	err = zcache_engine_put(engine, pool_of(player, at), object_of(at), index_of(at), player->value, key->len, 0);
	MUST(!err || err == -ENOMEM, err);
	if (err)
		key->number = 0;
}

static void check_hit(struct player *player, const struct key *key, int len)
{
	MUST(key->number, len);
	MUST((uint32_t)len == key->len, len);
	MUST(value_is(player->got, key->len, key->number), len);
	player->hits++;
}

static void get(struct player *player, uint32_t at, bool is_exclusive)
{
	struct key *key = key_at(player, at);
	zcache_token token = 0;
	int len = zcache_engine_get(engine, pool_of(player, at), object_of(at), index_of(at), player->got, VALUE_MOST,
				    is_exclusive, &token);

	if (len > 0) {
		check_hit(player, key, len);
		if (is_exclusive)
			key->number = 0;
		return;
	}
	MUST(len == -ENOENT && token, len);
	player->misses++;
	/* Evicted, for good: another miss before the next put. */
	key->number = 0;
	key->token = token;
	key->is_good = true;
}

/* A miss is filled, some time later: with a token that is void this must be refused. */
static void fill(struct player *player, uint32_t at)
{
	struct key *key = key_at(player, at);
	uint64_t number = ++player->number * MOST_THREADS + player->who;
	uint32_t len = value_length(&player->rng);
	int err;

	if (!key->token)
		return;
	value_make(player->value, len, number);
	err = zcache_engine_put(engine, pool_of(player, at), object_of(at), index_of(at), player->value, len,
				key->token);
	MUST(!err || err == -ENOMEM || err == -ESTALE, err);
	MUST(key->is_good || err, err);
	if (!err) {
		key->number = number;
		key->len = len;
		player->filled++;
	}
	player->refused += err == -ESTALE;
}

static void look_short(struct player *player, uint32_t at)
{
	struct key *key = key_at(player, at);
	int len = zcache_engine_get(engine, pool_of(player, at), object_of(at), index_of(at), player->got,
				    key->number ? key->len - 1 : 0, false, NULL);

	MUST(len == -ENOENT || (len == -ENOBUFS && key->number), len);
	if (len == -ENOENT)
		key->number = 0;
}

static void flush_page(struct player *player, uint32_t at)
{
	int err = zcache_engine_flush_page(engine, pool_of(player, at), object_of(at), index_of(at));

	MUST(!err, err);
	forget(key_at(player, at));
}

static void flush_object(struct player *player, uint32_t at)
{
	int err = zcache_engine_flush_object(engine, pool_of(player, at), object_of(at));

	MUST(!err, err);
	at -= at % NR_INDEXES;
	for (uint32_t i = 0; i < NR_INDEXES; i++)
		forget(key_at(player, at + i));
}

static int new_pool(struct player *player, unsigned int which)
{
	int pool = -ENOMEM;

	for (unsigned int i = 0; i < 1000 && pool == -ENOMEM; i++)
		pool = zcache_engine_new_pool(engine, which ? &comp : NULL);
	MUST(pool >= 0, pool);
	return pool;
}

/* A pool of the same number refuses tokens of the old one; those of another number are of no use. */
static void renew_pool(struct player *player, unsigned int which)
{
	int old = player->pools[which], err = zcache_engine_destroy_pool(engine, old);

	MUST(!err, err);
	player->pools[which] = new_pool(player, which);
	for (uint32_t i = 0; i < NR_OBJECTS * NR_INDEXES; i++) {
		struct key *key = key_at(player, which * NR_OBJECTS * NR_INDEXES + i);

		forget(key);
		if (player->pools[which] != old)
			key->token = 0;
	}
}

static void change_limit(struct player *player)
{
	uint64_t kib = settings.limit_kib / 2 + rng_below(&player->rng, (uint32_t)settings.limit_kib);
	int err = zcache_engine_resize(engine, kib << 10);

	MUST(!err || settings.nr_threads > 1, err);
}

static void audit(struct player *player)
{
	struct zcache_stats stats = { .size = sizeof(stats) };
	int err;

	zcache_engine_pause(engine);
	err = zcache_engine_verify(engine);
	zcache_engine_resume(engine);
	MUST(!err, err);
	zcache_engine_stats(engine, &stats);
	MUST(settings.nr_threads > 1 || stats.total_bytes <= stats.limit_bytes, (int64_t)stats.total_bytes);
}

static void operate(struct player *player)
{
	uint32_t at = any_key(player), what = rng_below(&player->rng, 1000);

	if (what < 350)
		put(player, at);
	else if (what < 700)
		get(player, at, false);
	else if (what < 750)
		get(player, at, true);
	else if (what < 880)
		fill(player, at);
	else if (what < 900)
		look_short(player, at);
	else if (what < 990)
		flush_page(player, at);
	else if (what < 994)
		flush_object(player, at);
	else if (what < 996)
		zcache_engine_reclaim(engine, rng_below(&player->rng, 256 << 10));
	else if (what < 998)
		change_limit(player);
	else if (what < 999)
		renew_pool(player, rng_below(&player->rng, NR_POOLS));
	if (player->step % AUDIT_EVERY == AUDIT_EVERY - 1)
		audit(player);
}

/* ---- players ---- */

static void *play(void *arg)
{
	struct player *player = arg;

	for (player->step = 0; player->step < settings.nr_operations; player->step++)
		operate(player);
	return NULL;
}

static void make_engine(void)
{
	struct zcache_engine_options options = { .limit_bytes = settings.limit_kib << 10,
						 .seed = settings.seed,
						 .nr_lanes = 2 };

#ifdef ZCACHE_SIM
	zs_sim_reset();
#endif
	if (zs_comp_parse(settings.codec, &comp) || zcache_engine_create(&options, &engine)) {
		fprintf(stderr, "zcache: cannot be made so\n");
		exit(2);
	}
#ifdef ZCACHE_SIM
	zs_sim.fail_one_in = settings.memory_fails;
	zs_sim.fail_seed = settings.seed;
#endif
}

static void make_players(struct player *players)
{
	for (unsigned int i = 0; i < settings.nr_threads; i++) {
		struct player *player = &players[i];

		player->who = i;
		player->rng.state = settings.seed * 100 + i;
		for (unsigned int pool = 0; pool < NR_POOLS; pool++)
			player->pools[pool] = new_pool(player, pool);
	}
}

static void play_all(struct player *players)
{
	for (unsigned int i = 0; i < settings.nr_threads; i++)
		if (pthread_create(&players[i].thread, NULL, play, &players[i]))
			abort();
	for (unsigned int i = 0; i < settings.nr_threads; i++)
		pthread_join(players[i].thread, NULL);
}

/* Else too little was tried. */
static void end(struct player *player)
{
	struct zcache_stats stats = { .size = sizeof(stats) };

	audit(player);
	zcache_engine_stats(engine, &stats);
	printf("zcache: %llu hits, %llu misses, %llu evicted, %llu refused, %llu without room, %llu ghosts hit\n",
	       (unsigned long long)stats.hits, (unsigned long long)stats.misses, (unsigned long long)stats.evicted,
	       (unsigned long long)stats.stale_puts, (unsigned long long)stats.failed_puts,
	       (unsigned long long)stats.ghost_hits);
	MUST(player->hits > settings.nr_operations / 50, (int64_t)player->hits);
	MUST(stats.evicted && stats.taken && stats.flushed && stats.ghost_hits, (int64_t)stats.evicted);
	MUST(player->filled && player->refused, (int64_t)player->filled);
	zcache_engine_destroy(engine);
#ifdef ZCACHE_SIM
	MUST(zs_sim_is_clean() && !faulty_nr_out(), (int64_t)faulty_nr_out());
#endif
}

static void parse(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "r:n:j:c:l:f:")) >= 0) {
		switch (option) {
		case 'r': settings.seed = option_number("zcache", option, optarg); break;
		case 'n': settings.nr_operations = option_number("zcache", option, optarg); break;
		case 'j': settings.nr_threads = option_number("zcache", option, optarg); break;
		case 'c': settings.codec = optarg; break;
		case 'l': settings.limit_kib = option_number("zcache", option, optarg); break;
		case 'f': settings.memory_fails = option_number("zcache", option, optarg); break;
		default: exit(2);
		}
	}
	if (optind == argc && settings.nr_threads && settings.nr_threads <= MOST_THREADS)
		return;
	fprintf(stderr, "zcache: see the head of zcache.c\n");
	exit(2);
}

int main(int argc, char **argv)
{
	static struct player players[MOST_THREADS];

	parse(argc, argv);
	alarm(LONGEST_SECONDS);
	make_engine();
	make_players(players);
	play_all(players);
	end(&players[0]);
	return 0;
}
