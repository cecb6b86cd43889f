/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The handler of SIGBUS. It finds whose memory the address is, and has the page brought; what is nobody's goes to the
 * handler that was there before. All signals are blocked meanwhile, so that no other handler has a fault while this one
 * has locks.
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>

#include "front.h"

static struct zs_share_lock all_lock;
static struct zswap *all;
static struct sigaction before;

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

/* Result: 0; -ENOENT: the address is nobody's; as zswap_engine_fault(). */
static int take_fault(uintptr_t address, bool is_write)
{
	struct zswap *zswap;
	uint32_t page;
	int err = -ENOENT;

	zs_share_lock(&all_lock, false);
	for (zswap = all; zswap && err == -ENOENT; zswap = zswap->next)
		if (zswap_regions_find(&zswap->regions, address, &page))
			err = zswap_engine_fault(zswap->engine, page, is_write);
	zs_share_unlock(&all_lock, false);
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
	errno = saved_errno;
}

static int install(void)
{
	struct sigaction action = { .sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	sigfillset(&action.sa_mask);
	return sigaction(SIGBUS, &action, &before) ? -errno : 0;
}

int zswap_sigbus_mind(struct zswap *zswap)
{
	int err = 0;

	zs_share_lock(&all_lock, true);
	if (!all)
		err = install();
	if (!err) {
		zswap->next = all;
		all = zswap;
	}
	zs_share_unlock(&all_lock, true);
	return err;
}

/* The handler goes with the last one, unless somebody has put another in its place. */
void zswap_sigbus_forget(struct zswap *zswap)
{
	struct sigaction now;
	struct zswap **at = &all;

	zs_share_lock(&all_lock, true);
	while (*at && *at != zswap)
		at = &(*at)->next;
	if (*at) {
		*at = zswap->next;
		if (!all && !sigaction(SIGBUS, NULL, &now) && now.sa_sigaction == handle)
			sigaction(SIGBUS, &before, NULL);
	}
	zs_share_unlock(&all_lock, true);
}
