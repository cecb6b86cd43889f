/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A thread that gives an engine time for its background work: it calls a step over and over, as the step says when,
 * and rests after each for as long as it took. So it takes half a processor at most, and less the more others need: it
 * has a low priority.
 */
#ifndef ZS_WORKER_H
#define ZS_WORKER_H

#include <stdint.h>

struct zs_worker;

/* A piece of work, of some milliseconds. now_ns: of the monotonic clock. Result: the nanoseconds to the next. */
typedef uint64_t zs_worker_step(void *ctx, uint64_t now_ns);

/* Is told how much processor time each took. */
typedef void zs_worker_spent(void *ctx, uint64_t ns);

/* Result: 0 or what pthread_create() said, negative. */
int zs_worker_start(zs_worker_step *step, zs_worker_spent *spent, void *ctx, struct zs_worker **worker);

/* Waits for the step that is under way. NULL is fine. */
void zs_worker_stop(struct zs_worker *worker);

#endif
