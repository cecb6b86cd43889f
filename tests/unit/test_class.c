/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A size class: where objects go, and how little the source is asked for.
 */
#include "class_unit.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_lowest_hole_first),
		SIM_TEST(test_middle_page_goes_and_comes),
		SIM_TEST(test_least_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
