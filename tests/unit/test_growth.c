/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What growing needs and uses up, and what becomes of supplies that were brought for nothing.
 */
#include "class_unit.h"
#include "growth.h"

static uint32_t take(struct zs_class *class, struct zs_supplies *supplies, bool may_grow, struct zs_need *need)
{
	unsigned long handle = 0;

	memset(need, 0, sizeof(*need));
	zs_host_lock(&class->lock);
	if (zs_growth_provide(class, supplies, may_grow, need))
		handle = zs_class_take(class);
	zs_host_unlock(&class->lock);
	return zs_handle_index(handle);
}

static bool needs_nothing(const struct zs_need *need)
{
	return !need->nr_pages && !need->nr_nodes && !need->nr_pieces && !need->last_piece && !need->short_piece &&
	       !need->zspage && !need->cells;
}

/* The first attempt tells all at once, one supply serves it, and nothing is left over. */
static void test_need_is_told_and_used_up(void **state)
{
	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++) {
		struct zs_supplies supplies = { .nr_nodes = 0 };
		struct zs_need need;
		struct zs_class *class;
		struct zs_pool *pool;

		enter_world(world);
		pool = make_pool((struct zs_pool_options){ .max_object_size = 65536 }, NULL);
		class = class_of(pool, 20000);
		assert_int_equal(take(class, &supplies, true, &need), 0);
		assert_true(need.cells && need.zspage);
		assert_int_equal(need.nr_pages, (class->layout.slot_bytes - 1) / (1u << world->page_shift) + 1);
		assert_true(need.last_piece != need.short_piece);
		assert_int_equal(need.nr_pieces, 0);
		assert_int_equal(need.nr_nodes, 0);
		assert_int_equal(zs_supplies_get(&supplies, class, &need, 0), 0);
		assert_int_not_equal(take(class, &supplies, true, &need), 0);
		assert_int_equal(supplies.pages.nr + supplies.nr_pieces + supplies.nr_nodes + supplies.first_cell, 0);
		assert_null(supplies.zspage);
		assert_true(!supplies.last_piece && !supplies.short_pieces);
		zs_destroy_pool(pool);
	}
}

/* Without leave to grow, and without a hole, nothing can help. */
static void test_no_growth_needs_nothing(void **state)
{
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	struct zs_class *class = class_of(pool, 500);
	struct zs_supplies supplies = { .nr_nodes = 0 };
	struct zs_need need;

	(void)state;
	assert_int_equal(take(class, &supplies, false, &need), 0);
	assert_true(needs_nothing(&need));
	zs_destroy_pool(pool);
}

/* A hole without a cell asks for cells even if the class may not grow: cells are no pages. */
static void test_hole_without_cell_needs_cells(void **state)
{
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	struct zs_class *class = class_of(pool, 100);
	struct zs_supplies supplies = { .nr_nodes = 0 };
	struct zs_need need;

	(void)state;
	make_object(pool, class->layout.slot_bytes);
	while (class->free_cell)
		make_object(pool, class->layout.slot_bytes);
	assert_int_equal(take(class, &supplies, false, &need), 0);
	assert_true(need.cells && !need.nr_pages && !need.zspage);
	assert_int_equal(zs_supplies_get(&supplies, class, &need, 0), 0);
	assert_int_not_equal(take(class, &supplies, false, &need), 0);
	zs_destroy_pool(pool);
}

/* A hole that kept the cell of its last object needs none. */
static void test_hole_with_cell_needs_nothing(void **state)
{
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	struct zs_class *class = class_of(pool, 100);
	struct zs_supplies supplies = { .nr_nodes = 0 };
	unsigned long handle;
	struct zs_need need;

	(void)state;
	do
		handle = make_object(pool, class->layout.slot_bytes);
	while (class->free_cell);
	zs_free(pool, handle);
	assert_int_equal(class->free_cell, 0);
	assert_int_not_equal(take(class, &supplies, false, &need), 0);
	assert_true(needs_nothing(&need));
	zs_destroy_pool(pool);
}

/* Without a cell for its object no page is populated, even if pages are at hand. */
static void test_no_page_without_a_cell(void **state)
{
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	struct zs_class *class = class_of(pool, 100);
	const struct zs_need all_but_cells = { .nr_pages = 1, .nr_pieces = 1, .zspage = true };
	struct zs_supplies supplies = { .nr_nodes = 0 };
	struct zs_need need;

	(void)state;
	assert_int_equal(zs_supplies_get(&supplies, class, &all_but_cells, 0), 0);
	assert_int_equal(take(class, &supplies, true, &need), 0);
	assert_true(need.cells);
	assert_int_equal(class->nr_pages, 0);
	assert_int_equal(supplies.pages.nr, 1);
	zs_supplies_put(&supplies, class);
	zs_destroy_pool(pool);
}

/* What was brought for nothing goes back, and cells stay with the class. */
static void test_surplus_goes_back(void **state)
{
	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++) {
		struct zs_supplies supplies = { .nr_nodes = 0 };
		const struct zs_need need = { .nr_pages = 2,
					      .nr_nodes = 3,
					      .nr_pieces = 2,
					      .last_piece = true,
					      .short_piece = true,
					      .zspage = true,
					      .cells = true };
		struct zs_class *class;
		struct zs_pool *pool;

		enter_world(world);
		pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
		class = class_of(pool, 100);
		assert_int_equal(zs_supplies_get(&supplies, class, &need, 0), 0);
		assert_int_equal(zs_sim.nr_pages, 2);
		zs_supplies_put(&supplies, class);
		assert_int_equal(zs_sim.nr_pages, 0);
		assert_int_equal(zs_sim.nr_spans, 0);
		assert_int_equal(zs_get_total_pages(pool), 0);
		assert_int_not_equal(class->free_cell, 0);
		assert_int_equal(zs_pool_verify(pool), 0);
		zs_destroy_pool(pool);
	}
}

/* Cells that come back join those that the class has: none is lost, none is twice in the list. */
static void test_surplus_cells_join_the_list(void **state)
{
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	struct zs_class *class = class_of(pool, 100);
	unsigned int nr = 0;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		struct zs_supplies supplies = { .nr_nodes = 0 };
		const struct zs_need need = { .cells = true };

		assert_int_equal(zs_supplies_get(&supplies, class, &need, 0), 0);
		zs_supplies_put(&supplies, class);
	}
	for (uint32_t index = class->free_cell; index; nr++)
		index = zs_host_load32(&zs_handle_cell(class->handles, index)->place);
	assert_int_equal(nr, ZS_CHUNK_CELLS * 3 - ZS_FIRST_CELL);
	zs_destroy_pool(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_need_is_told_and_used_up),      SIM_TEST(test_no_growth_needs_nothing),
		SIM_TEST(test_hole_without_cell_needs_cells), SIM_TEST(test_hole_with_cell_needs_nothing),
		SIM_TEST(test_no_page_without_a_cell),        SIM_TEST(test_surplus_goes_back),
		SIM_TEST(test_surplus_cells_join_the_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
