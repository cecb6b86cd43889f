/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Objects under test, in tables: each knows what its bytes must be, and every use of it looks at them.
 *
 * An object's content follows from its table, its place there and its generation. A write (ZS_MM_WO) makes all of it
 * the next generation; a rewrite (ZS_MM_RW) only its head, and the next rewrite the rest, so that what was not touched
 * in between must have stayed. A table is used by one thread at a time.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "selftest.h"

/* Whether calls leave the context as they found it. */
struct context {
	int preempt;
	int pagefault;
};

static struct context context_now(void)
{
	return (struct context){ .preempt = preempt_count(), .pagefault = current->pagefault_disabled };
}

static void context_must_be(struct st_table *t, struct context before, const char *after)
{
	struct context now = context_now();

	if (now.preempt != before.preempt || now.pagefault != before.pagefault)
		st_fail(t->st, "%s: preemption count %#x, was %#x; page faults off %d, was %d", after, now.preempt,
			before.preempt, now.pagefault, before.pagefault);
}

static u64 content_key(struct st_table *t, struct st_object *o, u32 generation)
{
	return st_key(t->key, (u64)(o - t->objects) << 32 | generation);
}

/* ---- inside a map ---- */

static void *map(struct st_table *t, struct st_object *o, enum zs_mapmode mode)
{
	void *memory = zs_map_object(t->pool, o->handle, mode);

	if (IS_ERR_OR_NULL(memory)) {
		st_fail(t->st, "object %#lx of %u bytes is mapped to %ld", o->handle, o->size, (long)memory);
		return NULL;
	}
	if (!IS_ALIGNED((unsigned long)memory, sizeof(long)))
		st_fail(t->st, "object %#lx of %u bytes is not aligned: %#lx", o->handle, o->size,
			(unsigned long)memory & ~PAGE_MASK);
	return memory;
}

static void verify_part(struct st_table *t, struct st_object *o, const u8 *memory, u32 from, u32 to, u32 generation)
{
	u64 key = content_key(t, o, generation);
	u32 at = st_pattern_differs(memory, from, to, key);

	if (at < to)
		st_fail(t->st, "object %#lx of %u bytes: byte %u is %#04x, not %#04x of generation %u", o->handle,
			o->size, at, memory[at], st_pattern_byte(at, key), generation);
}

static void verify(struct st_table *t, struct st_object *o, const void *memory)
{
	verify_part(t, o, memory, 0, o->head, o->generation);
	verify_part(t, o, memory, o->head, o->size, o->generation - 1);
}

/* With a new content in place and all to lose. */
static void linger(struct st_table *t)
{
	if (t->lingers && st_below(&t->rng, 32) == 0)
		udelay(100);
}

static void fill(struct st_table *t, struct st_object *o, void *memory, u32 from, u32 to)
{
	st_pattern_fill(memory, from, to, content_key(t, o, o->generation));
}

static void fill_part(struct st_table *t, struct st_object *o, void *memory)
{
	if (o->head < o->size) {
		fill(t, o, memory, o->head, o->size);
		o->head = o->size;
	} else {
		o->generation++;
		o->head = 1 + st_below(&t->rng, o->size);
		fill(t, o, memory, 0, o->head);
	}
}

/* ---- one object ---- */

void st_object_write(struct st_table *t, struct st_object *o)
{
	struct context before = context_now();
	void *memory = map(t, o, ZS_MM_WO);

	if (!memory)
		return;
	o->generation++;
	o->head = o->size;
	fill(t, o, memory, 0, o->size);
	linger(t);
	verify(t, o, memory);
	zs_unmap_object(t->pool, o->handle);
	context_must_be(t, before, "map and unmap for writing");
}

void st_object_rewrite(struct st_table *t, struct st_object *o)
{
	struct context before = context_now();
	void *memory = map(t, o, ZS_MM_RW);

	if (!memory)
		return;
	verify(t, o, memory);
	fill_part(t, o, memory);
	linger(t);
	verify(t, o, memory);
	zs_unmap_object(t->pool, o->handle);
	context_must_be(t, before, "map and unmap for rewriting");
}

void st_object_read(struct st_table *t, struct st_object *o)
{
	struct context before = context_now();
	void *memory = map(t, o, ZS_MM_RO);

	if (!memory)
		return;
	verify(t, o, memory);
	zs_unmap_object(t->pool, o->handle);
	context_must_be(t, before, "map and unmap for reading");
}

int st_object_alloc(struct st_table *t, struct st_object *o, u32 size, gfp_t gfp)
{
	struct context before = context_now();
	unsigned long handle = zs_malloc(t->pool, size, gfp);
	int error = IS_ERR_VALUE(handle) ? (int)handle : handle ? 0 : -EFAULT;

	context_must_be(t, before, "zs_malloc()");
	if (error) {
		if (error != -ENOMEM)
			st_fail(t->st, "zs_malloc() of %u bytes, gfp %#x: %ld", size, (__force unsigned int)gfp,
				(long)handle);
		return error;
	}
	o->handle = handle;
	o->size = size;
	t->nr_live++;
	t->nr_bytes += size;
	st_object_write(t, o);
	return 0;
}

void st_object_must_alloc(struct st_table *t, struct st_object *o, u32 size, gfp_t gfp)
{
	if (st_object_alloc(t, o, size, gfp) == -ENOMEM)
		st_fail(t->st, "zs_malloc() of %u bytes, gfp %#x: no memory", size, (__force unsigned int)gfp);
}

void st_object_free(struct st_table *t, struct st_object *o)
{
	struct context before = context_now();

	zs_free(t->pool, o->handle);
	context_must_be(t, before, "zs_free()");
	o->handle = 0;
	t->nr_live--;
	t->nr_bytes -= o->size;
}

/* ---- tables ---- */

int st_table_create(struct st_table *t, struct selftest *st, struct zs_pool *pool, u32 nr, u32 id)
{
	*t = (struct st_table){ .st = st, .pool = pool, .nr = nr, .key = st_key(st->seed, id) };
	t->rng.state = st_key(t->key, id);
	t->objects = kvcalloc(nr, sizeof(*t->objects), GFP_KERNEL);
	if (!t->objects) {
		st_fail(st, "no memory for a table of %u objects", nr);
		return -ENOMEM;
	}
	st_table_phase(t);
	return 0;
}

void st_table_destroy(struct st_table *t)
{
	st_table_free_all(t);
	kvfree(t->objects);
	t->objects = NULL;
}

void st_table_verify(struct st_table *t)
{
	u32 i;

	for (i = 0; t->nr_live && i < t->nr; i++) {
		if (t->objects[i].handle)
			st_object_read(t, &t->objects[i]);
		cond_resched();
	}
}

void st_table_free_all(struct st_table *t)
{
	u32 i;

	for (i = 0; t->nr_live && i < t->nr; i++) {
		if (t->objects[i].handle)
			st_object_free(t, &t->objects[i]);
		cond_resched();
	}
}

void st_table_free_half(struct st_table *t)
{
	u32 i;

	for (i = 0; i < t->nr; i++) {
		if (t->objects[i].handle && st_below(&t->rng, 2))
			st_object_free(t, &t->objects[i]);
		cond_resched();
	}
}

/* ---- random operations ---- */

void st_table_phase(struct st_table *t)
{
	u32 width = st_below(&t->rng, 3) ? PAGE_SIZE : 1 + st_below(&t->rng, PAGE_SIZE / 16);

	t->target = st_below(&t->rng, 4) ? st_below(&t->rng, t->nr + 1) : st_below(&t->rng, t->nr / 16 + 1);
	t->smallest = 1 + st_below(&t->rng, PAGE_SIZE - width + 1);
	t->largest = t->smallest + width - 1;
}

static void alloc_as_zram(struct st_table *t, struct st_object *o)
{
	u32 size = t->smallest + st_below(&t->rng, t->largest - t->smallest + 1);

	if (st_object_alloc(t, o, size, ST_GFP_QUICK) == -ENOMEM)
		st_object_must_alloc(t, o, size, ST_GFP_PATIENT);
}

void st_table_step(struct st_table *t)
{
	struct st_object *o = &t->objects[st_below(&t->rng, t->nr)];
	u32 pick = st_below(&t->rng, 100);

	if (!o->handle) {
		if (t->nr_live < t->target || pick < 10)
			alloc_as_zram(t, o);
	} else if (pick < (t->nr_live > t->target ? 40 : 10)) {
		st_object_read(t, o);
		st_object_free(t, o);
	} else if (pick < 50) {
		st_object_write(t, o);
	} else if (pick < 75) {
		st_object_rewrite(t, o);
	} else {
		st_object_read(t, o);
	}
}
