/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The types of the host contract in the Linux kernel.
 */
#ifndef ZS_KERNEL_HOST_TYPES_H
#define ZS_KERNEL_HOST_TYPES_H

#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/prefetch.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/types.h>

#include <asm/page.h>

#define ZS_HOST_UNLIKELY(x) unlikely(x)
#define ZS_HOST_NOINLINE noinline
#define ZS_HOST_GLANCE(x) data_race(READ_ONCE(x))
#define ZS_HOST_SHOW(x, value) WRITE_ONCE(x, value)
#define ZS_HOST_SHOW_MORE(x, n) WRITE_ONCE(x, (x) + (n))
#define zs_host_prefetch(address) prefetch(address)
#define ZS_HOST_TABLES 0
#define ZS_HOST_RANGES 1u /* it has no spans */
#define ZS_HOST_THREADS 1u
#define ZS_HOST_MAX_PAGE_SHIFT PAGE_SHIFT

typedef struct {
	spinlock_t spinlock;
} zs_lock;

static inline bool zs_host_try_lock(zs_lock *lock)
{
	return spin_trylock(&lock->spinlock);
}

static inline void zs_host_lock(zs_lock *lock)
{
	spin_lock(&lock->spinlock);
}

static inline void zs_host_unlock(zs_lock *lock)
{
	spin_unlock(&lock->spinlock);
}

static inline bool zs_host_unlock_quick(zs_lock *lock)
{
	spin_unlock(&lock->spinlock);
	return false;
}

#define zs_host_lock zs_host_lock

static inline unsigned int zs_host_thread(void)
{
	return 0;
}

#define zs_host_thread zs_host_thread

typedef struct {
	atomic_t value;
} zs_atomic32;

typedef struct {
	atomic_long_t value;
} zs_atomic_long;

static inline uint32_t zs_host_load32(const zs_atomic32 *a)
{
	return (uint32_t)atomic_read(&a->value);
}

static inline void zs_host_store32(zs_atomic32 *a, uint32_t value)
{
	atomic_set(&a->value, (int)value);
}

static inline void zs_host_store32_release(zs_atomic32 *a, uint32_t value)
{
	atomic_set_release(&a->value, (int)value);
}

static inline uint32_t zs_host_fetch_add32_acquire(zs_atomic32 *a, uint32_t delta)
{
	return (uint32_t)atomic_fetch_add_acquire((int)delta, &a->value);
}

static inline uint32_t zs_host_fetch_sub32_release(zs_atomic32 *a, uint32_t delta)
{
	return (uint32_t)atomic_fetch_sub_release((int)delta, &a->value);
}

static inline uint32_t zs_host_fetch_and32_release(zs_atomic32 *a, uint32_t mask)
{
	return (uint32_t)atomic_fetch_and_release((int)mask, &a->value);
}

static inline bool zs_host_cas32_acquire(zs_atomic32 *a, uint32_t old_value, uint32_t new_value)
{
	return (uint32_t)atomic_cmpxchg_acquire(&a->value, (int)old_value, (int)new_value) == old_value;
}

static inline void zs_host_fetch_or32(zs_atomic32 *a, uint32_t mask)
{
	atomic_or((int)mask, &a->value);
}

static inline uint16_t zs_host_load16(const uint16_t *a)
{
	return smp_load_acquire(a);
}

static inline void zs_host_store16(uint16_t *a, uint16_t value)
{
	smp_store_release(a, value);
}

static inline unsigned long zs_host_load_long(const zs_atomic_long *a)
{
	return (unsigned long)atomic_long_read(&a->value);
}

static inline unsigned long zs_host_load_long_acquire(const zs_atomic_long *a)
{
	return (unsigned long)atomic_long_read_acquire(&a->value);
}

static inline void zs_host_store_long_release(zs_atomic_long *a, unsigned long value)
{
	atomic_long_set_release(&a->value, (long)value);
}

static inline unsigned long zs_host_add_long(zs_atomic_long *a, long delta)
{
	return (unsigned long)atomic_long_add_return_relaxed(delta, &a->value);
}

static inline bool zs_host_cas_long(zs_atomic_long *a, unsigned long old_value, unsigned long new_value)
{
	return (unsigned long)atomic_long_cmpxchg_relaxed(&a->value, (long)old_value, (long)new_value) == old_value;
}

#define zs_host_load_pointer(p) smp_load_acquire(&(p))
#define zs_host_store_pointer(p, v) smp_store_release(&(p), (v))

static inline bool zs_host_cas_pointer(void *p, void *old_value, void *new_value)
{
	return cmpxchg_release((void **)p, old_value, new_value) == old_value;
}

#endif
