/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The edges of the API: every size there is, sizes there are not, handles that are none, pools without objects.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/mm.h>

#include "selftest.h"

#define NR_EACH 6 /* of one size at once: enough that some cross a page border */

static void huge_class_size_is_sane(struct selftest *st, struct zs_pool *pool)
{
	size_t size = zs_huge_class_size(pool);

	if (size < 1 || size > PAGE_SIZE)
		st_fail(st, "zs_huge_class_size() is %zu", size);
}

static void pool_is_empty(struct selftest *st, struct zs_pool *pool, const char *after)
{
	if (!st_pool_drains(pool))
		st_fail(st, "%lu pages after %s", zs_get_total_pages(pool), after);
}

static void empty_pool(struct selftest *st)
{
	struct zs_pool *pool = st_pool_create(st);

	if (!pool)
		return;
	huge_class_size_is_sane(st, pool);
	if (st_pool_compact(st, pool) || st_pool_compacted(pool))
		st_fail(st, "an empty pool was compacted by %lu pages", st_pool_compacted(pool));
	st_pool_destroy(st, pool);
}

static void refuses(struct selftest *st, struct zs_pool *pool, size_t size, gfp_t gfp)
{
	unsigned long handle = zs_malloc(pool, size, gfp);

	if (handle == (unsigned long)ERR_PTR(-EINVAL))
		return;
	st_fail(st, "zs_malloc() of %zu bytes, gfp %#x: %ld, not %d", size, (__force unsigned int)gfp, (long)handle,
		-EINVAL);
	zs_free(pool, handle);
}

static void bad_sizes(struct selftest *st)
{
	/* One of them is small when it is cut to 32 bits. */
	static const size_t sizes[] = {
		0,        PAGE_SIZE + 1, 2 * PAGE_SIZE,
		1 << 20,  INT_MAX,       UINT_MAX,
		LONG_MAX, SIZE_MAX,      IS_ENABLED(CONFIG_64BIT) ? (size_t)((1ull << 32) + 33) : SIZE_MAX
	};
	struct zs_pool *pool = st_pool_create(st);
	unsigned int i;

	if (!pool)
		return;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		refuses(st, pool, sizes[i], GFP_KERNEL);
		refuses(st, pool, sizes[i], ST_GFP_QUICK);
	}
	pool_is_empty(st, pool, "sizes that were refused");
	st_pool_destroy(st, pool);
}

/* zram frees what zs_malloc() gave it, errors too, and takes 0 for nothing. */
static void bad_frees(struct selftest *st)
{
	static const long handles[] = { 0, -ENOMEM, -EINVAL, -ENOSPC, -1, -MAX_ERRNO };
	struct zs_pool *pool = st_pool_create(st);
	struct st_table t;
	unsigned int i;

	if (!pool)
		return;
	if (!st_table_create(&t, st, pool, 1, 0)) {
		for (i = 0; i < ARRAY_SIZE(handles); i++)
			zs_free(pool, (unsigned long)handles[i]);
		st_object_must_alloc(&t, t.objects, 100, GFP_KERNEL);
		for (i = 0; i < ARRAY_SIZE(handles); i++)
			zs_free(pool, (unsigned long)handles[i]);
		st_table_verify(&t);
		if (!zs_get_total_pages(pool))
			st_fail(st, "no pages with an object");
		st_table_destroy(&t);
	}
	st_pool_destroy(st, pool);
}

static void handles_differ(struct st_table *t)
{
	u32 i, j;

	for (i = 0; i < t->nr; i++)
		for (j = 0; j < i; j++)
			if (t->objects[i].handle && t->objects[i].handle == t->objects[j].handle)
				st_fail(t->st, "two objects have the handle %#lx", t->objects[i].handle);
}

static void pages_suffice(struct st_table *t)
{
	unsigned long pages = zs_get_total_pages(t->pool);

	if (((u64)pages << PAGE_SHIFT) < t->nr_bytes)
		st_fail(t->st, "%llu bytes are said to be in %lu pages", t->nr_bytes, pages);
}

static void one_size(struct st_table *t, u32 size)
{
	u32 i;

	for (i = 0; i < t->nr; i++)
		st_object_must_alloc(t, &t->objects[i], size, i % 2 ? GFP_KERNEL : ST_GFP_PATIENT);
	handles_differ(t);
	pages_suffice(t);
	st_table_verify(t);
	for (i = 0; i < t->nr; i++)
		if (t->objects[i].handle)
			st_object_rewrite(t, &t->objects[i]);
	st_table_verify(t);
	st_table_free_all(t);
}

/* One size after the other; the pool is empty in between. */
static void each_size(struct selftest *st)
{
	struct zs_pool *pool = st_pool_create(st);
	struct st_table t;
	u32 size;

	if (!pool)
		return;
	if (!st_table_create(&t, st, pool, NR_EACH, 1)) {
		for (size = 1; size <= PAGE_SIZE && st_goes_on(st); size++) {
			st->step = size;
			one_size(&t, size);
			pool_is_empty(st, pool, "all objects of a size were freed");
		}
		st_table_destroy(&t);
	}
	st_pool_destroy(st, pool);
}

/* All sizes at once, largest first, and an object moves only if the pool moves it. */
static void all_sizes(struct selftest *st)
{
	struct zs_pool *pool = st_pool_create(st);
	struct st_table t;
	u32 size;

	if (!pool)
		return;
	if (!st_table_create(&t, st, pool, PAGE_SIZE, 2)) {
		for (size = PAGE_SIZE; size >= 1 && st_goes_on(st); size--) {
			st->step = size;
			st_object_must_alloc(&t, &t.objects[size - 1], size, GFP_KERNEL);
		}
		pages_suffice(&t);
		st_table_verify(&t);
		st_pool_compact(st, pool);
		st_table_verify(&t);
		st_table_destroy(&t);
	}
	st_pool_destroy(st, pool);
}

/* What happens in one pool leaves another one as it was. */
static void two_pools(struct selftest *st)
{
	struct zs_pool *one = st_pool_create(st);
	struct zs_pool *other = st_pool_create(st);
	struct st_table t;

	if (one && other && !st_table_create(&t, st, one, 100, 3)) {
		if (zs_huge_class_size(one) != zs_huge_class_size(other))
			st_fail(st, "zs_huge_class_size() is %zu here and %zu there", zs_huge_class_size(one),
				zs_huge_class_size(other));
		while (t.nr_live < t.nr && st_goes_on(st))
			st_object_must_alloc(&t, &t.objects[t.nr_live], 1 + 40 * t.nr_live, GFP_KERNEL);
		pool_is_empty(st, other, "allocations in another pool");
		st_pool_destroy(st, other);
		other = NULL;
		st_table_verify(&t);
		st_table_destroy(&t);
	}
	if (one)
		st_pool_destroy(st, one);
	if (other)
		st_pool_destroy(st, other);
}

void st_limits_run(struct selftest *st)
{
	empty_pool(st);
	bad_sizes(st);
	bad_frees(st);
	each_size(st);
	all_sizes(st);
	two_pools(st);
}
