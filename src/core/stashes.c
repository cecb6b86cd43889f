/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The stashes of a pool: making one, and emptying them all.
 */
#include "stashes.h"

/* How many stashes a pool of its size may have. */
static unsigned long stashes_allowed(const struct zs_pool *pool)
{
	return zs_pool_total_pages(pool) / pool->stash_pages;
}

/* Where the pool's stashes are; zs_no_stashes: no memory. */
static struct zs_stash **ensure_stashes(struct zs_pool *pool, unsigned int flags)
{
	struct zs_meta *meta = &pool->memory.meta;
	struct zs_stash **stashes = zs_host_load_pointer(pool->stashes);

	if (stashes != zs_no_stashes)
		return stashes;
	stashes = zs_meta_alloc(meta, sizeof(zs_no_stashes), flags);
	if (stashes && !zs_host_cas_pointer(&pool->stashes, zs_no_stashes, stashes))
		zs_meta_free(meta, stashes, sizeof(zs_no_stashes));
	return zs_host_load_pointer(pool->stashes);
}

static void make_stash(struct zs_pool *pool, unsigned int number, unsigned int flags)
{
	struct zs_stash **stashes = ensure_stashes(pool, flags);
	struct zs_stash *stash;

	if (stashes == zs_no_stashes)
		return;
	stash = zs_meta_alloc(&pool->memory.meta, sizeof(*stash), flags);
	if (stash && !zs_host_cas_pointer(&stashes[number], NULL, stash))
		zs_meta_free(&pool->memory.meta, stash, sizeof(*stash));
}

void zs_stashes_ensure(struct zs_pool *pool, unsigned int flags)
{
	unsigned int number = zs_host_thread_begin(), nr_made = 0;

	for (unsigned int i = 1; i < ZS_HOST_THREADS; i++)
		nr_made += zs_pool_stash(pool, i) != NULL;
	if (nr_made < stashes_allowed(pool) && !zs_pool_stash(pool, number))
		make_stash(pool, number, flags);
}

/* Makes holes of the slots on a class's shelf. Pages that this empties are for who tends the pool, or asked for it. */
static void clear_shelf(struct zs_pool *pool, struct zs_stash *stash, unsigned int class_id)
{
	uint64_t emptied = 0;
	uint32_t cells[ZS_STASH_CELLS];
	unsigned int nr = zs_stash_clear_shelf(stash, class_id, cells);
	struct zs_class *class;

	if (!nr)
		return;
	class = zs_pool_class(pool, class_id);
	zs_host_lock(&class->lock);
	class->nr_changes += nr;
	while (nr--)
		emptied |= zs_class_put_slot(class, zs_class_spot(class, zs_handle_cell(&pool->handles, cells[nr])));
	zs_host_unlock(&class->lock);
	if (emptied)
		zs_host_work(pool->memory.source);
}

static bool clear_stash(struct zs_pool *pool, struct zs_stash *stash)
{
	if (!ZS_HOST_GLANCE(stash->nr))
		return false;
	for (unsigned int id = 0; id < ZS_STASH_CLASSES; id++)
		clear_shelf(pool, stash, id);
	return true;
}

bool zs_stashes_clear(struct zs_pool *pool)
{
	bool cleared = false;

	for (unsigned int i = 1; i < ZS_HOST_THREADS; i++) {
		struct zs_stash *stash = zs_pool_stash(pool, i);

		cleared |= stash && clear_stash(pool, stash);
	}
	return cleared;
}

void zs_stashes_clear_shelves(struct zs_pool *pool, unsigned int class_id)
{
	if (class_id >= ZS_STASH_CLASSES)
		return;
	for (unsigned int i = 1; i < ZS_HOST_THREADS; i++) {
		struct zs_stash *stash = zs_pool_stash(pool, i);

		if (stash)
			clear_shelf(pool, stash, class_id);
	}
}

bool zs_stashes_have(const struct zs_pool *pool, unsigned int class_id, uint32_t index)
{
	if (class_id >= ZS_STASH_CLASSES)
		return false;
	for (unsigned int i = 1; i < ZS_HOST_THREADS; i++) {
		const struct zs_stash *stash = zs_pool_stash(pool, i);

		if (stash && zs_stash_shows(stash, class_id, index))
			return true;
	}
	return false;
}

bool zs_stashes_tend(struct zs_pool *pool)
{
	bool cleared = zs_stashes_clear(pool);
	unsigned long nr_allowed = pool->stash_pages ? stashes_allowed(pool) : 0, nr = 0;

	for (unsigned int i = 1; i < ZS_HOST_THREADS; i++) {
		struct zs_stash *stash = zs_pool_stash(pool, i);

		if (stash)
			zs_stash_set_open(stash, nr++ < nr_allowed);
	}
	return cleared;
}
