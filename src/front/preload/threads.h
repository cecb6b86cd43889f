/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Threads of the management, which the linker has begin here (--wrap).
 */
#ifndef ZSWAP_THREADS_H
#define ZSWAP_THREADS_H

#include <pthread.h>

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg);
int __wrap_pthread_join(pthread_t thread, void **result);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg);
int __real_pthread_join(pthread_t thread, void **result);

/* In a child after a fork, where none of them is. */
void zswap_threads_renew(void);

#endif
