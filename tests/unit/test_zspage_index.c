/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The index of zspages against a plain array: numbers, searches by mark, nodes used, and damage found.
 */
#include "zspage_index.h"
#include "sim_unit.h"

#define MAX_ZSPAGES 2200u

struct bench {
	struct heap heap;
	struct zs_zspage_index index;
	struct zs_zspage *all[MAX_ZSPAGES]; /* by number */
	unsigned int nr;
};

static void bench_create(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	heap_create(&b->heap, 100);
}

static uint32_t lowest_unused(const struct bench *b)
{
	uint32_t number = 0;

	while (b->all[number])
		number++;
	return number;
}

/* Inserts a zspage with just the nodes that are said to be needed. */
static struct zs_zspage *insert(struct bench *b)
{
	struct zs_zspage *zspage = calloc(1, sizeof(*zspage));
	unsigned int needed = zs_zspage_index_nodes_needed(&b->index);
	uint32_t expected = lowest_unused(b);
	struct zs_index_node *spares = NULL;

	for (unsigned int i = 0; i < needed; i++) {
		struct zs_index_node *node = zs_meta_alloc(&b->heap.meta, sizeof(*node), 0);

		node->parent = spares;
		spares = node;
	}
	zspage->marks = 0xff;
	zs_zspage_index_insert(&b->index, zspage, &spares);
	assert_null(spares);
	assert_int_equal(zspage->index, expected);
	b->all[expected] = zspage;
	b->nr++;
	return zspage;
}

/* marks: a bit 1 << ZS_MARK_… for each of HOLE, ROOM and EMPTY. */
static void set_marks(struct zs_zspage *zspage, unsigned int marks)
{
	for (enum zs_mark mark = ZS_MARK_HOLE; mark < ZS_NR_MARKS; mark++)
		if (marks >> mark & 1)
			zs_zspage_index_set(zspage, mark);
		else
			zs_zspage_index_clear(zspage, mark);
}

static void drop(struct bench *b, uint32_t number)
{
	zs_zspage_index_remove(&b->index, b->all[number]);
	free(b->all[number]);
	b->all[number] = NULL;
	b->nr--;
}

static void bench_destroy(struct bench *b)
{
	for (uint32_t number = 0; number < MAX_ZSPAGES; number++)
		if (b->all[number])
			drop(b, number);
	assert_int_equal(b->index.end, 0);
	assert_int_equal(b->index.nr_zspages, 0);
	zs_zspage_index_release(&b->index, &b->heap.meta);
	heap_destroy(&b->heap);
}

static struct zs_zspage *first_marked(const struct bench *b, enum zs_mark mark)
{
	for (uint32_t number = 0; number < MAX_ZSPAGES; number++)
		if (b->all[number] && b->all[number]->marks >> mark & 1)
			return b->all[number];
	return NULL;
}

static void assert_like_array(const struct bench *b)
{
	uint32_t end = MAX_ZSPAGES;

	while (end && !b->all[end - 1])
		end--;
	assert_int_equal(b->index.end, end);
	assert_int_equal(b->index.nr_zspages, b->nr);
	assert_true(zs_zspage_index_is_sound(&b->index));
	assert_ptr_equal(zs_zspage_index_first(&b->index, ZS_MARK_HOLE), first_marked(b, ZS_MARK_HOLE));
	assert_ptr_equal(zs_zspage_index_first(&b->index, ZS_MARK_ROOM), first_marked(b, ZS_MARK_ROOM));
}

static void assert_finds_all(const struct bench *b)
{
	for (uint32_t number = 0; number < MAX_ZSPAGES; number++) {
		assert_ptr_equal(zs_zspage_index_find(&b->index, number), b->all[number]);
		if (b->all[number])
			assert_ptr_equal(zs_zspage_index_get(&b->index, number), b->all[number]);
	}
	assert_null(zs_zspage_index_find(&b->index, 1u << 25));
	assert_null(zs_zspage_index_find(&b->index, ~0u));
}

/* One zspage takes no node; more take a tree that grows taller at 1, 32 and 1024. */
static void test_grows_taller(void **state)
{
	struct bench b;

	(void)state;
	bench_create(&b);
	assert_like_array(&b);
	for (unsigned int nr = 0; nr < MAX_ZSPAGES; nr++) {
		unsigned int needed = zs_zspage_index_nodes_needed(&b.index);

		if (nr == 0)
			assert_int_equal(needed, 0);
		else if (nr == 1)
			assert_int_equal(needed, 1);
		else if (nr == 32)
			assert_int_equal(needed, 2);
		else if (nr == 1024)
			assert_int_equal(needed, 3);
		else
			assert_int_equal(needed, nr % 1024 == 0 ? 2 : nr % 32 == 0);
		insert(&b);
		if (nr < 70 || nr % 512 == 3)
			assert_finds_all(&b);
	}
	assert_like_array(&b);
	bench_destroy(&b);
}

static void test_lowest_number_is_reused(void **state)
{
	static const uint32_t gone[] = { 1500, 33, 700, 0 };
	struct bench b;

	(void)state;
	bench_create(&b);
	while (b.nr < 1600)
		insert(&b);
	for (unsigned int i = 0; i < NR_OF(gone); i++)
		drop(&b, gone[i]);
	assert_like_array(&b);
	for (unsigned int i = 0; i < NR_OF(gone); i++) {
		assert_int_equal(zs_zspage_index_nodes_needed(&b.index), 0);
		insert(&b); /* asserts its number */
	}
	assert_int_equal(insert(&b)->index, 1600);
	bench_destroy(&b);
}

/* A zspage alone at number 0 is found with no tree at all, before and after one was. */
static void test_single_zspage(void **state)
{
	struct zs_zspage *only;
	struct bench b;

	(void)state;
	bench_create(&b);
	only = insert(&b);
	assert_null(zs_zspage_index_first(&b.index, ZS_MARK_HOLE));
	set_marks(only, 1u << ZS_MARK_HOLE);
	assert_ptr_equal(zs_zspage_index_first(&b.index, ZS_MARK_HOLE), only);
	assert_null(zs_zspage_index_first(&b.index, ZS_MARK_ROOM));
	assert_null(zs_zspage_index_find(&b.index, 1));
	insert(&b);
	assert_ptr_equal(zs_zspage_index_first(&b.index, ZS_MARK_HOLE), only); /* the mark went into the new root */
	drop(&b, 0);
	assert_null(zs_zspage_index_first(&b.index, ZS_MARK_HOLE));
	assert_like_array(&b);
	bench_destroy(&b);
}

static void random_step(struct bench *b, struct rng *rng)
{
	uint32_t number = rng_below(rng, 1 + rng_below(rng, MAX_ZSPAGES));
	unsigned int what = rng_below(rng, 8);

	if (what < 2 && b->nr < MAX_ZSPAGES)
		insert(b);
	else if (what == 2 && b->all[number])
		drop(b, number);
	else if (b->all[number])
		set_marks(b->all[number], rng_below(rng, 1u << ZS_NR_MARKS));
}

static void test_random_order(void **state)
{
	struct rng rng = { .state = 11 };
	struct bench b;

	(void)state;
	bench_create(&b);
	for (unsigned int step = 0; step < 12000; step++) {
		random_step(&b, &rng);
		if (step % 32 == 0)
			assert_like_array(&b);
	}
	assert_finds_all(&b);
	bench_destroy(&b);
}

/* Each kind of mark in each level, set or cleared wrongly, is seen. */
static void test_damage_is_seen(void **state)
{
	struct zs_index_node *root, *leaf;
	struct bench b;

	(void)state;
	bench_create(&b);
	while (b.nr < 40)
		insert(&b);
	set_marks(b.all[35], 1u << ZS_MARK_HOLE | 1u << ZS_MARK_ROOM);
	root = (struct zs_index_node *)(b.index.root & ~(uintptr_t)7);
	leaf = root->children[1];
	for (enum zs_mark mark = ZS_MARK_FULL; mark < ZS_NR_MARKS; mark++)
		for (unsigned int bit = 0; bit < 32; bit++) {
			root->marks[mark] ^= 1u << bit;
			assert_false(zs_zspage_index_is_sound(&b.index));
			root->marks[mark] ^= 1u << bit;
			leaf->marks[mark] ^= 1u << bit;
			assert_false(zs_zspage_index_is_sound(&b.index));
			leaf->marks[mark] ^= 1u << bit;
		}
	assert_like_array(&b);
	bench_destroy(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_grows_taller), SIM_TEST(test_lowest_number_is_reused), SIM_TEST(test_single_zspage),
		SIM_TEST(test_random_order), SIM_TEST(test_damage_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
