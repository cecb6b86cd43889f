/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The loop that is measured: compress a unit, keep it in a heap, find it again, decompress it.
 *
 * Units come in batches, in one buffer. Two loops (ours, and malloc's in a child process) take turns on each batch.
 */
#ifndef ZS_LOOP_H
#define ZS_LOOP_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "comp.h"
#include "heap.h"

/* What the loops of both processes share; the two arrays are shared memory. */
struct zs_loop_plan {
	struct zs_comp_spec codec;
	size_t unit_bytes;
	size_t limit_bytes; /* a unit whose compressed size reaches this is kept as it is */
	size_t nr_units;    /* at most */
	size_t batch_units;
	unsigned int nr_threads;
	unsigned char *batch;       /* the units of the batch in hand */
	unsigned char *same_filled; /* of every unit: 1, it has no object */
};

/* len 0: the unit has no object, since it is same-filled or was freed. */
struct zs_loop_object {
	uint64_t ref;
	uint32_t len;
};

struct zs_loop {
	struct zs_loop_plan plan;
	struct zs_heap heap;
	struct zs_team *team;
	void **codecs;                  /* a context for each thread */
	unsigned char **scratch;        /* two units for each thread */
	struct zs_loop_object *objects; /* of every unit */
	uint32_t *order;                /* for zs_loop_free_half() */
	unsigned char *back;            /* a batch, as it came back */
	size_t first;                   /* unit of the batch in hand */
	atomic_int err;                 /* the first error of any thread, positive */
	uint64_t store_ns;
	uint64_t load_ns;
	uint64_t free_ns;
	size_t nr_freed;
};

/* Memory that is in place, so that what is measured later is not ours. NULL with errno. */
void *zs_loop_memory(size_t size_bytes, int shared);
void zs_loop_memory_free(void *memory, size_t size_bytes);

/* 0 or a positive errno. The heap is given later, in loop->heap. */
int zs_loop_init(struct zs_loop *loop, const struct zs_loop_plan *plan);
void zs_loop_destroy(struct zs_loop *loop);

/* Compresses and keeps units [first, end), which are in plan.batch. 0 or a positive errno. */
int zs_loop_store(struct zs_loop *loop, size_t first, size_t end);

/* Brings units [first, end) back into loop->back. Where one could not be, there is what no unit with an object is. */
void zs_loop_load(struct zs_loop *loop, size_t first, size_t end);

/* Frees a random half of the objects among nr_units; the same half in every loop. */
void zs_loop_free_half(struct zs_loop *loop, size_t nr_units);

#endif
