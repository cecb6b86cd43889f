/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Calls of the kernel, and threads that are inside.
 *
 * Such a thread has a stack of ours. The C library would give it one that a thread of the program had before, with a
 * table from the program's heap; and in a child after a fork it may not ask that for one either.
 */
#include "raw.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "inside.h"

#define STACK_BYTES ((size_t)512 << 10)
#define GUARD_BYTES ((size_t)64 << 10)

__thread unsigned int zswap_inside;

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

/* ---- threads ---- */

struct start {
	void *(*run)(void *);
	void *arg;
};

static void *run_inside(void *arg)
{
	struct start *start = arg, copy = *start;

	zswap_enter();
	free(start);
	return copy.run(copy.arg);
}

static int make_stack(pthread_attr_t *attributes)
{
	char *stack = __wrap_mmap(NULL, STACK_BYTES + GUARD_BYTES, PROT_NONE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

	if (stack == MAP_FAILED)
		return EAGAIN;
	if (mprotect(stack + GUARD_BYTES, STACK_BYTES, PROT_READ | PROT_WRITE)) {
		__wrap_munmap(stack, STACK_BYTES + GUARD_BYTES);
		return EAGAIN;
	}
	pthread_attr_init(attributes);
	return pthread_attr_setstack(attributes, stack + GUARD_BYTES, STACK_BYTES);
}

/* The stacks are few, and stay when their threads end. */
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg)
{
	pthread_attr_t own;
	struct start *start;
	int err;

	(void)attributes;
	zswap_enter();
	start = malloc(sizeof(*start));
	err = start ? make_stack(&own) : EAGAIN;
	if (!err) {
		*start = (struct start){ run, arg };
		err = __real_pthread_create(thread, &own, run_inside, start);
		pthread_attr_destroy(&own);
	}
	if (err)
		free(start);
	zswap_leave();
	return err;
}
