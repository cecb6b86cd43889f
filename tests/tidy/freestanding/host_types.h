/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The types of the host contract without an operating system: only the compiler's own headers.
 */
#ifndef ZS_HOST_TYPES_H
#define ZS_HOST_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gnu_atomic.h"

#define ZS_HOST_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define ZS_HOST_NOINLINE __attribute__((noinline))
#define ZS_HOST_GLANCE(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define ZS_HOST_SHOW(x, value) __atomic_store_n(&(x), (value), __ATOMIC_RELAXED)
#define ZS_HOST_SHOW_MORE(x, n) ZS_HOST_SHOW(x, (x) + (n))
#define zs_host_prefetch(address) __builtin_prefetch(address)
#define ZS_HOST_TABLES 0
#define ZS_HOST_RANGES 1u
#define ZS_HOST_THREADS 1u
#define ZS_HOST_MAX_PAGE_SHIFT 16

enum { EIO = 5, EAGAIN = 11, ENOMEM = 12, EBUSY = 16, EINVAL = 22, ENOSPC = 28 };

void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);

typedef struct {
	bool held;
} zs_lock;

#endif
