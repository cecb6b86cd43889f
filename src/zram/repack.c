/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What becomes of a group's pages.
 */
#include "repack.h"

#include <errno.h>
#include <string.h>

#include "dedup.h"
#include "page.h"
#include "unit.h"

/*
 * Dead bytes of units, in thousandths of all memory: from here on units are packed again that lost a quarter, an
 * eighth, or any of their pages; below, those that lost half. To wait until more is lost in each saves most of the
 * work.
 */
#define MANY_DEAD 10
#define MORE_DEAD 15
#define TOO_MANY_DEAD 20

/* Pages of one group, and their slots as they were. */
struct pages {
	unsigned int nr;
	uint64_t page[ZRAM_GROUP_PAGES];
	uint64_t slot[ZRAM_GROUP_PAGES];
};

/* What is to be done with a group. */
struct plan {
	struct pages pack;
	struct pages unpack;
	bool gains; /* something to pack is not as dense as it could be */
};

int zram_repacker_init(struct zram_repacker *repacker, struct zram *zram)
{
	repacker->zram = zram;
	repacker->reader = zram_scratch_get(&zram->scratches);
	repacker->packer = zram_scratch_get(&zram->scratches);
	if (repacker->reader && repacker->packer && zram_scratch_room(&zram->scratches, repacker->packer))
		return 0;
	zram_repacker_finish(repacker);
	return -ENOMEM;
}

void zram_repacker_finish(struct zram_repacker *repacker)
{
	if (repacker->reader)
		zram_scratch_put(&repacker->zram->scratches, repacker->reader);
	if (repacker->packer)
		zram_scratch_put(&repacker->zram->scratches, repacker->packer);
}

/* ---- planning ---- */

static bool are_dead(const struct zram *zram, unsigned int thousandths)
{
	return zram_counted(&zram->counts.dead_bytes) * 1000 > zram_used_bytes(zram) * thousandths;
}

bool zram_has_many_dead(const struct zram *zram)
{
	return are_dead(zram, MANY_DEAD);
}

static void add(struct pages *pages, uint64_t page, uint64_t slot)
{
	pages->page[pages->nr] = page;
	pages->slot[pages->nr++] = slot;
}

/* A page's slot may be made young meanwhile by one who shares the lock. */
static unsigned int count_live(const uint64_t *slots, unsigned int nr, unsigned long handle)
{
	unsigned int nr_live = 0;

	for (unsigned int i = 0; i < nr; i++) {
		uint64_t slot = __atomic_load_n(&slots[i], __ATOMIC_RELAXED);

		nr_live += zram_slot_kind(slot) == ZRAM_UNIT && zram_slot_handle(slot) == handle;
	}
	return nr_live;
}

/* Whether so many dead pages in a unit are too many. */
static bool is_too_dead(const struct zram *zram, unsigned int nr_dead, unsigned int nr_pages)
{
	if (!nr_dead || nr_dead >= nr_pages) /* none, or the unit is damaged */
		return false;
	if (nr_dead * 2 >= nr_pages)
		return true;
	if (nr_dead * 4 >= nr_pages)
		return are_dead(zram, MANY_DEAD);
	return are_dead(zram, nr_dead * 8 >= nr_pages ? MORE_DEAD : TOO_MANY_DEAD);
}

/* A page of a unit: it stays, or goes into another one, also if it is young, or is put by itself. */
static void plan_unit_page(struct zram *zram, const uint64_t *slots, unsigned int nr, uint64_t page, uint64_t slot,
			   struct plan *plan)
{
	unsigned int nr_live = count_live(slots, nr, zram_slot_handle(slot));
	struct zram_unit_head head = zram_unit_head(zram, zram_slot_handle(slot));
	bool too_dead = is_too_dead(zram, head.nr_pages - nr_live, head.nr_pages);

	bool is_small = nr_live * 2 <= zram->unit_pages && zram_slot_age(slot) == ZRAM_OLDEST;

	if (slot & ZRAM_WARM)
		add(&plan->unpack, page, slot);
	else if (too_dead || is_small)
		add(&plan->pack, page, slot);
	plan->gains |= too_dead;
}

static void plan_page(struct zram *zram, const uint64_t *slots, unsigned int nr, unsigned int i, uint64_t page,
		      struct plan *plan)
{
	enum zram_kind kind = zram_slot_kind(slots[i]);

	if (kind == ZRAM_STORED) {
		if (slots[i] & ZRAM_WARM && zram_slot_age(slots[i]) < ZRAM_OLDEST)
			add(&plan->unpack, page, slots[i]);
	} else if (kind == ZRAM_UNIT) {
		plan_unit_page(zram, slots, nr, page, slots[i], plan);
	} else if (zram_slot_has_object(slots[i]) && kind != ZRAM_SHARED && zram_slot_age(slots[i]) == ZRAM_OLDEST) {
		add(&plan->pack, page, slots[i]);
		plan->gains |= kind != ZRAM_STRONG;
	}
}

/* A page whose object nobody shares any more has it for its own again. context: group locked alone */
static void part(struct zram *zram, uint64_t page)
{
	uint64_t slot = zram->slots[page], object;

	if (zram_slot_kind(slot) != ZRAM_SHARED || zram_slot_age(slot) < ZRAM_OLDEST)
		return;
	object = zram_dedup_part(zram, slot);
	if (!object)
		return;
	/* The object was counted already, and there is nothing to drop. */
	zram_page_swap(zram, page, object | ZRAM_AGE_MASK);
	zram_count(&zram->counts.stored_bytes, -(int64_t)zram_slot_stored_bytes(object));
}

static void make_plan(struct zram *zram, uint64_t group, struct plan *plan)
{
	uint64_t first = group << ZRAM_GROUP_SHIFT, *slots = zram->slots + first;
	unsigned int nr = zram_group_pages(zram, first);
	struct zs_share_lock *lock = zram_lock_of(zram, first);

	plan->pack.nr = plan->unpack.nr = 0;
	plan->gains = false;
	zs_share_lock(lock, true);
	for (unsigned int i = 0; i < nr; i++)
		part(zram, first + i);
	for (unsigned int i = 0; i < nr; i++)
		plan_page(zram, slots, nr, i, first + i, plan);
	if (zram->given_up[group] || !zram->scratches.strong.comp)
		plan->gains = false;
	zs_share_unlock(lock, true);
}

/* ---- reading ---- */

/* A page's age, and whether it is warm, may have changed since without its content having done so. */
static bool is_same(uint64_t now, uint64_t then)
{
	if (!zram_slot_whole(then))
		return now == then;
	return ((now ^ then) & ~(ZRAM_AGE_MASK | ZRAM_WARM)) == 0;
}

/* Bytes that a page takes now: of a unit, its part of what goes when all that live do. context: the group is locked. */
static uint64_t bytes_of(struct zram *zram, uint64_t page, uint64_t slot)
{
	const uint64_t *slots = zram->slots + zram_group_first(page);
	struct zram_unit_head head;

	if (zram_slot_kind(slot) != ZRAM_UNIT)
		return zram_slot_stored_bytes(slot);
	head = zram_unit_head(zram, zram_slot_handle(slot));
	return zram_unit_bytes(&head) / count_live(slots, zram_group_pages(zram, page), zram_slot_handle(slot));
}

/*
 * Reads those that are what they were into the packer's room, one behind the other; the others are taken off the list.
 * Returns the bytes that they take now.
 */
static uint64_t read_pages(struct zram_repacker *repacker, struct pages *pages)
{
	struct zram *zram = repacker->zram;
	struct zs_share_lock *lock = zram_lock_of(zram, pages->page[0]);
	struct zram_room *room = repacker->packer->room;
	struct pages all = *pages;
	uint64_t nr_bytes = 0;

	room->unpacked = 0;
	pages->nr = 0;
	zs_share_lock(lock, false);
	for (unsigned int i = 0; i < all.nr; i++) {
		unsigned char *to = room->pages + pages->nr * ZRAM_PAGE_BYTES;
		uint64_t slot = __atomic_load_n(&zram->slots[all.page[i]], __ATOMIC_RELAXED);

		if (!is_same(slot, all.slot[i]) || zram_page_unpack(zram, repacker->reader, slot, to))
			continue;
		nr_bytes += bytes_of(zram, all.page[i], slot);
		add(pages, all.page[i], all.slot[i]);
	}
	if (repacker->reader->room)
		repacker->reader->room->unpacked = 0;
	zs_share_unlock(lock, false);
	return nr_bytes;
}

/* ---- putting in place ---- */

/* New slots for pages that are what they were. Returns a bit for each that was put; the old ones are dropped. */
static unsigned int put_pages(struct zram *zram, const struct pages *pages, const uint64_t *slots)
{
	struct zs_share_lock *lock = zram_lock_of(zram, pages->page[0]);
	uint64_t old[ZRAM_GROUP_PAGES];
	unsigned int put = 0;

	memset(old, 0, sizeof(old));
	zs_share_lock(lock, true);
	for (unsigned int i = 0; i < pages->nr; i++) {
		if (!is_same(zram->slots[pages->page[i]], pages->slot[i]))
			continue;
		old[i] = zram_page_swap(zram, pages->page[i], slots[i]);
		put |= 1u << i;
	}
	zs_share_unlock(lock, true);
	for (unsigned int i = 0; i < pages->nr; i++)
		zram_page_drop(zram, old[i]);
	return put;
}

/* Unless other content has come meanwhile. */
static void give_up(struct zram *zram, const struct pages *pages)
{
	struct zs_share_lock *lock = zram_lock_of(zram, pages->page[0]);
	bool same = true;

	zs_share_lock(lock, true);
	for (unsigned int i = 0; i < pages->nr; i++)
		same = same && is_same(zram->slots[pages->page[i]], pages->slot[i]);
	if (same)
		zram->given_up[pages->page[0] >> ZRAM_GROUP_SHIFT] = 1;
	zs_share_unlock(lock, true);
}

/* ---- packing ---- */

static void count_saved(struct zram *zram, uint64_t old_bytes, uint64_t new_bytes)
{
	zram_count(&zram->counts.recompress_saved_bytes, old_bytes > new_bytes ? (int64_t)(old_bytes - new_bytes) : 0);
}

static unsigned int pack_alone(struct zram_repacker *repacker, const struct pages *pages, uint64_t nr_bytes)
{
	struct zram *zram = repacker->zram;
	uint64_t slot;
	int err = zram_page_pack_strong(zram, repacker->packer->room, repacker->packer->room->pages, nr_bytes, &slot);

	if (err == -ENOSPC)
		give_up(zram, pages);
	if (err)
		return 0;
	slot |= pages->slot[0] & ZRAM_AGE_MASK;
	if (put_pages(zram, pages, &slot))
		count_saved(zram, nr_bytes, zram_slot_stored_bytes(slot));
	else
		zram_page_drop(zram, slot);
	return 1;
}

/* Counted before its pages are put, since a writer may take one of them off at once. */
static void count_unit(struct zram *zram, const struct zram_unit_head *head, int64_t once)
{
	zram_count(&zram->counts.units, once);
	zram_count(&zram->counts.stored_bytes, once * (int64_t)zram_unit_bytes(head));
}

/* nr_bytes: that the pages took. */
static void put_unit(struct zram *zram, const struct pages *pages, unsigned long handle, uint64_t nr_bytes)
{
	struct zram_unit_head head = zram_unit_head(zram, handle);
	uint64_t slots[ZRAM_GROUP_PAGES];
	unsigned int nr_put;

	for (unsigned int i = 0; i < pages->nr; i++)
		slots[i] = zram_slot_unit(handle, i) | (pages->slot[i] & ZRAM_AGE_MASK);
	count_unit(zram, &head, 1);
	zram_count(&zram->counts.dead_bytes, (int64_t)(zram_unit_share(&head) * pages->nr));
	nr_put = (unsigned int)__builtin_popcount(put_pages(zram, pages, slots));
	zram_count(&zram->counts.dead_bytes, -(int64_t)(zram_unit_share(&head) * nr_put));
	if (nr_put) {
		count_saved(zram, nr_bytes, zram_unit_bytes(&head));
		return;
	}
	count_unit(zram, &head, -1);
	zram_count(&zram->counts.dead_bytes, -(int64_t)(zram_unit_share(&head) * pages->nr));
	zs_free(zram->pool, handle);
}

static unsigned int pack_together(struct zram_repacker *repacker, const struct pages *pages, uint64_t nr_bytes)
{
	struct zram *zram = repacker->zram;
	unsigned long handle;
	int err = zram_unit_pack(zram, repacker->packer->room, pages->nr, nr_bytes, &handle);

	if (err == -ENOSPC)
		give_up(zram, pages);
	if (err)
		return 0;
	put_unit(zram, pages, handle, nr_bytes);
	return pages->nr;
}

/* Up to a unit's worth of them. */
static unsigned int pack(struct zram_repacker *repacker, struct pages *pages)
{
	uint64_t nr_bytes = read_pages(repacker, pages);

	if (!pages->nr)
		return 0;
	return pages->nr == 1 ? pack_alone(repacker, pages, nr_bytes) : pack_together(repacker, pages, nr_bytes);
}

static unsigned int pack_all(struct zram_repacker *repacker, const struct pages *pages)
{
	unsigned int nr_packed = 0;

	for (unsigned int i = 0; i < pages->nr; i += repacker->zram->unit_pages) {
		struct pages some = { .nr = 0 };

		for (unsigned int j = i; j < pages->nr && j < i + repacker->zram->unit_pages; j++)
			add(&some, pages->page[j], pages->slot[j]);
		nr_packed += pack(repacker, &some);
	}
	return nr_packed;
}

/* Each by itself, by the disk's own codec. They stay young. */
static unsigned int unpack_all(struct zram_repacker *repacker, struct pages *pages)
{
	struct zram *zram = repacker->zram;
	unsigned int nr_unpacked = 0;

	read_pages(repacker, pages);
	for (unsigned int i = 0; i < pages->nr; i++) {
		struct pages one = { .nr = 1, .page = { pages->page[i] }, .slot = { pages->slot[i] } };
		uint64_t slot;

		if (zram_page_pack(zram, repacker->packer, repacker->packer->room->pages + i * ZRAM_PAGE_BYTES, &slot))
			break;
		if (put_pages(zram, &one, &slot))
			nr_unpacked++;
		else
			zram_page_drop(zram, slot);
	}
	zram_count(&zram->counts.unpacked, nr_unpacked);
	return nr_unpacked;
}

unsigned int zram_repack_group(struct zram_repacker *repacker, uint64_t group)
{
	struct plan plan;
	unsigned int nr_packed = 0, nr_unpacked = 0;

	make_plan(repacker->zram, group, &plan);
	if (plan.pack.nr && plan.gains)
		nr_packed = pack_all(repacker, &plan.pack);
	if (plan.unpack.nr)
		nr_unpacked = unpack_all(repacker, &plan.unpack);
	zram_count(&repacker->zram->counts.recompressed, nr_packed);
	return nr_packed + nr_unpacked;
}
