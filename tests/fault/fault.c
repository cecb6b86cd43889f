/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Out-of-memory sweep: a script of calls is run with the n-th fallible host call failing, for every n until the script
 * runs through without reaching the n-th; once with that single failure and once with all that follow it. After each
 * run the pool is sound, what was accepted is given back bit for bit, and nothing leaks.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "sim.h"
#include "zsmalloc.h"

#define MAX_OBJECTS 160u

struct object {
	unsigned long handle;
	size_t size;
	unsigned char seed;
};

struct script {
	struct zs_pool *pool;
	struct object objects[MAX_OBJECTS];
	unsigned int nr_objects;
	struct rng rng;
	size_t max_object;
};

#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "fault: %s:%d: %s (fallible call %llu of %llu failed)\n", __FILE__, __LINE__,  \
				#condition, (unsigned long long)zs_sim.fail_at,                                        \
				(unsigned long long)zs_sim.nr_fallible_calls);                                         \
			exit(1);                                                                                       \
		}                                                                                                      \
	} while (0)

static void no_error_expected(void *ctx, int err, const char *what)
{
	(void)ctx;
	fprintf(stderr, "fault: unexpected error %d: %s\n", err, what);
	exit(1);
}

static void *fill(unsigned char *buffer, const struct object *o)
{
	return memset(buffer, o->seed, o->size);
}

static void check_object(struct script *s, const struct object *o)
{
	static unsigned char copy[ZS_MAX_OBJECT_BYTES], expected[ZS_MAX_OBJECT_BYTES];
	const void *mem = zs_obj_read_begin(s->pool, o->handle, o->size, copy);

	MUST(mem && !memcmp(mem, fill(expected, o), o->size));
	zs_obj_read_end(s->pool, o->handle, o->size, mem);
}

/* A failed allocation leaves the object absent. */
static void allocate(struct script *s, struct object *o)
{
	static unsigned char content[ZS_MAX_OBJECT_BYTES];

	o->size = 1 + rng_below(&s->rng, (uint32_t)s->max_object);
	o->seed = (unsigned char)rng_next(&s->rng);
	errno = 0;
	o->handle = zs_malloc(s->pool, o->size, 0);
	MUST(o->handle || errno == ENOMEM);
	if (o->handle)
		MUST(zs_obj_write(s->pool, o->handle, fill(content, o), o->size) == 0);
}

static void release(struct script *s, struct object *o)
{
	if (!o->handle)
		return;
	check_object(s, o);
	zs_free(s->pool, o->handle);
	o->handle = 0;
}

/* A map that fails leaves the object unmapped. */
static void map_and_change(struct script *s, struct object *o)
{
	unsigned char *mapped;

	if (!o->handle)
		return;
	mapped = zs_map_object(s->pool, o->handle, ZS_MM_RW);
	if (!mapped) {
		MUST(errno == ENOMEM);
		return;
	}
	MUST(mapped[0] == o->seed && mapped[o->size - 1] == o->seed);
	o->seed++;
	memset(mapped, o->seed, o->size);
	zs_unmap_object(s->pool, o->handle);
}

static void allocate_bulk(struct script *s, struct object *first, size_t nr)
{
	static unsigned char content[ZS_MAX_OBJECT_BYTES];
	size_t sizes[8] = { 0 };
	unsigned long handles[8];
	size_t done;

	for (size_t i = 0; i < nr; i++)
		sizes[i] = first[i].size = 1 + rng_below(&s->rng, (uint32_t)s->max_object);
	done = zs_malloc_bulk(s->pool, sizes, handles, nr, 0);
	MUST(done == nr || errno == ENOMEM);
	for (size_t i = 0; i < nr; i++) {
		MUST(!handles[i] == (i >= done));
		first[i].handle = handles[i];
		if (handles[i])
			MUST(zs_obj_write(s->pool, handles[i], fill(content, &first[i]), sizes[i]) == 0);
	}
}

static void check_all(struct script *s)
{
	MUST(zs_pool_verify(s->pool) == 0);
	for (unsigned int i = 0; i < s->nr_objects; i++)
		if (s->objects[i].handle)
			check_object(s, &s->objects[i]);
}

static void play(struct script *s)
{
	for (unsigned int i = 0; i < s->nr_objects - 8; i++)
		allocate(s, &s->objects[i]);
	allocate_bulk(s, &s->objects[s->nr_objects - 8], 8);
	check_all(s);
	for (unsigned int i = 0; i < s->nr_objects; i += 3)
		map_and_change(s, &s->objects[i]);
	for (unsigned int i = 0; i < s->nr_objects; i++)
		if (i % 3)
			release(s, &s->objects[i]);
	zs_compact(s->pool);
	check_all(s);
	for (unsigned int i = 0; i < s->nr_objects; i++)
		if (!s->objects[i].handle)
			allocate(s, &s->objects[i]);
	check_all(s);
}

/* Result: how many calls could fail. */
static uint64_t run(size_t max_object, uint64_t limit_bytes)
{
	static struct script script;
	struct zs_pool_options options = {
		.size = sizeof(options),
		.max_object_size = max_object,
		.limit_bytes = limit_bytes,
		.on_error = no_error_expected,
	};

	script = (struct script){ .rng = { .state = 42 }, .max_object = max_object };
	script.nr_objects = max_object > 4096 ? MAX_OBJECTS / 8 : MAX_OBJECTS;
	script.pool = zs_create_pool_with(&options);
	if (script.pool) {
		play(&script);
		MUST(!limit_bytes || zs_get_total_size_bytes(script.pool) <= limit_bytes);
		zs_destroy_pool(script.pool);
	} else {
		MUST(errno == ENOMEM);
	}
	MUST(zs_sim_is_clean());
	return zs_sim.nr_fallible_calls;
}

static void setup(bool contiguous, unsigned int page_shift, uint64_t fail_at, bool fail_after)
{
	zs_sim_reset();
	zs_sim.contiguous = contiguous;
	zs_sim.page_shift = page_shift;
	zs_sim.fail_at = fail_at;
	zs_sim.fail_after = fail_after;
}

/* Up to a failure all goes as in a run without, so that each call of that one fails once. */
static void sweep(bool contiguous, unsigned int page_shift, size_t max_object, bool fail_after)
{
	uint64_t n = 0, nr_calls;

	setup(contiguous, page_shift, 0, false);
	nr_calls = run(max_object, 0);
	do {
		setup(contiguous, page_shift, ++n, fail_after);
	} while (run(max_object, 0) >= n);
	MUST(n == nr_calls + 1);
	printf("fault: %s, %u-byte pages, objects to %zu, %s: %llu points of failure\n",
	       contiguous ? "contiguous" : "scattered", 1u << page_shift, max_object,
	       fail_after ? "all from the n-th fail" : "the n-th fails", (unsigned long long)nr_calls);
}

/* The same with limits in place of failing calls. */
static void sweep_limits(bool contiguous, size_t max_object)
{
	for (uint64_t limit = 4096; limit < 1u << 20; limit += 4096 * 3) {
		setup(contiguous, 12, 0, false);
		run(max_object, limit);
	}
}

/* A limit is used up to its last pages before an allocation fails, and freeing makes room again. */
static void use_up_limit(bool contiguous, size_t size)
{
	const uint64_t limit = 16u << 20;
	struct zs_pool_options options = {
		.size = sizeof(options),
		.max_object_size = size,
		.limit_bytes = limit,
		.on_error = no_error_expected,
	};
	unsigned long first, last = 0, handle;
	struct zs_pool *pool;

	setup(contiguous, 12, 0, false);
	pool = zs_create_pool_with(&options);
	MUST(pool);
	first = zs_malloc(pool, size, 0);
	while ((handle = zs_malloc(pool, size, 0)))
		last = handle;
	MUST(errno == ENOMEM && zs_get_total_size_bytes(pool) <= limit);
	MUST(zs_get_total_size_bytes(pool) + 3 * 4096 + size > limit);
	zs_free(pool, first);
	MUST(zs_malloc(pool, size, 0) && last);
	MUST(zs_pool_verify(pool) == 0);
	zs_destroy_pool(pool);
	MUST(zs_sim_is_clean());
}

int main(void)
{
	static const bool both[] = { false, true };

	for (unsigned int c = 0; c < 2; c++) {
		for (unsigned int after = 0; after < 2; after++) {
			sweep(both[c], 12, 4096, both[after]);
			sweep(both[c], 12, 65536, both[after]);
			sweep(both[c], 16, 4096, both[after]);
		}
		sweep_limits(both[c], 4096);
		sweep_limits(both[c], 65536);
		for (size_t size = 100; size <= 65536; size = size * 3 / 2)
			use_up_limit(both[c], size);
	}
	return 0;
}
