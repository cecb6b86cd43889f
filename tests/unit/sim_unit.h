/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What unit tests of the core need: the simulated host made fresh for each test, its kinds of page sources, and a
 * metadata heap that belongs to no pool.
 */
#ifndef TESTS_SIM_UNIT_H
#define TESTS_SIM_UNIT_H

#include "memory.h"
#include "random.h"
#include "sim.h"
#include "unit.h"

static inline int sim_setup(void **state)
{
	(void)state;
	zs_sim_reset();
	return 0;
}

/* Fails the test if something was not given back. What a failed test left behind does not fail the next. */
static inline int sim_teardown(void **state)
{
	bool clean = zs_sim_is_clean();

	(void)state;
	zs_sim = (struct zs_sim){ .page_shift = 12 };
	return clean ? 0 : -1;
}

#define SIM_TEST(function) cmocka_unit_test_setup_teardown(function, sim_setup, sim_teardown)

/* The kinds of page sources that the simulated host has. */
struct world {
	unsigned int page_shift;
	bool contiguous;
};

static const struct world worlds[] = {
	{ .page_shift = 12, .contiguous = true },  { .page_shift = 12, .contiguous = false },
	{ .page_shift = 14, .contiguous = false }, { .page_shift = 14, .contiguous = true },
	{ .page_shift = 16, .contiguous = true },  { .page_shift = 16, .contiguous = false },
};

static inline void enter_world(const struct world *world)
{
	zs_sim_reset();
	zs_sim.page_shift = world->page_shift;
	zs_sim.contiguous = world->contiguous;
}

static inline void enter_scattered_world(void)
{
	enter_world(&worlds[1]);
}

/* ---- a heap without a pool ---- */

struct heap {
	struct zs_source *source;
	struct zs_footprint footprint;
	struct zs_meta meta;
	void *unit;
};

static inline void heap_create(struct heap *heap, size_t used_bytes)
{
	memset(heap, 0, sizeof(*heap));
	assert_int_equal(zs_host_source_create(NULL, &heap->source), 0);
	heap->footprint.limit_blocks = ~0ul;
	heap->footprint.source = heap->source;
	heap->unit = zs_host_meta_get(heap->source, 0);
	assert_non_null(heap->unit);
	assert_true(zs_footprint_charge(&heap->footprint, 1));
	zs_meta_init(&heap->meta, heap->source, &heap->footprint, heap->unit, used_bytes);
}

static inline void heap_destroy(struct heap *heap)
{
	zs_meta_release(&heap->meta);
	zs_host_meta_put(heap->source, heap->unit);
	assert_int_equal(zs_footprint_blocks(&heap->footprint), 1);
	zs_host_source_destroy(heap->source);
}

#endif
