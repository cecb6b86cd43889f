/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Replacing pages under their objects: what stays, what refuses, and what a page that is used nowhere says.
 */
#include "compact.h"
#include "mapping.h"
#include "migrate.h"
#include "object.h"
#include "sim_unit.h"

#define SLOT 1040u /* objects that span pages and objects that do not, and four to a page */
#define NR_OBJECTS 40u

struct bench {
	struct error_log log;
	struct zs_pool *pool;
	struct zs_class *class;
	unsigned long handles[NR_OBJECTS];
};

static struct zs_source *source_of(const struct bench *b)
{
	return b->pool->memory.source;
}

static void fill(void *to, unsigned int id)
{
	for (unsigned int i = 0; i < SLOT; i++)
		((unsigned char *)to)[i] = (unsigned char)(id * 31 + i * 7 + i / 256);
}

static void check_contents(struct bench *b)
{
	unsigned char expected[SLOT];

	for (unsigned int i = 0; i < NR_OBJECTS; i++) {
		void *mem;

		fill(expected, i);
		assert_int_equal(zs_pool_map(b->pool, b->handles[i], ZS_MAP_RO, &mem), 0);
		assert_memory_equal(mem, expected, SLOT);
		assert_int_equal(zs_pool_unmap(b->pool, b->handles[i]), 0);
	}
}

/* Objects of one class; enough for it to have been split from its group does not matter here. */
static void bench_create(struct bench *b, const struct world *world)
{
	enter_world(world);
	b->pool = make_pool((struct zs_pool_options){ .size = 0 }, &b->log);
	for (unsigned int i = 0; i < NR_OBJECTS; i++) {
		void *mem;

		b->handles[i] = make_object(b->pool, SLOT);
		assert_int_equal(zs_pool_map(b->pool, b->handles[i], ZS_MAP_WO, &mem), 0);
		fill(mem, i);
		assert_int_equal(zs_pool_unmap(b->pool, b->handles[i]), 0);
	}
	b->class = zs_pool_class(b->pool, zs_pool_serving_class(b->pool, SLOT));
}

static void bench_destroy(struct bench *b)
{
	assert_int_equal(b->log.nr, 0);
	assert_int_equal(zs_pool_verify(b->pool), 0);
	zs_destroy_pool(b->pool);
}

static struct zs_zspage *first_zspage(const struct bench *b)
{
	return zs_zspage_index_find(&b->class->zspages, 0);
}

static void *page_at(const struct bench *b, unsigned int page)
{
	return zs_zspage_pages(first_zspage(b), &b->class->layout)[page];
}

/* The object in a slot of the first zspage. */
static unsigned long handle_in(const struct bench *b, unsigned int slot)
{
	uint32_t index = *zs_zspage_owner(first_zspage(b), slot);

	return zs_handle_make(index, zs_host_load32(&zs_handle_cell(&b->pool->handles, index)->state));
}

/* As the host does it: the new page is one of its own, and the old one goes back. */
static int replace(struct bench *b, void *old_page)
{
	void *new_page = zs_host_page_get(source_of(b), 0);
	int err;

	assert_non_null(new_page);
	err = zs_class_replace_page(b->class, old_page, new_page);
	zs_host_page_put(source_of(b), err ? new_page : old_page);
	return err;
}

static void test_objects_stay_themselves(void **state)
{
	(void)state;
	for (unsigned int w = 0; w < sizeof(worlds) / sizeof(*worlds); w++) {
		struct bench b;

		if (worlds[w].contiguous)
			continue;
		bench_create(&b, &worlds[w]);
		for (unsigned int page = 0; first_zspage(&b)->present >> page & 1; page++) {
			void *old_page = page_at(&b, page);

			assert_int_equal(replace(&b, old_page), 0);
			assert_ptr_not_equal(page_at(&b, page), old_page);
			assert_int_equal(zs_pool_verify(b.pool), 0);
		}
		check_contents(&b);
		for (unsigned int i = 0; i < NR_OBJECTS; i++)
			assert_int_equal(zs_pool_free(b.pool, b.handles[i]), 0);
		assert_int_equal(zs_pool_total_pages(b.pool), 0);
		bench_destroy(&b);
	}
}

/* One mapped object keeps each page it touches, and no other; the others in that page can be used at once. */
static void test_mapped_objects_hold_their_pages(void **state)
{
	const struct zs_layout *layout;
	struct bench b;

	(void)state;
	bench_create(&b, &worlds[1]);
	layout = &b.class->layout;
	for (unsigned int slot = 0; slot < 12; slot++) {
		unsigned long handle = handle_in(&b, slot);
		void *mem;

		assert_int_equal(zs_pool_map(b.pool, handle, ZS_MAP_RO, &mem), 0);
		for (unsigned int page = 0; page < 4; page++) {
			bool holds = zs_layout_slot_pages(layout, slot) >> page & 1;
			void *old_page = page_at(&b, page);

			assert_int_equal(replace(&b, old_page), holds ? -EAGAIN : 0);
			assert_int_equal(page_at(&b, page) == old_page, holds);
		}
		assert_int_equal(zs_pool_unmap(b.pool, handle), 0);
		check_contents(&b);
	}
	bench_destroy(&b);
}

/* A page that the class has let go, or that was replaced already, is left alone. */
static void test_pages_used_nowhere(void **state)
{
	struct bench b;
	void *gone, *spare;

	(void)state;
	bench_create(&b, &worlds[1]);
	gone = page_at(&b, 0);
	spare = zs_host_page_get(source_of(&b), 0);
	assert_int_equal(zs_class_replace_page(b.class, gone, spare), 0);
	assert_int_equal(replace(&b, gone), -EAGAIN);
	zs_host_page_put(source_of(&b), gone);
	check_contents(&b);
	bench_destroy(&b);
}

/* Pages that compaction takes along from place to place can be replaced where they are now. */
static void test_after_compaction(void **state)
{
	struct zs_budget none = { .target_pages = 0 };
	unsigned long nr_pages;
	struct bench b;

	(void)state;
	bench_create(&b, &worlds[1]);
	for (unsigned int i = 0; i < NR_OBJECTS; i++) {
		unsigned long handle = b.handles[i];

		if (i % 3 == 0)
			continue;
		assert_int_equal(zs_pool_free(b.pool, handle), 0);
		b.handles[i] = 0;
	}
	assert_int_equal(zs_pool_compact(b.pool, &none, &nr_pages), 0);
	for (unsigned int page = 0; first_zspage(&b)->present >> page & 1; page++)
		assert_int_equal(replace(&b, page_at(&b, page)), 0);
	for (unsigned int i = 0; i < NR_OBJECTS; i += 3) {
		unsigned char expected[SLOT];
		void *mem;

		fill(expected, i);
		assert_int_equal(zs_pool_map(b.pool, b.handles[i], ZS_MAP_RO, &mem), 0);
		assert_memory_equal(mem, expected, SLOT);
		assert_int_equal(zs_pool_unmap(b.pool, b.handles[i]), 0);
	}
	bench_destroy(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_objects_stay_themselves),
		SIM_TEST(test_mapped_objects_hold_their_pages),
		SIM_TEST(test_pages_used_nowhere),
		SIM_TEST(test_after_compaction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
