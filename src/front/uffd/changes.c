/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What the program unmaps or drops by calls of its own: the kernel tells, and the caller waits until that is read.
 *
 * Dealing with it takes locks of the engine. While a thread forks that must not be: the child would have them for ever.
 * So then it is put aside. The caller goes on as soon as it is read, a little before it is in memory. A child that
 * begins in between, or before it was read, has what was dropped as it was: to the program that is a fork a little
 * sooner, as who forks and who drops do not wait for each other. What was unmapped has no mapping there; and what calls
 * of ours map instead, nobody forks before all is dealt with (see zswap_begin_to_replace()).
 *
 * The kernel drops pages a few instructions after that was read: docs/decisions/0016-known-before-dropped.md.
 */
#include <errno.h>
#include <sys/mman.h>

#include "front.h"
#include "page_slot.h"

static uint64_t pages_of(const struct zswap_region *part)
{
	return (part->end - part->start) >> ZSWAP_PAGE_SHIFT;
}

void zswap_removed(struct zswap *zswap, uintptr_t start, uintptr_t end)
{
	struct zswap_region part;

	for (; zswap_regions_next(&zswap->regions, start, end, &part); start = part.end)
		zswap_engine_drop(zswap->engine, part.page, pages_of(&part));
}

void zswap_unmapped(struct zswap *zswap, uintptr_t start, uintptr_t end)
{
	struct zswap_region part;

	for (; zswap_regions_next(&zswap->regions, start, end, &part); start = part.end) {
		zswap_engine_unmap(zswap->engine, part.page, pages_of(&part));
		if (zswap_regions_remove(&zswap->regions, &part))
			zswap_engine_forget(zswap->engine, part.area, part.nr_pages);
	}
}

/* ---- while a thread forks ---- */

bool zswap_changes_begin(struct zswap *zswap, unsigned int room)
{
	zs_share_lock(&zswap->changes.lock, true);
	if (!zswap_is_forking(zswap, 0) && zswap->changes.nr + room <= ZSWAP_MOST_CHANGES)
		return true;
	zs_share_unlock(&zswap->changes.lock, true);
	return false;
}

void zswap_changes_end(struct zswap *zswap)
{
	zs_share_unlock(&zswap->changes.lock, true);
}

#define KNOWN 64u /* of the last ones */

/* Who drops the same pages again and again fills no list. */
static bool is_known(const struct zswap_changes *changes, const struct zswap_change *change)
{
	for (uint32_t i = changes->nr > KNOWN ? changes->nr - KNOWN : 0; i < changes->nr; i++)
		if (changes->change[i].start <= change->start && change->end <= changes->change[i].end &&
		    changes->change[i].is_unmapped >= change->is_unmapped)
			return true;
	return false;
}

void zswap_changes_put_aside(struct zswap *zswap, const struct zswap_change *change)
{
	struct zswap_changes *changes = &zswap->changes;

	if (is_known(changes, change))
		return;
	changes->change[changes->nr] = *change;
	__atomic_store_n(&changes->nr, changes->nr + 1, __ATOMIC_RELEASE); /* not before: a child begins with both */
}

void zswap_changes_settle(struct zswap *zswap)
{
	struct zswap_changes *changes = &zswap->changes;

	for (uint32_t i = 0; i < changes->nr; i++)
		if (changes->change[i].is_unmapped)
			zswap_unmapped(zswap, changes->change[i].start, changes->change[i].end);
		else
			zswap_removed(zswap, changes->change[i].start, changes->change[i].end);
	changes->nr = 0;
}

/* ---- in a child ---- */

/* Looks at mappings only, not at pages. */
static bool is_mapped(uintptr_t start, uintptr_t end)
{
	return !msync((void *)start, end - start, MS_ASYNC) || errno != ENOMEM;
}

static void forget_part(struct zswap *zswap, uintptr_t start, uintptr_t end)
{
	uintptr_t middle = start + (((end - start) >> (ZSWAP_PAGE_SHIFT + 1)) << ZSWAP_PAGE_SHIFT);

	if (is_mapped(start, end))
		return;
	if (middle == start) {
		zswap_unmapped(zswap, start, end);
		return;
	}
	forget_part(zswap, start, middle);
	forget_part(zswap, middle, end);
}

void zswap_forget_unmapped(struct zswap *zswap)
{
	struct zswap_region part;

	for (uintptr_t at = 0; zswap_regions_next(&zswap->regions, at, UINTPTR_MAX, &part); at = part.end)
		forget_part(zswap, part.start, part.end);
}
