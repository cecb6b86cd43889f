/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Places in the store, and its segments.
 */
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reserve.h"
#include "share_lock.h"
#include "sum.h"

#define NONE UINT32_MAX

struct place {
	uint64_t offset;
	uint32_t bytes;
	uint32_t sum;
	uint32_t next_free;
	uint16_t kind;
};

struct segment {
	uint32_t live_bytes;
	bool in_use;
	bool is_open;   /* objects come to it: it is neither free nor a victim, whatever lives in it */
	bool is_victim; /* what lives in it is to move elsewhere */
	bool is_sealed; /* it stays as it is, even if nothing lives in it any more */
};

/* Segments that only what moves may take: else a full store could not be emptied. A small store has none. */
#define RESERVED_SEGMENTS 2u
#define SMALL_STORE 8u

struct zs_log {
	struct zs_store store;
	uint32_t most_object_bytes;
	void (*on_error)(void *ctx, const char *what);
	void *ctx;
	bool read_failure_told;
	bool write_failure_told;

	struct zs_share_lock lock;
	struct place *places; /* address space, whose memory comes when it is touched, as that of segments */
	uint64_t most_places;
	uint64_t nr_places; /* made so far, in use or free */
	uint32_t free_place;
	struct segment *segments;
	uint64_t nr_segments;
	uint64_t nr_used_segments; /* those for good among them */
	uint64_t nr_made_segments; /* from the first one to the last that ever was in use */
	uint64_t nr_for_good; /* those below are in use and sealed for ever: of the process that this one came from */
	uint64_t lowest_free; /* none below it is free */
	bool has_ended;       /* none is free at all */
};

/* ---- memory ---- */

static size_t places_bytes(uint64_t nr)
{
	return (size_t)nr * sizeof(struct place);
}

/* What the store has room for. */
static uint64_t nr_of_store(const struct zs_log *log)
{
	return log->store.size_bytes / ZS_LOG_SEGMENT_BYTES;
}

static size_t segments_bytes(const struct zs_log *log)
{
	return (size_t)log->nr_segments * sizeof(struct segment);
}

int zs_log_create(const struct zs_log_options *options, struct zs_log **result)
{
	struct zs_log *log = calloc(1, sizeof(*log));

	if (!log)
		return -ENOMEM;
	log->store = *options->store;
	log->most_object_bytes = options->most_object_bytes;
	log->on_error = options->on_error;
	log->ctx = options->ctx;
	log->most_places = options->most_objects < NONE ? options->most_objects : NONE;
	log->free_place = NONE;
	log->nr_segments = nr_of_store(log);
	log->places = zs_reserve(places_bytes(log->most_places));
	log->segments = zs_reserve(segments_bytes(log) + 1);
	if (!log->places || !log->segments) {
		zs_log_destroy(log);
		return -ENOMEM;
	}
	*result = log;
	return 0;
}

void zs_log_destroy(struct zs_log *log)
{
	if (!log)
		return;
	zs_unreserve(log->places, places_bytes(log->most_places));
	zs_unreserve(log->segments, segments_bytes(log) + 1);
	free(log);
}

uint64_t zs_log_bytes(const struct zs_log *log)
{
	return sizeof(*log) + __atomic_load_n(&log->nr_made_segments, __ATOMIC_RELAXED) * sizeof(struct segment) +
	       places_bytes(__atomic_load_n(&log->nr_places, __ATOMIC_RELAXED));
}

static void tell(struct zs_log *log, bool *told, const char *what, int err)
{
	char text[160];

	if (__atomic_exchange_n(told, true, __ATOMIC_RELAXED) || !log->on_error)
		return;
	snprintf(text, sizeof(text), "the backing store: %s: %s (this is told once)", what, strerror(-err));
	log->on_error(log->ctx, text);
}

/* ---- segments ---- */

static struct segment *segment_of(struct zs_log *log, uint64_t offset)
{
	return &log->segments[offset / ZS_LOG_SEGMENT_BYTES];
}

/* context: lock */
static uint64_t nr_free(const struct zs_log *log)
{
	return log->has_ended ? 0 : log->nr_segments - log->nr_used_segments;
}

/* The lowest free one, so that the store does not become larger than it must. context: lock */
static uint64_t find_free(struct zs_log *log)
{
	uint64_t at = log->lowest_free;

	if (!nr_free(log))
		return UINT64_MAX;
	while (at < log->nr_made_segments && log->segments[at].in_use)
		at++;
	log->lowest_free = at;
	return at;
}

/* One that objects may come to. Result: its offset, or UINT64_MAX. */
static uint64_t take_segment(struct zs_log *log)
{
	uint64_t at;

	zs_share_lock(&log->lock, true);
	at = find_free(log);
	if (at != UINT64_MAX) {
		log->segments[at] = (struct segment){ .in_use = true, .is_open = true };
		log->nr_used_segments++;
		if (at >= log->nr_made_segments)
			__atomic_store_n(&log->nr_made_segments, at + 1, __ATOMIC_RELAXED);
	}
	zs_share_unlock(&log->lock, true);
	return at == UINT64_MAX ? at : at * ZS_LOG_SEGMENT_BYTES;
}

/* Nobody else has it: it is in use, and nothing in it is named. */
static void free_segment(struct zs_log *log, uint64_t at)
{
	log->store.discard(log->store.ctx, ZS_LOG_SEGMENT_BYTES, at * ZS_LOG_SEGMENT_BYTES);
	zs_share_lock(&log->lock, true);
	log->segments[at] = (struct segment){ 0 };
	log->nr_used_segments--;
	if (at < log->lowest_free)
		log->lowest_free = at;
	zs_share_unlock(&log->lock, true);
}

/* Whether nothing keeps it from being free. context: lock */
static bool is_done(const struct segment *segment)
{
	return !segment->live_bytes && !segment->is_open && !segment->is_sealed;
}

/* So many bytes of a segment live no more; ends: and no more objects come to it. Who is the last frees it. */
static void release(struct zs_log *log, uint64_t offset, uint32_t bytes, bool ends)
{
	struct segment *segment = segment_of(log, offset);
	bool is_free;

	zs_share_lock(&log->lock, true);
	segment->live_bytes -= bytes;
	if (ends)
		segment->is_open = false;
	is_free = is_done(segment);
	zs_share_unlock(&log->lock, true);
	if (is_free)
		free_segment(log, offset / ZS_LOG_SEGMENT_BYTES);
}

bool zs_log_has_space(struct zs_log *log)
{
	bool has;

	zs_share_lock(&log->lock, true);
	has = nr_free(log) > (nr_of_store(log) < SMALL_STORE ? 0 : RESERVED_SEGMENTS);
	zs_share_unlock(&log->lock, true);
	return has;
}

static bool may_be_emptied(const struct segment *segment)
{
	return segment->in_use && !segment->is_open && !segment->is_sealed;
}

/* Segments that may be emptied, and what lives in them. */
struct extent {
	uint64_t nr;
	uint64_t live_bytes;
};

/* context: lock */
static struct extent forget_victims(struct zs_log *log)
{
	struct extent extent = { 0 };

	for (uint64_t i = log->nr_for_good; i < log->nr_made_segments; i++) {
		struct segment *segment = &log->segments[i];

		segment->is_victim = false;
		if (!may_be_emptied(segment))
			continue;
		extent.nr++;
		extent.live_bytes += segment->live_bytes;
	}
	return extent;
}

/* Whether segments take more than twice what lives in them, or there are hardly any left. context: lock */
static bool is_wasteful(const struct zs_log *log, const struct extent *extent)
{
	return extent->nr * ZS_LOG_SEGMENT_BYTES / 2 > extent->live_bytes || nr_free(log) <= RESERVED_SEGMENTS;
}

/* Those with fewer live bytes, as far as what lives in them has room elsewhere. Returns the room that is left. */
static uint64_t choose_below(struct zs_log *log, uint32_t live_bytes, uint64_t room_bytes)
{
	for (uint64_t i = log->nr_for_good; i < log->nr_made_segments; i++) {
		struct segment *segment = &log->segments[i];

		if (!may_be_emptied(segment) || segment->is_victim || segment->live_bytes >= live_bytes ||
		    segment->live_bytes > room_bytes)
			continue;
		segment->is_victim = true;
		room_bytes -= segment->live_bytes;
	}
	return room_bytes;
}

/* The sparsest first: to empty them takes least. All that are chosen can be emptied, so each gives a segment back. */
bool zs_log_choose_victims(struct zs_log *log)
{
	uint64_t room_bytes, all_bytes;
	struct extent extent;

	zs_share_lock(&log->lock, true);
	extent = forget_victims(log);
	/* A batch does not fill its segment to the last byte. */
	all_bytes = room_bytes = nr_free(log) * (ZS_LOG_SEGMENT_BYTES - log->most_object_bytes);
	if (extent.nr > 4 && is_wasteful(log, &extent))
		for (uint32_t live = ZS_LOG_SEGMENT_BYTES / 16; live < ZS_LOG_SEGMENT_BYTES; live *= 2)
			room_bytes = choose_below(log, live, room_bytes);
	zs_share_unlock(&log->lock, true);
	return room_bytes < all_bytes;
}

bool zs_log_is_victim(struct zs_log *log, uint32_t place)
{
	bool is;

	zs_share_lock(&log->lock, true);
	is = segment_of(log, log->places[place].offset)->is_victim;
	zs_share_unlock(&log->lock, true);
	return is;
}

/* ---- forks ---- */

/* One that is done with is about to be free. */
static void seal(struct segment *segment)
{
	segment->is_sealed |= segment->in_use && !is_done(segment);
	segment->is_victim = false;
}

void zs_log_seal(struct zs_log *log)
{
	zs_share_lock(&log->lock, true);
	for (uint64_t i = log->nr_for_good; i < log->nr_made_segments; i++)
		seal(&log->segments[i]);
	zs_share_unlock(&log->lock, true);
}

/* Result: whether nothing else keeps it, so that it is the caller's to free. context: lock */
static bool unseal(struct segment *segment)
{
	bool was_sealed = segment->is_sealed;

	segment->is_sealed = false;
	return was_sealed && is_done(segment);
}

void zs_log_unseal(struct zs_log *log)
{
	uint64_t nr = __atomic_load_n(&log->nr_made_segments, __ATOMIC_RELAXED); /* later ones are not sealed */

	for (uint64_t i = log->nr_for_good; i < nr; i++) {
		bool is_free;

		zs_share_lock(&log->lock, true);
		is_free = unseal(&log->segments[i]);
		zs_share_unlock(&log->lock, true);
		if (is_free)
			free_segment(log, i);
	}
}

/* The table gets room for so many. */
static void make_segments(struct zs_log *log, uint64_t nr)
{
	uint64_t old_bytes = segments_bytes(log), old_nr = log->nr_segments;
	struct segment *segments;

	log->nr_segments = nr;
	segments = zs_reserve(segments_bytes(log) + 1);
	if (!segments) {
		log->nr_segments = old_nr;
		return;
	}
	memcpy(segments, log->segments, (size_t)log->nr_made_segments * sizeof(*segments));
	zs_unreserve(log->segments, old_bytes + 1);
	log->segments = segments;
}

/* Those that are free are for good too: they are the parent's to use. */
uint64_t zs_log_branch(struct zs_log *log)
{
	uint64_t first = log->nr_made_segments;

	make_segments(log, first + nr_of_store(log));
	for (uint64_t i = log->nr_for_good; i < first; i++) {
		log->segments[i].in_use = log->segments[i].is_sealed = true;
		log->segments[i].is_victim = false;
	}
	log->nr_for_good = log->nr_used_segments = log->lowest_free = first;
	log->has_ended = false;
	return first * ZS_LOG_SEGMENT_BYTES;
}

void zs_log_end(struct zs_log *log)
{
	log->has_ended = true;
}

/* ---- places ---- */

/* Result: its number, or NONE. context: lock */
static uint32_t take_place(struct zs_log *log)
{
	uint32_t at = log->free_place;

	if (at != NONE) {
		log->free_place = log->places[at].next_free;
	} else if (log->nr_places < log->most_places) {
		at = (uint32_t)log->nr_places;
		__atomic_store_n(&log->nr_places, at + 1ull, __ATOMIC_RELAXED);
	}
	return at;
}

static uint32_t make_place(struct zs_log *log, const struct place *place)
{
	uint32_t at;

	zs_share_lock(&log->lock, true);
	at = take_place(log);
	if (at != NONE) {
		log->places[at] = *place;
		segment_of(log, place->offset)->live_bytes += place->bytes;
	}
	zs_share_unlock(&log->lock, true);
	return at;
}

uint32_t zs_log_drop(struct zs_log *log, uint32_t at)
{
	struct place place;

	zs_share_lock(&log->lock, true);
	place = log->places[at];
	log->places[at].next_free = log->free_place;
	log->free_place = at;
	zs_share_unlock(&log->lock, true);
	release(log, place.offset, place.bytes, false);
	return place.bytes;
}

/* ---- reading ---- */

int zs_log_read(struct zs_log *log, uint32_t at, void *buf, size_t size, struct zs_log_object *object)
{
	const struct place *place = &log->places[at];
	int err = -EIO;

	*object = (struct zs_log_object){ .bytes = place->bytes, .kind = place->kind };
	if (place->bytes <= size)
		err = log->store.read(log->store.ctx, buf, place->bytes, place->offset);
	if (!err && zs_sum(buf, place->bytes) != place->sum)
		err = -EBADMSG;
	if (err)
		tell(log, &log->read_failure_told, "what was written does not come back", err);
	return err ? -EIO : 0;
}

/* ---- writing ---- */

static uint64_t bytes_of(const struct zs_log_batch *batch)
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < batch->nr; i++)
		bytes += batch->objects[i].bytes;
	return bytes;
}

static int write_segment(struct zs_log *log, uint64_t segment, const struct zs_log_batch *batch)
{
	int err = log->store.write(log->store.ctx, batch->bytes, bytes_of(batch), segment);

	if (err)
		tell(log, &log->write_failure_told, "nothing can be written to it", err);
	return err ? -EIO : 0;
}

static void give_places(struct zs_log *log, uint64_t segment, const struct zs_log_batch *batch, zs_log_each_fn *each,
			void *ctx)
{
	const unsigned char *bytes = batch->bytes;
	struct place place = { .offset = segment };

	for (unsigned int i = 0; i < batch->nr; i++) {
		uint32_t at;

		place.bytes = batch->objects[i].bytes;
		place.kind = batch->objects[i].kind;
		place.sum = zs_sum(bytes, place.bytes);
		at = make_place(log, &place);
		if (at != NONE)
			each(ctx, i, at);
		bytes += place.bytes;
		place.offset += place.bytes;
	}
}

int zs_log_write(struct zs_log *log, const struct zs_log_batch *batch, zs_log_each_fn *each, void *ctx)
{
	uint64_t segment = take_segment(log);
	int err;

	if (segment == UINT64_MAX)
		return -ENOSPC;
	err = write_segment(log, segment, batch);
	if (!err)
		give_places(log, segment, batch, each, ctx);
	release(log, segment, 0, true);
	return err;
}
