/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The thread of an engine's background work.
 *
 * Locks: one, of whether it is to end.
 */
#include "worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clocks.h"
#include "thread.h"

/* What was not due may be due sooner than it was said: an engine is asked again after this time at the latest. */
#define LONGEST_REST_NS 1000000000u
#define NICE 10

struct zs_worker {
	zs_worker_step *step;
	zs_worker_spent *spent;
	void *ctx;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t to_end_changed;
	bool to_end;
};

/* Whether it is to go on after so long. */
static bool rest(struct zs_worker *worker, uint64_t ns)
{
	uint64_t until_ns = zs_clock_ns() + ns;
	struct timespec until = { .tv_sec = (time_t)(until_ns / 1000000000u),
				  .tv_nsec = (long)(until_ns % 1000000000u) };
	bool to_end;

	pthread_mutex_lock(&worker->lock);
	while (!worker->to_end &&
	       pthread_cond_clockwait(&worker->to_end_changed, &worker->lock, CLOCK_MONOTONIC, &until) != ETIMEDOUT)
		;
	to_end = worker->to_end;
	pthread_mutex_unlock(&worker->lock);
	return !to_end;
}

static void *work(void *arg)
{
	struct zs_worker *worker = arg;
	uint64_t due, took;

	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
	do {
		took = zs_clock_of(CLOCK_THREAD_CPUTIME_ID);
		due = worker->step(worker->ctx, zs_clock_ns());
		took = zs_clock_of(CLOCK_THREAD_CPUTIME_ID) - took;
		worker->spent(worker->ctx, took);
		if (due > LONGEST_REST_NS)
			due = LONGEST_REST_NS;
	} while (rest(worker, due > took ? due : took));
	return NULL;
}

static void destroy(struct zs_worker *worker)
{
	pthread_mutex_destroy(&worker->lock);
	pthread_cond_destroy(&worker->to_end_changed);
	free(worker);
}

int zs_worker_start(zs_worker_step *step, zs_worker_spent *spent, void *ctx, struct zs_worker **result)
{
	struct zs_worker *worker = calloc(1, sizeof(*worker));
	int err;

	if (!worker)
		return -ENOMEM;
	worker->step = step;
	worker->spent = spent;
	worker->ctx = ctx;
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->to_end_changed, NULL);
	err = zs_thread_start(&worker->thread, 0, work, worker);
	if (err)
		destroy(worker);
	else
		*result = worker;
	return err;
}

void zs_worker_stop(struct zs_worker *worker)
{
	if (!worker)
		return;
	pthread_mutex_lock(&worker->lock);
	worker->to_end = true;
	pthread_cond_signal(&worker->to_end_changed);
	pthread_mutex_unlock(&worker->lock);
	pthread_join(worker->thread, NULL);
	destroy(worker);
}
