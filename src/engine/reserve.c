/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Address space.
 */
#include "reserve.h"

#include <sys/mman.h>

void *zs_reserve(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	madvise(at, bytes, MADV_NOHUGEPAGE);
	return at;
}

void zs_reserve_empty(void *at, size_t bytes)
{
	madvise(at, bytes, MADV_DONTNEED);
}

void zs_unreserve(void *at, size_t bytes)
{
	if (at)
		munmap(at, bytes);
}
