/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The lock that many share or one has alone.
 */
#include <pthread.h>

#include "unit.h"

#include "share_lock.h"

static void it_is_shared_or_alone(void **state)
{
	struct zs_share_lock lock = { 0 };

	(void)state;
	assert_true(zs_share_try(&lock, lock.word, false));
	assert_true(zs_share_try(&lock, lock.word, false));
	assert_false(zs_share_try(&lock, lock.word, true));
	lock.word |= ZS_SHARE_WAITED; /* one waits to have it alone: nobody shares it any more */
	assert_false(zs_share_try(&lock, lock.word, false));
	zs_share_unlock(&lock, false);
	assert_int_equal(lock.word, ZS_SHARE_WAITED | 1);
	zs_share_unlock(&lock, false);
	assert_int_equal(lock.word, 0);
	assert_true(zs_share_try(&lock, lock.word, true));
	assert_false(zs_share_try(&lock, lock.word, true));
	assert_false(zs_share_try(&lock, lock.word, false));
	zs_share_unlock(&lock, true);
	assert_int_equal(lock.word, 0);
}

static void one_may_do_without_after_a_while(void **state)
{
	struct zs_share_lock lock = { 0 };

	(void)state;
	assert_true(zs_share_lock_within(&lock, false, 1000));
	assert_false(zs_share_lock_within(&lock, true, 1000));
	assert_int_equal(lock.word, ZS_SHARE_WAITED | 1); /* the mark stays, and whoever comes waits for it to go */
	zs_share_unlock(&lock, false);
	assert_true(zs_share_lock_within(&lock, true, 1000));
	assert_false(zs_share_lock_within(&lock, false, 1000));
	zs_share_unlock(&lock, true);
	assert_int_equal(lock.word, 0);
}

struct contest {
	struct zs_share_lock lock;
	uint64_t a, b; /* equal while somebody shares the lock */
	uint32_t torn;
};

static void *contend(void *arg)
{
	struct contest *contest = arg;

	for (unsigned int i = 0; i < 200000; i++) {
		bool alone = i % 4 == 0;

		zs_share_lock(&contest->lock, alone);
		if (alone) {
			contest->a++;
			contest->b++;
		} else if (contest->a != contest->b) {
			__atomic_fetch_add(&contest->torn, 1, __ATOMIC_RELAXED);
		}
		zs_share_unlock(&contest->lock, alone);
	}
	return NULL;
}

static void it_keeps_threads_apart(void **state)
{
	struct contest contest = { .torn = 0 };
	pthread_t threads[4];

	(void)state;
	for (unsigned int i = 0; i < NR_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, contend, &contest), 0);
	for (unsigned int i = 0; i < NR_OF(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(contest.torn, 0);
	assert_int_equal(contest.a, NR_OF(threads) * 50000);
	assert_int_equal(contest.a, contest.b);
	assert_int_equal(contest.lock.word, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_shared_or_alone),
		cmocka_unit_test(one_may_do_without_after_a_while),
		cmocka_unit_test(it_keeps_threads_apart),
	};

	return cmocka_run_group_tests_name("share_lock", tests, NULL, NULL);
}
