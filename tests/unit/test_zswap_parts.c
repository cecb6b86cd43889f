/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Parts of compressed memory's engine by themselves: slots, the table of pages, queues, and what stands by.
 */
#include "unit.h"

#include "program.h"
#include "queue.h"
#include "standby.h"
#include "table.h"

#define CHUNK ZSWAP_CHUNK_PAGES

/* ---- slots ---- */

static void slots_tell_what_they_were_made_of(void **state)
{
	const unsigned long handle = (1ul << 48) - 1;
	uint64_t slot = zswap_slot_object(handle, 4095);

	(void)state;
	assert_int_equal(zswap_slot_kind(slot), ZSWAP_OBJECT);
	assert_int_equal(zswap_slot_where(slot), handle);
	assert_int_equal(zswap_slot_bytes(slot), 4095);
	slot = zswap_slot_raw(handle);
	assert_int_equal(zswap_slot_kind(slot), ZSWAP_RAW);
	assert_int_equal(zswap_slot_where(slot), handle);
	assert_int_equal(zswap_slot_bytes(slot), 4096);
	slot = zswap_slot_fill(0xffffffffu);
	assert_int_equal(zswap_slot_kind(slot), ZSWAP_FILL);
	assert_int_equal(zswap_slot_word(slot), 0xffffffffu);
	assert_int_equal(zswap_slot_bytes(slot), 0);
	slot = zswap_slot_standby(handle);
	assert_int_equal(zswap_slot_kind(slot), ZSWAP_STANDBY);
	assert_int_equal(zswap_slot_where(slot), handle);
	slot = zswap_slot_stored(UINT32_MAX);
	assert_int_equal(zswap_slot_kind(slot), ZSWAP_STORED);
	assert_int_equal(zswap_slot_where(slot), UINT32_MAX);
	assert_int_equal(zswap_slot_bytes(slot), 0);
	assert_int_equal(zswap_slot_kind(ZSWAP_RESIDENT | ZSWAP_STAYS), ZSWAP_RESIDENT);
}

/* ---- the table ---- */

static void numbers_are_given_in_chunks(void **state)
{
	struct zswap_table table;

	(void)state;
	assert_int_equal(zswap_table_create(&table), 0);
	assert_int_equal(zswap_table_add(&table, 0), ZSWAP_NONE);
	assert_int_equal(zswap_table_add(&table, ((uint64_t)ZSWAP_NR_CHUNKS << ZSWAP_CHUNK_SHIFT) + 1), ZSWAP_NONE);
	assert_int_equal(zswap_table_add(&table, 5), 0);
	assert_int_equal(zswap_table_add(&table, CHUNK + 1), CHUNK);
	assert_int_equal(zswap_table_add(&table, CHUNK), 3 * CHUNK);
	assert_non_null(zswap_page_of(&table, 4));
	assert_null(zswap_page_of(&table, 5));
	assert_non_null(zswap_page_of(&table, 2 * CHUNK - 1));
	assert_non_null(zswap_page_of(&table, 2 * CHUNK));
	assert_null(zswap_page_of(&table, 2 * CHUNK + 1));
	assert_null(zswap_page_of(&table, 4 * CHUNK));
	/* What is given back is given out again, if it is enough. */
	zswap_table_remove(&table, CHUNK, CHUNK + 1);
	assert_null(zswap_page_of(&table, CHUNK));
	assert_null(zswap_page_of(&table, 2 * CHUNK));
	assert_non_null(zswap_page_of(&table, 3 * CHUNK));
	assert_int_equal(zswap_table_add(&table, 2 * CHUNK + 1), 4 * CHUNK);
	assert_int_equal(zswap_table_add(&table, 2 * CHUNK), CHUNK);
	zswap_table_destroy(&table);
}

static void all_numbers_may_be_out(void **state)
{
	const uint64_t most = (uint64_t)(ZSWAP_NR_CHUNKS - 1) << ZSWAP_CHUNK_SHIFT;
	struct zswap_table table;

	(void)state;
	assert_int_equal(zswap_table_create(&table), 0);
	assert_int_equal(zswap_table_add(&table, most), 0);
	assert_int_equal(zswap_table_add(&table, CHUNK + 1), ZSWAP_NONE);
	assert_int_equal(zswap_table_add(&table, 1), most);
	assert_int_equal(zswap_table_add(&table, 1), ZSWAP_NONE);
	assert_non_null(zswap_page_of(&table, (uint32_t)most - 1));
	zswap_table_remove(&table, (uint32_t)most, 1);
	assert_int_equal(zswap_table_add(&table, 2), most);
	zswap_table_destroy(&table);
}

static void groups_end_with_their_chunk(void **state)
{
	struct zswap_table table;

	(void)state;
	assert_int_equal(zswap_table_create(&table), 0);
	assert_int_equal(zswap_table_add(&table, 35), 0);
	assert_int_equal(zswap_group_rest(&table, 0), 16);
	assert_int_equal(zswap_group_rest(&table, 15), 1);
	assert_int_equal(zswap_group_rest(&table, 16), 16);
	assert_int_equal(zswap_group_rest(&table, 32), 3);
	assert_int_equal(zswap_group_rest(&table, 34), 1);
	assert_ptr_equal(zswap_lock_of(&table, 16), zswap_lock_of(&table, 31));
	assert_ptr_equal(zswap_lock_of(&table, 32), zswap_lock_of(&table, 31) + 1);
	zswap_table_destroy(&table);
}

static void memory_is_counted_when_it_is_used(void **state)
{
	struct zswap_table table;
	uint64_t block;

	(void)state;
	assert_int_equal(zswap_table_create(&table), 0);
	assert_int_equal(zswap_table_add(&table, CHUNK + 300), 0);
	assert_int_equal(table.used_bytes, 0);
	assert_false(zswap_table_is_used(&table, 0));
	zswap_table_note_use(&table, 0);
	block = table.used_bytes;
	assert_in_range(block, 256 * 18, 256 * 18 + 100);
	zswap_table_note_use(&table, 255);
	assert_int_equal(table.used_bytes, block);
	assert_true(zswap_table_is_used(&table, 255));
	assert_false(zswap_table_is_used(&table, 256));
	zswap_table_note_use(&table, 256);
	zswap_table_note_use(&table, CHUNK - 1);
	zswap_table_note_use(&table, CHUNK + 299);
	assert_int_equal(table.used_bytes, 4 * block);
	assert_int_equal(zswap_table_add(&table, 1), 2 * CHUNK);
	zswap_table_note_use(&table, 2 * CHUNK);
	zswap_table_remove(&table, 0, CHUNK + 300);
	assert_int_equal(table.used_bytes, block);
	zswap_table_remove(&table, 2 * CHUNK, 1);
	assert_int_equal(table.used_bytes, 0);
	zswap_table_destroy(&table);
}

/* ---- queues ---- */

static struct zswap_table table_of_queue;

static void assert_pops(struct zswap_queue *queue, const uint32_t *pages, unsigned int nr)
{
	uint32_t got[8];

	assert_int_equal(zswap_queue_length(queue), nr);
	assert_int_equal(zswap_queue_pop(queue, &table_of_queue, got, 8), nr);
	for (unsigned int i = 0; i < nr; i++)
		assert_int_equal(got[i], pages[i]);
	assert_int_equal(zswap_queue_length(queue), 0);
	assert_int_equal(zswap_queue_pop(queue, &table_of_queue, got, 8), 0);
}

static void add(struct zswap_queue *queue, uint32_t page, enum zswap_end end)
{
	zswap_queue_add(queue, &table_of_queue, page, end);
}

static void begin_queue(void)
{
	assert_int_equal(zswap_table_create(&table_of_queue), 0);
	assert_int_equal(zswap_table_add(&table_of_queue, CHUNK + 8), 0);
}

static void the_oldest_is_popped_first(void **state)
{
	struct zswap_queue queue = { .nr = 0 };
	static const uint32_t order[] = { 7, 5, 0, CHUNK + 7, 1 };

	(void)state;
	begin_queue();
	assert_pops(&queue, NULL, 0);
	add(&queue, 5, ZSWAP_OLDEST);
	add(&queue, 0, ZSWAP_NEWEST);
	add(&queue, CHUNK + 7, ZSWAP_NEWEST);
	add(&queue, 7, ZSWAP_OLDEST);
	add(&queue, 1, ZSWAP_NEWEST);
	assert_pops(&queue, order, NR_OF(order));
	zswap_table_destroy(&table_of_queue);
}

static void any_page_can_be_removed(void **state)
{
	static const uint32_t left[3][2] = { { 1, 2 }, { 0, 2 }, { 0, 1 } };

	(void)state;
	begin_queue();
	for (uint32_t removed = 0; removed < 3; removed++) {
		struct zswap_queue queue = { .nr = 0 };

		for (uint32_t page = 0; page < 3; page++)
			add(&queue, page, ZSWAP_NEWEST);
		zswap_queue_remove(&queue, &table_of_queue, removed);
		assert_pops(&queue, left[removed], 2);
		/* What is in none is removed all the same. */
		zswap_queue_remove(&queue, &table_of_queue, removed);
		zswap_queue_remove(&queue, &table_of_queue, left[removed][0]);
		assert_pops(&queue, NULL, 0);
		add(&queue, removed, ZSWAP_OLDEST);
		zswap_queue_remove(&queue, &table_of_queue, removed);
		assert_pops(&queue, NULL, 0);
	}
	zswap_table_destroy(&table_of_queue);
}

static void so_many_are_popped_at_most(void **state)
{
	struct zswap_queue queue = { .nr = 0 };
	static const uint32_t rest[] = { 2, 0 };
	uint32_t got[2] = { 9, 9 };

	(void)state;
	begin_queue();
	for (uint32_t page = 0; page < 3; page++)
		add(&queue, page, ZSWAP_NEWEST);
	assert_int_equal(zswap_queue_pop(&queue, &table_of_queue, got, 0), 0);
	assert_int_equal(zswap_queue_pop(&queue, &table_of_queue, got, 1), 1);
	assert_int_equal(got[0], 0);
	assert_int_equal(got[1], 9);
	assert_int_equal(zswap_queue_pop(&queue, &table_of_queue, got, 1), 1);
	assert_int_equal(got[0], 1);
	add(&queue, 0, ZSWAP_NEWEST);
	assert_pops(&queue, rest, 2);
	zswap_table_destroy(&table_of_queue);
}

/* ---- standby ---- */

enum { NR_BATCHES = 3 };

static struct program program;
static struct zswap_standby standby;

/* Some places more than whole batches. */
static void begin_standby(void)
{
	program_create(&program, NR_BATCHES * ZSWAP_BATCH_PAGES + 5);
	standby = (struct zswap_standby){ .nr_pages = 0 };
	assert_int_equal(zswap_standby_create(&standby, &program.memory), 0);
}

static void end_standby(void)
{
	zswap_standby_destroy(&standby);
	program_destroy(&program);
}

/* Held, with pages that the program does not miss. */
static struct zswap_batch *hold(unsigned int nr)
{
	struct zswap_batch *batch = zswap_standby_reserve(&standby);
	int why;

	assert_non_null(batch);
	assert_int_equal(batch->nr, 0);
	assert_ptr_equal(batch->at, zswap_standby_content(&standby, batch->first));
	for (; batch->nr < nr; batch->nr++) {
		program.memory.give(&program, batch->nr, 1, NULL);
		program.memory.take(&program, batch->nr, 1, batch->at + batch->nr * ZSWAP_PAGE_BYTES, &why);
	}
	zswap_standby_hold(&standby, batch);
	return batch;
}

static void batches_have_their_turns(void **state)
{
	struct zswap_batch *first, *second, *third;

	(void)state;
	begin_standby();
	assert_null(zswap_standby_claim(&standby));
	first = hold(64);
	assert_int_equal(zswap_standby_pages(&standby), 64);
	second = hold(0);
	third = hold(3);
	assert_null(zswap_standby_reserve(&standby));
	assert_int_equal(zswap_standby_pages(&standby), 67);
	assert_int_equal(second->first, first->first + 64);
	assert_int_equal(third->first, first->first + 128);

	assert_ptr_equal(zswap_standby_claim(&standby), first);
	assert_null(zswap_standby_reserve(&standby));
	zswap_standby_release(&standby, first);
	assert_int_equal(program.nr_released, 64);
	assert_int_equal(zswap_standby_pages(&standby), 3);
	assert_ptr_equal(zswap_standby_claim(&standby), second);
	zswap_standby_release(&standby, second);
	assert_int_equal(program.nr_released, 64);
	assert_ptr_equal(hold(1), first);
	assert_ptr_equal(zswap_standby_claim(&standby), third);
	assert_ptr_equal(zswap_standby_claim(&standby), first);
	assert_null(zswap_standby_claim(&standby));
	end_standby();
}

static void what_is_being_filled_is_not_claimed(void **state)
{
	struct zswap_batch *batch;

	(void)state;
	begin_standby();
	batch = zswap_standby_reserve(&standby);
	assert_null(zswap_standby_claim(&standby));
	zswap_standby_hold(&standby, batch);
	assert_ptr_equal(zswap_standby_claim(&standby), batch);
	assert_null(zswap_standby_claim(&standby));
	end_standby();
}

static void what_is_needed_still_comes_last(void **state)
{
	struct zswap_batch *batches[NR_BATCHES];

	(void)state;
	begin_standby();
	for (unsigned int i = 0; i < NR_BATCHES; i++)
		batches[i] = hold(1);
	assert_ptr_equal(zswap_standby_claim(&standby), batches[0]);
	zswap_standby_hold_again(&standby, batches[0]);
	assert_int_equal(zswap_standby_pages(&standby), 3);
	assert_ptr_equal(zswap_standby_claim(&standby), batches[1]);
	zswap_standby_release(&standby, batches[1]);
	assert_ptr_equal(zswap_standby_claim(&standby), batches[2]);
	assert_ptr_equal(zswap_standby_claim(&standby), batches[0]);
	zswap_standby_release(&standby, batches[0]);
	assert_int_equal(zswap_standby_pages(&standby), 1);
	assert_ptr_equal(zswap_standby_reserve(&standby), batches[1]);
	assert_ptr_equal(zswap_standby_reserve(&standby), batches[0]);
	end_standby();
}

/* However often it has its turn, the others have theirs. */
static void what_is_needed_for_long_holds_up_nothing(void **state)
{
	struct zswap_batch *batches[NR_BATCHES];

	(void)state;
	begin_standby();
	for (unsigned int i = 0; i < NR_BATCHES; i++)
		batches[i] = hold(1);
	for (unsigned int i = 0; i < NR_BATCHES; i++) {
		assert_ptr_equal(zswap_standby_claim(&standby), batches[i]);
		if (i)
			zswap_standby_release(&standby, batches[i]);
		else
			zswap_standby_hold_again(&standby, batches[i]);
	}
	for (unsigned int i = 0; i < 5; i++) {
		assert_ptr_equal(zswap_standby_claim(&standby), batches[0]);
		zswap_standby_hold_again(&standby, batches[0]);
	}
	assert_ptr_equal(hold(1), batches[1]);
	assert_ptr_equal(hold(1), batches[2]);
	for (unsigned int i = 0; i < NR_BATCHES; i++)
		assert_ptr_equal(zswap_standby_claim(&standby), batches[i]);
	end_standby();
}

/* Given to pages that the program does not have. */
static void spend(struct zswap_batch *batch, unsigned int nr)
{
	static uint32_t page = 1000;

	for (unsigned int i = 0; i < nr; i++)
		assert_int_equal(program.memory.move(&program, page++, 1,
						     zswap_standby_rest(batch) + i * ZSWAP_PAGE_BYTES),
				 1);
	zswap_standby_spend(&standby, batch, nr);
}

static void spare_batches_are_spent(void **state)
{
	struct zswap_batch *first, *second;

	(void)state;
	begin_standby();
	assert_null(zswap_standby_borrow(&standby, 1));
	assert_false(zswap_standby_drop_spare(&standby));
	first = hold(64);
	second = hold(3);
	assert_ptr_equal(zswap_standby_claim(&standby), first);
	zswap_standby_spare(&standby, first);
	assert_ptr_equal(zswap_standby_claim(&standby), second);
	zswap_standby_spare(&standby, second);
	assert_int_equal(zswap_standby_pages(&standby), 67);
	assert_int_equal(zswap_standby_spare_pages(&standby), 67);
	assert_int_equal(program.nr_released, 0);

	assert_ptr_equal(zswap_standby_borrow(&standby, 60), first);
	assert_ptr_equal(zswap_standby_rest(first), first->at);
	spend(first, 60);
	assert_int_equal(zswap_standby_spare_pages(&standby), 7);
	assert_ptr_equal(zswap_standby_borrow(&standby, 4), first);
	assert_ptr_equal(zswap_standby_rest(first), first->at + 60 * ZSWAP_PAGE_BYTES);
	spend(first, 2);
	/* What is too little for the next row goes. */
	assert_ptr_equal(zswap_standby_borrow(&standby, 3), second);
	assert_int_equal(program.nr_released, 2);
	assert_int_equal(zswap_standby_pages(&standby), 3);
	spend(second, 3);
	assert_int_equal(zswap_standby_pages(&standby) + zswap_standby_spare_pages(&standby), 0);
	assert_int_equal(program.nr_released, 2);
	assert_null(zswap_standby_borrow(&standby, 1));
	end_standby();
}

static void spare_batches_are_free_when_dropped(void **state)
{
	struct zswap_batch *batches[NR_BATCHES];

	(void)state;
	begin_standby();
	for (unsigned int i = 0; i < NR_BATCHES; i++)
		batches[i] = hold(2);
	for (unsigned int i = 0; i < NR_BATCHES; i++) {
		assert_ptr_equal(zswap_standby_claim(&standby), batches[i]);
		zswap_standby_spare(&standby, batches[i]);
	}
	assert_ptr_equal(zswap_standby_borrow(&standby, 1), batches[0]);
	spend(batches[0], 1);
	assert_null(zswap_standby_reserve(&standby));
	assert_null(zswap_standby_claim(&standby));
	assert_true(zswap_standby_drop_spare(&standby));
	assert_int_equal(program.nr_released, 1);
	assert_int_equal(zswap_standby_spare_pages(&standby), 4);
	assert_ptr_equal(hold(1), batches[0]);
	assert_int_equal(zswap_standby_pages(&standby), 5);
	assert_true(zswap_standby_drop_spare(&standby));
	assert_true(zswap_standby_drop_spare(&standby));
	assert_int_equal(program.nr_released, 5);
	assert_ptr_equal(zswap_standby_reserve(&standby), batches[1]);
	assert_int_equal(batches[1]->nr + batches[1]->nr_spent, 0);
	end_standby();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_tell_what_they_were_made_of),
		cmocka_unit_test(numbers_are_given_in_chunks),
		cmocka_unit_test(all_numbers_may_be_out),
		cmocka_unit_test(groups_end_with_their_chunk),
		cmocka_unit_test(memory_is_counted_when_it_is_used),
		cmocka_unit_test(the_oldest_is_popped_first),
		cmocka_unit_test(any_page_can_be_removed),
		cmocka_unit_test(so_many_are_popped_at_most),
		cmocka_unit_test(batches_have_their_turns),
		cmocka_unit_test(what_is_being_filled_is_not_claimed),
		cmocka_unit_test(what_is_needed_still_comes_last),
		cmocka_unit_test(what_is_needed_for_long_holds_up_nothing),
		cmocka_unit_test(spare_batches_are_spent),
		cmocka_unit_test(spare_batches_are_free_when_dropped),
	};

	return cmocka_run_group_tests_name("zswap parts", tests, NULL, NULL);
}
