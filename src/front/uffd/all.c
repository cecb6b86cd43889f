/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * All managed memories of the process, and what becomes of them when it forks.
 *
 * The child has the pages that were resident, and a copy of the engine with all that it knows; but its memory is not
 * watched any more, and what is not there would read as zeroes. So before the fork all engines are paused, and in the
 * child each gets new descriptors and threads before any of its code runs. Where it gets none, as when it may not have
 * them any more, all its pages are brought back at once.
 *
 * Calls that other threads are in are waited for: in the child nobody would give back the locks that they have.
 *
 * Between the pause and the fork the thread that forks may have faults of its own, in other handlers of
 * pthread_atfork(): they are served, in that state. Faults of others wait.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "front.h"

struct zswap_all zswap_all;

static int minding_failed;
static struct zswap_interrupts interrupts_before;

/* Cheaper than gettid(), and every fault asks. */
static uintptr_t self(void)
{
	return (uintptr_t)pthread_self();
}

bool zswap_all_are_mine(void)
{
	return __atomic_load_n(&zswap_all.forking, __ATOMIC_RELAXED) == self();
}

#define STACK_BYTES 8192u /* that a call takes, more or less */

void zswap_touch_stack(void)
{
	volatile char below[STACK_BYTES];

	for (unsigned int i = STACK_BYTES; i; i -= ZSWAP_PAGE_SIZE / 2)
		below[i - 1] = 0;
	below[0] = below[STACK_BYTES - 1];
}

/* ---- forks ---- */

static void set_forking(struct zswap *zswap, pid_t thread)
{
	__atomic_store_n(&zswap->forking, thread, __ATOMIC_RELEASE);
}

static void before_fork(void)
{
	struct zswap_interrupts before;

	zswap_block_interrupts(&before);
	zs_share_lock(&zswap_all.calls, true);
	zs_share_lock(&zswap_all.lock, true);
	interrupts_before = before;
	for (struct zswap *zswap = zswap_all.first; zswap; zswap = zswap->next) {
		zswap_engine_pause(zswap->engine);
		zswap_children_expect(zswap);
		set_forking(zswap, gettid());
	}
	__atomic_store_n(&zswap_all.has_forked, zswap_all.first != NULL, __ATOMIC_RELAXED);
	__atomic_store_n(&zswap_all.forking, self(), __ATOMIC_RELAXED);
}

/* Nobody puts anything aside any more: who was about to listens as always. */
static void resume(struct zswap *zswap)
{
	zs_share_lock(&zswap->changes.lock, true);
	zswap_changes_settle(zswap);
	set_forking(zswap, 0);
	zswap_engine_resume(zswap->engine);
	zs_share_unlock(&zswap->changes.lock, true);
}

static void go_on(void)
{
	struct zswap_interrupts before = interrupts_before;

	__atomic_store_n(&zswap_all.forking, 0, __ATOMIC_RELAXED);
	for (struct zswap *zswap = zswap_all.first; zswap; zswap = zswap->next)
		resume(zswap);
	zs_share_unlock(&zswap_all.lock, true);
	zs_share_unlock(&zswap_all.calls, true);
	zswap_restore_interrupts(&before);
}

static void in_parent(void)
{
	for (struct zswap *zswap = zswap_all.first; zswap; zswap = zswap->next)
		zswap_children_watch(zswap);
	go_on();
}

static void in_child(void)
{
	for (struct zswap *zswap = zswap_all.first; zswap; zswap = zswap->next)
		zswap_renew(zswap);
	go_on();
}

/*
 * Before main(), so that all but few handlers of the program's come before this one before a fork, when nothing is
 * paused, and after it in the child, when the memory is watched again.
 */
__attribute__((constructor)) void zswap_mind_forks(void)
{
	static bool are_minded;

	if (are_minded)
		return;
	are_minded = true;
	minding_failed = pthread_atfork(before_fork, in_parent, in_child);
}

/* ---- the list ---- */

int zswap_all_add(struct zswap *zswap)
{
	int err;

	if (minding_failed)
		return -minding_failed;
	zs_share_lock(&zswap_all.lock, true);
	err = zswap->means.is_sigbus ? zswap_sigbus_begin() : 0;
	if (!err) {
		zswap->next = zswap_all.first;
		zswap_all.first = zswap;
	}
	zs_share_unlock(&zswap_all.lock, true);
	return err;
}

void zswap_all_remove(struct zswap *zswap)
{
	struct zswap **at = &zswap_all.first;

	zs_share_lock(&zswap_all.lock, true);
	while (*at && *at != zswap)
		at = &(*at)->next;
	if (*at) {
		*at = zswap->next;
		if (zswap->means.is_sigbus)
			zswap_sigbus_end();
	}
	zs_share_unlock(&zswap_all.lock, true);
}
