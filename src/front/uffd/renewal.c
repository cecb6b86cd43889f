/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What becomes of managed memory in a child after a fork: its threads and descriptors are the parent's. It gets some of
 * its own, or where it may not have them, all its pages, as plain memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "front.h"
#include "mappings.h"
#include "page_slot.h"

static int watch_all(struct zswap *zswap)
{
	struct zswap_region part;
	int err = 0;

	for (uintptr_t at = 0; !err && zswap_regions_next(&zswap->regions, at, UINTPTR_MAX, &part); at = part.end)
		err = zswap_descriptor_watch(zswap->fd, (void *)part.start, part.end - part.start,
					     zswap->means.has_scan);
	return err;
}

static int renew(struct zswap *zswap)
{
	int err = zswap_memory_renew(zswap);

	if (!err)
		err = zswap_descriptor_open(&zswap->means, &zswap->fd);
	if (!err)
		err = watch_all(zswap);
	return err ? err : zswap_pager_start(zswap);
}

/* What of a region is protected alike, from its beginning on. Where that cannot be known, it is taken for writable. */
static struct zswap_mapping first_mapping(const struct zswap_region *part)
{
	struct zswap_mapping mapping;

	if (zswap_mapping_next(part->start, part->end, &mapping))
		return mapping;
	return (struct zswap_mapping){ part->start, part->end, PROT_READ | PROT_WRITE };
}

/* It may be written for a moment: there is no other thread that would see it. */
static int restore_protected_page(struct zswap *zswap, uint32_t page, void *at, int protection)
{
	int err;

	if (mprotect(at, ZSWAP_PAGE_BYTES, PROT_READ | PROT_WRITE))
		return -errno;
	err = zswap_engine_restore(zswap->engine, page, 1, at);
	return mprotect(at, ZSWAP_PAGE_BYTES, protection) ? -errno : err;
}

/* Only what is away is touched: a reservation may be larger than what may be written at all. */
static int restore_protected(struct zswap *zswap, uint32_t page, uint64_t nr, const struct zswap_mapping *mapping)
{
	char *at = (char *)mapping->start;
	int err = 0;

	for (uint64_t i = 0; !err && (i += zswap_engine_find_away(zswap->engine, page + (uint32_t)i, nr - i)) < nr;)
		err = restore_protected_page(zswap, page + (uint32_t)i, at + (i << ZSWAP_PAGE_SHIFT),
					     mapping->protection);
	return err;
}

static int restore(struct zswap *zswap, const struct zswap_region *part, const struct zswap_mapping *mapping)
{
	uint32_t page = part->page + (uint32_t)((mapping->start - part->start) >> ZSWAP_PAGE_SHIFT);
	uint64_t nr = (mapping->end - mapping->start) >> ZSWAP_PAGE_SHIFT;

	if (!(mapping->protection & PROT_WRITE))
		return restore_protected(zswap, page, nr, mapping);
	return zswap_engine_restore(zswap->engine, page, nr, (void *)mapping->start);
}

/* Everything that is not there is brought, as plain memory. */
static void restore_all(struct zswap *zswap)
{
	struct zswap_mapping mapping;
	struct zswap_region part;

	for (uintptr_t at = 0; zswap_regions_next(&zswap->regions, at, UINTPTR_MAX, &part); at = mapping.end) {
		mapping = first_mapping(&part);
		if (restore(zswap, &part, &mapping)) {
			zswap_tell(zswap, "a page's content is lost in a child that may not use userfaultfd: it ends");
			abort();
		}
	}
}

void zswap_renew(struct zswap *zswap)
{
	/* The pager may have had the former, to put something aside; it and the evictor the latter, to look only. */
	zswap->changes.lock = zswap->regions.lock = (struct zs_share_lock){ 0 };
	zswap_forget_unmapped(zswap); /* before anything is mapped, which may come to lie there */
	zswap_children_branch(zswap);
	close(zswap->fd);
	close(zswap->stop_fd);
	zswap->fd = zswap->stop_fd = -1;
	zswap->has_pager = zswap->has_evictor = false;
	zswap->wakes_later = false;
	zswap->evictor_state = 0;
	zswap_changes_settle(zswap);
	if (!renew(zswap))
		return;
	zswap_pager_stop(zswap);
	if (zswap->fd >= 0)
		close(zswap->fd); /* nothing is watched from here on */
	zswap->fd = -1;
	restore_all(zswap);
	zswap_children_release(zswap);
}
