/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The clock, the chance and the numbers of threads of the host contract.
 */
#include <sys/random.h>
#include <time.h>

#include "host.h"
#include "clock.h"

uint64_t zs_host_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

bool zs_host_should_stop(uint64_t deadline_ns)
{
	return deadline_ns && zs_host_now_ns() >= deadline_ns;
}

__thread unsigned int zs_thread_number;

/* In turns, so that threads that begin one after the other share none. */
unsigned int zs_host_thread_begin(void)
{
	static unsigned int nr_begun;

	if (!zs_thread_number)
		zs_thread_number = 1 + __atomic_fetch_add(&nr_begun, 1, __ATOMIC_RELAXED) % (ZS_HOST_THREADS - 1);
	return zs_thread_number;
}

/* Without getrandom (a seccomp filter, an early boot) the clock and an address still tell two pools apart. */
uint64_t zs_host_random(void)
{
	uint64_t value;
	int saved_errno = errno;

	if (getrandom(&value, sizeof(value), GRND_NONBLOCK) != (ssize_t)sizeof(value))
		value = (zs_host_now_ns() ^ (uintptr_t)&value) * 0x9e3779b97f4a7c15u;
	errno = saved_errno;
	return value;
}
