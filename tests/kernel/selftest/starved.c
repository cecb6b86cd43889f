/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A pool that can get no pages: allocations fail cleanly, and what is stored stays, is read, written and freed.
 *
 * Where there is a small zone for DMA, the pool is confined to it by its flags and all of its free pages are taken, so
 * that nobody else is short of memory; elsewhere all free pages of the system are taken for the time of the test. What
 * was taken is given up, part by part, before the kernel kills anybody for memory.
 */
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/notifier.h>
#include <linux/oom.h>
#include <linux/spinlock.h>
#include <linux/vmstat.h>

#include "selftest.h"

#define ZONE_GFP (IS_ENABLED(CONFIG_ZONE_DMA) ? __GFP_DMA : 0)
#define STARVED_GFP (ZONE_GFP | __GFP_NOWARN | __GFP_NORETRY | __GFP_NOMEMALLOC)
#define ROUNDS 6
#define TRICKLE 8 /* allocations for each page that is given back meanwhile, so that some fail halfway */
#define PART 512  /* pages given up at once */

/* ---- the pages that are taken away ---- */

struct hoard {
	struct notifier_block emergency;
	spinlock_t lock;
	struct list_head pages;
	unsigned long nr;
};

static void hoard_put(struct hoard *hoard, struct page *page)
{
	spin_lock(&hoard->lock);
	list_add(&page->lru, &hoard->pages);
	hoard->nr++;
	spin_unlock(&hoard->lock);
}

/* Result: whether there was one. */
static bool release_one(struct hoard *hoard)
{
	struct page *page;

	spin_lock(&hoard->lock);
	page = list_first_entry_or_null(&hoard->pages, struct page, lru);
	if (page) {
		list_del(&page->lru);
		hoard->nr--;
	}
	spin_unlock(&hoard->lock);
	if (page)
		__free_page(page);
	return page;
}

static int give_up_part(struct notifier_block *emergency, unsigned long unused, void *nr_freed)
{
	struct hoard *hoard = container_of(emergency, struct hoard, emergency);
	unsigned int i;

	for (i = 0; i < PART && release_one(hoard); i++)
		++*(unsigned long *)nr_freed;
	return NOTIFY_OK;
}

static void hoard_begin(struct hoard *hoard)
{
	*hoard = (struct hoard){ .emergency.notifier_call = give_up_part };
	spin_lock_init(&hoard->lock);
	INIT_LIST_HEAD(&hoard->pages);
	register_oom_notifier(&hoard->emergency);
}

static void hoard_all(struct selftest *st, struct hoard *hoard)
{
	while (READ_ONCE(hoard->nr) < totalram_pages() && st_goes_on(st)) {
		struct page *page = alloc_pages(STARVED_GFP, 0);

		if (!page)
			break;
		hoard_put(hoard, page);
	}
}

static void hoard_end(struct hoard *hoard)
{
	unregister_oom_notifier(&hoard->emergency);
	while (release_one(hoard))
		cond_resched();
}

/* ---- the pool ---- */

/* How often anybody has waited for memory in the DMA zone, which is only asked for here. */
static unsigned long nr_stalls(void)
{
#ifdef CONFIG_ZONE_DMA
	static unsigned long events[NR_VM_EVENT_ITEMS];

	all_vm_events(events);
	return events[ALLOCSTALL_DMA];
#else
	return 0;
#endif
}

/* Without preemption where that is allowed: so a pool that waits though its flags forbid it is found out. */
static int alloc(struct st_table *t, struct st_object *o)
{
	u32 size = 1 + st_below(&t->rng, PAGE_SIZE);

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return st_object_alloc(t, o, size, STARVED_GFP);
	return st_atomic_alloc(t, o, size, STARVED_GFP);
}

static unsigned int fill(struct st_table *t, struct hoard *hoard)
{
	unsigned int nr_failed = 0;
	u32 i;

	for (i = 0; i < t->nr && st_goes_on(t->st); i++) {
		t->st->step++;
		if (!t->objects[i].handle && alloc(t, &t->objects[i]) == -ENOMEM)
			nr_failed++;
		if (i % TRICKLE == 0)
			release_one(hoard);
	}
	return nr_failed;
}

static void rewrite_all(struct st_table *t)
{
	u32 i;

	for (i = 0; i < t->nr && st_goes_on(t->st); i++)
		if (t->objects[i].handle)
			st_object_rewrite(t, &t->objects[i]);
}

static void starve(struct st_table *t, struct hoard *hoard)
{
	unsigned long stalls = nr_stalls();
	unsigned int nr_failed = 0;
	unsigned int round;

	for (round = 0; round < ROUNDS && st_goes_on(t->st); round++) {
		hoard_all(t->st, hoard);
		nr_failed += fill(t, hoard);
		st_table_verify(t);
		rewrite_all(t);
		st_pool_compact(t->st, t->pool);
		st_table_verify(t);
		st_table_free_half(t);
	}
	if (!nr_failed && round == ROUNDS)
		st_fail(t->st, "no allocation failed with %lu pages taken away", hoard->nr);
	if (nr_stalls() != stalls)
		st_fail(t->st, "%lu allocations waited for memory, and should not", nr_stalls() - stalls);
}

/* With memory there again all goes on. */
static void recover(struct st_table *t)
{
	u32 i;

	st_table_verify(t);
	for (i = 0; i < t->nr && st_goes_on(t->st); i++)
		if (!t->objects[i].handle)
			st_object_must_alloc(t, &t->objects[i], 1 + st_below(&t->rng, PAGE_SIZE), ST_GFP_PATIENT);
	st_table_verify(t);
}

void st_starved_run(struct selftest *st)
{
	struct zs_pool *pool = st_pool_create(st);
	struct hoard hoard;
	struct st_table t;

	if (!pool)
		return;
	if (!st_table_create(&t, st, pool, min(st_parameters.nr_objects, 1000u), 0)) {
		hoard_begin(&hoard);
		fill(&t, &hoard);
		st_table_free_half(&t);
		starve(&t, &hoard);
		hoard_end(&hoard);
		recover(&t);
		st_table_destroy(&t);
	}
	st_pool_destroy(st, pool);
}
