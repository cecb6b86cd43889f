/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Pools by the rules of zsmalloc.h: making them, objects one by one and many at once, the limit, figures, compaction.
 */
#include "api_unit.h"

/* ---- creating and destroying ---- */

static void assert_refused(struct zs_pool_options options, int err)
{
	errno = 0;
	assert_null(zs_create_pool_with(&options));
	assert_int_equal(errno, err);
}

static void test_create_with_defaults(void **state)
{
	struct zs_pool *pools[2] = { zs_create_pool_with(NULL), zs_create_pool(0, NULL) };

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		assert_non_null(pools[i]);
		assert_int_equal(zs_get_total_pages(pools[i]), 0);
		zs_free(pools[i], make_object(pools[i], 4096));
		assert_int_equal(zs_malloc(pools[i], 4097, 0), 0);
		assert_int_equal(errno, ENOSPC);
		zs_destroy_pool(pools[i]);
	}
	zs_destroy_pool(NULL);
}

static void test_create_refuses(void **state)
{
	static const size_t sizes[] = { 0, 1, sizeof(struct zs_pool_options) - 1, sizeof(struct zs_pool_options) + 8,
					~(size_t)0 };
	const size_t size = sizeof(struct zs_pool_options);
	struct test_pages pages = { .pool = NULL };
	struct zs_ops ops;

	(void)state;
	for (unsigned int i = 0; i < NR_OF(sizes); i++)
		assert_refused((struct zs_pool_options){ .size = sizes[i] }, EINVAL);
	for (unsigned int bit = 0; bit < 32; bit++) {
		if (1u << bit == ZS_POOL_COMPACTOR || 1u << bit == ZS_POOL_ZERO_ON_FREE)
			continue; /* ZS_POOL_DENSE alone means nothing */
		assert_refused((struct zs_pool_options){ .size = size, .flags = 1u << bit }, EINVAL);
		errno = 0;
		assert_null(zs_create_pool(1u << bit, NULL));
		assert_int_equal(errno, EINVAL);
	}
	assert_refused((struct zs_pool_options){ .size = size, .flags = ZS_POOL_DENSE | ZS_POOL_ZERO_ON_FREE }, EINVAL);
	assert_refused((struct zs_pool_options){ .size = size, .max_object_size = 65537 }, EINVAL);
	assert_refused((struct zs_pool_options){ .size = size, .max_object_size = (1ull << 32) + 1 }, EINVAL);
	ops = test_pages_ops(&pages);
	ops.alloc = NULL;
	assert_refused((struct zs_pool_options){ .size = size, .ops = &ops }, EINVAL);
	assert_null(zs_create_pool(0, &ops));
	ops = test_pages_ops(&pages);
	ops.free = NULL;
	assert_refused((struct zs_pool_options){ .size = size, .ops = &ops }, EINVAL);
	assert_null(zs_create_pool(0, &ops));
}

/* Destroying frees what lives, and maps with it. */
static void test_destroy_frees_objects(void **state)
{
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++) {
		bench_create(&b, has_ops, NO_OPTIONS);
		for (unsigned int i = 0; i < 100; i++)
			zs_map_object(b.pool, make_object(b.pool, 1 + i * 40), ZS_MM_RW);
		bench_destroy(&b);
	}
}

/* ---- allocating ---- */

static void test_sizes(void **state)
{
	static const size_t maxima[] = { 1, 100, 4096, 65536 };
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++)
		for (unsigned int i = 0; i < NR_OF(maxima); i++) {
			static const size_t too_large[] = { 1, 4096, ~(size_t)0 };

			bench_create(&b, has_ops, (struct zs_pool_options){ .max_object_size = maxima[i] });
			make_object(b.pool, 1);
			make_object(b.pool, maxima[i]);
			errno = 0;
			assert_int_equal(zs_malloc(b.pool, 0, 0), 0);
			assert_int_equal(errno, EINVAL);
			for (unsigned int j = 0; j < NR_OF(too_large); j++) {
				errno = 0;
				assert_int_equal(zs_malloc(b.pool,
							   too_large[j] < 65536 ? maxima[i] + too_large[j]
										: too_large[j],
							   0),
						 0);
				assert_int_equal(errno, ENOSPC);
			}
			assert_int_equal(stats_of(b.pool).objects, 2);
			assert_int_equal(stats_of(b.pool).failed_allocs, 0);
			bench_destroy(&b);
		}
}

static void test_handles_look_right(void **state)
{
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++) {
		bench_create(&b, has_ops, NO_OPTIONS);
		for (unsigned int i = 0; i < 3000; i++) {
			unsigned long handle = make_object(b.pool, 1 + i % 4096);

			assert_true(handle < (unsigned long)-4095l);
			if (sizeof(long) == 8)
				assert_int_equal((uint64_t)handle >> 48, 0);
		}
		bench_destroy(&b);
	}
}

static void test_exhausted_source(void **state)
{
	struct bench b;
	unsigned long handles[64];
	unsigned int nr = 0;

	(void)state;
	bench_create(&b, true, NO_OPTIONS);
	b.pages.budget = 10;
	while (nr < NR_OF(handles) && (handles[nr] = zs_malloc(b.pool, 4096, 0)) != 0)
		nr++;
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(nr, 10);
	assert_int_equal(zs_get_total_pages(b.pool), 10);
	assert_int_equal(stats_of(b.pool).failed_allocs, 1);
	zs_free(b.pool, handles[4]);
	assert_int_equal(b.pages.nr_out, 9); /* it goes back as soon as it is empty */
	make_object(b.pool, 4096);
	bench_destroy(&b);
}

/* The source sees all bits of the flags but ZS_NOGROW. */
static void test_source_sees_flags(void **state)
{
	struct bench b;

	(void)state;
	bench_create(&b, true, NO_OPTIONS);
	for (unsigned int bit = 0; bit < 31; bit++) {
		assert_int_not_equal(zs_malloc(b.pool, 4096, 1u << bit), 0);
		assert_int_equal(b.pages.last_flags, 1u << bit);
	}
	assert_int_not_equal(zs_malloc(b.pool, 4096, 0x7fffffff), 0);
	assert_int_equal(b.pages.last_flags, 0x7fffffff);
	bench_destroy(&b);
}

static void test_nogrow(void **state)
{
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++) {
		unsigned long pages, asked;

		bench_create(&b, has_ops, NO_OPTIONS);
		errno = 0;
		assert_int_equal(zs_malloc(b.pool, 1000, ZS_NOGROW), 0);
		assert_int_equal(errno, ENOMEM);
		make_object(b.pool, 1000);
		pages = zs_get_total_pages(b.pool);
		asked = b.pages.nr_allocs;
		for (unsigned int i = 0; i < 2; i++)
			assert_int_not_equal(zs_malloc(b.pool, 1000, ZS_NOGROW | 5), 0);
		while (zs_malloc(b.pool, 1000, ZS_NOGROW))
			;
		assert_int_equal(errno, ENOMEM);
		assert_int_equal(zs_get_total_pages(b.pool), pages);
		assert_int_equal(b.pages.nr_allocs, asked);
		assert_int_equal(b.pages.nr_refused, 0);
		bench_destroy(&b);
	}
}

/* ---- the limit ---- */

static void fill_up(struct bench *b, uint64_t limit, size_t size)
{
	unsigned long handle;

	while ((handle = zs_malloc(b->pool, size, 0)) != 0) {
		assert_true(zs_get_total_size_bytes(b->pool) <= limit);
		/* It stays mapped; a copy may find no room. */
		if (!zs_map_object(b->pool, handle, ZS_MM_RO))
			assert_int_equal(errno, ENOMEM);
		assert_true(zs_get_total_size_bytes(b->pool) <= limit);
	}
	assert_int_equal(errno, ENOMEM);
	assert_true(zs_get_total_size_bytes(b->pool) <= limit);
}

/* Objects, metadata and buffers together stay within it, and use most of it. */
static void test_limit_bounds_total(void **state)
{
	static const uint64_t limits[] = { 100000, 1 << 20, (1 << 20) + 5000, 5 << 20 };
	static const size_t sizes[] = { 40, 1000, 3000, 4096 };
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++)
		for (unsigned int i = 0; i < NR_OF(limits) * NR_OF(sizes); i++) {
			uint64_t limit = limits[i % NR_OF(limits)];

			bench_create(&b, has_ops, (struct zs_pool_options){ .limit_bytes = limit });
			fill_up(&b, limit, sizes[i / NR_OF(limits)]);
			assert_true(stats_of(b.pool).objects > 0);
			bench_destroy(&b);
		}
}

/* A limit that not even an empty pool keeps is ENOMEM from the start; no pool ever says more than its limit. */
static void test_tiny_limits(void **state)
{
	(void)state;
	for (uint64_t limit = 1; limit < 70000; limit += 1021) {
		struct zs_pool_options options = { .size = sizeof(options), .limit_bytes = limit };
		struct zs_pool *pool;

		errno = 0;
		pool = zs_create_pool_with(&options);
		if (!pool) {
			assert_int_equal(errno, ENOMEM);
			continue;
		}
		while (zs_malloc(pool, 100, 0))
			assert_true(zs_get_total_size_bytes(pool) <= limit);
		assert_true(zs_get_total_size_bytes(pool) <= limit);
		zs_destroy_pool(pool);
	}
}

/* ---- bulk ---- */

static void test_bulk(void **state)
{
	static const size_t sizes[] = { 1, 4096, 300, 300, 0, 300 };
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++) {
		unsigned long handles[6];

		bench_create(&b, has_ops, NO_OPTIONS);
		memset(handles, 0xff, sizeof(handles));
		errno = 0;
		assert_int_equal(zs_malloc_bulk(b.pool, sizes, handles, 4, 0), 4);
		assert_int_equal(errno, 0);
		assert_int_equal(handles[4], ~0ul);
		for (unsigned int i = 0; i < 4; i++)
			fill(b.pool, handles[i], sizes[i], ZS_MM_WO, (int)i);
		for (unsigned int i = 0; i < 4; i++)
			assert_filled(b.pool, handles[i], sizes[i], (int)i);
		zs_free_bulk(b.pool, handles, 4);
		assert_int_equal(stats_of(b.pool).objects, 0);
		assert_int_equal(zs_malloc_bulk(b.pool, sizes, handles, 6, 0), 4);
		assert_int_equal(errno, EINVAL);
		assert_int_equal(handles[4] | handles[5], 0);
		zs_free_bulk(b.pool, handles, 6);
		assert_int_equal(stats_of(b.pool).objects, 0);
		assert_int_equal(zs_malloc_bulk(b.pool, sizes, handles, 0, 0), 0);
		zs_free_bulk(b.pool, handles, 0);
		bench_destroy(&b);
	}
}

static void test_bulk_that_fails(void **state)
{
	size_t sizes[20];
	unsigned long handles[20];
	struct bench b;

	(void)state;
	bench_create(&b, true, NO_OPTIONS);
	b.pages.budget = 7;
	for (unsigned int i = 0; i < NR_OF(sizes); i++)
		sizes[i] = 4096;
	memset(handles, 0xff, sizeof(handles));
	assert_int_equal(zs_malloc_bulk(b.pool, sizes, handles, 20, 0), 7);
	assert_int_equal(errno, ENOMEM);
	for (unsigned int i = 7; i < 20; i++)
		assert_int_equal(handles[i], 0);
	sizes[0] = 5000;
	assert_int_equal(zs_malloc_bulk(b.pool, sizes, handles + 7, 1, 0), 0);
	assert_int_equal(errno, ENOSPC);
	handles[7] = handles[3];
	zs_free_bulk(b.pool, handles, 20);
	assert_error(&b.log, EINVAL);
	assert_int_equal(stats_of(b.pool).objects, 0);
	assert_int_equal(zs_malloc_bulk(b.pool, sizes + 1, handles, 1, ZS_NOGROW), 0);
	assert_int_equal(errno, ENOMEM);
	bench_destroy(&b);
}

/* ---- figures ---- */

static void test_stats_of_a_caller_that_knows_less(void **state)
{
	const size_t size = sizeof(struct zs_pool_stats);
	struct zs_pool_stats all, part;
	struct bench b;

	(void)state;
	bench_create(&b, false, NO_OPTIONS);
	make_object(b.pool, 4096);
	all = stats_of(b.pool);
	for (size_t known = 0; known <= size + 64; known++) {
		size_t whole = known < size ? known / 8 * 8 : size;

		memset(&part, 0xaa, size);
		part.size = known;
		zs_pool_stats(b.pool, &part);
		assert_int_equal(part.size, known);
		if (whole > sizeof(part.size))
			assert_memory_equal(&part.objects, &all.objects,
					    whole - offsetof(struct zs_pool_stats, objects));
		for (size_t i = whole > sizeof(part.size) ? whole : sizeof(part.size); i < size; i++)
			assert_int_equal(((unsigned char *)&part)[i], 0xaa);
	}
	bench_destroy(&b);
}

static void test_totals(void **state)
{
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++) {
		struct zs_pool_stats stats;

		bench_create(&b, has_ops, NO_OPTIONS);
		for (unsigned int i = 0; i < 500; i++) {
			make_object(b.pool, 1 + i * 8);
			stats = stats_of(b.pool);
			assert_int_equal(stats.objects, i + 1);
			assert_int_equal(stats.pages, zs_get_total_pages(b.pool));
			assert_int_equal(stats.pages * ZS_PAGE_BYTES + stats.metadata_bytes,
					 zs_get_total_size_bytes(b.pool));
			assert_true(stats.slot_bytes <= stats.pages * ZS_PAGE_BYTES);
			if (has_ops)
				assert_int_equal(stats.pages, b.pages.nr_out);
		}
		bench_destroy(&b);
	}
}

static void test_class_of_a_size(void **state)
{
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++) {
		size_t huge;
		unsigned int last = 0;

		bench_create(&b, has_ops, (struct zs_pool_options){ .max_object_size = 20000 });
		huge = zs_huge_class_size(b.pool);
		assert_in_range(huge, 1, 4096);
		for (size_t size = 0; size <= 20000; size++) {
			unsigned int index = zs_lookup_class_index(b.pool, size);

			assert_true(index >= last);
			last = index;
		}
		assert_int_equal(zs_lookup_class_index(b.pool, 20001), last);
		assert_int_equal(zs_lookup_class_index(b.pool, ~(size_t)0), last);
		assert_int_equal(zs_lookup_class_index(b.pool, huge), zs_lookup_class_index(b.pool, 4096));
		assert_true(zs_lookup_class_index(b.pool, huge - 1) < zs_lookup_class_index(b.pool, huge));
		last = zs_lookup_class_index(b.pool, 1000);
		for (unsigned int i = 0; i < 300; i++)
			make_object(b.pool, 1000);
		assert_int_equal(zs_lookup_class_index(b.pool, 1000), last); /* never changes */
		assert_int_equal(zs_huge_class_size(b.pool), huge);
		bench_destroy(&b);
	}
}

static void test_version(void **state)
{
	char text[32];

	(void)state;
	snprintf(text, sizeof(text), "%d.%d.%d", ZS_VERSION_MAJOR, ZS_VERSION_MINOR, ZS_VERSION_PATCH);
	assert_string_equal(zs_version(), text);
}

/* ---- compaction ---- */

static void make_holes(struct bench *b)
{
	unsigned long handles[400];

	for (unsigned int i = 0; i < NR_OF(handles); i++)
		handles[i] = make_object(b->pool, 1360);
	for (unsigned int i = 0; i < NR_OF(handles); i++)
		if (i % 3)
			zs_free(b->pool, handles[i]);
}

static void test_compact(void **state)
{
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++) {
		unsigned long before, given;

		bench_create(&b, has_ops, NO_OPTIONS);
		assert_int_equal(zs_compact(b.pool), 0);
		make_holes(&b);
		before = zs_get_total_pages(b.pool);
		given = zs_compact(b.pool);
		assert_true(given > 50);
		assert_int_equal(zs_get_total_pages(b.pool), before - given);
		assert_int_equal(stats_of(b.pool).pages_compacted, given);
		assert_true(stats_of(b.pool).objects_moved > 0);
		assert_int_equal(zs_compact(b.pool), 0);
		bench_destroy(&b);
	}
}

static void test_compact_some(void **state)
{
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++) {
		unsigned int calls = 0;
		unsigned long given;

		bench_create(&b, has_ops, NO_OPTIONS);
		errno = EPERM;
		assert_int_equal(zs_compact_some(b.pool, 0, 0), 0);
		assert_int_equal(errno, 0);
		make_holes(&b);
		given = zs_compact_some(b.pool, 5, 0);
		assert_in_range(given, 5, 8);
		assert_int_equal(errno, EAGAIN);
		assert_in_range(zs_compact_some(b.pool, 0, 1), 0, 3); /* one step, and the time has passed */
		assert_int_equal(errno, EAGAIN);
		do
			zs_compact_some(b.pool, 10, 1000000000);
		while (errno == EAGAIN && ++calls < 100);
		assert_int_equal(errno, 0);
		assert_true(calls >= 4);
		assert_int_equal(zs_compact(b.pool), 0);
		bench_destroy(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(test_create_with_defaults),
		API_TEST(test_create_refuses),
		API_TEST(test_destroy_frees_objects),
		API_TEST(test_sizes),
		API_TEST(test_handles_look_right),
		API_TEST(test_exhausted_source),
		API_TEST(test_source_sees_flags),
		API_TEST(test_nogrow),
		API_TEST(test_limit_bounds_total),
		API_TEST(test_tiny_limits),
		API_TEST(test_bulk),
		API_TEST(test_bulk_that_fails),
		API_TEST(test_stats_of_a_caller_that_knows_less),
		API_TEST(test_totals),
		API_TEST(test_class_of_a_size),
		API_TEST(test_version),
		API_TEST(test_compact),
		API_TEST(test_compact_some),
	};

	return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
