/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The table of hints, and the entries of shared objects.
 */
#include "dedup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "page.h"
#include "reserve.h"

#define WAYS 8u /* hints of hashes that lead to the same place: a cache line */
#define FULL 5u /* hints that a set has on average when the table grows, which leaves few without a place */
#define FEWEST_SETS 128u
/* Sets that are moved to a table of another size: by each who notes something, and at a time by who moves all. */
#define SETS_A_NOTE 4u
#define SETS_AT_A_TIME 16u
/* Sets whose memory goes back together: whole pages, of up to 64 KiB. */
#define SETS_GIVEN_BACK 1024u

struct hint {
	uint32_t hash;
	uint32_t at; /* an entry and OF_ENTRY, or a page and 1; 0: none */
};

#define OF_ENTRY 0x80000000u

/* Sets of WAYS hints. */
struct table {
	struct hint *hints;
	uint64_t nr_sets;
};

struct entry {
	uint64_t slot; /* of the object; or the next free entry and 1 */
	uint64_t nr_pages;
};

struct zram_dedup {
	struct zs_share_lock hint_lock;
	struct table table;
	/*
	 * The one that takes its place, if the size is to be another: the hints of so many sets have moved there. Sets
	 * are moved in the order of the hashes that lead to them, so a hash's hint is in one table and not the other.
	 */
	struct table next;
	uint64_t nr_moved;
	uint64_t nr_counted; /* sets that have memory, or may have */

	struct zs_share_lock entry_lock;
	struct entry *entries; /* address space, whose memory comes when it is touched */
	uint64_t most_entries;
	uint64_t nr_entries; /* made so far, in use or free */
	uint64_t free_entry; /* and 1 */
};

/* ---- memory ---- */

static size_t hints_bytes(uint64_t nr_sets)
{
	return (size_t)nr_sets * WAYS * sizeof(struct hint);
}

/* Result: whether there was address space. */
static bool make_table(struct table *table, uint64_t nr_sets)
{
	struct hint *hints = zs_reserve(hints_bytes(nr_sets));

	if (hints)
		*table = (struct table){ .hints = hints, .nr_sets = nr_sets };
	return hints != NULL;
}

static void free_table(const struct table *table)
{
	zs_unreserve(table->hints, hints_bytes(table->nr_sets));
}

/* Of two tables, what one loses the other gains. */
static void count_sets(struct zram_dedup *dedup)
{
	uint64_t nr = dedup->table.nr_sets > dedup->next.nr_sets ? dedup->table.nr_sets : dedup->next.nr_sets;

	__atomic_store_n(&dedup->nr_counted, nr, __ATOMIC_RELAXED);
}

static size_t entries_bytes(uint64_t nr)
{
	return (size_t)nr * sizeof(struct entry);
}

int zram_dedup_create(struct zram *zram)
{
	struct zram_dedup *dedup = calloc(1, sizeof(*dedup));

	if (!dedup)
		return -ENOMEM;
	zram->dedup = dedup;
	dedup->most_entries = zram->nr_pages;
	dedup->entries = zs_reserve(entries_bytes(dedup->most_entries));
	if (!dedup->entries || !make_table(&dedup->table, FEWEST_SETS))
		return -ENOMEM;
	count_sets(dedup);
	return 0;
}

void zram_dedup_destroy(struct zram *zram)
{
	struct zram_dedup *dedup = zram->dedup;

	if (!dedup)
		return;
	free_table(&dedup->table);
	free_table(&dedup->next);
	zs_unreserve(dedup->entries, entries_bytes(dedup->most_entries));
	free(dedup);
	zram->dedup = NULL;
}

uint64_t zram_dedup_bytes(const struct zram *zram)
{
	const struct zram_dedup *dedup = zram->dedup;

	if (!dedup)
		return 0;
	return sizeof(*dedup) + hints_bytes(__atomic_load_n(&dedup->nr_counted, __ATOMIC_RELAXED)) +
	       entries_bytes(__atomic_load_n(&dedup->nr_entries, __ATOMIC_RELAXED));
}

/* ---- hints ---- */

/* The larger the hash, the later the set. */
static uint64_t number_of(const struct table *table, uint32_t hash)
{
	return (uint64_t)hash * table->nr_sets >> 32;
}

static struct hint *set_of(const struct table *table, uint32_t hash)
{
	return table->hints + number_of(table, hash) * WAYS;
}

/* Where the hint for a hash is now. context: hint_lock */
static const struct table *table_of(const struct zram_dedup *dedup, uint32_t hash)
{
	return number_of(&dedup->table, hash) < dedup->nr_moved ? &dedup->next : &dedup->table;
}

/* In an empty place, or in that of one hint or another. */
static void put_hint(const struct table *table, struct hint hint)
{
	struct hint *set = set_of(table, hint.hash), *place = set + hint.at % WAYS;

	for (unsigned int i = 0; i < WAYS; i++)
		if (!set[i].at || set[i].hash == hint.hash)
			place = &set[i];
	*place = hint;
}

/* For as many hints as there are objects that can be found. */
static uint64_t sets_wanted(const struct zram *zram)
{
	const struct zram_counts *counts = &zram->counts;
	uint64_t nr_pages = zram_counted(&counts->pages) + __atomic_load_n(&zram->dedup->nr_entries, __ATOMIC_RELAXED);
	uint64_t nr_others = zram_counted(&counts->unit_pages) + zram_counted(&counts->bd_pages) +
			     zram_counted(&counts->shared_pages);
	/* They are not counted at one moment. */
	uint64_t wanted = nr_pages > nr_others ? (nr_pages - nr_others) / FULL : 0,
		 nr_sets = zram->dedup->table.nr_sets;

	if (wanted > nr_sets || wanted < nr_sets / 2)
		nr_sets = wanted + wanted / 4;
	return nr_sets > FEWEST_SETS ? nr_sets : FEWEST_SETS;
}

static void move_set(struct zram_dedup *dedup)
{
	struct hint *set = dedup->table.hints + dedup->nr_moved * WAYS;

	for (unsigned int i = 0; i < WAYS; i++)
		if (set[i].at)
			put_hint(&dedup->next, set[i]);
	dedup->nr_moved++;
	if (dedup->nr_moved % SETS_GIVEN_BACK == 0)
		zs_reserve_empty(dedup->table.hints + (dedup->nr_moved - SETS_GIVEN_BACK) * WAYS,
				 hints_bytes(SETS_GIVEN_BACK));
}

static void end_move(struct zram_dedup *dedup)
{
	free_table(&dedup->table);
	dedup->table = dedup->next;
	dedup->next = (struct table){ .nr_sets = 0 };
	dedup->nr_moved = 0;
	count_sets(dedup);
}

/* If the table does not fit. Without memory for a larger one it stays: some hints are lost then. */
static void begin_move(struct zram *zram)
{
	uint64_t wanted = sets_wanted(zram), nr_sets = zram->dedup->table.nr_sets;
	bool has_room = wanted < nr_sets || zram_fits(zram, hints_bytes(wanted - nr_sets));

	if (wanted != nr_sets && has_room && make_table(&zram->dedup->next, wanted))
		count_sets(zram->dedup);
}

/*
 * A table that does not fit is moved to one that does, so many sets at a time: to move all at once takes longer than a
 * writer should wait. Result: whether there was anything to move. context: hint_lock
 */
static bool fit_table(struct zram *zram, unsigned int nr_sets)
{
	struct zram_dedup *dedup = zram->dedup;

	if (!dedup->next.nr_sets)
		begin_move(zram);
	if (!dedup->next.nr_sets)
		return false;
	for (unsigned int i = 0; i < nr_sets && dedup->nr_moved < dedup->table.nr_sets; i++)
		move_set(dedup);
	if (dedup->nr_moved == dedup->table.nr_sets)
		end_move(dedup);
	return true;
}

void zram_dedup_fit(struct zram *zram)
{
	bool moves = true;

	while (moves) {
		zs_share_lock(&zram->dedup->hint_lock, true);
		moves = fit_table(zram, SETS_AT_A_TIME);
		zs_share_unlock(&zram->dedup->hint_lock, true);
	}
}

static void note(struct zram *zram, uint32_t hash, uint32_t at)
{
	struct zram_dedup *dedup = zram->dedup;

	zs_share_lock(&dedup->hint_lock, true);
	fit_table(zram, SETS_A_NOTE);
	put_hint(table_of(dedup, hash), (struct hint){ .hash = hash, .at = at });
	zs_share_unlock(&dedup->hint_lock, true);
}

void zram_dedup_note(struct zram *zram, uint32_t hash, uint64_t page)
{
	if (page < OF_ENTRY - 1)
		note(zram, hash, (uint32_t)page + 1);
}

/* What the hint for a hash says; 0: there is none. */
static uint32_t find_hint(struct zram_dedup *dedup, uint32_t hash)
{
	const struct hint *set;
	uint32_t at = 0;

	zs_share_lock(&dedup->hint_lock, true);
	set = set_of(table_of(dedup, hash), hash);
	for (unsigned int i = 0; i < WAYS && !at; i++)
		at = set[i].hash == hash ? set[i].at : 0;
	zs_share_unlock(&dedup->hint_lock, true);
	return at;
}

/* ---- entries ---- */

static struct entry *entry_of(const struct zram *zram, uint64_t slot)
{
	return &zram->dedup->entries[zram_slot_handle(slot)];
}

/* An entry for an object that two pages share. Result: its slot; 0: there are no more. */
static uint64_t make_entry(struct zram *zram, uint64_t object)
{
	struct zram_dedup *dedup = zram->dedup;
	uint64_t index = dedup->most_entries;

	zs_share_lock(&dedup->entry_lock, true);
	if (dedup->free_entry) {
		index = dedup->free_entry - 1;
		dedup->free_entry = dedup->entries[index].slot;
	} else if (dedup->nr_entries < dedup->most_entries) {
		index = dedup->nr_entries;
		__atomic_store_n(&dedup->nr_entries, index + 1, __ATOMIC_RELAXED);
	}
	if (index < dedup->most_entries)
		dedup->entries[index] = (struct entry){ .slot = object & ~ZRAM_AGE_MASK, .nr_pages = 2 };
	zs_share_unlock(&dedup->entry_lock, true);
	return index < dedup->most_entries ? zram_slot_shared(index) : ZRAM_EMPTY;
}

uint64_t zram_dedup_object(const struct zram *zram, uint64_t slot)
{
	return entry_of(zram, slot)->slot;
}

static void count_shared(struct zram *zram, uint64_t object, int64_t once)
{
	zram_count(&zram->counts.dedup_saved_bytes, once * (int64_t)zram_slot_stored_bytes(object));
}

/* One page more shares it, if any does: an entry may be free again, or another's. */
static bool join(struct zram *zram, uint64_t slot)
{
	struct entry *entry = entry_of(zram, slot);
	bool shared;

	zs_share_lock(&zram->dedup->entry_lock, true);
	shared = entry->nr_pages != 0;
	entry->nr_pages += shared;
	zs_share_unlock(&zram->dedup->entry_lock, true);
	if (shared)
		count_shared(zram, entry->slot, 1);
	return shared;
}

/* context: entry_lock */
static void free_entry(struct zram_dedup *dedup, uint64_t slot)
{
	dedup->entries[zram_slot_handle(slot)] = (struct entry){ .slot = dedup->free_entry };
	dedup->free_entry = zram_slot_handle(slot) + 1;
}

uint64_t zram_dedup_part(struct zram *zram, uint64_t slot)
{
	struct zram_dedup *dedup = zram->dedup;
	const struct entry *entry = entry_of(zram, slot);
	uint64_t object = ZRAM_EMPTY;

	zs_share_lock(&dedup->entry_lock, true);
	if (entry->nr_pages == 1) {
		object = entry->slot;
		free_entry(dedup, slot);
	}
	zs_share_unlock(&dedup->entry_lock, true);
	return object;
}

uint64_t zram_dedup_leave(struct zram *zram, uint64_t slot)
{
	struct zram_dedup *dedup = zram->dedup;
	struct entry *entry = entry_of(zram, slot);
	uint64_t object;
	bool last;

	zs_share_lock(&dedup->entry_lock, true);
	object = entry->slot;
	last = --entry->nr_pages == 0;
	if (last)
		free_entry(dedup, slot);
	zs_share_unlock(&dedup->entry_lock, true);
	if (last)
		zram_count(&zram->counts.stored_bytes, -(int64_t)zram_slot_stored_bytes(object));
	else
		count_shared(zram, object, -1);
	return last ? object : ZRAM_EMPTY;
}

/* ---- finding ---- */

static bool has_content(struct zram *zram, struct zram_scratch *scratch, uint64_t slot, const void *content)
{
	return !zram_page_unpack(zram, scratch, slot, scratch->page) &&
	       !memcmp(scratch->page, content, ZRAM_PAGE_BYTES);
}

/* Nobody takes away an object that was joined. */
static uint64_t find_entry(struct zram *zram, struct zram_scratch *scratch, const void *content, uint64_t index)
{
	uint64_t slot = zram_slot_shared(index);

	if (!join(zram, slot))
		return ZRAM_EMPTY;
	if (has_content(zram, scratch, slot, content))
		return slot;
	zram_page_drop(zram, slot);
	return ZRAM_EMPTY;
}

/* Has a page share its object with one that has no slot yet. Result: their slot or 0. context: group locked alone. */
static uint64_t share(struct zram *zram, uint64_t page, uint64_t slot)
{
	uint64_t shared = make_entry(zram, slot);

	if (!shared)
		return ZRAM_EMPTY;
	/* The object stays; only who names it changes. */
	zram_page_swap(zram, page, shared);
	zram_count(&zram->counts.stored_bytes, (int64_t)zram_slot_stored_bytes(slot));
	count_shared(zram, slot, 1);
	return shared;
}

static uint64_t find_page(struct zram *zram, struct zram_scratch *scratch, const void *content, uint64_t page)
{
	struct zs_share_lock *lock = zram_lock_of(zram, page);
	enum zram_kind kind;
	uint64_t slot, shared = ZRAM_EMPTY;

	zs_share_lock(lock, true);
	slot = zram->slots[page];
	kind = zram_slot_kind(slot);
	if ((kind == ZRAM_OBJECT || kind == ZRAM_STRONG || kind == ZRAM_RAW) &&
	    has_content(zram, scratch, slot, content))
		shared = share(zram, page, slot);
	zs_share_unlock(lock, true);
	return shared;
}

uint64_t zram_dedup_find(struct zram *zram, struct zram_scratch *scratch, const void *content, uint32_t hash,
			 uint64_t page)
{
	uint32_t at = find_hint(zram->dedup, hash);
	uint64_t slot;

	if (!at)
		return ZRAM_EMPTY;
	if (at & OF_ENTRY)
		return find_entry(zram, scratch, content, at & ~OF_ENTRY);
	if (at - 1 == page)
		return ZRAM_EMPTY;
	slot = find_page(zram, scratch, content, at - 1);
	if (slot && zram_slot_handle(slot) < OF_ENTRY)
		note(zram, hash, (uint32_t)zram_slot_handle(slot) | OF_ENTRY);
	return slot;
}
