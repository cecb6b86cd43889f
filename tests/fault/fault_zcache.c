/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Out-of-memory sweep of the engine of a cache: a script is played with the n-th request for memory failing, of the
 * pool or its metadata, of the engine itself or of the codec, for every n until the script runs through without
 * reaching the n-th; once with that failure alone and once with all that follow it. A get is a miss or what was put, a
 * put that fails leaves nothing behind, and nothing leaks.
 *   fault-zcache CODEC...
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "faulty.h"
#include "sim.h"
#include "values.h"
#include "zcache_engine.h"

#define NR_KEYS 160u
#define LIMIT_BYTES (1280u << 10)
#define LONGEST_SECONDS 500 /* after which it is taken to hang */

static struct {
	const char *codec;
	uint64_t fail_at;
	bool fail_after;
	unsigned int step;
	uint64_t nr_calls; /* that could fail */
	struct zcache_engine *engine;
	int pools[2];
	uint64_t numbers[NR_KEYS]; /* of what may be found; 0: nothing */
} s;

static uint64_t all_failed_puts, all_evicted, all_hits; /* of all runs */

#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "fault-zcache: line %d: %s (%s, step %u, call %llu%s fails of %llu)\n",        \
				__LINE__, #condition, s.codec, s.step, (unsigned long long)s.fail_at,                  \
				s.fail_after ? " and after" : "", (unsigned long long)zs_sim.nr_fallible_calls);       \
			exit(1);                                                                                       \
		}                                                                                                      \
	} while (0)

/* ---- the script ---- */

static uint32_t length_of(uint64_t number)
{
	return number % 50 ? 200 + (uint32_t)(number * 37 % 12000) : VALUE_MOST;
}

static void put_keys(uint32_t first, uint32_t nr, uint64_t number)
{
	static unsigned char value[VALUE_MOST];

	for (uint32_t i = first; i < first + nr; i++) {
		uint32_t len = length_of(number + i);
		int err;

		value_make(value, len, number + i);
		err = zcache_engine_put(s.engine, s.pools[i % 2], i, 0, value, len, 0);
		MUST(!err || (err == -ENOMEM && s.fail_at));
		s.numbers[i] = err ? 0 : number + i;
	}
}

static void get_keys(bool is_exclusive)
{
	static unsigned char got[VALUE_MOST];

	for (uint32_t i = 0; i < NR_KEYS; i++) {
		int len = zcache_engine_get(s.engine, s.pools[i % 2], i, 0, got, sizeof(got), is_exclusive, NULL);

		MUST(len == -ENOENT || (len > 0 && s.numbers[i]));
		MUST(len < 0 ||
		     ((uint32_t)len == length_of(s.numbers[i]) && value_is(got, (uint32_t)len, s.numbers[i])));
		if (len < 0 || is_exclusive)
			s.numbers[i] = 0;
	}
}

static void flush_keys(uint32_t first, uint32_t nr)
{
	for (uint32_t i = first; i < first + nr; i++) {
		MUST(!zcache_engine_flush_page(s.engine, s.pools[i % 2], i, 0));
		s.numbers[i] = 0;
	}
}

/* A pool more may be refused, which leaves those that there are. */
static void add_pool(void)
{
	struct zs_comp_spec comp;
	int pool;

	MUST(!zs_comp_parse("lz4", &comp));
	pool = zcache_engine_new_pool(s.engine, &comp);
	MUST(pool >= 0 || (pool == -ENOMEM && s.fail_at));
	if (pool >= 0)
		MUST(!zcache_engine_destroy_pool(s.engine, pool));
}

static void play_step(void)
{
	switch (s.step) {
	case 0: put_keys(0, 120, 1000); break;
	case 1: get_keys(false); break;
	case 2: add_pool(); break;
	case 3: put_keys(40, 120, 5000); break;
	case 4: flush_keys(20, 40); break;
	case 5: MUST(!zcache_engine_resize(s.engine, 1u << 20)); break;
	case 6: get_keys(false); break;
	case 7: zcache_engine_reclaim(s.engine, 64 << 10); break;
	case 8: put_keys(0, 80, 9000); break;
	default: get_keys(true); break;
	}
}

static void play(void)
{
	for (s.step = 0; s.step < 10; s.step++) {
		play_step();
		MUST(!zcache_engine_verify(s.engine));
	}
}

/* ---- a run ---- */

static int create(void)
{
	struct zcache_engine_options options = { .limit_bytes = LIMIT_BYTES, .seed = 1, .nr_lanes = 2 };
	struct zs_comp_spec comp;
	int err;

	MUST(!zs_comp_parse(s.codec, &comp));
	err = zcache_engine_create(&options, &s.engine);
	for (unsigned int i = 0; i < 2 && !err; i++) {
		s.pools[i] = zcache_engine_new_pool(s.engine, i ? &comp : NULL);
		err = s.pools[i] < 0 ? s.pools[i] : 0;
	}
	return err;
}

/* Once there is memory again, all is as it would have been. */
static void finish(void)
{
	struct zcache_stats stats = { .size = sizeof(stats) };

	s.nr_calls = zs_sim.nr_fallible_calls;
	zs_sim_stop_failing();
	put_keys(0, 40, 20000);
	zcache_engine_stats(s.engine, &stats);
	MUST(stats.values > 25 && stats.total_bytes <= stats.limit_bytes);
	get_keys(false);
	MUST(!zcache_engine_verify(s.engine));
	zcache_engine_stats(s.engine, &stats);
	all_failed_puts += stats.failed_puts;
	all_evicted += stats.evicted;
	all_hits += stats.hits;
}

/* Result: how many calls could fail. */
static uint64_t run(void)
{
	int err;

	zs_sim_reset();
	zs_sim.fail_at = s.fail_at;
	zs_sim.fail_after = s.fail_after;
	s.engine = NULL;
	memset(s.numbers, 0, sizeof(s.numbers));
	err = create();
	if (!err) {
		play();
		finish();
	} else {
		s.nr_calls = zs_sim.nr_fallible_calls;
	}
	MUST(!err || (err == -ENOMEM && s.fail_at));
	zcache_engine_destroy(s.engine);
	MUST(zs_sim_is_clean() && !faulty_nr_out());
	return s.nr_calls;
}

/* Up to a failure all goes as in a run without, so that each call of that one fails once. */
static void sweep(const char *codec, bool fail_after)
{
	uint64_t nr_calls;

	s.codec = codec;
	s.fail_after = fail_after;
	s.fail_at = 0;
	nr_calls = run();
	do
		s.fail_at++;
	while (run() >= s.fail_at);
	MUST(s.fail_at == nr_calls + 1);
	printf("fault-zcache: %s, %s: %llu points of failure\n", codec,
	       fail_after ? "all from the n-th fail" : "the n-th fails", (unsigned long long)nr_calls);
}

int main(int argc, char **argv)
{
	alarm(LONGEST_SECONDS);
	for (int i = 1; i < argc; i++) {
		sweep(argv[i], false);
		if (i == 1)
			sweep(argv[i], true);
	}
	/* Else the script leaves something untried. */
	MUST(all_failed_puts);
	MUST(all_evicted);
	MUST(all_hits);
	return 0;
}
