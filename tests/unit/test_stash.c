/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Stashes: what is freed is used again by the same thread, a bad handle is still caught, and whoever else wants what is
 * stashed gets it.
 */
#include "compact.h"
#include "object.h"
#include "sim_unit.h"
#include "stashes.h"
#include "stats.h"
#include "tend.h"
#include "verify.h"

#define NR_OBJECTS 400u
#define SIZE 1296u /* the highest of its group: it serves its size whatever the pool's size is */
#define OTHER_SIZE 2320u
#define LARGE_SIZE 5120u

static const struct zs_tend_plan idle = { .loose_share = 1u << ZS_TEND_SHARE_SHIFT };

struct bench {
	struct error_log log;
	struct zs_pool *pool;
	unsigned long handles[NR_OBJECTS]; /* 0: freed */
};

static struct zs_class *class_of(const struct bench *b, size_t size)
{
	return zs_pool_class(b->pool, zs_pool_serving_class(b->pool, size));
}

static struct zs_stash *stash_of(const struct bench *b)
{
	return b->pool->stashes[zs_host_thread()];
}

static void create_pool(struct bench *b, const struct world *world, uint64_t stash_bytes, uint64_t limit_bytes)
{
	struct zs_pool_config config = {
		.name = "stash",
		.max_object_size = 65536,
		.is_tended = true,
		.stash_bytes = stash_bytes,
		.limit_bytes = limit_bytes,
		.on_error = error_log_note,
		.ctx = &b->log,
	};

	memset(b, 0, sizeof(*b));
	enter_world(world);
	zs_sim_be_thread(0);
	assert_int_equal(zs_host_source_create(NULL, &config.source), 0);
	assert_int_equal(zs_pool_create(&config, &b->pool), 0);
}

static void fill(struct bench *b)
{
	for (unsigned int i = 0; i < NR_OBJECTS; i++) {
		b->handles[i] = make_object(b->pool, SIZE);
		paint(b->pool, b->handles[i], SIZE, i);
	}
}

static void bench_create(struct bench *b)
{
	create_pool(b, &worlds[0], 1u << worlds[0].page_shift, 0);
	fill(b);
	assert_non_null(stash_of(b));
}

static void free_object(struct bench *b, unsigned int i)
{
	zs_free(b->pool, b->handles[i]);
	b->handles[i] = 0;
}

static void bench_destroy(struct bench *b)
{
	for (unsigned int i = 0; i < NR_OBJECTS; i++)
		if (b->handles[i])
			assert_painted(b->pool, b->handles[i], SIZE, i);
	assert_int_equal(b->log.nr, 0);
	assert_int_equal(zs_pool_check(b->pool), 0);
	zs_host_source_destroy(zs_pool_destroy(b->pool));
	zs_sim_be_thread(0);
}

/* The thread's next object of that class has the slot and the cell, at the next generation. */
static void test_is_used_again(void **state)
{
	static struct bench b;
	unsigned long old, new;

	(void)state;
	bench_create(&b);
	old = b.handles[5];
	free_object(&b, 5);
	assert_int_equal(class_of(&b, SIZE)->nr_live, NR_OBJECTS);
	assert_int_equal(stash_of(&b)->nr, 1);
	make_object(b.pool, OTHER_SIZE);
	assert_int_equal(stash_of(&b)->nr, 1);
	new = make_object(b.pool, SIZE);
	assert_int_equal(zs_handle_index(new), zs_handle_index(old));
	assert_int_not_equal(new, old);
	assert_int_equal(stash_of(&b)->nr, 0);
	paint(b.pool, new, SIZE, 5);
	b.handles[5] = new;
	bench_destroy(&b);
}

/* At once, and also when the slot was given to another object. */
static void test_bad_handles_are_caught(void **state)
{
	static struct bench b;
	unsigned long old;

	(void)state;
	bench_create(&b);
	old = b.handles[5];
	free_object(&b, 5);
	for (unsigned int i = 0; i < 2; i++) {
		zs_free(b.pool, old);
		assert_error(&b.log, EINVAL);
		assert_null(zs_map_object(b.pool, old, ZS_MM_RO));
		assert_error(&b.log, EINVAL);
		zs_free_bulk(b.pool, &old, 1);
		assert_error(&b.log, EINVAL);
		assert_int_equal(stash_of(&b)->nr, i ? 0 : 1);
		b.handles[5] = i ? b.handles[5] : make_object(b.pool, SIZE);
	}
	paint(b.pool, b.handles[5], SIZE, 5);
	bench_destroy(&b);
}

/* It stays mapped, and is not stashed. */
static void test_mapped_objects_stay(void **state)
{
	static struct bench b;

	(void)state;
	bench_create(&b);
	assert_non_null(zs_map_object(b.pool, b.handles[5], ZS_MM_RO));
	zs_free(b.pool, b.handles[5]);
	assert_error(&b.log, EBUSY);
	assert_int_equal(stash_of(&b)->nr, 0);
	zs_unmap_object(b.pool, b.handles[5]);
	bench_destroy(&b);
}

/* What does not fit becomes a hole, and so does what is freed in bulk, or is too large for any shelf. */
static void test_is_bounded(void **state)
{
	static struct bench b;
	unsigned long large;

	(void)state;
	bench_create(&b);
	for (unsigned int i = 0; i < 10; i++)
		free_object(&b, 3 * i);
	assert_int_equal(stash_of(&b)->nr, ZS_STASH_CELLS);
	assert_int_equal(class_of(&b, SIZE)->nr_live, NR_OBJECTS - 10 + ZS_STASH_CELLS);
	large = make_object(b.pool, LARGE_SIZE);
	zs_free(b.pool, large);
	zs_stashes_clear(b.pool);
	zs_free_bulk(b.pool, &b.handles[100], 1);
	b.handles[100] = 0;
	assert_int_equal(stash_of(&b)->nr, 0);
	bench_destroy(&b);
}

/* Figures are of objects, and tell of each that was freed. */
static void test_figures_are_true(void **state)
{
	static struct bench b;
	struct zs_class_stats stats;

	(void)state;
	bench_create(&b);
	free_object(&b, 5);
	assert_int_equal(stats_of(b.pool).objects, NR_OBJECTS - 1);
	free_object(&b, 6);
	zs_pool_class_stats(b.pool, zs_pool_serving_class(b.pool, SIZE), &stats);
	assert_int_equal(stats.objects, NR_OBJECTS - 2);
	assert_int_equal(zs_pool_check(b.pool), 0);
	bench_destroy(&b);
}

/* Another thread's stash is not looked at, but before an allocation fails. */
static void test_is_had_before_failure(void **state)
{
	static struct bench b;
	unsigned long pages;

	(void)state;
	bench_create(&b);
	while (zs_malloc(b.pool, SIZE, ZS_NOGROW))
		;
	free_object(&b, 5);
	free_object(&b, 6);
	pages = zs_get_total_pages(b.pool);
	zs_sim_be_thread(2);
	for (unsigned int i = 5; i < 7; i++) {
		b.handles[i] = zs_malloc(b.pool, SIZE, ZS_NOGROW);
		assert_int_not_equal(b.handles[i], 0);
		paint(b.pool, b.handles[i], SIZE, i);
	}
	assert_int_equal(zs_malloc(b.pool, SIZE, ZS_NOGROW), 0);
	assert_int_equal(zs_get_total_pages(b.pool), pages);
	bench_destroy(&b);
}

/* The same at the pool's limit, for an object of another class: pages that only stashed slots keep go first. */
static void test_is_had_at_the_limit(void **state)
{
	static struct bench b;
	unsigned int nr = 0;
	unsigned long handle, last[3];

	(void)state;
	create_pool(&b, &worlds[0], 1u << worlds[0].page_shift, 1u << 20);
	while ((handle = zs_malloc(b.pool, 4096, 0)))
		last[nr++ % 3] = handle;
	assert_in_range(nr, 200, 256);
	for (unsigned int i = 0; i < 3; i++)
		zs_free(b.pool, last[i]);
	assert_int_equal(stash_of(&b)->nr, 3);
	assert_int_not_equal(zs_malloc(b.pool, OTHER_SIZE, 0), 0);
	assert_int_equal(stash_of(&b)->nr, 0);
	bench_destroy(&b);
}

/* Who tends the pool hears of the first, and leaves nothing. */
static void test_is_tended(void **state)
{
	static struct bench b;

	(void)state;
	bench_create(&b);
	zs_pool_tend(b.pool, &idle);
	zs_sim.nr_work_calls = 0;
	free_object(&b, 5);
	assert_int_equal(zs_sim.nr_work_calls, 1);
	free_object(&b, 7);
	assert_int_equal(zs_sim.nr_work_calls, 1);
	assert_true(zs_pool_tend(b.pool, &idle));
	assert_int_equal(class_of(&b, SIZE)->nr_live, NR_OBJECTS - 2);
	assert_false(zs_pool_tend(b.pool, &idle));
	free_object(&b, 9);
	assert_int_equal(zs_sim.nr_work_calls, 2);
	bench_destroy(&b);
}

/* Who holds one for longer than it takes is passed by, and what is in it is not forgotten. */
static void test_held_ones_are_passed_by(void **state)
{
	static struct bench b;

	(void)state;
	bench_create(&b);
	free_object(&b, 5);
	assert_true(zs_stash_hold(stash_of(&b)));
	assert_true(zs_pool_tend(b.pool, &idle));
	free_object(&b, 6);
	b.handles[6] = make_object(b.pool, SIZE);
	paint(b.pool, b.handles[6], SIZE, 6);
	assert_int_equal(stash_of(&b)->nr, 1);
	zs_stash_let_go(stash_of(&b));
	assert_true(zs_pool_tend(b.pool, &idle));
	assert_int_equal(stash_of(&b)->nr, 0);
	bench_destroy(&b);
}

/* Compaction gives back all that no object needs. */
static void test_is_compacted(void **state)
{
	static struct bench b;

	(void)state;
	bench_create(&b);
	for (unsigned int i = 0; i < NR_OBJECTS; i++)
		free_object(&b, i);
	assert_true(zs_get_total_pages(b.pool) > 0);
	zs_compact(b.pool);
	assert_int_equal(zs_get_total_pages(b.pool), 0);
	bench_destroy(&b);
}

/* A stashed slot moves as an object does, and its cell goes with it. */
static void test_moves(void **state)
{
	static struct bench b;
	struct zs_class *class;
	struct zs_cell *cell;
	uint32_t place;

	(void)state;
	bench_create(&b);
	class = class_of(&b, SIZE);
	cell = zs_handle_cell(&b.pool->handles, zs_handle_index(b.handles[NR_OBJECTS - 1]));
	place = zs_host_load32(&cell->place);
	for (unsigned int i = 0; i < ZS_STASH_CELLS; i++)
		free_object(&b, NR_OBJECTS - 1 - i);
	for (unsigned int i = 0; i < 40; i++)
		free_object(&b, 2 * i);
	assert_true(zs_class_gather(class, 1u << 20) > 0);
	assert_int_not_equal(zs_host_load32(&cell->place), place);
	assert_int_equal(zs_pool_check(b.pool), 0);
	for (unsigned int i = 0; i < ZS_STASH_CELLS; i++) {
		b.handles[2 * i] = make_object(b.pool, SIZE);
		paint(b.pool, b.handles[2 * i], SIZE, 2 * i);
	}
	assert_int_equal(stash_of(&b)->nr, 0);
	bench_destroy(&b);
}

/* A thread gets one when it makes the pool grow, if the pool is large enough for one more. */
static void test_are_as_many_as_the_pool_is_large(void **state)
{
	static struct bench b;
	unsigned int nr_made = 0;

	(void)state;
	create_pool(&b, &worlds[0], 64u << worlds[0].page_shift, 0);
	for (unsigned int number = 1; number < ZS_HOST_THREADS; number++) {
		zs_sim_be_thread(number);
		while (zs_get_total_pages(b.pool) < 63)
			make_object(b.pool, SIZE);
		assert_true(number > 1 || !stash_of(&b));
		while (zs_get_total_pages(b.pool) < 130)
			make_object(b.pool, SIZE);
		for (unsigned int i = 0; i < 10; i++)
			make_object(b.pool, 4096);
		nr_made += stash_of(&b) != NULL;
		if (zs_get_total_pages(b.pool) < 190)
			assert_true(nr_made <= 2);
	}
	assert_in_range(nr_made, 3, zs_get_total_pages(b.pool) / 64);
	bench_destroy(&b);
}

/* In a pool that has become too small for it, a stash is not used until the pool has grown again. */
static void test_is_closed_in_a_small_pool(void **state)
{
	static struct bench b;

	(void)state;
	create_pool(&b, &worlds[0], 64u << worlds[0].page_shift, 0);
	fill(&b);
	assert_non_null(stash_of(&b));
	for (unsigned int i = 10; i < NR_OBJECTS; i++)
		free_object(&b, i);
	zs_compact(b.pool);
	zs_pool_tend(b.pool, &idle);
	free_object(&b, 0);
	assert_int_equal(stash_of(&b)->nr, 0);
	assert_int_equal(class_of(&b, SIZE)->nr_live, 9);
	for (unsigned int i = 10; i < NR_OBJECTS; i++) {
		b.handles[i] = make_object(b.pool, SIZE);
		paint(b.pool, b.handles[i], SIZE, i);
	}
	zs_pool_tend(b.pool, &idle);
	free_object(&b, 1);
	assert_int_equal(stash_of(&b)->nr, 1);
	bench_destroy(&b);
}

/* Nor is there one where pages go back as soon as they are empty, or where nobody tends. */
static void test_only_arenas_have_them(void **state)
{
	static struct bench b;

	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++)
		for (unsigned int bytes = 0; bytes < 2; bytes++) {
			create_pool(&b, world, bytes ? 4096 : 0, 0);
			fill(&b);
			assert_int_equal(stash_of(&b) != NULL, bytes && world->contiguous);
			for (unsigned int i = 0; i < NR_OBJECTS; i += 3)
				free_object(&b, i);
			bench_destroy(&b);
		}
}

#define MOST_LOOSE ((ZS_HOST_THREADS - 1) * ZS_STASH_CELLS)

static zs_atomic32 *state_of(const struct bench *b, unsigned int i)
{
	return &zs_handle_cell(&b->pool->handles, zs_handle_index(b->handles[i]))->state;
}

/* Cells that are free while their slots are live are on shelves, or on their way: these cannot be many. */
static void test_is_verified(void **state)
{
	static struct bench b;

	(void)state;
	bench_create(&b);
	free_object(&b, 0);
	assert_int_equal(stash_of(&b)->nr, 1);
	for (unsigned int i = 1; i <= MOST_LOOSE; i++)
		zs_host_fetch_or32(state_of(&b, i), ZS_CELL_FREE);
	assert_int_equal(zs_pool_check(b.pool), 0);
	zs_host_fetch_or32(state_of(&b, MOST_LOOSE + 1), ZS_CELL_FREE);
	assert_int_equal(zs_pool_check(b.pool), -EIO);
	assert_error(&b.log, EIO);
	for (unsigned int i = 1; i <= MOST_LOOSE + 1; i++)
		zs_host_fetch_sub32_release(state_of(&b, i), ZS_CELL_FREE);
	bench_destroy(&b);
}

/* Without memory for a stash everything goes on. */
static void test_goes_without(void **state)
{
	static struct bench b;

	(void)state;
	create_pool(&b, &worlds[0], 1u << worlds[0].page_shift, 0);
	for (unsigned int i = 0; i < NR_OBJECTS; i++) {
		zs_sim.fail_at = i % 2 ? zs_sim.nr_fallible_calls + 2 : 0;
		b.handles[i] = zs_malloc(b.pool, SIZE, 0);
		zs_sim.fail_at = 0;
		if (b.handles[i])
			paint(b.pool, b.handles[i], SIZE, i);
	}
	bench_destroy(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_is_used_again),
		SIM_TEST(test_bad_handles_are_caught),
		SIM_TEST(test_mapped_objects_stay),
		SIM_TEST(test_is_bounded),
		SIM_TEST(test_figures_are_true),
		SIM_TEST(test_is_had_before_failure),
		SIM_TEST(test_is_had_at_the_limit),
		SIM_TEST(test_is_tended),
		SIM_TEST(test_held_ones_are_passed_by),
		SIM_TEST(test_is_compacted),
		SIM_TEST(test_moves),
		SIM_TEST(test_are_as_many_as_the_pool_is_large),
		SIM_TEST(test_is_closed_in_a_small_pool),
		SIM_TEST(test_only_arenas_have_them),
		SIM_TEST(test_is_verified),
		SIM_TEST(test_goes_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
