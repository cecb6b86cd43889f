/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Requests for memory that the simulated host makes fail like its own. With FAULTY, the engine and the codecs are built
 * for tests with this file ahead of their own text: what they ask the system for, also for libzstd, they ask these.
 */
#ifndef TESTS_FAULTY_H
#define TESTS_FAULTY_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/types.h>

#include <zstd.h>

void *faulty_malloc(size_t size_bytes);
void *faulty_calloc(size_t nr, size_t size_bytes);
void faulty_free(void *memory);
void *faulty_mmap(void *at, size_t size_bytes, int protection, int flags, int file, off_t offset);
int faulty_munmap(void *at, size_t size_bytes);
/* The library takes a context's memory, by mmap(), when it is first used. */
size_t faulty_zstd_compress(ZSTD_CCtx *context, void *to, size_t room_bytes, const void *from, size_t size_bytes,
			    int level);

/* How many of what they gave have not come back. */
uint64_t faulty_nr_out(void);

#ifdef FAULTY
#define malloc faulty_malloc
#define calloc faulty_calloc
#define free faulty_free
#define mmap faulty_mmap
#define munmap faulty_munmap
#define ZSTD_compressCCtx faulty_zstd_compress
#endif

#endif
