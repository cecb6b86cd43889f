/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Reading what was taken: in its place, or as the kernel copies it (process_vm_readv() of our own memory, which the
 * kernel reads by a mapping of its own). The first access to a page that has moved is a miss of the TLB; but where a
 * hypervisor keeps shadows of page tables, as PVM does, it is a fault of its own, of 4 to 5 us, and so is one more as
 * the page is given back. So both ways are tried.
 */
#include <sys/uio.h>
#include <unistd.h>

#include "clocks.h"
#include "front.h"
#include "page_slot.h"

#define TRIAL_TURNS 32u /* at first, and then once in so many times */
#define TRIAL_ONE_IN 1024u
#define LINE_BYTES 64u

enum { IN_PLACE, BY_KERNEL };

/* Who reads in place has the content come to its processor as it goes, which the kernel's copy has done. */
static void touch(const void *at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += LINE_BYTES)
		(void)*(const volatile unsigned char *)((const unsigned char *)at + i);
}

static bool copy(const void *at, size_t bytes, void *buffer)
{
	const struct iovec from = { (void *)at, bytes }, to = { buffer, bytes };

	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)bytes;
}

bool zswap_touching_is_dear(const struct zswap *zswap)
{
	return zswap_timing_ns(&zswap->looks.ns[BY_KERNEL]) < zswap_timing_ns(&zswap->looks.ns[IN_PLACE]);
}

/* Where it is not allowed, as a sandbox may have it, it is as if it took for ever. */
static const void *look_and_time(struct zswap *zswap, unsigned int way, const void *at, unsigned int nr, void *buffer)
{
	size_t bytes = (size_t)nr << ZSWAP_PAGE_SHIFT;
	uint64_t begun = zs_clock_ns();
	bool is_copied = way == BY_KERNEL && copy(at, bytes, buffer);

	if (!is_copied)
		touch(at, bytes);
	zswap_timing_note(&zswap->looks.ns[way],
			  way == BY_KERNEL && !is_copied ? UINT64_MAX : (zs_clock_ns() - begun) / nr);
	return is_copied ? buffer : at;
}

const void *zswap_memory_look(void *ctx, const void *at, unsigned int nr, void *buffer)
{
	struct zswap *zswap = ctx;
	uint32_t turn = __atomic_fetch_add(&zswap->looks.nr, 1, __ATOMIC_RELAXED) % TRIAL_ONE_IN;

	if (turn < TRIAL_TURNS)
		return look_and_time(zswap, turn % 2 ? BY_KERNEL : IN_PLACE, at, nr, buffer);
	if (zswap_touching_is_dear(zswap) && copy(at, (size_t)nr << ZSWAP_PAGE_SHIFT, buffer))
		return buffer;
	return at;
}
