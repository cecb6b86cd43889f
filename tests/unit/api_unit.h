/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What tests of the public calls share: pools with the library's own pages or with zs_ops, and objects with content.
 * Each test is built twice: on the shared library, and on the simulated host (TEST_ON_SIM), where a broken contract
 * ends the program.
 */
#ifndef TESTS_API_UNIT_H
#define TESTS_API_UNIT_H

#include "pages.h"
#include "unit.h"

#ifdef TEST_ON_SIM
#include "sim.h"
#endif

/* A pool on one of the two sources. */
struct bench {
	struct test_pages pages;
	struct error_log log;
	struct zs_pool *pool;
	bool has_ops;
};

static inline void bench_create(struct bench *b, bool has_ops, struct zs_pool_options options)
{
	struct zs_ops ops = test_pages_ops(&b->pages);

	memset(b, 0, sizeof(*b));
	b->has_ops = has_ops;
	if (has_ops)
		options.ops = &ops;
	b->pool = make_pool(options, &b->log);
	b->pages.pool = b->pool;         /* it calls back into the pool */
	memset(&ops, 0xff, sizeof(ops)); /* the library has its own copy */
}

static inline void bench_destroy(struct bench *b)
{
	assert_int_equal(b->log.nr, 0);
	assert_int_equal(zs_pool_verify(b->pool), 0);
	b->pages.pool = NULL;
	zs_destroy_pool(b->pool);
	assert_int_equal(b->pages.nr_out, 0);
}

#define NO_OPTIONS ((struct zs_pool_options){ .size = 0 })

/* ---- objects ---- */

static inline unsigned char *map(struct zs_pool *pool, unsigned long handle, enum zs_mapmode mode)
{
	unsigned char *mem = zs_map_object(pool, handle, mode);

	assert_non_null(mem);
	return mem;
}

static inline void fill(struct zs_pool *pool, unsigned long handle, size_t size, enum zs_mapmode mode, int with)
{
	memset(map(pool, handle, mode), with, size);
	zs_unmap_object(pool, handle);
}

static inline void assert_filled(struct zs_pool *pool, unsigned long handle, size_t size, int with)
{
	const unsigned char *mem = map(pool, handle, ZS_MM_RO);

	for (size_t i = 0; i < size; i++)
		assert_int_equal(mem[i], with);
	zs_unmap_object(pool, handle);
}

/* ---- tests ---- */

static inline int api_setup(void **state)
{
	(void)state;
#ifdef TEST_ON_SIM
	zs_sim_reset();
#endif
	return 0;
}

static inline int api_teardown(void **state)
{
	bool clean = true;

	(void)state;
#ifdef TEST_ON_SIM
	clean = zs_sim_is_clean();
	zs_sim = (struct zs_sim){ .page_shift = 12 };
#endif
	return clean ? 0 : -1;
}

#define API_TEST(function) cmocka_unit_test_setup_teardown(function, api_setup, api_teardown)

#endif
