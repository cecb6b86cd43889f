/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What compressed memory's engine writes to a store that may be full, fail, or give back other bytes, and when.
 */
#include <pthread.h>
#include <sched.h>

#include "zswap_unit.h"

/* 256 pages that do not compress. */
static void put_noise_away(void)
{
	for (uint32_t page = 0; page < 256; page++)
		write_page(page, NOISE(page));
	for (uint32_t page = 0; page < 256; page += 64)
		send_away(page, 64);
}

/* ---- writing back ---- */

static void noise_goes_to_the_store_before_all_others(void **state)
{
	(void)state;
	begin(0, STORE_BYTES);
	for (uint32_t page = 0; page < 600; page++)
		write_page(page, page < 300 ? SMALL(page) : NOISE(page));
	send_away(0, 300);
	send_away(300, 255);
	assert_int_equal(figures().raw_pages, 255);
	zswap_engine_step(world.engine);
	assert_int_equal(figures().stored_pages, 0);
	send_away(555, 1);
	zswap_engine_step(world.engine);
	assert_int_equal(figures().stored_pages, 256);
	assert_int_equal(figures().written_back_pages, 256);
	assert_int_equal(figures().raw_pages, 0);
	assert_int_equal(figures().backing_bytes, 256 * PAGE);
	for (uint32_t page = 300; page < 556; page++)
		assert_int_equal(kind_of(page), ZSWAP_STORED);
	for (uint32_t page = 300; page < 600; page++)
		assert_page(page, NOISE(page));
	assert_true(figures().stored_faults > 0);
	assert_int_equal(figures().stored_pages, 0);
	end();
}

#define RETRY_FAULTS 256u

/* Faults stand for a clock: of a page that the program drops again and again. */
static void pass_faults(unsigned int nr)
{
	for (; nr; nr--) {
		program_lose(&world.program, world.first + NR_PAGES - 3);
		assert_page(NR_PAGES - 3, ZERO);
	}
}

#define WRITEBACK_BYTES (4 * MIB) /* of the pool, of which writing back takes some itself */

/* How many of the pages from the first on are in the store; all others are not. */
static uint32_t count_stored_prefix(void)
{
	uint32_t nr = 0;

	while (kind_of(nr) == ZSWAP_STORED)
		nr++;
	assert_int_equal(nr, count_kind(ZSWAP_STORED));
	return nr;
}

static void the_oldest_are_written_until_a_tenth_is_free(void **state)
{
	uint32_t page = 0;

	(void)state;
	begin(WRITEBACK_BYTES, STORE_BYTES);
	while (zswap_pool_bytes(world.engine) <= WRITEBACK_BYTES / 100 * 96) {
		assert_int_equal(figures().written_back_pages, 0);
		write_page(page, HALF(page));
		page++;
		zswap_engine_step(world.engine);
	}
	step_all();
	assert_true(zswap_pool_bytes(world.engine) <= WRITEBACK_BYTES / 100 * 90);
	assert_true(zswap_pool_bytes(world.engine) > WRITEBACK_BYTES / 100 * 55);
	assert_int_equal(count_stored_prefix(), figures().written_back_pages);
	assert_int_equal(figures().pool_limit_hit, 0);
	assert_int_equal(world.nr_told, 0);
	while (page)
		page--, assert_page(page, HALF(page));
	end();
}

/* Between the marks, nothing is written but to come down. */
static void what_is_below_the_mark_is_not_written(void **state)
{
	uint64_t written;
	uint32_t page = 0;

	(void)state;
	begin(WRITEBACK_BYTES, STORE_BYTES);
	for (; !figures().written_back_pages; page++) {
		write_page(page, HALF(page));
		zswap_engine_step(world.engine);
	}
	step_all();
	written = figures().written_back_pages;
	for (; zswap_pool_bytes(world.engine) <= WRITEBACK_BYTES / 100 * 94; page++) {
		write_page(page, HALF(page));
		zswap_engine_step(world.engine);
		assert_int_equal(figures().written_back_pages, written);
	}
	end();
}

static bool is_above(unsigned int percent)
{
	return zswap_pool_bytes(world.engine) > WRITEBACK_BYTES / 100 * percent;
}

/* One page at a time: from where on it is due, and down to where it goes. */
static void the_marks_are_at_96_and_90_percent(void **state)
{
	uint32_t page = 0;

	(void)state;
	begin(WRITEBACK_BYTES, STORE_BYTES);
	for (; !is_above(90); page++) {
		assert_false(zswap_writeback_once(world.engine));
		write_page(page, HALF(page));
		send_away(page, 1);
	}
	assert_true(zswap_writeback_once(world.engine));
	assert_false(is_above(90));
	for (; !is_above(96); page++) {
		assert_false(zswap_writeback_is_due(world.engine));
		write_page(page, HALF(page));
		send_away(page, 1);
	}
	assert_true(zswap_writeback_is_due(world.engine));
	end();
}

/* Nobody steps: faults make room by themselves. */
static void faults_write_back_what_must_go(void **state)
{
	(void)state;
	begin(WRITEBACK_BYTES, STORE_BYTES);
	fill_pages(3000);
	assert_true(figures().written_back_pages > 500);
	assert_in_range(figures().resident_pages + figures().standby_pages, 1, LIMIT_PAGES + ZSWAP_GROUP_PAGES);
	assert_int_equal(world.nr_told, 0);
	assert_filled(0, 3000);
	assert_true(figures().stored_faults > 0);
	end();
}

static void a_full_store_leaves_pages_in_memory(void **state)
{
	uint64_t written;

	(void)state;
	begin(WRITEBACK_BYTES, MIB);
	fill_pages(4000);
	written = figures().written_back_pages;
	assert_in_range(written, 256, 600);
	assert_true(figures().resident_pages > LIMIT_PAGES);
	assert_int_equal(figures().failed_writes, 0);
	assert_filled(3000, 4000);
	/* Once there is room, it is found after some faults. */
	program_drop(&world.program, world.first, 2000, true);
	pass_faults(RETRY_FAULTS);
	fill_pages(2000);
	assert_true(figures().written_back_pages > written);
	assert_filled(0, 4000);
	end();
}

static void a_store_that_fails_loses_nothing(void **state)
{
	(void)state;
	begin(WRITEBACK_BYTES, STORE_BYTES);
	world.store.write_err = -EIO;
	fill_pages(2500);
	assert_int_equal(figures().failed_writes, 1);
	assert_int_equal(world.nr_told, 1);
	assert_int_equal(figures().stored_pages + figures().backing_bytes, 0);
	audit();
	assert_filled(0, 2500);
	end();
}

/* The oldest are the oldest still. */
static void what_could_not_be_written_is_tried_again(void **state)
{
	uint32_t page = 0;

	(void)state;
	begin(WRITEBACK_BYTES, STORE_BYTES);
	world.store.write_err = -EIO;
	for (; !figures().failed_writes; page++) {
		write_page(page, HALF(page));
		zswap_engine_step(world.engine);
	}
	audit();
	assert_int_equal(world.engine->objects.oldest, world.first + 1); /* links are numbers + 1 */
	pass_faults(RETRY_FAULTS - 2);
	step_all();
	assert_int_equal(figures().failed_writes, 1);
	pass_faults(2);
	step_all();
	assert_int_equal(figures().failed_writes, 2);
	world.store.write_err = 0;
	pass_faults(RETRY_FAULTS);
	step_all();
	assert_int_equal(figures().failed_writes, 2);
	assert_int_equal(world.nr_told, 1);
	assert_in_range(count_stored_prefix(), 256, 600);
	while (page)
		page--, assert_page(page, HALF(page));
	end();
}

static void damaged_pages_are_told_of(void **state)
{
	unsigned char got[PAGE];

	(void)state;
	begin(0, STORE_BYTES);
	put_noise_away();
	step_all();
	assert_int_equal(kind_of(10), ZSWAP_STORED);
	world.store.corrupts = true;
	assert_int_equal(program_read(&world.program, world.first + 10, got), -EIO);
	assert_int_equal(figures().lost_pages, 1);
	assert_true(world.nr_told > 0);
	assert_non_null(strstr(world.told, "cannot be had"));
	assert_false(program_has(&world.program, world.first + 10));
	write_page(300, HALF(1));
	send_away(300, 1);
	assert_page(300, HALF(1));
	assert_page(301, ZERO);
	assert_int_equal(zswap_engine_need(world.engine, world.first, 20), -EIO);
	world.store.corrupts = false;
	world.store.read_err = -ETIMEDOUT;
	assert_int_equal(program_read(&world.program, world.first + 11, got), -EIO);
	world.store.read_err = 0;
	/* Should it be readable after all, it is. */
	for (uint32_t page = 0; page < 256; page++)
		assert_page(page, NOISE(page));
	end();
}

/* A walk that comes to a damaged page ends before it; the page itself is lost only to who touches it. */
static void reading_ahead_does_not_lose_pages(void **state)
{
	unsigned char bytes[PAGE];

	(void)state;
	begin(0, STORE_BYTES);
	put_noise_away();
	step_all();
	/* The first page that was written is page 0's. */
	program_make(bytes, NOISE(3));
	assert_memory_equal(world.store.bytes + 3 * PAGE, bytes, PAGE);
	world.store.bytes[3 * PAGE] ^= 1;
	for (uint32_t page = 0; page < 3; page++)
		assert_page(page, NOISE(page));
	assert_int_equal(figures().lost_pages, 0);
	assert_int_equal(program_read(&world.program, world.first + 3, bytes), -EIO);
	assert_int_equal(figures().lost_pages, 1);
	assert_page(4, NOISE(4));
	end();
}

/* ---- what changes while it is written ---- */

static void store_256(void)
{
	put_noise_away();
	assert_int_equal(figures().raw_pages, 256);
	zswap_engine_step(world.engine);
	assert_null(world.during_write);
}

static void change_some(void)
{
	write_page(5, HALF(1000));
	program_drop(&world.program, world.first + 6, 1, true);
	assert_page(7, NOISE(7));
}

static void what_changed_meanwhile_is_not_stored(void **state)
{
	(void)state;
	begin(0, STORE_BYTES);
	world.during_write = change_some;
	store_256();
	assert_int_equal(figures().stored_pages, 253);
	assert_int_equal(figures().written_back_pages, 253);
	assert_int_equal(figures().backing_bytes, 253 * PAGE);
	for (uint32_t page = 0; page < 256; page++)
		assert_page(page, page == 5 ? HALF(1000) : page == 6 ? ZERO : NOISE(page));
	end();
}

/* ---- cleaning the store ---- */

/* All are written over time and again: old places must be found for the new ones. */
static void a_sparse_store_is_cleaned(void **state)
{
	uint32_t turn_of[1024] = { 0 };

	(void)state;
	begin(0, 8 * MIB);
	store_noise(0, 1024, 0);
	for (uint32_t turn = 1; turn < 20; turn++) {
		/* Every fourth page, so that no segment becomes free by itself. */
		for (uint32_t page = turn % 4; page < 1024; page += 4) {
			write_page(page, NOISE(page + turn * NR_PAGES));
			turn_of[page] = turn;
		}
		for (uint32_t page = 0; page < 1024; page += 64)
			send_away(page, 64);
		step_all();
		pass_faults(RETRY_FAULTS);
		step_all();
		assert_true(figures().raw_pages < 256);
	}
	assert_int_equal(figures().failed_writes, 0);
	assert_true(figures().written_back_pages > 20 * 200);
	assert_int_equal(figures().stored_pages, count_kind(ZSWAP_STORED));
	assert_int_equal(figures().backing_bytes, figures().stored_pages * PAGE);
	for (uint32_t page = 0; page < 1024; page++)
		assert_page(page, NOISE(page + turn_of[page] * NR_PAGES));
	end();
}

#define NR_REGIONS 5u
#define REGION_PAGES 512u

/* A page of each region in turn, next to each other in the store. */
static uint32_t page_of_regions(const uint32_t *first, uint32_t i)
{
	return first[i % NR_REGIONS] - world.first + i / NR_REGIONS;
}

/* What is left in the store is in pages of many chunks: together they take as little room as there is. */
static void what_is_cleaned_comes_together(void **state)
{
	uint32_t first[NR_REGIONS];
	unsigned int nr_writes;

	(void)state;
	begin(0, 8 * MIB);
	for (uint32_t i = 0; i < NR_REGIONS; i++)
		assert_int_equal(zswap_engine_add(world.engine, REGION_PAGES, &first[i]), 0);
	for (uint32_t i = 0; i < 6 * 256; i++) {
		write_page(page_of_regions(first, i), NOISE(i));
		send_away(page_of_regions(first, i), 1);
		if (i % 256 == 255)
			step_all();
	}
	assert_int_equal(figures().stored_pages, 6 * 256);
	for (uint32_t i = 0; i < 6 * 256; i++)
		if (i % 16)
			program_drop(&world.program, world.first + page_of_regions(first, i), 1, true);
	nr_writes = world.store.nr_writes;
	store_noise(0, 256, 1);
	assert_int_equal(world.store.nr_writes, nr_writes + 2);
	assert_int_equal(world.store.nr_discards, 6);
	assert_int_equal(figures().failed_writes, 0);
	for (uint32_t i = 0; i < 6 * 256; i += 16)
		assert_page(page_of_regions(first, i), NOISE(i));
	for (uint32_t i = 0; i < NR_REGIONS; i++) {
		program_drop(&world.program, first[i], REGION_PAGES, true);
		zswap_engine_forget(world.engine, first[i], REGION_PAGES);
	}
	end();
}

/* Chunks whose numbers follow each other: what is in the last one is not gathered once more for each one before. */
static void what_is_cleaned_is_gathered_once(void **state)
{
	const uint32_t nr = 2 * ZSWAP_CHUNK_PAGES + 6 * 256;
	uint64_t nr_bytes;
	uint32_t first, at;

	(void)state;
	begin(0, 8 * MIB);
	assert_int_equal(zswap_engine_add(world.engine, nr, &first), 0);
	at = first - world.first + 2 * ZSWAP_CHUNK_PAGES;
	store_noise(at, 6 * 256, 0);
	assert_int_equal(figures().stored_pages, 6 * 256);
	for (uint32_t i = 0; i < 6 * 256; i++)
		if (i % 16)
			program_drop(&world.program, world.first + at + i, 1, true);
	nr_bytes = world.store.nr_written_bytes;
	store_noise(0, 256, 1);
	assert_int_equal(world.store.nr_discards, 6);
	nr_bytes = world.store.nr_written_bytes - nr_bytes;
	assert_in_range(nr_bytes, (256 + 6 * 16) * PAGE, (256 + 6 * 16 + 8) * PAGE);
	assert_int_equal(figures().failed_writes, 0);
	for (uint32_t i = 0; i < 6 * 256; i += 16)
		assert_page(at + i, NOISE(at + i));
	program_drop(&world.program, first, nr, true);
	zswap_engine_forget(world.engine, first, nr);
	end();
}

/* ---- what comes while it is gathered ---- */

static struct {
	int (*give)(void *ctx, uint32_t page, unsigned int nr, const void *content);
	pthread_t writer;
} meeting;

static void *write_some(void *arg)
{
	(void)arg;
	zswap_writeback_once(world.engine);
	return NULL;
}

/* The page's group is locked: who gathers has the page's number by now, and waits. Then the pool has room again. */
static int give_while_it_is_gathered(void *ctx, uint32_t page, unsigned int nr, const void *content)
{
	uint64_t nr_objects = zswap_queue_length(&world.engine->objects);

	world.engine->memory.give = meeting.give;
	assert_int_equal(pthread_create(&meeting.writer, NULL, write_some, NULL), 0);
	while (zswap_queue_length(&world.engine->objects) == nr_objects)
		sched_yield();
	world.engine->pool_limit_bytes = 0;
	return meeting.give(ctx, page, nr, content);
}

/* It is the program's then, and what it came from is no more than a copy. */
static void what_comes_while_it_is_gathered_stays(void **state)
{
	uint32_t page;

	(void)state;
	for (int fails = 0; fails < 2; fails++) {
		begin(0, STORE_BYTES);
		put_away(64);
		page = find_guest(0, 64);
		send_away(page, ZSWAP_GROUP_PAGES);
		program_drop(&world.program, world.first, page, true);
		program_drop(&world.program, world.first + page + ZSWAP_GROUP_PAGES, 64 - page - ZSWAP_GROUP_PAGES,
			     true);
		assert_true(count_kind(ZSWAP_OBJECT) >= ZSWAP_GROUP_PAGES);
		world.store.write_err = fails ? -EIO : 0;
		meeting.give = world.engine->memory.give;
		world.engine->memory.give = give_while_it_is_gathered;
		world.engine->pool_limit_bytes = zswap_pool_bytes(world.engine);
		assert_page(page + 1, HALF(page + 1));
		pthread_join(meeting.writer, NULL);
		assert_int_equal(kind_of(page + 1), ZSWAP_COPIED);
		audit();
		world.store.write_err = 0;
		assert_filled(page, page + ZSWAP_GROUP_PAGES);
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(noise_goes_to_the_store_before_all_others),
		cmocka_unit_test(the_oldest_are_written_until_a_tenth_is_free),
		cmocka_unit_test(what_is_below_the_mark_is_not_written),
		cmocka_unit_test(the_marks_are_at_96_and_90_percent),
		cmocka_unit_test(faults_write_back_what_must_go),
		cmocka_unit_test(a_full_store_leaves_pages_in_memory),
		cmocka_unit_test(a_store_that_fails_loses_nothing),
		cmocka_unit_test(what_could_not_be_written_is_tried_again),
		cmocka_unit_test(damaged_pages_are_told_of),
		cmocka_unit_test(reading_ahead_does_not_lose_pages),
		cmocka_unit_test(what_changed_meanwhile_is_not_stored),
		cmocka_unit_test(a_sparse_store_is_cleaned),
		cmocka_unit_test(what_is_cleaned_comes_together),
		cmocka_unit_test(what_is_cleaned_is_gathered_once),
		cmocka_unit_test(what_comes_while_it_is_gathered_stays),
	};

	return cmocka_run_group_tests_name("zswap writeback", tests, NULL, NULL);
}
