/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Places in the store, its segments, and what is on its way there.
 */
#include "writeback.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "page.h"
#include "reserve.h"
#include "sum.h"
#include "unit.h"

#define MOST_RECORDS 1024u
#define NONE UINT32_MAX

/* An object on its way: the pages that it is for, and the place it will have. */
struct record {
	uint64_t page[ZRAM_GROUP_PAGES];
	uint64_t slot[ZRAM_GROUP_PAGES];
	unsigned int nr;
	uint32_t from; /* in the batch */
	uint32_t bytes;
	uint16_t kind;
};

struct batch {
	struct record records[MOST_RECORDS];
	unsigned int nr;
	uint32_t nr_bytes;
	unsigned char bytes[ZRAM_SEGMENT_BYTES];
};

struct segment {
	uint32_t live_bytes;
	bool in_use;
	bool is_victim; /* what lives in it is to move elsewhere */
};

/* Segments that only what moves may take: else a full store could not be emptied. A small store has none. */
#define RESERVED_SEGMENTS 2u
#define SMALL_STORE 8u

struct zram_writeback {
	struct zs_store store;
	bool incompressible;
	unsigned int idle_walks; /* that a group was not touched for; 0: never by itself */
	bool has_failed;         /* on this walk: nothing more is written */
	bool is_full;            /* on this walk there was no room for something */
	struct batch *batch;

	struct zs_share_lock lock;
	struct zram_stored *places; /* address space, whose memory comes when it is touched, as that of segments */
	uint64_t most_places;
	uint64_t nr_places; /* made so far, in use or free */
	uint32_t free_place;
	struct segment *segments;
	uint64_t nr_segments;
	uint64_t nr_used_segments;
	uint64_t nr_made_segments; /* from the first one to the last that ever was in use */
	uint64_t lowest_free;      /* none below it is free */
	uint64_t live_bytes;
	bool read_failure_told;
	bool write_failure_told;
	void (*on_error)(void *ctx, const char *what);
	void *ctx;
};

/* ---- memory ---- */

static size_t places_bytes(uint64_t nr)
{
	return (size_t)nr * sizeof(struct zram_stored);
}

static size_t segments_bytes(const struct zram_writeback *writeback)
{
	return (size_t)writeback->nr_segments * sizeof(struct segment);
}

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

int zram_writeback_create(struct zram *zram, const struct zram_writeback_options *options)
{
	struct zram_writeback *writeback = calloc(1, sizeof(*writeback));

	if (!writeback)
		return -ENOMEM;
	zram->writeback = writeback;
	writeback->store = *options->store;
	writeback->incompressible = options->incompressible;
	set_idle_walks(zram, options->idle_ns);
	writeback->on_error = options->on_error;
	writeback->ctx = options->ctx;
	writeback->most_places = zram->nr_pages < NONE - 1 ? zram->nr_pages + 1 : NONE; /* one for what moves */
	writeback->free_place = NONE;
	writeback->nr_segments = writeback->store.size_bytes / ZRAM_SEGMENT_BYTES;
	writeback->places = zs_reserve(places_bytes(writeback->most_places));
	writeback->segments = zs_reserve(segments_bytes(writeback) + 1);
	return writeback->places && writeback->segments ? 0 : -ENOMEM;
}

void zram_writeback_destroy(struct zram *zram)
{
	struct zram_writeback *writeback = zram->writeback;

	if (!writeback)
		return;
	zs_unreserve(writeback->places, places_bytes(writeback->most_places));
	zs_unreserve(writeback->segments, segments_bytes(writeback) + 1);
	free(writeback->batch);
	free(writeback);
	zram->writeback = NULL;
}

uint64_t zram_writeback_bytes(const struct zram *zram)
{
	const struct zram_writeback *writeback = zram->writeback;

	if (!writeback)
		return 0;
	return sizeof(*writeback) +
	       __atomic_load_n(&writeback->nr_made_segments, __ATOMIC_RELAXED) * sizeof(struct segment) +
	       places_bytes(__atomic_load_n(&writeback->nr_places, __ATOMIC_RELAXED)) +
	       (__atomic_load_n(&writeback->batch, __ATOMIC_RELAXED) ? sizeof(struct batch) : 0);
}

static void tell(struct zram_writeback *writeback, bool *told, const char *what, int err)
{
	char text[160];

	if (__atomic_exchange_n(told, true, __ATOMIC_RELAXED) || !writeback->on_error)
		return;
	snprintf(text, sizeof(text), "the backing store: %s: %s (this is told once)", what, strerror(-err));
	writeback->on_error(writeback->ctx, text);
}

/* ---- segments ---- */

static struct segment *segment_of(struct zram_writeback *writeback, uint64_t offset)
{
	return &writeback->segments[offset / ZRAM_SEGMENT_BYTES];
}

/* The lowest free one, so that the store does not become larger than it must. context: lock */
static uint64_t find_free(struct zram_writeback *writeback)
{
	uint64_t at = writeback->lowest_free;

	if (writeback->nr_used_segments == writeback->nr_segments)
		return UINT64_MAX;
	while (at < writeback->nr_made_segments && writeback->segments[at].in_use)
		at++;
	writeback->lowest_free = at;
	return at;
}

/* Result: its offset, or UINT64_MAX: none is free. */
static uint64_t take_segment(struct zram_writeback *writeback)
{
	uint64_t at;

	zs_share_lock(&writeback->lock, true);
	at = find_free(writeback);
	if (at != UINT64_MAX) {
		writeback->segments[at] = (struct segment){ .in_use = true };
		writeback->nr_used_segments++;
		if (at >= writeback->nr_made_segments)
			__atomic_store_n(&writeback->nr_made_segments, at + 1, __ATOMIC_RELAXED);
	}
	zs_share_unlock(&writeback->lock, true);
	return at == UINT64_MAX ? at : at * ZRAM_SEGMENT_BYTES;
}

/* So many bytes of a segment live no more. The last ones free it. */
static void release_bytes(struct zram *zram, uint64_t offset, uint32_t bytes)
{
	struct zram_writeback *writeback = zram->writeback;
	struct segment *segment = segment_of(writeback, offset);
	bool empty;

	zs_share_lock(&writeback->lock, true);
	segment->live_bytes -= bytes;
	empty = !segment->live_bytes;
	zs_share_unlock(&writeback->lock, true);
	if (!empty)
		return;
	/* Nobody else has it: it is in use, and nothing in it is named. */
	writeback->store.discard(writeback->store.ctx, ZRAM_SEGMENT_BYTES,
				 offset / ZRAM_SEGMENT_BYTES * ZRAM_SEGMENT_BYTES);
	zs_share_lock(&writeback->lock, true);
	segment->in_use = false;
	writeback->nr_used_segments--;
	if (offset / ZRAM_SEGMENT_BYTES < writeback->lowest_free)
		writeback->lowest_free = offset / ZRAM_SEGMENT_BYTES;
	zs_share_unlock(&writeback->lock, true);
}

/* context: lock */
static uint64_t nr_free(const struct zram_writeback *writeback)
{
	return writeback->nr_segments - writeback->nr_used_segments;
}

/* Whether there is room for more than what moves. */
static bool has_space(struct zram_writeback *writeback)
{
	bool has;

	zs_share_lock(&writeback->lock, true);
	has = nr_free(writeback) > (writeback->nr_segments < SMALL_STORE ? 0 : RESERVED_SEGMENTS);
	zs_share_unlock(&writeback->lock, true);
	return has;
}

/* Whether segments take more than twice what lives in them, or there are hardly any left. context: lock */
static bool is_wasteful(const struct zram_writeback *writeback)
{
	return writeback->nr_used_segments * ZRAM_SEGMENT_BYTES / 2 > writeback->live_bytes ||
	       nr_free(writeback) <= RESERVED_SEGMENTS;
}

/* Those with fewer live bytes, as far as what lives in them has room elsewhere. Returns the room that is left. */
static uint64_t choose_below(struct zram_writeback *writeback, uint32_t live_bytes, uint64_t room_bytes)
{
	for (uint64_t i = 0; i < writeback->nr_made_segments; i++) {
		struct segment *segment = &writeback->segments[i];

		if (!segment->in_use || segment->is_victim || segment->live_bytes >= live_bytes ||
		    segment->live_bytes > room_bytes)
			continue;
		segment->is_victim = true;
		room_bytes -= segment->live_bytes;
	}
	return room_bytes;
}

/* The sparsest first: to empty them takes least. All that are chosen can be emptied, so each gives a segment back. */
static void choose_victims(struct zram_writeback *writeback)
{
	uint64_t room_bytes;

	zs_share_lock(&writeback->lock, true);
	for (uint64_t i = 0; i < writeback->nr_made_segments; i++)
		writeback->segments[i].is_victim = false;
	/* A batch does not fill its segment to the last byte. */
	room_bytes = nr_free(writeback) * (ZRAM_SEGMENT_BYTES - ZRAM_UNIT_BYTES);
	if (writeback->nr_used_segments > 4 && is_wasteful(writeback))
		for (uint32_t live = ZRAM_SEGMENT_BYTES / 16; live < ZRAM_SEGMENT_BYTES; live *= 2)
			room_bytes = choose_below(writeback, live, room_bytes);
	zs_share_unlock(&writeback->lock, true);
}

static bool is_victim(struct zram_writeback *writeback, uint64_t offset)
{
	bool is;

	zs_share_lock(&writeback->lock, true);
	is = segment_of(writeback, offset)->is_victim;
	zs_share_unlock(&writeback->lock, true);
	return is;
}

/* ---- places ---- */

static struct zram_stored *place_of(struct zram *zram, uint64_t slot)
{
	return &zram->writeback->places[zram_slot_handle(slot)];
}

/* Result: its number, or NONE. context: lock */
static uint32_t take_place(struct zram_writeback *writeback)
{
	uint32_t at = writeback->free_place;

	if (at != NONE) {
		writeback->free_place = writeback->places[at].next_free;
	} else if (writeback->nr_places < writeback->most_places) {
		at = (uint32_t)writeback->nr_places;
		__atomic_store_n(&writeback->nr_places, at + 1ull, __ATOMIC_RELAXED);
	}
	return at;
}

static uint32_t make_place(struct zram_writeback *writeback, const struct zram_stored *stored)
{
	uint32_t at;

	zs_share_lock(&writeback->lock, true);
	at = take_place(writeback);
	if (at != NONE) {
		writeback->places[at] = *stored;
		segment_of(writeback, stored->offset)->live_bytes += stored->bytes;
		writeback->live_bytes += stored->bytes;
	}
	zs_share_unlock(&writeback->lock, true);
	return at;
}

void zram_stored_drop(struct zram *zram, uint64_t slot)
{
	struct zram_writeback *writeback = zram->writeback;
	struct zram_stored *place = place_of(zram, slot), stored;

	zs_share_lock(&writeback->lock, true);
	stored = *place;
	place->next_free = writeback->free_place;
	writeback->free_place = (uint32_t)zram_slot_handle(slot);
	writeback->live_bytes -= stored.bytes;
	zs_share_unlock(&writeback->lock, true);
	zram_count(&zram->counts.backing_bytes, -(int64_t)stored.bytes);
	release_bytes(zram, stored.offset, stored.bytes);
}

int zram_stored_read(struct zram *zram, uint64_t slot, void *buf, size_t size, struct zram_stored *stored)
{
	struct zram_writeback *writeback = zram->writeback;
	int err = -EIO;

	*stored = *place_of(zram, slot);
	if (stored->bytes <= size)
		err = writeback->store.read(writeback->store.ctx, buf, stored->bytes, stored->offset);
	if (!err && zs_sum(buf, stored->bytes) != stored->sum)
		err = -EBADMSG;
	zram_count(&zram->counts.bd_reads, !err);
	if (err)
		tell(writeback, &writeback->read_failure_told, "what was written does not come back", err);
	return err ? -EIO : 0;
}

/* ---- putting in place ---- */

static uint64_t stored_slot(const struct record *record, unsigned int i, uint32_t place)
{
	return zram_slot_stored(place, record->kind == ZRAM_UNIT ? zram_slot_index(record->slot[i]) : 0) |
	       (record->slot[i] & ZRAM_AGE_MASK);
}

/* Those of its pages that are what they were are in the store from now on. Returns how many. */
static unsigned int put_record(struct zram *zram, const struct record *record, uint32_t place)
{
	struct zs_share_lock *lock = zram_lock_of(zram, record->page[0]);
	uint64_t old[ZRAM_GROUP_PAGES] = { 0 };
	unsigned int nr_put = 0;

	zs_share_lock(lock, true);
	for (unsigned int i = 0; i < record->nr; i++) {
		if (zram->slots[record->page[i]] != record->slot[i])
			continue;
		old[nr_put++] = zram_page_swap(zram, record->page[i], stored_slot(record, i, place));
	}
	zs_share_unlock(lock, true);
	for (unsigned int i = 0; i < nr_put; i++)
		zram_page_drop(zram, old[i]);
	return nr_put;
}

/* segment: the offset that the batch was written at */
static void settle(struct zram *zram, const struct record *record, uint64_t segment)
{
	struct zram_writeback *writeback = zram->writeback;
	struct zram_stored stored = { .offset = segment + record->from,
				      .bytes = record->bytes,
				      .sum = zs_sum(writeback->batch->bytes + record->from, record->bytes),
				      .kind = record->kind };
	uint32_t place = make_place(writeback, &stored);

	if (place == NONE)
		return;
	zram_count(&zram->counts.backing_bytes, stored.bytes);
	if (!put_record(zram, record, place))
		zram_stored_drop(zram, zram_slot_stored(place, 0));
}

static void write_batch(struct zram *zram, uint64_t segment)
{
	struct zram_writeback *writeback = zram->writeback;
	struct batch *batch = writeback->batch;
	int err = writeback->store.write(writeback->store.ctx, batch->bytes, batch->nr_bytes, segment);

	writeback->has_failed = err != 0;
	if (err) {
		zram_count(&zram->counts.bd_failures, 1);
		tell(writeback, &writeback->write_failure_told, "nothing can be written to it", err);
		return;
	}
	zram_count(&zram->counts.bd_writes, batch->nr);
	for (unsigned int i = 0; i < batch->nr; i++)
		settle(zram, &batch->records[i], segment);
}

/* Holds the segment by a byte of its own, so that it is not free while the records come to it. */
void zram_writeback_flush(struct zram *zram)
{
	struct zram_writeback *writeback = zram->writeback;
	struct batch *batch = writeback->batch;
	uint64_t segment;

	if (!batch || !batch->nr)
		return;
	segment = take_segment(writeback);
	if (segment == UINT64_MAX) {
		writeback->has_failed = true;
	} else {
		segment_of(writeback, segment)->live_bytes = 1;
		write_batch(zram, segment);
		release_bytes(zram, segment, 1);
	}
	batch->nr = 0;
	batch->nr_bytes = 0;
}

void zram_writeback_begin(struct zram *zram)
{
	zram->writeback->has_failed = zram->writeback->is_full = false;
	choose_victims(zram->writeback);
}

int zram_writeback_failure(const struct zram *zram)
{
	return zram->writeback->has_failed || zram->writeback->is_full ? -ENOSPC : 0;
}

/* ---- gathering ---- */

/* For any object. */
static bool has_room(const struct batch *batch)
{
	return batch->nr < MOST_RECORDS && ZRAM_SEGMENT_BYTES - batch->nr_bytes >= ZRAM_UNIT_BYTES;
}

/* The object's bytes to the end of the batch. Result: how many; 0: they do not come. context: group locked. */
static uint32_t copy_object(struct zram *zram, struct record *record, unsigned char *to, size_t room)
{
	uint64_t slot = record->slot[0];
	struct zram_unit_head head;
	struct zram_stored stored;
	uint32_t bytes = zram_slot_stored_bytes(slot);
	const void *object;

	if (zram_slot_kind(slot) == ZRAM_STORED) {
		if (zram_stored_read(zram, slot, to, room, &stored))
			return 0;
		record->kind = stored.kind;
		return stored.bytes;
	}
	if (zram_slot_kind(slot) == ZRAM_UNIT) {
		head = zram_unit_head(zram, zram_slot_handle(slot));
		bytes = (uint32_t)zram_unit_bytes(&head);
	}
	record->kind = (uint16_t)zram_slot_kind(slot);
	object = bytes <= room ? zs_obj_read_begin(zram->pool, zram_slot_handle(slot), bytes, NULL) : NULL;
	if (!object)
		return 0;
	memcpy(to, object, bytes);
	zs_obj_read_end(zram->pool, zram_slot_handle(slot), bytes, object);
	return bytes;
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
	bool may = has_space(writeback);

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
	case ZRAM_STORED: return is_victim(zram->writeback, place_of(zram, slot)->offset);
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

	gather_pages(zram, first, i, nr, record);
	if (!is_wanted(zram, record, is_quiet))
		return 0;
	record->from = batch->nr_bytes;
	record->bytes = copy_object(zram, record, batch->bytes + record->from, ZRAM_SEGMENT_BYTES - record->from);
	if (!record->bytes)
		return 0;
	batch->nr_bytes += record->bytes;
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

unsigned int zram_writeback_group(struct zram *zram, uint64_t group, bool on_demand)
{
	struct zram_writeback *writeback = zram->writeback;
	uint64_t first = group << ZRAM_GROUP_SHIFT;
	unsigned int nr = zram_group_pages(zram, first), nr_gathered = 0;
	bool is_quiet = on_demand || (writeback->idle_walks &&
				      __atomic_load_n(&zram->quiet[group], __ATOMIC_RELAXED) >= writeback->idle_walks);

	if (!make_batch(writeback))
		return 0;
	/* What was written in the first pass is in the store in the second. */
	while (!writeback->has_failed && !gather(zram, first, nr, is_quiet, &nr_gathered))
		zram_writeback_flush(zram);
	return nr_gathered;
}

void zram_writeback_forget(struct zram *zram)
{
	if (zram->writeback && zram->writeback->batch)
		zram->writeback->batch->nr = zram->writeback->batch->nr_bytes = 0;
}
