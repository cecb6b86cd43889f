/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Forks. The management's handlers must be the first ones that are registered: then they come last before a fork, and
 * first in the child, where all others need memory that is whole. An allocator registers its own when it is first asked
 * for memory, which is before any constructor of ours; so whoever registers has ours registered first.
 *
 * The C library's list of files is locked before anything is paused, and all files are touched afterwards: in the child
 * the library looks at each of them before any handler.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

#include "front.h"
#include "inside.h"
#include "process.h"
#include "threads.h"

#define PUBLIC __attribute__((visibility("default")))

/* The C library's, which has no header for them. */
extern FILE *_IO_iter_begin(void);
extern FILE *_IO_iter_end(void);
extern FILE *_IO_iter_next(FILE *at);
extern FILE *_IO_iter_file(FILE *at);
extern void _IO_list_lock(void);
extern void _IO_list_unlock(void);

int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *dso);

extern void *__dso_handle;

/* The lock of a file is in memory of its own. */
static void touch_files(void)
{
	for (FILE *at = _IO_iter_begin(); at != _IO_iter_end(); at = _IO_iter_next(at)) {
		FILE *file = _IO_iter_file(at);

		(void)*(volatile char *)file;
		if (file->_lock)
			(void)*(volatile char *)file->_lock;
	}
}

static void begin_in_child(void)
{
	zswap_heap_unlock();
	zswap_threads_renew();
}

/* Threads may fork at the same time: the library has no lock around handlers. */
static __thread bool has_locked __attribute__((tls_model("initial-exec")));

/* In the child the library makes the lock anew, but only where there are threads, as the management's. */
static void lock_files(void)
{
	has_locked = zswap_process_is_managed();
	if (has_locked)
		_IO_list_lock();
}

static void unlock_files(void)
{
	if (has_locked)
		_IO_list_unlock();
}

static void when_all_is_paused(void)
{
	if (has_locked)
		touch_files();
	zswap_heap_lock();
}

static int (*next_register(void))(void (*)(void), void (*)(void), void (*)(void), void *)
{
	static int (*next)(void (*)(void), void (*)(void), void (*)(void), void *);

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "__register_atfork");
	return next;
}

static void register_ours(void)
{
	static bool are_registered;

	if (are_registered)
		return;
	are_registered = true;
	next_register()(when_all_is_paused, zswap_heap_unlock, begin_in_child, &__dso_handle);
	zswap_mind_forks();
	next_register()(lock_files, unlock_files, zswap_process_forked, &__dso_handle);
}

/* Where nobody registers any before, as where the program has another allocator, or its own. */
__attribute__((constructor(101))) static void register_first(void)
{
	zswap_enter();
	register_ours();
	zswap_leave();
}

PUBLIC int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *dso)
{
	int err;

	zswap_enter();
	register_ours();
	err = next_register()(prepare, parent, child, dso);
	zswap_leave();
	return err;
}
