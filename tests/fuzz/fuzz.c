/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Bytes that drive the public calls: one says what kind of pool, then each operation takes one and its arguments. A
 * model knows every object's content and which handles are good, so any byte string has one right outcome.
 *
 * Coverage-guided with libFuzzer (make fuzz); in the test suite main.c feeds it the corpus and random strings.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "fuzz.h"
#include "pages.h"
#include "random.h"
#include "zsmalloc.h"

#define NR_OBJECTS 64u
#define BULK 16u

struct object {
	unsigned long handle; /* 0: none */
	uint32_t size;
	uint32_t seed; /* of its content */
	bool is_mapped;
	enum zs_mapmode mode;
};

struct fuzz {
	struct fuzz_bytes in;
	struct zs_pool *pool;
	struct test_pages pages;
	bool has_ops;
	uint32_t max_size;
	struct object objects[NR_OBJECTS];
	unsigned long stale; /* the handle freed last */
	unsigned int nr_errors;
	uint32_t next_seed;
	unsigned char bytes[65536];
};

static void count_error(void *ctx, int err, const char *what)
{
	struct fuzz *f = ctx;

	MUST(err == EINVAL || err == EBUSY);
	MUST(what[0]);
	f->nr_errors++;
}

static void open_pool(struct fuzz *f)
{
	static const uint32_t sizes[] = { 4096, 4096, 65536, 100 };
	struct zs_ops ops = test_pages_ops(&f->pages);
	struct zs_pool_options options = { .size = sizeof(options), .on_error = count_error, .ctx = f };
	uint32_t kind = fuzz_take(&f->in, 1);

	f->has_ops = kind & 1;
	f->max_size = sizes[kind >> 1 & 3];
	options.max_object_size = f->max_size;
	options.limit_bytes = kind & 8 ? 256 * 1024 : 0;
	if (f->has_ops)
		options.ops = &ops;
	f->pool = zs_create_pool_with(&options);
	MUST(f->pool);
}

/* ---- contents ---- */

static void fill(unsigned char *to, uint32_t seed, uint32_t size)
{
	struct rng rng = { .state = seed };

	rng_fill(&rng, to, size);
}

static void check(struct fuzz *f, const struct object *object, const unsigned char *mem)
{
	fill(f->bytes, object->seed, object->size);
	MUST(!memcmp(mem, f->bytes, object->size));
}

static void adopt(struct fuzz *f, struct object *object, unsigned long handle, uint32_t size)
{
	*object = (struct object){ .handle = handle, .size = size, .seed = ++f->next_seed };
	fill(f->bytes, object->seed, size);
	MUST(!zs_obj_write(f->pool, handle, f->bytes, size));
}

/* ---- operations ---- */

static struct object *choose(struct fuzz *f)
{
	return &f->objects[fuzz_take(&f->in, 1) % NR_OBJECTS];
}

static void do_malloc(struct fuzz *f)
{
	struct object *object = choose(f);
	uint32_t size = fuzz_take(&f->in, 2) * (f->max_size > 65535 ? 2 : 1) % (f->max_size + 2);
	unsigned int flags = fuzz_take(&f->in, 1) & 1 ? ZS_NOGROW : 0;
	unsigned long handle;

	if (object->handle)
		return;
	errno = 0;
	handle = zs_malloc(f->pool, size, flags);
	if (!size || size > f->max_size) {
		MUST(!handle && errno == (size ? ENOSPC : EINVAL));
	} else if (!handle) {
		MUST(errno == ENOMEM);
	} else {
		MUST(sizeof(long) == 4 || handle >> 48 == 0);
		adopt(f, object, handle, size);
	}
}

/* Errors that a call reported. */
static unsigned int errors_of(struct fuzz *f, void (*call)(struct zs_pool *pool, unsigned long handle),
			      unsigned long handle)
{
	unsigned int before = f->nr_errors;

	call(f->pool, handle);
	return f->nr_errors - before;
}

static void do_free(struct fuzz *f)
{
	struct object *object = choose(f);

	if (!object->handle)
		return;
	MUST(errors_of(f, zs_free, object->handle) == object->is_mapped);
	if (object->is_mapped)
		return;
	f->stale = object->handle;
	object->handle = 0;
}

static void do_map(struct fuzz *f)
{
	struct object *object = choose(f);
	enum zs_mapmode mode = (enum zs_mapmode)(fuzz_take(&f->in, 1) % 3);
	unsigned char *mem;

	if (!object->handle || object->is_mapped)
		return;
	mem = zs_map_object(f->pool, object->handle, mode);
	if (!mem) {
		MUST(errno == ENOMEM);
		return;
	}
	MUST((uintptr_t)mem % 8 == 0);
	if (mode != ZS_MM_WO)
		check(f, object, mem);
	if (mode != ZS_MM_RO) {
		object->seed = ++f->next_seed;
		fill(mem, object->seed, object->size);
	}
	object->is_mapped = true;
	object->mode = mode;
}

static void do_unmap(struct fuzz *f)
{
	struct object *object = choose(f);

	if (!object->handle)
		return;
	MUST(errors_of(f, zs_unmap_object, object->handle) == !object->is_mapped);
	object->is_mapped = false;
}

static void do_read(struct fuzz *f)
{
	static unsigned char copy[65536];
	struct object *object = choose(f);
	const unsigned char *mem;

	if (!object->handle || (object->is_mapped && object->mode != ZS_MM_RO))
		return;
	mem = zs_obj_read_begin(f->pool, object->handle, object->size, copy);
	MUST(mem);
	check(f, object, mem);
	zs_obj_read_end(f->pool, object->handle, object->size, mem);
	MUST(!zs_obj_read_begin(f->pool, object->handle, (size_t)1 << 17, copy) && errno == EINVAL);
}

static void do_write(struct fuzz *f)
{
	struct object *object = choose(f);

	if (!object->handle || object->is_mapped)
		return;
	object->seed = ++f->next_seed;
	fill(f->bytes, object->seed, object->size);
	MUST(!zs_obj_write(f->pool, object->handle, f->bytes, object->size));
	MUST(zs_obj_write(f->pool, object->handle, f->bytes, (size_t)1 << 17) == -EINVAL);
}

static void do_bulk(struct fuzz *f)
{
	unsigned long handles[BULK];
	size_t sizes[BULK] = { 0 }, nr = 0, done;
	struct object *free_ones[BULK];

	for (unsigned int i = 0; i < NR_OBJECTS && nr < BULK; i++)
		if (!f->objects[i].handle)
			free_ones[nr++] = &f->objects[i];
	for (size_t i = 0; i < nr; i++)
		sizes[i] = 1 + fuzz_take(&f->in, 2) % f->max_size;
	done = zs_malloc_bulk(f->pool, sizes, handles, nr, 0);
	MUST(done == nr || errno == ENOMEM);
	for (size_t i = 0; i < nr; i++) {
		MUST(!handles[i] == (i >= done));
		if (handles[i])
			adopt(f, free_ones[i], handles[i], (uint32_t)sizes[i]);
	}
}

static void do_free_bulk(struct fuzz *f)
{
	unsigned long handles[NR_OBJECTS];
	uint32_t which = fuzz_take(&f->in, 4);
	unsigned int before = f->nr_errors, nr = 0;

	for (unsigned int i = 0; i < NR_OBJECTS; i++) {
		struct object *object = &f->objects[i];

		if (!(which >> i % 32 & 1) || object->is_mapped)
			continue;
		handles[nr++] = object->handle; /* may be 0 */
		object->handle = 0;
	}
	zs_free_bulk(f->pool, handles, nr);
	MUST(f->nr_errors == before);
}

static bool is_good(const struct fuzz *f, unsigned long handle)
{
	for (unsigned int i = 0; i < NR_OBJECTS; i++)
		if (f->objects[i].handle == handle)
			return true;
	return false;
}

/* A handle that may be any number; near a good one, more often than not. */
static unsigned long bad_handle(struct fuzz *f)
{
	unsigned long handle = fuzz_take(&f->in, 1) & 1 ? f->stale : choose(f)->handle;

	if (fuzz_take(&f->in, 1) & 1)
		handle ^= (unsigned long)fuzz_take(&f->in, 4) << fuzz_take(&f->in, 1) % (sizeof(long) * 8 - 31);
	return handle;
}

static void do_bad_handle(struct fuzz *f)
{
	unsigned long handle = bad_handle(f);
	unsigned int before = f->nr_errors;
	char byte = 0;

	if (!handle || is_good(f, handle))
		return;
	MUST(!zs_map_object(f->pool, handle, ZS_MM_RO));
	zs_unmap_object(f->pool, handle);
	zs_free(f->pool, handle);
	MUST(!zs_obj_read_begin(f->pool, handle, 1, &byte));
	MUST(zs_obj_write(f->pool, handle, &byte, 1) == -EINVAL);
	MUST(f->nr_errors == before + 5);
}

static void do_compact(struct fuzz *f)
{
	uint32_t pages = fuzz_take(&f->in, 1);

	if (pages & 128)
		zs_compact(f->pool);
	else
		zs_compact_some(f->pool, pages, 0);
}

static void do_look(struct fuzz *f)
{
	struct zs_pool_stats stats = { .size = sizeof(stats) };
	unsigned int nr = 0;

	for (unsigned int i = 0; i < NR_OBJECTS; i++)
		nr += f->objects[i].handle != 0;
	zs_pool_stats(f->pool, &stats);
	MUST(stats.objects == nr);
	MUST(stats.pages == zs_get_total_pages(f->pool));
	MUST(stats.pages * 4096 + stats.metadata_bytes == zs_get_total_size_bytes(f->pool));
	MUST(!f->has_ops || stats.pages == f->pages.nr_out);
	MUST(!zs_pool_verify(f->pool));
}

static void (*const operations[])(struct fuzz *f) = {
	do_malloc, do_malloc, do_malloc, do_free,      do_free,       do_map,     do_unmap, do_read,
	do_write,  do_bulk,   do_bulk,   do_free_bulk, do_bad_handle, do_compact, do_look,
};

static void close_pool(struct fuzz *f)
{
	for (unsigned int i = 0; i < NR_OBJECTS; i++) {
		struct object *object = &f->objects[i];

		if (object->is_mapped)
			zs_unmap_object(f->pool, object->handle);
		object->is_mapped = false;
		if (object->handle) {
			const unsigned char *mem = zs_map_object(f->pool, object->handle, ZS_MM_RO);

			MUST(mem || errno == ENOMEM);
			if (mem)
				check(f, object, mem);
			if (mem)
				zs_unmap_object(f->pool, object->handle);
		}
	}
	do_look(f);
	zs_destroy_pool(f->pool);
	MUST(!f->pages.nr_out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz f;

	memset(&f, 0, offsetof(struct fuzz, bytes));
	f.in = (struct fuzz_bytes){ data, size };
	open_pool(&f);
	while (f.in.left)
		operations[fuzz_take(&f.in, 1) % (sizeof(operations) / sizeof(operations[0]))](&f);
	close_pool(&f);
	return 0;
}
