/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What the tests of the RAM disk's engine share: disks, pages that a number makes, a clock that is turned, threads that
 * each keep to pages of their own, and a disk that has nothing left in the end.
 */
#ifndef TESTS_ZRAM_UNIT_H
#define TESTS_ZRAM_UNIT_H

#include <pthread.h>

#include "unit.h"

#include "disk.h"
#include "random.h"

#define PAGE ZRAM_PAGE_BYTES

/* ---- disks ---- */

/* strong: the codec of recompression, or NULL */
static inline struct zram *disk_of(struct zram_options options, const char *comp, const char *strong)
{
	struct zram *zram = NULL;

	assert_int_equal(zs_comp_parse(comp, &options.comp), 0);
	if (strong)
		assert_int_equal(zs_comp_parse(strong, &options.recompress.comp), 0);
	assert_int_equal(zram_create(&options, &zram), 0);
	assert_int_equal(zram_size_bytes(zram), options.size_bytes);
	return zram;
}

static inline struct zram_stats figures_of(struct zram *zram)
{
	struct zram_stats stats;

	zram_stats(zram, &stats);
	return stats;
}

/* Nothing is left when nothing is stored. */
static inline void end(struct zram *zram)
{
	struct zram_stats stats;

	assert_int_equal(zram_discard(zram, zram_size_bytes(zram), 0), 0);
	stats = figures_of(zram);
	assert_int_equal(stats.objects, 0);
	assert_int_equal(stats.orig_data_size, 0);
	assert_int_equal(stats.compr_data_size, 0);
	assert_int_equal(stats.same_pages, 0);
	assert_int_equal(stats.huge_pages, 0);
	assert_int_equal(stats.strong_pages, 0);
	assert_int_equal(stats.units, 0);
	assert_int_equal(stats.unit_pages, 0);
	assert_int_equal(stats.unit_dead_bytes, 0);
	assert_int_equal(stats.shared_pages, 0);
	assert_int_equal(stats.dedup_saved_bytes, 0);
	assert_int_equal(stats.bd_count, 0);
	assert_int_equal(stats.bd_bytes, 0);
	assert_int_equal(zs_pool_verify(zram->pool), 0);
	zram_destroy(zram);
}

/* ---- pages ---- */

/* Of a size that is asked for: half noise and half one byte, say. Each test has its own. */
static void make_page(unsigned char *page, uint32_t seed);

static inline void write_page(struct zram *zram, uint32_t i, uint32_t seed)
{
	unsigned char page[PAGE];

	make_page(page, seed);
	assert_int_equal(zram_write(zram, page, PAGE, i * (uint64_t)PAGE), 0);
}

static inline void assert_page(struct zram *zram, uint32_t i, uint32_t seed)
{
	unsigned char page[PAGE], got[PAGE];

	make_page(page, seed);
	assert_int_equal(zram_read(zram, got, PAGE, i * (uint64_t)PAGE), 0);
	assert_memory_equal(got, page, PAGE);
}

/* Every page of the disk has the content of its number and one. */
static inline void fill(struct zram *zram)
{
	for (uint32_t i = 0; i < zram->nr_pages; i++)
		write_page(zram, i, i + 1);
}

static inline void assert_filled(struct zram *zram)
{
	for (uint32_t i = 0; i < zram->nr_pages; i++)
		assert_page(zram, i, i + 1);
}

/* ---- time ---- */

static uint64_t now_ns;

/* Goes on until there is nothing more to do for so long. most_due_ns: what a step may say at most. */
static inline void pass_time(struct zram *zram, uint64_t ns, uint64_t budget_pages, uint64_t most_due_ns)
{
	uint64_t end_ns = now_ns + ns;

	for (;;) {
		uint64_t due = zram_step(zram, now_ns, budget_pages);

		assert_true(due <= most_due_ns);
		if (due > end_ns - now_ns)
			break;
		now_ns += due;
	}
	now_ns = end_ns;
}

/* ---- threads ---- */

#define NR_PLAYERS 4u
#define MOST_PLAYED 128u /* pages */
#define LEAST_BESIDE 24u

struct game {
	uint32_t nr_pages; /* of which each player has each fourth */
	uint32_t nr_rounds;
	uint32_t nr_seeds;
	uint32_t write_one_in;
	uint32_t discard_one_in; /* of the rounds that write nothing */
};

struct player {
	struct zram *zram;
	const struct game *game;
	uint32_t *nr_done; /* players */
	uint32_t first;
	pthread_t thread;
};

static inline void *play(void *arg)
{
	const struct player *player = arg;
	const struct game *game = player->game;
	struct rng rng = { .state = player->first + 1 };
	uint32_t seeds[MOST_PLAYED] = { 0 }; /* 0: no content that is known */

	for (uint32_t round = 0; round < game->nr_rounds; round++) {
		uint32_t i = player->first + NR_PLAYERS * rng_below(&rng, game->nr_pages / NR_PLAYERS);

		if (rng_below(&rng, game->write_one_in) == 0) {
			seeds[i] = 1 + rng_below(&rng, game->nr_seeds);
			write_page(player->zram, i, seeds[i]);
		} else if (rng_below(&rng, game->discard_one_in) == 0) {
			seeds[i] = 0;
			assert_int_equal(zram_discard(player->zram, PAGE, i * (uint64_t)PAGE), 0);
		} else if (seeds[i]) {
			assert_page(player->zram, i, seeds[i]);
		}
	}
	__atomic_add_fetch(player->nr_done, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* Players write, discard and read; beside() is called some times, until all are done, with the number of the call. */
static inline void play_beside(struct zram *zram, const struct game *game,
			       void (*beside)(struct zram *zram, unsigned int number))
{
	struct player players[NR_PLAYERS];
	uint32_t nr_done = 0;

	assert_true(game->nr_pages <= MOST_PLAYED);
	for (uint32_t i = 0; i < NR_PLAYERS; i++) {
		players[i] = (struct player){ .zram = zram, .game = game, .nr_done = &nr_done, .first = i };
		assert_int_equal(pthread_create(&players[i].thread, NULL, play, &players[i]), 0);
	}
	for (unsigned int i = 0; i < LEAST_BESIDE || __atomic_load_n(&nr_done, __ATOMIC_ACQUIRE) < NR_PLAYERS; i++)
		beside(zram, i);
	for (uint32_t i = 0; i < NR_PLAYERS; i++)
		pthread_join(players[i].thread, NULL);
}

#endif
