/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Packing idle pages of the RAM disk again: when it happens, what comes of it, and what becomes of units whose pages
 * are overwritten, discarded or read often. The clock is turned by hand.
 */
#include "zram_unit.h"

#define NR_PAGES 100u /* of which the last group has four */
#define IDLE_NS 60000000000u

static struct zram *make_disk_of(uint32_t nr_pages, uint32_t unit_bytes, uint64_t limit_bytes)
{
	now_ns = 1000;
	return disk_of((struct zram_options){ .size_bytes = nr_pages * (uint64_t)PAGE,
					      .limit_bytes = limit_bytes,
					      .recompress = { .idle_ns = IDLE_NS, .unit_bytes = unit_bytes } },
		       "lz4", "zstd:3");
}

static struct zram *make_disk(uint32_t unit_bytes, uint64_t limit_bytes)
{
	return make_disk_of(NR_PAGES, unit_bytes, limit_bytes);
}

/* Words that neighbours have in common, and noise of its own: much denser together than alone. */
static void make_page(unsigned char *page, uint32_t seed)
{
	struct rng rng = { .state = seed }, common = { .state = 12345 };

	rng_fill(&common, page, PAGE);
	rng_fill(&rng, page + PAGE - 400, 400);
	memset(page + 100, (int)seed, 50);
}

static void pass(struct zram *zram, uint64_t ns)
{
	pass_time(zram, ns, 3, IDLE_NS / 2);
}

/* All that is there is idle, and has been seen to. */
static void settle(struct zram *zram)
{
	pass(zram, 2 * (uint64_t)IDLE_NS);
}

/* ---- when ---- */

static void idle_pages_become_units(void **state)
{
	struct zram *zram = make_disk(65536, 0);
	uint64_t before;

	(void)state;
	fill(zram);
	before = figures_of(zram).compr_data_size;
	pass(zram, IDLE_NS - 1);
	assert_int_equal(figures_of(zram).units, 0);
	pass(zram, IDLE_NS);
	assert_int_equal(figures_of(zram).units, 7);
	assert_int_equal(figures_of(zram).unit_pages, NR_PAGES);
	assert_int_equal(figures_of(zram).orig_data_size, NR_PAGES * PAGE);
	assert_int_equal(figures_of(zram).recompressed, NR_PAGES);
	assert_true(figures_of(zram).compr_data_size < before / 4);
	assert_int_equal(figures_of(zram).recompress_saved_bytes, before - figures_of(zram).compr_data_size);
	assert_int_equal(figures_of(zram).objects, 7);
	settle(zram);
	assert_int_equal(figures_of(zram).recompressed, NR_PAGES);
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
	assert_int_equal(figures_of(zram).unit_pages, NR_PAGES - 2);
	assert_int_equal(figures_of(zram).objects, 7 + 2);
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
		assert_int_equal(figures_of(zram).units,
				 NR_PAGES / 16 * units_of(16, pages[i]) + units_of(4, pages[i]));
		assert_int_equal(figures_of(zram).unit_pages + figures_of(zram).strong_pages +
					 figures_of(zram).huge_pages,
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
	assert_int_equal(figures_of(zram).units, 0);
	zram_mark_idle(zram);
	assert_page(zram, 20, 21); /* young again */
	assert_int_equal(zram_recompress_idle(zram), 0);
	assert_int_equal(figures_of(zram).unit_pages, NR_PAGES - 1);
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
	share = figures_of(zram).compr_data_size / NR_PAGES;
	write_page(zram, 0, 1);
	write_page(zram, 17, 18);
	assert_int_equal(figures_of(zram).unit_pages, NR_PAGES - 2);
	assert_in_range(figures_of(zram).unit_dead_bytes, share, 3 * share);
	assert_filled(zram);
	/* One page dead does not matter; the overwritten ones are idle in time and wait for others. */
	settle(zram);
	assert_filled(zram);
	end(zram);
}

/* Of all memory, in hundredths of a hundredth. */
static uint64_t dead_share(struct zram *zram)
{
	return figures_of(zram).unit_dead_bytes * 10000 / figures_of(zram).mem_used_total;
}

/* Whatever little is dead in all. */
static void half_dead_units_are_packed_again(void **state)
{
	struct zram *zram = make_disk_of(4096, 65536, 0);

	(void)state;
	fill(zram);
	settle(zram);
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(zram_discard(zram, PAGE, i * PAGE), 0);
	assert_in_range(dead_share(zram), 1, 99);
	settle(zram);
	assert_int_equal(figures_of(zram).unit_dead_bytes, 0);
	assert_int_equal(figures_of(zram).units, 4096 / 16);
	assert_int_equal(figures_of(zram).unit_pages, 4096 - 8);
	for (uint32_t i = 8; i < 4096; i++)
		assert_page(zram, i, i + 1);
	end(zram);
}

/* The more is dead in all, the less a unit may have lost. */
static void units_are_packed_by_what_is_dead_in_all(void **state)
{
	static const struct {
		uint32_t nr_dead; /* in each of some units */
		uint64_t share;   /* until so much is dead */
		bool is_packed;
	} cases[] = { { 4, 75, false }, { 4, 110, true },  { 2, 115, false },
		      { 2, 160, true }, { 1, 165, false }, { 1, 210, true } };

	(void)state;
	for (size_t c = 0; c < NR_OF(cases); c++) {
		struct zram *zram = make_disk_of(4096, 65536, 0);
		uint64_t dead;

		fill(zram);
		settle(zram);
		for (uint32_t unit = 0; unit < 256 && dead_share(zram) < cases[c].share; unit++)
			assert_int_equal(zram_discard(zram, cases[c].nr_dead * PAGE, unit * 16 * (uint64_t)PAGE), 0);
		assert_in_range(dead_share(zram), cases[c].share, cases[c].share + 20);
		dead = figures_of(zram).unit_dead_bytes;
		settle(zram);
		if (cases[c].is_packed)
			assert_true(figures_of(zram).unit_dead_bytes < dead);
		else
			assert_int_equal(figures_of(zram).unit_dead_bytes, dead);
		end(zram);
	}
}

/* Where the old objects were new ones go, and what is left over goes back: with no thread that tends the pool. */
static void what_packing_leaves_is_compacted(void **state)
{
	struct zram *zram = make_disk_of(4096, 65536, 0);

	(void)state;
	fill(zram);
	settle(zram);
	for (uint32_t round = 0; round < 16; round++) {
		for (uint32_t i = round; i < 4096; i += 16)
			write_page(zram, i, i + 1);
		pass(zram, IDLE_NS / 4);
	}
	settle(zram);
	assert_true(figures_of(zram).objects_moved > 0);
	assert_true(zram_compact(zram, 0) * 50 < figures_of(zram).mem_used_total);
	assert_filled(zram);
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
		assert_true(figures_of(zram).unit_dead_bytes * 20 <= figures_of(zram).mem_used_total);
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
	assert_int_equal(figures_of(zram).unpacked, 0);
	assert_page(zram, 3, 4);
	assert_page(zram, 3, 4);
	pass(zram, IDLE_NS / 2);
	assert_int_equal(figures_of(zram).unpacked, 1);
	assert_int_equal(figures_of(zram).unit_pages, NR_PAGES - 1);
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
	assert_int_equal(figures_of(zram).huge_pages, NR_PAGES);
	assert_int_equal(figures_of(zram).recompressed, 0);
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
	assert_true(figures_of(zram).mem_used_total <= 300000 + 300000);
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
	assert_int_equal(figures_of(zram).units, 0);
	assert_int_equal(zram_discard(zram, 32 * PAGE, 0), 0);
	zram_mark_idle(zram);
	assert_int_equal(zram_recompress_idle(zram), 0);
	assert_int_equal(figures_of(zram).unit_pages, NR_PAGES - 32);
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
	assert_int_equal(figures_of(zram).units, 0);
	assert_filled(zram);
	end(zram);
}

/* ---- threads ---- */

static void age_and_pack(struct zram *zram, unsigned int number)
{
	if (number % 3 == 0)
		zram_mark_idle(zram);
	pass(zram, IDLE_NS / 2);
}

static void it_runs_beside_everything(void **state)
{
	static const struct game game = {
		.nr_pages = NR_PAGES, .nr_rounds = 500, .nr_seeds = 1000, .write_one_in = 3, .discard_one_in = 20
	};
	struct zram *zram = make_disk(65536, 0);

	(void)state;
	play_beside(zram, &game, age_and_pack);
	/* However little of that there was beside it. */
	zram_mark_idle(zram);
	assert_int_equal(zram_recompress_idle(zram), 0);
	assert_true(figures_of(zram).recompressed > 0);
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
		cmocka_unit_test(units_are_packed_by_what_is_dead_in_all),
		cmocka_unit_test(what_packing_leaves_is_compacted),
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
