/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The list of all caches.
 */
#include "caches.h"

#include <pthread.h>

static struct zs_share_lock lock;
static struct zcache *first;
static int minding_failed;

static void before_fork(void)
{
	zs_share_lock(&lock, true);
	for (struct zcache *cache = first; cache; cache = cache->next) {
		zs_share_lock(&cache->lock, true);
		zcache_engine_pause(cache->engine);
	}
}

static void after_fork(void)
{
	for (struct zcache *cache = first; cache; cache = cache->next) {
		zcache_engine_resume(cache->engine);
		zs_share_unlock(&cache->lock, true);
	}
	zs_share_unlock(&lock, true);
}

__attribute__((constructor)) static void mind_forks(void)
{
	minding_failed = pthread_atfork(before_fork, after_fork, after_fork);
}

int zcache_caches_add(struct zcache *cache)
{
	if (minding_failed)
		return -minding_failed;
	zs_share_lock(&lock, true);
	cache->next = first;
	first = cache;
	zs_share_unlock(&lock, true);
	return 0;
}

void zcache_caches_remove(struct zcache *cache)
{
	struct zcache **link = &first;

	zs_share_lock(&lock, true);
	while (*link && *link != cache)
		link = &(*link)->next;
	if (*link)
		*link = cache->next;
	zs_share_unlock(&lock, true);
}
