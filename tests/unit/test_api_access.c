/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Objects by the rules of zsmalloc.h: mapping them in each mode, reading and writing, and handles that are none.
 */
#include <pthread.h>

#include "api_unit.h"

/* ---- mapping ---- */

/* Finds an object that is copied when mapped. The other objects stay. */
static unsigned long make_copied_object(struct bench *b, size_t size)
{
	unsigned char copy[4096];

	for (;;) {
		unsigned long handle = make_object(b->pool, size);
		const void *mem = zs_obj_read_begin(b->pool, handle, size, copy);

		zs_obj_read_end(b->pool, handle, size, mem);
		if (mem == copy)
			return handle;
	}
}

static void test_modes_of_copied_objects(void **state)
{
	unsigned long handle;
	unsigned char *mem;
	struct bench b;

	(void)state;
	bench_create(&b, true, NO_OPTIONS);
	handle = make_copied_object(&b, 3000);
	fill(b.pool, handle, 3000, ZS_MM_WO, 0x11);
	assert_filled(b.pool, handle, 3000, 0x11);
	fill(b.pool, handle, 3000, ZS_MM_RW, 0x22);
	assert_filled(b.pool, handle, 3000, 0x22);
	fill(b.pool, handle, 3000, ZS_MM_RO, 0x33); /* forbidden, and here without effect */
	assert_filled(b.pool, handle, 3000, 0x22);
	fill(b.pool, handle, 3000, ZS_MM_RO, 0x44);
	mem = map(b.pool, handle, ZS_MM_WO);
	assert_int_equal(mem[0], 0x44); /* the buffer as it was left, not the object */
	memset(mem, 0x55, 3000);
	zs_unmap_object(b.pool, handle);
	assert_filled(b.pool, handle, 3000, 0x55);
	bench_destroy(&b);
}

/* In the library's own pages every object lies in one piece, and the modes make no difference. */
static void test_modes_in_own_pages(void **state)
{
	static const enum zs_mapmode modes[] = { ZS_MM_RW, ZS_MM_RO, ZS_MM_WO };
	struct bench b;

	(void)state;
	bench_create(&b, false, (struct zs_pool_options){ .max_object_size = 65536 });
	for (unsigned int i = 0; i < 60; i++) {
		unsigned long handle = make_object(b.pool, 1000 + i * 1000);
		const unsigned char *at = map(b.pool, handle, ZS_MM_RW);

		zs_unmap_object(b.pool, handle);
		fill(b.pool, handle, 1000 + i * 1000, modes[i % 3], (int)i);
		assert_ptr_equal(map(b.pool, handle, modes[(i + 1) % 3]), at);
		assert_int_equal(at[999 + i * 1000], i);
		zs_unmap_object(b.pool, handle);
		assert_ptr_equal(zs_obj_read_begin(b.pool, handle, 1000 + i * 1000, NULL), at);
		zs_obj_read_end(b.pool, handle, 1000 + i * 1000, at);
	}
	bench_destroy(&b);
}

static void test_read_only_maps_nest(void **state)
{
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++) {
		unsigned long handle;
		void *mem;

		bench_create(&b, has_ops, NO_OPTIONS);
		handle = has_ops ? make_copied_object(&b, 3000) : make_object(b.pool, 3000);
		mem = map(b.pool, handle, ZS_MM_RO);
		for (unsigned int depth = 1; depth < 16000; depth++)
			assert_ptr_equal(map(b.pool, handle, ZS_MM_RO), mem);
		errno = 0;
		assert_null(zs_map_object(b.pool, handle, ZS_MM_RO));
		assert_int_equal(errno, EBUSY);
		for (unsigned int depth = 0; depth < 16000; depth++)
			zs_unmap_object(b.pool, handle);
		zs_free(b.pool, handle);
		bench_destroy(&b);
	}
}

struct nester {
	struct zs_pool *pool;
	unsigned long handle;
	bool done;
};

static void *nest_once_more(void *arg)
{
	struct nester *n = arg;

	while (!__atomic_load_n(&n->done, __ATOMIC_RELAXED)) {
		zs_map_object(n->pool, n->handle, ZS_MM_RO);
		zs_unmap_object(n->pool, n->handle);
	}
	return NULL;
}

/* Reads that are refused leave an object as it was, also where maps nest so deep that the short way ends just there. */
static void test_refused_reads_leave_no_pin(void **state)
{
	const unsigned int depth = (1u << 13) - 1;
	pthread_t thread;
	struct nester n;
	struct bench b;

	(void)state;
	bench_create(&b, false, NO_OPTIONS);
	n = (struct nester){ .pool = b.pool, .handle = make_object(b.pool, 64) };
	for (unsigned int i = 0; i < depth; i++)
		assert_non_null(zs_map_object(b.pool, n.handle, ZS_MM_RO));
	assert_int_equal(pthread_create(&thread, NULL, nest_once_more, &n), 0);
	for (unsigned int i = 0; i < (UNIT_SANITIZED ? 200000u : 10000000u); i++)
		assert_null(zs_obj_read_begin(b.pool, n.handle, ZS_PAGE_BYTES, NULL));
	__atomic_store_n(&n.done, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (unsigned int i = 0; i < depth; i++)
		zs_unmap_object(b.pool, n.handle);
	zs_free(b.pool, n.handle);
	assert_int_equal(stats_of(b.pool).objects, 0);
	bench_destroy(&b);
}

static void test_alignment(void **state)
{
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++) {
		bench_create(&b, has_ops, (struct zs_pool_options){ .max_object_size = 65536 });
		for (unsigned int i = 0; i < 500; i++)
			assert_int_equal((uintptr_t)map(b.pool, make_object(b.pool, 1 + i * 131), ZS_MM_WO) % 16, 0);
		bench_destroy(&b);
	}
}

/* ---- reading and writing ---- */

static void test_read_begin(void **state)
{
	unsigned char copy[8192];
	unsigned long handle;
	struct bench b;

	(void)state;
	bench_create(&b, true, NO_OPTIONS);
	handle = make_copied_object(&b, 3000);
	fill(b.pool, handle, 3000, ZS_MM_RW, 0x77);
	errno = 0;
	assert_null(zs_obj_read_begin(b.pool, handle, 3000, NULL));
	assert_int_equal(errno, EINVAL);
	errno = 0;
	assert_null(zs_obj_read_begin(b.pool, handle, 4097, copy));
	assert_int_equal(errno, EINVAL);
	assert_ptr_equal(zs_obj_read_begin(b.pool, handle, 3000, copy), copy);
	assert_int_equal(copy[2999], 0x77);
	zs_free(b.pool, handle); /* it is pinned */
	assert_error(&b.log, EBUSY);
	zs_obj_read_end(b.pool, handle, 3000, copy);
	zs_free(b.pool, handle);
	bench_destroy(&b);
}

/* In an arena nothing is copied; a length beyond the slot is refused, and leaves no pin. */
static void test_read_begin_in_place(void **state)
{
	unsigned long handle;
	const unsigned char *at;
	struct bench b;

	(void)state;
	bench_create(&b, false, NO_OPTIONS);
	handle = make_object(b.pool, 3000);
	fill(b.pool, handle, 3000, ZS_MM_RW, 0x77);
	errno = 0;
	assert_null(zs_obj_read_begin(b.pool, handle, 4097, NULL));
	assert_int_equal(errno, EINVAL);
	at = zs_obj_read_begin(b.pool, handle, 3000, NULL);
	assert_non_null(at);
	assert_int_equal(at[2999], 0x77);
	zs_obj_read_end(b.pool, handle, 3000, at);
	zs_free(b.pool, handle);
	assert_int_equal(b.log.nr, 0);
	bench_destroy(&b);
}

static void test_write(void **state)
{
	static const unsigned char bytes[4200];
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++) {
		unsigned long handle;

		bench_create(&b, has_ops, NO_OPTIONS);
		handle = has_ops ? make_copied_object(&b, 3000) : make_object(b.pool, 3000);
		fill(b.pool, handle, 3000, ZS_MM_WO, 0xee);
		assert_int_equal(zs_obj_write(b.pool, handle, bytes, 2999), 0);
		assert_filled(b.pool, handle, 2999, 0);
		assert_int_equal(map(b.pool, handle, ZS_MM_RO)[2999], 0xee);
		zs_unmap_object(b.pool, handle);
		assert_int_equal(zs_obj_write(b.pool, handle, bytes, 4097), -EINVAL);
		assert_int_equal(zs_obj_write(b.pool, handle, bytes, 0), 0);
		bench_destroy(&b);
	}
}

/* ---- bad handles ---- */

static void assert_all_report(struct bench *b, unsigned long handle)
{
	unsigned char byte = 0;

	errno = 0;
	assert_null(zs_map_object(b->pool, handle, ZS_MM_RO));
	assert_int_equal(errno, EINVAL);
	assert_error(&b->log, EINVAL);
	errno = 0;
	assert_null(zs_obj_read_begin(b->pool, handle, 1, &byte));
	assert_int_equal(errno, EINVAL);
	assert_error(&b->log, EINVAL);
	assert_int_equal(zs_obj_write(b->pool, handle, &byte, 1), -EINVAL);
	assert_error(&b->log, EINVAL);
	zs_unmap_object(b->pool, handle);
	assert_error(&b->log, EINVAL);
	zs_obj_read_end(b->pool, handle, 1, &byte);
	assert_error(&b->log, EINVAL);
	zs_free(b->pool, handle);
	if (handle)
		assert_error(&b->log, EINVAL);
	assert_int_equal(b->log.nr, 0);
}

static void test_bad_handles_are_reported(void **state)
{
	struct bench b, other;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++) {
		unsigned long good, bad[7];

		bench_create(&b, has_ops, NO_OPTIONS);
		bench_create(&other, has_ops, NO_OPTIONS);
		good = make_object(b.pool, 500);
		fill(b.pool, good, 500, ZS_MM_RW, 0x12);
		bad[0] = make_object(b.pool, 500);
		zs_free(b.pool, bad[0]);
		bad[1] = make_object(other.pool, 500);
		bad[2] = good ^ 1;
		bad[3] = 0;
		bad[4] = ~0ul;
		bad[5] = 12345678;
		bad[6] = (unsigned long)&b;
		/* One in 65536 foreign handles passes for a good one. */
		for (unsigned int i = 0; i < NR_OF(bad); i++)
			if (bad[i] != good)
				assert_all_report(&b, bad[i]);
		assert_filled(b.pool, good, 500, 0x12);
		assert_int_equal(stats_of(b.pool).objects, 1);
		assert_true(stats_of(b.pool).bad_handles >= 6 * 6);
		bench_destroy(&other);
		bench_destroy(&b);
	}
}

static void test_misuse_is_reported(void **state)
{
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++) {
		unsigned long handle;

		bench_create(&b, has_ops, NO_OPTIONS);
		handle = has_ops ? make_copied_object(&b, 3000) : make_object(b.pool, 3000);
		zs_unmap_object(b.pool, handle);
		assert_error(&b.log, EINVAL);
		map(b.pool, handle, ZS_MM_RO);
		zs_free(b.pool, handle);
		assert_error(&b.log, EBUSY);
		zs_unmap_object(b.pool, handle);
		zs_free(b.pool, handle);
		assert_int_equal(b.log.nr, 0);
		zs_free(b.pool, handle);
		assert_error(&b.log, EINVAL);
		zs_free(b.pool, 0);
		bench_destroy(&b);
	}
}

static void free_twice(void *arg)
{
	struct zs_pool *pool = zs_create_pool(0, NULL);
	unsigned long handle = zs_malloc(pool, 100, 0);

	(void)arg;
	zs_free(pool, handle);
	zs_free(pool, handle);
}

static void free_mapped(void *arg)
{
	struct zs_pool *pool = zs_create_pool(0, NULL);
	unsigned long handle = zs_malloc(pool, 100, 0);

	(void)arg;
	zs_map_object(pool, handle, ZS_MM_RO);
	zs_free(pool, handle);
}

static void test_default_is_to_abort(void **state)
{
	(void)state;
	assert_aborts(free_twice, NULL, "zsmalloc: ");
	assert_aborts(free_twice, NULL, "freed twice");
	assert_aborts(free_mapped, NULL, "mapped");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(test_modes_of_copied_objects),
		API_TEST(test_modes_in_own_pages),
		API_TEST(test_read_only_maps_nest),
		API_TEST(test_refused_reads_leave_no_pin),
		API_TEST(test_alignment),
		API_TEST(test_read_begin),
		API_TEST(test_read_begin_in_place),
		API_TEST(test_write),
		API_TEST(test_bad_handles_are_reported),
		API_TEST(test_misuse_is_reported),
		API_TEST(test_default_is_to_abort),
	};

	return cmocka_run_group_tests_name("api, access", tests, NULL, NULL);
}
