/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Calls of the kernel.
 */
#include "raw.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	return (void *)syscall(SYS_mmap, addr, len, prot, flags, fd, offset);
}

void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
	__attribute__((alias("__wrap_mmap")));

int __wrap_munmap(void *addr, size_t len)
{
	return (int)syscall(SYS_munmap, addr, len);
}

void *__wrap_mremap(void *addr, size_t old_len, size_t new_len, int flags, void *to)
{
	return (void *)syscall(SYS_mremap, addr, old_len, new_len, flags, to);
}

int __wrap_madvise(void *addr, size_t len, int advice)
{
	return (int)syscall(SYS_madvise, addr, len, advice);
}
