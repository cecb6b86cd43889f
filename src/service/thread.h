/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Threads of the service layer: they take no signals, which are the hosting process's.
 */
#ifndef ZS_THREAD_H
#define ZS_THREAD_H

#include <pthread.h>
#include <stddef.h>

/* stack_bytes: 0 for the system's. Result: 0 or what pthread_create() said, negative. */
int zs_thread_start(pthread_t *thread, size_t stack_bytes, void *(*run)(void *), void *arg);

#endif
