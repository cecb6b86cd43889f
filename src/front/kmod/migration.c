/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Page migration. The kernel isolates a page, and later asks for it with the page and its successor locked. In between
 * the pool goes on as if nothing had happened: it may even put the page back, in which case the page has no user when
 * the kernel asks, or is no longer movable, which the kernel sees itself.
 *
 * Locks: page lock > class lock.
 */
#include <linux/migrate_mode.h>

#include "compat.h"
#include "migrate.h"
#include "migration.h"

/* context: the page is locked. There is nothing to prepare: a page is taken along in any state. */
static bool isolate_page(struct page *page, isolate_mode_t mode)
{
	return true;
}

/*
 * The page lock keeps the class: a pool puts its pages back before its classes go, waits there for each page's lock,
 * and a page without a user is refused.
 */
static int migrate_page(struct page *new_page, struct page *page, enum migrate_mode mode)
{
	struct zs_class *class = zs_kernel_page_user(page);
	int err;

	if (!ZS_MIGRATION_MAY_COPY(mode))
		return -EINVAL;
	if (!class)
		return -EAGAIN;
	err = zs_class_replace_page(class, page, new_page);
	if (err)
		return err;
	zs_kernel_page_succeed(new_page, page);
	return MIGRATEPAGE_SUCCESS;
}

static void putback_page(struct page *page)
{
}

const struct movable_operations zs_kmod_movable = {
	.isolate_page = isolate_page,
	.migrate_page = migrate_page,
	.putback_page = putback_page,
};
