/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Lists with two ends. A link is 0 for a page in no queue, END at an end, else the neighbour's number + 1; so zeroes
 * are pages in no queue.
 */
#include "queue.h"

#define END UINT32_MAX

_Static_assert(END > (uint64_t)ZSWAP_NR_CHUNKS << ZSWAP_CHUNK_SHIFT, "no page's link looks like an end");

static struct zswap_page *page_at(struct zswap_table *table, uint32_t link)
{
	return zswap_page_of(table, link - 1);
}

/* Where a neighbour's link to a page stands: in the neighbour, or it is the queue's own. */
static uint32_t *from_newer(struct zswap_queue *queue, struct zswap_table *table, const struct zswap_page *page)
{
	return page->newer == END ? &queue->newest : &page_at(table, page->newer)->older;
}

static uint32_t *from_older(struct zswap_queue *queue, struct zswap_table *table, const struct zswap_page *page)
{
	return page->older == END ? &queue->oldest : &page_at(table, page->older)->newer;
}

/* Whoever expects to remove a page may look at its links, with no lock. */
static void set(uint32_t *link, uint32_t value)
{
	__atomic_store_n(link, value, __ATOMIC_RELAXED);
}

/* context: lock */
static void link_page(struct zswap_queue *queue, struct zswap_table *table, uint32_t number, enum zswap_end end)
{
	struct zswap_page *page = zswap_page_of(table, number);

	set(&page->newer, end == ZSWAP_NEWEST || !queue->oldest ? END : queue->oldest);
	set(&page->older, end == ZSWAP_OLDEST || !queue->newest ? END : queue->newest);
	set(from_newer(queue, table, page), number + 1);
	set(from_older(queue, table, page), number + 1);
	__atomic_store_n(&queue->nr, queue->nr + 1, __ATOMIC_RELAXED);
}

/* context: lock */
static void unlink_page(struct zswap_queue *queue, struct zswap_table *table, struct zswap_page *page)
{
	bool is_only = page->older == END && page->newer == END;

	set(from_newer(queue, table, page), is_only ? 0 : page->older);
	set(from_older(queue, table, page), is_only ? 0 : page->newer);
	set(&page->newer, 0);
	set(&page->older, 0);
	__atomic_store_n(&queue->nr, queue->nr - 1, __ATOMIC_RELAXED);
}

void zswap_queue_add(struct zswap_queue *queue, struct zswap_table *table, uint32_t page, enum zswap_end end)
{
	zs_share_lock(&queue->lock, true);
	link_page(queue, table, page, end);
	zs_share_unlock(&queue->lock, true);
}

void zswap_queue_remove(struct zswap_queue *queue, struct zswap_table *table, uint32_t number)
{
	struct zswap_page *page = zswap_page_of(table, number);

	zs_share_lock(&queue->lock, true);
	if (page->newer)
		unlink_page(queue, table, page);
	zs_share_unlock(&queue->lock, true);
}

/* Others may change the links meanwhile: these may be old ones then, which only fetches something else. */
static void expect_neighbour(const struct zswap_table *table, const uint32_t *link)
{
	uint32_t neighbour = __atomic_load_n(link, __ATOMIC_RELAXED);

	if (neighbour && neighbour != END)
		__builtin_prefetch(zswap_page_of(table, neighbour - 1), 1);
}

void zswap_queue_expect(const struct zswap_table *table, const struct zswap_page *page)
{
	expect_neighbour(table, &page->newer);
	expect_neighbour(table, &page->older);
}

unsigned int zswap_queue_pop(struct zswap_queue *queue, struct zswap_table *table, uint32_t *pages, unsigned int most)
{
	unsigned int nr = 0;

	zs_share_lock(&queue->lock, true);
	for (; nr < most && queue->oldest; nr++) {
		pages[nr] = queue->oldest - 1;
		unlink_page(queue, table, zswap_page_of(table, pages[nr]));
	}
	zs_share_unlock(&queue->lock, true);
	return nr;
}
