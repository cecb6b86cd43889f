/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Allocation and freeing.
 *
 * An allocation takes its class's lock once if there is a hole. If not, the loop of attempts runs: what an attempt
 * lacks is got without a lock, and the next attempt looks for a hole again, since others may have freed one.
 */
#include "fit.h"
#include "growth.h"
#include "object.h"
#include "release.h"
#include "stashes.h"

/* Objects freed under one hold of a lock. */
#define RUN_MAX 64u
/* Empty pages that go back when there are too many to keep. */
#define RELEASE_AT_ONCE 64u
/* Looks at a pin before it is taken for a map's. */
#define LOOKS_AT_PIN 1000u

/* One attempt with supplies. Result: 0 with *handle, or -ENOMEM with *need. */
static int take_supplied(struct zs_class *class, struct zs_supplies *supplies, bool may_grow, struct zs_need *need,
			 unsigned long *handle)
{
	*handle = 0;
	zs_host_lock(&class->lock);
	if (zs_growth_provide(class, supplies, may_grow, need))
		*handle = zs_class_take(class);
	zs_host_unlock(&class->lock);
	return *handle ? 0 : -ENOMEM;
}

/* What is there: a hole, and a cell for it. */
static int alloc_present(struct zs_class *class, unsigned long *handle)
{
	zs_host_lock(&class->lock);
	*handle = zs_class_take(class);
	zs_host_unlock(&class->lock);
	return *handle ? 0 : -ENOMEM;
}

static bool needs_something(const struct zs_need *need)
{
	return need->nr_pages || need->nr_nodes || need->nr_pieces || need->last_piece || need->short_piece ||
	       need->zspage || need->cells;
}

/*
 * Attempts until one succeeds or nothing more can be got. Once something could not be got, nothing is asked for ahead;
 * after the second time, a hole that was freed meanwhile is the last chance.
 */
static int alloc_supplied(struct zs_class *class, unsigned int flags, bool may_grow, unsigned long *handle)
{
	struct zs_supplies supplies;
	unsigned int nr_failures = 0;
	int err = -ENOMEM;

	zs_supplies_init(&supplies);
	while (err && nr_failures < 3) {
		struct zs_need need = { .nr_pages = 0 };

		supplies.frugal = nr_failures > 0;
		err = take_supplied(class, &supplies, may_grow && nr_failures < 2, &need, handle);
		if (err && !needs_something(&need))
			break;
		if (err && zs_supplies_get(&supplies, class, &need, flags))
			nr_failures++;
	}
	zs_supplies_put(&supplies, class);
	return err;
}

static int alloc_in_class(struct zs_pool *pool, size_t size, unsigned int flags, unsigned long *handle)
{
	struct zs_class *class = zs_pool_ensure_class(pool, zs_pool_serving_class(pool, size), flags);

	return class ? alloc_supplied(class, flags, true, handle) : -ENOMEM;
}

/* The pool grows: there may be work, and room for a stash. */
static void tell_tender(struct zs_pool *pool, unsigned int flags)
{
	zs_host_work(pool->memory.source);
	if (pool->stash_max_size && !zs_pool_stash(pool, zs_host_thread()))
		zs_stashes_ensure(pool, flags);
}

/*
 * Grows the class that serves the size, which is made if need be. What is kept for later counts against the limit: it
 * goes before this fails. Another thread may be the one that made it go, so there is a second try in any case.
 */
static int alloc_growing(struct zs_pool *pool, size_t size, unsigned int flags, unsigned long *handle)
{
	int err = alloc_in_class(pool, size, flags, handle);

	if (pool->memory.is_tended)
		tell_tender(pool, flags);
	if (!err)
		return 0;
	zs_pool_reclaim(pool);
	return alloc_in_class(pool, size, flags, handle);
}

/* A hole that a class has, with what it takes besides: a cell, at most. */
static int alloc_hole(struct zs_class *class, unsigned int flags, unsigned long *handle)
{
	if (!class || !zs_class_has_hole(class))
		return -ENOMEM;
	return alloc_present(class, handle) ? alloc_supplied(class, flags, false, handle) : 0;
}

/* A hole of a larger class that is a fit, if there is one. */
static int alloc_fitting(struct zs_pool *pool, unsigned int id, unsigned int flags, unsigned long *handle)
{
	unsigned int last = zs_fit_last_class(pool, id);
	int err = -ENOMEM;

	while (err && ++id <= last)
		err = alloc_hole(zs_pool_class(pool, id), flags, handle);
	return err;
}

/* What a class has comes first; else another class serves, or the class must be made, or grow. */
static int alloc_slow(struct zs_pool *pool, size_t size, unsigned int flags, bool may_grow, unsigned long *handle)
{
	unsigned int id = zs_pool_serving_class(pool, size);
	struct zs_class *class = zs_pool_class(pool, id);
	int err = alloc_hole(class, flags, handle);

	if (err && may_grow) {
		if (class && zs_pool_serves_group(pool, class)) {
			zs_pool_consider_split(pool, class);
			id = zs_pool_serving_class(pool, size);
		}
		err = alloc_fitting(pool, id, flags, handle);
	}
	if (err && may_grow)
		err = alloc_growing(pool, size, flags, handle);
	/* Holes from the time when its group was one are good for this size too. */
	return err ? alloc_hole(zs_pool_class(pool, zs_pool_group_class(pool, size)), flags, handle) : 0;
}

int zs_pool_alloc_long(struct zs_pool *pool, size_t size, unsigned int flags, bool may_grow, unsigned long *handle)
{
	int err;

	if (size - 1 >= pool->max_object_size)
		return size ? -ENOSPC : -EINVAL;
	err = alloc_slow(pool, size, flags, may_grow, handle);
	/* Another thread may be the one that emptied them. */
	if (err && pool->stash_max_size) {
		zs_stashes_clear(pool);
		err = alloc_slow(pool, size, flags, may_grow, handle);
	}
	if (err)
		zs_host_add_long(&pool->failed_allocs, 1);
	return err;
}

int zs_pool_alloc_held(struct zs_pool *pool, struct zs_class *class, size_t size, unsigned int flags, bool may_grow,
		       unsigned long *handle)
{
	*handle = zs_class_take(class);
	zs_host_unlock(&class->lock);
	return *handle ? 0 : zs_pool_alloc_long(pool, size, flags, may_grow, handle);
}

int zs_pool_alloc(struct zs_pool *pool, size_t size, unsigned int flags, bool may_grow, unsigned long *handle)
{
	struct zs_class *class;
	enum zs_taken taken = zs_pool_alloc_direct(pool, size, &class, handle);

	if (taken == ZS_TAKE_LONG)
		taken = zs_pool_alloc_stashing(pool, size, &class, handle);
	switch (taken) {
	case ZS_TAKEN_STASHED: return 0;
	case ZS_TAKEN: zs_host_unlock(&class->lock); return 0;
	case ZS_TAKE_HELD: return zs_pool_alloc_held(pool, class, size, flags, may_grow, handle);
	case ZS_TAKE_LONG: break;
	}
	return zs_pool_alloc_long(pool, size, flags, may_grow, handle);
}

size_t zs_pool_slot_bytes(const struct zs_pool *pool, unsigned long handle)
{
	unsigned int class_id;
	struct zs_cell *cell;

	if (!zs_handle_find(&pool->handles, handle, &cell, &class_id) ||
	    !zs_handle_matches(handle, zs_host_load32(&cell->state)))
		return 0;
	return zs_pool_class(pool, class_id)->layout.slot_bytes;
}

/*
 * Ends the life of the object that a handle names. A pin by a bad handle comes and goes within a few instructions: what
 * is still pinned after many looks is mapped. Result: 0, -EINVAL or -EBUSY. context: class locked.
 */
static int kill_cell(struct zs_cell *cell, unsigned long handle)
{
	for (unsigned int looks = 0; looks < LOOKS_AT_PIN; looks++) {
		uint32_t state = zs_host_load32(&cell->state);

		if (!zs_handle_matches(handle, state))
			return -EINVAL;
		if (!zs_cell_pins(state) && zs_host_cas32_acquire(&cell->state, state, zs_cell_freed_state(state)))
			return 0;
	}
	return -EBUSY;
}

/* What an object leaves behind that was freed. */
struct leaving {
	struct zs_zspage *zspage;
	uint64_t emptied; /* pages */
};

/* Frees the object of a cell under the class lock. Result: 0, -EINVAL or -EBUSY. */
static int free_locked(struct zs_class *class, struct zs_cell *cell, unsigned long handle, struct leaving *leaving)
{
	struct zs_spot spot;
	int err = kill_cell(cell, handle);

	if (ZS_HOST_UNLIKELY(err))
		return err;
	spot = zs_class_spot(class, cell);
	leaving->zspage = spot.zspage;
	leaving->emptied = zs_class_put_slot(class, spot);
	class->nr_changes++;
	return 0;
}

/* Unlocks the class, and gives back the pages that became empty, if they are scattered. */
static void unlock_returning(struct zs_class *class, struct leaving leaving)
{
	struct zs_release release;

	zs_release_begin(&release, class, leaving.zspage, leaving.emptied);
	zs_host_unlock(&class->lock);
	zs_release_finish(&release, class, NULL, 0);
}

/*
 * Unlocks the class. Of contiguous pages some may be kept; when there are more, a number of them go back at once, which
 * costs the system less than one after the other.
 */
static void unlock_keeping(struct zs_pool *pool, struct zs_class *class)
{
	zs_host_unlock(&class->lock);
	if (pool->memory.is_tended)
		zs_host_work(pool->memory.source);
	if (zs_host_load_long(&pool->memory.nr_empty) > zs_memory_empty_bound(&pool->memory))
		zs_pool_release_some(pool, class->id, RELEASE_AT_ONCE);
}

/* Unlocks the class after a free. */
static void unlock_releasing(struct zs_pool *pool, struct zs_class *class, struct leaving leaving)
{
	if (!leaving.emptied)
		zs_host_unlock(&class->lock);
	else if (pool->memory.contiguous)
		unlock_keeping(pool, class);
	else
		unlock_returning(class, leaving);
}

static int report_free(struct zs_pool *pool, int err)
{
	if (err == -EBUSY)
		return zs_pool_report(pool, EBUSY, "free of an object that is mapped");
	return zs_pool_report(pool, EINVAL, "free of a bad handle (stale, freed twice, or of another pool)");
}

int zs_pool_free_held(struct zs_pool *pool, struct zs_class *class, unsigned long handle)
{
	struct zs_cell *cell = zs_handle_cell(&pool->handles, zs_handle_index(handle));
	struct leaving leaving = { .emptied = 0 };
	int err = free_locked(class, cell, handle, &leaving);

	/* The hole is nobody else's yet, and its cell still leads to it. */
	if (!err)
		zs_class_clear_slot(class, zs_class_spot(class, cell));
	unlock_releasing(pool, class, leaving);
	return err ? report_free(pool, err) : 0;
}

int zs_pool_free_long(struct zs_pool *pool, unsigned long handle)
{
	struct zs_class *class;
	struct zs_cell *cell;
	unsigned int class_id;

	if (!zs_handle_find(&pool->handles, handle, &cell, &class_id))
		return report_free(pool, -EINVAL);
	class = zs_pool_class(pool, class_id);
	zs_host_lock(&class->lock);
	return zs_pool_free_held(pool, class, handle);
}

void zs_pool_free_rest(struct zs_pool *pool, struct zs_class *class, struct zs_zspage *zspage, unsigned int slot)
{
	struct zs_spot spot = { .zspage = zspage, .slot = slot };
	struct leaving leaving = { .zspage = zspage, .emptied = zs_class_put_rest(class, spot) };

	unlock_releasing(pool, class, leaving);
}

int zs_pool_free(struct zs_pool *pool, unsigned long handle)
{
	struct zs_class *class;
	struct zs_spot spot;
	enum zs_freed freed = zs_pool_free_direct(pool, handle, &class, &spot);

	if (freed == ZS_FREE_LONG)
		freed = zs_pool_free_stashing(pool, handle, &class, &spot);
	switch (freed) {
	case ZS_FREED_STASHED: return 0;
	case ZS_FREED_FIRST: zs_host_work(pool->memory.source); return 0;
	case ZS_FREED: zs_host_unlock(&class->lock); return 0;
	case ZS_FREED_SLOT: zs_pool_free_rest(pool, class, spot.zspage, spot.slot); return 0;
	case ZS_FREE_HELD: return zs_pool_free_held(pool, class, handle);
	case ZS_FREE_LONG: break;
	}
	return zs_pool_free_long(pool, handle);
}

int zs_pool_alloc_bulk(struct zs_pool *pool, const size_t *sizes, unsigned long *handles, size_t nr, unsigned int flags,
		       bool may_grow, size_t *nr_done)
{
	int err = 0;

	for (*nr_done = 0; *nr_done < nr; (*nr_done)++) {
		err = zs_pool_alloc(pool, sizes[*nr_done], flags, may_grow, &handles[*nr_done]);
		if (err)
			break;
	}
	return err;
}

/*
 * Frees as many of the first handles as belong to one class in a row, up to RUN_MAX, under one hold of its lock. pre:
 * the pool does not clear.
 */
static size_t free_run(struct zs_pool *pool, const unsigned long *handles, size_t nr)
{
	struct leaving leaving = { .emptied = 0 };
	struct zs_class *class;
	struct zs_cell *cell;
	unsigned int run_id, class_id;
	size_t done = 0;
	int err;

	if (!zs_handle_find(&pool->handles, handles[0], &cell, &run_id)) {
		report_free(pool, -EINVAL);
		return 1;
	}
	class = zs_pool_class(pool, run_id);
	zs_host_lock(&class->lock);
	do {
		err = free_locked(class, cell, handles[done++], &leaving);
	} while (!err && !leaving.emptied && done < nr && done < RUN_MAX && handles[done] &&
		 zs_handle_find(&pool->handles, handles[done], &cell, &class_id) && class_id == run_id);
	unlock_releasing(pool, class, leaving);
	if (err)
		report_free(pool, err);
	return done;
}

static void free_each(struct zs_pool *pool, const unsigned long *handles, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (handles[i])
			zs_pool_free_long(pool, handles[i]);
}

void zs_pool_free_bulk(struct zs_pool *pool, const unsigned long *handles, size_t nr)
{
	size_t done = 0;

	/* A lock is not held while many objects are cleared. */
	if (pool->memory.clears) {
		free_each(pool, handles, nr);
		return;
	}
	while (done < nr)
		done += handles[done] ? free_run(pool, handles + done, nr - done) : 1;
}
