/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Compressed memory's engine and the memory that it manages: pages that have to stay, that are lost or cannot be given;
 * and calls that wait while all stands still.
 */
#include "zswap_unit.h"

/* ---- what the memory does ---- */

static void busy_pages_stay_for_a_while(void **state)
{
	(void)state;
	begin(0, 0);
	fill_pages(10);
	program_set_busy(&world.program, world.first + 3, true);
	program_set_busy(&world.program, world.first + 9, true);
	evict(0, 10);
	assert_int_equal(figures().busy_pages, 2);
	assert_int_equal(figures().evicted, 8);
	for (uint32_t page = 0; page < 10; page++)
		assert_int_equal(slot_of(page) == (THERE | ZSWAP_STAYS), page == 3 || page == 9);
	assert_filled(0, 10);
	/* Not even tried, but for the next time. */
	evict(3, 1);
	assert_int_equal(figures().busy_pages, 2);
	assert_int_equal(slot_of(3), THERE);
	program_set_busy(&world.program, world.first + 3, false);
	evict(3, 1);
	assert_int_equal(kind_of(3), ZSWAP_STANDBY);
	assert_page(3, HALF(3));
	end();
}

static void pages_that_are_lost_read_as_zeroes(void **state)
{
	(void)state;
	begin(0, 0);
	fill_pages(10);
	program_lose(&world.program, world.first + 4);
	program_lose(&world.program, world.first + 7);
	assert_page(7, ZERO);
	assert_true(is_there(7));
	evict(0, 10);
	assert_int_equal(figures().busy_pages, 0);
	assert_int_equal(figures().evicted, 9);
	assert_int_equal(kind_of(4), ZSWAP_EMPTY);
	for (uint32_t page = 0; page < 10; page++)
		assert_page(page, page == 4 || page == 7 ? ZERO : HALF(page));
	end();
}

static void what_cannot_be_given_back_stands_by(void **state)
{
	(void)state;
	begin(0, 0);
	for (uint32_t page = 0; page < 4; page++)
		write_page(page, page == 2 ? HALF(2) : NOISE(page));
	evict(0, 4);
	ready_fillers();
	fail_gives(-EAGAIN, 2);
	evict_fillers();
	assert_int_equal(world.program.nr_give_errs, 0);
	assert_int_equal(kind_of(0), ZSWAP_STANDBY);
	assert_int_equal(kind_of(1), ZSWAP_STANDBY);
	assert_int_equal(kind_of(2), ZSWAP_OBJECT);
	assert_int_equal(slot_of(3), THERE | ZSWAP_STAYS);
	audit();
	assert_page(1, NOISE(1));
	pack_all();
	assert_int_equal(slot_of(0), THERE | ZSWAP_STAYS);
	for (uint32_t page = 0; page < 4; page++)
		assert_page(page, page == 2 ? HALF(2) : NOISE(page));
	assert_int_equal(figures().lost_pages, 0);
	end();
}

/* Other pages are evicted, and it too when that is possible. */
static void what_stands_by_for_long_holds_up_nothing(void **state)
{
	(void)state;
	begin(0, 0);
	write_page(0, NOISE(0));
	evict(0, 1);
	for (unsigned int i = 0; i < 6; i++) {
		ready_fillers();
		fail_gives(-EAGAIN, 4);
		evict_fillers();
		assert_int_equal(kind_of(0), ZSWAP_STANDBY);
	}
	fail_gives(0, 0);
	for (uint32_t page = 100; page < 1000; page++)
		write_page(page, HALF(page));
	assert_in_range(figures().resident_pages + figures().standby_pages, 1, LIMIT_PAGES + ZSWAP_GROUP_PAGES);
	assert_int_not_equal(kind_of(0), ZSWAP_STANDBY);
	assert_page(0, NOISE(0));
	end();
}

/* Nobody waits for memory that takes nothing. */
static void advice_does_not_wait_for_what_stands_by(void **state)
{
	(void)state;
	begin(0, 0);
	for (uint32_t page = 0; page < 2; page++)
		write_page(page, NOISE(page));
	ready_fillers();
	evict(0, 1);
	evict(1, 1);
	fail_gives(-ENOMEM, 10);
	evict_fillers();
	assert_int_equal(world.program.nr_give_errs, 6);
	assert_int_equal(kind_of(0), ZSWAP_STANDBY);
	assert_int_equal(kind_of(1), ZSWAP_STANDBY);
	assert_true(is_there(NR_PAGES - 1));
	fail_gives(0, 0);
	pack_all();
	for (uint32_t page = 0; page < 2; page++)
		assert_page(page, NOISE(page));
	end();
}

/* A fault says what the memory said, and the page is where it was. */
static void faults_may_fail(void **state)
{
	static const int errs[] = { -EAGAIN, -ENOENT, -ENOMEM };

	(void)state;
	begin(0, 0);
	write_page(1, WORD(1));
	write_page(0, HALF(0));
	send_away(0, 2);
	for (unsigned int i = 0; i < NR_OF(errs); i++) {
		static const enum zswap_kind kinds[] = { ZSWAP_OBJECT, ZSWAP_FILL, ZSWAP_EMPTY };

		for (uint32_t page = 0; page < NR_OF(kinds); page++) {
			fail_gives(errs[i], 1);
			assert_int_equal(zswap_engine_fault(world.engine, world.first + page, page & 1), errs[i]);
			assert_int_equal(kind_of(page), kinds[page]);
		}
		fail_gives(errs[i], 1);
		assert_int_equal(zswap_engine_need(world.engine, world.first, 1), 0); /* which is advice */
		assert_int_equal(kind_of(0), ZSWAP_OBJECT);
		audit();
	}
	assert_page(2, ZERO);
	program_lose(&world.program, world.first + 2);
	fail_gives(-ENOMEM, 1);
	assert_int_equal(zswap_engine_fault(world.engine, world.first + 2, false), -ENOMEM);
	assert_page(0, HALF(0));
	assert_page(1, WORD(1));
	assert_page(2, ZERO);
	end();
}

/* ---- while all stands still ---- */

static bool is_waited_for(const struct zs_share_lock *lock)
{
	return __atomic_load_n(&lock->word, __ATOMIC_RELAXED) & ZS_SHARE_WAITED;
}

static void *read_first_page(void *arg)
{
	(void)arg;
	assert_page(0, ZERO);
	return NULL;
}

static void *step_once(void *arg)
{
	(void)arg;
	zswap_engine_step(world.engine);
	return NULL;
}

static void nothing_moves_while_it_is_paused(void **state)
{
	static void *(*const calls[])(void *arg) = { read_first_page, step_once };

	(void)state;
	begin(0, 0);
	for (uint32_t page = 1; page < HIGH_PAGES; page++)
		write_page(page, HALF(page));
	for (unsigned int i = 0; i < NR_OF(calls); i++) {
		uint64_t gives = world.program.nr_gives;
		pthread_t thread;

		zswap_engine_pause(world.engine);
		assert_int_equal(pthread_create(&thread, NULL, calls[i], NULL), 0);
		while (!is_waited_for(&world.engine->busy))
			usleep(100);
		assert_int_equal(world.program.nr_gives, gives);
		assert_int_equal(figures().evicted, 0);
		zswap_engine_resume(world.engine);
		pthread_join(thread, NULL);
		assert_int_equal(world.program.nr_gives, i ? gives : gives + 1);
	}
	assert_true(figures().evicted > 0);
	end();
}

static void nothing_is_given_while_it_listens(void **state)
{
	pthread_t thread;

	(void)state;
	begin(0, 0);
	write_page(1, HALF(1));
	zswap_engine_listen(world.engine);
	assert_int_equal(pthread_create(&thread, NULL, read_first_page, NULL), 0);
	while (!is_waited_for(&world.engine->traffic))
		usleep(100);
	assert_int_equal(world.program.nr_gives, 1);
	/* But what is dropped meanwhile is. */
	zswap_engine_drop(world.engine, world.first + 1, 1);
	assert_int_equal(kind_of(1), ZSWAP_EMPTY);
	zswap_engine_listened(world.engine);
	pthread_join(thread, NULL);
	assert_int_equal(world.program.nr_gives, 2);
	end();
}

static void nothing_is_taken_while_it_listens(void **state)
{
	pthread_t thread;

	(void)state;
	begin(0, 0);
	for (uint32_t page = 1; page < HIGH_PAGES; page++)
		write_page(page, HALF(page));
	zswap_engine_listen(world.engine);
	assert_int_equal(pthread_create(&thread, NULL, step_once, NULL), 0);
	while (!is_waited_for(&world.engine->traffic))
		usleep(100);
	assert_int_equal(figures().standby_pages, 0);
	zswap_engine_listened(world.engine);
	pthread_join(thread, NULL);
	assert_true(figures().standby_pages > 0);
	end();
}

/* Memory of a batch that is packed is given to the program; what cannot be moved is copied, and goes back. */
static void spare_memory_is_given(void **state)
{
	(void)state;
	begin(0, 0);
	world.program.moves_one_in = 1;
	put_away(64);
	zswap_engine_pack(world.engine);
	assert_int_equal(zswap_standby_spare_pages(&world.engine->standby), 64);
	assert_int_equal(figures().standby_pages, 64);
	assert_filled(0, 32);
	assert_int_equal(world.program.nr_moved, 32);
	audit();
	world.program.move_stops_one_in = 2;
	assert_filled(32, 64);
	assert_in_range(world.program.nr_moved, 33, 63);
	audit();
	/* A limit that is reached has it first. */
	put_away(64);
	zswap_engine_pack(world.engine);
	assert_int_equal(zswap_standby_spare_pages(&world.engine->standby), 64);
	for (uint32_t page = 100; figures().resident_pages + figures().standby_pages < LIMIT_PAGES; page++)
		write_page(page, SMALL(page));
	write_page(1000, SMALL(1000));
	assert_int_equal(zswap_standby_spare_pages(&world.engine->standby), 0);
	assert_int_equal(figures().direct_evictions, 0);
	end();
}

static void spare_memory_is_as_good_as_free(void **state)
{
	unsigned int nr_woken;

	(void)state;
	begin(0, 0);
	world.program.moves_one_in = 1;
	put_away(64);
	zswap_engine_pack(world.engine);
	nr_woken = world.nr_woken;
	for (uint32_t page = 100; zswap_taken_pages(world.engine) <= HIGH_PAGES; page++) {
		assert_int_equal(world.nr_woken, nr_woken);
		write_page(page, SMALL(page));
	}
	assert_true(zswap_resident_pages(world.engine) > HIGH_PAGES + 64);
	assert_int_equal(world.nr_woken, nr_woken + 1);
	step_all();
	assert_in_range(zswap_taken_pages(world.engine), LOW_PAGES - 63, LOW_PAGES);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(busy_pages_stay_for_a_while),
		cmocka_unit_test(pages_that_are_lost_read_as_zeroes),
		cmocka_unit_test(what_cannot_be_given_back_stands_by),
		cmocka_unit_test(what_stands_by_for_long_holds_up_nothing),
		cmocka_unit_test(advice_does_not_wait_for_what_stands_by),
		cmocka_unit_test(faults_may_fail),
		cmocka_unit_test(nothing_moves_while_it_is_paused),
		cmocka_unit_test(nothing_is_given_while_it_listens),
		cmocka_unit_test(nothing_is_taken_while_it_listens),
		cmocka_unit_test(spare_memory_is_given),
		cmocka_unit_test(spare_memory_is_as_good_as_free),
	};

	return cmocka_run_group_tests_name("zswap memory", tests, NULL, NULL);
}
