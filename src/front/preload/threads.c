/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Threads that are inside: the management's.
 *
 * Such a thread has a stack of ours. The C library would give it one that a thread of the program had before, with a
 * table from the program's heap; and in a child after a fork it may not ask that for one either. Each question that the
 * process is asked has a thread, so a stack whose thread was joined is another's next.
 *
 * Locks: one of the list, innermost but for the heap's.
 */
#include "threads.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "inside.h"
#include "raw.h"
#include "share_lock.h"

#ifdef __SANITIZE_THREAD__
#define STACK_BYTES ((size_t)16 << 20) /* the sanitizer keeps what it knows of a thread there */
#else
#define STACK_BYTES ((size_t)512 << 10)
#endif
#define GUARD_BYTES ((size_t)64 << 10)

__thread unsigned int zswap_inside;

/* Stays when its thread has ended. */
struct inside {
	struct inside *next; /* of all */
	char *stack;
	pthread_t thread;
	bool is_used;
	void *(*run)(void *);
	void *arg;
};

static struct zs_share_lock lock;
static struct inside *all;

/* ---- stacks ---- */

static char *map_stack(void)
{
	char *at = __wrap_mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	if (!mprotect(at + GUARD_BYTES, STACK_BYTES, PROT_READ | PROT_WRITE))
		return at + GUARD_BYTES;
	__wrap_munmap(at, GUARD_BYTES + STACK_BYTES);
	return NULL;
}

static struct inside *make(void)
{
	struct inside *inside = malloc(sizeof(*inside));
	char *stack = inside ? map_stack() : NULL;

	if (!stack) {
		free(inside);
		return NULL;
	}
	*inside = (struct inside){ .stack = stack, .is_used = true };
	zs_share_lock(&lock, true);
	inside->next = all;
	all = inside;
	zs_share_unlock(&lock, true);
	return inside;
}

/* One whose thread has ended; NULL: there is none. */
static struct inside *take_unused(void)
{
	struct inside *inside;

	zs_share_lock(&lock, true);
	for (inside = all; inside && inside->is_used; inside = inside->next)
		;
	if (inside)
		inside->is_used = true;
	zs_share_unlock(&lock, true);
	return inside;
}

static void give_back(struct inside *inside)
{
	zs_share_lock(&lock, true);
	inside->is_used = false;
	zs_share_unlock(&lock, true);
}

static void give_back_of(pthread_t thread)
{
	struct inside *inside;

	zs_share_lock(&lock, true);
	for (inside = all; inside; inside = inside->next)
		if (inside->is_used && pthread_equal(inside->thread, thread))
			inside->is_used = false;
	zs_share_unlock(&lock, true);
}

/* Who had the lock meanwhile is not there: the list was whole at any time, but for a new one that it lacks. */
void zswap_threads_renew(void)
{
	lock = (struct zs_share_lock){ 0 };
	for (struct inside *inside = all; inside; inside = inside->next)
		inside->is_used = false;
}

/* ---- threads ---- */

static void *run_inside(void *arg)
{
	struct inside *inside = arg;

	zswap_enter();
	return inside->run(inside->arg);
}

static int start(struct inside *inside, void *(*run)(void *), void *arg, pthread_t *thread)
{
	pthread_attr_t attributes;
	int err;

	inside->run = run;
	inside->arg = arg;
	pthread_attr_init(&attributes);
	err = pthread_attr_setstack(&attributes, inside->stack, STACK_BYTES);
	if (!err)
		err = __real_pthread_create(thread, &attributes, run_inside, inside);
	pthread_attr_destroy(&attributes);
	if (!err) {
		zs_share_lock(&lock, true);
		inside->thread = *thread;
		zs_share_unlock(&lock, true);
	}
	return err;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg)
{
	struct inside *inside;
	int err = EAGAIN;

	(void)attributes;
	zswap_enter();
	inside = take_unused();
	if (!inside)
		inside = make();
	if (inside)
		err = start(inside, run, arg, thread);
	if (inside && err)
		give_back(inside);
	zswap_leave();
	return err;
}

int __wrap_pthread_join(pthread_t thread, void **result)
{
	int err = __real_pthread_join(thread, result);

	if (!err)
		give_back_of(thread);
	return err;
}
