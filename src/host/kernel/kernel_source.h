/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The kernel host as the layers above see it: how to make a source, end one, and replace a page.
 */
#ifndef ZS_KERNEL_SOURCE_H
#define ZS_KERNEL_SOURCE_H

#include <linux/migrate.h>
#include <linux/mm_types.h>

#include "host.h"

/* What the kernel's host wants to know of a source: who answers when the kernel wants a page elsewhere. */
struct zs_ops {
	const struct movable_operations *movable;
};

/*
 * To be called before a pool is destroyed: from now on pages are put back only when nobody is at work on them any more,
 * and none of those put back before is being worked on. context: may sleep; nobody uses the pool.
 */
void zs_kernel_source_close(struct zs_source *source);

/* Who uses a page, as zs_host_page_use() was told, or NULL. pre: the page is locked. */
void *zs_kernel_page_user(struct page *page);

/*
 * The new page takes the old one's place among the kernel's movable pages, and the old one goes.
 * pre: both are locked; the old one has no user.
 */
void zs_kernel_page_succeed(struct page *new_page, struct page *old_page);

/* The host's own, once for the module. */
int zs_kernel_windows_create(void);
void zs_kernel_windows_destroy(void);
void zs_kernel_pages_flush(void);

#endif
