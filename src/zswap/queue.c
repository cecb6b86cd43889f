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

/* context: lock */
static void link_page(struct zswap_queue *queue, struct zswap_table *table, uint32_t number, enum zswap_end end)
{
	struct zswap_page *page = zswap_page_of(table, number);

	page->newer = end == ZSWAP_NEWEST || !queue->oldest ? END : queue->oldest;
	page->older = end == ZSWAP_OLDEST || !queue->newest ? END : queue->newest;
	*from_newer(queue, table, page) = number + 1;
	*from_older(queue, table, page) = number + 1;
	__atomic_store_n(&queue->nr, queue->nr + 1, __ATOMIC_RELAXED);
}

/* context: lock */
static void unlink_page(struct zswap_queue *queue, struct zswap_table *table, struct zswap_page *page)
{
	*from_newer(queue, table, page) = page->older == END && page->newer == END ? 0 : page->older;
	*from_older(queue, table, page) = page->older == END && page->newer == END ? 0 : page->newer;
	page->newer = page->older = 0;
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
