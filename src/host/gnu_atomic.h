/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The atomics of the host contract for userspace hosts, on the compiler's built-ins.
 */
#ifndef ZS_HOST_GNU_ATOMIC_H
#define ZS_HOST_GNU_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
	uint32_t value;
} zs_atomic32;

typedef struct {
	unsigned long value;
} zs_atomic_long;

static inline uint32_t zs_host_load32(const zs_atomic32 *a)
{
	return __atomic_load_n(&a->value, __ATOMIC_RELAXED);
}

static inline void zs_host_store32(zs_atomic32 *a, uint32_t value)
{
	__atomic_store_n(&a->value, value, __ATOMIC_RELAXED);
}

static inline void zs_host_store32_release(zs_atomic32 *a, uint32_t value)
{
	__atomic_store_n(&a->value, value, __ATOMIC_RELEASE);
}

static inline uint32_t zs_host_fetch_add32_acquire(zs_atomic32 *a, uint32_t delta)
{
	return __atomic_fetch_add(&a->value, delta, __ATOMIC_ACQUIRE);
}

static inline uint32_t zs_host_fetch_sub32_release(zs_atomic32 *a, uint32_t delta)
{
	return __atomic_fetch_sub(&a->value, delta, __ATOMIC_RELEASE);
}

static inline uint32_t zs_host_fetch_and32_release(zs_atomic32 *a, uint32_t mask)
{
	return __atomic_fetch_and(&a->value, mask, __ATOMIC_RELEASE);
}

static inline bool zs_host_cas32_acquire(zs_atomic32 *a, uint32_t old_value, uint32_t new_value)
{
	return __atomic_compare_exchange_n(&a->value, &old_value, new_value, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void zs_host_fetch_or32(zs_atomic32 *a, uint32_t mask)
{
	__atomic_fetch_or(&a->value, mask, __ATOMIC_RELAXED);
}

static inline uint16_t zs_host_load16(const uint16_t *a)
{
	return __atomic_load_n(a, __ATOMIC_ACQUIRE);
}

static inline void zs_host_store16(uint16_t *a, uint16_t value)
{
	__atomic_store_n(a, value, __ATOMIC_RELEASE);
}

static inline unsigned long zs_host_load_long(const zs_atomic_long *a)
{
	return __atomic_load_n(&a->value, __ATOMIC_RELAXED);
}

static inline unsigned long zs_host_load_long_acquire(const zs_atomic_long *a)
{
	return __atomic_load_n(&a->value, __ATOMIC_ACQUIRE);
}

static inline void zs_host_store_long_release(zs_atomic_long *a, unsigned long value)
{
	__atomic_store_n(&a->value, value, __ATOMIC_RELEASE);
}

static inline unsigned long zs_host_add_long(zs_atomic_long *a, long delta)
{
	return __atomic_add_fetch(&a->value, (unsigned long)delta, __ATOMIC_RELAXED);
}

static inline bool zs_host_cas_long(zs_atomic_long *a, unsigned long old_value, unsigned long new_value)
{
	return __atomic_compare_exchange_n(&a->value, &old_value, new_value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/* A pointer that is published once its target is complete, and read without a lock. */
#define zs_host_load_pointer(p) __atomic_load_n(&(p), __ATOMIC_ACQUIRE)
#define zs_host_store_pointer(p, v) __atomic_store_n(&(p), (v), __ATOMIC_RELEASE)

static inline bool zs_host_cas_pointer(void *p, void *old_value, void *new_value)
{
	return __atomic_compare_exchange_n((void **)p, &old_value, new_value, false, __ATOMIC_RELEASE,
					   __ATOMIC_RELAXED);
}

#endif
