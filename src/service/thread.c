/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Starting threads.
 */
#include "signals.h"
#include "thread.h"

int zs_thread_start(pthread_t *thread, size_t stack_bytes, void *(*run)(void *), void *arg)
{
	pthread_attr_t attr;
	sigset_t old;
	int err;

	pthread_attr_init(&attr);
	if (stack_bytes)
		pthread_attr_setstacksize(&attr, stack_bytes);
	zs_signals_block(&old);
	err = pthread_create(thread, &attr, run, arg);
	zs_signals_restore(&old);
	pthread_attr_destroy(&attr);
	return -err;
}
