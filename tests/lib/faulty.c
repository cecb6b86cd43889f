/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Requests for memory that fail when the simulated host says so, and a count of what is out.
 */
#include "faulty.h"

#include <zstd_errors.h>

#include "sim.h"

static uint64_t nr_out;

/* What was taken, or not. */
static void *took(void *memory)
{
	if (memory)
		__atomic_fetch_add(&nr_out, 1, __ATOMIC_RELAXED);
	return memory;
}

static void gave_back(const void *memory)
{
	if (memory)
		__atomic_fetch_sub(&nr_out, 1, __ATOMIC_RELAXED);
}

uint64_t faulty_nr_out(void)
{
	return __atomic_load_n(&nr_out, __ATOMIC_RELAXED);
}

void *faulty_malloc(size_t size_bytes)
{
	return took(zs_sim_is_to_fail() ? NULL : malloc(size_bytes));
}

void *faulty_calloc(size_t nr, size_t size_bytes)
{
	return took(zs_sim_is_to_fail() ? NULL : calloc(nr, size_bytes));
}

void faulty_free(void *memory)
{
	gave_back(memory);
	free(memory);
}

void *faulty_mmap(void *at, size_t size_bytes, int protection, int flags, int file, off_t offset)
{
	void *memory = MAP_FAILED;

	if (!zs_sim_is_to_fail())
		memory = mmap(at, size_bytes, protection, flags, file, offset);
	if (memory != MAP_FAILED)
		took(memory);
	return memory;
}

int faulty_munmap(void *at, size_t size_bytes)
{
	gave_back(at);
	return munmap(at, size_bytes);
}

size_t faulty_zstd_compress(ZSTD_CCtx *context, void *to, size_t room_bytes, const void *from, size_t size_bytes,
			    int level)
{
	if (zs_sim_is_to_fail())
		return (size_t)-ZSTD_error_memory_allocation;
	return ZSTD_compressCCtx(context, to, room_bytes, from, size_bytes, level);
}
