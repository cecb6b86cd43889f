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

/* Who had the signal before; written before ours has it, with the list of all alone. */
static struct sigaction before;
/* Who had taken its place when nothing was managed any more, and passes on to it what is not its own; or NULL. */
static void (*above)(int);

#define A_WHILE_NS 1000000 /* until there may be memory */

/* ---- faults ---- */

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

/* ---- what is nobody's ---- */

/* With what it asked for when it was installed: these signals blocked, and only once. */
static void call_before(void (*handler)(int), int signal, siginfo_t *info, void *context)
{
	const struct sigaction action = { .sa_handler = handler };
	sigset_t blocked;

	if (before.sa_flags & (int)SA_RESETHAND)
		__atomic_store_n(&before.sa_handler, SIG_DFL, __ATOMIC_RELAXED);
	sigorset(&blocked, &((const ucontext_t *)context)->uc_sigmask, &before.sa_mask);
	if (!(before.sa_flags & SA_NODEFER))
		sigaddset(&blocked, signal);
	pthread_sigmask(SIG_SETMASK, &blocked, NULL);
	if (before.sa_flags & SA_SIGINFO)
		action.sa_sigaction(signal, info, context);
	else
		action.sa_handler(signal);
}

/* It comes again, by the instruction or by us, and ends the process. One that was sent may be ignored. */
static void do_default(void (*handler)(int), int signal, const siginfo_t *info)
{
	const struct sigaction action = { .sa_handler = SIG_DFL };
	bool was_sent = info->si_code <= 0;

	if (was_sent && handler == SIG_IGN)
		return;
	sigaction(signal, &action, NULL);
	if (was_sent)
		raise(signal);
}

/* By who was there before. */
static void pass_on(int signal, siginfo_t *info, void *context)
{
	void (*handler)(int) = __atomic_load_n(&before.sa_handler, __ATOMIC_RELAXED);

	if (handler == SIG_DFL || handler == SIG_IGN)
		do_default(handler, signal, info);
	else
		call_before(handler, signal, info, context);
}

/* ---- the handler ---- */

static void wait_a_while(int err)
{
	static const struct timespec a_while = { .tv_nsec = A_WHILE_NS };

	if (err == -ENOMEM)
		nanosleep(&a_while, NULL);
	else if (err == -EAGAIN)
		sched_yield(); /* who changes a mapping, and who reads of it, are to go on */
}

/* The thread could be cancelled where a page is read from the file, with all locks that a fault takes. */
static int bring(const siginfo_t *info, const void *context)
{
	int err, cancellation;

	if (info->si_code != BUS_ADRERR)
		return -ENOENT;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancellation);
	err = take_fault((uintptr_t)info->si_addr, is_write(context));
	wait_a_while(err);
	pthread_setcancelstate(cancellation, NULL);
	return err;
}

static void handle(int signal, siginfo_t *info, void *context)
{
	int saved_errno = errno;
	int err = bring(info, context);

	if (err == -EIO || err == -ENOENT)
		pass_on(signal, info, context);
	errno = saved_errno;
}

/* ---- coming and going ---- */

static bool has_one(void)
{
	for (const struct zswap *zswap = zswap_all.first; zswap; zswap = zswap->next)
		if (zswap->means.is_sigbus)
			return true;
	return false;
}

/* Ours is called already, first or by who is. */
static bool is_there(const struct sigaction *now)
{
	return now->sa_sigaction == handle || (above && now->sa_handler == above);
}

/* What was there before is known before a fault may ask. */
int zswap_sigbus_begin(void)
{
	struct sigaction action = { .sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK }, now;

	if (has_one())
		return 0;
	if (sigaction(SIGBUS, NULL, &now))
		return -errno;
	if (is_there(&now))
		return 0;
	before = now;
	sigfillset(&action.sa_mask);
	return sigaction(SIGBUS, &action, NULL) ? -errno : 0;
}

void zswap_sigbus_end(void)
{
	struct sigaction now;

	if (has_one() || sigaction(SIGBUS, NULL, &now))
		return;
	if (now.sa_sigaction == handle)
		sigaction(SIGBUS, &before, NULL);
	else
		above = now.sa_handler;
}
