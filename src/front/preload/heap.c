/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * malloc() and its like. The program's go on to the next library that has them; what is asked for inside comes from a
 * heap of its own, of blocks in powers of two. Otherwise the memory that a fault needs could be in pages that only a
 * fault brings, and who asks for some could have the program's heap locked already.
 *
 * Locks: one of the heap's, innermost, taken only inside, where nothing else is locked for long.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "inside.h"
#include "process.h"
#include "raw.h"
#include "share_lock.h"

#define PUBLIC __attribute__((visibility("default")))
#define HEAP_BYTES ((size_t)1 << 30) /* of address space */
#define LEAST_SHIFT 6
#define MOST_SHIFT 28

/* Before each block; as large as a block has to be aligned. */
struct head {
	struct head *next; /* free ones of a size */
	uint64_t shift;
};

static struct zs_share_lock lock;
static char *heap;
static size_t used_bytes;
static struct head *unused[MOST_SHIFT + 1];

/* ---- the heap ---- */

static bool is_own(const void *block)
{
	uintptr_t start = (uintptr_t)__atomic_load_n(&heap, __ATOMIC_RELAXED);

	return start && (uintptr_t)block - start < HEAP_BYTES;
}

/* NULL: there is no room. context: locked */
static struct head *cut(unsigned int shift)
{
	size_t bytes = (size_t)1 << shift;
	struct head *head;

	if (!heap) {
		char *at = __wrap_mmap(NULL, HEAP_BYTES, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (at == MAP_FAILED)
			return NULL;
		__atomic_store_n(&heap, at, __ATOMIC_RELEASE);
	}
	if (HEAP_BYTES - used_bytes < bytes)
		return NULL;
	head = (struct head *)(heap + used_bytes);
	head->shift = shift;
	used_bytes += bytes;
	return head;
}

static void *take(size_t size)
{
	unsigned int shift = LEAST_SHIFT;
	struct head *head;

	while (shift <= MOST_SHIFT && ((size_t)1 << shift) - sizeof(*head) < size)
		shift++;
	if (shift > MOST_SHIFT) {
		errno = ENOMEM;
		return NULL;
	}
	zs_share_lock(&lock, true);
	head = unused[shift];
	if (head)
		unused[shift] = head->next;
	else
		head = cut(shift);
	zs_share_unlock(&lock, true);
	if (!head)
		errno = ENOMEM;
	return head ? head + 1 : NULL;
}

static void give(void *block)
{
	struct head *head = (struct head *)block - 1;

	zs_share_lock(&lock, true);
	head->next = unused[head->shift];
	unused[head->shift] = head;
	zs_share_unlock(&lock, true);
}

static size_t size_of(const void *block)
{
	const struct head *head = (const struct head *)block - 1;

	return ((size_t)1 << head->shift) - sizeof(*head);
}

/* ---- the next library ---- */

static struct {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void (*free)(void *);
} next;

/* Looking for them may ask for memory itself. free is the last that is set, and tells that all are. */
static void find_next(void)
{
	if (__atomic_load_n(&next.free, __ATOMIC_ACQUIRE))
		return;
	zswap_enter();
	*(void **)&next.malloc = dlsym(RTLD_NEXT, "malloc");
	*(void **)&next.calloc = dlsym(RTLD_NEXT, "calloc");
	*(void **)&next.realloc = dlsym(RTLD_NEXT, "realloc");
	__atomic_store_n((void **)&next.free, dlsym(RTLD_NEXT, "free"), __ATOMIC_RELEASE);
	zswap_leave();
}

/* ---- what the program calls ---- */

PUBLIC void *malloc(size_t size)
{
	if (zswap_inside)
		return take(size);
	find_next();
	return next.malloc(size);
}

PUBLIC void *calloc(size_t nr, size_t size)
{
	void *block;

	if (!zswap_inside) {
		find_next();
		return next.calloc(nr, size);
	}
	if (__builtin_mul_overflow(nr, size, &size))
		size = SIZE_MAX; /* more than there can be */
	block = take(size);
	return block ? memset(block, 0, size) : NULL;
}

PUBLIC void free(void *block)
{
	if (is_own(block)) {
		give(block);
		return;
	}
	find_next();
	next.free(block);
}

/* A block moves to the heap that it would come from now. */
static void *move(void *block, size_t size)
{
	void *moved = malloc(size);

	if (moved) {
		memcpy(moved, block, size < size_of(block) ? size : size_of(block));
		free(block);
	}
	return moved;
}

PUBLIC void *realloc(void *block, size_t size)
{
	if (is_own(block))
		return move(block, size);
	if (zswap_inside && !block)
		return take(size);
	find_next();
	return next.realloc(block, size);
}

/* ---- forks ---- */

void zswap_heap_lock(void)
{
	zs_share_lock(&lock, true);
}

void zswap_heap_unlock(void)
{
	zs_share_unlock(&lock, true);
}
