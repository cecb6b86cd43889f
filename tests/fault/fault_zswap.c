/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Out-of-memory sweep of the engine of compressed memory: a script is played with the n-th request for memory failing,
 * of the pool or its metadata, of the engine itself or of the codec, for every n until the script runs through without
 * reaching the n-th; once with that failure alone and once with all that follow it; without a store and with one. No
 * page ever has other content, no fault fails for what is kept already, and nothing leaks.
 *   fault-zswap CODEC...
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "disk_store.h"
#include "faulty.h"
#include "parts.h"
#include "program.h"
#include "sim.h"

#define PAGE PROGRAM_PAGE_BYTES
#define NR_PAGES 400u
#define OTHER_PAGES 20u
#define LIMIT_PAGES 256u
#define STANDBY_PAGES 128u
#define STORE_BYTES (4u << 20)
#define LONGEST_SECONDS 500 /* after which it is taken to hang */

struct shortage {
	const char *codec;
	uint64_t fail_at;
	bool fail_after;
	bool has_store;
};

static struct {
	struct shortage shortage;
	struct program program;
	struct zswap_engine *engine;
	struct zs_store *store;
	uint32_t first;
	uint32_t seeds[NR_PAGES];
	unsigned int step;
	uint64_t nr_calls; /* that could fail */
} s;

static struct zswap_stats sums; /* of all runs */

#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "fault-zswap: line %d: %s (%s%s, step %u, call %llu%s fails of %llu)\n",       \
				__LINE__, #condition, s.shortage.codec, s.shortage.has_store ? ", store" : "", s.step, \
				(unsigned long long)s.shortage.fail_at, s.shortage.fail_after ? " and after" : "",     \
				(unsigned long long)zs_sim.nr_fallible_calls);                                         \
			exit(1);                                                                                       \
		}                                                                                                      \
	} while (0)

/* ---- the script ---- */

/* Two of three are one word over and over, so that there are more pages than may be resident, and few requests. */
static uint32_t seed_of(uint32_t page, uint32_t seed)
{
	return page % 3 ? 8 * (seed + page) + 1 : seed + page;
}

static void write_pages(uint32_t first, uint32_t nr, uint32_t seed)
{
	unsigned char content[PAGE];

	for (uint32_t i = first; i < first + nr; i++) {
		s.seeds[i] = seed_of(i, seed);
		program_make(content, s.seeds[i]);
		MUST(!program_write(&s.program, s.first + i, content));
	}
}

static void read_pages(uint32_t first, uint32_t nr)
{
	unsigned char content[PAGE], got[PAGE];

	for (uint32_t i = first; i < first + nr; i++) {
		program_make(content, s.seeds[i]);
		MUST(!program_read(&s.program, s.first + i, got));
		MUST(!memcmp(got, content, PAGE));
	}
}

static void drop_pages(uint32_t first, uint32_t nr)
{
	memset(s.seeds + first, 0, nr * sizeof(s.seeds[0]));
	program_drop(&s.program, s.first + first, nr, true);
}

static void step_some(void)
{
	for (unsigned int i = 0; i < 20 && zswap_engine_step(s.engine); i++)
		;
}

/* Numbers may be refused, which leaves those that there are. */
static void add_others(void)
{
	uint32_t first;
	int err = zswap_engine_add(s.engine, OTHER_PAGES, &first);

	MUST(!err || (err == -ENOMEM && s.shortage.fail_at));
	if (!err)
		zswap_engine_forget(s.engine, first, OTHER_PAGES);
}

static void evict_all(void)
{
	for (unsigned int i = 0; i < 3; i++) {
		step_some();
		zswap_engine_evict(s.engine, s.first, NR_PAGES);
	}
	step_some();
}

static void play_step(void)
{
	switch (s.step) {
	case 0: write_pages(0, 300, 1); break;
	case 1: evict_all(); break;
	case 2: add_others(); break;
	case 3: read_pages(0, NR_PAGES); break;
	case 4: write_pages(200, 200, 70); break;
	case 5: drop_pages(30, 50); break;
	case 6: evict_all(); break;
	case 7: MUST(!zswap_engine_need(s.engine, s.first, 60)); break;
	case 8: write_pages(100, 30, 500); break;
	default: read_pages(0, NR_PAGES); break;
	}
}

static void play(void)
{
	for (s.step = 0; s.step < 10; s.step++) {
		play_step();
		MUST(!program_audit(s.engine));
	}
}

/* ---- a run ---- */

static void begin(const struct shortage *shortage)
{
	memset(&s, 0, sizeof(s));
	s.shortage = *shortage;
	zs_sim_reset();
	zs_sim.fail_at = shortage->fail_at;
	zs_sim.fail_after = shortage->fail_after;
	program_create(&s.program, STANDBY_PAGES);
	s.store = disk_store_create(STORE_BYTES, 0, 1);
	MUST(s.store);
}

static int create(void)
{
	struct zswap_engine_options options = { .resident_limit_bytes = LIMIT_PAGES * PAGE,
						.pool_limit_bytes = s.shortage.has_store ? 1300 << 10 : 0,
						.memory = &s.program.memory,
						.store = s.shortage.has_store ? s.store : NULL,
						.nr_lanes = 2 };
	int err;

	MUST(!zs_comp_parse(s.shortage.codec, &options.comp));
	err = zswap_engine_create(&options, &s.engine);
	s.program.engine = s.engine;
	if (!err)
		err = zswap_engine_add(s.engine, NR_PAGES, &s.first);
	return err;
}

static void add_up(const struct zswap_stats *stats)
{
	sums.pool_limit_hit += stats->pool_limit_hit;
	sums.packed += stats->packed;
	sums.written_back_pages += stats->written_back_pages;
	sums.incompressible += stats->incompressible;
}

/* Once there is memory again, all is as it would have been. */
static void finish(void)
{
	struct zswap_stats stats;

	s.nr_calls = zs_sim.nr_fallible_calls;
	zs_sim_stop_failing();
	evict_all();
	zswap_engine_stats(s.engine, &stats);
	MUST(stats.pool_pages + stats.stored_pages + stats.same_filled_pages > 100);
	read_pages(0, NR_PAGES);
	drop_pages(0, NR_PAGES);
	MUST(!program_audit(s.engine));
	zswap_engine_stats(s.engine, &stats);
	MUST(!stats.resident_pages && !stats.pool_pages && !stats.stored_pages && !stats.backing_bytes);
	MUST(!stats.lost_pages);
	add_up(&stats);
}

/* Result: how many calls could fail. */
static uint64_t run(const struct shortage *shortage)
{
	int err;

	begin(shortage);
	err = create();
	if (!err) {
		play();
		finish();
	} else {
		s.nr_calls = zs_sim.nr_fallible_calls;
	}
	MUST(!err || (err == -ENOMEM && shortage->fail_at));
	zswap_engine_destroy(s.engine);
	MUST(zs_sim_is_clean() && !faulty_nr_out());
	program_destroy(&s.program);
	disk_store_destroy(s.store);
	return s.nr_calls;
}

/* Up to a failure all goes as in a run without, so that each call of that one fails once. */
static void sweep(const char *codec, bool has_store, bool fail_after)
{
	struct shortage shortage = { .codec = codec, .fail_after = fail_after, .has_store = has_store };
	uint64_t nr_calls = run(&shortage);

	do
		shortage.fail_at++;
	while (run(&shortage) >= shortage.fail_at);
	MUST(shortage.fail_at == nr_calls + 1);
	printf("fault-zswap: %s%s, %s: %llu points of failure\n", codec, has_store ? " and a store" : "",
	       fail_after ? "all from the n-th fail" : "the n-th fails", (unsigned long long)nr_calls);
}

/* The first codec in each way; the others, of which each use may fail, in one. */
int main(int argc, char **argv)
{
	alarm(LONGEST_SECONDS);
	for (int i = 1; i < argc; i++)
		for (unsigned int way = 0; way < (i == 1 ? 4 : 1); way++)
			sweep(argv[i], way & 1, way & 2);
	/* Else the script leaves something untried. */
	MUST(sums.pool_limit_hit);
	MUST(sums.packed);
	MUST(sums.written_back_pages);
	MUST(sums.incompressible);
	return 0;
}
