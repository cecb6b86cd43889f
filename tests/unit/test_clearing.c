/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Pools that clear: wherever an object was, nothing of it is left. The same steps in a pool that does not clear show
 * that the search would find it.
 */
#include "compact.h"
#include "leftovers.h"
#include "mapping.h"
#include "migrate.h"
#include "object.h"
#include "sim_unit.h"
#include "tend.h"

#define NR_OBJECTS 300u

struct bench {
	struct error_log log;
	struct zs_pool *pool;
	unsigned long handles[NR_OBJECTS]; /* 0: freed */
	bool clears;
};

static size_t size_of(unsigned int i)
{
	static const size_t sizes[] = { 40, 208, 1296, 2320, 4000, 9000 };

	return sizes[i % NR_OF(sizes)];
}

/* All of an object, with bytes that neither cleared nor fresh memory has. */
static void write_object(struct bench *b, unsigned int i)
{
	unsigned char bytes[9000];

	memset(bytes, 1 + (int)(i % 100), sizeof(bytes));
	assert_int_equal(zs_pool_write(b->pool, b->handles[i], bytes, size_of(i)), 0);
}

static void check_object(struct bench *b, unsigned int i)
{
	unsigned char copy[9000];
	const void *mem;

	assert_int_equal(zs_pool_read_begin(b->pool, b->handles[i], size_of(i), copy, &mem), 0);
	for (size_t at = 0; at < size_of(i); at++)
		assert_int_equal(((const unsigned char *)mem)[at], 1 + i % 100);
	assert_int_equal(zs_pool_read_end(b->pool, b->handles[i]), 0);
}

static void fill(struct bench *b)
{
	for (unsigned int i = 0; i < NR_OBJECTS; i++) {
		b->handles[i] = make_object(b->pool, size_of(i));
		write_object(b, i);
	}
}

/* A tended pool of so many bytes of pages has stashes, if it does not clear. */
static void bench_create(struct bench *b, const struct world *world, bool clears)
{
	struct zs_pool_config config = {
		.name = "clearing",
		.max_object_size = 65536,
		.is_tended = true,
		.stash_bytes = 1u << world->page_shift,
		.clears = clears,
		.on_error = error_log_note,
		.ctx = &b->log,
	};

	memset(b, 0, sizeof(*b));
	b->clears = clears;
	enter_world(world);
	zs_sim_be_thread(0);
	assert_int_equal(zs_host_source_create(NULL, &config.source), 0);
	assert_int_equal(zs_pool_create(&config, &b->pool), 0);
	fill(b);
}

static void free_object(struct bench *b, unsigned int i)
{
	zs_free(b->pool, b->handles[i]);
	b->handles[i] = 0;
}

/* Two of three, in a row of holes and objects. */
static void free_many(struct bench *b)
{
	for (unsigned int i = 0; i < NR_OBJECTS; i++)
		if (i / 6 % 3)
			free_object(b, i);
}

/* Nothing is left if the pool clears; else there is something, or the test would tell nothing. */
static void check_leftovers(struct bench *b)
{
	if (b->clears)
		assert_int_equal(leftovers_in_pool(b->pool), 0);
	else
		assert_int_not_equal(leftovers_in_pool(b->pool), 0);
	assert_int_equal(zs_pool_verify(b->pool), 0);
}

static void bench_destroy(struct bench *b)
{
	for (unsigned int i = 0; i < NR_OBJECTS; i++)
		if (b->handles[i])
			check_object(b, i);
	assert_int_equal(b->log.nr, 0);
	zs_host_source_destroy(zs_pool_destroy(b->pool));
	zs_sim_be_thread(0);
}

static void in_all_worlds(void (*steps)(struct bench *b))
{
	for (unsigned int i = 0; i < 2 * NR_OF(worlds); i++) {
		static struct bench b;

		bench_create(&b, &worlds[i / 2], i & 1);
		steps(&b);
		bench_destroy(&b);
	}
}

static void free_one_by_one(struct bench *b)
{
	free_many(b);
	check_leftovers(b);
}

static void test_frees(void **state)
{
	(void)state;
	in_all_worlds(free_one_by_one);
}

static void free_in_bulk(struct bench *b)
{
	zs_free_bulk(b->pool, b->handles, NR_OBJECTS / 2);
	memset(b->handles, 0, NR_OBJECTS / 2 * sizeof(*b->handles));
	check_leftovers(b);
}

static void test_bulk_frees(void **state)
{
	(void)state;
	in_all_worlds(free_in_bulk);
}

/* What was freed is used again, by objects that fill only a part of their slots, and freed again. */
static void free_and_make(struct bench *b)
{
	free_many(b);
	for (unsigned int i = 0; i < NR_OBJECTS; i++) {
		if (b->handles[i])
			continue;
		b->handles[i] = make_object(b->pool, size_of(i));
		write_object(b, i);
	}
	check_leftovers(b);
	free_many(b);
	check_leftovers(b);
}

static void test_reuse(void **state)
{
	(void)state;
	/* Holes are few in between: only that nothing is left is looked at. */
	for (unsigned int i = 0; i < NR_OF(worlds); i++) {
		static struct bench b;

		bench_create(&b, &worlds[i], true);
		free_and_make(&b);
		bench_destroy(&b);
	}
}

/* Step by step, since a walk that comes to its end gives back the pages where something was left. */
static void compact_in_steps(struct bench *b)
{
	const struct zs_budget budget = { .target_pages = 1 };
	unsigned long nr_pages;

	free_many(b);
	for (unsigned int i = 0; i < 5; i++) {
		zs_pool_compact(b->pool, &budget, &nr_pages);
		check_leftovers(b);
	}
}

static void test_compaction(void **state)
{
	(void)state;
	in_all_worlds(compact_in_steps);
}

static void gather(struct bench *b)
{
	const struct zs_tend_plan plan = { .loose_share = 1, .max_bytes = 20000 };

	free_many(b);
	zs_pool_tend(b->pool, &plan);
	check_leftovers(b);
}

static void test_tending(void **state)
{
	(void)state;
	in_all_worlds(gather);
}

/* A thread has no stash there, and what it frees is no less clear. */
static void test_stash(void **state)
{
	static struct bench b;

	(void)state;
	bench_create(&b, &worlds[0], false);
	assert_ptr_not_equal(b.pool->stashes, zs_no_stashes);
	free_object(&b, 8);
	assert_int_equal(b.pool->stashes[zs_host_thread()]->nr, 1);
	bench_destroy(&b);
	bench_create(&b, &worlds[0], true);
	assert_ptr_equal(b.pool->stashes, zs_no_stashes);
	free_object(&b, 8);
	check_leftovers(&b);
	bench_destroy(&b);
}

static void map_and_unmap(struct bench *b, unsigned int i, enum zs_map_mode mode)
{
	void *mem;

	assert_int_equal(zs_pool_map(b->pool, b->handles[i], mode, &mem), 0);
	if (mode == ZS_MAP_WO)
		memset(mem, 1 + (int)(i % 100), size_of(i));
	assert_int_equal(zs_pool_unmap(b->pool, b->handles[i]), 0);
}

/* Copies of mapped objects: the buffer that a class keeps. */
static void test_buffers(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2 * NR_OF(worlds); i++) {
		static struct bench b;

		if (worlds[i / 2].contiguous)
			continue;
		bench_create(&b, &worlds[i / 2], i & 1);
		for (unsigned int object = 0; object < NR_OBJECTS; object++)
			map_and_unmap(&b, object, (enum zs_map_mode)(object / 6 % 3));
		check_leftovers(&b);
		bench_destroy(&b);
	}
}

/* The window in which a thread sees an object that spans pages, as in a kernel: the next one sees it too. */
static void test_window(void **state)
{
	(void)state;
	for (unsigned int clears = 0; clears < 2; clears++) {
		static struct bench b;
		unsigned long nr_left = 0;
		void *mem;

		bench_create(&b, &worlds[1], clears);
		zs_sim.has_windows = true;
		for (unsigned int i = 0; i < NR_OBJECTS; i++) {
			bool is_copied;

			assert_int_equal(zs_pool_map(b.pool, b.handles[i], ZS_MAP_RW, &mem), 0);
			is_copied = zs_host_window_opened(b.pool->memory.source) != NULL;
			assert_int_equal(zs_pool_unmap(b.pool, b.handles[i]), 0);
			nr_left += is_copied ? leftovers_in(mem, size_of(i)) : 0;
		}
		assert_int_equal(nr_left == 0, clears);
		bench_destroy(&b);
	}
}

static unsigned long leftovers_in_host_page(void *page)
{
	unsigned char *at = zs_host_page_open(page);
	unsigned long nr = leftovers_in(at, 1u << zs_sim.page_shift);

	zs_host_page_close(at);
	return nr;
}

/* A page that the system wants elsewhere goes back without what was in it. */
static void test_migration(void **state)
{
	(void)state;
	for (unsigned int clears = 0; clears < 2; clears++) {
		static struct bench b;
		struct zs_class *class;
		struct zs_zspage *zspage;
		void *old_page, *new_page;

		bench_create(&b, &worlds[1], clears);
		class = zs_pool_class(b.pool, zs_pool_serving_class(b.pool, size_of(2)));
		zspage = zs_zspage_index_find(&class->zspages, 0);
		old_page = zs_zspage_pages(zspage, &class->layout)[0];
		new_page = zs_host_page_get(b.pool->memory.source, 0);
		assert_non_null(new_page);
		assert_int_equal(zs_class_replace_page(class, old_page, new_page), 0);
		assert_int_equal(leftovers_in_host_page(old_page) == 0, clears);
		zs_host_page_put(b.pool->memory.source, old_page);
		bench_destroy(&b);
	}
}

/* ---- pages of zs_ops ---- */

static unsigned long nr_leftovers; /* in pages that came back */

static void *ops_alloc(void *ctx, unsigned int flags)
{
	void *page = aligned_alloc(ZS_PAGE_BYTES, ZS_PAGE_BYTES);

	(void)ctx;
	(void)flags;
	return page ? memset(page, LEFTOVERS_OPS_FRESH, ZS_PAGE_BYTES) : NULL;
}

static void ops_free(void *ctx, void *page)
{
	(void)ctx;
	nr_leftovers += leftovers_in(page, ZS_PAGE_BYTES);
	free(page);
}

/* Each page comes back clear, be it that its objects were freed or moved, or that the pool ended with them. */
static void test_pages_of_ops(void **state)
{
	const struct zs_ops ops = { .alloc = ops_alloc, .free = ops_free };

	(void)state;
	for (unsigned int clears = 0; clears < 2; clears++) {
		static struct bench b;

		nr_leftovers = 0;
		b.pool = make_pool((struct zs_pool_options){ .ops = &ops,
							     .max_object_size = 65536,
							     .flags = clears ? ZS_POOL_ZERO_ON_FREE : 0 },
				   &b.log);
		fill(&b);
		free_many(&b);
		assert_int_equal(nr_leftovers == 0, clears);
		zs_compact(b.pool);
		zs_destroy_pool(b.pool);
		assert_int_equal(nr_leftovers == 0, clears);
		assert_int_equal(b.log.nr, 0);
	}
}

/* What is refused is left as it is. */
static void test_bad_frees(void **state)
{
	static struct bench b;
	unsigned long old;
	void *mem;

	(void)state;
	bench_create(&b, &worlds[0], true);
	assert_int_equal(zs_pool_map(b.pool, b.handles[2], ZS_MAP_RO, &mem), 0);
	zs_free(b.pool, b.handles[2]);
	assert_error(&b.log, EBUSY);
	assert_int_equal(zs_pool_unmap(b.pool, b.handles[2]), 0);
	old = b.handles[8];
	free_object(&b, 8);
	b.handles[8] = make_object(b.pool, size_of(8));
	write_object(&b, 8);
	zs_free(b.pool, old);
	assert_error(&b.log, EINVAL);
	zs_free_bulk(b.pool, &old, 1);
	assert_error(&b.log, EINVAL);
	bench_destroy(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_frees),        SIM_TEST(test_bulk_frees), SIM_TEST(test_reuse),
		SIM_TEST(test_compaction),   SIM_TEST(test_tending),    SIM_TEST(test_stash),
		SIM_TEST(test_buffers),      SIM_TEST(test_window),     SIM_TEST(test_migration),
		SIM_TEST(test_pages_of_ops), SIM_TEST(test_bad_frees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
