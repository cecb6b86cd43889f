/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The handler of SIGBUS. It finds whose memory the address is, and has the page brought; what is nobody's goes to the
 * handler that was there before. All signals are blocked meanwhile, so that no other handler has a fault while this one
 * has locks.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>

#include "front.h"

static struct sigaction before; /* guarded by the list of all */

/* As far as the processor tells; a page that is given for writing suits who reads. */
static bool is_write(const void *context)
{
#ifdef __x86_64__
	return ((const ucontext_t *)context)->uc_mcontext.gregs[REG_ERR] & 2;
#else
	(void)context;
	return true;
#endif
}

/* A thread that forks has all to itself; only what has changed is put aside meanwhile, which comes first. */
static int bring_for_fork(struct zswap *zswap, uint32_t page, bool is_write)
{
	int err;

	zs_share_lock(&zswap->changes.lock, true);
	zswap_changes_settle(zswap);
	err = zswap_engine_fault_paused(zswap->engine, page, is_write);
	zs_share_unlock(&zswap->changes.lock, true);
	return err;
}

/* Result: 0; -ENOENT: the address is nobody's; as zswap_engine_fault(). */
static int take_fault(uintptr_t address, bool is_write)
{
	bool is_mine = zswap_all_are_mine();
	uint32_t page;
	int err = -ENOENT;

	if (!is_mine)
		zs_share_lock(&zswap_all.lock, false);
	for (struct zswap *zswap = zswap_all.first; zswap && err == -ENOENT; zswap = zswap->next)
		if (zswap->means.is_sigbus && zswap_regions_find(&zswap->regions, address, &page))
			err = is_mine ? bring_for_fork(zswap, page, is_write)
				      : zswap_engine_fault(zswap->engine, page, is_write);
	if (!is_mine)
		zs_share_unlock(&zswap_all.lock, false);
	return err;
}

/* By who was there before; nobody: the instruction is tried once more, and ends the process. */
static void pass_on(int signal, siginfo_t *info, void *context)
{
	if (before.sa_flags & SA_SIGINFO) {
		before.sa_sigaction(signal, info, context);
		return;
	}
	if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
		before.sa_handler(signal);
		return;
	}
	sigaction(SIGBUS, &before, NULL);
}

static void handle(int signal, siginfo_t *info, void *context)
{
	static const struct timespec a_while = { .tv_nsec = 1000000 };
	int saved_errno = errno;
	int err = info->si_code == BUS_ADRERR ? take_fault((uintptr_t)info->si_addr, is_write(context)) : -ENOENT;

	if (err == -EIO || err == -ENOENT)
		pass_on(signal, info, context);
	else if (err == -ENOMEM)
		nanosleep(&a_while, NULL);
	else if (err == -EAGAIN)
		sched_yield(); /* who changes a mapping, and who reads of it, are to go on */
	errno = saved_errno;
}

static bool has_one(void)
{
	for (const struct zswap *zswap = zswap_all.first; zswap; zswap = zswap->next)
		if (zswap->means.is_sigbus)
			return true;
	return false;
}

int zswap_sigbus_begin(void)
{
	struct sigaction action = { .sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	if (has_one())
		return 0;
	sigfillset(&action.sa_mask);
	return sigaction(SIGBUS, &action, &before) ? -errno : 0;
}

void zswap_sigbus_end(void)
{
	struct sigaction now;

	if (!has_one() && !sigaction(SIGBUS, NULL, &now) && now.sa_sigaction == handle)
		sigaction(SIGBUS, &before, NULL);
}
