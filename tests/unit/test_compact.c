/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Compaction: what it gains, what it leaves alone, and that it keeps to its budget, one object at a time.
 */
#include "compact.h"
#include "mapping.h"
#include "object.h"
#include "sim_unit.h"

#define NR_OBJECTS 600u

struct bench {
	struct zs_pool *pool;
	unsigned long handles[NR_OBJECTS]; /* 0: freed */
	uint32_t sizes[NR_OBJECTS];
	struct rng rng;
};

/* A pool of painted objects of which a random part was freed. sizes 0: of any size up to largest. */
static void bench_create(struct bench *b, const struct world *world, uint32_t size, uint32_t largest, uint32_t percent)
{
	enter_world(world);
	b->rng.state = world->page_shift + size;
	b->pool = make_pool((struct zs_pool_options){ .max_object_size = 65536 }, NULL);
	for (unsigned int i = 0; i < NR_OBJECTS; i++) {
		b->sizes[i] = size ? size : 1 + rng_below(&b->rng, largest);
		b->handles[i] = make_object(b->pool, b->sizes[i]);
		paint(b->pool, b->handles[i], b->sizes[i], i);
	}
	for (unsigned int i = 0; i < NR_OBJECTS; i++) {
		if (rng_below(&b->rng, 100) >= percent)
			continue;
		zs_free(b->pool, b->handles[i]);
		b->handles[i] = 0;
	}
}

static void assert_all_painted(struct bench *b)
{
	for (unsigned int i = 0; i < NR_OBJECTS; i++)
		if (b->handles[i])
			assert_painted(b->pool, b->handles[i], b->sizes[i], i);
}

static void bench_destroy(struct bench *b)
{
	assert_all_painted(b);
	assert_int_equal(zs_pool_verify(b->pool), 0);
	zs_destroy_pool(b->pool);
}

static struct zs_class *only_class(struct bench *b)
{
	return zs_pool_class(b->pool, zs_pool_serving_class(b->pool, b->sizes[0]));
}

static uint32_t place_of(struct zs_pool *pool, unsigned long handle)
{
	return zs_host_load32(&zs_handle_cell(&pool->handles, zs_handle_index(handle))->place);
}

/* ---- what it gains ---- */

/* Of one size, up to a page and a half a slot, the class ends with the fewest pages that hold its objects. */
static void test_reaches_the_least_pages(void **state)
{
	static const uint32_t sizes[] = { 80, 1360, 3024, 4096, 5184, 6016 };
	static struct bench b;

	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++)
		for (unsigned int s = 0; s < NR_OF(sizes); s++) {
			uint64_t before, given;

			bench_create(&b, world, sizes[s], 0, 60);
			before = zs_sim.nr_pages;
			given = zs_compact(b.pool) >> (world->page_shift - 12);
			assert_int_equal(zs_sim.nr_pages, before - given);
			assert_true(only_class(&b)->nr_pages <= zs_class_least_pages(only_class(&b)));
			bench_destroy(&b);
		}
}

/* In an arena larger objects get there too, past those whose move would not pay. */
static void test_large_objects_reach_the_least_pages(void **state)
{
	static const uint32_t sizes[] = { 6144, 14016, 20000, 50000 };
	static struct bench b;

	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++)
		for (unsigned int run = 0; world->contiguous && run < 5 * NR_OF(sizes); run++) {
			bench_create(&b, world, sizes[run / 5], 0, 50 + run % 5 * 9);
			zs_compact(b.pool);
			assert_int_equal(only_class(&b)->nr_pages, zs_class_least_pages(only_class(&b)));
			bench_destroy(&b);
		}
}

static unsigned long pages_over_the_least(struct zs_pool *pool, uint32_t size)
{
	const struct zs_class *class = zs_pool_class(pool, zs_pool_serving_class(pool, size));

	return class->nr_pages - zs_class_least_pages(class);
}

/*
 * Bounded calls get there too, but for a hundredth: a walk that begins with nothing gained goes on past an object whose
 * move would not pay. It takes many objects to tell.
 */
static void test_bounded_calls_pass_large_objects(void **state)
{
	static const uint32_t sizes[] = { 5184, 6144, 10000 };
	static unsigned long handles[2000];
	struct rng rng = { .state = 1 };

	(void)state;
	for (unsigned int run = 0; run < 4 * NR_OF(sizes); run++) {
		uint32_t size = sizes[run / 4];
		struct zs_pool *pool;

		enter_world(&worlds[0]);
		pool = make_pool((struct zs_pool_options){ .max_object_size = 65536 }, NULL);
		for (unsigned int i = 0; i < NR_OF(handles); i++)
			handles[i] = make_object(pool, size);
		for (unsigned int i = 0; i < NR_OF(handles); i++)
			if (rng_below(&rng, 100) < (run & 2 ? 30u : 60u))
				zs_free(pool, handles[i]);
		do
			zs_compact_some(pool, run & 1 ? 10 : 0, run & 1 ? 0 : 20);
		while (errno == EAGAIN);
		assert_in_range(pages_over_the_least(pool, size), 0, zs_get_total_pages(pool) / 100);
		zs_destroy_pool(pool);
	}
}

/* More pages than one call to the host can name, each on its own, all go back. */
static void test_many_single_pages_go(void **state)
{
	static unsigned long handles[20000];
	struct rng rng = { .state = 90 };

	(void)state;
	for (unsigned int w = 0; w < 2; w++) {
		struct zs_pool *pool;
		struct zs_class *class;

		enter_world(&worlds[w]);
		pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
		for (unsigned int i = 0; i < NR_OF(handles); i++)
			handles[i] = make_object(pool, 1296);
		for (unsigned int i = 0; i < NR_OF(handles); i++)
			if (rng_below(&rng, 10))
				zs_free(pool, handles[i]);
		zs_compact(pool);
		class = zs_pool_class(pool, zs_pool_serving_class(pool, 1296));
		assert_int_equal(class->nr_pages, zs_class_least_pages(class));
		zs_destroy_pool(pool);
	}
}

/* What happened above the place where a bounded walk stopped is seen by the next call. */
static void test_interrupted_walk_misses_nothing(void **state)
{
	static unsigned long more[NR_OBJECTS];
	static struct bench b;

	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++)
		for (unsigned int bounded = 0; bounded < 2; bounded++) {
			bench_create(&b, world, 1360, 0, 60);
			zs_compact_some(b.pool, 0, 30);
			assert_int_equal(errno, EAGAIN);
			for (unsigned int i = 0; i < NR_OBJECTS; i++)
				more[i] = make_object(b.pool, 1360);
			for (unsigned int i = 0; i < NR_OBJECTS; i++)
				if (i % 4)
					zs_free(b.pool, more[i]);
			if (bounded)
				zs_compact_some(b.pool, 1000000, 0);
			else
				zs_compact(b.pool);
			assert_int_equal(zs_compact(b.pool), 0);
			assert_int_equal(only_class(&b)->nr_pages, zs_class_least_pages(only_class(&b)));
			bench_destroy(&b);
		}
}

/* Buffers that were kept for the next map go, too. */
static void test_kept_buffers_go(void **state)
{
	static struct bench b;

	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++) {
		bench_create(&b, world, 0, 65536, 0);
		for (unsigned int i = 0; i < NR_OBJECTS; i++) {
			assert_non_null(zs_map_object(b.pool, b.handles[i], ZS_MM_RO));
			zs_unmap_object(b.pool, b.handles[i]);
		}
		zs_compact(b.pool);
		for (unsigned int id = 0; id < b.pool->nr_classes; id++)
			assert_true(!zs_pool_class(b.pool, id) || !zs_pool_class(b.pool, id)->spare_buffer);
		bench_destroy(&b);
	}
}

/* Of all sizes, a second call gains nothing more, and no empty page is kept. */
static void test_second_call_gains_nothing(void **state)
{
	static struct bench b;

	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++)
		for (uint32_t percent = 10; percent < 100; percent += 20) {
			uint64_t moved;

			bench_create(&b, world, 0, 12000, percent);
			zs_compact(b.pool);
			moved = stats_of(b.pool).objects_moved;
			assert_int_equal(zs_host_load_long(&b.pool->memory.nr_empty), 0);
			assert_int_equal(zs_compact(b.pool), 0);
			assert_int_equal(stats_of(b.pool).objects_moved, moved);
			bench_destroy(&b);
		}
}

/* It never asks a page source for anything, and moves each object once at most. */
static void test_asks_for_nothing(void **state)
{
	static struct bench b;

	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++) {
		uint64_t calls;

		if (world->contiguous)
			continue; /* their pages in hand are promises of the host, and may be borrowed */
		bench_create(&b, world, 0, 20000, 60);
		calls = zs_sim.nr_fallible_calls;
		assert_true(zs_compact(b.pool) > 0);
		assert_int_equal(zs_sim.nr_fallible_calls, calls);
		assert_true(stats_of(b.pool).objects_moved <= stats_of(b.pool).objects);
		bench_destroy(&b);
	}
}

static void test_counts_what_it_did(void **state)
{
	static struct bench b;
	unsigned long given;

	(void)state;
	bench_create(&b, &worlds[1], 3008, 0, 60);
	assert_int_equal(stats_of(b.pool).pages_compacted, 0);
	given = zs_compact(b.pool);
	assert_true(given > 0);
	assert_int_equal(stats_of(b.pool).pages_compacted, given);
	assert_true(stats_of(b.pool).objects_moved > 0);
	/* Some were made while the pool was small, in slots of up to three classes more. */
	assert_in_range(stats_of(b.pool).bytes_moved, 3008 * stats_of(b.pool).objects_moved,
			(3008 + 48) * stats_of(b.pool).objects_moved);
	bench_destroy(&b);
}

/* A move within a zspage is one, too. */
static void test_counts_moves_within_a_zspage(void **state)
{
	unsigned long handles[40], places[40];
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	unsigned int nr_moved = 0;

	(void)state;
	for (unsigned int i = 0; i < NR_OF(handles); i++) {
		handles[i] = make_object(pool, 1000);
		places[i] = place_of(pool, handles[i]);
	}
	for (unsigned int i = 0; i < NR_OF(handles); i += 2)
		zs_free(pool, handles[i]);
	zs_compact(pool);
	for (unsigned int i = 1; i < NR_OF(handles); i += 2)
		nr_moved += place_of(pool, handles[i]) != places[i];
	assert_true(nr_moved > 0);
	assert_int_equal(stats_of(pool).objects_moved, nr_moved);
	zs_destroy_pool(pool);
}

/* A pool without objects, and one without holes, give nothing and move nothing. */
static void test_nothing_to_do(void **state)
{
	static struct bench b;
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);

	(void)state;
	assert_int_equal(zs_compact(pool), 0);
	zs_destroy_pool(pool);
	bench_create(&b, &worlds[1], 3024, 0, 0);
	assert_int_equal(zs_compact(b.pool), 0);
	assert_int_equal(stats_of(b.pool).objects_moved, 0);
	bench_destroy(&b);
}

/* ---- pins ---- */

struct pin {
	const unsigned char *at;
	unsigned long handle;
	uint32_t place;
};

/* Objects that somebody reads stay where they are; once let go they move. */
static void test_pinned_objects_stay(void **state)
{
	static struct bench b;

	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++) {
		unsigned int nr = 0, nr_moved_later = 0;
		struct pin pins[NR_OBJECTS];

		bench_create(&b, world, 1360, 0, 60);
		for (unsigned int i = NR_OBJECTS / 2; i < NR_OBJECTS; i += 3) {
			if (!b.handles[i])
				continue;
			pins[nr] = (struct pin){ .handle = b.handles[i], .place = place_of(b.pool, b.handles[i]) };
			pins[nr].at = zs_map_object(b.pool, b.handles[i], ZS_MM_RO);
			nr++;
		}
		assert_true(zs_compact(b.pool) > 0);
		for (unsigned int i = 0; i < nr; i++) {
			assert_int_equal(place_of(b.pool, pins[i].handle), pins[i].place);
			assert_ptr_equal(zs_map_object(b.pool, pins[i].handle, ZS_MM_RO), pins[i].at);
			zs_unmap_object(b.pool, pins[i].handle);
		}
		assert_all_painted(&b);
		for (unsigned int i = 0; i < nr; i++)
			zs_unmap_object(b.pool, pins[i].handle);
		zs_compact(b.pool);
		for (unsigned int i = 0; i < nr; i++)
			nr_moved_later += place_of(b.pool, pins[i].handle) != pins[i].place;
		assert_true(nr_moved_later > 0);
		bench_destroy(&b);
	}
}

/* A call without bounds does not go on where a bounded one stopped: what was pinned then may be let go now. */
static void test_unbounded_call_begins_anew(void **state)
{
	static struct bench b;
	unsigned long top;
	uint32_t place;

	(void)state;
	bench_create(&b, &worlds[0], 1360, 0, 0);
	for (unsigned int i = 0; i < NR_OBJECTS; i += 3) { /* holes, but no empty page: nothing is populated */
		zs_free(b.pool, b.handles[i]);
		b.handles[i] = 0;
	}
	top = b.handles[NR_OBJECTS - 1];
	place = place_of(b.pool, top);
	assert_non_null(zs_map_object(b.pool, top, ZS_MM_RO));
	zs_compact_some(b.pool, 0, 10);
	assert_int_equal(errno, EAGAIN);
	zs_unmap_object(b.pool, top);
	zs_compact(b.pool);
	assert_int_not_equal(place_of(b.pool, top), place);
	bench_destroy(&b);
}

static void free_some(struct bench *b, unsigned int first, unsigned int nr, bool in_bulk)
{
	if (in_bulk)
		zs_free_bulk(b->pool, b->handles + first, nr);
	for (unsigned int i = first; i < first + nr; i++) {
		if (!in_bulk)
			zs_free(b->pool, b->handles[i]);
		b->handles[i] = 0;
	}
}

/* Once objects were freed, a bounded walk that is complete looks again at what was pinned when it passed. */
static void test_frees_call_for_another_walk(void **state)
{
	static struct bench b;

	(void)state;
	for (unsigned int in_bulk = 0; in_bulk < 2; in_bulk++) {
		bench_create(&b, &worlds[0], 1360, 0, 0);
		for (unsigned int i = 100; i < 300; i += 2)
			free_some(&b, i, 1, false);
		for (unsigned int i = 500; i < NR_OBJECTS; i++)
			assert_non_null(zs_map_object(b.pool, b.handles[i], ZS_MM_RO));
		zs_compact_some(b.pool, 0, 150);
		assert_int_equal(errno, EAGAIN);
		for (unsigned int i = 500; i < NR_OBJECTS; i++)
			zs_unmap_object(b.pool, b.handles[i]);
		free_some(&b, 301, 99, in_bulk);
		do
			zs_compact_some(b.pool, 0, 1000000);
		while (errno == EAGAIN);
		assert_int_equal(only_class(&b)->nr_pages, zs_class_least_pages(only_class(&b)));
		bench_destroy(&b);
	}
}

/* ---- budgets ---- */

/* With a clock that ticks once a look, a budget of k ticks moves at most k objects, and calls come to an end. */
static void test_budget_of_time(void **state)
{
	static struct bench b;
	static const uint64_t budgets[] = { 1, 2, 3, 10, 50 };

	(void)state;
	for (unsigned int w = 0; w < 2; w++)
		for (unsigned int k = 0; k < NR_OF(budgets); k++) {
			uint64_t moved = 0;
			unsigned int calls = 0;

			bench_create(&b, &worlds[w], 1360, 0, 60);
			while (zs_compact_some(b.pool, 0, budgets[k]), errno == EAGAIN && calls < 5000) {
				uint64_t now = stats_of(b.pool).objects_moved;

				assert_true(now - moved <= budgets[k]);
				moved = now;
				calls++;
			}
			assert_true(calls > 0 && calls < 5000);
			assert_true(moved > 0);
			bench_destroy(&b);
		}
}

/* Each object that moves takes a hold of a lock of its own. */
static void test_one_object_a_hold(void **state)
{
	static struct bench b;

	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++) {
		uint64_t holds, looks;
		uint64_t moved = 0;

		bench_create(&b, world, 1360, 0, 60);
		zs_sim.clock_step_ns = 1;
		do {
			holds = zs_sim.nr_lock_holds;
			looks = zs_sim.nr_clock_looks;
			zs_compact_some(b.pool, 0, 3); /* three steps */
			assert_true(zs_sim.nr_clock_looks - looks <= 4);
			looks = stats_of(b.pool).objects_moved - moved;
			moved += looks;
			assert_true(looks <= 3);
			assert_true(zs_sim.nr_lock_holds - holds >= looks);
		} while (looks);
		holds = zs_sim.nr_lock_holds;
		zs_compact(b.pool);
		assert_true(zs_sim.nr_lock_holds - holds >= stats_of(b.pool).objects_moved - moved);
		bench_destroy(&b);
	}
}

/* A target ends it soon after that many pages: those in hand at that moment come on top. */
static void test_budget_of_pages(void **state)
{
	static struct bench b;

	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++) {
		unsigned long target = 3ul << (world->page_shift - 12), given;

		bench_create(&b, world, 3008, 0, 60);
		given = zs_compact_some(b.pool, target, 0);
		assert_int_equal(errno, EAGAIN);
		assert_in_range(given, target, target + (3ul << (world->page_shift - 12)));
		given = zs_compact_some(b.pool, 1, 0); /* less than a page of the host is one */
		assert_int_equal(errno, EAGAIN);
		assert_true(given >= 1);
		zs_compact_some(b.pool, 100000, 0);
		assert_int_equal(errno, 0);
		bench_destroy(&b);
	}
}

/* What is kept empty is given back within the budget too, not all at once. */
static void test_budget_covers_empty_pages(void **state)
{
	static unsigned long handles[2000];
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);

	(void)state;
	for (unsigned int i = 0; i < NR_OF(handles); i++)
		handles[i] = make_object(pool, 4096);
	for (unsigned int i = 0; i < 12; i++)
		zs_free(pool, handles[i * 130]); /* each in another zspage */
	assert_int_equal(zs_get_total_pages(pool), 2000);
	assert_int_equal(zs_pool_slack_pages(pool), 12); /* they count as what it could give back */
	assert_true(zs_compact_some(pool, 3, 0) <= 4);
	assert_int_equal(errno, EAGAIN);
	zs_destroy_pool(pool);
}

/* Bounded calls go on from class to class, and in the end have gained what one unbounded call gains. */
static void test_bounded_calls_get_everywhere(void **state)
{
	static struct bench whole, parts;
	unsigned int calls = 0;

	(void)state;
	bench_create(&whole, &worlds[1], 0, 4096, 70);
	zs_compact(whole.pool);
	zs_destroy_pool(whole.pool);
	bench_create(&parts, &worlds[1], 0, 4096, 70);
	do {
		zs_compact_some(parts.pool, 0, 20);
		calls++;
	} while (errno == EAGAIN && calls < 10000);
	assert_int_equal(errno, 0);
	assert_true(calls > 1);
	assert_int_equal(zs_compact(parts.pool), 0);
	bench_destroy(&parts);
}

static void make_holes(struct zs_pool *pool, size_t size)
{
	unsigned long handles[200];

	for (unsigned int i = 0; i < NR_OF(handles); i++)
		handles[i] = make_object(pool, size);
	for (unsigned int i = 0; i < NR_OF(handles); i++)
		if (i % 3)
			zs_free(pool, handles[i]);
}

static unsigned long moved_of(struct zs_pool *pool, size_t size)
{
	return zs_pool_class(pool, zs_pool_serving_class(pool, size))->nr_moved;
}

/* The class in which a call stopped is the next one's first, whatever has come up elsewhere. */
static void test_goes_on_in_the_same_class(void **state)
{
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	unsigned long of_first, of_second;

	(void)state;
	make_holes(pool, 1000);
	make_holes(pool, 3000);
	do {
		zs_compact_some(pool, 0, 1);
		assert_int_equal(errno, EAGAIN);
	} while (!moved_of(pool, 3000));
	make_holes(pool, 1000);
	of_first = moved_of(pool, 1000);
	of_second = moved_of(pool, 3000);
	zs_compact_some(pool, 0, 3);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(moved_of(pool, 1000), of_first);
	assert_true(moved_of(pool, 3000) > of_second);
	zs_destroy_pool(pool);
}

/* A target is for the call, not for each class. */
static void test_target_counts_all_classes(void **state)
{
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	unsigned long given;

	(void)state;
	for (unsigned int i = 0; i < 8; i++)
		make_holes(pool, 500 + i * 400);
	assert_true(zs_pool_slack_pages(pool) > 400);
	given = zs_compact_some(pool, 300, 0);
	assert_in_range(given, 300, 303);
	assert_int_equal(errno, EAGAIN);
	zs_destroy_pool(pool);
}

/* Calls too short to look at every class get everywhere too, since each goes on where the last one stopped. */
static void test_short_calls_get_everywhere(void **state)
{
	static struct bench b;

	(void)state;
	bench_create(&b, &worlds[1], 0, 4096, 70);
	for (unsigned int calls = 0; calls < 100; calls++)
		zs_compact_some(b.pool, 0, 40);
	assert_int_equal(zs_compact(b.pool), 0);
	bench_destroy(&b);
}

/* However often a walk is interrupted, its class ends with the fewest pages: it keeps what it needs to go on. */
static void test_interrupted_walks_reach_the_least_pages(void **state)
{
	static const uint32_t sizes[] = { 1104, 1360, 1680, 3024, 6144, 20000 };
	static struct bench b;

	(void)state;
	for (unsigned int run = 0; run < 3 * NR_OF(sizes); run++) {
		unsigned int calls = 0;

		assert_true(worlds[0].contiguous);
		bench_create(&b, &worlds[0], sizes[run / 3], 0, 40 + run % 3 * 17);
		while (zs_compact_some(b.pool, 0, 7), errno == EAGAIN && calls < 10000)
			calls++;
		assert_int_equal(errno, 0);
		assert_int_equal(only_class(&b)->nr_pages, zs_class_least_pages(only_class(&b)));
		bench_destroy(&b);
	}
}

/* Calls too short to find in all classes that there is nothing to gain end nevertheless, after a round. */
static void test_rounds_end_without_gain(void **state)
{
	static struct bench b;
	unsigned int calls = 0;

	(void)state;
	bench_create(&b, &worlds[0], 0, 4096, 50);
	for (unsigned int i = 0; i < NR_OBJECTS; i++)
		assert_true(!b.handles[i] || zs_map_object(b.pool, b.handles[i], ZS_MM_RO));
	while (zs_compact_some(b.pool, 0, 20), errno == EAGAIN && calls < 10000)
		calls++;
	assert_int_equal(errno, 0);
	assert_true(calls > 1);
	for (unsigned int i = 0; i < NR_OBJECTS; i++)
		if (b.handles[i])
			zs_unmap_object(b.pool, b.handles[i]);
	bench_destroy(&b);
}

/*
 * However short calls are, they come to an end, also where classes hold pages that no move pays for: each class is
 * looked through so many times, not again and again.
 */
static void test_short_calls_end(void **state)
{
	static unsigned long handles[20000];
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	struct rng rng = { .state = 1 };
	unsigned int calls = 0;

	(void)state;
	for (unsigned int i = 0; i < NR_OF(handles); i++)
		handles[i] = make_object(pool, 1 + rng_below(&rng, 4096));
	for (unsigned int i = 0; i < NR_OF(handles); i++)
		if (rng_below(&rng, 100) < 60)
			zs_free(pool, handles[i]);
	do
		zs_compact_some(pool, 0, 10);
	while (errno == EAGAIN && ++calls < NR_OF(handles));
	assert_int_equal(errno, 0);
	assert_in_range(zs_compact(pool), 0, zs_get_total_pages(pool) / 1000);
	zs_destroy_pool(pool);
}

/* Also where each object needs pages to be fetched first, and a call is no longer than that. */
static void test_shortest_calls_go_on(void **state)
{
	static unsigned long handles[4000];
	struct zs_pool *pool;
	struct zs_class *class;
	unsigned int calls = 0;

	(void)state;
	enter_world(&worlds[0]);
	pool = make_pool((struct zs_pool_options){ .size = 0 }, NULL);
	for (unsigned int i = 0; i < NR_OF(handles); i++)
		handles[i] = make_object(pool, 3088);
	for (unsigned int i = 0; i < NR_OF(handles); i++)
		if (i % 4 >= 2)
			zs_free(pool, handles[i]);
	while (zs_compact_some(pool, 0, 1), errno == EAGAIN && calls < 50000)
		calls++;
	assert_int_equal(errno, 0);
	class = zs_pool_class(pool, zs_pool_serving_class(pool, 3088));
	assert_in_range(class->nr_pages, 0, zs_class_least_pages(class) + 2);
	zs_destroy_pool(pool);
}

/* Nor does a class that keeps changing make the calls endless: its second walk is the last. */
static void test_rounds_end_beside_changes(void **state)
{
	static struct bench b;
	unsigned int calls = 0;

	(void)state;
	bench_create(&b, &worlds[0], 1360, 0, 60);
	for (unsigned int i = 0; i < NR_OBJECTS; i++)
		assert_true(!b.handles[i] || zs_map_object(b.pool, b.handles[i], ZS_MM_RO));
	do {
		zs_compact_some(b.pool, 0, 3);
		if (errno == EAGAIN)
			zs_free(b.pool, make_object(b.pool, 1360));
	} while (errno == EAGAIN && ++calls < 20000);
	assert_in_range(calls, 1, 19999);
	for (unsigned int i = 0; i < NR_OBJECTS; i++)
		if (b.handles[i])
			zs_unmap_object(b.pool, b.handles[i]);
	bench_destroy(&b);
}

/* A number of pages that is asked for has gone back when the call returns, also where no page was empty before. */
static void test_target_has_gone_back(void **state)
{
	static struct bench b;
	uint64_t before;

	(void)state;
	bench_create(&b, &worlds[0], 1360, 0, 0);
	for (unsigned int i = 0; i < NR_OBJECTS; i += 3)
		free_some(&b, i, 1, false);
	assert_int_equal(zs_host_load_long(&b.pool->memory.nr_empty), 0);
	before = zs_sim.nr_pages;
	assert_in_range(zs_compact_some(b.pool, 3, 0), 3, 6);
	assert_in_range(before - zs_sim.nr_pages, 3, 6);
	bench_destroy(&b);
}

/* A budget that would pass the end of time is no bound. */
static void test_endless_budget(void **state)
{
	static struct bench b;

	(void)state;
	bench_create(&b, &worlds[0], 1360, 0, 60);
	assert_true(zs_compact_some(b.pool, ~0ul, UINT64_MAX) > 0);
	assert_int_equal(errno, 0);
	bench_destroy(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_reaches_the_least_pages),
		SIM_TEST(test_large_objects_reach_the_least_pages),
		SIM_TEST(test_bounded_calls_pass_large_objects),
		SIM_TEST(test_many_single_pages_go),
		SIM_TEST(test_interrupted_walk_misses_nothing),
		SIM_TEST(test_kept_buffers_go),
		SIM_TEST(test_second_call_gains_nothing),
		SIM_TEST(test_asks_for_nothing),
		SIM_TEST(test_counts_what_it_did),
		SIM_TEST(test_counts_moves_within_a_zspage),
		SIM_TEST(test_nothing_to_do),
		SIM_TEST(test_pinned_objects_stay),
		SIM_TEST(test_unbounded_call_begins_anew),
		SIM_TEST(test_frees_call_for_another_walk),
		SIM_TEST(test_budget_of_time),
		SIM_TEST(test_one_object_a_hold),
		SIM_TEST(test_budget_of_pages),
		SIM_TEST(test_budget_covers_empty_pages),
		SIM_TEST(test_bounded_calls_get_everywhere),
		SIM_TEST(test_goes_on_in_the_same_class),
		SIM_TEST(test_target_counts_all_classes),
		SIM_TEST(test_short_calls_get_everywhere),
		SIM_TEST(test_interrupted_walks_reach_the_least_pages),
		SIM_TEST(test_rounds_end_without_gain),
		SIM_TEST(test_short_calls_end),
		SIM_TEST(test_shortest_calls_go_on),
		SIM_TEST(test_rounds_end_beside_changes),
		SIM_TEST(test_target_has_gone_back),
		SIM_TEST(test_endless_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
