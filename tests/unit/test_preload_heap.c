/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The preload library's malloc(): what is asked for inside comes from its own heap, everything else goes on, and a
 * block goes back to where it came from, whoever gives it back.
 */
#include <pthread.h>

#include "unit.h"

#include "inside.h"
#include "process.h"

/* What heap.c defines, under other names. */
void *tested_malloc(size_t size);
void *tested_calloc(size_t nr, size_t size);
void *tested_realloc(void *block, size_t size);
void tested_free(void *block);

__thread unsigned int zswap_inside;

static void *inside_malloc(size_t size)
{
	void *block;

	zswap_enter();
	block = tested_malloc(size);
	zswap_leave();
	return block;
}

static bool has_bytes(const unsigned char *at, unsigned char byte, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (at[i] != byte)
			return false;
	return true;
}

static void blocks_are_aligned_and_apart(void **state)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 47, 48, 49, 100, 4000, 4096, 100000, 1 << 20 };
	unsigned char *block[NR_OF(sizes)];

	(void)state;
	for (size_t i = 0; i < NR_OF(sizes); i++) {
		block[i] = inside_malloc(sizes[i]);
		assert_non_null(block[i]);
		assert_int_equal((uintptr_t)block[i] % 16, 0);
		memset(block[i], (int)i + 1, sizes[i]);
	}
	for (size_t i = 0; i < NR_OF(sizes); i++) {
		assert_true(has_bytes(block[i], (unsigned char)(i + 1), sizes[i]));
		tested_free(block[i]);
	}
	/* The next of a size is the last that was given back. */
	for (size_t i = NR_OF(sizes); i--;)
		if (sizes[i] == 100000)
			assert_ptr_equal(inside_malloc(sizes[i]), block[i]);
}

static void zeroes_are_zeroes_again(void **state)
{
	unsigned char *block = inside_malloc(1000), *zeroed;

	(void)state;
	memset(block, 0xa5, 1000);
	tested_free(block);
	zswap_enter();
	zeroed = tested_calloc(10, 100);
	zswap_leave();
	assert_ptr_equal(zeroed, block);
	assert_true(has_bytes(zeroed, 0, 1000));
	tested_free(zeroed);
}

static void blocks_grow_with_their_content(void **state)
{
	unsigned char *block = inside_malloc(10);

	(void)state;
	memset(block, 7, 10);
	zswap_enter();
	for (size_t size = 20; size < 1 << 20; size *= 3) {
		block = tested_realloc(block, size);
		assert_non_null(block);
		assert_true(has_bytes(block, 7, size / 3 < 10 ? 10 : size / 3));
		memset(block, 7, size);
	}
	block = tested_realloc(block, 5);
	zswap_leave();
	assert_true(has_bytes(block, 7, 5));
	tested_free(block);
}

static void what_cannot_be_is_told(void **state)
{
	void *block;

	(void)state;
	zswap_enter();
	errno = 0;
	block = tested_malloc((size_t)1 << 40);
	assert_int_equal(errno, ENOMEM);
	assert_null(block);
	errno = 0;
	block = tested_calloc(SIZE_MAX / 2, 3);
	assert_int_equal(errno, ENOMEM);
	assert_null(block);
	block = tested_malloc(SIZE_MAX);
	zswap_leave();
	assert_null(block);
}

/* All of the heap's address space, and what comes back is there again. */
static void there_is_an_end(void **state)
{
	void *block[16];
	size_t nr = 0;

	(void)state;
	zswap_enter();
	while (nr < NR_OF(block) && (block[nr] = tested_malloc(((size_t)128 << 20) - 64)))
		nr++;
	assert_int_equal(errno, ENOMEM);
	assert_in_range(nr, 6, 8);
	tested_free(block[0]);
	assert_ptr_equal(tested_malloc((size_t)100 << 20), block[0]);
	zswap_leave();
	for (size_t i = 0; i < nr; i++)
		tested_free(block[i]);
}

/* Outside, where a block came from counts, not who gives it back; a block that moves comes from who asks. */
static void blocks_go_back_to_where_they_came_from(void **state)
{
	unsigned char *inner = inside_malloc(100), *outer = tested_malloc(100), *moved;

	(void)state;
	memset(inner, 3, 100);
	memset(outer, 4, 100);
	zswap_enter();
	outer = tested_realloc(outer, 200); /* which is the next library's all the same */
	zswap_leave();
	assert_true(has_bytes(outer, 4, 100));
	moved = tested_realloc(inner, 300);
	assert_true(has_bytes(moved, 3, 100));
	assert_ptr_equal(inside_malloc(100), inner); /* it was given back */
	zswap_enter();
	tested_free(moved);
	tested_free(outer);
	tested_free(NULL);
	zswap_leave();
	outer = tested_calloc(3, 5);
	assert_true(has_bytes(outer, 0, 15));
	tested_free(outer);
	tested_free(tested_realloc(NULL, 10));
	tested_free(inner);
	zswap_enter();
	assert_ptr_equal(tested_realloc(NULL, 100), inner); /* where nothing moves, too */
	zswap_leave();
	tested_free(inner);
}

/* ---- threads ---- */

#define NR_THREADS 4
#define NR_ROUNDS 20000

static void *take_and_give(void *arg)
{
	unsigned char byte = (unsigned char)(uintptr_t)arg, *block[8] = { NULL };

	zswap_enter();
	for (unsigned int i = 0; i < NR_ROUNDS; i++) {
		unsigned int at = i % 8;
		size_t size = 20 + i * 7 % 200;

		if (block[at] && !has_bytes(block[at], byte, 20))
			return "another has written to it";
		tested_free(block[at]);
		block[at] = tested_malloc(size);
		if (!block[at])
			return "there is no more";
		memset(block[at], byte, size);
	}
	for (unsigned int i = 0; i < 8; i++)
		tested_free(block[i]);
	return NULL;
}

static void threads_share_it(void **state)
{
	pthread_t thread[NR_THREADS];
	void *wrong;

	(void)state;
	for (uintptr_t i = 0; i < NR_THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, take_and_give, (void *)(i + 1)), 0);
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		assert_int_equal(pthread_join(thread[i], &wrong), 0);
		assert_null(wrong);
	}
}

/* Nobody else has the lock in the child. */
static void a_child_goes_on_with_it(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	zswap_heap_lock();
	pid = fork();
	zswap_heap_unlock();
	if (!pid) {
		zswap_enter();
		_exit(tested_malloc(100) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_are_aligned_and_apart),
		cmocka_unit_test(zeroes_are_zeroes_again),
		cmocka_unit_test(blocks_grow_with_their_content),
		cmocka_unit_test(what_cannot_be_is_told),
		cmocka_unit_test(there_is_an_end),
		cmocka_unit_test(blocks_go_back_to_where_they_came_from),
		cmocka_unit_test(threads_share_it),
		cmocka_unit_test(a_child_goes_on_with_it),
	};

	return cmocka_run_group_tests_name("preload heap", tests, NULL, NULL);
}
