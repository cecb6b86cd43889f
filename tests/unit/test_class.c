/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A size class: what growing needs and uses up, what goes back, and how little the source is asked for.
 */
#include "class.h"
#include "object.h"
#include "sim_unit.h"

/* The class of a size that is the top of its group, so that it serves the size whether the pool is small or not. */
static struct zs_class *class_of(struct zs_pool *pool, size_t size)
{
	unsigned int id = zs_pool_serving_class(pool, size);
	struct zs_class *class = zs_pool_ensure_class(pool, id, 0);

	assert_non_null(class);
	assert_int_equal(class->id, id);
	return class;
}

static uint32_t take(struct zs_class *class, struct zs_supplies *supplies, bool may_grow, struct zs_need *need)
{
	unsigned long handle = 0;

	memset(need, 0, sizeof(*need));
	zs_host_lock(&class->lock);
	if (zs_class_provide(class, supplies, may_grow, need))
		handle = zs_class_take(class);
	zs_host_unlock(&class->lock);
	return zs_handle_index(handle);
}

static bool needs_nothing(const struct zs_need *need)
{
	return !need->nr_pages && !need->nr_nodes && !need->nr_pieces && !need->last_piece && !need->short_piece &&
	       !need->zspage && !need->cells;
}

/* ---- needs and supplies ---- */

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
		assert_int_equal(zs_class_supply(class, &supplies, &need, 0), 0);
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
	assert_int_equal(zs_class_supply(class, &supplies, &need, 0), 0);
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
	assert_int_equal(zs_class_supply(class, &supplies, &all_but_cells, 0), 0);
	assert_int_equal(take(class, &supplies, true, &need), 0);
	assert_true(need.cells);
	assert_int_equal(class->nr_pages, 0);
	assert_int_equal(supplies.pages.nr, 1);
	zs_class_put_supplies(class, &supplies);
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
		assert_int_equal(zs_class_supply(class, &supplies, &need, 0), 0);
		assert_int_equal(zs_sim.nr_pages, 2);
		zs_class_put_supplies(class, &supplies);
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

		assert_int_equal(zs_class_supply(class, &supplies, &need, 0), 0);
		zs_class_put_supplies(class, &supplies);
	}
	for (uint32_t index = class->free_cell; index; nr++)
		index = zs_host_load32(&zs_handle_cell(class->handles, index)->place);
	assert_int_equal(nr, ZS_CHUNK_CELLS * 3 - ZS_FIRST_CELL);
	zs_destroy_pool(pool);
}

/* ---- where objects go ---- */

/* A free slot whose pages are there comes before any new page, and the lowest comes first. */
static void test_lowest_hole_first(void **state)
{
	unsigned long handles[40], again;
	struct zs_pool *pool;
	struct zs_class *class;
	uint64_t pages;

	(void)state;
	enter_scattered_world();
	pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	class = class_of(pool, 1000);
	for (unsigned int i = 0; i < NR_OF(handles); i++)
		handles[i] = make_object(pool, class->layout.slot_bytes);
	pages = zs_sim.nr_pages;
	zs_free(pool, handles[30]);
	zs_free(pool, handles[9]);
	again = make_object(pool, class->layout.slot_bytes);
	assert_int_equal(zs_class_spot(class, zs_handle_cell(class->handles, zs_handle_index(again))).slot, 9);
	again = make_object(pool, class->layout.slot_bytes);
	assert_int_equal(zs_class_spot(class, zs_handle_cell(class->handles, zs_handle_index(again))).slot, 30);
	assert_int_equal(zs_sim.nr_pages, pages);
	zs_destroy_pool(pool);
}

/* A page in the middle that nothing touches goes back alone, and comes back before the zspage grows at its end. */
static void test_middle_page_goes_and_comes(void **state)
{
	unsigned long handles[64];
	struct zs_class *class;
	struct zs_zspage *zspage;
	struct zs_pool *pool;

	(void)state;
	enter_scattered_world();
	pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	class = class_of(pool, 4096);
	for (unsigned int i = 0; i < 10; i++)
		handles[i] = make_object(pool, 4096);
	zspage = zs_zspage_index_find(&class->zspages, 0);
	zs_free(pool, handles[4]);
	assert_int_equal(zspage->present, 0x3ef);
	assert_int_equal(zs_sim.nr_pages, 9);
	assert_int_equal(class->nr_pages, 9);
	make_object(pool, 4096);
	assert_int_equal(zspage->present, 0x3ff);
	zs_destroy_pool(pool);
}

static void test_least_pages(void **state)
{
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .max_object_size = 65536 }, NULL);
	static const size_t sizes[] = { 40, 1000, 3000, 4096, 5000, 65536 };

	(void)state;
	for (unsigned int s = 0; s < NR_OF(sizes); s++) {
		struct zs_class *class = class_of(pool, sizes[s]);
		const struct zs_layout *layout = &class->layout;

		for (class->nr_live = 0; class->nr_live < 3ul * layout->nr_slots; class->nr_live++) {
			unsigned long full = class->nr_live / layout->nr_slots * layout->nr_pages;
			unsigned long rest = class->nr_live % layout->nr_slots * layout->slot_bytes;

			assert_int_equal(zs_class_least_pages(class), full + rest / 4096 + !!(rest % 4096));
		}
		class->nr_live = 0;
	}
	zs_destroy_pool(pool);
}

/* ---- giving back ---- */

/* A contiguous pool keeps a small share of empty pages, a scattered one none. */
static void test_empty_pages_within_allowance_stay(void **state)
{
	(void)state;
	for (unsigned int w = 0; w < 2; w++) {
		unsigned long handles[400], pages;
		struct zs_pool *pool;

		enter_world(&worlds[w]);
		pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
		for (unsigned int i = 0; i < NR_OF(handles); i++)
			handles[i] = make_object(pool, 4096);
		assert_int_equal(zs_get_total_pages(pool), 400);
		for (unsigned int i = 0; i < 3; i++)
			zs_free(pool, handles[i * 70]);
		assert_int_equal(zs_get_total_pages(pool), worlds[w].contiguous ? 400 : 397);
		zs_free(pool, handles[211]);
		assert_in_range(zs_get_total_pages(pool), 396, worlds[w].contiguous ? 399 : 396);
		pages = zs_get_total_pages(pool);
		assert_int_equal(zs_pool_trim(pool, 0), pages - 396);
		assert_int_equal(zs_get_total_pages(pool), 396);
		assert_int_equal(zs_host_load_long(&pool->memory.nr_empty), 0);
		assert_int_equal(zs_sim.nr_pages, 396);
		zs_destroy_pool(pool);
	}
}

/* What is kept stays a share of what the pool holds, also when the pool shrinks. */
static void test_allowance_shrinks_with_the_pool(void **state)
{
	static unsigned long handles[6400];
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	unsigned long pages;

	(void)state;
	for (unsigned int i = 0; i < NR_OF(handles); i++)
		handles[i] = make_object(pool, i % 2 ? 4096 : 2048);
	for (unsigned int i = 0; i < NR_OF(handles); i++)
		zs_free(pool, handles[i]);
	pages = zs_get_total_pages(pool);
	assert_int_equal(stats_of(pool).objects, 0);
	assert_true(pages <= 1);
	zs_destroy_pool(pool);
}

/* Pages of several classes go back by one call, as many as were asked for. */
static void test_classes_depart_together(void **state)
{
	static unsigned long handles[2][2000];
	struct zs_pool *pool;
	uint64_t calls;

	(void)state;
	enter_world(&worlds[0]);
	assert_true(worlds[0].contiguous);
	pool = make_pool((struct zs_pool_options){ .max_object_size = 65536 }, NULL);
	for (unsigned int i = 0; i < NR_OF(handles[0]); i++)
		for (unsigned int k = 0; k < 2; k++)
			handles[k][i] = make_object(pool, 4096u << k);
	zs_pool_trim(pool, 0); /* what was populated ahead */
	calls = zs_sim.nr_return_calls;
	for (unsigned int i = 0; i < 10; i++)
		for (unsigned int k = 0; k < 2; k++)
			zs_free(pool, handles[k][i * 150]);
	assert_int_equal(zs_host_load_long(&pool->memory.nr_empty), 30);
	assert_int_equal(zs_sim.nr_return_calls, calls);
	assert_int_equal(zs_pool_release_some(pool, zs_size_class_index(8192, 12), 25), 25);
	assert_int_equal(zs_sim.nr_return_calls, calls + 1);
	assert_int_equal(zs_host_load_long(&pool->memory.nr_empty), 5);
	assert_int_equal(zs_pool_class(pool, zs_size_class_index(8192, 12))->nr_empty, 0);
	assert_int_equal(zs_pool_verify(pool), 0);
	assert_int_equal(zs_pool_release_some(pool, 0, 64), 5);
	assert_int_equal(zs_pool_release_some(pool, 0, 64), 0);
	assert_int_equal(zs_sim.nr_return_calls, calls + 2);
	zs_destroy_pool(pool);
}

/* What one thread does between the two halves of a free: the object dies, its page begins its way back. */
static void free_first_half(struct zs_class *class, unsigned long handle, struct zs_release *release)
{
	struct zs_cell *cell = zs_handle_cell(class->handles, zs_handle_index(handle));
	struct zs_spot spot;
	uint64_t emptied;

	zs_host_lock(&class->lock);
	spot = zs_class_spot(class, cell);
	zs_host_store32(&cell->state, ((zs_host_load32(&cell->state) + 1) & ZS_GENERATION_MASK) | ZS_CELL_FREE);
	emptied = zs_class_put_slot(class, spot);
	assert_int_not_equal(emptied, 0);
	zs_class_release_begin(class, spot.zspage, emptied, release);
	zs_host_unlock(&class->lock);
}

static void outlive_zspage(void *arg)
{
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	struct zs_class *class = class_of(pool, 4096);
	unsigned long ours = make_object(pool, 4096), theirs = make_object(pool, 4096);
	size_t bytes = zs_zspage_bytes(&class->layout, false);
	struct zs_release release;
	void *reused;

	(void)arg;
	free_first_half(class, ours, &release);
	/* Another thread frees the zspage's last object, and a third gets its descriptor's memory. */
	zs_free(pool, theirs);
	reused = zs_meta_alloc(&pool->memory.meta, bytes, 0);
	memset(reused, 0xff, bytes);
	zs_class_release_finish(class, &release, NULL, 0);
	zs_meta_free(&pool->memory.meta, reused, bytes);
	zs_destroy_pool(pool);
	_exit(zs_sim_is_clean() ? 0 : 1);
}

/* The second half of giving pages back must not look at a zspage that may be gone by then. */
static void test_release_outlives_zspage(void **state)
{
	char text[512];

	(void)state;
	enter_scattered_world();
	assert_int_equal(run_child(outlive_zspage, NULL, text, sizeof(text)), 0);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_need_is_told_and_used_up),
		SIM_TEST(test_no_growth_needs_nothing),
		SIM_TEST(test_hole_without_cell_needs_cells),
		SIM_TEST(test_hole_with_cell_needs_nothing),
		SIM_TEST(test_no_page_without_a_cell),
		SIM_TEST(test_surplus_goes_back),
		SIM_TEST(test_surplus_cells_join_the_list),
		SIM_TEST(test_lowest_hole_first),
		SIM_TEST(test_middle_page_goes_and_comes),
		SIM_TEST(test_least_pages),
		SIM_TEST(test_empty_pages_within_allowance_stay),
		SIM_TEST(test_allowance_shrinks_with_the_pool),
		SIM_TEST(test_classes_depart_together),
		SIM_TEST(test_release_outlives_zspage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
