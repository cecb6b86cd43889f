/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The short lock of the posix host: it excludes, it wakes, and it leaves errno alone.
 */
#include <pthread.h>
#include <sched.h>

#include "host.h"
#include "unit.h"

#define NR_THREADS 4
#define NR_ROUNDS 20000

struct shared {
	zs_lock lock;
	unsigned long counter; /* guarded by lock */
	int errno_changed;
};

static void *count(void *arg)
{
	struct shared *shared = arg;

	errno = 1234;
	for (unsigned int i = 0; i < NR_ROUNDS; i++) {
		zs_host_lock(&shared->lock);
		shared->counter++;
		if (i % 512 == 0)
			sched_yield(); /* so that others find it held, and wait in the kernel */
		zs_host_unlock(&shared->lock);
	}
	if (errno != 1234)
		__atomic_store_n(&shared->errno_changed, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void test_contended_counter(void **state)
{
	struct shared shared = { .counter = 0 };
	pthread_t threads[NR_THREADS];

	(void)state;
	zs_host_lock_init(&shared.lock);
	for (unsigned int i = 0; i < NR_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count, &shared), 0);
	for (unsigned int i = 0; i < NR_THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(shared.counter, (unsigned long)NR_THREADS * NR_ROUNDS);
	assert_int_equal(shared.errno_changed, 0);
	assert_int_equal(shared.lock.word, 0);
}

static void test_uncontended(void **state)
{
	zs_lock lock;

	(void)state;
	memset(&lock, 0xff, sizeof(lock));
	zs_host_lock_init(&lock);
	for (unsigned int i = 0; i < 3; i++) {
		zs_host_lock(&lock);
		assert_int_equal(lock.word, 1);
		zs_host_unlock(&lock);
		assert_int_equal(lock.word, 0);
	}
}

static void *wait_and_count(void *arg)
{
	struct shared *shared = arg;

	zs_host_lock(&shared->lock);
	shared->counter++;
	zs_host_unlock(&shared->lock);
	return NULL;
}

/* Threads that wait in the kernel are all woken, one after the other. */
static void test_waiters_are_woken(void **state)
{
	struct shared shared = { .counter = 0 };
	pthread_t threads[NR_THREADS];

	(void)state;
	zs_host_lock_init(&shared.lock);
	zs_host_lock(&shared.lock);
	for (unsigned int i = 0; i < NR_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, wait_and_count, &shared), 0);
	while (__atomic_load_n(&shared.lock.word, __ATOMIC_RELAXED) != 2)
		sched_yield();
	assert_int_equal(shared.counter, 0);
	zs_host_unlock(&shared.lock);
	for (unsigned int i = 0; i < NR_THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(shared.counter, NR_THREADS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contended_counter),
		cmocka_unit_test(test_uncontended),
		cmocka_unit_test(test_waiters_are_woken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
