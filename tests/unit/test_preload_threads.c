/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The management's threads: they are inside, on stacks of their own, which are used again. The linker has
 * pthread_create() and pthread_join() of this program come to the preload library's.
 */
#include <pthread.h>

#include "unit.h"

#include "inside.h"
#include "threads.h"

#define NR_AT_ONCE 8

static pthread_barrier_t all_are_there;

static void *tell_place(void *arg)
{
	*(uintptr_t *)arg = (uintptr_t)__builtin_frame_address(0);
	return zswap_inside == 1 ? arg : NULL;
}

static uintptr_t place_of_one(void)
{
	uintptr_t place = 0;
	pthread_t thread;
	void *result;

	assert_int_equal(pthread_create(&thread, NULL, tell_place, &place), 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_ptr_equal(result, &place);
	assert_int_equal(zswap_inside, 0);
	return place;
}

static void a_stack_is_used_again(void **state)
{
	uintptr_t place = place_of_one();

	(void)state;
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(place_of_one() >> 19, place >> 19);
}

static void *tell_place_when_all_are_there(void *arg)
{
	pthread_barrier_wait(&all_are_there);
	return tell_place(arg);
}

static unsigned int count_places(uintptr_t *place, unsigned int nr)
{
	unsigned int different = 0;

	for (unsigned int i = 0; i < nr; i++) {
		bool is_new = true;

		for (unsigned int k = 0; k < i; k++)
			is_new &= place[k] >> 19 != place[i] >> 19;
		different += is_new;
	}
	return different;
}

static void each_that_runs_has_one(void **state)
{
	uintptr_t place[2 * NR_AT_ONCE];
	pthread_t thread[NR_AT_ONCE];

	(void)state;
	pthread_barrier_init(&all_are_there, NULL, NR_AT_ONCE);
	for (unsigned int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < NR_AT_ONCE; i++)
			assert_int_equal(pthread_create(&thread[i], NULL, tell_place_when_all_are_there,
							&place[round * NR_AT_ONCE + i]),
					 0);
		for (unsigned int i = 0; i < NR_AT_ONCE; i++)
			assert_int_equal(pthread_join(thread[i], NULL), 0);
		assert_int_equal(count_places(place + (size_t)round * NR_AT_ONCE, NR_AT_ONCE), NR_AT_ONCE);
	}
	assert_int_equal(count_places(place, 2 * NR_AT_ONCE), NR_AT_ONCE);
	pthread_barrier_destroy(&all_are_there);
}

/* The threads are not there in a child; their stacks are. */
static void a_child_has_the_stacks(void **state)
{
	pthread_t thread;
	uintptr_t before = 0;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, tell_place, &before), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	pid = fork();
	if (!pid) {
		uintptr_t place = 0;

		zswap_threads_renew();
		if (pthread_create(&thread, NULL, tell_place, &place) || pthread_join(thread, NULL))
			_exit(1);
		_exit(place >> 19 == before >> 19 ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stack_is_used_again),
		cmocka_unit_test(each_that_runs_has_one),
		cmocka_unit_test(a_child_has_the_stacks),
	};

	return cmocka_run_group_tests_name("preload threads", tests, NULL, NULL);
}
