/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The record of blocks that came, and the walks that follow it.
 */
#include "unit.h"

#include "random.h"
#include "replay.h"

/* So that no two places of its table are the same here. */
#define MANY (1u << 20)

static struct zswap_replay replay;

static void begin(uint32_t nr_blocks)
{
	replay = (struct zswap_replay){ .end = 0 };
	assert_int_equal(zswap_replay_create(&replay, nr_blocks), 0);
}

static void end(void)
{
	zswap_replay_destroy(&replay);
}

/* Of each block another page. */
static uint32_t page_of(uint32_t block)
{
	return block * ZSWAP_BLOCK_PAGES + block % ZSWAP_BLOCK_PAGES;
}

static void note_block(uint32_t block)
{
	zswap_replay_note(&replay, page_of(block));
}

static struct zswap_walk fault_block(uint32_t block)
{
	return zswap_replay_fault(&replay, page_of(block));
}

static bool next_block(struct zswap_walk *walk, uint32_t *block)
{
	uint32_t page = 0;
	bool is = zswap_replay_next(&replay, walk, &page);

	*block = page / ZSWAP_BLOCK_PAGES;
	if (is)
		assert_int_equal(page, page_of(*block));
	return is;
}

static void note(const uint32_t *block, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		note_block(block[i]);
}

/* A fault on this block, with which just these blocks come, and are noted. */
static void assert_comes(uint32_t block, const uint32_t *want, unsigned int nr)
{
	struct zswap_walk walk = fault_block(block);
	uint32_t got;

	assert_int_equal(walk.depth, nr);
	for (unsigned int i = 0; i < nr; i++) {
		assert_true(next_block(&walk, &got));
		assert_int_equal(got, want[i]);
		note_block(got);
	}
	zswap_replay_pause(&replay, walk);
}

static const uint32_t order[] = { 70, 3, 900, 4, 5, 41, 40, 39, 0, 12, 11, 2, 77, 78, 1, 60, 61 };

static void the_same_two_begin_a_walk(void **state)
{
	static const uint32_t last[] = { 78, 1, 60, 61, 3, 900, 4, 5 };

	(void)state;
	begin(MANY);
	note(order, NR_OF(order));
	assert_comes(3, NULL, 0); /* behind another */
	assert_comes(900, &order[3], 1);
	assert_comes(5, &order[5], 2);
	assert_comes(39, &order[8], 4);
	assert_comes(77, last, NR_OF(last)); /* and on, with what has come since */
	end();
}

static void others_in_between_end_no_walk(void **state)
{
	(void)state;
	begin(MANY);
	note(order, NR_OF(order));
	assert_comes(70, NULL, 0);
	assert_comes(3, &order[2], 1);
	assert_comes(500, NULL, 0);
	assert_comes(501, NULL, 0);
	assert_comes(4, &order[4], 2);
	end();
}

/* What a walk passes over has no fault, as it is there. */
static void a_walk_passes_over_some(void **state)
{
	(void)state;
	begin(MANY);
	note(order, NR_OF(order));
	assert_comes(70, NULL, 0);
	assert_comes(3, &order[2], 1);
	assert_comes(77, NULL, 0);      /* too far */
	assert_comes(41, &order[6], 1); /* three further */
	assert_comes(39, &order[8], 2);
	end();
}

static void walks_go_on_by_turns(void **state)
{
	static const uint32_t others[] = { 1000, 1010, 1020, 1030, 1040, 1050, 1060 };

	(void)state;
	begin(MANY);
	note(order, NR_OF(order));
	note(others, NR_OF(others));
	assert_comes(70, NULL, 0);
	assert_comes(3, &order[2], 1);
	assert_comes(1000, NULL, 0);
	assert_comes(1010, &others[2], 1);
	assert_comes(4, &order[4], 2);
	assert_comes(1030, &others[4], 2);
	assert_comes(40, &order[7], 4);
	end();
}

/* The walk that went on longest ago is given up for a new one. */
static void so_many_walks_wait(void **state)
{
	uint32_t got;

	(void)state;
	begin(MANY);
	for (uint32_t i = 0; i < 40; i++)
		note_block(i);
	for (uint32_t i = 0; i < ZSWAP_NR_WALKS + 1; i++) {
		note_block(i * 10);
		assert_comes(i * 10 + 1, (uint32_t[]){ i * 10 + 2 }, 1);
	}
	for (uint32_t i = 1; i < ZSWAP_NR_WALKS + 1; i++) {
		struct zswap_walk walk = fault_block(i * 10 + 3);

		assert_int_equal(walk.depth, 2);
		assert_true(next_block(&walk, &got));
		assert_int_equal(got, i * 10 + 4);
		zswap_replay_pause(&replay, walk);
	}
	assert_int_equal(fault_block(3).depth, 0);
	end();
}

static void a_walk_brings_so_many_at_most(void **state)
{
	struct zswap_walk walk;
	uint32_t got = 0;

	(void)state;
	begin(MANY);
	for (uint32_t i = 0; i < 100; i++)
		note_block(i);
	note_block(0);
	for (uint32_t next = 1; next < 64; next = got + 1) {
		walk = fault_block(next);
		assert_in_range(walk.depth, 1, 8);
		for (unsigned int i = 0; i < walk.depth; i++)
			assert_true(next_block(&walk, &got));
		zswap_replay_pause(&replay, walk);
	}
	assert_int_equal(walk.depth, 8);
	end();
}

static void a_walk_ends_with_the_record(void **state)
{
	struct zswap_walk walk;
	uint32_t got;

	(void)state;
	begin(MANY);
	note(order, 3);
	note_block(70);
	walk = fault_block(3);
	assert_int_equal(walk.depth, 1);
	for (unsigned int i = 0; i < 3; i++)
		assert_true(next_block(&walk, &got)); /* 900, and what has just come */
	assert_int_equal(got, 3);
	assert_false(next_block(&walk, &got));
	end();
}

static void who_comes_again_at_once_is_there_once(void **state)
{
	(void)state;
	begin(MANY);
	assert_comes(0, NULL, 0);
	assert_comes(0, NULL, 0);
	assert_comes(0, NULL, 0);
	note_block(0);
	assert_int_equal(replay.end, 1);
	assert_comes(1, NULL, 0);
	assert_comes(0, NULL, 0);
	assert_int_equal(replay.end, 3);
	end();
}

/* Nothing is believed of a record that was never written, nor of what was written over. */
static void old_ones_are_forgotten(void **state)
{
	(void)state;
	begin(256);
	assert_comes(0, NULL, 0);
	note(order, NR_OF(order));
	for (uint32_t i = 0; i < 256; i++)
		note_block(5000 + i);
	note_block(70);
	assert_int_equal(fault_block(3).depth, 0);
	end();
}

/* Its places are numbers of 32 bits, which begin again at 0 some time. */
static void places_begin_again(void **state)
{
	(void)state;
	begin(256);
	replay.end = UINT32_MAX - 5;
	note(order, NR_OF(order));
	assert_comes(70, NULL, 0);
	assert_comes(3, &order[2], 1);
	assert_comes(4, &order[4], 2);
	assert_comes(40, &order[7], 4);
	assert_int_equal(zswap_replay_bytes(&replay), 2 * 256 * sizeof(uint32_t));
	end();
}

/*
 * Of many blocks in any order: a walk begins only where the same two stood one behind the other among the last ones,
 * and goes on with what came next there.
 */
static void only_what_was_is_replayed(void **state)
{
	static uint32_t came[20000];
	struct rng rng = { 7 };
	unsigned int nr = 0, nr_walks = 0;
	uint32_t blocks[40], next;

	(void)state;
	begin(256); /* so that some have the same place in the table */
	for (unsigned int i = 0; i < NR_OF(blocks); i++)
		blocks[i] = rng_below(&rng, 1u << 24);
	while (nr < NR_OF(came)) {
		uint32_t block = blocks[rng_below(&rng, NR_OF(blocks))];
		struct zswap_walk walk = fault_block(block);

		if (nr && came[nr - 1] == block) {
			assert_int_equal(walk.depth, 0);
			continue;
		}
		came[nr++] = block;
		if (!walk.depth)
			continue;
		assert_int_equal(walk.depth, 1);
		assert_true(nr - walk.place <= 256);
		assert_int_equal(came[walk.place - 1], block);
		assert_int_equal(came[walk.place - 2], came[nr - 2]);
		if (next_block(&walk, &next))
			assert_int_equal(next, came[walk.place - 1]);
		nr_walks++;
	}
	assert_true(nr_walks > 1000);
	end();
}

/* Of blocks that are away one in 32 is left alone; so long as those mostly have a fault soon, the others come. */
static void see_whether_it_is_right(uint64_t after)
{
	unsigned int nr_left[2] = { 0 };

	begin(MANY);
	replay.end = after;
	for (uint32_t i = 0; i < 1024; i++)
		if (zswap_replay_leaves(&replay, page_of(i), true)) {
			nr_left[0]++;
			fault_block(i);
		}
	assert_int_equal(nr_left[0], 1024 / 32);
	for (uint32_t i = 0; i < 64; i++)
		assert_false(zswap_replay_leaves(&replay, page_of(i), false));
	for (uint32_t i = 0; i < 1024; i++) {
		note_block(i);
		nr_left[1] += zswap_replay_leaves(&replay, page_of(i), true);
	}
	assert_in_range(nr_left[1], 1024 / 256, 1024 / 32); /* one at a time, until it is too late for a fault */
	for (uint32_t i = 0; i < 20000; i++) {
		note_block(i);
		zswap_replay_leaves(&replay, page_of(i), true);
	}
	for (uint32_t i = 0; i < 64; i++)
		assert_true(zswap_replay_leaves(&replay, page_of(i), false));
	/* A fault later than that tells nothing; one in the same block in time does. */
	for (uint32_t i = 0; i < 200000; i++) {
		zswap_replay_leaves(&replay, page_of(i), true);
		if (i % 32 == 31)
			fault_block(replay.left_alone ? (replay.left_alone - 1) / ZSWAP_BLOCK_PAGES : 1);
	}
	assert_false(zswap_replay_leaves(&replay, page_of(1), false));
	end();
}

static void it_sees_whether_it_is_right(void **state)
{
	(void)state;
	see_whether_it_is_right(0);
	see_whether_it_is_right(UINT64_C(1) << 32);
}

static void its_memory_is_counted_as_it_comes(void **state)
{
	(void)state;
	begin(100000);
	assert_int_equal(zswap_replay_bytes(&replay), 0);
	note_block(1);
	assert_int_equal(zswap_replay_bytes(&replay), 2 * 4096);
	for (uint32_t i = 0; i < 300000; i++)
		note_block(i);
	assert_int_equal(zswap_replay_bytes(&replay), 2 * 131072 * sizeof(uint32_t));
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_two_begin_a_walk),
		cmocka_unit_test(others_in_between_end_no_walk),
		cmocka_unit_test(a_walk_passes_over_some),
		cmocka_unit_test(walks_go_on_by_turns),
		cmocka_unit_test(so_many_walks_wait),
		cmocka_unit_test(a_walk_brings_so_many_at_most),
		cmocka_unit_test(a_walk_ends_with_the_record),
		cmocka_unit_test(who_comes_again_at_once_is_there_once),
		cmocka_unit_test(old_ones_are_forgotten),
		cmocka_unit_test(places_begin_again),
		cmocka_unit_test(only_what_was_is_replayed),
		cmocka_unit_test(it_sees_whether_it_is_right),
		cmocka_unit_test(its_memory_is_counted_as_it_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
