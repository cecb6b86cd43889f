/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Processes with little memory to be had: a limit on address space (RLIMIT_AS), and one on private writable memory
 * (RLIMIT_DATA), which is what a system without overcommit charges for. Each trial is a child process that creates a
 * pool, or is refused one, fills it until ENOMEM, and takes it down again; limits of every size make each step of the
 * library's own memory fail somewhere.
 */
#include <sys/resource.h>

#include "random.h"
#include "statm.h"
#include "unit.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define MAX_OBJECTS (1u << 18)
#define MAX_OPS_PAGES (6u << 8) /* 6 MiB */

enum outcome { REFUSED = 10, WORKED = 11 };

struct trial {
	int resource;
	size_t room_bytes; /* above what the process has when it begins */
	size_t max_object;
	bool one_size;      /* all objects are as large */
	unsigned int flags; /* of the pool */
	bool has_ops;
};

/* No stdio and no malloc below: they take memory too. */
static unsigned long handles[MAX_OBJECTS];
static unsigned char bytes[ZS_MAX_OBJECT_BYTES];

static void set_limit(int resource, size_t limit_bytes)
{
	struct rlimit limit = { .rlim_cur = limit_bytes, .rlim_max = RLIM_INFINITY };

	MUST(!setrlimit(resource, &limit));
}

/* ---- a source of pages that are there from the start ---- */

static struct ops_pages {
	unsigned char at[MAX_OPS_PAGES][ZS_PAGE_BYTES] __attribute__((aligned(ZS_PAGE_BYTES)));
	void *free[MAX_OPS_PAGES];
	unsigned int nr_free;
} ops_pages;

static void *ops_alloc(void *ctx, unsigned int flags)
{
	struct ops_pages *pages = ctx;

	(void)flags;
	return pages->nr_free ? pages->free[--pages->nr_free] : NULL;
}

static void ops_free(void *ctx, void *page)
{
	struct ops_pages *pages = ctx;

	pages->free[pages->nr_free++] = page;
}

static void ops_fill(struct ops_pages *pages)
{
	for (pages->nr_free = 0; pages->nr_free < MAX_OPS_PAGES; pages->nr_free++)
		pages->free[pages->nr_free] = pages->at[pages->nr_free];
}

/* ---- a pool ---- */

static struct zs_pool *create_pool(const struct trial *trial)
{
	static const struct zs_ops ops = { .alloc = ops_alloc, .free = ops_free, .ctx = &ops_pages };
	struct zs_pool_options options = {
		.size = sizeof(options),
		.max_object_size = trial->max_object,
		.flags = trial->flags,
		.ops = trial->has_ops ? &ops : NULL,
	};

	ops_fill(&ops_pages);
	return zs_create_pool_with(&options);
}

/* Sizes and contents follow from an object's number. */
static size_t size_of(const struct trial *trial, unsigned int i)
{
	struct rng rng = { .state = i };

	if (trial->one_size)
		return trial->max_object;
	return 1 + rng_below(&rng, (uint32_t)trial->max_object);
}

static void make_bytes(const struct trial *trial, unsigned int i)
{
	struct rng rng = { .state = ~(uint64_t)i };

	rng_fill(&rng, bytes, (uint32_t)size_of(trial, i));
}

static bool allocate(struct zs_pool *pool, const struct trial *trial, unsigned int i)
{
	handles[i] = zs_malloc(pool, size_of(trial, i), 0);
	if (!handles[i]) {
		MUST(errno == ENOMEM);
		return false;
	}
	make_bytes(trial, i);
	MUST(!zs_obj_write(pool, handles[i], bytes, size_of(trial, i)));
	return true;
}

/* Returns the number of objects that there was memory for. */
static unsigned int fill(struct zs_pool *pool, const struct trial *trial)
{
	unsigned int nr = 0;

	while (allocate(pool, trial, nr))
		MUST(++nr < MAX_OBJECTS);
	return nr;
}

static void check(struct zs_pool *pool, const struct trial *trial, unsigned int nr)
{
	static unsigned char copy[ZS_MAX_OBJECT_BYTES];

	for (unsigned int i = 0; i < nr; i++) {
		size_t size = size_of(trial, i);
		const void *mem;

		if (!handles[i])
			continue;
		make_bytes(trial, i);
		mem = zs_obj_read_begin(pool, handles[i], size, copy);
		MUST(mem && !memcmp(mem, bytes, size));
		zs_obj_read_end(pool, handles[i], size, mem);
	}
	MUST(!zs_pool_verify(pool));
}

static void free_object(struct zs_pool *pool, unsigned int i)
{
	zs_free(pool, handles[i]);
	handles[i] = 0;
}

/* Frees a third and allocates it anew. Not each finds the hole that it left, since classes serve each other's sizes. */
static void replace_a_third(struct zs_pool *pool, const struct trial *trial, unsigned int nr)
{
	unsigned int nr_again = 0;

	for (unsigned int i = 0; i < nr; i += 3)
		free_object(pool, i);
	check(pool, trial, nr);
	for (unsigned int i = 0; i < nr; i += 3)
		nr_again += allocate(pool, trial, i);
	MUST(nr_again >= (nr + 2) / 3 * 3 / 4);
	check(pool, trial, nr);
}

static void free_all(struct zs_pool *pool, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		free_object(pool, i);
	zs_compact(pool);
	MUST(!zs_get_total_pages(pool) && !stats_of(pool).objects);
	MUST(!zs_pool_verify(pool));
}

/* ---- trials ---- */

static void refused(const struct trial *trial, size_t space_before)
{
	MUST(errno == ENOMEM || (trial->flags && errno == EAGAIN));
	MUST(statm_address_space() == space_before);
	_exit(REFUSED);
}

/*
 * Of some room, an eighth at least can be used for objects of one size, which up to four size classes serve in turn. Of
 * many sizes it is less, since each class begins with a zspage, which takes 256 KiB of address space.
 */
static void used_enough(struct zs_pool *pool, const struct trial *trial)
{
	size_t used_bytes = zs_get_total_pages(pool) * (size_t)ZS_PAGE_BYTES;

	if (trial->has_ops)
		return;
	MUST(used_bytes <= trial->room_bytes);
	MUST(!trial->one_size || used_bytes >= trial->room_bytes / 8);
}

static void run_trial(void *arg)
{
	const struct trial *trial = arg;
	size_t space_before = statm_address_space();
	struct zs_pool *pool;
	unsigned int nr;

	alarm(120);
	set_limit(trial->resource,
		  (trial->resource == RLIMIT_AS ? space_before : statm_writable()) + trial->room_bytes);
	pool = create_pool(trial);
	if (!pool)
		refused(trial, space_before);
	nr = fill(pool, trial);
	used_enough(pool, trial);
	check(pool, trial, nr);
	replace_a_third(pool, trial, nr);
	free_all(pool, nr);
	zs_destroy_pool(pool);
	MUST(trial->flags || statm_address_space() == space_before); /* libc keeps the stacks of threads */
	MUST(!trial->has_ops || ops_pages.nr_free == MAX_OPS_PAGES);
	_exit(WORKED);
}

static enum outcome try(struct trial trial)
{
	char text[256];
	int status = run_child(run_trial, &trial, text, sizeof(text));

	if (!WIFEXITED(status) || WEXITSTATUS(status) < REFUSED)
		print_error("resource %d, room %zu, objects of %zu, flags %u, ops %d: status %#x: %s\n", trial.resource,
			    trial.room_bytes, trial.max_object, trial.flags, trial.has_ops, status, text);
	assert_true(WIFEXITED(status));
	assert_in_range(WEXITSTATUS(status), REFUSED, WORKED);
	return WEXITSTATUS(status);
}

static const int resources[] = { RLIMIT_AS, RLIMIT_DATA };

/* From no room at all, in small steps. Without room there is no pool; from some room on there always is one. */
static void sweep(struct trial trial, size_t step_bytes, unsigned int nr_steps)
{
	for (unsigned int r = 0; r < NR_OF(resources); r++) {
		enum outcome outcome = REFUSED;

		trial.resource = resources[r];
		for (unsigned int i = 0; i <= nr_steps; i++) {
			enum outcome before = outcome;

			trial.room_bytes = i * step_bytes;
			outcome = try(trial);
			assert_true(outcome >= before);
			assert_true(i || outcome == REFUSED);
		}
		assert_int_equal(outcome, WORKED);
	}
}

/* The sanitizers' own memory takes more address space than there is. */
#define NEEDS_A_PLAIN_BUILD()                                                                                          \
	do {                                                                                                           \
		if (UNIT_SANITIZED)                                                                                    \
			skip();                                                                                        \
	} while (0)

static void test_little_room(void **state)
{
	static const size_t max_objects[] = { 60, 4096, 65536 };

	(void)state;
	NEEDS_A_PLAIN_BUILD();
	for (unsigned int i = 0; i < NR_OF(max_objects); i++)
		sweep((struct trial){ .max_object = max_objects[i] }, 140 * KIB, 44);
}

/* The pages are the caller's; what is limited is the metadata. */
static void test_little_room_for_metadata(void **state)
{
	static const size_t max_objects[] = { 60, 4096, 65536 };

	(void)state;
	NEEDS_A_PLAIN_BUILD();
	for (unsigned int i = 0; i < NR_OF(max_objects); i++)
		sweep((struct trial){ .max_object = max_objects[i], .has_ops = true }, 68 * KIB, 34);
}

/* The stack of the compactor's thread is what most of the room is for. */
static void test_little_room_for_a_thread(void **state)
{
	(void)state;
	NEEDS_A_PLAIN_BUILD();
	sweep((struct trial){ .max_object = 4096, .flags = ZS_POOL_COMPACTOR }, 820 * KIB, 20);
}

/*
 * Address space is reserved in regions, by fours from 1 MiB to 256 MiB, and made accessible in steps of 4 MiB. Whatever
 * room there is, the regions and the tables share it, so that there are handles for what there are pages for.
 */
static void test_rooms_about_the_steps(void **state)
{
	static const unsigned int rooms_mib[] = { 4, 5, 8, 9, 12, 16, 17, 21, 64, 65, 66 };
	static const size_t sizes[] = { 400, 4096 };

	(void)state;
	NEEDS_A_PLAIN_BUILD();
	for (unsigned int i = 0; i < NR_OF(resources) * NR_OF(rooms_mib) * NR_OF(sizes); i++) {
		struct trial trial = { .one_size = true };

		trial.resource = resources[i % NR_OF(resources)];
		trial.room_bytes = rooms_mib[i / NR_OF(resources) % NR_OF(rooms_mib)] * MIB;
		trial.max_object = sizes[i / NR_OF(resources) / NR_OF(rooms_mib)];
		assert_int_equal(try(trial), WORKED);
	}
}

/* From some room on there is a pool, however the room is divided. */
static void create_in_any_room(void *arg)
{
	size_t space = statm_address_space();
	bool worked = false;

	(void)arg;
	for (size_t room_bytes = 0; room_bytes < 420 * MIB; room_bytes += 252 * KIB) {
		struct zs_pool *pool;

		set_limit(RLIMIT_AS, space + room_bytes);
		pool = zs_create_pool(0, NULL);
		MUST(pool || (!worked && errno == ENOMEM));
		worked = pool != NULL;
		zs_destroy_pool(pool);
		MUST(statm_address_space() == space);
	}
	MUST(worked);
}

static void test_any_room(void **state)
{
	char text[256];

	(void)state;
	NEEDS_A_PLAIN_BUILD();
	assert_int_equal(run_child(create_in_any_room, NULL, text, sizeof(text)), 0);
	assert_string_equal(text, "");
}

/* ---- without overcommit ---- */

/*
 * Where the system allows no overcommit it charges for private writable memory, touched or not. Of the gigabyte and
 * more that a pool reserves, no more is writable than a first part of a megabyte, and then what objects and metadata
 * take and a step of 4 MiB ahead.
 */
static void charge_of_a_pool(void *arg)
{
	const struct trial *trial = arg;
	size_t space = statm_address_space(), charge = statm_writable();
	struct zs_pool *pool = create_pool(trial);
	size_t most;

	MUST(pool);
	MUST(statm_writable() - charge <= MIB + 64 * KIB);
	MUST(statm_address_space() - space >= 256 * MIB);
	for (unsigned int i = 0; i < 20000; i++) {
		MUST(allocate(pool, trial, i));
		/* 256 KiB of address space for each zspage, of which each size class may have begun one. */
		most = zs_get_total_size_bytes(pool) + 256 * KIB * (zs_lookup_class_index(pool, 4096) + 1) + 5 * MIB;
		MUST(i % 100 || statm_writable() - charge <= most);
	}
	zs_destroy_pool(pool);
	MUST(statm_writable() == charge && statm_address_space() == space);
}

static void test_charged_for_little(void **state)
{
	char text[256];

	(void)state;
	NEEDS_A_PLAIN_BUILD();
	for (unsigned int has_ops = 0; has_ops < 2; has_ops++) {
		struct trial trial = { .max_object = has_ops ? 500 : 4096, .has_ops = has_ops };

		assert_int_equal(run_child(charge_of_a_pool, &trial, text, sizeof(text)), 0);
		assert_string_equal(text, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_little_room),
		cmocka_unit_test(test_little_room_for_metadata),
		cmocka_unit_test(test_little_room_for_a_thread),
		cmocka_unit_test(test_rooms_about_the_steps),
		cmocka_unit_test(test_any_room),
		cmocka_unit_test(test_charged_for_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
