/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Pages of the same content on the RAM disk: that they share an object, and part again.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dedup.h"
#include "random.h"

#define PAGE ZRAM_PAGE_BYTES
#define NR_PAGES 8192u

static struct zram *make_disk(bool recompress)
{
	struct zram_options options = { .size_bytes = NR_PAGES * PAGE, .dedup = true };
	struct zram *zram = NULL;

	assert_int_equal(zs_comp_parse("lz4", &options.comp), 0);
	if (recompress) {
		assert_int_equal(zs_comp_parse("zstd:1", &options.recompress.comp), 0);
		options.recompress.unit_bytes = 65536;
	}
	assert_int_equal(zram_create(&options, &zram), 0);
	return zram;
}

static struct zram_stats stats_of(struct zram *zram)
{
	struct zram_stats stats;

	zram_stats(zram, &stats);
	return stats;
}

/* Half noise; of seeds that 7 divides, all noise. */
static void make_page(unsigned char *page, uint32_t seed)
{
	struct rng rng = { .state = seed };

	memset(page, (int)seed, PAGE);
	rng_fill(&rng, page, seed % 7 ? PAGE / 2 : PAGE);
}

static void write_page(struct zram *zram, uint32_t i, uint32_t seed)
{
	unsigned char page[PAGE];

	make_page(page, seed);
	assert_int_equal(zram_write(zram, page, PAGE, i * (uint64_t)PAGE), 0);
}

static void assert_page(struct zram *zram, uint32_t i, uint32_t seed)
{
	unsigned char page[PAGE], got[PAGE];

	make_page(page, seed);
	assert_int_equal(zram_read(zram, got, PAGE, i * (uint64_t)PAGE), 0);
	assert_memory_equal(got, page, PAGE);
}

static void end(struct zram *zram)
{
	struct zram_stats stats;

	assert_int_equal(zram_discard(zram, NR_PAGES * PAGE, 0), 0);
	stats = stats_of(zram);
	assert_int_equal(stats.objects, 0);
	assert_int_equal(stats.compr_data_size, 0);
	assert_int_equal(stats.orig_data_size, 0);
	assert_int_equal(stats.shared_pages, 0);
	assert_int_equal(stats.dedup_saved_bytes, 0);
	assert_int_equal(zs_pool_verify(zram->pool), 0);
	zram_destroy(zram);
}

static void equal_pages_share_an_object(void **state)
{
	struct zram *zram = make_disk(false);
	uint64_t one;

	(void)state;
	for (uint32_t seed = 6; seed < 8; seed++) { /* compressed, and raw */
		write_page(zram, 0, seed);
		one = stats_of(zram).compr_data_size;
		write_page(zram, 100, seed);
		write_page(zram, 1, seed); /* in the first one's group */
		assert_int_equal(stats_of(zram).objects, 1);
		assert_int_equal(stats_of(zram).shared_pages, 3);
		assert_int_equal(stats_of(zram).orig_data_size, 3 * PAGE);
		assert_int_equal(stats_of(zram).compr_data_size, one);
		assert_int_equal(stats_of(zram).dedup_saved_bytes, 2 * one);
		assert_page(zram, 0, seed);
		assert_page(zram, 100, seed);
		assert_page(zram, 1, seed);
		assert_int_equal(zram_discard(zram, 100 * PAGE, PAGE), 0);
		assert_int_equal(stats_of(zram).objects, 1);
		assert_int_equal(stats_of(zram).shared_pages, 1);
		assert_int_equal(stats_of(zram).dedup_saved_bytes, 0);
		assert_page(zram, 0, seed);
		write_page(zram, 5, seed);
		assert_int_equal(stats_of(zram).shared_pages, 2);
		assert_int_equal(zram_discard(zram, 101 * PAGE, 0), 0);
		assert_int_equal(stats_of(zram).objects, 0);
	}
	end(zram);
}

static void pages_part_when_one_is_written(void **state)
{
	struct zram *zram = make_disk(false);
	unsigned char expected[PAGE], got[PAGE];

	(void)state;
	write_page(zram, 0, 1);
	write_page(zram, 50, 1);
	write_page(zram, 50, 2);
	assert_page(zram, 0, 1);
	assert_page(zram, 50, 2);
	assert_int_equal(stats_of(zram).objects, 2);
	/* A part of a page. */
	write_page(zram, 50, 1);
	assert_int_equal(zram_write(zram, "x", 1, 50 * PAGE + 1000), 0);
	make_page(expected, 1);
	assert_page(zram, 0, 1);
	expected[1000] = 'x';
	assert_int_equal(zram_read(zram, got, PAGE, 50 * PAGE), 0);
	assert_memory_equal(got, expected, PAGE);
	end(zram);
}

/* The hint of a page that has other content by now leads nowhere. */
static void old_hints_do_no_harm(void **state)
{
	struct zram *zram = make_disk(false);

	(void)state;
	write_page(zram, 0, 1);
	write_page(zram, 0, 2);
	write_page(zram, 9, 1);
	assert_int_equal(stats_of(zram).shared_pages, 0);
	assert_int_equal(zram_discard(zram, PAGE, 9 * PAGE), 0);
	write_page(zram, 10, 1);
	write_page(zram, 10, 1); /* over itself */
	assert_int_equal(stats_of(zram).shared_pages, 0);
	assert_page(zram, 0, 2);
	assert_page(zram, 10, 1);
	end(zram);
}

/* The last one that is left is packed as any other. */
static void who_is_left_shares_no_more(void **state)
{
	struct zram *zram = make_disk(true);

	(void)state;
	for (uint32_t i = 0; i < 32; i++)
		write_page(zram, i, i % 16 + 1);
	assert_int_equal(stats_of(zram).shared_pages, 32);
	assert_int_equal(zram_discard(zram, 16 * PAGE, 0), 0);
	assert_int_equal(stats_of(zram).shared_pages, 16);
	zram_mark_idle(zram);
	assert_int_equal(zram_recompress_idle(zram), 0);
	assert_int_equal(stats_of(zram).shared_pages, 0);
	assert_int_equal(stats_of(zram).unit_pages, 16);
	for (uint32_t i = 0; i < 16; i++)
		assert_page(zram, i + 16, i + 1);
	end(zram);
}

static void the_table_grows_and_shrinks(void **state)
{
	struct zram *zram = make_disk(false);
	uint64_t full;

	(void)state;
	for (uint32_t i = 0; i < NR_PAGES / 2; i++)
		write_page(zram, i, i + 1);
	full = zram_dedup_bytes(zram);
	for (uint32_t i = 0; i < NR_PAGES / 2; i++)
		write_page(zram, NR_PAGES / 2 + i, i + 1);
	/* A set of hints that is full loses one now and then. */
	assert_in_range(stats_of(zram).shared_pages, NR_PAGES * 9 / 10, NR_PAGES);
	for (uint32_t i = 0; i < NR_PAGES; i++)
		assert_page(zram, i, i % (NR_PAGES / 2) + 1);
	assert_int_equal(zram_discard(zram, (NR_PAGES - 100) * (uint64_t)PAGE, 0), 0);
	zram_dedup_fit(zram);
	assert_true(zram_dedup_bytes(zram) - stats_of(zram).shared_pages * 16 < full * 3);
	write_page(zram, 0, NR_PAGES / 2);
	assert_int_equal(stats_of(zram).objects, 100);
	end(zram);
}

static void shared_pages_and_units_keep_apart(void **state)
{
	struct zram *zram = make_disk(true);

	(void)state;
	for (uint32_t i = 0; i < 32; i++)
		write_page(zram, i, i < 16 ? i + 1 : i - 15 + (i % 2) * 100);
	assert_int_equal(stats_of(zram).shared_pages, 16);
	zram_mark_idle(zram);
	assert_int_equal(zram_recompress_idle(zram), 0);
	assert_int_equal(stats_of(zram).shared_pages, 16);
	assert_int_equal(stats_of(zram).unit_pages, 16);
	assert_int_equal(stats_of(zram).units, 2);
	write_page(zram, 40, 2); /* as one in a unit */
	write_page(zram, 41, 1);
	assert_int_equal(stats_of(zram).shared_pages, 17);
	for (uint32_t i = 0; i < 32; i++)
		assert_page(zram, i, i < 16 ? i + 1 : i - 15 + (i % 2) * 100);
	end(zram);
}

/* ---- threads ---- */

struct player {
	struct zram *zram;
	uint32_t first; /* its pages are this one and each fourth from there on */
	pthread_t thread;
};

static void *play(void *arg)
{
	struct player *player = arg;
	struct rng rng = { .state = player->first + 1 };
	uint32_t seeds[64] = { 0 };

	for (uint32_t round = 0; round < 3000; round++) {
		uint32_t i = player->first + 4 * rng_below(&rng, 16);

		if (rng_below(&rng, 2) == 0) {
			seeds[i] = 1 + rng_below(&rng, 8);
			write_page(player->zram, i, seeds[i]);
		} else if (rng_below(&rng, 10) == 0) {
			seeds[i] = 0;
			assert_int_equal(zram_discard(player->zram, PAGE, i * (uint64_t)PAGE), 0);
		} else if (seeds[i]) {
			assert_page(player->zram, i, seeds[i]);
		}
	}
	return NULL;
}

static void many_write_the_same(void **state)
{
	struct zram *zram = make_disk(true);
	struct player players[4];

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		players[i] = (struct player){ .zram = zram, .first = i };
		assert_int_equal(pthread_create(&players[i].thread, NULL, play, &players[i]), 0);
	}
	for (unsigned int i = 0; i < 100; i++) {
		zram_mark_idle(zram);
		assert_int_equal(zram_recompress_idle(zram), 0);
	}
	for (uint32_t i = 0; i < 4; i++)
		pthread_join(players[i].thread, NULL);
	end(zram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_pages_share_an_object), cmocka_unit_test(pages_part_when_one_is_written),
		cmocka_unit_test(old_hints_do_no_harm),        cmocka_unit_test(who_is_left_shares_no_more),
		cmocka_unit_test(the_table_grows_and_shrinks), cmocka_unit_test(shared_pages_and_units_keep_apart),
		cmocka_unit_test(many_write_the_same),
	};

	return cmocka_run_group_tests_name("dedup", tests, NULL, NULL);
}
