/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The engine of compressed memory against a model, which is plain memory: a simulated program reads, writes, drops and
 * gives advice at random, while the engine takes its pages and gives them.
 *   zswap-model [-r SEED] [-n OPERATIONS] [-j THREADS] [-c CODEC] [-l POOL_KIB] [-w STORE_KIB] [-x ONE_IN] [-g ONE_IN]
 *               [-b ONE_IN] [-a ONE_IN]
 *   zswap-model-sim [-f ONE_IN] ...
 * -j: each thread has pages of a region that all share, each so many-th, and a region for itself, which it unmaps and
 * maps again; one more thread evicts. -w: there is a store; -x: of its calls one in so many fails. -g: of the calls
 * that give pages, one in so many is to be tried later; -b: of the pages to be taken one in so many has to stay. -a:
 * one operation in so many is a page that goes alone and comes again, over and over. -f: of the requests for memory one
 * in so many fails.
 * Ends with 1 at the first difference, and says how to come there again: with several threads to about there.
 */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "disk_store.h"
#include "options.h"
#include "parts.h"
#include "program.h"
#include "random.h"
#ifdef ZSWAP_SIM
#include "faulty.h"
#include "sim.h"
#endif

#define PAGE PROGRAM_PAGE_BYTES
#define SHARED_PAGES 1000u
#define OWN_PAGES 300u
#define MOST_THREADS 4u
#define LIMIT_PAGES 256u
#define STANDBY_PAGES 192u
#define AUDIT_EVERY 1000u
#define LONGEST_SECONDS 280 /* after which it is taken to hang */
#define MOST_TRIES 100000u

struct settings {
	uint64_t seed, nr_operations, nr_threads, pool_kib, store_kib;
	uint64_t store_fails, give_fails, busy, memory_fails, alone;
	const char *codec;
};

static struct settings settings = { .seed = 1, .nr_operations = 20000, .nr_threads = 1, .codec = "lz4" };
static struct program program;
static struct zswap_engine *engine;
static struct zs_store *store;
static uint32_t shared_first;
static unsigned char *shared_model;
static pthread_barrier_t all_players;
static bool is_over;

/* ---- differences ---- */

_Noreturn static void differ(const char *what, int err, uint32_t page)
{
	fprintf(stderr,
		"zswap: %s (error %d, page %u): -r %llu -n %llu -j %llu -c %s -l %llu -w %llu -x %llu -g %llu -b %llu "
		"-a %llu -f %llu\n",
		what, err, page, (unsigned long long)settings.seed, (unsigned long long)settings.nr_operations,
		(unsigned long long)settings.nr_threads, settings.codec, (unsigned long long)settings.pool_kib,
		(unsigned long long)settings.store_kib, (unsigned long long)settings.store_fails,
		(unsigned long long)settings.give_fails, (unsigned long long)settings.busy,
		(unsigned long long)settings.alone, (unsigned long long)settings.memory_fails);
	exit(1);
}

static void out_of_time(int number)
{
	static const char text[] = "zswap: it hangs: nothing was done for minutes\n";

	(void)number;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(2);
	_exit(1);
}

static void audit(void)
{
	const char *wrong = program_audit(engine);

	if (wrong)
		differ(wrong, 0, 0);
}

/* ---- players ---- */

struct player {
	uint32_t number;
	struct rng rng;
	pthread_t thread;
	uint32_t own_first;
	uint32_t own_pages;
	unsigned char *own_model;
	uint32_t busy_page; /* one that has to stay for a while */
};

/* A page of this player's, by its number among them, and what its content is to be. */
static uint32_t page_of(const struct player *p, uint32_t i, unsigned char **model)
{
	uint32_t at = p->number + i * (uint32_t)settings.nr_threads;

	if (at < SHARED_PAGES) {
		*model = shared_model + at * PAGE;
		return shared_first + at;
	}
	at = (at - SHARED_PAGES) / (uint32_t)settings.nr_threads % p->own_pages;
	*model = p->own_model + at * PAGE;
	return p->own_first + at;
}

static uint32_t nr_pages_of(const struct player *p)
{
	return (SHARED_PAGES + (uint32_t)settings.nr_threads - 1 - p->number) / (uint32_t)settings.nr_threads +
	       p->own_pages;
}

/* Some pages are had far more often than others. */
static uint32_t any_of(struct player *p)
{
	uint32_t nr = nr_pages_of(p);

	return rng_below(&p->rng, rng_below(&p->rng, 2) ? nr : nr / 8);
}

/* Whether to have the fault again: what fails by chance does not for ever. */
static bool is_excused(int err)
{
	return (err == -EIO && settings.store_fails) || (err == -ENOMEM && settings.memory_fails);
}

/* ---- operations ---- */

static void read_page(struct player *p, uint32_t i)
{
	unsigned char got[PAGE], *model;
	uint32_t page = page_of(p, i, &model);
	unsigned int tries = 0;
	int err;

	do
		err = program_read(&program, page, got);
	while (is_excused(err) && ++tries < MOST_TRIES);
	if (err)
		differ("a page cannot be read", err, page);
	if (memcmp(got, model, PAGE))
		differ("a page has other content", 0, page);
}

static void poke_page(uint32_t page, uint32_t at, const void *bytes, uint32_t nr)
{
	unsigned int tries = 0;
	int err;

	do
		err = program_poke(&program, page, at, bytes, nr);
	while (is_excused(err) && ++tries < MOST_TRIES);
	if (err)
		differ("a page cannot be written", err, page);
}

static void do_read(struct player *p)
{
	read_page(p, any_of(p));
}

static void do_walk(struct player *p)
{
	uint32_t first = any_of(p), nr = 1 + rng_below(&p->rng, 60);

	for (uint32_t i = first; i < first + nr && i < nr_pages_of(p); i++)
		read_page(p, i);
}

static void do_write(struct player *p)
{
	unsigned char *model;
	uint32_t page = page_of(p, any_of(p), &model);

	program_make(model, (uint32_t)rng_next(&p->rng));
	poke_page(page, 0, model, PAGE);
}

static void do_poke(struct player *p)
{
	uint32_t at = rng_below(&p->rng, PAGE), nr = 1 + rng_below(&p->rng, PAGE - at);
	unsigned char *model;
	uint32_t page = page_of(p, any_of(p), &model);

	rng_fill(&p->rng, model + at, nr < 16 ? nr : 16);
	poke_page(page, at, model + at, nr < 16 ? nr : 16);
}

static void do_drop_one(struct player *p)
{
	unsigned char *model;
	uint32_t page = page_of(p, any_of(p), &model);

	memset(model, 0, PAGE);
	program_drop(&program, page, 1, rng_below(&p->rng, 2));
}

static void do_drop_some(struct player *p)
{
	uint32_t at = rng_below(&p->rng, p->own_pages), nr = 1 + rng_below(&p->rng, p->own_pages - at);

	memset(p->own_model + at * PAGE, 0, nr * PAGE);
	program_drop(&program, p->own_first + at, nr, rng_below(&p->rng, 2));
}

/* A page that came while the call that gave it failed is not known to be there: it is none that can be lost. */
static void do_lose(struct player *p)
{
	unsigned char *model;
	uint32_t page = page_of(p, any_of(p), &model);

	if (!settings.give_fails && program_lose(&program, page))
		memset(model, 0, PAGE);
}

/* Pages of others too. */
static uint32_t some_pages(struct player *p, uint32_t *nr)
{
	bool is_own = rng_below(&p->rng, 2);
	uint32_t most = is_own ? p->own_pages : SHARED_PAGES, at = rng_below(&p->rng, most);

	*nr = 1 + rng_below(&p->rng, most - at < 100 ? most - at : 100);
	return (is_own ? p->own_first : shared_first) + at;
}

static void do_cold(struct player *p)
{
	uint32_t nr, first = some_pages(p, &nr);

	zswap_engine_cold(engine, first, nr);
}

static void do_need(struct player *p)
{
	uint32_t nr, first = some_pages(p, &nr);
	int err = zswap_engine_need(engine, first, nr);

	if (err && !is_excused(err) && !(err == -EAGAIN && settings.give_fails))
		differ("pages are not brought", err, first);
}

static void do_evict(struct player *p)
{
	uint32_t nr, first = some_pages(p, &nr);

	zswap_engine_evict(engine, first, nr);
}

/* Batches of one page, which are left and filled at once. */
static void come_and_go(struct player *p)
{
	uint32_t i = any_of(p), nr = 1 + rng_below(&p->rng, 40);
	unsigned char *model;

	for (uint32_t page = page_of(p, i, &model); nr; nr--) {
		zswap_engine_evict(engine, page, 1);
		read_page(p, i);
	}
}

static void do_step(struct player *p)
{
	(void)p;
	zswap_engine_step(engine);
}

static void do_busy(struct player *p)
{
	unsigned char *model;

	program_set_busy(&program, p->busy_page, false);
	p->busy_page = page_of(p, any_of(p), &model);
	program_set_busy(&program, p->busy_page, true);
}

static void do_pause(struct player *p)
{
	uint64_t nr_gives;

	(void)p;
	zswap_engine_pause(engine);
	nr_gives = __atomic_load_n(&program.nr_gives, __ATOMIC_RELAXED);
	sched_yield();
	if (__atomic_load_n(&program.nr_gives, __ATOMIC_RELAXED) != nr_gives)
		differ("something moves while nothing may", 0, 0);
	zswap_engine_resume(engine);
}

static void map(struct player *p)
{
	int err;

	p->own_pages = 1 + rng_below(&p->rng, OWN_PAGES);
	do
		err = zswap_engine_add(engine, p->own_pages, &p->own_first);
	while (is_excused(err));
	if (err)
		differ("no numbers for pages", err, 0);
}

static void unmap(struct player *p)
{
	program_set_busy(&program, p->busy_page, false);
	memset(p->own_model, 0, OWN_PAGES * PAGE);
	program_drop(&program, p->own_first, p->own_pages, rng_below(&p->rng, 2));
	zswap_engine_forget(engine, p->own_first, p->own_pages);
}

static void do_map(struct player *p)
{
	unmap(p);
	map(p);
	p->busy_page = p->own_first;
}

/* ---- playing ---- */

struct operation {
	void (*do_it)(struct player *p);
	uint32_t of_1000;
};

static const struct operation operations[] = {
	{ do_read, 300 },     { do_write, 250 }, { do_poke, 150 }, { do_walk, 50 }, { do_drop_one, 60 },
	{ do_drop_some, 10 }, { do_lose, 20 },   { do_cold, 20 },  { do_need, 10 }, { do_evict, 15 },
	{ do_step, 80 },      { do_busy, 20 },   { do_pause, 5 },  { do_map, 10 },
};

static void do_one(struct player *p)
{
	uint32_t chance = rng_below(&p->rng, 1000);
	unsigned int i = 0;

	if (settings.alone && chance % settings.alone == 0) {
		come_and_go(p);
		return;
	}
	for (; chance >= operations[i].of_1000; i++)
		chance -= operations[i].of_1000;
	operations[i].do_it(p);
}

/* While the others wait, and nothing moves. */
static void audit_together(struct player *p)
{
	pthread_barrier_wait(&all_players);
	if (p->number == 0) {
		zswap_engine_pause(engine);
		audit();
		zswap_engine_resume(engine);
	}
	pthread_barrier_wait(&all_players);
}

static void *play(void *arg)
{
	struct player *p = arg;

	for (uint64_t i = 0; i < settings.nr_operations; i++) {
		do_one(p);
		if (i % AUDIT_EVERY == AUDIT_EVERY - 1)
			audit_together(p);
	}
	for (uint32_t i = 0; i < nr_pages_of(p); i++)
		read_page(p, i);
	return NULL;
}

static void *tend(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED))
		if (!zswap_engine_step(engine))
			sched_yield();
	return NULL;
}

static void must_start(pthread_t *thread, void *(*function)(void *arg), void *arg)
{
	if (pthread_create(thread, NULL, function, arg))
		exit(2);
}

/* One alone has no thread beside it, so that it goes the same way each time. */
static void play_all(struct player *players)
{
	pthread_t tender;

	if (settings.nr_threads == 1) {
		play(&players[0]);
		return;
	}
	must_start(&tender, tend, NULL);
	for (uint32_t i = 0; i < settings.nr_threads; i++)
		must_start(&players[i].thread, play, &players[i]);
	for (uint32_t i = 0; i < settings.nr_threads; i++)
		pthread_join(players[i].thread, NULL);
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	pthread_join(tender, NULL);
}

/* ---- a run ---- */

#ifdef ZSWAP_SIM
static void host_begin(void)
{
	zs_sim_reset();
	zs_sim.clock_step_ns = 100;
	zs_sim.fail_seed = settings.seed;
	zs_sim.fail_one_in = settings.memory_fails;
}

static void host_end(void)
{
	if (!zs_sim_is_clean() || faulty_nr_out())
		differ("memory is left behind", 0, 0);
}
#else
static void host_begin(void)
{
}

static void host_end(void)
{
}
#endif

static void make_engine(void)
{
	struct zswap_engine_options options = { .resident_limit_bytes = LIMIT_PAGES * PAGE,
						.pool_limit_bytes = settings.pool_kib << 10,
						.memory = &program.memory,
						.nr_lanes = 2,
						.pool_flags = settings.nr_threads > 1 ? ZS_POOL_COMPACTOR : 0 };
	int err = zs_comp_parse(settings.codec, &options.comp);

	if (settings.store_kib) {
		store = disk_store_create(settings.store_kib << 10, settings.store_fails, settings.seed);
		options.store = store;
	}
	program_create(&program, STANDBY_PAGES);
	program.chance = settings.seed;
	program.give_fails_one_in = settings.give_fails;
	program.busy_one_in = settings.busy;
	program.moves_one_in = 2;
	program.move_stops_one_in = 8;
	program.looks_one_in = 2;
	program.takes_one_in = 2;
	host_begin();
	while (!err && (err = zswap_engine_create(&options, &engine)) == -ENOMEM && settings.memory_fails)
		err = 0;
	if (err)
		differ("no engine", err, 0);
	program.engine = engine;
}

static void make_players(struct player *players)
{
	while (zswap_engine_add(engine, SHARED_PAGES, &shared_first))
		if (!settings.memory_fails)
			differ("no numbers for pages", 0, 0);
	shared_model = calloc(SHARED_PAGES, PAGE);
	pthread_barrier_init(&all_players, NULL, (unsigned int)settings.nr_threads);
	for (uint32_t i = 0; i < settings.nr_threads; i++) {
		players[i] = (struct player){ .number = i,
					      .rng = { .state = settings.seed * 1000 + i },
					      .own_model = calloc(OWN_PAGES, PAGE) };
		if (!shared_model || !players[i].own_model)
			exit(2);
		map(&players[i]);
		players[i].busy_page = players[i].own_first;
	}
}

static uint64_t evicted(void)
{
	struct zswap_stats stats;

	zswap_engine_stats(engine, &stats);
	return stats.evicted;
}

static void calm(void)
{
	program.give_fails_one_in = program.busy_one_in = 0;
	disk_store_calm(store);
#ifdef ZSWAP_SIM
	zs_sim_stop_failing();
#endif
}

/* Whatever failed, it goes on when nothing does any more. */
static void check_goes_on(void)
{
	static unsigned char content[PAGE];
	uint64_t before = evicted();

	calm();
	program_make(content, 1);
	for (uint32_t i = 0; i < 2 * LIMIT_PAGES; i++)
		poke_page(shared_first + i, 0, content, PAGE);
	/* A full pool without a store may be full still. */
	if (evicted() == before && !settings.pool_kib)
		differ("nothing is evicted any more", 0, 0);
}

/* Nothing is left when all is dropped. */
static void end(struct player *players)
{
	struct zswap_stats stats;

	audit();
	check_goes_on();
	audit();
	for (uint32_t i = 0; i < settings.nr_threads; i++) {
		unmap(&players[i]);
		free(players[i].own_model);
	}
	program_drop(&program, shared_first, SHARED_PAGES, false);
	audit();
	zswap_engine_forget(engine, shared_first, SHARED_PAGES);
	zswap_engine_stats(engine, &stats);
	if (stats.managed_pages || stats.resident_pages || stats.pool_pages || stats.stored_pages ||
	    stats.same_filled_pages || stats.compressed_bytes || stats.backing_bytes)
		differ("something is left", 0, 0);
	printf("zswap: no difference; %llu faults, %llu read ahead, %llu evicted, %llu packed, %llu written back\n",
	       (unsigned long long)stats.faults, (unsigned long long)stats.read_ahead,
	       (unsigned long long)stats.evicted, (unsigned long long)stats.packed,
	       (unsigned long long)stats.written_back_pages);
	zswap_engine_destroy(engine);
	host_end();
	program_destroy(&program);
	pthread_barrier_destroy(&all_players);
	disk_store_destroy(store);
	free(shared_model);
}

/* ---- the command line ---- */

static void parse(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "r:n:j:c:l:w:x:g:b:a:f:")) >= 0) {
		switch (option) {
		case 'r': settings.seed = option_number("zswap", option, optarg); break;
		case 'n': settings.nr_operations = option_number("zswap", option, optarg); break;
		case 'j': settings.nr_threads = option_number("zswap", option, optarg); break;
		case 'c': settings.codec = optarg; break;
		case 'l': settings.pool_kib = option_number("zswap", option, optarg); break;
		case 'w': settings.store_kib = option_number("zswap", option, optarg); break;
		case 'x': settings.store_fails = option_number("zswap", option, optarg); break;
		case 'g': settings.give_fails = option_number("zswap", option, optarg); break;
		case 'b': settings.busy = option_number("zswap", option, optarg); break;
		case 'a': settings.alone = option_number("zswap", option, optarg); break;
		case 'f': settings.memory_fails = option_number("zswap", option, optarg); break;
		default: exit(2);
		}
	}
	if (optind == argc && settings.nr_threads && settings.nr_threads <= MOST_THREADS)
		return;
	fprintf(stderr, "zswap: see the head of zswap.c\n");
	exit(2);
}

int main(int argc, char **argv)
{
	static struct player players[MOST_THREADS];

	parse(argc, argv);
	signal(SIGALRM, out_of_time);
	alarm(LONGEST_SECONDS);
	make_engine();
	make_players(players);
	play_all(players);
	end(players);
	return 0;
}
