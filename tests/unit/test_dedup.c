/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Pages of the same content on the RAM disk: that they share an object, and part again.
 */
#include "zram_unit.h"

#include "dedup.h"
#include "statm.h"

#define NR_PAGES 8192u

static struct zram *make_disk(bool recompress)
{
	return disk_of((struct zram_options){ .size_bytes = NR_PAGES * PAGE,
					      .recompress = { .unit_bytes = recompress ? 65536 : 0 },
					      .dedup = true },
		       "lz4", recompress ? "zstd:1" : NULL);
}

/* Half noise; of seeds that 7 divides, all noise. */
static void make_page(unsigned char *page, uint32_t seed)
{
	struct rng rng = { .state = seed };

	memset(page, (int)seed, PAGE);
	rng_fill(&rng, page, seed % 7 ? PAGE / 2 : PAGE);
}

static void equal_pages_share_an_object(void **state)
{
	struct zram *zram = make_disk(false);
	uint64_t one;

	(void)state;
	for (uint32_t seed = 6; seed < 8; seed++) { /* compressed, and raw */
		write_page(zram, 0, seed);
		one = figures_of(zram).compr_data_size;
		write_page(zram, 100, seed);
		write_page(zram, 1, seed); /* in the first one's group */
		assert_int_equal(figures_of(zram).objects, 1);
		assert_int_equal(figures_of(zram).shared_pages, 3);
		assert_int_equal(figures_of(zram).orig_data_size, 3 * PAGE);
		assert_int_equal(figures_of(zram).compr_data_size, one);
		assert_int_equal(figures_of(zram).dedup_saved_bytes, 2 * one);
		assert_page(zram, 0, seed);
		assert_page(zram, 100, seed);
		assert_page(zram, 1, seed);
		assert_int_equal(zram_discard(zram, 100 * PAGE, PAGE), 0);
		assert_int_equal(figures_of(zram).objects, 1);
		assert_int_equal(figures_of(zram).shared_pages, 1);
		assert_int_equal(figures_of(zram).dedup_saved_bytes, 0);
		assert_page(zram, 0, seed);
		write_page(zram, 5, seed);
		assert_int_equal(figures_of(zram).shared_pages, 2);
		assert_int_equal(zram_discard(zram, 101 * PAGE, 0), 0);
		assert_int_equal(figures_of(zram).objects, 0);
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
	assert_int_equal(figures_of(zram).objects, 2);
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
	assert_int_equal(figures_of(zram).shared_pages, 0);
	assert_int_equal(zram_discard(zram, PAGE, 9 * PAGE), 0);
	write_page(zram, 10, 1);
	write_page(zram, 10, 1); /* over itself */
	assert_int_equal(figures_of(zram).shared_pages, 0);
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
	assert_int_equal(figures_of(zram).shared_pages, 32);
	assert_int_equal(zram_discard(zram, 16 * PAGE, 0), 0);
	assert_int_equal(figures_of(zram).shared_pages, 16);
	zram_mark_idle(zram);
	assert_int_equal(zram_recompress_idle(zram), 0);
	assert_int_equal(figures_of(zram).shared_pages, 0);
	assert_int_equal(figures_of(zram).unit_pages, 16);
	for (uint32_t i = 0; i < 16; i++)
		assert_page(zram, i + 16, i + 1);
	end(zram);
}

static void the_table_grows_and_shrinks(void **state)
{
	struct zram *zram = make_disk(false);
	uint64_t full;

	(void)state;
	for (uint32_t i = 0; i < NR_PAGES / 2; i++) {
		write_page(zram, i, i + 1);
		assert_true(zram_dedup_bytes(zram) >= i / 5 * 64); /* also while it is moved */
	}
	full = zram_dedup_bytes(zram);
	for (uint32_t i = 0; i < NR_PAGES / 2; i++)
		write_page(zram, NR_PAGES / 2 + i, i + 1);
	/* A set of hints that is full loses one now and then. */
	assert_in_range(figures_of(zram).shared_pages, NR_PAGES * 9 / 10, NR_PAGES);
	for (uint32_t i = 0; i < NR_PAGES; i++)
		assert_page(zram, i, i % (NR_PAGES / 2) + 1);
	assert_int_equal(zram_discard(zram, (NR_PAGES - 100) * (uint64_t)PAGE, 0), 0);
	zram_dedup_fit(zram);
	assert_true(zram_dedup_bytes(zram) - figures_of(zram).shared_pages * 16 < full * 3);
	write_page(zram, 0, NR_PAGES / 2);
	assert_int_equal(figures_of(zram).objects, 100);
	end(zram);
}

/* The table is that of a full disk, and all but so many pages are gone. */
static struct zram *make_disk_of_few_in_a_large_table(uint32_t nr_left)
{
	struct zram *zram = make_disk(false);

	fill(zram);
	zram_dedup_fit(zram);
	assert_int_equal(zram_discard(zram, (NR_PAGES - nr_left) * (uint64_t)PAGE, nr_left * (uint64_t)PAGE), 0);
	return zram;
}

/* Also while the table is moved: what was written before, and what is written meanwhile. */
static void hints_are_found_while_the_table_moves(void **state)
{
	struct zram *zram = make_disk_of_few_in_a_large_table(3500);
	uint64_t full = zram_dedup_bytes(zram), nr_shared = 0;

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		write_page(zram, 4000 + i, 2 * NR_PAGES + i);
		write_page(zram, 5000 + i, 2 * NR_PAGES + i);
		assert_int_equal(figures_of(zram).shared_pages, nr_shared + 2);
		write_page(zram, 6000 + i, i * 35 + 1); /* as one of those that are left */
		nr_shared = figures_of(zram).shared_pages;
	}
	assert_true(zram_dedup_bytes(zram) >= full);
	/* Hints of pages that are gone take places of others. */
	assert_in_range(nr_shared, 2 * (100 + 70), 2 * (100 + 100));
	end(zram);
}

/* A writer moves a few sets and no more; who comes to fit the table moves all. */
static void the_table_moves_a_little_at_a_time(void **state)
{
	struct zram *zram = make_disk_of_few_in_a_large_table(0);
	uint64_t full = zram_dedup_bytes(zram);
	uint32_t nr_writes = 0;

	(void)state;
	for (; zram_dedup_bytes(zram) >= full / 2; nr_writes++)
		write_page(zram, nr_writes % 100, NR_PAGES + nr_writes);
	assert_in_range(nr_writes, 100, NR_PAGES);
	end(zram);
	zram = make_disk_of_few_in_a_large_table(3500);
	write_page(zram, 0, NR_PAGES + 1); /* begins to move it */
	assert_int_equal(zram_discard(zram, NR_PAGES * (uint64_t)PAGE, 0), 0);
	zram_dedup_fit(zram);
	assert_true(zram_dedup_bytes(zram) < full / 8);
	end(zram);
}

/* Hints as of so many pages more, of a disk that is said to have as many. */
static void note_many(struct zram *zram, struct rng *rng, uint32_t nr, uint64_t nr_pages)
{
	zram->counts.pages = nr_pages;
	for (uint32_t i = 0; i < nr; i++)
		zram_dedup_note(zram, (uint32_t)rng_next(rng), i);
}

/* While it is moved, a large table takes no more memory than the larger of the two, as it is counted. */
static void what_has_moved_gives_its_memory_back(void **state)
{
	struct zram *zram = make_disk(false);
	struct rng rng = { .state = 3 };
	uint64_t full, resident;

	(void)state;
	if (UNIT_SANITIZED) { /* a sanitizer's shadow of the table is resident too */
		end(zram);
		skip();
	}
	note_many(zram, &rng, 600000, 500000);
	full = zram_dedup_bytes(zram);
	resident = statm_resident();
	assert_true(full > 6000000);
	note_many(zram, &rng, (uint32_t)(full / 64 / 4 * 3 / 4), 240000); /* three quarters of it move */
	assert_true(zram_dedup_bytes(zram) >= full);
	assert_true(statm_resident() < resident + 1000000);
	zram->counts.pages = 0;
	zram_dedup_fit(zram);
	assert_true(statm_resident() + 5000000 < resident);
	end(zram);
}

/* It would take eight times the limit. Hints that it has no room for are lost, and nothing else. */
static void the_table_keeps_to_the_limit(void **state)
{
	struct zram *zram =
		disk_of((struct zram_options){ .size_bytes = NR_PAGES * PAGE, .limit_bytes = 1 << 20, .dedup = true },
			"lz4", NULL);
	struct rng rng = { .state = 4 };

	(void)state;
	note_many(zram, &rng, 1000, 500000);
	assert_true(zram_used_bytes(zram) <= 1 << 20);
	zram->counts.pages = 0;
	write_page(zram, 0, 1);
	write_page(zram, 1, 1);
	assert_int_equal(figures_of(zram).shared_pages, 2);
	end(zram);
}

static void shared_pages_and_units_keep_apart(void **state)
{
	struct zram *zram = make_disk(true);

	(void)state;
	for (uint32_t i = 0; i < 32; i++)
		write_page(zram, i, i < 16 ? i + 1 : i - 15 + (i % 2) * 100);
	assert_int_equal(figures_of(zram).shared_pages, 16);
	zram_mark_idle(zram);
	assert_int_equal(zram_recompress_idle(zram), 0);
	assert_int_equal(figures_of(zram).shared_pages, 16);
	assert_int_equal(figures_of(zram).unit_pages, 16);
	assert_int_equal(figures_of(zram).units, 2);
	write_page(zram, 40, 2); /* as one in a unit */
	write_page(zram, 41, 1);
	assert_int_equal(figures_of(zram).shared_pages, 17);
	for (uint32_t i = 0; i < 32; i++)
		assert_page(zram, i, i < 16 ? i + 1 : i - 15 + (i % 2) * 100);
	end(zram);
}

/* ---- threads ---- */

static void pack_all(struct zram *zram, unsigned int number)
{
	(void)number;
	zram_mark_idle(zram);
	assert_int_equal(zram_recompress_idle(zram), 0);
}

static void many_write_the_same(void **state)
{
	static const struct game game = {
		.nr_pages = 64, .nr_rounds = 1000, .nr_seeds = 8, .write_one_in = 2, .discard_one_in = 10
	};
	struct zram *zram = make_disk(true);

	(void)state;
	play_beside(zram, &game, pack_all);
	end(zram);
}

struct writer {
	struct zram *zram;
	uint32_t first; /* of its pages */
	uint32_t *nr_done;
	pthread_t thread;
};

/* Each writes a part of the disk, and discards it again. */
static void *write_and_discard(void *arg)
{
	const struct writer *writer = arg;
	uint32_t nr = NR_PAGES / NR_PLAYERS, first = writer->first;

	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t i = first; i < first + nr; i++)
			write_page(writer->zram, i, i % 3000 + 1);
		for (uint32_t i = first; i < first + nr; i++)
			assert_page(writer->zram, i, i % 3000 + 1);
		assert_int_equal(zram_discard(writer->zram, nr * (uint64_t)PAGE, first * (uint64_t)PAGE), 0);
	}
	__atomic_add_fetch(writer->nr_done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void the_table_moves_beside_writers(void **state)
{
	struct zram *zram = make_disk(false);
	struct writer writers[NR_PLAYERS];
	uint32_t nr_done = 0;

	(void)state;
	for (uint32_t i = 0; i < NR_PLAYERS; i++) {
		writers[i] = (struct writer){ .zram = zram, .first = i * (NR_PAGES / NR_PLAYERS), .nr_done = &nr_done };
		assert_int_equal(pthread_create(&writers[i].thread, NULL, write_and_discard, &writers[i]), 0);
	}
	while (__atomic_load_n(&nr_done, __ATOMIC_ACQUIRE) < NR_PLAYERS)
		zram_dedup_fit(zram);
	for (uint32_t i = 0; i < NR_PLAYERS; i++)
		pthread_join(writers[i].thread, NULL);
	end(zram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_pages_share_an_object),
		cmocka_unit_test(pages_part_when_one_is_written),
		cmocka_unit_test(old_hints_do_no_harm),
		cmocka_unit_test(who_is_left_shares_no_more),
		cmocka_unit_test(the_table_grows_and_shrinks),
		cmocka_unit_test(shared_pages_and_units_keep_apart),
		cmocka_unit_test(hints_are_found_while_the_table_moves),
		cmocka_unit_test(the_table_moves_a_little_at_a_time),
		cmocka_unit_test(what_has_moved_gives_its_memory_back),
		cmocka_unit_test(the_table_keeps_to_the_limit),
		cmocka_unit_test(many_write_the_same),
		cmocka_unit_test(the_table_moves_beside_writers),
	};

	return cmocka_run_group_tests_name("dedup", tests, NULL, NULL);
}
