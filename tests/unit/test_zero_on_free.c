/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * ZS_POOL_ZERO_ON_FREE in the library as it is used: all memory that lies about a pool's objects, its records too, is
 * searched for what was in them.
 */
#include <pthread.h>

#include "unit.h"

#define NR_OBJECTS 45000u /* enough of them that a pool with a compactor gives threads stashes */
#define COPIED 3000u
#define WORD 0x7ec12e7e57ab1edeull

static unsigned long handles[NR_OBJECTS];

static size_t size_of(unsigned int i)
{
	return 512 + i * 8 % 2048;
}

static void write_secret(struct zs_pool *pool, unsigned long handle, size_t size)
{
	uint64_t *mem = zs_map_object(pool, handle, ZS_MM_WO);

	assert_non_null(mem);
	for (size_t i = 0; i < size / sizeof(*mem); i++)
		mem[i] = WORD;
	zs_unmap_object(pool, handle);
}

static void fill(struct zs_pool *pool)
{
	for (unsigned int i = 0; i < NR_OBJECTS; i++) {
		handles[i] = make_object(pool, size_of(i));
		write_secret(pool, handles[i], size_of(i));
	}
}

/* ---- searching ---- */

static unsigned long words_in(const char *from, const char *to)
{
	unsigned long nr = 0;

	for (const uint64_t *at = (const uint64_t *)from; at < (const uint64_t *)to; at++)
		nr += *(const volatile uint64_t *)at == WORD;
	return nr;
}

/* How often the word is in the mapping that an address lies in. */
static unsigned long words_around(const void *address)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long from, to, nr = 0;
	char line[512], mode[5];
	bool found = false;

	assert_non_null(maps);
	while (!found && fgets(line, sizeof(line), maps)) {
		found = sscanf(line, "%lx-%lx %4s", &from, &to, mode) == 3 && (unsigned long)address - from < to - from;
		if (found && !strncmp(mode, "rw", 2))
			nr = words_in((const char *)from, (const char *)to);
	}
	fclose(maps);
	assert_true(found);
	return nr;
}

static unsigned long words_in_objects(unsigned int nr_live)
{
	unsigned long nr = 0;

	for (unsigned int i = 0; i < nr_live; i++)
		nr += size_of(i) / sizeof(uint64_t);
	return nr;
}

/* ---- what is done with objects ---- */

static void free_alone(struct zs_pool *pool, unsigned int first)
{
	for (unsigned int i = first; i < NR_OBJECTS / 2; i++)
		zs_free(pool, handles[i]);
}

static void *free_elsewhere(void *arg)
{
	/* A thread that has a stash keeps it when it has ended. */
	zs_free(arg, make_object(arg, 1000));
	for (unsigned int i = NR_OBJECTS / 2; i < NR_OBJECTS - NR_OBJECTS / 4; i++)
		zs_free(arg, handles[i]);
	return NULL;
}

static void free_by_thread(struct zs_pool *pool)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, free_elsewhere, pool), 0);
	pthread_join(thread, NULL);
}

/* All but the first. The pages of a pool that compacts go to the system only late. */
static void free_all_but(struct zs_pool *pool, unsigned int nr_stay)
{
	free_alone(pool, nr_stay);
	free_by_thread(pool);
	zs_compact_some(pool, 10, 0);
	zs_free_bulk(pool, handles + NR_OBJECTS - NR_OBJECTS / 4, NR_OBJECTS / 4);
}

static void check_flags(unsigned int flags, bool is_left)
{
	struct error_log log;
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .flags = flags }, &log);
	const void *mem;
	unsigned long nr;

	fill(pool);
	free_all_but(pool, 64);
	mem = zs_map_object(pool, handles[0], ZS_MM_RO);
	assert_non_null(mem);
	nr = words_around(mem);
	zs_unmap_object(pool, handles[0]);
	assert_int_equal(nr > words_in_objects(64), is_left);
	assert_true(nr >= words_in_objects(64));
	assert_int_equal(log.nr, 0);
	zs_destroy_pool(pool);
}

/* What a search finds is what lives. */
static void test_nothing_is_left(void **state)
{
	(void)state;
	check_flags(ZS_POOL_ZERO_ON_FREE, false);
	check_flags(ZS_POOL_ZERO_ON_FREE | ZS_POOL_COMPACTOR, false);
	check_flags(ZS_POOL_ZERO_ON_FREE | ZS_POOL_COMPACTOR | ZS_POOL_DENSE, false);
}

/* Without the flag the search finds more, so it would here. */
static void test_search_finds(void **state)
{
	(void)state;
	check_flags(0, true);
	check_flags(ZS_POOL_COMPACTOR, true);
}

/* ---- copies of what spans pages ---- */

static _Alignas(ZS_PAGE_BYTES) char source[256][ZS_PAGE_BYTES];
static unsigned int nr_taken; /* of its pages; none is used again */

static void *source_alloc(void *ctx, unsigned int flags)
{
	(void)ctx;
	(void)flags;
	return nr_taken < NR_OF(source) ? source[nr_taken++] : NULL;
}

static void source_free(void *ctx, void *page)
{
	(void)ctx;
	(void)page;
}

/* The copy of an object that spans pages is among the pool's records, and stays there for the next. */
static void check_copies(unsigned int flags, bool is_left)
{
	const struct zs_ops ops = { .alloc = source_alloc, .free = source_free };
	struct error_log log;
	struct zs_pool *pool = make_pool((struct zs_pool_options){ .flags = flags, .ops = &ops }, &log);
	void *mem, *copy = NULL;

	nr_taken = 0;
	for (unsigned int i = 0; i < 100; i++) {
		handles[i] = make_object(pool, COPIED);
		write_secret(pool, handles[i], COPIED);
		mem = zs_map_object(pool, handles[i], ZS_MM_RO);
		assert_non_null(mem);
		if ((uintptr_t)mem - (uintptr_t)source >= sizeof(source))
			copy = mem;
		zs_unmap_object(pool, handles[i]);
	}
	assert_non_null(copy);
	assert_int_equal(words_around(copy) != 0, is_left);
	zs_free_bulk(pool, handles, 50);
	zs_destroy_pool(pool); /* with the others */
	assert_int_equal(log.nr, 0);
	assert_int_equal(words_in(source[0], source[nr_taken]) != 0, is_left);
	memset(source, 0, sizeof(source));
}

static void test_copies(void **state)
{
	(void)state;
	check_copies(ZS_POOL_ZERO_ON_FREE, false);
	check_copies(0, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_left),
		cmocka_unit_test(test_search_finds),
		cmocka_unit_test(test_copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
