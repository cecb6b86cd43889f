/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The public calls for memory: mapping, advice, figures.
 */
#include "zswap.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include "front.h"
#include "page_slot.h"

/* A handler of pthread_atfork() may be who calls. */
static void begin_call(struct zswap_interrupts *before)
{
	zswap_block_interrupts(before);
	if (!zswap_all_are_mine())
		zs_share_lock(&zswap_all.calls, false);
}

static void end_call(const struct zswap_interrupts *before)
{
	if (!zswap_all_are_mine())
		zs_share_unlock(&zswap_all.calls, false);
	zswap_restore_interrupts(before);
}

/* ---- mapping ---- */

/* Whether there is still a region, all that was read being dealt with: who forks does that itself. */
static bool is_known(struct zswap *zswap, uintptr_t start, uintptr_t end)
{
	bool is_mine = zswap_all_are_mine(), is_there;
	struct zswap_region part;

	if (is_mine) {
		zs_share_lock(&zswap->changes.lock, true);
		zswap_changes_settle(zswap);
		zs_share_unlock(&zswap->changes.lock, true);
	} else {
		zswap_engine_listen(zswap->engine);
	}
	is_there = zswap_regions_next(&zswap->regions, start, end, &part);
	if (!is_mine)
		zswap_engine_listened(zswap->engine);
	return is_there;
}

/*
 * The program may have unmapped by itself what was here before. The kernel goes on as soon as that is read: it is to be
 * dealt with first, or it would be taken for what is mapped now.
 */
static void await_unmapped(struct zswap *zswap, uintptr_t start, uintptr_t end)
{
	while (zswap->fd >= 0 && is_known(zswap, start, end))
		sched_yield();
}

/* Nobody deals with a part of it meanwhile: its numbers may be others' afterwards. */
static void forget(struct zswap *zswap, uintptr_t start, uintptr_t end)
{
	bool is_mine = zswap_all_are_mine();

	if (!is_mine)
		zswap_engine_listen(zswap->engine);
	zswap_unmapped(zswap, start, end);
	if (!is_mine)
		zswap_engine_listened(zswap->engine);
}

static int manage(struct zswap *zswap, void *start, size_t bytes)
{
	uint32_t page;
	int err;

	madvise(start, bytes, MADV_NOHUGEPAGE);
	await_unmapped(zswap, (uintptr_t)start, (uintptr_t)start + bytes);
	err = zswap_engine_add(zswap->engine, bytes >> ZSWAP_PAGE_SHIFT, &page);
	if (err)
		return err;
	err = zswap_regions_add(&zswap->regions, (uintptr_t)start, bytes, page);
	if (err) {
		zswap_engine_forget(zswap->engine, page, bytes >> ZSWAP_PAGE_SHIFT);
		return err;
	}
	err = zswap_descriptor_watch(zswap->fd, start, bytes, zswap->means.has_scan);
	if (err)
		forget(zswap, (uintptr_t)start, (uintptr_t)start + bytes);
	return err;
}

static void *map(struct zswap *zswap, size_t bytes)
{
	void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int err;

	if (start == MAP_FAILED)
		return NULL;
	err = manage(zswap, start, bytes);
	if (!err)
		return start;
	munmap(start, bytes);
	errno = ENOMEM;
	return NULL;
}

int zswap_take_over(struct zswap *zswap, void *start, size_t bytes)
{
	struct zswap_interrupts before;
	int err;

	begin_call(&before);
	err = zswap->fd < 0 ? -EPERM : manage(zswap, start, bytes);
	end_call(&before);
	return err;
}

/*
 * It is forgotten, and the kernel tells nothing of it any more. Where the kernel has no room to cut a mapping, all
 * stays as it is, the mappings before that one too: should they be unmapped all the same, that is told. Result: 0 or a
 * negative errno.
 */
static int stop_watching(struct zswap *zswap, uintptr_t start, uintptr_t end)
{
	int err = zswap->fd < 0 ? 0 : zswap_descriptor_forget(zswap->fd, (void *)start, end - start);

	if (err)
		zswap_descriptor_watch(zswap->fd, (void *)start, end - start, zswap->means.has_scan);
	else
		forget(zswap, start, end);
	return err;
}

void zswap_let_go(struct zswap *zswap, void *start, size_t bytes)
{
	uintptr_t at = (uintptr_t)start, end = at + bytes;
	struct zswap_region part;
	struct zswap_interrupts before;

	begin_call(&before);
	for (; zswap_regions_next(&zswap->regions, at, end, &part); at = part.end)
		stop_watching(zswap, part.start, part.end);
	end_call(&before);
}

void zswap_begin_to_replace(struct zswap_interrupts *before)
{
	begin_call(before);
}

void zswap_end_replacing(struct zswap *zswap, void *start, size_t bytes, const struct zswap_interrupts *before)
{
	if (bytes)
		await_unmapped(zswap, (uintptr_t)start, (uintptr_t)start + bytes);
	end_call(before);
}

/* A signal handler of the program's may be who looks: who is interrupted by one must not have the regions' lock. */
bool zswap_find(struct zswap *zswap, uintptr_t start, uintptr_t end, struct zswap_region *part)
{
	struct zswap_interrupts before;
	bool is_there;

	zswap_block_interrupts(&before);
	is_there = zswap_regions_next(&zswap->regions, start, end, part);
	zswap_restore_interrupts(&before);
	return is_there;
}

/* 0: there is nothing, or it is more than there can be. */
static size_t round_up(size_t len)
{
	return (len + ZSWAP_PAGE_BYTES - 1) & ~(size_t)(ZSWAP_PAGE_BYTES - 1);
}

PUBLIC void *zswap_mmap(struct zswap *zswap, size_t len)
{
	struct zswap_interrupts before;
	void *start;

	if (!zswap || !len || !round_up(len)) {
		errno = zswap && len ? ENOMEM : EINVAL;
		return NULL;
	}
	begin_call(&before);
	start = map(zswap, round_up(len));
	end_call(&before);
	return start;
}

static int fail(int err)
{
	if (err)
		errno = -err;
	return err;
}

static bool is_aligned(uintptr_t address)
{
	return !(address & (ZSWAP_PAGE_BYTES - 1));
}

/* Whether all of a range is managed. */
static bool is_managed(struct zswap *zswap, uintptr_t start, uintptr_t end)
{
	struct zswap_region part;

	for (; start < end; start = part.end)
		if (!zswap_regions_next(&zswap->regions, start, end, &part) || part.start != start)
			return false;
	return true;
}

static int unmap(struct zswap *zswap, uintptr_t start, uintptr_t end)
{
	int err = is_managed(zswap, start, end) ? stop_watching(zswap, start, end) : -EINVAL;

	if (err)
		return err;
	return munmap((void *)start, end - start) ? -errno : 0;
}

PUBLIC int zswap_munmap(struct zswap *zswap, void *addr, size_t len)
{
	uintptr_t start = (uintptr_t)addr;
	struct zswap_interrupts before;
	int err;

	if (!zswap || !len || !is_aligned(start) || !is_aligned(len) || start + len < start)
		return fail(-EINVAL);
	begin_call(&before);
	err = unmap(zswap, start, start + len);
	end_call(&before);
	return fail(err);
}

/* ---- advice ---- */

/*
 * A part of one region. What is not watched, in a child that may not do that, is plain memory: it must not be taken.
 * Nor may anything be while a thread forks, which can only be the one that asks.
 */
static int advise_part(struct zswap *zswap, const struct zswap_region *part, enum zswap_advice advice)
{
	uint64_t nr = (part->end - part->start) >> ZSWAP_PAGE_SHIFT;

	if ((zswap->fd < 0 || zswap_all_are_mine()) && advice != ZSWAP_DONTNEED)
		return 0;
	switch (advice) {
	case ZSWAP_COLD: zswap_engine_cold(zswap->engine, part->page, nr); return 0;
	case ZSWAP_WILLNEED: return zswap_engine_need(zswap->engine, part->page, nr);
	case ZSWAP_PAGEOUT:
		zswap_engine_evict(zswap->engine, part->page, nr);
		zswap_engine_pack(zswap->engine);
		return 0;
	case ZSWAP_DONTNEED:
		zswap_engine_drop(zswap->engine, part->page, nr);
		return madvise((void *)part->start, part->end - part->start, MADV_DONTNEED) ? -errno : 0;
	}
	return -EINVAL;
}

static int advise(struct zswap *zswap, uintptr_t start, uintptr_t end, enum zswap_advice advice)
{
	struct zswap_region part;
	int err = 0;

	for (; !err && zswap_regions_next(&zswap->regions, start, end, &part); start = part.end)
		err = advise_part(zswap, &part, advice);
	return err;
}

PUBLIC int zswap_advise(struct zswap *zswap, void *addr, size_t len, enum zswap_advice advice)
{
	uintptr_t start = (uintptr_t)addr;
	struct zswap_interrupts before;
	int err;

	if (!zswap || !is_aligned(start) || advice > ZSWAP_DONTNEED || round_up(len) < len ||
	    start + round_up(len) < start)
		return fail(-EINVAL);
	begin_call(&before);
	err = advise(zswap, start, start + round_up(len), advice);
	end_call(&before);
	return fail(err);
}

/* ---- figures ---- */

static uint64_t mode_of(const struct zswap *zswap)
{
	return (zswap->means.is_sigbus ? ZSWAP_MODE_SIGBUS : 0) |
	       (zswap->means.is_full && !zswap->means.is_sigbus ? ZSWAP_MODE_FULL : 0) |
	       (zswap->means.has_move ? ZSWAP_MODE_MOVE : 0) | (zswap->pagemap_fd >= 0 ? ZSWAP_MODE_SCAN : 0);
}

PUBLIC void zswap_stats(struct zswap *zswap, struct zswap_stats *stats)
{
	struct zswap_stats all = { .size = sizeof(all) };
	struct zswap_interrupts before;
	size_t size;

	if (!zswap || !stats || !stats->size)
		return;
	zswap_block_interrupts(&before);
	all.mode = mode_of(zswap);
	zswap_engine_stats(zswap->engine, &all);
	zswap_restore_interrupts(&before);
	size = stats->size < sizeof(all) ? stats->size : sizeof(all);
	memcpy(stats, &all, size);
	stats->size = size;
}
