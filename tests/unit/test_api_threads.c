/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Pools with a thread of their own, by the rules of zsmalloc.h; and processes that fork beside that and other threads.
 */
#include <pthread.h>
#include <sys/mman.h>

#include "api_unit.h"

/* Painted objects, of each four of which three are freed. */
static void fill_and_thin_out(struct zs_pool *pool, unsigned long *handles, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		handles[i] = make_object(pool, 1000 + i % 50);
		paint(pool, handles[i], 1000, i);
	}
	for (unsigned int i = 0; i < nr; i++)
		if (i % 4)
			zs_free(pool, handles[i]);
}

/* Objects come and go while a thread tends the pool; then it is quiet, and nothing is kept that nobody needs. */
static void tend_and_check(struct zs_pool *pool)
{
	static unsigned long handles[4000];
	unsigned int waited;

	fill_and_thin_out(pool, handles, NR_OF(handles));
	for (waited = 0; waited < 3000 && zs_get_total_pages(pool) > 300; waited++)
		usleep(10000);
	assert_in_range(zs_get_total_pages(pool), 1000 * 1000 / 4096, 300);
	for (unsigned int i = 0; i < NR_OF(handles); i += 4)
		assert_painted(pool, handles[i], 1000, i);
	assert_int_equal(zs_pool_verify(pool), 0);
	for (unsigned int i = 0; i < NR_OF(handles); i += 4)
		zs_free(pool, handles[i]);
}

static void test_compactor(void **state)
{
	(void)state;
	for (unsigned int has_ops = 0; has_ops < 2; has_ops++)
		for (unsigned int dense = 0; dense < 2; dense++) {
			struct zs_pool_options options = NO_OPTIONS;
			struct bench b;

			options.flags = ZS_POOL_COMPACTOR | (dense ? ZS_POOL_DENSE : 0);
			bench_create(&b, has_ops, options);
			tend_and_check(b.pool);
			bench_destroy(&b);
		}
}

/* A source whose pages go where memory is only brought by a handler of a fault, in the thread that has it. */
static struct {
	volatile char *guard;
	pthread_t user;
	bool faulted; /* in another thread than the user's */
} faulty;

static void bring_memory(int signal)
{
	(void)signal;
	mprotect((void *)faulty.guard, ZS_PAGE_BYTES, PROT_READ | PROT_WRITE);
	__atomic_store_n(&faulty.faulted, !pthread_equal(pthread_self(), faulty.user), __ATOMIC_RELEASE);
}

static void *take_page(void *ctx, unsigned int flags)
{
	(void)ctx;
	(void)flags;
	return aligned_alloc(ZS_PAGE_BYTES, ZS_PAGE_BYTES);
}

static void drop_page(void *ctx, void *page)
{
	(void)ctx;
	if (!pthread_equal(pthread_self(), faulty.user))
		faulty.guard[0]++;
	free(page);
}

/* The thread that tends a pool calls the source, so what an instruction there brings about is its own to handle. */
static void test_compactor_has_its_own_faults(void **state)
{
	const struct sigaction action = { .sa_handler = bring_memory };
	const struct zs_ops ops = { .alloc = take_page, .free = drop_page };
	static unsigned long handles[4000];
	struct sigaction before;
	struct zs_pool *pool;

	(void)state;
	faulty.user = pthread_self();
	faulty.faulted = false;
	faulty.guard = mmap(NULL, ZS_PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(faulty.guard, MAP_FAILED);
	assert_int_equal(sigaction(SIGSEGV, &action, &before), 0);
	pool = make_pool((struct zs_pool_options){ .flags = ZS_POOL_COMPACTOR, .ops = &ops }, NULL);
	fill_and_thin_out(pool, handles, NR_OF(handles));
	for (unsigned int waited = 0; waited < 3000 && !__atomic_load_n(&faulty.faulted, __ATOMIC_ACQUIRE); waited++)
		usleep(10000);
	assert_true(faulty.faulted);
	zs_destroy_pool(pool);
	assert_int_equal(sigaction(SIGSEGV, &before, NULL), 0);
	munmap((void *)faulty.guard, ZS_PAGE_BYTES);
}

/* A child has a copy of the pool without the thread. It may go on with it, or destroy it. */
static void use_in_child(void *arg)
{
	struct zs_pool *pool = arg;
	unsigned long handles[64];

	alarm(60); /* a lock that nobody will drop */
	for (unsigned int i = 0; i < NR_OF(handles); i++)
		handles[i] = zs_malloc(pool, 1000 + i % 50, 0);
	for (unsigned int i = 0; i < NR_OF(handles); i++)
		zs_free(pool, handles[i]);
	if (zs_pool_verify(pool))
		_exit(1);
	zs_destroy_pool(pool);
}

/* Forks while the thread is moving objects, which holds the lock of a class for most of the time. */
static void test_fork_beside_a_compactor(void **state)
{
	static unsigned long handles[60000];
	struct zs_pool_options options = { .size = sizeof(options), .flags = ZS_POOL_COMPACTOR | ZS_POOL_DENSE };
	struct zs_pool *pool = zs_create_pool_with(&options);
	char text[256];

	(void)state;
	fill_and_thin_out(pool, handles, NR_OF(handles));
	for (unsigned int i = 0; i < 60; i++) {
		assert_int_equal(run_child(use_in_child, pool, text, sizeof(text)), 0);
		assert_string_equal(text, "");
	}
	for (unsigned int i = 0; i < NR_OF(handles); i += 4)
		assert_painted(pool, handles[i], 1000, i);
	zs_destroy_pool(pool);
}

/* ---- the program's own handlers of forks ---- */

static struct zs_pool *handled_pool;

static void drop_in_child(void)
{
	alarm(60);
	if (handled_pool)
		zs_destroy_pool(handled_pool);
	handled_pool = NULL;
	alarm(0);
}

static void look_in_child(void *arg)
{
	(void)arg;
	if (handled_pool)
		_exit(1);
}

/* They may be of before the first pool that has a thread. */
static void test_handlers_of_forks(void **state)
{
	char text[256];

	(void)state;
	handled_pool = make_pool((struct zs_pool_options){ .flags = ZS_POOL_COMPACTOR }, NULL);
	assert_int_equal(run_child(look_in_child, NULL, text, sizeof(text)), 0);
	assert_string_equal(text, "");
	zs_destroy_pool(handled_pool);
	handled_pool = NULL;
}

#ifndef TEST_ON_SIM /* its own locks are not made for forks */

struct neighbour {
	struct zs_pool *pool; /* NULL: it makes pools and destroys them */
	bool done;
};

/* A thread that is inside a call for most of the time, though not on the pool that a child is going to use. */
static void *be_busy(void *arg)
{
	struct neighbour *n = arg;

	while (!__atomic_load_n(&n->done, __ATOMIC_RELAXED)) {
		struct zs_pool *pool = n->pool ? n->pool : zs_create_pool(ZS_POOL_COMPACTOR, NULL);

		if (!pool)
			abort();
		zs_free(pool, zs_malloc(pool, 1000, 0));
		if (!n->pool)
			zs_destroy_pool(pool);
	}
	return NULL;
}

/* The copy of a pool is the child's own, and new pools, with a thread or without, can be made beside it. */
static void use_and_make_in_child(void *arg)
{
	alarm(60);
	for (unsigned int flags = 0; flags <= ZS_POOL_COMPACTOR; flags++) {
		struct zs_pool *pool = zs_create_pool(flags, NULL);

		if (!pool)
			_exit(2);
		zs_free(pool, zs_malloc(pool, 1000, 0));
		zs_destroy_pool(pool);
	}
	zs_compact(arg);
	use_in_child(arg);
}

static void fork_and_check(struct bench *b)
{
	static unsigned long handles[2000];
	char text[256];

	for (unsigned int i = 0; i < NR_OF(handles); i++) {
		handles[i] = make_object(b->pool, 1 + i);
		paint(b->pool, handles[i], 1 + i, i);
	}
	for (unsigned int i = 1; i < NR_OF(handles); i += 2)
		zs_free(b->pool, handles[i]);
	for (unsigned int i = 0; i < 40; i++) {
		assert_int_equal(run_child(use_and_make_in_child, b->pool, text, sizeof(text)), 0);
		assert_string_equal(text, "");
	}
	for (unsigned int i = 0; i < NR_OF(handles); i += 2) {
		assert_painted(b->pool, handles[i], 1 + i, i);
		zs_free(b->pool, handles[i]);
	}
}

/* Forks while other threads are inside calls on other pools, make pools, and destroy them. */
static void test_fork_beside_threads(void **state)
{
	struct neighbour neighbours[3] = { { .pool = zs_create_pool(0, NULL) } };
	pthread_t threads[NR_OF(neighbours)];

	(void)state;
	if (UNIT_SANITIZED) { /* a sanitizer's own locks are not made for forks either, if threads come and go */
		zs_destroy_pool(neighbours[0].pool);
		skip();
	}
	neighbours[1].pool = neighbours[0].pool;
	for (unsigned int i = 0; i < NR_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, be_busy, &neighbours[i]), 0);
	for (unsigned int i = 0; i < 4; i++) {
		struct bench b;

		bench_create(&b, i & 1, (struct zs_pool_options){ .flags = i & 2 ? ZS_POOL_COMPACTOR : 0 });
		fork_and_check(&b);
		bench_destroy(&b);
	}
	for (unsigned int i = 0; i < NR_OF(threads); i++) {
		__atomic_store_n(&neighbours[i].done, true, __ATOMIC_RELAXED);
		pthread_join(threads[i], NULL);
	}
	zs_destroy_pool(neighbours[0].pool);
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(test_handlers_of_forks), /* the first pool of all */
		API_TEST(test_compactor),
		API_TEST(test_compactor_has_its_own_faults),
		API_TEST(test_fork_beside_a_compactor),
#ifndef TEST_ON_SIM
		API_TEST(test_fork_beside_threads),
#endif
	};

	if (pthread_atfork(NULL, NULL, drop_in_child))
		return 1;
	return cmocka_run_group_tests_name("api, threads", tests, NULL, NULL);
}
