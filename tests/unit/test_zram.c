/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The compressed RAM disk's engine: what a disk gives back, what it takes, and what it says of itself.
 */
#include <sys/mman.h>

#include "zram_unit.h"

static struct zram *make_disk(const char *comp, uint64_t size_bytes, uint64_t limit_bytes)
{
	return disk_of((struct zram_options){ .size_bytes = size_bytes, .limit_bytes = limit_bytes }, comp, NULL);
}

/* Half noise, so that a page compresses to a bit more than half. */
static void make_page(unsigned char *page, uint32_t seed)
{
	struct rng rng = { .state = seed };

	memset(page, (int)seed, PAGE);
	rng_fill(&rng, page, PAGE / 2);
}

static void make_noise(unsigned char *page, uint32_t seed)
{
	struct rng rng = { .state = seed };

	rng_fill(&rng, page, PAGE);
}

static void assert_reads(struct zram *zram, uint64_t offset, const void *expected, size_t len)
{
	unsigned char *got = malloc(len);

	assert_int_equal(zram_read(zram, got, len, offset), 0);
	assert_memory_equal(got, expected, len);
	free(got);
}

static bool is_zero(struct zram *zram, uint64_t offset, size_t len)
{
	unsigned char *got = malloc(len);
	bool zero = true;

	assert_int_equal(zram_read(zram, got, len, offset), 0);
	for (size_t i = 0; i < len; i++)
		zero &= !got[i];
	free(got);
	return zero;
}

/* ---- a page ---- */

static void test_pages_come_back(void **state)
{
	static const char *const codecs[] = { "lz4", "zstd:1" };
	unsigned char page[PAGE];

	(void)state;
	for (unsigned int c = 0; c < NR_OF(codecs); c++) {
		struct zram *zram = make_disk(codecs[c], 64 * PAGE, 0);

		assert_true(is_zero(zram, 0, 64 * PAGE));
		for (uint32_t i = 0; i < 64; i += 2) {
			make_page(page, i + 1);
			assert_int_equal(zram_write(zram, page, PAGE, i * PAGE), 0);
		}
		for (uint32_t i = 0; i < 64; i += 2) {
			make_page(page, i + 1);
			assert_reads(zram, i * PAGE, page, PAGE);
			assert_true(is_zero(zram, (i + 1) * PAGE, PAGE));
		}
		assert_int_equal(figures_of(zram).orig_data_size, 32 * PAGE);
		assert_in_range(figures_of(zram).compr_data_size, 32 * PAGE / 2, 32 * PAGE * 6 / 10);
		zram_destroy(zram);
	}
}

/* Whatever kind of content follows another, the old one leaves nothing behind. */
static void test_each_kind_follows_each(void **state)
{
	struct zram *zram = make_disk("lz4", PAGE, 0);
	unsigned char pages[5][PAGE];

	(void)state;
	memset(pages[0], 0, PAGE);
	memset(pages[1], 0xa5, PAGE);
	for (unsigned int i = 0; i < PAGE; i += 8)
		memcpy(pages[2] + i, "zsmalloc", 8); /* repeated, but not within 32 bits */
	make_page(pages[3], 3);
	make_noise(pages[4], 4);
	for (unsigned int pass = 0; pass < 25; pass++) {
		const unsigned char *page = pages[pass % 2 ? pass / 5 : pass % 5];

		assert_int_equal(zram_write(zram, page, PAGE, 0), 0);
		assert_reads(zram, 0, page, PAGE);
		assert_int_equal(figures_of(zram).same_pages, page == pages[0] || page == pages[1]);
		assert_int_equal(figures_of(zram).huge_pages, page == pages[4]);
		assert_int_equal(figures_of(zram).objects, page != pages[0] && page != pages[1]);
		assert_int_equal(figures_of(zram).orig_data_size, figures_of(zram).objects * PAGE);
	}
	assert_int_equal(zram_discard(zram, PAGE, 0), 0);
	assert_int_equal(figures_of(zram).objects + figures_of(zram).same_pages + figures_of(zram).compr_data_size, 0);
	zram_destroy(zram);
}

/* ---- ranges ---- */

static void test_parts_of_pages(void **state)
{
	struct zram *zram = make_disk("lz4", 4 * PAGE, 0);
	unsigned char disk[4 * PAGE] = { 0 }, bytes[3 * PAGE];

	(void)state;
	make_noise(bytes, 1);
	make_page(bytes + PAGE, 2);
	make_page(bytes + 2 * PAGE, 3);
	for (uint32_t offset = 1; offset < PAGE; offset += 511) {
		assert_int_equal(zram_write(zram, bytes, 2 * PAGE + 100, offset), 0);
		memcpy(disk + offset, bytes, 2 * PAGE + 100);
		assert_reads(zram, 0, disk, sizeof(disk));
		assert_reads(zram, offset + 7, disk + offset + 7, PAGE);
	}
	assert_int_equal(zram_write(zram, bytes, 0, 4 * PAGE), 0);
	zram_destroy(zram);
}

/* Only whole pages are discarded; the edges of what is zeroed are zeroed too. */
static void test_discard_and_zero(void **state)
{
	unsigned char disk[8 * PAGE];
	struct zram *zram = make_disk("lz4", sizeof(disk), 0);

	(void)state;
	for (unsigned int i = 0; i < 8; i++)
		make_page(disk + i * PAGE, i + 1);
	assert_int_equal(zram_write(zram, disk, sizeof(disk), 0), 0);
	assert_int_equal(zram_discard(zram, 3 * PAGE, PAGE / 2), 0);
	memset(disk + PAGE, 0, 2 * PAGE);
	assert_reads(zram, 0, disk, sizeof(disk));
	assert_int_equal(figures_of(zram).objects, 6);
	assert_int_equal(figures_of(zram).notify_free, 2);
	for (unsigned int may_trim = 0; may_trim < 2; may_trim++) {
		assert_int_equal(zram_zero(zram, 2 * PAGE, 4 * PAGE + 100, may_trim), 0);
		memset(disk + 4 * PAGE + 100, 0, 2 * PAGE);
		assert_reads(zram, 0, disk, sizeof(disk));
		assert_int_equal(figures_of(zram).same_pages, may_trim ? 0 : 1);
	}
	zram_destroy(zram);
}

static void test_beyond_the_end(void **state)
{
	struct zram *zram = make_disk("lz4", 2 * PAGE, 0);
	unsigned char page[PAGE] = { 0 };

	(void)state;
	assert_int_equal(zram_read(zram, page, PAGE, PAGE + 1), -EINVAL);
	assert_int_equal(zram_write(zram, page, 1, 2 * PAGE), -EINVAL);
	assert_int_equal(zram_discard(zram, UINT64_MAX, PAGE), -EINVAL);
	assert_int_equal(zram_zero(zram, PAGE, UINT64_MAX - 1, true), -EINVAL);
	assert_int_equal(figures_of(zram).invalid_io, 4);
	zram_destroy(zram);
}

static void test_sizes_refused(void **state)
{
	static const uint64_t sizes[] = { 0, 1, PAGE + 512, 1ull << 63 };
	struct zram *zram;

	(void)state;
	for (unsigned int i = 0; i < NR_OF(sizes); i++) {
		struct zram_options options = { .size_bytes = sizes[i] };

		assert_int_equal(zs_comp_parse("lz4", &options.comp), 0);
		assert_int_equal(zram_create(&options, &zram), -EINVAL);
	}
	zram_destroy(NULL);
}

/* ---- extents ---- */

struct extents {
	char text[256];
};

static int note_extent(void *ctx, uint64_t offset, uint64_t len, enum zram_extent kind)
{
	struct extents *extents = ctx;
	size_t used = strlen(extents->text);

	snprintf(extents->text + used, sizeof(extents->text) - used, "%llu+%llu%c ", (unsigned long long)offset,
		 (unsigned long long)len, "dzh"[kind]);
	return 0;
}

static int stop_at_once(void *ctx, uint64_t offset, uint64_t len, enum zram_extent kind)
{
	(void)ctx;
	(void)offset;
	(void)len;
	(void)kind;
	return 7;
}

static void test_extents(void **state)
{
	struct zram *zram = make_disk("lz4", 2000 * PAGE, 0);
	unsigned char pages[3 * PAGE];
	struct extents extents = { .text = "" };

	(void)state;
	make_page(pages, 1);
	make_page(pages + PAGE, 2);
	memset(pages + 2 * PAGE, 0, PAGE);
	assert_int_equal(zram_write(zram, pages, sizeof(pages), 2 * PAGE), 0);
	assert_int_equal(zram_extents(zram, 2000 * PAGE - 200, 100, note_extent, &extents), 0);
	assert_string_equal(extents.text, "100+8092h 8192+8192d 16384+4096z 20480+8171420h ");
	assert_int_equal(zram_extents(zram, PAGE, 0, stop_at_once, NULL), 7);
	assert_int_equal(zram_extents(zram, PAGE, 2000 * PAGE, stop_at_once, NULL), -EINVAL);
	zram_destroy(zram);
}

/* ---- the limit ---- */

/* A disk that is full says so, and each page has its old content or its new one. */
static void test_limit(void **state)
{
	const uint64_t limit = 3 << 20;
	struct zram *zram = make_disk("lz4", 2048 * PAGE, limit);
	unsigned char page[PAGE];
	unsigned int nr = 0;

	(void)state;
	for (;; nr++) {
		int err;

		make_noise(page, nr + 1);
		err = zram_write(zram, page, PAGE, nr * (uint64_t)PAGE);
		assert_true(figures_of(zram).mem_used_total <= limit);
		if (err == -ENOSPC)
			break;
		assert_int_equal(err, 0);
	}
	assert_in_range(nr, 600, 760);
	assert_int_equal(figures_of(zram).failed_writes, 1);
	for (unsigned int i = 0; i < nr; i++) {
		make_noise(page, i + 1);
		assert_reads(zram, i * (uint64_t)PAGE, page, PAGE);
	}
	assert_true(is_zero(zram, nr * (uint64_t)PAGE, PAGE));
	assert_int_equal(zram_discard(zram, 16 * PAGE, 0), 0);
	assert_int_equal(zram_write(zram, page, PAGE, nr * (uint64_t)PAGE), 0);
	zram_destroy(zram);
}

/* At the limit, room that other pages have left in the pool is used; and tables are under the limit too. */
static void test_limit_uses_holes_and_counts_tables(void **state)
{
	struct zram *zram = make_disk("lz4", 1 << 24, 1 << 20);
	unsigned char page[PAGE];
	unsigned int nr = 0;

	(void)state;
	do
		make_page(page, nr + 1);
	while (!zram_write(zram, page, PAGE, nr++ * (uint64_t)PAGE));
	for (unsigned int i = 0; i < nr / 2; i++)
		assert_int_equal(zram_discard(zram, PAGE, 2 * i * (uint64_t)PAGE), 0);
	for (unsigned int i = 0; i < nr / 4; i++) {
		make_page(page, i + 7);
		assert_int_equal(zram_write(zram, page, PAGE, 2 * i * (uint64_t)PAGE), 0);
	}
	zram_destroy(zram);
	zram = make_disk("lz4", 1ull << 34, 1 << 20);
	assert_int_equal(zram_zero(zram, 1ull << 34, 0, false), -ENOSPC);
	assert_in_range(figures_of(zram).mem_used_total, 1 << 19, 1 << 20);
	zram_destroy(zram);
}

/* ---- compaction and what is told ---- */

static void test_compacts_until_dense(void **state)
{
	struct zram *zram = make_disk("lz4", 4096 * PAGE, 0);
	unsigned char page[PAGE];
	uint64_t before;
	unsigned int nr_calls = 0;

	(void)state;
	for (unsigned int i = 0; i < 4096; i++) {
		make_page(page, i + 1);
		assert_int_equal(zram_write(zram, page, PAGE, i * (uint64_t)PAGE), 0);
	}
	for (unsigned int i = 0; i < 4096; i++)
		if (i % 3)
			assert_int_equal(zram_discard(zram, PAGE, i * (uint64_t)PAGE), 0);
	before = figures_of(zram).mem_used_total;
	for (uint64_t all = 0; all < before * 4 / 10; nr_calls++)
		all += zram_compact(zram, 1); /* the shortest there is */
	assert_true(nr_calls > 1);
	zram_compact(zram, 0);
	assert_true(figures_of(zram).mem_used_total < before * 6 / 10);
	assert_true(figures_of(zram).objects_moved > 0);
	assert_int_equal(zram_compact(zram, 0), 0);
	for (unsigned int i = 0; i < 4096; i += 3) {
		make_page(page, i + 1);
		assert_reads(zram, i * (uint64_t)PAGE, page, PAGE);
	}
	assert_true(figures_of(zram).mem_used_max >= before);
	zram_reset_peak(zram);
	assert_int_equal(figures_of(zram).mem_used_max, figures_of(zram).mem_used_total);
	zram_destroy(zram);
}

/* Whether the page of memory that something is in has come into being. */
static bool is_resident(const void *at)
{
	unsigned char in_core = 0;

	assert_int_equal(mincore((void *)((uintptr_t)at & ~(uintptr_t)4095), 4096, &in_core), 0);
	return in_core & 1;
}

/* Slots that are not used take no memory, also when they are read or discarded. */
static void test_large_disks_cost_nothing(void **state)
{
	struct zram *zram = make_disk("lz4", 1ull << 40, 0);
	uint64_t empty = figures_of(zram).mem_used_total;
	unsigned char page[PAGE];

	(void)state;
	assert_true(empty < 64 << 10);
	assert_int_equal(zram_discard(zram, 1ull << 30, 1ull << 39), 0);
	assert_true(is_zero(zram, 1ull << 39, 1 << 20));
	assert_false(is_resident(zram_lock_of(zram, 1ull << (39 - ZRAM_PAGE_SHIFT))));
	make_page(page, 1);
	assert_int_equal(zram_write(zram, page, PAGE, (1ull << 40) - PAGE), 0);
	assert_true(is_resident(zram_lock_of(zram, (1ull << (40 - ZRAM_PAGE_SHIFT)) - 1)));
	assert_reads(zram, (1ull << 40) - PAGE, page, PAGE);
	assert_true(figures_of(zram).mem_used_total < empty + (64 << 10));
	zram_destroy(zram);
}

/* ---- threads ---- */

enum { NR_THREADS = 4, THREAD_PAGES = 64, THREAD_WRITES = 4000 };

struct worker {
	pthread_t thread;
	struct zram *zram;
	uint32_t number;
	uint32_t wrong;
};

/* Each thread has every fourth page, so that all share each lock; in what they share each has its own bytes. */
static void *work(void *arg)
{
	struct worker *worker = arg;
	struct rng rng = { .state = worker->number };
	uint32_t seeds[THREAD_PAGES] = { 0 };
	unsigned char page[PAGE], got[PAGE];
	const uint64_t shared = (uint64_t)NR_THREADS * THREAD_PAGES * PAGE + worker->number * 1000u;

	for (uint32_t i = 0; i < THREAD_WRITES; i++) {
		uint32_t which = rng_below(&rng, THREAD_PAGES);
		uint64_t offset = (uint64_t)(which * NR_THREADS + worker->number) * PAGE;

		make_page(page, seeds[which]);
		worker->wrong +=
			seeds[which] && (zram_read(worker->zram, got, PAGE, offset) || memcmp(page, got, PAGE));
		seeds[which] = 1 + rng_below(&rng, 1000000);
		make_page(page, seeds[which]);
		worker->wrong += zram_write(worker->zram, page, PAGE, offset) != 0;
		worker->wrong += zram_write(worker->zram, page, 1000, shared) != 0;
		worker->wrong += zram_read(worker->zram, got, 1000, shared) || memcmp(page, got, 1000);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct zram *zram = make_disk("lz4", (NR_THREADS * THREAD_PAGES + 1) * (uint64_t)PAGE, 0);
	struct worker workers[NR_THREADS];

	(void)state;
	for (uint32_t i = 0; i < NR_THREADS; i++) {
		workers[i] = (struct worker){ .zram = zram, .number = i };
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (unsigned int i = 0; i < 200; i++)
		zram_compact(zram, 100000);
	for (uint32_t i = 0; i < NR_THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		assert_int_equal(workers[i].wrong, 0);
	}
	assert_int_equal(zs_pool_verify(zram->pool), 0);
	assert_int_equal(zram_discard(zram, zram_size_bytes(zram), 0), 0);
	assert_int_equal(figures_of(zram).objects, 0);
	zram_destroy(zram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages_come_back),
		cmocka_unit_test(test_each_kind_follows_each),
		cmocka_unit_test(test_parts_of_pages),
		cmocka_unit_test(test_discard_and_zero),
		cmocka_unit_test(test_beyond_the_end),
		cmocka_unit_test(test_sizes_refused),
		cmocka_unit_test(test_extents),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_limit_uses_holes_and_counts_tables),
		cmocka_unit_test(test_compacts_until_dense),
		cmocka_unit_test(test_large_disks_cost_nothing),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
