/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A hash table with chains, and a list. Links are numbers of entries and 1 more, so that 0 leads nowhere.
 */
#include "lru.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

struct lru_entry {
	uint32_t page;
	uint32_t newer;
	uint32_t older;
	uint32_t next; /* in its bucket's chain */
};

#define BYTES_EACH (LRU_PAGE + sizeof(struct lru_entry) + sizeof(uint32_t))

int lru_create(struct lru *lru, uint64_t bytes)
{
	uint64_t nr = bytes > sizeof(*lru) ? (bytes - sizeof(*lru)) / BYTES_EACH : 0;

	if (!nr || nr >= UINT32_MAX)
		return -EINVAL;
	*lru = (struct lru){ .bytes = nr * BYTES_EACH, .nr_most = (uint32_t)nr };
	lru->pages = mmap(NULL, lru->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (lru->pages == MAP_FAILED) {
		lru->pages = NULL;
		return -ENOMEM;
	}
	lru->entries = (struct lru_entry *)(lru->pages + nr * LRU_PAGE);
	lru->buckets = (uint32_t *)(lru->entries + nr);
	pthread_mutex_init(&lru->lock, NULL);
	return 0;
}

void lru_destroy(struct lru *lru)
{
	pthread_mutex_destroy(&lru->lock);
	munmap(lru->pages, lru->bytes);
}

/* ---- finding; context: the lock ---- */

static struct lru_entry *entry_of(const struct lru *lru, uint32_t link)
{
	return &lru->entries[link - 1];
}

static unsigned char *content_of(const struct lru *lru, uint32_t link)
{
	return lru->pages + (uint64_t)(link - 1) * LRU_PAGE;
}

static uint32_t *bucket_of(const struct lru *lru, uint32_t page)
{
	uint32_t hash = (uint32_t)(page * 0x9e3779b97f4a7c15u >> 32);

	return &lru->buckets[(uint64_t)hash * lru->nr_most >> 32];
}

static uint32_t find(const struct lru *lru, uint32_t page)
{
	uint32_t link = *bucket_of(lru, page);

	while (link && entry_of(lru, link)->page != page)
		link = entry_of(lru, link)->next;
	return link;
}

static void unchain(struct lru *lru, uint32_t link)
{
	uint32_t *from = bucket_of(lru, entry_of(lru, link)->page);

	while (*from != link)
		from = &entry_of(lru, *from)->next;
	*from = entry_of(lru, link)->next;
}

static void chain(struct lru *lru, uint32_t link)
{
	uint32_t *bucket = bucket_of(lru, entry_of(lru, link)->page);

	entry_of(lru, link)->next = *bucket;
	*bucket = link;
}

/* ---- order; context: the lock ---- */

static void unlist(struct lru *lru, uint32_t link)
{
	const struct lru_entry *entry = entry_of(lru, link);

	*(entry->newer ? &entry_of(lru, entry->newer)->older : &lru->newest) = entry->older;
	*(entry->older ? &entry_of(lru, entry->older)->newer : &lru->oldest) = entry->newer;
}

static void list_newest(struct lru *lru, uint32_t link)
{
	struct lru_entry *entry = entry_of(lru, link);

	entry->newer = 0;
	entry->older = lru->newest;
	*(entry->older ? &entry_of(lru, entry->older)->newer : &lru->oldest) = link;
	lru->newest = link;
}

static void use(struct lru *lru, uint32_t link)
{
	if (link == lru->newest)
		return;
	unlist(lru, link);
	list_newest(lru, link);
}

/* ---- calls ---- */

bool lru_get(struct lru *lru, uint32_t page, void *buf)
{
	uint32_t link;

	pthread_mutex_lock(&lru->lock);
	link = find(lru, page);
	if (link) {
		use(lru, link);
		memcpy(buf, content_of(lru, link), LRU_PAGE);
	}
	pthread_mutex_unlock(&lru->lock);
	return link;
}

/* One that nobody has, or the oldest. */
static uint32_t take_entry(struct lru *lru)
{
	uint32_t link = lru->oldest;

	if (lru->nr < lru->nr_most)
		return ++lru->nr;
	unlist(lru, link);
	unchain(lru, link);
	return link;
}

static uint32_t add(struct lru *lru, uint32_t page)
{
	uint32_t link = take_entry(lru);

	entry_of(lru, link)->page = page;
	chain(lru, link);
	list_newest(lru, link);
	return link;
}

void lru_put(struct lru *lru, uint32_t page, const void *content)
{
	uint32_t link;

	pthread_mutex_lock(&lru->lock);
	link = find(lru, page); /* somebody else may have read it meanwhile */
	if (link)
		use(lru, link);
	else
		link = add(lru, page);
	memcpy(content_of(lru, link), content, LRU_PAGE);
	pthread_mutex_unlock(&lru->lock);
}
