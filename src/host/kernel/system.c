/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Locks, the clock and chance of the host contract in the kernel.
 */
#include <linux/ktime.h>
#include <linux/random.h>
#include <linux/sched.h>

#include "host.h"

/* One lock class for all: no two are ever held together. */
void zs_host_lock_init(zs_lock *lock)
{
	spin_lock_init(&lock->spinlock);
}

bool zs_host_should_stop(uint64_t deadline_ns)
{
	cond_resched();
	return deadline_ns && ktime_get_ns() >= deadline_ns;
}

/* Who frees in the kernel may not keep anything back. */
unsigned int zs_host_thread_begin(void)
{
	return 0;
}

uint64_t zs_host_random(void)
{
	return get_random_u64();
}
