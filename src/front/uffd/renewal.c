/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What becomes of managed memory in a child after a fork: its threads and descriptors are the parent's. It gets some of
 * its own, or where it may not have them, all its pages, as plain memory.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "front.h"
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

/* Everything that is not there is brought, as plain memory. */
static void restore_all(struct zswap *zswap)
{
	struct zswap_region part;

	for (uintptr_t at = 0; zswap_regions_next(&zswap->regions, at, UINTPTR_MAX, &part); at = part.end)
		if (zswap_engine_restore(zswap->engine, part.page, (part.end - part.start) >> ZSWAP_PAGE_SHIFT,
					 (void *)part.start)) {
			zswap_tell(zswap, "a page's content is lost in a child that may not use userfaultfd: it ends");
			abort();
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
