/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The kernel's calls as they are. This library defines mmap() and others for the program; its own parts (the engine,
 * the allocator) reach these here instead, since the linker is told so (--wrap).
 */
#ifndef ZSWAP_RAW_H
#define ZSWAP_RAW_H

#include <stddef.h>
#include <sys/types.h>

void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
int __wrap_munmap(void *addr, size_t len);
void *__wrap_mremap(void *addr, size_t old_len, size_t new_len, int flags, void *to);
int __wrap_madvise(void *addr, size_t len, int advice);

#endif
