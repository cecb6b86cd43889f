/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Compaction, one object at a time.
 *
 * A mover walks down from the high end of a class. Its position is kept as numbers, so it stays valid while the lock
 * is dropped. What lies above it was moved, was pinned, or came later; one walk gains all there is.
 *
 * Where every hole is gone but absent pages lie below, the pages in hand come from what the walk has emptied. If there
 * are too few of these, a contiguous pool lends it as many as one object needs, since they are no more than a promise
 * of the host; pages of a scattered source are never asked for. A move that would leave the pool larger than it was is
 * not made. Scattered pages go back as soon as they are empty; contiguous ones several at a time, which costs less.
 */
#include "compact.h"
#include "departure.h"
#include "growth.h"
#include "release.h"
#include "stashes.h"

/* Empty pages that contiguous zspages give back at once: between two looks at the budget, and if there is none. */
#define RELEASE_AT_ONCE 8u
#define RELEASE_AT_MOST 256u

struct mover {
	struct zs_class *class;
	uint32_t zspage; /* everything at or above this zspage and slot was dealt with */
	unsigned int slot;
	struct zs_supplies supplies; /* pages in hand, to be populated lower down */
	unsigned int nr_borrowed;    /* pages that the pool lent */
	unsigned int nr_kept;        /* pages that the walk emptied and the class still has; contiguous only */
	unsigned int keeps_max;      /* when there are so many of them, they go */
	bool lacks_pages;            /* the last step found too few in hand */
	bool only_fetched;           /* the last step did no more than to get them */
	bool is_unprofitable;        /* the last step's object would take more pages than it gives up */
	bool is_resumed;             /* it began where an earlier one was ended */
	bool is_second;              /* what the first walk may have missed is what it looks for */
	bool only_gathers;           /* what it empties stays with the class, and nothing is populated */
	uint32_t nr_changes;         /* of the class, when the walk began at the high end */
	unsigned long nr_pages;      /* given back */
};

/* The most pages that one object can take. */
static unsigned int object_pages(const struct mover *mover)
{
	return zs_layout_max_slot_pages(&mover->class->layout);
}

/* Emptied pages that stay with the class while a walk goes on, so that it has something to spend once interrupted. */
static unsigned int reserve_of(const struct mover *mover)
{
	return 2 * object_pages(mover);
}

/* Goes on as mover_stop() left it. */
static void mover_resume(struct mover *mover, const struct zs_class *class)
{
	mover->zspage = class->resume_zspage;
	mover->slot = class->resume_slot;
	mover->nr_changes = class->resume_nr_changes;
	mover->is_second = class->resumes_second;
	mover->nr_kept = class->nr_empty < reserve_of(mover) ? (unsigned int)class->nr_empty : reserve_of(mover);
}

/* Begins at the high end or, if it may resume, where the last walk was ended by its budget. */
static void mover_start(struct mover *mover, struct zs_class *class, bool may_resume, bool is_second)
{
	memset(mover, 0, sizeof(*mover));
	mover->class = class;
	mover->keeps_max = may_resume ? RELEASE_AT_ONCE : RELEASE_AT_MOST;
	zs_host_lock(&class->lock);
	mover->is_resumed = may_resume && class->resumes;
	if (mover->is_resumed) {
		mover_resume(mover, class);
	} else {
		mover->zspage = class->zspages.end;
		mover->nr_changes = class->nr_changes;
		mover->is_second = is_second;
	}
	zs_host_unlock(&class->lock);
}

/* What the walk has given back; what it borrowed and still needs is to be made up for. */
static long given_pages(const struct mover *mover)
{
	return (long)mover->nr_pages + (long)mover->supplies.pages.nr - (long)mover->nr_borrowed;
}

/* The same, with what it can give back. */
static long gained_pages(const struct mover *mover)
{
	return given_pages(mover) + (long)mover->nr_kept;
}

/*
 * Result: whether the walk is complete but was resumed, and so did not see all of what has changed since it began. One
 * more walk sees that; what changes during that one is for another compaction, or it would never end beside threads
 * that keep the class changing.
 */
static bool mover_stop(struct mover *mover, int err)
{
	struct zs_class *class = mover->class;
	bool again;

	zs_host_lock(&class->lock);
	class->resumes = err != 0;
	class->resumes_second = mover->is_second;
	class->resume_zspage = mover->zspage;
	class->resume_slot = (uint16_t)mover->slot;
	class->resume_nr_changes = mover->nr_changes;
	again = !err && mover->is_resumed && !mover->is_second && class->nr_changes != mover->nr_changes;
	zs_host_unlock(&class->lock);
	return again;
}

/* The highest live object below the mover's position, which moves down to it. Result: false: none. */
static bool next_source(struct mover *mover, struct zs_spot *source)
{
	struct zs_class *class = mover->class;

	for (;;) {
		struct zs_zspage *zspage = zs_zspage_index_find(&class->zspages, mover->zspage);
		int slot = zspage ? zs_zspage_live_below(zspage, &class->layout, mover->slot) : -1;

		if (slot >= 0) {
			mover->slot = (unsigned int)slot;
			*source = (struct zs_spot){ .zspage = zspage, .slot = mover->slot };
			return true;
		}
		if (!mover->zspage)
			return false;
		mover->zspage--;
		mover->slot = class->layout.nr_slots;
	}
}

static bool is_below(const struct zs_zspage *zspage, unsigned int slot, struct zs_spot spot)
{
	return zspage->index < spot.zspage->index || (zspage == spot.zspage && slot < spot.slot);
}

/* The pages that the source's object gives up by moving to a slot. */
static unsigned int pages_given_up(const struct zs_layout *layout, struct zs_spot source, struct zs_spot target)
{
	uint64_t pages = zs_zspage_sole_pages(source.zspage, layout, source.slot);

	if (source.zspage == target.zspage)
		pages &= ~zs_layout_slot_pages(layout, target.slot);
	return zs_count_bits(pages);
}

/*
 * Populates the lowest unpopulated slot with pages in hand, if it lies below the source and the move leaves the pool
 * no larger than it was before the walk.
 */
static struct zs_zspage *populate_below(struct mover *mover, struct zs_spot source)
{
	const struct zs_layout *layout = &mover->class->layout;
	struct zs_spot target = { .zspage = zs_zspage_index_first(&mover->class->zspages, ZS_MARK_ROOM) };
	struct zs_need need = { .cells = false };
	unsigned int nr_lacking;

	if (!target.zspage)
		return NULL;
	target.slot = zs_zspage_lowest_unpopulated(target.zspage, layout);
	if (!is_below(target.zspage, target.slot, source))
		return NULL;
	nr_lacking = zs_count_bits(zs_layout_slot_pages(layout, target.slot) & ~target.zspage->present);
	mover->is_unprofitable = gained_pages(mover) + (long)pages_given_up(layout, source, target) < (long)nr_lacking;
	mover->lacks_pages = !mover->is_unprofitable && mover->supplies.pages.nr < nr_lacking;
	if (mover->is_unprofitable || mover->lacks_pages ||
	    !zs_growth_populate(mover->class, &mover->supplies, 0, &need))
		return NULL;
	mover->nr_changes++; /* its own growth is none that it may have missed */
	return target.zspage;
}

/* A zspage whose lowest hole lies below the source, or NULL. */
static struct zs_zspage *find_target(struct mover *mover, struct zs_spot source)
{
	struct zs_zspage *zspage = mover->class->lowest;

	if (zspage && is_below(zspage, zs_zspage_lowest_hole(zspage), source))
		return zspage;
	return mover->only_gathers ? NULL : populate_below(mover, source);
}

/* Moves the source object to the lowest hole of a zspage. Returns the pages that became empty. */
static uint64_t move_object(struct mover *mover, struct zs_spot source, struct zs_zspage *target)
{
	struct zs_class *class = mover->class;
	struct zs_spot spot = { .zspage = target };

	spot.slot = zs_class_take_slot(class, target);
	zs_zspage_copy_slot(source.zspage, source.slot, target, spot.slot, &class->layout);
	zs_class_swap_cells(class, source, spot);
	zs_class_clear_slot(class, source);
	ZS_HOST_SHOW_MORE(class->nr_moved, 1);
	return zs_class_put_slot(class, source);
}

/* Whether the objects are in more pages than they need. */
static bool may_gain(const struct zs_class *class)
{
	return class->nr_pages - class->nr_empty > zs_class_least_pages(class);
}

/*
 * One step under the lock: moves at most one object. Result: false: nothing is left to do. *release tells the pages to
 * give back, if there are any.
 */
static bool step_locked(struct mover *mover, struct zs_release *release)
{
	struct zs_class *class = mover->class;
	struct zs_zspage *target;
	struct zs_spot source;
	struct zs_cell *cell;
	uint64_t emptied;

	mover->is_unprofitable = false;
	if (!may_gain(class) || !next_source(mover, &source))
		return false;
	cell = zs_class_cell(class, source);
	if (!zs_cell_begin_move(cell))
		return true;
	/* Now it will move if there is a target: pages populated for it do not stay empty. */
	target = find_target(mover, source);
	emptied = target ? move_object(mover, source, target) : 0;
	zs_cell_end_move(cell);
	if (class->memory->contiguous)
		mover->nr_kept += zs_count_bits(emptied);
	else if (emptied)
		zs_release_begin(release, class, source.zspage, emptied);
	/* Once pages are borrowed, the same object is looked at again. */
	mover->slot += mover->lacks_pages;
	return target || mover->is_unprofitable;
}

/* Gives back pages that the walk emptied and the class still has, if others have not taken them; some stay in hand. */
static void give_back(struct mover *mover, unsigned int nr)
{
	struct zs_pages *hand = &mover->supplies.pages;
	unsigned int nr_gone = nr;

	mover->nr_kept -= nr;
	for (; nr && nr_gone; nr -= nr_gone < nr ? nr_gone : nr) {
		unsigned int nr_in_hand = hand->nr;
		unsigned int nr_released = zs_departure_some(mover->class, nr, hand, object_pages(mover));

		mover->nr_pages += nr_released;
		nr_gone = nr_released + hand->nr - nr_in_hand;
	}
}

static void give_back_many(struct mover *mover)
{
	if (mover->nr_kept >= reserve_of(mover) + mover->keeps_max)
		give_back(mover, mover->nr_kept - reserve_of(mover));
}

/* The pages that a step lacked come from what was emptied, or the pool lends them. Result: whether there are more. */
static bool find_pages(struct mover *mover)
{
	struct zs_pages *pages = &mover->supplies.pages;
	unsigned int nr_had = pages->nr;

	mover->lacks_pages = false;
	if (!mover->class->memory->contiguous)
		return false;
	if (mover->nr_kept)
		give_back(mover, mover->nr_kept < object_pages(mover) ? mover->nr_kept : object_pages(mover));
	if (pages->nr > nr_had)
		return true;
	zs_memory_get_pages(mover->class->memory, pages, object_pages(mover), 0);
	mover->nr_borrowed += pages->nr - nr_had;
	return pages->nr > nr_had;
}

static bool step(struct mover *mover)
{
	struct zs_pages *keep = mover->only_gathers ? NULL : &mover->supplies.pages;
	struct zs_release release = { .pages = { .nr = 0 } };
	bool more;

	zs_host_lock(&mover->class->lock);
	more = step_locked(mover, &release);
	zs_host_unlock(&mover->class->lock);
	if (release.pages.nr)
		mover->nr_pages += zs_release_finish(&release, mover->class, keep, object_pages(mover));
	if (!mover->only_gathers)
		give_back_many(mover);
	mover->only_fetched = !more && mover->lacks_pages && find_pages(mover);
	return more || mover->only_fetched;
}

static bool is_bounded(const struct zs_budget *budget)
{
	return budget->target_pages || budget->deadline_ns;
}

static bool is_exhausted(const struct zs_budget *budget, unsigned long nr_pages)
{
	return (budget->target_pages && nr_pages >= budget->target_pages) || zs_host_should_stop(budget->deadline_ns);
}

/* How many of a class's empty pages to give back between two looks at the budget, where some are to stay. */
static unsigned int some_empty(const struct zs_class *class, unsigned int nr_stay, const struct zs_budget *budget,
			       unsigned long nr_pages)
{
	unsigned long nr = ZS_HOST_GLANCE(class->nr_empty);

	nr = nr > nr_stay ? nr - nr_stay : 0;
	if (budget->target_pages && budget->target_pages - nr_pages < nr)
		nr = budget->target_pages - nr_pages;
	return nr < RELEASE_AT_ONCE ? (unsigned int)nr : RELEASE_AT_ONCE;
}

/* Gives back empty pages that the class keeps, a few at a time, but for the walk's own. Result: as compact_class. */
static int release_empty(struct mover *mover, const struct zs_budget *budget, unsigned long *nr_pages)
{
	unsigned int nr_stay = mover->is_resumed ? reserve_of(mover) : 0;

	for (;;) {
		unsigned int most = some_empty(mover->class, nr_stay, budget, *nr_pages);
		unsigned int nr = most ? zs_departure_some(mover->class, most, NULL, 0) : 0;

		*nr_pages += nr;
		if (!nr)
			return 0;
		if (is_exhausted(budget, *nr_pages))
			return -EAGAIN;
	}
}

/*
 * Ends a walk that a budget may have interrupted. What it kept then stays for the rest of the walk to spend, unless it
 * is wanted, or owed.
 */
static bool end_walk(struct mover *mover, const struct zs_budget *budget, int err)
{
	if (mover->nr_kept && (!err || budget->target_pages || given_pages(mover) < 0))
		give_back(mover, mover->nr_kept);
	return mover_stop(mover, err);
}

/* Others may have taken what the walk kept. */
static unsigned long at_least_none(long nr_pages)
{
	return nr_pages > 0 ? (unsigned long)nr_pages : 0;
}

/* One walk, or the rest of one. *again: whether it is the second, and then whether there has to be one. */
static int walk(struct zs_class *class, const struct zs_budget *budget, unsigned long *nr_pages, bool *again)
{
	struct mover mover;
	int err;

	mover_start(&mover, class, is_bounded(budget), *again);
	err = release_empty(&mover, budget, nr_pages);
	while (!err && step(&mover))
		/* What was fetched is put to use first: it would be lost, and the next call no further. */
		if (!mover.only_fetched && is_exhausted(budget, *nr_pages + at_least_none(gained_pages(&mover))))
			err = -EAGAIN;
	*again = end_walk(&mover, budget, err);
	*nr_pages += at_least_none(given_pages(&mover));
	zs_supplies_put(&mover.supplies, class);
	return err;
}

/*
 * Result: 0: nothing is left to gain in the class; -EAGAIN: the budget is spent. It is looked at after each step that
 * did something, so however small it is, repeated calls come to an end.
 */
static int compact_class(struct zs_class *class, const struct zs_budget *budget, unsigned long *nr_pages)
{
	bool again = false;
	int err;

	zs_class_release_buffer(class);
	err = walk(class, budget, nr_pages, &again);
	if (!err && again)
		err = walk(class, budget, nr_pages, &again);
	return err;
}

/* Each call begins at the high end: where a walk that gives pages back goes on is not for this one to know. */
uint64_t zs_class_gather(struct zs_class *class, uint64_t max_bytes)
{
	unsigned long nr_moved = ZS_HOST_GLANCE(class->nr_moved);
	uint64_t moved_bytes = 0;
	struct mover mover;

	mover_start(&mover, class, false, false);
	mover.only_gathers = true;
	while (moved_bytes < max_bytes && step(&mover) && !zs_host_should_stop(0))
		moved_bytes = (uint64_t)(ZS_HOST_GLANCE(class->nr_moved) - nr_moved) * class->layout.slot_bytes;
	return moved_bytes;
}

/*
 * The classes one after the other. Calls that a budget ends go on where the last one was, and so make their round: when
 * each class was walked to its end, that is told, though there may be more to gain by now.
 */
static int compact_classes(struct zs_pool *pool, const struct zs_budget *budget, unsigned long *nr_pages)
{
	unsigned int id = zs_host_load32(&pool->compact_next), left = zs_host_load32(&pool->compact_left);
	int err = 0;

	if (!left || !is_bounded(budget))
		left = pool->nr_classes;
	for (unsigned int i = 0; i < pool->nr_classes; i++) {
		struct zs_class *class = zs_pool_class(pool, id);

		zs_stashes_clear_shelves(pool, id);
		if (class)
			err = compact_class(class, budget, nr_pages);
		if (err)
			break;
		id = (id + 1) % pool->nr_classes;
		left -= left != 0;
	}
	zs_host_store32(&pool->compact_next, id);
	zs_host_store32(&pool->compact_left, left);
	return left ? err : 0;
}

int zs_pool_compact(struct zs_pool *pool, const struct zs_budget *budget, unsigned long *nr_pages)
{
	int err;

	*nr_pages = 0;
	err = compact_classes(pool, budget, nr_pages);
	zs_host_add_long(&pool->pages_compacted, (long)*nr_pages);
	return err;
}

unsigned long zs_pool_slack_pages(const struct zs_pool *pool)
{
	unsigned long nr_pages = 0;

	for (unsigned int id = 0; id < pool->nr_classes; id++) {
		const struct zs_class *class = zs_pool_class(pool, id);

		nr_pages += class ? zs_class_slack_pages(class) : 0;
	}
	return nr_pages;
}
