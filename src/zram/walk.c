/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Walks over all groups, from the first to the last, a few at a time. Every period one makes pages older; what is
 * oldest is packed again when a walk comes by. Where many bytes of units are dead, further walks come between.
 *
 * A page is oldest after three walks that found it untouched. So with a period of half the idle time it is untouched
 * for one to one and a half times that.
 */
#include <errno.h>

#include "dedup.h"
#include "repack.h"
#include "writeback.h"

/* Work of a step is counted in groups that are looked at: to pack a page is worth so many of them. */
#define WORK_OF_PAGE 16
/* Walks on account of dead bytes: so many to a period at most. */
#define WALKS_A_PERIOD 32
/* What is packed leaves holes: the pool is compacted for so long a page, which is a twentieth of what packing takes. */
#define COMPACT_NS_OF_PAGE 3000

static void begin(struct zram *zram, uint64_t now_ns, bool ages)
{
	struct zram_walk *walk = &zram->walk;

	walk->begun_ns = now_ns;
	walk->group = 0;
	walk->under_way = true;
	walk->ages = ages;
	if (!ages)
		return;
	walk->next_ns = now_ns + walk->period_ns;
	walk->nr_aging++;
	if (zram->writeback)
		zram_writeback_begin(zram);
}

/* By so many steps. context: the group is locked alone */
static void age_pages(struct zram *zram, uint64_t first, unsigned int nr_steps)
{
	for (uint64_t page = first; page < first + zram_group_pages(zram, first); page++)
		for (unsigned int i = 0; i < nr_steps && zram_slot_has_object(zram->slots[page]); i++)
			zram->slots[page] = zram_slot_aged(zram->slots[page]);
}

/* A walk has come by. */
static void age_group(struct zram *zram, uint64_t group)
{
	struct zs_share_lock *lock = &zram->locks[group];

	zs_share_lock(lock, true);
	age_pages(zram, group << ZRAM_GROUP_SHIFT, 1);
	if (zram->quiet && zram->quiet[group] < UINT16_MAX && zram->walk.nr_aging % zram->walk.quiet_every == 0)
		zram->quiet[group]++;
	zs_share_unlock(lock, true);
}

enum errand { BY_ITSELF, RECOMPRESS, WRITE_BACK };

/* Returns how many pages were dealt with. */
static unsigned int visit(struct zram_repacker *repacker, uint64_t group, enum errand errand, bool ages)
{
	struct zram *zram = repacker->zram;
	unsigned int nr_pages = 0;

	if (!zram_is_in_use(zram, group << ZRAM_GROUP_SHIFT))
		return 0;
	if (ages)
		age_group(zram, group);
	if (errand != WRITE_BACK)
		nr_pages += zram_repack_group(repacker, group);
	if (errand != RECOMPRESS && zram->writeback)
		nr_pages += zram_writeback_group(zram, group, errand == WRITE_BACK);
	return nr_pages;
}

static void end(struct zram *zram)
{
	if (zram->writeback)
		zram_writeback_flush(zram);
	if (zram->dedup)
		zram_dedup_fit(zram);
}

static void go_on(struct zram_repacker *repacker, uint64_t budget_pages)
{
	struct zram *zram = repacker->zram;
	struct zram_walk *walk = &zram->walk;
	uint64_t most = budget_pages < UINT64_MAX / WORK_OF_PAGE ? budget_pages * WORK_OF_PAGE : UINT64_MAX;
	uint64_t nr_pages = 0, nr_groups = 0;

	while (walk->under_way && nr_pages * WORK_OF_PAGE + nr_groups < most) {
		nr_pages += visit(repacker, walk->group, BY_ITSELF, walk->ages);
		nr_groups++;
		walk->group++;
		walk->under_way = walk->group < zram_nr_groups(zram);
	}
	if (nr_pages)
		zs_compact_some(zram->pool, 0, nr_pages * COMPACT_NS_OF_PAGE);
	if (!walk->under_way)
		end(zram);
}

/* When the next walk begins. */
static uint64_t next_due(const struct zram *zram, uint64_t now_ns)
{
	const struct zram_walk *walk = &zram->walk;
	uint64_t due = walk->next_ns, sooner = walk->begun_ns + walk->period_ns / WALKS_A_PERIOD;

	if (sooner < due && zram_has_many_dead(zram))
		due = sooner;
	return due > now_ns ? due - now_ns : 0;
}

static uint64_t step(struct zram *zram, uint64_t now_ns, uint64_t budget_pages)
{
	struct zram_walk *walk = &zram->walk;
	struct zram_repacker repacker;

	if (!walk->next_ns) /* the first step only tells the time */
		walk->next_ns = now_ns + walk->period_ns;
	if (!walk->under_way && next_due(zram, now_ns))
		return next_due(zram, now_ns);
	if (zram_repacker_init(&repacker, zram))
		return walk->period_ns; /* no memory now */
	if (!walk->under_way)
		begin(zram, now_ns, now_ns >= walk->next_ns);
	go_on(&repacker, budget_pages);
	zram_repacker_finish(&repacker);
	return walk->under_way ? 0 : next_due(zram, now_ns);
}

bool zram_has_background(const struct zram *zram)
{
	return zram->walk.period_ns != 0;
}

uint64_t zram_step(struct zram *zram, uint64_t now_ns, uint64_t budget_pages)
{
	uint64_t due;

	if (!zram_has_background(zram))
		return ZRAM_NEVER;
	zs_share_lock(&zram->walk.lock, true);
	due = step(zram, now_ns, budget_pages);
	zs_share_unlock(&zram->walk.lock, true);
	return due;
}

static bool is_cancelled(const struct zram *zram)
{
	return __atomic_load_n(&zram->walk.cancelled, __ATOMIC_RELAXED);
}

void zram_cancel(struct zram *zram)
{
	__atomic_store_n(&zram->walk.cancelled, true, __ATOMIC_RELAXED);
}

static void mark_group(struct zram *zram, uint64_t group)
{
	struct zs_share_lock *lock = &zram->locks[group];

	zs_share_lock(lock, true);
	age_pages(zram, group << ZRAM_GROUP_SHIFT, ZRAM_OLDEST);
	zs_share_unlock(lock, true);
}

void zram_mark_idle(struct zram *zram)
{
	zs_share_lock(&zram->walk.lock, true);
	/* What was gathered: made old by other means than a walk it would look as if it had not changed meanwhile. */
	if (zram->writeback)
		zram_writeback_flush(zram);
	for (uint64_t group = 0; group < zram_nr_groups(zram) && !is_cancelled(zram); group++)
		if (zram_is_in_use(zram, group << ZRAM_GROUP_SHIFT))
			mark_group(zram, group);
	zs_share_unlock(&zram->walk.lock, true);
}

/* So many groups of an errand are visited before others may walk. */
#define ERRAND_GROUPS 64

static int failure_of(const struct zram *zram, enum errand errand)
{
	return errand == WRITE_BACK ? zram_writeback_failure(zram) : 0;
}

/* A walk of its own, beside the one that may be under way. context: walk.lock, which is let go now and then */
static int visit_all(struct zram_repacker *repacker, enum errand errand)
{
	struct zram *zram = repacker->zram;
	int err = 0;

	for (uint64_t group = 0; group < zram_nr_groups(zram); group++) {
		if (is_cancelled(zram))
			return -ECANCELED;
		visit(repacker, group, errand, false);
		if (group % ERRAND_GROUPS)
			continue;
		err = err ? err : failure_of(zram, errand); /* a walk that begins now forgets it */
		zs_share_unlock(&zram->walk.lock, true);
		zs_share_lock(&zram->walk.lock, true);
	}
	end(zram);
	return err ? err : failure_of(zram, errand);
}

static int run_errand(struct zram *zram, enum errand errand)
{
	struct zram_repacker repacker;
	int err;

	zs_share_lock(&zram->walk.lock, true);
	err = zram_repacker_init(&repacker, zram);
	if (!err) {
		if (errand == WRITE_BACK)
			zram_writeback_begin(zram);
		err = visit_all(&repacker, errand);
		zram_repacker_finish(&repacker);
	}
	zs_share_unlock(&zram->walk.lock, true);
	return err;
}

int zram_recompress_idle(struct zram *zram)
{
	return zram->scratches.strong.comp ? run_errand(zram, RECOMPRESS) : -EINVAL;
}

int zram_writeback_idle(struct zram *zram)
{
	return zram->writeback ? run_errand(zram, WRITE_BACK) : -EINVAL;
}
