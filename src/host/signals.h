/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Signals that are other threads' business, for threads that the libraries start and for calls that must not be
 * interrupted by a handler of the program's.
 */
#ifndef ZS_HOST_SIGNALS_H
#define ZS_HOST_SIGNALS_H

#include <pthread.h>
#include <signal.h>

/*
 * Blocks all but those that an instruction brings about: they cannot wait, and the system kills a process that has them
 * blocked. A program may well have a handler for them, such as one that brings memory where there is none yet.
 */
static inline void zs_signals_block(sigset_t *old)
{
	static const int own[] = { SIGBUS, SIGSEGV, SIGILL, SIGFPE, SIGTRAP };
	sigset_t all;

	sigfillset(&all);
	for (unsigned int i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		sigdelset(&all, own[i]);
	pthread_sigmask(SIG_SETMASK, &all, old);
}

static inline void zs_signals_restore(const sigset_t *old)
{
	pthread_sigmask(SIG_SETMASK, old, NULL);
}

#endif
