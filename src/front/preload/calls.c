/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What the program calls about its memory. Large private memory that it maps is managed; everything else goes to the
 * kernel as it is, which tells of what it does to managed memory: protecting and dropping need nothing here. What is
 * unmapped by munmap() is forgotten before that, as another thread may map memory of its own there as soon as it is
 * done. Where something else is mapped over it, that is waited for: a child of a fork meanwhile would take it for ours.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "front.h"
#include "mappings.h"
#include "process.h"
#include "raw.h"
#include "zswap.h"

#define PUBLIC __attribute__((visibility("default")))
#define LEAST_BYTES ((size_t)128 << 10)

#ifndef MADV_COLD
#define MADV_COLD 20
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13 */
#endif

/* 0: nothing, or more than there can be. */
static size_t round_up(size_t len)
{
	return (len + ZSWAP_PAGE_SIZE - 1) & ~(size_t)(ZSWAP_PAGE_SIZE - 1);
}

static bool is_aligned(const void *at)
{
	return !((uintptr_t)at & (ZSWAP_PAGE_SIZE - 1));
}

/* ---- mapping ---- */

#define NEEDED (MAP_PRIVATE | MAP_ANONYMOUS)
#define FOREIGN (MAP_GROWSDOWN | MAP_HUGETLB | MAP_LOCKED | MAP_STACK)

/* Code that a program makes for itself stays where it is. */
static bool is_eligible(size_t len, int prot, int flags)
{
	return len >= LEAST_BYTES && (flags & NEEDED) == NEEDED && !(flags & FOREIGN) && !(prot & PROT_EXEC);
}

static bool has_managed(const void *start, size_t bytes)
{
	uintptr_t part_start, part_end;

	return zswap_process_find((uintptr_t)start, (uintptr_t)start + bytes, &part_start, &part_end);
}

static void *map_over(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	struct zswap_interrupts before;
	void *at;

	zswap_begin_to_replace(&before);
	at = __wrap_mmap(addr, len, prot, flags, fd, offset);
	zswap_process_replaced(addr, at == MAP_FAILED ? 0 : round_up(len), &before);
	return at;
}

static void *kernels_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	if (flags & MAP_FIXED && has_managed(addr, round_up(len)))
		return map_over(addr, len, prot, flags, fd, offset);
	return __wrap_mmap(addr, len, prot, flags, fd, offset);
}

PUBLIC void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	bool is_ours = is_eligible(len, prot, flags);
	void *at = kernels_mmap(addr, len, prot, is_ours ? flags & ~MAP_POPULATE : flags, fd, offset);

	if (is_ours && at != MAP_FAILED)
		zswap_process_mapped(at, round_up(len));
	return at;
}

PUBLIC void *mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	return mmap(addr, len, prot, flags, fd, offset);
}

#ifdef __x86_64__
#define ADDRESS_BITS 47
#else
#define ADDRESS_BITS 48
#endif

/* Whether there are such addresses, if the program has not asked for more than all have. */
static bool is_range(const void *addr, size_t len)
{
	return len <= (size_t)1 << ADDRESS_BITS && (uintptr_t)addr <= ((uintptr_t)1 << ADDRESS_BITS) - len;
}

/* A call that will fail loses nothing. */
static int unmap(void *addr, size_t len)
{
	if (is_aligned(addr) && is_range(addr, round_up(len)) && has_managed(addr, round_up(len)))
		zswap_process_let_go(addr, round_up(len));
	return __wrap_munmap(addr, len);
}

PUBLIC int munmap(void *addr, size_t len)
{
	return unmap(addr, len);
}

/* ---- moving ---- */

static bool is_zero(const char *page)
{
	return !page[0] && !memcmp(page, page + 1, ZSWAP_PAGE_SIZE - 1);
}

/* What is copied is dropped soon, so that both together take little memory. What is zero stays untouched. */
static void copy_and_drop(char *from, char *to, size_t bytes)
{
	const size_t some = LEAST_BYTES;

	for (size_t done = 0; done < bytes; done += ZSWAP_PAGE_SIZE) {
		if (!is_zero(from + done))
			memcpy(to + done, from + done, ZSWAP_PAGE_SIZE);
		if ((done + ZSWAP_PAGE_SIZE) % some == 0)
			__wrap_madvise(from + done + ZSWAP_PAGE_SIZE - some, some, MADV_DONTNEED);
	}
}

static bool overlap(const char *one, size_t len, const char *other, size_t other_len)
{
	return one < other + other_len && other < one + len;
}

/* What the kernel says to calls that are wrong, or for which there is no room where the memory is; 0: nothing. */
static int wrong_with(const char *old, size_t old_len, size_t new_len, int flags, const char *to)
{
	if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED) || !is_aligned(old))
		return EINVAL;
	if (!(flags & MREMAP_MAYMOVE))
		return flags & MREMAP_FIXED ? EINVAL : ENOMEM;
	if (flags & MREMAP_FIXED && (!is_aligned(to) || overlap(old, old_len, to, new_len)))
		return EINVAL;
	return 0;
}

static bool may_be_read(char *at, size_t len, int protection)
{
	return protection & PROT_READ || !mprotect(at, len, PROT_READ);
}

/* The kernel would forget that the memory is managed, and what of it is not there. */
static void *move(char *old, size_t old_len, size_t new_len, int flags, void *to)
{
	int protection = zswap_protection_of((uintptr_t)old, (uintptr_t)old + old_len);
	int fixed = flags & MREMAP_FIXED ? MAP_FIXED : 0;
	char *at;

	if (protection < 0 || !may_be_read(old, old_len, protection)) {
		errno = EFAULT;
		return MAP_FAILED;
	}
	at = mmap(fixed ? to : NULL, new_len, PROT_READ | PROT_WRITE, NEEDED | MAP_NORESERVE | fixed, -1, 0);
	if (at == MAP_FAILED) {
		mprotect(old, old_len, protection);
		return MAP_FAILED;
	}
	copy_and_drop(old, at, old_len < new_len ? old_len : new_len);
	unmap(old, old_len);
	mprotect(at, new_len, protection);
	return at;
}

static void *shrink(char *old, size_t old_len, size_t new_len)
{
	return old_len > new_len && unmap(old + new_len, old_len - new_len) ? MAP_FAILED : old;
}

static void *move_over(void *old, size_t old_len, size_t new_len, int flags, void *to)
{
	struct zswap_interrupts before;
	void *at;

	zswap_begin_to_replace(&before);
	at = __wrap_mremap(old, old_len, new_len, flags, to);
	zswap_process_replaced(to, at == MAP_FAILED ? 0 : round_up(new_len), &before);
	return at;
}

static void *kernels_mremap(void *old, size_t old_len, size_t new_len, int flags, void *to)
{
	if (flags & MREMAP_FIXED && has_managed(to, round_up(new_len)))
		return move_over(old, old_len, new_len, flags, to);
	return __wrap_mremap(old, old_len, new_len, flags, to);
}

PUBLIC void *mremap(void *old, size_t old_len, size_t new_len, int flags, ...)
{
	void *to = NULL;
	va_list args;
	int wrong;

	if (flags & MREMAP_FIXED) {
		va_start(args, flags);
		to = va_arg(args, void *);
		va_end(args);
	}
	if (!round_up(old_len) || !round_up(new_len) || !has_managed(old, round_up(old_len)))
		return kernels_mremap(old, old_len, new_len, flags, to);
	if (round_up(new_len) <= round_up(old_len) && !(flags & ~MREMAP_MAYMOVE) && is_aligned(old))
		return shrink(old, round_up(old_len), round_up(new_len));
	wrong = wrong_with(old, round_up(old_len), round_up(new_len), flags, to);
	if (wrong) {
		errno = wrong;
		return MAP_FAILED;
	}
	return move(old, round_up(old_len), round_up(new_len), flags, to);
}

/* ---- advice ---- */

/*
 * What is free at once is not counted as resident. Huge pages would come and go as such. Memory that is not there in a
 * child, or is empty there, cannot be managed, nor can guards, which a page that comes would take away: who asks for
 * that does without, as on older kernels.
 */
PUBLIC int madvise(void *addr, size_t len, int advice)
{
	if (advice == MADV_DONTNEED || !has_managed(addr, round_up(len)))
		return __wrap_madvise(addr, len, advice);
	switch (advice) {
	case MADV_FREE: return __wrap_madvise(addr, len, MADV_DONTNEED);
	case MADV_HUGEPAGE:
	case MADV_COLLAPSE: return 0;
	case MADV_COLD: return zswap_process_advise(addr, len, ZSWAP_COLD);
	case MADV_PAGEOUT: return zswap_process_advise(addr, len, ZSWAP_PAGEOUT);
	case MADV_WILLNEED: return zswap_process_advise(addr, len, ZSWAP_WILLNEED);
	case MADV_GUARD_INSTALL:
	case MADV_DONTFORK:
	case MADV_WIPEONFORK: errno = EINVAL; return -1;
	default: return __wrap_madvise(addr, len, advice);
	}
}
