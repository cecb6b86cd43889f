/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What is on its way to the store, and what of it takes its pages' slots.
 */
#include "writeback.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "page.h"
#include "unit.h"

#define MOST_RECORDS 1024u

/* The pages that an object on its way is for. */
struct record {
	uint64_t page[ZRAM_GROUP_PAGES];
	uint64_t slot[ZRAM_GROUP_PAGES];
	unsigned int nr;
};

struct batch {
	struct record records[MOST_RECORDS];
	struct zs_log_object objects[MOST_RECORDS];
	unsigned int nr;
	uint32_t nr_bytes;
	unsigned char bytes[ZS_LOG_SEGMENT_BYTES];
};

struct zram_writeback {
	struct zs_log *log;
	bool incompressible;
	unsigned int idle_walks; /* that a group was not touched for; 0: never by itself */
	bool has_failed;         /* on this walk: nothing more is written */
	bool is_full;            /* on this walk there was no room for something */
	struct batch *batch;
};

/* ---- memory ---- */

/* How often a group is found quiet in its idle time, which may be many walks; that is counted up to MOST_QUIET. */
#define MOST_QUIET 60000u

static void set_idle_walks(struct zram *zram, uint64_t idle_ns)
{
	uint64_t period_ns = zram->walk.period_ns, walks = period_ns ? (idle_ns - 1) / period_ns + 1 : 0;
	uint64_t every = walks / MOST_QUIET + 1;

	zram->walk.quiet_every = every < UINT32_MAX ? (uint32_t)every : UINT32_MAX;
	if (walks && idle_ns)
		zram->writeback->idle_walks = (unsigned int)((walks + every - 1) / every + 1);
}

static int make_log(struct zram *zram, const struct zram_writeback_options *options)
{
	const struct zs_log_options log = {
		.store = options->store,
		.most_objects = zram->nr_pages + 1, /* one for what moves */
		.most_object_bytes = ZRAM_UNIT_BYTES,
		.on_error = options->on_error,
		.ctx = options->ctx,
	};

	return zs_log_create(&log, &zram->writeback->log);
}

int zram_writeback_create(struct zram *zram, const struct zram_writeback_options *options)
{
	zram->writeback = calloc(1, sizeof(*zram->writeback));
	if (!zram->writeback)
		return -ENOMEM;
	zram->writeback->incompressible = options->incompressible;
	set_idle_walks(zram, options->idle_ns);
	return make_log(zram, options);
}

void zram_writeback_destroy(struct zram *zram)
{
	struct zram_writeback *writeback = zram->writeback;

	if (!writeback)
		return;
	zs_log_destroy(writeback->log);
	free(writeback->batch);
	free(writeback);
	zram->writeback = NULL;
}

uint64_t zram_writeback_bytes(const struct zram *zram)
{
	const struct zram_writeback *writeback = zram->writeback;

	if (!writeback)
		return 0;
	return sizeof(*writeback) + zs_log_bytes(writeback->log) +
	       (__atomic_load_n(&writeback->batch, __ATOMIC_RELAXED) ? sizeof(struct batch) : 0);
}

/* ---- what is stored ---- */

static uint32_t place_of(uint64_t slot)
{
	return (uint32_t)zram_slot_handle(slot);
}

void zram_stored_drop(struct zram *zram, uint64_t slot)
{
	zram_count(&zram->counts.backing_bytes, -(int64_t)zs_log_drop(zram->writeback->log, place_of(slot)));
}

int zram_stored_read(struct zram *zram, uint64_t slot, void *buf, size_t size, struct zs_log_object *object)
{
	int err = zs_log_read(zram->writeback->log, place_of(slot), buf, size, object);

	zram_count(&zram->counts.bd_reads, !err);
	return err;
}

/* ---- putting in place ---- */

static uint64_t stored_slot(uint64_t old, enum zram_kind kind, uint32_t place)
{
	return zram_slot_stored(place, kind == ZRAM_UNIT ? zram_slot_index(old) : 0) | (old & ZRAM_AGE_MASK);
}

/* Those of its pages that are what they were are in the store from now on. Returns how many. */
static unsigned int put_record(struct zram *zram, const struct record *record, enum zram_kind kind, uint32_t place)
{
	struct zs_share_lock *lock = zram_lock_of(zram, record->page[0]);
	uint64_t old[ZRAM_GROUP_PAGES] = { 0 };
	unsigned int nr_put = 0;

	zs_share_lock(lock, true);
	for (unsigned int i = 0; i < record->nr; i++) {
		if (zram->slots[record->page[i]] != record->slot[i])
			continue;
		old[nr_put++] = zram_page_swap(zram, record->page[i], stored_slot(record->slot[i], kind, place));
	}
	zs_share_unlock(lock, true);
	for (unsigned int i = 0; i < nr_put; i++)
		zram_page_drop(zram, old[i]);
	return nr_put;
}

/* An object is in the store: it takes its pages' slots, or is of no use. */
static void settle(void *ctx, unsigned int i, uint32_t place)
{
	struct zram *zram = ctx;
	const struct batch *batch = zram->writeback->batch;
	const struct zs_log_object *object = &batch->objects[i];

	zram_count(&zram->counts.backing_bytes, object->bytes);
	if (!put_record(zram, &batch->records[i], object->kind, place))
		zram_stored_drop(zram, zram_slot_stored(place, 0));
}

static int write_batch(struct zram *zram, const struct batch *batch)
{
	const struct zs_log_batch objects = { .bytes = batch->bytes, .objects = batch->objects, .nr = batch->nr };
	int err = zs_log_write(zram->writeback->log, &objects, settle, zram);

	zram_count(&zram->counts.bd_writes, err ? 0 : batch->nr);
	zram_count(&zram->counts.bd_failures, err == -EIO);
	return err;
}

void zram_writeback_flush(struct zram *zram)
{
	struct zram_writeback *writeback = zram->writeback;
	struct batch *batch = writeback->batch;

	if (!batch || !batch->nr)
		return;
	writeback->has_failed = write_batch(zram, batch) != 0;
	batch->nr = 0;
	batch->nr_bytes = 0;
}

void zram_writeback_begin(struct zram *zram)
{
	zram->writeback->has_failed = zram->writeback->is_full = false;
	zs_log_choose_victims(zram->writeback->log);
}

int zram_writeback_failure(const struct zram *zram)
{
	return zram->writeback->has_failed || zram->writeback->is_full ? -ENOSPC : 0;
}

/* ---- gathering ---- */

/* For any object. */
static bool has_room(const struct batch *batch)
{
	return batch->nr < MOST_RECORDS && ZS_LOG_SEGMENT_BYTES - batch->nr_bytes >= ZRAM_UNIT_BYTES;
}

/* The object of a slot to the end of the batch. Result: whether it comes. context: group locked. */
static bool copy_object(struct zram *zram, uint64_t slot, unsigned char *to, size_t room, struct zs_log_object *object)
{
	struct zram_unit_head head;
	const void *from;

	if (zram_slot_kind(slot) == ZRAM_STORED)
		return !zram_stored_read(zram, slot, to, room, object);
	*object = (struct zs_log_object){ zram_slot_stored_bytes(slot), (uint16_t)zram_slot_kind(slot) };
	if (object->kind == ZRAM_UNIT) {
		head = zram_unit_head(zram, zram_slot_handle(slot));
		object->bytes = (uint32_t)zram_unit_bytes(&head);
	}
	from = object->bytes <= room ? zs_obj_read_begin(zram->pool, zram_slot_handle(slot), object->bytes, NULL)
				     : NULL;
	if (!from)
		return false;
	memcpy(to, from, object->bytes);
	zs_obj_read_end(zram->pool, zram_slot_handle(slot), object->bytes, from);
	return true;
}

/* The pages that a slot's object is for, of nr from first on, which it is the first of. context: group locked. */
static void gather_pages(const struct zram *zram, uint64_t first, unsigned int i, unsigned int nr,
			 struct record *record)
{
	uint64_t mine = __atomic_load_n(&zram->slots[first + i], __ATOMIC_RELAXED);

	record->nr = 1;
	record->page[0] = first + i;
	record->slot[0] = mine;
	while (++i < nr) {
		uint64_t slot = __atomic_load_n(&zram->slots[first + i], __ATOMIC_RELAXED);

		if (!zram_slot_is_beside(slot, mine))
			continue;
		record->page[record->nr] = first + i;
		record->slot[record->nr++] = slot;
	}
}

static bool all_oldest(const struct record *record)
{
	for (unsigned int i = 0; i < record->nr; i++)
		if (zram_slot_age(record->slot[i]) < ZRAM_OLDEST)
			return false;
	return true;
}

/* More may go to the store; if not, who asked for it is told. */
static bool may_grow(struct zram_writeback *writeback)
{
	bool may = zs_log_has_space(writeback->log);

	writeback->is_full |= !may;
	return may;
}

static bool is_wanted(struct zram *zram, const struct record *record, bool is_quiet)
{
	uint64_t slot = record->slot[0];

	switch (zram_slot_kind(slot)) {
	case ZRAM_OBJECT:
	case ZRAM_STRONG:
	case ZRAM_UNIT: return is_quiet && all_oldest(record) && may_grow(zram->writeback);
	case ZRAM_RAW:
		return (is_quiet || zram->writeback->incompressible) && all_oldest(record) && may_grow(zram->writeback);
	case ZRAM_STORED: return zs_log_is_victim(zram->writeback->log, place_of(slot));
	default: return false;
	}
}

/* Whether an earlier page of the group has a part in the same object, which was looked at with that. */
static bool was_seen(const uint64_t *slots, unsigned int i)
{
	for (unsigned int j = 0; j < i; j++)
		if (zram_slot_is_beside(__atomic_load_n(&slots[j], __ATOMIC_RELAXED),
					__atomic_load_n(&slots[i], __ATOMIC_RELAXED)))
			return true;
	return false;
}

/* The object of a group's page, if it is to be written. Returns how many pages it is for. context: group locked. */
static unsigned int gather_object(struct zram *zram, uint64_t first, unsigned int i, unsigned int nr, bool is_quiet)
{
	struct batch *batch = zram->writeback->batch;
	struct record *record = &batch->records[batch->nr];
	struct zs_log_object *object = &batch->objects[batch->nr];

	gather_pages(zram, first, i, nr, record);
	if (!is_wanted(zram, record, is_quiet) || !copy_object(zram, record->slot[0], batch->bytes + batch->nr_bytes,
							       ZS_LOG_SEGMENT_BYTES - batch->nr_bytes, object))
		return 0;
	batch->nr_bytes += object->bytes;
	batch->nr++;
	return record->nr;
}

/* Result: whether the group was looked at to its end; else the batch is full. */
static bool gather(struct zram *zram, uint64_t first, unsigned int nr, bool is_quiet, unsigned int *nr_gathered)
{
	struct zs_share_lock *lock = zram_lock_of(zram, first);
	unsigned int i;

	zs_share_lock(lock, false);
	for (i = 0; i < nr && has_room(zram->writeback->batch); i++)
		if (!was_seen(zram->slots + first, i))
			*nr_gathered += gather_object(zram, first, i, nr, is_quiet);
	zs_share_unlock(lock, false);
	return i == nr;
}

static bool make_batch(struct zram_writeback *writeback)
{
	struct batch *batch;

	if (writeback->batch)
		return true;
	batch = malloc(sizeof(*batch));
	if (!batch)
		return false;
	batch->nr = 0;
	batch->nr_bytes = 0;
	__atomic_store_n(&writeback->batch, batch, __ATOMIC_RELAXED);
	return true;
}

/* Whether a walk may find something to write that nobody asked for: also what moves out of a sparse segment. */
static bool does_by_itself(const struct zram *zram)
{
	return zram->writeback->idle_walks || zram->writeback->incompressible || zram_counted(&zram->counts.bd_pages);
}

unsigned int zram_writeback_group(struct zram *zram, uint64_t group, bool on_demand)
{
	struct zram_writeback *writeback = zram->writeback;
	uint64_t first = group << ZRAM_GROUP_SHIFT;
	unsigned int nr = zram_group_pages(zram, first), nr_gathered = 0;
	bool is_quiet = on_demand || (writeback->idle_walks &&
				      __atomic_load_n(&zram->quiet[group], __ATOMIC_RELAXED) >= writeback->idle_walks);

	if (!on_demand && !does_by_itself(zram))
		return 0;
	if (!make_batch(writeback)) {
		writeback->has_failed = true;
		return 0;
	}
	/* What was written in the first pass is in the store in the second. */
	while (!writeback->has_failed && !gather(zram, first, nr, is_quiet, &nr_gathered))
		zram_writeback_flush(zram);
	return nr_gathered;
}
