/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A zspage: slots and pages against a model, and the bytes of slots that cross pages.
 */
#include "zspage.h"
#include "sim_unit.h"

struct bench {
	struct heap heap;
	struct zs_layout layout;
	struct zs_zspage *zspage;
	bool live[2048];
	struct rng rng;
};

static void add_pieces(struct bench *b)
{
	for (unsigned int word = 0; word < zs_zspage_words(&b->layout); word++)
		b->zspage->words[word].owners =
			zs_meta_alloc(&b->heap.meta, zs_zspage_piece_bytes(&b->layout, word), 0);
}

static void bench_create(struct bench *b, const struct world *world, uint32_t slot_bytes)
{
	enter_world(world);
	memset(b, 0, sizeof(*b));
	heap_create(&b->heap, 100);
	zs_layout_init(&b->layout, slot_bytes, world->page_shift);
	b->zspage = zs_zspage_create(&b->heap.meta, &b->layout, 0);
	assert_non_null(b->zspage);
	assert_int_equal(b->zspage->base != NULL, world->contiguous);
	assert_int_equal(zs_sim.nr_spans, world->contiguous);
	add_pieces(b);
}

static void populate(struct bench *b, uint64_t mask)
{
	unsigned int nr = (unsigned int)__builtin_popcountll(mask);
	void *pages[ZS_MAX_CHAIN];

	if (b->zspage->base)
		assert_int_equal(zs_host_span_reserve(b->heap.source, nr, 0), 0);
	else
		for (unsigned int i = 0; i < nr; i++)
			pages[i] = zs_host_page_get(b->heap.source, 0);
	zs_zspage_populate(b->zspage, &b->layout, b->heap.source, mask, pages);
}

static void depopulate(struct bench *b, uint64_t mask)
{
	unsigned int nr = (unsigned int)__builtin_popcountll(mask);
	struct zs_range ranges[3];
	void *pages[ZS_MAX_CHAIN];

	zs_zspage_depopulate(b->zspage, &b->layout, mask, pages);
	if (!b->zspage->base) {
		for (unsigned int i = 0; i < nr; i++)
			zs_host_page_put(b->heap.source, pages[i]);
		return;
	}
	assert_int_equal(b->zspage->returning, mask);
	assert_false(zs_zspage_has_room(b->zspage, &b->layout));
	for (uint64_t left = mask, some = mask; left; some = left &= ~some)
		zs_host_spans_return(b->heap.source, ranges,
				     zs_zspage_ranges(b->zspage, &b->layout, &some, ranges, NR_OF(ranges)));
	zs_host_span_unreserve(b->heap.source, nr);
	b->zspage->returning = 0;
}

static void bench_destroy(struct bench *b)
{
	b->zspage->empty = b->zspage->present;
	if (b->zspage->present)
		depopulate(b, b->zspage->present);
	assert_true(zs_zspage_is_bare(b->zspage));
	zs_zspage_destroy(&b->heap.meta, b->zspage, &b->layout);
	heap_destroy(&b->heap);
}

/* Returns the pages that became empty. The short look says that there are none only where there are none. */
static uint64_t put_slot(struct bench *b, unsigned int slot)
{
	uint64_t holes, emptied;

	holes = zs_zspage_holes_with(b->zspage, slot);
	zs_zspage_put_slot(b->zspage, slot, holes);
	emptied = zs_zspage_mark_emptied(b->zspage, &b->layout, slot);
	if (zs_zspage_keeps_pages(b->zspage, slot, holes))
		assert_int_equal(emptied, 0);
	return emptied;
}

/* ---- slots and pages against a model ---- */

static void assert_page(struct bench *b, unsigned int page)
{
	unsigned int nr_live = 0;

	for (unsigned int slot = 0; slot < b->layout.nr_slots; slot++)
		nr_live += b->live[slot] && zs_layout_slot_pages(&b->layout, slot) >> page & 1;
	assert_int_equal(b->zspage->empty >> page & 1, (b->zspage->present >> page & 1) && !nr_live);
}

static void assert_like_model(struct bench *b)
{
	unsigned int lowest_hole = b->layout.nr_slots, nr_holes = 0, nr_live = 0;

	for (unsigned int slot = b->layout.nr_slots; slot-- > 0;) {
		bool populated = !(zs_layout_slot_pages(&b->layout, slot) & ~b->zspage->present);

		assert_int_equal(zs_zspage_is_live(b->zspage, &b->layout, slot), b->live[slot]);
		assert_int_equal(zs_zspage_is_hole(b->zspage, slot), populated && !b->live[slot]);
		nr_holes += populated && !b->live[slot];
		nr_live += b->live[slot];
		if (populated && !b->live[slot])
			lowest_hole = slot;
	}
	assert_int_equal(zs_zspage_nr_holes(b->zspage, &b->layout), nr_holes);
	assert_int_equal(zs_zspage_nr_live(b->zspage, &b->layout), nr_live);
	assert_int_equal(zs_zspage_has_hole(b->zspage), lowest_hole < b->layout.nr_slots);
	if (lowest_hole < b->layout.nr_slots)
		assert_int_equal(zs_zspage_lowest_hole(b->zspage), lowest_hole);
	for (unsigned int page = 0; page < b->layout.nr_pages; page++)
		assert_page(b, page);
	assert_int_equal(zs_zspage_has_room(b->zspage, &b->layout),
			 b->zspage->present != zs_page_mask(0, b->layout.nr_pages - 1u));
}

static void take(struct bench *b)
{
	unsigned int expected, slot;

	if (!zs_zspage_has_hole(b->zspage))
		return;
	expected = zs_zspage_lowest_hole(b->zspage);
	slot = zs_zspage_take_slot(b->zspage, &b->layout);
	assert_int_equal(slot, expected);
	assert_false(b->live[slot]);
	b->live[slot] = true;
}

static void put(struct bench *b)
{
	unsigned int slot = rng_below(&b->rng, b->layout.nr_slots);
	uint64_t empty = b->zspage->empty;
	uint64_t emptied;

	if (!b->live[slot])
		return;
	emptied = put_slot(b, slot);
	b->live[slot] = false;
	assert_int_equal(emptied, b->zspage->empty & ~empty);
}

static void random_step(struct bench *b)
{
	uint64_t random_pages = rng_next(&b->rng) & rng_next(&b->rng) & zs_layout_all_pages(&b->layout);
	unsigned int what = rng_below(&b->rng, 10);

	if (what == 0 && random_pages & ~b->zspage->present)
		populate(b, random_pages & ~b->zspage->present);
	else if (what == 1 && random_pages & b->zspage->empty)
		depopulate(b, random_pages & b->zspage->empty);
	else if (what < 6)
		take(b);
	else
		put(b);
}

static void test_random_order(void **state)
{
	static const uint32_t sizes[] = { 32, 48, 720, 1536, 4096, 5056, 65536 };
	struct bench b;

	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++)
		for (unsigned int s = 0; s < NR_OF(sizes); s++) {
			bench_create(&b, world, sizes[s]);
			b.rng.state = sizes[s] + world->page_shift;
			for (unsigned int step = 0; step < 300; step++) {
				random_step(&b);
				if (step % 8 == 0)
					assert_like_model(&b);
			}
			bench_destroy(&b);
		}
}

/* The lowest slot that lacks a page, and the pages and pieces it lacks, found by looking at every slot. */
static void assert_lack(struct bench *b)
{
	struct zs_zspage_lack lack = zs_zspage_lowest_lack(b->zspage, &b->layout, 0);
	unsigned int slot = 0;

	while (!(zs_layout_slot_pages(&b->layout, slot) & ~b->zspage->present))
		slot++;
	assert_int_equal(lack.pages, zs_layout_slot_pages(&b->layout, slot) & ~b->zspage->present);
	assert_int_equal(lack.pieces, 0);
}

static void test_lowest_lack_of_pages(void **state)
{
	struct bench b;

	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++) {
		struct rng rng = { .state = 3 };

		bench_create(&b, world, 2992);
		for (unsigned int i = 0; i < 100; i++) {
			uint64_t all = zs_layout_all_pages(&b.layout);
			uint64_t present = rng_next(&rng) & all & ~(1ull << rng_below(&rng, b.layout.nr_pages));

			if (b.zspage->present)
				depopulate(&b, b.zspage->present);
			if (present)
				populate(&b, present);
			assert_lack(&b);
		}
		bench_destroy(&b);
	}
}

/* Pages ahead are those right behind the lowest slot, and end with the zspage. */
static void test_lack_of_pages_ahead(void **state)
{
	struct bench b;

	(void)state;
	bench_create(&b, &worlds[0], 2992);
	assert_int_equal(zs_zspage_lowest_lack(NULL, &b.layout, 3).pages, 0xf);
	populate(&b, 0x13);
	assert_int_equal(zs_zspage_lowest_lack(b.zspage, &b.layout, 0).pages, 0x4);
	assert_int_equal(zs_zspage_lowest_lack(b.zspage, &b.layout, 3).pages, 0x2c);
	assert_int_equal(zs_zspage_lowest_lack(b.zspage, &b.layout, 200).pages,
			 zs_layout_all_pages(&b.layout) & ~b.zspage->present);
	bench_destroy(&b);
}

/* Every word whose slots get populated needs its piece, and no other. */
static void test_lowest_lack_of_pieces(void **state)
{
	struct zs_zspage_lack lack;
	struct bench b;

	(void)state;
	bench_create(&b, &worlds[0], 96);
	lack = zs_zspage_lowest_lack(NULL, &b.layout, 0);
	assert_int_equal(lack.pages, 1);
	assert_int_equal(lack.pieces, 1); /* slots 0 to 42 */
	zs_meta_free(&b.heap.meta, b.zspage->words[1].owners, zs_zspage_piece_bytes(&b.layout, 1));
	b.zspage->words[1].owners = NULL;
	populate(&b, 1);
	lack = zs_zspage_lowest_lack(b.zspage, &b.layout, 0);
	assert_int_equal(lack.pages, 2);
	assert_int_equal(lack.pieces, 2); /* slots 42 to 85, and the first word has its piece */
	bench_destroy(&b);
}

/* While the slots with pages are few, a short piece does; the page that brings more asks for the whole one. */
static void test_lowest_lack_of_a_short_piece(void **state)
{
	struct zs_zspage_lack lack;
	struct bench b;

	(void)state;
	bench_create(&b, &worlds[0], 272); /* 15 slots to a page, and the next begins in it */
	lack = zs_zspage_lowest_lack(NULL, &b.layout, 0);
	assert_true(lack.short_piece && !lack.pieces);
	lack = zs_zspage_lowest_lack(NULL, &b.layout, 1); /* slots 0 to 30 */
	assert_true(lack.short_piece && !lack.pieces);
	lack = zs_zspage_lowest_lack(NULL, &b.layout, 2);
	assert_true(!lack.short_piece && lack.pieces == 1);
	b.zspage->is_short = true; /* though its piece is longer */
	populate(&b, 1);
	lack = zs_zspage_lowest_lack(b.zspage, &b.layout, 0);
	assert_true(lack.pages == 2 && !lack.short_piece && !lack.pieces);
	assert_true(zs_zspage_has_owner(b.zspage, 31) && !zs_zspage_has_owner(b.zspage, 32));
	populate(&b, 2);
	lack = zs_zspage_lowest_lack(b.zspage, &b.layout, 0);
	assert_true(lack.pages == 4 && !lack.short_piece && lack.pieces == 1);
	b.zspage->is_short = false;
	bench_destroy(&b);
}

/* Frees the slots that touch a page, from the last one or from the first, and takes them again. */
static void empty_page(struct bench *b, unsigned int page, bool backwards)
{
	unsigned int first = zs_layout_first_slot(&b->layout, page);
	unsigned int nr = zs_layout_last_slot(&b->layout, page) + 1 - first;
	uint64_t emptied = 0;

	for (unsigned int i = 0; i < nr; i++) {
		assert_int_equal(b->zspage->empty >> page & 1, 0);
		emptied |= put_slot(b, backwards ? first + nr - 1 - i : first + i);
	}
	assert_int_equal(emptied >> page & 1, 1);
	assert_int_equal(b->zspage->empty, emptied);
	for (unsigned int i = 0; i < nr; i++)
		assert_int_equal(zs_zspage_take_slot(b->zspage, &b->layout), first + i);
	assert_int_equal(b->zspage->empty, 0);
}

/* Wherever a page lies among the words of holes, it is seen to be empty with its last object and not before. */
static void test_every_page_is_seen_empty(void **state)
{
	static const uint32_t sizes[] = { 32, 48, 400, 1008, 2048, 2992, 4080, 4096, 4160, 20224 };
	struct bench b;

	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++)
		for (unsigned int s = 0; s < NR_OF(sizes); s++) {
			bench_create(&b, world, sizes[s]);
			populate(&b, zs_layout_all_pages(&b.layout));
			while (zs_zspage_has_hole(b.zspage))
				zs_zspage_take_slot(b.zspage, &b.layout);
			for (unsigned int page = 0; page < b.layout.nr_pages; page++) {
				empty_page(&b, page, false);
				empty_page(&b, page, true);
			}
			bench_destroy(&b);
		}
}

/* The last slot that has its pages has no neighbour behind it that would keep them. */
static void test_last_populated_slot_keeps_nothing(void **state)
{
	static const uint32_t sizes[] = { 400, 1008, 2992, 4080 };
	struct bench b;

	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++)
		for (unsigned int s = 0; s < NR_OF(sizes); s++) {
			bench_create(&b, world, sizes[s]);
			for (unsigned int page = 0; page < b.layout.nr_pages; page++) {
				unsigned int last = 0;

				populate(&b, 1ull << page);
				while (zs_zspage_has_hole(b.zspage))
					last = zs_zspage_take_slot(b.zspage, &b.layout);
				if (!zs_zspage_is_live(b.zspage, &b.layout, last))
					continue;
				put_slot(&b, last);
				assert_int_equal(zs_zspage_take_slot(b.zspage, &b.layout), last);
			}
			bench_destroy(&b);
		}
}

static void test_live_below(void **state)
{
	struct bench b;

	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++) {
		bench_create(&b, world, 1536);
		populate(&b, zs_layout_all_pages(&b.layout));
		assert_int_equal(zs_zspage_live_below(b.zspage, &b.layout, b.layout.nr_slots), -1);
		for (unsigned int i = 0; i < 4; i++)
			take(&b);
		put_slot(&b, 2);
		assert_int_equal(zs_zspage_live_below(b.zspage, &b.layout, b.layout.nr_slots), 3);
		assert_int_equal(zs_zspage_live_below(b.zspage, &b.layout, 3), 1);
		assert_int_equal(zs_zspage_live_below(b.zspage, &b.layout, 1), 0);
		assert_int_equal(zs_zspage_live_below(b.zspage, &b.layout, 0), -1);
		bench_destroy(&b);
	}
}

/* ---- bytes ---- */

static void assert_bytes(const unsigned char *bytes, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		assert_int_equal(bytes[i], (unsigned char)(seed + i * 7));
}

static void write_slot(struct bench *b, unsigned int slot, size_t len)
{
	unsigned char *bytes = malloc(len);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (unsigned char)(slot + i * 7);
	zs_zspage_copy_in(b->zspage, &b->layout, slot, bytes, len);
	free(bytes);
}

static void assert_slot(struct bench *b, unsigned int slot, unsigned int seed, size_t len)
{
	unsigned char *copy = malloc(len);

	zs_zspage_copy_out(b->zspage, &b->layout, slot, copy, len);
	assert_bytes(copy, len, seed);
	free(copy);
}

static void fill(struct bench *b)
{
	populate(b, zs_layout_all_pages(&b->layout));
	while (zs_zspage_has_hole(b->zspage))
		write_slot(b, zs_zspage_take_slot(b->zspage, &b->layout), b->layout.slot_bytes);
}

/* Whole slots, and parts of them, hold what was written, and neighbours are left alone. */
static void test_slots_hold_bytes(void **state)
{
	static const uint32_t sizes[] = { 48, 2992, 4096, 9344, 20224 };
	struct bench b;

	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++)
		for (unsigned int s = 0; s < NR_OF(sizes); s++) {
			bench_create(&b, world, sizes[s]);
			fill(&b);
			write_slot(&b, 1, sizes[s] / 2 + 1);
			for (unsigned int slot = 0; slot < b.layout.nr_slots; slot++)
				assert_slot(&b, slot, slot, b.layout.slot_bytes);
			assert_slot(&b, 1, 1, sizes[s] - 1);
			bench_destroy(&b);
		}
}

/* An address is given exactly if the bytes lie in one piece. */
static void test_addresses(void **state)
{
	struct bench b;

	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++) {
		uint32_t page_bytes = 1u << world->page_shift;

		bench_create(&b, world, 2992);
		fill(&b);
		for (unsigned int slot = 0; slot < b.layout.nr_slots; slot++) {
			uint32_t room = page_bytes - slot * 2992 % page_bytes;
			bool whole = world->contiguous || room >= 2992;
			unsigned char *at = zs_zspage_address(b.zspage, &b.layout, slot, 2992);

			assert_int_equal(at != NULL, whole);
			if (at)
				assert_bytes(at, 2992, slot);
			if (!whole) {
				assert_null(zs_zspage_address(b.zspage, &b.layout, slot, room + 1));
				assert_bytes(zs_zspage_address(b.zspage, &b.layout, slot, room), room, slot);
			}
		}
		bench_destroy(&b);
	}
}

/* A slot that is cut by page borders is copied to one that is cut elsewhere. */
static void test_copies_between_slots(void **state)
{
	static const uint32_t sizes[] = { 64, 2992, 12160, 65536 };
	struct bench b;

	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++)
		for (unsigned int s = 0; s < NR_OF(sizes); s++) {
			unsigned int last;

			bench_create(&b, world, sizes[s]);
			fill(&b);
			last = b.layout.nr_slots - 1u;
			for (unsigned int to = 0; to < last && to < 5; to++) {
				zs_zspage_copy_slot(b.zspage, last, b.zspage, to, &b.layout);
				assert_slot(&b, to, last, sizes[s]);
			}
			for (unsigned int slot = 5; slot <= last; slot++)
				assert_slot(&b, slot, slot, sizes[s]);
			bench_destroy(&b);
		}
}

/* ---- descriptors ---- */

static void test_descriptors_fit_a_unit(void **state)
{
	struct zs_layout layout;

	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++)
		for (unsigned int index = 0; index < ZS_MAX_CLASSES; index++) {
			zs_layout_init(&layout, zs_size_class_bytes(index), world->page_shift);
			assert_true(zs_zspage_bytes(&layout, world->contiguous) <= ZS_META_UNIT);
			assert_true(zs_zspage_piece_bytes(&layout, zs_zspage_words(&layout) - 1) >= 4u);
			assert_true(zs_zspage_piece_bytes(&layout, 0) <= 256u);
		}
}

/* Whichever call fails, nothing is kept. */
static void test_create_fails_cleanly(void **state)
{
	struct zs_layout layout;
	struct heap heap;

	(void)state;
	zs_layout_init(&layout, 48, 12);
	heap_create(&heap, 3900);
	for (unsigned int nth = 1; nth <= 2; nth++) {
		zs_sim.fail_at = zs_sim.nr_fallible_calls + nth;
		assert_null(zs_zspage_create(&heap.meta, &layout, 0));
		assert_int_equal(zs_sim.nr_spans, 0);
	}
	heap_destroy(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_random_order),
		SIM_TEST(test_lowest_lack_of_pages),
		SIM_TEST(test_lack_of_pages_ahead),
		SIM_TEST(test_lowest_lack_of_pieces),
		SIM_TEST(test_lowest_lack_of_a_short_piece),
		SIM_TEST(test_every_page_is_seen_empty),
		SIM_TEST(test_last_populated_slot_keeps_nothing),
		SIM_TEST(test_live_below),
		SIM_TEST(test_slots_hold_bytes),
		SIM_TEST(test_addresses),
		SIM_TEST(test_copies_between_slots),
		SIM_TEST(test_descriptors_fit_a_unit),
		SIM_TEST(test_create_fails_cleanly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
