/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The source of a pool in the kernel: single movable pages, and metadata from the page allocator.
 *
 * A page is "movable" for the kernel from when it is got to when it is put back; marking it so and not so takes its
 * page lock. Whoever migrates a page holds that lock, asks the page's user, and the user's lock is taken inside. Under
 * the user's lock no page lock is ever wanted: putting a page back happens outside. It may happen in atomic context,
 * where the page lock can only be tried; if somebody has it (a migration, which will find that the page has no user any
 * more), a work item waits for it in our place.
 *
 * While a migration is at work on a page, that page is still its pool's or on the list of the work item. So once a
 * source is closed and the work item has run, none is at work on a page that had a user of that source.
 *
 * Locks: page lock > the user's (the class lock). late_lock is innermost.
 */
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/vmstat.h>
#include <linux/workqueue.h>

#include "kernel_source.h"

#define LOCK_TRIES 3

struct zs_source {
	const struct movable_operations *movable;
	bool is_closing; /* puts back only in a context that may sleep */
};

int zs_host_source_create(const struct zs_ops *ops, struct zs_source **source)
{
	*source = kzalloc(sizeof(**source), GFP_KERNEL);
	if (!*source)
		return -ENOMEM;
	(*source)->movable = ops->movable;
	return 0;
}

void zs_host_source_destroy(struct zs_source *source)
{
	kfree(source);
}

unsigned int zs_host_page_shift(const struct zs_source *source)
{
	return PAGE_SHIFT;
}

bool zs_host_contiguous(const struct zs_source *source)
{
	return false;
}

unsigned long zs_host_overhead_bytes(const struct zs_source *source)
{
	return 0;
}

/* ---- pages ---- */

/* A fresh page's lock is free, unless somebody who looks through all memory just tries the page: then another page. */
static struct page *get_locked(gfp_t gfp)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		struct page *page = alloc_page(gfp);

		if (!page || trylock_page(page))
			return page;
		put_page(page);
	}
	return NULL;
}

void *zs_host_page_get(struct zs_source *source, unsigned int flags)
{
	struct page *page = get_locked((__force gfp_t)flags);

	if (!page)
		return NULL;
	set_page_private(page, 0);
	__SetPageMovable(page, source->movable);
	unlock_page(page);
	inc_zone_page_state(page, NR_ZSPAGES);
	return page;
}

/* pre: the page is locked, and is unlocked here. */
static void put_locked(struct page *page)
{
	__ClearPageMovable(page);
	unlock_page(page);
	dec_zone_page_state(page, NR_ZSPAGES);
	put_page(page);
}

/* Pages whose lock somebody else had. They are linked through their index, which means something only with a user. */
static DEFINE_SPINLOCK(late_lock);
static struct page *late_pages;

static void put_late_pages(struct work_struct *work)
{
	struct page *page, *next;

	spin_lock(&late_lock);
	page = late_pages;
	late_pages = NULL;
	spin_unlock(&late_lock);
	for (; page; page = next) {
		next = (struct page *)page->index;
		lock_page(page);
		put_locked(page);
	}
}

static DECLARE_WORK(late_work, put_late_pages);

static void put_late(struct page *page)
{
	spin_lock(&late_lock);
	page->index = (unsigned long)late_pages;
	late_pages = page;
	spin_unlock(&late_lock);
	schedule_work(&late_work);
}

void zs_host_page_put(struct zs_source *source, void *host_page)
{
	struct page *page = host_page;

	if (source->is_closing)
		lock_page(page);
	else if (!trylock_page(page))
		return put_late(page);
	put_locked(page);
}

void zs_kernel_pages_flush(void)
{
	flush_work(&late_work);
}

void zs_kernel_source_close(struct zs_source *source)
{
	source->is_closing = true;
	zs_kernel_pages_flush();
}

/* The user is read without its lock by a migration that wants to find the lock. */
void zs_host_page_use(struct zs_source *source, void *host_page, void *user, unsigned long place)
{
	struct page *page = host_page;

	page->index = place;
	WRITE_ONCE(page->private, (unsigned long)user);
}

bool zs_host_page_is_used(struct zs_source *source, void *host_page, const void *user, unsigned long *place)
{
	struct page *page = host_page;

	*place = page->index;
	return (const void *)page->private == user;
}

void *zs_kernel_page_user(struct page *page)
{
	return (void *)READ_ONCE(page->private);
}

void zs_kernel_page_succeed(struct page *new_page, struct page *old_page)
{
	get_page(new_page);
	__SetPageMovable(new_page, page_movable_ops(old_page));
	if (page_zone(new_page) != page_zone(old_page)) {
		dec_zone_page_state(old_page, NR_ZSPAGES);
		inc_zone_page_state(new_page, NR_ZSPAGES);
	}
	__ClearPageMovable(old_page);
	put_page(old_page);
}

void *zs_host_page_address(void *page)
{
	return PageHighMem((struct page *)page) ? NULL : page_address(page);
}

void *zs_host_page_open(void *page)
{
	return kmap_local_page(page);
}

void zs_host_page_close(void *address)
{
	kunmap_local(address);
}

/* ---- metadata ---- */

/* Units are aligned to their size: by the page allocator, or by kmalloc() where a page is larger than one. */
void *zs_host_meta_get(struct zs_source *source, unsigned int flags)
{
	gfp_t gfp = (__force gfp_t)flags & ~(__GFP_HIGHMEM | __GFP_MOVABLE);

	if (PAGE_SIZE == ZS_META_UNIT)
		return (void *)get_zeroed_page(gfp);
	return kzalloc(ZS_META_UNIT, gfp);
}

void zs_host_meta_put(struct zs_source *source, void *unit)
{
	if (PAGE_SIZE == ZS_META_UNIT)
		free_page((unsigned long)unit);
	else
		kfree(unit);
}
