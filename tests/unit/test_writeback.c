/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Writeback of the RAM disk to a store that may be full, fail, or give back other bytes. The clock is turned by hand.
 */
#include "zram_unit.h"

#include "dedup.h"
#include "log.h"
#include "memory_store.h"
#include "writeback.h"

#define NR_PAGES 1024u
#define IDLE_NS 60000000000u
#define STORE_BYTES (8u << 20)

/* ---- the disk ---- */

static struct memory_store memory;

enum policies { IDLE = 1, INCOMPRESSIBLE = 2, UNITS = 4, DEDUP = 8 };

static struct zram *make_disk_of(uint32_t nr_pages, unsigned int policies, uint64_t store_bytes)
{
	struct zs_store store = memory_store_create(&memory, store_bytes);
	struct zram_options options = { .size_bytes = nr_pages * (uint64_t)PAGE, .dedup = policies & DEDUP };

	now_ns = 1000;
	options.writeback = (struct zram_writeback_options){ .idle_ns = policies & IDLE ? IDLE_NS : 0,
							     .incompressible = policies & INCOMPRESSIBLE,
							     .store = &store,
							     .on_error = memory_store_note,
							     .ctx = &memory };
	if (policies & UNITS)
		options.recompress = (struct zram_recompress){ .idle_ns = IDLE_NS / 4, .unit_bytes = 65536 };
	return disk_of(options, "lz4", policies & UNITS ? "zstd:1" : NULL);
}

static struct zram *make_disk(unsigned int policies, uint64_t store_bytes)
{
	return make_disk_of(NR_PAGES, policies, store_bytes);
}

/* Half noise; of seeds that 7 divides, all noise; of those that 11 divides, one byte. */
static void make_page(unsigned char *page, uint32_t seed)
{
	struct rng rng = { .state = seed };

	memset(page, (int)seed, PAGE);
	if (seed % 11)
		rng_fill(&rng, page, seed % 7 ? PAGE / 2 : PAGE);
}

static void pass(struct zram *zram, uint64_t ns)
{
	pass_time(zram, ns, 100, ZRAM_NEVER);
}

static void settle(struct zram *zram)
{
	pass(zram, 2 * (uint64_t)IDLE_NS);
}

static void finish(struct zram *zram)
{
	end(zram);
	memory_store_destroy(&memory);
}

#define NR_FILLS (NR_PAGES / 11)

/* ---- walks beside ---- */

struct walker {
	struct zram *zram;
	bool is_over;
	pthread_t thread;
};

/* One walk after the other, each from the first group to the last. */
static void *walk(void *arg)
{
	struct walker *walker = arg;

	for (uint64_t ns = now_ns; !__atomic_load_n(&walker->is_over, __ATOMIC_ACQUIRE); ns += IDLE_NS)
		zram_step(walker->zram, ns, UINT64_MAX);
	return NULL;
}

/* ---- tests ---- */

/* Walks gather nothing where nothing goes to the store by itself and nothing is there. */
static void what_nobody_asks_for_takes_no_room(void **state)
{
	struct zram *zram = make_disk(UNITS, STORE_BYTES);

	(void)state;
	fill(zram);
	settle(zram);
	assert_true(zram_writeback_bytes(zram) < ZS_LOG_SEGMENT_BYTES);
	zram_mark_idle(zram);
	assert_int_equal(zram_writeback_idle(zram), 0);
	assert_true(zram_writeback_bytes(zram) > ZS_LOG_SEGMENT_BYTES);
	assert_filled(zram);
	finish(zram);
}

static void idle_pages_go_and_come_back(void **state)
{
	static const unsigned int policies[] = { IDLE, IDLE | UNITS };

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct zram *zram = make_disk(policies[i], STORE_BYTES);
		uint64_t before;

		fill(zram);
		before = figures_of(zram).mem_used_total;
		pass(zram, IDLE_NS - 1);
		assert_int_equal(figures_of(zram).bd_count, 0);
		pass(zram, IDLE_NS);
		assert_int_equal(figures_of(zram).bd_count, NR_PAGES - NR_FILLS);
		assert_int_equal(figures_of(zram).orig_data_size, (NR_PAGES - NR_FILLS) * PAGE);
		assert_int_equal(figures_of(zram).compr_data_size, 0);
		assert_true(memory.nr_writes < 8);
		zram_compact(zram, 0);
		assert_true(figures_of(zram).mem_used_total < before / 2 + sizeof(struct zram_room) * 3 + (2 << 20));
		assert_filled(zram);
		settle(zram);
		assert_filled(zram);
		finish(zram);
		assert_int_equal(memory.nr_told, 0);
	}
}

static void incompressible_pages_go(void **state)
{
	struct zram *zram = make_disk(INCOMPRESSIBLE, STORE_BYTES);

	(void)state;
	fill(zram);
	settle(zram);
	assert_int_equal(figures_of(zram).bd_count, NR_PAGES / 7 - NR_PAGES / 77);
	assert_int_equal(figures_of(zram).huge_pages, 0);
	assert_filled(zram);
	finish(zram);
}

static void what_is_used_stays(void **state)
{
	struct zram *zram = make_disk(IDLE, STORE_BYTES);

	(void)state;
	fill(zram);
	for (unsigned int i = 0; i < 16; i++) {
		pass(zram, IDLE_NS / 4);
		assert_page(zram, 100, 101);
	}
	/* Its whole group does. */
	assert_int_equal(figures_of(zram).bd_count, NR_PAGES - NR_FILLS - 16 + 1 + (112 / 11 - 96 / 11 - 1));
	finish(zram);
}

static void what_is_read_often_is_in_memory_again(void **state)
{
	static const unsigned int policies[] = { IDLE, IDLE | UNITS };

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct zram *zram = make_disk(policies[i], STORE_BYTES);
		uint64_t nr_reads;

		fill(zram);
		settle(zram);
		assert_page(zram, 100, 101);
		assert_page(zram, 100, 101);
		pass(zram, IDLE_NS / 2);
		assert_int_equal(figures_of(zram).unpacked, 1);
		nr_reads = figures_of(zram).bd_reads;
		assert_page(zram, 100, 101);
		assert_int_equal(figures_of(zram).bd_reads, nr_reads);
		assert_filled(zram);
		finish(zram);
	}
}

static void it_can_be_asked_for(void **state)
{
	struct zram *zram = make_disk(0, STORE_BYTES);
	struct zram_options options = { .size_bytes = PAGE };

	(void)state;
	fill(zram);
	assert_true(zram_step(zram, 1, 1) == ZRAM_NEVER);
	assert_int_equal(zram_writeback_idle(zram), 0);
	assert_int_equal(figures_of(zram).bd_count, 0);
	zram_mark_idle(zram);
	assert_page(zram, 100, 101);
	assert_int_equal(zram_writeback_idle(zram), 0);
	assert_int_equal(figures_of(zram).bd_count, NR_PAGES - NR_FILLS - 1);
	assert_filled(zram);
	finish(zram);
	assert_int_equal(zs_comp_parse("lz4", &options.comp), 0);
	assert_int_equal(zram_create(&options, &zram), 0);
	assert_int_equal(zram_writeback_idle(zram), -EINVAL);
	zram_destroy(zram);
}

/* Whoever counts all as idle while a walk is under way takes nothing from it. */
static void what_was_gathered_is_written(void **state)
{
	struct zram *zram = make_disk(IDLE, 2 * STORE_BYTES);
	uint64_t end_ns = now_ns + 2 * (uint64_t)IDLE_NS;

	(void)state;
	fill(zram);
	while (now_ns < end_ns) {
		uint64_t due = zram_step(zram, now_ns, 1);

		if (zram->walk.under_way && zram->walk.group % 8 == 0)
			zram_mark_idle(zram);
		now_ns += due;
	}
	assert_int_equal(figures_of(zram).bd_count, NR_PAGES - NR_FILLS);
	assert_filled(zram);
	finish(zram);
}

static void overwritten_pages_free_segments(void **state)
{
	struct zram *zram = make_disk(IDLE, STORE_BYTES);

	(void)state;
	fill(zram);
	settle(zram);
	for (uint32_t round = 0; round < 12; round++) {
		for (uint32_t i = 0; i < NR_PAGES; i++)
			if ((i + round) % 3)
				write_page(zram, i, i + 1 + round);
			else
				write_page(zram, i, i + 1);
		settle(zram);
		assert_true(figures_of(zram).bd_bytes <= STORE_BYTES / 2);
	}
	assert_true(memory.nr_discards > 12);
	assert_int_equal(figures_of(zram).bd_failures, 0);
	finish(zram);
}

/* A few pages that live in each segment for ever do not keep it: without that the store would be full soon. */
static void sparse_segments_are_emptied(void **state)
{
	struct zram *zram = make_disk(IDLE, STORE_BYTES);
	unsigned int nr_writes;

	(void)state;
	for (uint32_t round = 0; round < 16; round++) {
		for (uint32_t i = 0; i < NR_PAGES; i++)
			if (i % 16 >= round)
				write_page(zram, i, i + 1);
		settle(zram);
		assert_int_equal(figures_of(zram).bd_count, NR_PAGES - NR_FILLS);
	}
	settle(zram);
	nr_writes = memory.nr_writes;
	settle(zram);
	assert_in_range(memory.nr_writes, nr_writes, nr_writes + 2);
	assert_filled(zram);
	finish(zram);
}

/* Also of a disk that writes only what it is asked to. */
static void what_was_asked_for_is_moved_by_itself(void **state)
{
	struct zram *zram = make_disk_of(2 * NR_PAGES, UNITS, STORE_BYTES);
	unsigned int nr_writes;

	(void)state;
	fill(zram);
	zram_mark_idle(zram);
	assert_int_equal(zram_writeback_idle(zram), 0);
	for (uint32_t i = 0; i < 2 * NR_PAGES; i++)
		if (i % 4)
			write_page(zram, i, i + 1);
	nr_writes = memory.nr_writes;
	settle(zram);
	assert_true(memory.nr_writes > nr_writes);
	assert_filled(zram);
	finish(zram);
}

/* What is in the store cannot be found any more by its content, and takes no room in the table of hints. */
static void stored_pages_have_no_hints(void **state)
{
	struct zram *zram = make_disk(DEDUP, STORE_BYTES);
	uint64_t before;

	(void)state;
	fill(zram);
	before = zram_dedup_bytes(zram);
	zram_mark_idle(zram);
	assert_int_equal(zram_writeback_idle(zram), 0);
	zram_dedup_fit(zram);
	assert_true(zram_dedup_bytes(zram) < before);
	assert_filled(zram);
	finish(zram);
}

/* ---- failures ---- */

/* What lives in a full store is moved together, so that there is room again. */
static void a_full_store_recovers(void **state)
{
	struct zram *zram = make_disk(0, STORE_BYTES);

	(void)state;
	/* Each round writes what overwrote nearly all of the one before. */
	for (uint32_t round = 0; round < 12; round++) {
		for (uint32_t i = 0; i < NR_PAGES; i++)
			if (!round || i % 10)
				write_page(zram, i, i + 1 + round * (i % 10 != 0));
		zram_mark_idle(zram);
		zram_writeback_idle(zram);
	}
	for (uint32_t i = 0; i < NR_PAGES; i++)
		assert_page(zram, i, i + 1 + 11 * (i % 10 != 0));
	zram_mark_idle(zram);
	assert_int_equal(zram_writeback_idle(zram), 0);
	assert_in_range(figures_of(zram).bd_count, NR_PAGES * 8 / 10, NR_PAGES);
	finish(zram);
}

/* More than the store holds, of which nearly all is overwritten before anything was moved: the reserve helps. */
static void what_is_sparse_everywhere_is_moved(void **state)
{
	const uint32_t nr_pages = 4096; /* of noise: twice the store */
	struct zram *zram = make_disk_of(nr_pages, 0, STORE_BYTES);
	struct rng rng = { .state = 5 };
	unsigned char noise[PAGE];

	(void)state;
	for (unsigned int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < nr_pages; i++) {
			rng_fill(&rng, noise, PAGE);
			if (!round || i % 10)
				assert_int_equal(zram_write(zram, noise, PAGE, i * (uint64_t)PAGE), 0);
		}
		zram_mark_idle(zram);
		assert_int_equal(zram_writeback_idle(zram), -ENOSPC);
	}
	for (unsigned int i = 0; i < 4; i++) {
		zram_mark_idle(zram);
		assert_int_equal(zram_writeback_idle(zram), -ENOSPC);
	}
	/* Six of the eight segments are full again. */
	assert_in_range(figures_of(zram).bd_count, 5 * 256, 6 * 256);
	finish(zram);
}

/* One that stays full says so, and is emptied when its content goes. */
static void a_store_that_is_too_small_recovers(void **state)
{
	struct zram *zram = make_disk(0, STORE_BYTES);
	unsigned char noise[PAGE];
	struct rng rng = { .state = 3 };

	(void)state;
	for (unsigned int round = 0; round < 4; round++) {
		for (uint32_t i = 0; i < NR_PAGES; i++) {
			rng_fill(&rng, noise, PAGE);
			if (!round || i % 10)
				assert_int_equal(zram_write(zram, noise, PAGE, i * (uint64_t)PAGE), 0);
		}
		zram_mark_idle(zram);
		zram_writeback_idle(zram);
		assert_int_equal(zram_discard(zram, 512 * PAGE, 0), 0);
		zram_mark_idle(zram);
		zram_writeback_idle(zram);
	}
	zram_mark_idle(zram);
	assert_int_equal(zram_writeback_idle(zram), 0);
	assert_int_equal(figures_of(zram).bd_count, 512);
	finish(zram);
}

/* The time may be far longer than a count of walks could say. */
static void a_long_time_is_kept(void **state)
{
	struct zs_store store = memory_store_create(&memory, STORE_BYTES);
	struct zram_options options = { .size_bytes = PAGE,
					.writeback = { .idle_ns = 1000 * 1000000ull, .store = &store } };
	struct zram *zram;

	(void)state;
	assert_int_equal(zs_comp_parse("lz4", &options.comp), 0);
	assert_int_equal(zs_comp_parse("lz4", &options.recompress.comp), 0);
	options.recompress.idle_ns = 10000; /* walks of 5 us, of which the time has 200,000 */
	options.recompress.unit_bytes = 4096;
	assert_int_equal(zram_create(&options, &zram), 0);
	write_page(zram, 0, 1);
	for (now_ns = 1; now_ns < 995 * 1000000ull; now_ns += 5000)
		zram_step(zram, now_ns, 10);
	assert_int_equal(figures_of(zram).bd_count, 0);
	for (; now_ns < 1010 * 1000000ull; now_ns += 5000)
		zram_step(zram, now_ns, 10);
	assert_int_equal(figures_of(zram).bd_count, 1);
	assert_page(zram, 0, 1);
	zram_destroy(zram);
	memory_store_destroy(&memory);
}

static void a_full_store_takes_no_more(void **state)
{
	struct zram *zram = make_disk(IDLE, 1 << 20);

	(void)state;
	fill(zram);
	settle(zram);
	assert_in_range(figures_of(zram).bd_count, 100, NR_PAGES / 2);
	assert_true(figures_of(zram).bd_bytes <= 1 << 20);
	assert_filled(zram);
	finish(zram);
	zram = make_disk(IDLE, 1000);
	fill(zram);
	settle(zram);
	assert_int_equal(figures_of(zram).bd_count, 0);
	assert_filled(zram);
	finish(zram);
}

/* Also if other walks begin meanwhile, which have nothing to write and so fail in nothing. */
static void who_asks_is_told_that_a_store_is_full(void **state)
{
	struct zram *zram = make_disk_of(1 << 20, INCOMPRESSIBLE, 2 << 20);
	struct walker walker = { .zram = zram };

	(void)state;
	for (uint32_t i = 0; i < 2000; i++)
		write_page(zram, i, 77 * i + 1);
	assert_int_equal(pthread_create(&walker.thread, NULL, walk, &walker), 0);
	for (unsigned int i = 0; i < 100; i++) {
		zram_mark_idle(zram);
		assert_int_equal(zram_writeback_idle(zram), -ENOSPC);
	}
	__atomic_store_n(&walker.is_over, true, __ATOMIC_RELEASE);
	pthread_join(walker.thread, NULL);
	finish(zram);
}

static void what_cannot_be_written_stays(void **state)
{
	struct zram *zram = make_disk(IDLE, STORE_BYTES);

	(void)state;
	fill(zram);
	memory.write_err = -ENOSPC;
	settle(zram);
	assert_int_equal(figures_of(zram).bd_count, 0);
	assert_true(figures_of(zram).bd_failures > 0);
	assert_int_equal(memory.nr_told, 1);
	assert_filled(zram);
	memory.write_err = 0;
	settle(zram);
	settle(zram);
	assert_int_equal(figures_of(zram).bd_count, NR_PAGES - NR_FILLS);
	assert_filled(zram);
	finish(zram);
}

/* Those pages cannot be read, no other; and can be written. */
static void what_does_not_come_back_is_an_error(void **state)
{
	unsigned char got[PAGE];

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct zram *zram = make_disk(IDLE, STORE_BYTES);

		fill(zram);
		settle(zram);
		write_page(zram, 7, 8);
		memory.read_err = i ? -EIO : 0;
		memory.corrupts = !i;
		assert_int_equal(zram_read(zram, got, PAGE, 5 * PAGE), -EIO);
		assert_int_equal(zram_read(zram, got, PAGE, 6 * PAGE), -EIO);
		assert_int_equal(zram_write(zram, "x", 1, 5 * PAGE), -EIO);
		assert_int_equal(memory.nr_told, 1);
		assert_page(zram, 7, 8);
		write_page(zram, 5, 6);
		assert_page(zram, 5, 6);
		memory.read_err = 0;
		memory.corrupts = false;
		assert_filled(zram);
		finish(zram);
	}
}

/* ---- threads ---- */

static void age_and_write(struct zram *zram, unsigned int number)
{
	if (number % 3 == 0)
		zram_mark_idle(zram);
	if (number % 3 == 1)
		zram_writeback_idle(zram);
	pass(zram, IDLE_NS / 8);
}

static void it_runs_beside_everything(void **state)
{
	static const struct game game = {
		.nr_pages = 128, .nr_rounds = 600, .nr_seeds = 1000, .write_one_in = 4, .discard_one_in = 20
	};
	struct zram *zram = make_disk(IDLE | INCOMPRESSIBLE | UNITS, STORE_BYTES);

	(void)state;
	play_beside(zram, &game, age_and_write);
	assert_true(figures_of(zram).bd_writes > 0);
	finish(zram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_nobody_asks_for_takes_no_room),
		cmocka_unit_test(what_was_asked_for_is_moved_by_itself),
		cmocka_unit_test(idle_pages_go_and_come_back),
		cmocka_unit_test(incompressible_pages_go),
		cmocka_unit_test(what_is_used_stays),
		cmocka_unit_test(what_is_read_often_is_in_memory_again),
		cmocka_unit_test(it_can_be_asked_for),
		cmocka_unit_test(what_was_gathered_is_written),
		cmocka_unit_test(overwritten_pages_free_segments),
		cmocka_unit_test(sparse_segments_are_emptied),
		cmocka_unit_test(a_full_store_takes_no_more),
		cmocka_unit_test(who_asks_is_told_that_a_store_is_full),
		cmocka_unit_test(what_cannot_be_written_stays),
		cmocka_unit_test(what_does_not_come_back_is_an_error),
		cmocka_unit_test(stored_pages_have_no_hints),
		cmocka_unit_test(what_is_sparse_everywhere_is_moved),
		cmocka_unit_test(a_full_store_recovers),
		cmocka_unit_test(a_store_that_is_too_small_recovers),
		cmocka_unit_test(a_long_time_is_kept),
		cmocka_unit_test(it_runs_beside_everything),
	};

	return cmocka_run_group_tests_name("writeback", tests, NULL, NULL);
}
