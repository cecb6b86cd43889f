/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The store-and-load loop over a heap, in several threads, timed without anything that is not its work.
 */
#include "loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "random.h"
#include "team.h"
#include "unit.h"
#include "zs.h"

enum { NEVER_A_UNIT = 0xa5 }; /* a unit of this byte alone is same-filled */

static const uint64_t HALF_SEED = 0x5e7713a11000u;

void *zs_loop_memory(size_t size_bytes, int shared)
{
	void *memory = mmap(NULL, size_bytes ? size_bytes : 1, PROT_READ | PROT_WRITE,
			    MAP_ANONYMOUS | (shared ? MAP_SHARED : MAP_PRIVATE), -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	memset(memory, 0, size_bytes);
	return memory;
}

void zs_loop_memory_free(void *memory, size_t size_bytes)
{
	if (memory)
		munmap(memory, size_bytes ? size_bytes : 1);
}

/* Runs a codec once, so that all memory it works in is in place. */
static void warm_up(void *codec, unsigned char *scratch, const struct zs_loop_plan *plan, unsigned char *unit)
{
	ssize_t len;

	for (size_t i = 0; i < plan->unit_bytes; i++)
		unit[i] = (unsigned char)(i * i >> 7);
	memset(scratch, 0, plan->unit_bytes);
	len = plan->codec.comp->compress(codec, unit, plan->unit_bytes, scratch, plan->unit_bytes);
	if (len > 0)
		plan->codec.comp->decompress(codec, scratch, (size_t)len, unit, plan->unit_bytes);
}

static int create_contexts(struct zs_loop *loop)
{
	const struct zs_loop_plan *plan = &loop->plan;

	loop->codecs = calloc(plan->nr_threads, sizeof(*loop->codecs));
	loop->scratch = calloc(plan->nr_threads, sizeof(*loop->scratch));
	if (!loop->codecs || !loop->scratch)
		return ENOMEM;
	for (unsigned int i = 0; i < plan->nr_threads; i++) {
		loop->codecs[i] = plan->codec.comp->create(plan->codec.level, plan->unit_bytes);
		loop->scratch[i] = malloc(2 * plan->unit_bytes);
		if (!loop->codecs[i] || !loop->scratch[i])
			return ENOMEM;
		warm_up(loop->codecs[i], loop->scratch[i], plan, loop->back);
	}
	return 0;
}

/* Maps the shared batch into this process as well, which would else be a cost of its first use. */
static void touch_batch(const struct zs_loop_plan *plan)
{
	const volatile unsigned char *batch = plan->batch;

	for (size_t at = 0; at < plan->batch_units * plan->unit_bytes; at += 4096)
		(void)batch[at];
}

int zs_loop_init(struct zs_loop *loop, const struct zs_loop_plan *plan)
{
	int err;

	memset(loop, 0, sizeof(*loop));
	loop->plan = *plan;
	loop->objects = zs_loop_memory(plan->nr_units * sizeof(*loop->objects), 0);
	loop->order = zs_loop_memory(plan->nr_units * sizeof(*loop->order), 0);
	loop->back = zs_loop_memory(plan->batch_units * plan->unit_bytes, 0);
	if (!loop->objects || !loop->order || !loop->back)
		return ENOMEM;
	touch_batch(plan);
	err = create_contexts(loop);
	if (err)
		return err;
	loop->team = zs_team_create(plan->nr_threads);
	return loop->team ? 0 : errno;
}

static void destroy_contexts(struct zs_loop *loop)
{
	for (unsigned int i = 0; i < loop->plan.nr_threads; i++) {
		if (loop->codecs && loop->codecs[i])
			loop->plan.codec.comp->destroy(loop->codecs[i]);
		if (loop->scratch)
			free(loop->scratch[i]);
	}
	free(loop->codecs);
	free(loop->scratch);
}

void zs_loop_destroy(struct zs_loop *loop)
{
	zs_team_destroy(loop->team);
	destroy_contexts(loop);
	zs_loop_memory_free(loop->objects, loop->plan.nr_units * sizeof(*loop->objects));
	zs_loop_memory_free(loop->order, loop->plan.nr_units * sizeof(*loop->order));
	zs_loop_memory_free(loop->back, loop->plan.batch_units * loop->plan.unit_bytes);
}

static void fail(struct zs_loop *loop, int err)
{
	int none = 0;

	atomic_compare_exchange_strong(&loop->err, &none, err);
}

static void store_unit(struct zs_loop *loop, unsigned int thread, size_t unit)
{
	const struct zs_loop_plan *plan = &loop->plan;
	const unsigned char *data = plan->batch + (unit - loop->first) * plan->unit_bytes;
	struct zs_loop_object *object = &loop->objects[unit];
	ssize_t len;

	len = zs_unit_compress(plan->codec.comp, loop->codecs[thread], data, plan->unit_bytes, plan->limit_bytes,
			       loop->scratch[thread]);
	if (len < 0) {
		fail(loop, EIO);
		return;
	}
	if (len != (ssize_t)plan->unit_bytes)
		data = loop->scratch[thread];
	object->ref = loop->heap.put(&loop->heap, data, (size_t)len);
	if (object->ref)
		object->len = (uint32_t)len;
	else
		fail(loop, errno ? errno : ENOMEM);
}

static void store_piece(void *arg, unsigned int thread, size_t first, size_t end)
{
	struct zs_loop *loop = arg;

	if (atomic_load_explicit(&loop->err, memory_order_relaxed))
		return;
	for (size_t unit = first; unit < end; unit++)
		if (!loop->plan.same_filled[unit])
			store_unit(loop, thread, unit);
}

int zs_loop_store(struct zs_loop *loop, size_t first, size_t end)
{
	loop->first = first;
	loop->store_ns += zs_team_run(loop->team, store_piece, loop, first, end);
	return atomic_load(&loop->err);
}

/* An object whose reading has begun. data NULL: it could not be read. */
struct begun {
	size_t unit;
	const void *data;
};

static struct begun begin_load(struct zs_loop *loop, unsigned char *copy, size_t unit)
{
	const struct zs_loop_object *object = &loop->objects[unit];

	return (struct begun){ unit, loop->heap.get(&loop->heap, object->ref, object->len, copy) };
}

static void finish_load(struct zs_loop *loop, unsigned int thread, struct begun begun)
{
	const struct zs_loop_plan *plan = &loop->plan;
	const struct zs_loop_object *object = &loop->objects[begun.unit];
	unsigned char *back = loop->back + (begun.unit - loop->first) * plan->unit_bytes;
	ssize_t len = (ssize_t)plan->unit_bytes;

	if (!begun.data)
		return;
	if (object->len == plan->unit_bytes)
		memcpy(back, begun.data, plan->unit_bytes);
	else
		len = plan->codec.comp->decompress(loop->codecs[thread], begun.data, object->len, back,
						   plan->unit_bytes);
	loop->heap.unget(&loop->heap, object->ref, object->len, begun.data);
	if (len != (ssize_t)plan->unit_bytes)
		memset(back, NEVER_A_UNIT, plan->unit_bytes);
}

/* The next object is on its way from memory while the one before is decompressed: hence two buffers for copies. */
static void load_piece(void *arg, unsigned int thread, size_t first, size_t end)
{
	struct zs_loop *loop = arg;
	struct begun before = { 0, NULL };
	unsigned int turn = 0;

	for (size_t unit = first; unit < end; unit++) {
		struct begun next;

		if (!loop->objects[unit].len)
			continue;
		next = begin_load(loop, loop->scratch[thread] + turn * loop->plan.unit_bytes, unit);
		finish_load(loop, thread, before);
		before = next;
		turn ^= 1;
	}
	finish_load(loop, thread, before);
}

void zs_loop_load(struct zs_loop *loop, size_t first, size_t end)
{
	memset(loop->back, NEVER_A_UNIT, (end - first) * loop->plan.unit_bytes);
	loop->first = first;
	loop->load_ns += zs_team_run(loop->team, load_piece, loop, first, end);
}

/* Puts a random half of the objects' units first in loop->order, in random order. Returns their number. */
static size_t choose_half(struct zs_loop *loop, size_t nr_units)
{
	uint32_t *order = loop->order;
	uint64_t state = HALF_SEED;
	size_t nr_objects = 0;

	for (size_t unit = 0; unit < nr_units; unit++)
		if (loop->objects[unit].len)
			order[nr_objects++] = (uint32_t)unit;
	for (size_t i = 0; i < nr_objects / 2; i++) {
		size_t other = i + (size_t)zs_random_below(&state, nr_objects - i);
		uint32_t unit = order[other];

		order[other] = order[i];
		order[i] = unit;
	}
	return nr_objects / 2;
}

void zs_loop_free_half(struct zs_loop *loop, size_t nr_units)
{
	size_t nr_freed = choose_half(loop, nr_units);
	uint64_t began_ns = zs_clock_ns();

	for (size_t i = 0; i < nr_freed; i++)
		loop->heap.drop(&loop->heap, loop->objects[loop->order[i]].ref);
	loop->free_ns = zs_clock_ns() - began_ns;
	for (size_t i = 0; i < nr_freed; i++)
		loop->objects[loop->order[i]] = (struct zs_loop_object){ 0, 0 };
	loop->nr_freed = nr_freed;
}
