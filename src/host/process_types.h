/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The types of the host contract for a process, shared by the hosts that are one.
 */
#ifndef ZS_HOST_PROCESS_TYPES_H
#define ZS_HOST_PROCESS_TYPES_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "gnu_atomic.h"

#define ZS_HOST_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define ZS_HOST_NOINLINE __attribute__((noinline))
#define ZS_HOST_GLANCE(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define ZS_HOST_SHOW(x, value) __atomic_store_n(&(x), (value), __ATOMIC_RELAXED)
/* An unsigned long. One instruction where gcc makes three of it: whoever glances sees the value before or after. */
#if defined(__x86_64__) && defined(__LP64__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
#define ZS_HOST_SHOW_MORE(x, n) __asm__("addq %1, %0" : "+m"(x) : "er"((long)(n)) : "cc")
#else
#define ZS_HOST_SHOW_MORE(x, n) ZS_HOST_SHOW(x, (x) + (n))
#endif
#define zs_host_prefetch(address) __builtin_prefetch(address)

#define ZS_HOST_RANGES 64u
#define ZS_HOST_THREADS 16u

#ifndef ZS_HOST_TABLES
#define ZS_HOST_TABLES 1
#endif

/* 0 free, 1 held, 2 held and somebody waits in the kernel. */
typedef struct {
	uint32_t word;
} zs_lock;

#endif
