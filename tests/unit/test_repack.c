/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Packing idle pages of the RAM disk again: when it happens, what comes of it, and what becomes of units whose pages
 * are overwritten, discarded or read often. The clock is turned by hand.
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

#include "disk.h"
#include "random.h"

#define PAGE ZRAM_PAGE_BYTES
#define NR_PAGES 100u /* of which the last group has four */
#define IDLE_NS 60000000000u

static uint64_t now_ns;

static struct zram *make_disk(uint32_t unit_bytes, uint64_t limit_bytes)
{
	struct zram_options options = { .size_bytes = NR_PAGES * PAGE,
					.limit_bytes = limit_bytes,
					.recompress = { .idle_ns = IDLE_NS, .unit_bytes = unit_bytes } };
	struct zram *zram = NULL;

	assert_int_equal(zs_comp_parse("lz4", &options.comp), 0);
	assert_int_equal(zs_comp_parse("zstd:3", &options.recompress.comp), 0);
	assert_int_equal(zram_create(&options, &zram), 0);
	now_ns = 1000;
	return zram;
}

static struct zram_stats stats_of(struct zram *zram)
{
	struct zram_stats stats;

	zram_stats(zram, &stats);
	return stats;
}

/* Words that neighbours have in common, and noise of its own: much denser together than alone. */
static void make_page(unsigned char *page, uint32_t seed)
{
	struct rng rng = { .state = seed }, common = { .state = 12345 };

	rng_fill(&common, page, PAGE);
	rng_fill(&rng, page + PAGE - 400, 400);
	memset(page + 100, (int)seed, 50);
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

static void fill(struct zram *zram)
{
	for (uint32_t i = 0; i < NR_PAGES; i++)
		write_page(zram, i, i + 1);
}

static void assert_filled(struct zram *zram)
{
	for (uint32_t i = 0; i < NR_PAGES; i++)
		assert_page(zram, i, i + 1);
}

/* Goes on until there is nothing more to do for so long. */
static void pass(struct zram *zram, uint64_t ns)
{
	uint64_t end = now_ns + ns;

	for (;;) {
		uint64_t due = zram_step(zram, now_ns, 3);

		assert_true(due <= IDLE_NS / 2);
		if (due > end - now_ns)
			break;
		now_ns += due;
	}
	now_ns = end;
}

/* All that is there is idle, and has been seen to. */
static void settle(struct zram *zram)
{
	pass(zram, 2 * (uint64_t)IDLE_NS);
}

/* Nothing is left when nothing is stored. */
static void end(struct zram *zram)
{
	struct zram_stats stats;

	assert_int_equal(zram_discard(zram, NR_PAGES * PAGE, 0), 0);
	stats = stats_of(zram);
	assert_int_equal(stats.objects, 0);
	assert_int_equal(stats.orig_data_size, 0);
	assert_int_equal(stats.compr_data_size, 0);
	assert_int_equal(stats.units, 0);
	assert_int_equal(stats.unit_pages, 0);
	assert_int_equal(stats.unit_dead_bytes, 0);
	assert_int_equal(stats.strong_pages, 0);
	assert_int_equal(stats.huge_pages, 0);
	assert_int_equal(zs_pool_verify(zram->pool), 0);
	zram_destroy(zram);
}

/* ---- when ---- */

static void idle_pages_become_units(void **state)
{
	struct zram *zram = make_disk(65536, 0);
	uint64_t before;

	(void)state;
	fill(zram);
	before = stats_of(zram).compr_data_size;
	pass(zram, IDLE_NS - 1);
	assert_int_equal(stats_of(zram).units, 0);
	pass(zram, IDLE_NS);
	assert_int_equal(stats_of(zram).units, 7);
	assert_int_equal(stats_of(zram).unit_pages, NR_PAGES);
	assert_int_equal(stats_of(zram).orig_data_size, NR_PAGES * PAGE);
	assert_int_equal(stats_of(zram).recompressed, NR_PAGES);
	assert_true(stats_of(zram).compr_data_size < before / 4);
	assert_int_equal(stats_of(zram).recompress_saved_bytes, before - stats_of(zram).compr_data_size);
	assert_int_equal(stats_of(zram).objects, 7);
	settle(zram);
	assert_int_equal(stats_of(zram).recompressed, NR_PAGES);
	assert_filled(zram);
	end(zram);
}

static void what_is_read_or_written_stays(void **state)
{
	struct zram *zram = make_disk(65536, 0);
	unsigned char byte;

	(void)state;
	fill(zram);
	for (unsigned int i = 0; i < 12; i++) {
		pass(zram, IDLE_NS / 3);
		write_page(zram, 5, 6);
		assert_int_equal(zram_read(zram, &byte, 1, 40 * PAGE + 7), 0);
	}
	assert_int_equal(stats_of(zram).unit_pages, NR_PAGES - 2);
	assert_int_equal(stats_of(zram).objects, 7 + 2);
	assert_filled(zram);
	end(zram);
}

/* Of so many pages, by so many pages; one that is left over stays alone. */
static unsigned int units_of(uint32_t nr, uint32_t pages)
{
	return pages == 1 ? 0 : nr / pages + (nr % pages > 1);
}

static void units_have_the_size_that_was_asked_for(void **state)
{
	static const uint32_t pages[] = { 1, 2, 3, 4, 16 };

	(void)state;
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		struct zram *zram = make_disk(pages[i] * PAGE, 0);

		fill(zram);
		settle(zram);
		assert_int_equal(stats_of(zram).units, NR_PAGES / 16 * units_of(16, pages[i]) + units_of(4, pages[i]));
		assert_int_equal(stats_of(zram).unit_pages + stats_of(zram).strong_pages + stats_of(zram).huge_pages,
				 NR_PAGES);
		assert_filled(zram);
		end(zram);
	}
}

static void bad_settings_are_refused(void **state)
{
	static const uint32_t bad[] = { 0, 100, 4097, 65537, 131072 };
	struct zram_options options = { .size_bytes = PAGE, .recompress = { .idle_ns = 1, .unit_bytes = PAGE } };
	struct zram *zram = NULL;

	(void)state;
	assert_int_equal(zs_comp_parse("lz4", &options.comp), 0);
	assert_int_equal(zram_create(&options, &zram), -EINVAL);
	options.recompress.comp = options.comp;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		options.recompress.unit_bytes = bad[i];
		assert_int_equal(zram_create(&options, &zram), -EINVAL);
	}
	options.recompress = (struct zram_recompress){ .idle_ns = 0 };
	assert_int_equal(zram_create(&options, &zram), 0);
	assert_true(zram_step(zram, 5, 1) == ZRAM_NEVER);
	assert_int_equal(zram_recompress_idle(zram), -EINVAL);
	zram_destroy(zram);
}

static void it_can_be_asked_for(void **state)
{
	struct zram *zram = make_disk(65536, 0);

	(void)state;
	fill(zram);
	assert_int_equal(zram_recompress_idle(zram), 0);
	assert_int_equal(stats_of(zram).units, 0);
	zram_mark_idle(zram);
	assert_page(zram, 20, 21); /* young again */
	assert_int_equal(zram_recompress_idle(zram), 0);
	assert_int_equal(stats_of(zram).unit_pages, NR_PAGES - 1);
	assert_filled(zram);
	end(zram);
}

/* ---- what is left of units ---- */

static void overwritten_pages_leave_their_units(void **state)
{
	struct zram *zram = make_disk(65536, 0);
	uint64_t share;

	(void)state;
	fill(zram);
	settle(zram);
	share = stats_of(zram).compr_data_size / NR_PAGES;
	write_page(zram, 0, 1);
	write_page(zram, 17, 18);
	assert_int_equal(stats_of(zram).unit_pages, NR_PAGES - 2);
	assert_in_range(stats_of(zram).unit_dead_bytes, share, 3 * share);
	assert_filled(zram);
	/* One page dead does not matter; the overwritten ones are idle in time and wait for others. */
	settle(zram);
	assert_filled(zram);
	end(zram);
}

static void half_dead_units_are_packed_again(void **state)
{
	struct zram *zram = make_disk(65536, 0);

	(void)state;
	fill(zram);
	settle(zram);
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(zram_discard(zram, PAGE, i * PAGE), 0);
	assert_true(stats_of(zram).unit_dead_bytes > 0);
	settle(zram);
	assert_int_equal(stats_of(zram).unit_dead_bytes, 0);
	assert_int_equal(stats_of(zram).units, 7);
	assert_int_equal(stats_of(zram).unit_pages, NR_PAGES - 8);
	for (uint32_t i = 8; i < NR_PAGES; i++)
		assert_page(zram, i, i + 1);
	end(zram);
}

/* A page in each unit is overwritten, over and over: what is dead stays within a few per cent of all. */
static void dead_bytes_are_bounded(void **state)
{
	struct zram *zram = make_disk(65536, 0);

	(void)state;
	fill(zram);
	settle(zram);
	for (uint32_t round = 0; round < 30; round++) {
		for (uint32_t i = round % 16; i < NR_PAGES; i += 16)
			write_page(zram, i, i + 1);
		pass(zram, IDLE_NS / 4);
		assert_true(stats_of(zram).unit_dead_bytes * 20 <= stats_of(zram).mem_used_total);
	}
	assert_filled(zram);
	end(zram);
}

static void warm_pages_leave_their_units(void **state)
{
	struct zram *zram = make_disk(65536, 0);

	(void)state;
	fill(zram);
	settle(zram);
	assert_page(zram, 3, 4);
	pass(zram, IDLE_NS / 2);
	assert_int_equal(stats_of(zram).unpacked, 0);
	assert_page(zram, 3, 4);
	assert_page(zram, 3, 4);
	pass(zram, IDLE_NS / 2);
	assert_int_equal(stats_of(zram).unpacked, 1);
	assert_int_equal(stats_of(zram).unit_pages, NR_PAGES - 1);
	assert_filled(zram);
	end(zram);
}

/* ---- what gains nothing ---- */

static void noise_is_tried_once(void **state)
{
	struct zram *zram = make_disk(65536, 0);
	struct rng rng = { .state = 9 };
	unsigned char page[PAGE];

	(void)state;
	for (uint32_t i = 0; i < NR_PAGES; i++) {
		rng_fill(&rng, page, PAGE);
		assert_int_equal(zram_write(zram, page, PAGE, i * (uint64_t)PAGE), 0);
	}
	settle(zram);
	assert_int_equal(stats_of(zram).huge_pages, NR_PAGES);
	assert_int_equal(stats_of(zram).recompressed, 0);
	for (uint32_t group = 0; group < NR_PAGES / 16; group++)
		assert_int_equal(zram->given_up[group], 1);
	/* Until something is written there. */
	write_page(zram, 16, 17);
	assert_int_equal(zram->given_up[1], 0);
	end(zram);
}

static void the_limit_may_be_reached(void **state)
{
	struct zram *zram = make_disk(65536, 300000);
	unsigned char page[PAGE];
	uint32_t nr = 0, nr_kept = 0;

	(void)state;
	for (make_page(page, 1); !zram_write(zram, page, PAGE, nr * (uint64_t)PAGE); make_page(page, nr + 1))
		nr++;
	assert_in_range(nr, 50, NR_PAGES - 1);
	settle(zram);
	assert_true(stats_of(zram).mem_used_total <= 300000 + 300000);
	for (uint32_t i = 0; i < nr; i++, nr_kept++)
		assert_page(zram, i, i + 1);
	assert_int_equal(nr_kept, nr);
	end(zram);
}

/* Groups that there was no memory for are packed when there is. */
static void a_limit_is_no_reason_to_give_up(void **state)
{
	struct zram *zram = make_disk(65536, 600000); /* less than the pages and the room to pack them in */

	(void)state;
	fill(zram);
	settle(zram);
	assert_int_equal(stats_of(zram).units, 0);
	assert_int_equal(zram_discard(zram, 32 * PAGE, 0), 0);
	zram_mark_idle(zram);
	assert_int_equal(zram_recompress_idle(zram), 0);
	assert_int_equal(stats_of(zram).unit_pages, NR_PAGES - 32);
	end(zram);
}

static void orders_can_be_cancelled(void **state)
{
	struct zram *zram = make_disk(65536, 0);

	(void)state;
	fill(zram);
	zram_mark_idle(zram);
	zram_cancel(zram);
	assert_int_equal(zram_recompress_idle(zram), -ECANCELED);
	assert_int_equal(stats_of(zram).units, 0);
	assert_filled(zram);
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
	uint32_t seeds[NR_PAGES] = { 0 };

	for (uint32_t round = 0; round < 1500; round++) {
		uint32_t i = player->first + 4 * rng_below(&rng, NR_PAGES / 4);

		if (rng_below(&rng, 3) == 0) {
			seeds[i] = 1 + rng_below(&rng, 1000);
			write_page(player->zram, i, seeds[i]);
		} else if (rng_below(&rng, 20) == 0) {
			seeds[i] = 0;
			assert_int_equal(zram_discard(player->zram, PAGE, i * (uint64_t)PAGE), 0);
		} else if (seeds[i]) {
			assert_page(player->zram, i, seeds[i]);
		}
	}
	return NULL;
}

static void it_runs_beside_everything(void **state)
{
	struct zram *zram = make_disk(65536, 0);
	struct player players[4];

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		players[i] = (struct player){ .zram = zram, .first = i };
		assert_int_equal(pthread_create(&players[i].thread, NULL, play, &players[i]), 0);
	}
	for (unsigned int i = 0; i < 300; i++) {
		if (i % 3 == 0)
			zram_mark_idle(zram);
		pass(zram, IDLE_NS / 2);
	}
	for (uint32_t i = 0; i < 4; i++)
		pthread_join(players[i].thread, NULL);
	end(zram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle_pages_become_units),
		cmocka_unit_test(what_is_read_or_written_stays),
		cmocka_unit_test(units_have_the_size_that_was_asked_for),
		cmocka_unit_test(bad_settings_are_refused),
		cmocka_unit_test(it_can_be_asked_for),
		cmocka_unit_test(overwritten_pages_leave_their_units),
		cmocka_unit_test(half_dead_units_are_packed_again),
		cmocka_unit_test(dead_bytes_are_bounded),
		cmocka_unit_test(warm_pages_leave_their_units),
		cmocka_unit_test(noise_is_tried_once),
		cmocka_unit_test(the_limit_may_be_reached),
		cmocka_unit_test(a_limit_is_no_reason_to_give_up),
		cmocka_unit_test(orders_can_be_cancelled),
		cmocka_unit_test(it_runs_beside_everything),
	};

	return cmocka_run_group_tests_name("repack", tests, NULL, NULL);
}
