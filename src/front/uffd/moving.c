/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Taking pages from the program and giving them to it, by userfaultfd.
 *
 * A page is taken by moving it, with its content, to memory that only we know (UFFDIO_MOVE, Linux 6.8): what writes to
 * it does so before, or has a fault. Where that is missing, mremap() moves it and leaves the mapping (MREMAP_DONTUNMAP,
 * 5.7).
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clocks.h"
#include "front.h"
#include "kernel.h"
#include "page_slot.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

/* ---- taking ---- */

#define MOST_TRIES 4

static uint64_t bytes_of(unsigned int nr)
{
	return (uint64_t)nr << ZSWAP_PAGE_SHIFT;
}

/*
 * Whether the program is changing mappings, of which nothing was read yet: from before a mapping goes until then all
 * requests say EAGAIN, also one that asks for nothing. Meanwhile another mapping may come where one has gone, and its
 * pages would be taken for those that were there: they can be moved from anywhere. What begins to change after this,
 * and is another mapping before the next request, goes unseen: see zswap(7).
 */
static bool is_changing(const struct zswap *zswap)
{
	struct uffdio_zeropage nothing = { .range = { .len = 0 } };

	return ioctl(zswap->fd, UFFDIO_ZEROPAGE, &nothing) && errno == EAGAIN;
}

/*
 * Result: how many of the first were moved, or a negative errno. EEXIST: the first place is not empty, or not any more,
 * since Linux 6.18 says so of pages that it has moved, too (docs/decisions/0013-moved-all-the-same.md).
 */
static long move_some(int fd, const char *from, char *to, unsigned int nr, uint64_t mode)
{
	struct uffdio_move move = { .dst = (uintptr_t)to, .src = (uintptr_t)from, .len = bytes_of(nr), .mode = mode };

	if (!ioctl(fd, UFFDIO_MOVE, &move))
		return nr;
	return move.move > 0 ? (long)(move.move >> ZSWAP_PAGE_SHIFT) : -errno;
}

/* Of a place that was empty and is not any more: its page has come, and is no more where it was. */
static bool has_come(char *from)
{
	unsigned char is_there = 0;

	mincore(from, ZSWAP_PAGE_BYTES, &is_there);
	return !(is_there & 1);
}

static bool let_go(void *at, unsigned int nr)
{
	return !madvise(at, bytes_of(nr), MADV_DONTNEED);
}

/* Whether nothing is there, as it has to be. Under mlockall() what was released may be. */
static bool is_empty(const struct zswap *zswap, void *to, unsigned int nr)
{
	return !__atomic_load_n(&zswap->is_standby_kept, __ATOMIC_RELAXED) || let_go(to, nr);
}

/*
 * EAGAIN: something else holds the page for a moment, or only some were moved. EINVAL: a row may be of several
 * mappings, as after mprotect(): then page by page.
 */
static unsigned int take_by_move(void *ctx, uint32_t page, unsigned int nr, void *to, int *why)
{
	struct zswap *zswap = ctx;
	char *from = zswap_regions_address(&zswap->regions, page), *at = to;
	unsigned int done = 0, tries = 0, most = nr;

	*why = EAGAIN;
	if (!is_empty(zswap, to, nr))
		return 0;
	while (done < nr && !is_changing(zswap)) {
		unsigned int some = nr - done < most ? nr - done : most;
		long got = move_some(zswap->standby_fd, from + bytes_of(done), at + bytes_of(done), some,
				     UFFDIO_MOVE_MODE_DONTWAKE);

		if (got == -EEXIST && has_come(from + bytes_of(done)))
			got = 1;
		if (got > 0) {
			done += (unsigned int)got;
		} else if (got == -EINVAL && some > 1) {
			most = 1;
		} else if (got != -EAGAIN || ++tries == MOST_TRIES) {
			*why = (int)-got;
			return done;
		}
	}
	return done;
}

/* Where there is a pager, which may have to do it. */
static unsigned int take_timed(void *ctx, uint32_t page, unsigned int nr, void *to, int *why)
{
	uint64_t begun = zs_clock_ns();
	unsigned int done = take_by_move(ctx, page, nr, to, why);

	if (done == nr)
		zswap_taking_note(ctx, zs_clock_ns() - begun);
	return done;
}

static bool remap(char *from, char *to, unsigned int nr)
{
	return mremap(from, bytes_of(nr), bytes_of(nr), MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) !=
	       MAP_FAILED;
}

/* Here too a row may be of several mappings. A page that is not there moves as zeroes. */
static unsigned int take_by_remap(void *ctx, uint32_t page, unsigned int nr, void *to, int *why)
{
	struct zswap *zswap = ctx;
	char *from = zswap_regions_address(&zswap->regions, page), *at = to;
	unsigned int done = 0;

	*why = EAGAIN;
	if (is_changing(zswap))
		return 0;
	if (remap(from, at, nr))
		return nr;
	while (done < nr && remap(from + bytes_of(done), at + bytes_of(done), 1))
		done++;
	*why = errno;
	return done;
}

static void release(void *ctx, void *at, unsigned int nr)
{
	struct zswap *zswap = ctx;

	if (!let_go(at, nr))
		__atomic_store_n(&zswap->is_standby_kept, true, __ATOMIC_RELAXED);
}

/* ---- giving ---- */

static bool wakes_later(const struct zswap *zswap)
{
	return __atomic_load_n(&zswap->wakes_later, __ATOMIC_RELAXED);
}

/* Who waits for a page that is there already was not woken by its coming. */
static void wake(struct zswap *zswap, void *at, unsigned int nr)
{
	struct uffdio_range range = { .start = (uintptr_t)at, .len = bytes_of(nr) };

	if (!zswap->means.is_sigbus && !wakes_later(zswap))
		ioctl(zswap->fd, UFFDIO_WAKE, &range);
}

void zswap_memory_wake(struct zswap *zswap, uint32_t page)
{
	wake(zswap, zswap_regions_address(&zswap->regions, page), 1);
}

/* Result: how many of the first pages came, or a negative errno. */
static long copy_some(const struct zswap *zswap, void *to, unsigned int nr, const void *content)
{
	struct uffdio_copy copy = { .dst = (uintptr_t)to,
				    .src = (uintptr_t)content,
				    .len = bytes_of(nr),
				    .mode = wakes_later(zswap) ? UFFDIO_COPY_MODE_DONTWAKE : 0 };

	if (!ioctl(zswap->fd, UFFDIO_COPY, &copy))
		return nr;
	return copy.copy > 0 ? (long)(copy.copy >> ZSWAP_PAGE_SHIFT) : -errno;
}

/* One page whose place has a mark takes no zero page, but a copy. What is there takes neither. */
static long zero_marked(const struct zswap *zswap, void *to)
{
	static const unsigned char zeroes[ZSWAP_PAGE_BYTES];

	return copy_some(zswap, to, 1, zeroes);
}

static long zero_some(const struct zswap *zswap, void *to, unsigned int nr)
{
	struct uffdio_zeropage zero = { .range = { .start = (uintptr_t)to, .len = bytes_of(nr) },
					.mode = wakes_later(zswap) ? UFFDIO_ZEROPAGE_MODE_DONTWAKE : 0 };

	if (!ioctl(zswap->fd, UFFDIO_ZEROPAGE, &zero))
		return nr;
	if (zero.zeropage > 0)
		return (long)(zero.zeropage >> ZSWAP_PAGE_SHIFT);
	return errno == EEXIST ? zero_marked(zswap, to) : -errno;
}

/* A mapping that is gone, or is another's now, takes nothing. */
static int error_of(long got)
{
	return got == -EINVAL || got == -ESRCH ? -ENOENT : (int)got;
}

static int give(void *ctx, uint32_t page, unsigned int nr, const void *content)
{
	struct zswap *zswap = ctx;
	char *to = zswap_regions_address(&zswap->regions, page);
	const char *from = content;

	for (unsigned int done = 0; done < nr;) {
		char *at = to + bytes_of(done);
		long got =
			from ? copy_some(zswap, at, nr - done, from + bytes_of(done)) : zero_some(zswap, at, nr - done);

		if (got == -EEXIST) {
			wake(zswap, at, 1);
			got = 1;
		}
		if (got < 0)
			return error_of(got);
		done += (unsigned int)got;
	}
	return 0;
}

/* ---- giving what is ours ---- */

/*
 * By no copy, and with no new page for the program and none of ours to be freed: about 2 us less. But each processor
 * that runs the process has to forget ours, and to tell it so may take ten times that.
 */
static bool moves(void *ctx)
{
	return zswap_has_one_processor(ctx) && !zswap_touching_is_dear(ctx);
}

/* A page that is there came just now (see move_some()), or had come before. */
static unsigned int move(void *ctx, uint32_t page, unsigned int nr, void *content)
{
	struct zswap *zswap = ctx;
	char *from = content, *to = zswap_regions_address(&zswap->regions, page);
	unsigned int done = 0;

	while (done < nr) {
		char *at = to + bytes_of(done);
		long got = move_some(zswap->fd, from + bytes_of(done), at, nr - done,
				     wakes_later(zswap) ? UFFDIO_MOVE_MODE_DONTWAKE : 0);

		if (got == -EEXIST) {
			release(zswap, from + bytes_of(done), 1);
			wake(zswap, at, 1);
			got = 1;
		}
		if (got < 0)
			break;
		done += (unsigned int)got;
	}
	return done;
}

/* ---- looking ---- */

#define MOST_RUNS 32 /* of up to 64 pages that are written or not by turns */

static uint64_t bits_of(const struct page_region *run, uintptr_t start)
{
	uint64_t bits = 0;

	for (uint64_t at = run->start; at < run->end; at += ZSWAP_PAGE_BYTES)
		bits |= (uint64_t)1 << ((at - start) >> ZSWAP_PAGE_SHIFT);
	return bits;
}

/*
 * Those that were written are protected again, so that the next write is seen. What cannot be asked was not written. Of
 * pages that are not there too, the kernel would say that they were written, and mark them.
 */
static uint64_t written(void *ctx, uint32_t page, unsigned int nr)
{
	struct zswap *zswap = ctx;
	uintptr_t start = (uintptr_t)zswap_regions_address(&zswap->regions, page);
	struct page_region runs[MOST_RUNS];
	struct pm_scan_arg scan = { .size = sizeof(scan),
				    .flags = PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC,
				    .start = start,
				    .end = start + bytes_of(nr),
				    .vec = (uintptr_t)runs,
				    .vec_len = MOST_RUNS,
				    .category_mask = PAGE_IS_WRITTEN | PAGE_IS_PRESENT,
				    .return_mask = PAGE_IS_WRITTEN };
	int nr_runs = ioctl(zswap->pagemap_fd, PAGEMAP_SCAN, &scan);
	uint64_t bits = 0;

	for (int i = 0; i < nr_runs; i++)
		bits |= bits_of(&runs[i], start);
	return bits;
}

static void open_pagemap(struct zswap *zswap)
{
	zswap->pagemap_fd = zswap->means.has_scan ? open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC) : -1;
	zswap->memory.written = zswap->pagemap_fd < 0 ? NULL : written;
}

/* ---- making ---- */

static int watch_standby(struct zswap *zswap)
{
	int err;

	zswap->standby_fd = -1;
	zswap->memory.take = take_by_remap;
	if (!zswap->means.has_move)
		return 0;
	zswap->memory.take = zswap->means.is_sigbus ? take_by_move : take_timed;
	zswap->memory.takes_with_faults = zswap->means.is_sigbus ? NULL : zswap_memory_takes_with_faults;
	zswap->memory.move = move;
	zswap->memory.moves = moves;
	err = zswap_descriptor_open_standby(&zswap->means, &zswap->standby_fd);
	return err ? err
		   : zswap_descriptor_watch(zswap->standby_fd, zswap->memory.standby,
					    bytes_of(zswap->memory.standby_pages), false);
}

int zswap_memory_create(struct zswap *zswap, uint32_t standby_pages)
{
	void *standby = mmap(NULL, bytes_of(standby_pages), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (standby == MAP_FAILED)
		return -ENOMEM;
	madvise(standby, bytes_of(standby_pages), MADV_NOHUGEPAGE);
	zswap->memory = (struct zswap_memory){ .give = give,
					       .release = release,
					       .look = zswap_memory_look,
					       .ctx = zswap,
					       .standby = standby,
					       .standby_pages = standby_pages };
	open_pagemap(zswap);
	return watch_standby(zswap);
}

static void close_descriptors(struct zswap *zswap)
{
	if (zswap->standby_fd >= 0)
		close(zswap->standby_fd);
	if (zswap->pagemap_fd >= 0)
		close(zswap->pagemap_fd);
}

/* If it can be scanned no more, no page is ever spared. */
int zswap_memory_renew(struct zswap *zswap)
{
	close_descriptors(zswap);
	open_pagemap(zswap);
	return watch_standby(zswap);
}

void zswap_memory_destroy(struct zswap *zswap)
{
	if (!zswap->memory.standby)
		return;
	close_descriptors(zswap);
	munmap(zswap->memory.standby, bytes_of(zswap->memory.standby_pages));
}
