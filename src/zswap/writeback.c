/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Writeback: the pool's oldest objects go to the store as they are, a segment of them at a time.
 *
 * They are gathered with their slots, written without a lock, and then each page whose slot is what it was takes its
 * place in the store. What was changed meanwhile drops it. What cannot be written stays in the pool.
 *
 * When the store has become sparse, all pages are looked through for those in segments that are to be emptied.
 *
 * Locks: one of the batch, before the gate.
 */
#include <errno.h>
#include <string.h>

#include "parts.h"
#include "reserve.h"

#define MOST_RECORDS 4096u
#define DUE_PERCENT 96  /* of the pool's limit */
#define DOWN_PERCENT 90 /* written back until so much is left: the kernel's accept_threshold_percent */
#define CLEAN_EVERY 16u /* segments written, from one look at what is sparse to the next */
#define RETRY_FAULTS 256u

struct zswap_writeback {
	struct zs_share_lock lock;
	struct zs_log *log;
	uint64_t retry_at; /* after a failure: at so many faults, which stand for a clock */
	bool is_under_way; /* until enough of the pool is free */
	unsigned int nr_written;
	unsigned int nr;
	uint32_t nr_bytes;
	uint32_t page[MOST_RECORDS];
	uint64_t slot[MOST_RECORDS];
	struct zs_log_object object[MOST_RECORDS];
	unsigned char bytes[ZS_LOG_SEGMENT_BYTES];
};

/* ---- the store ---- */

static void on_error(void *ctx, const char *what)
{
	struct zswap_engine *engine = ctx;

	if (engine->on_error)
		engine->on_error(engine->ctx, what);
}

int zswap_writeback_create(struct zswap_engine *engine, const struct zs_store *store)
{
	struct zs_log_options options = { .store = store,
					  .most_objects = UINT32_MAX,
					  .most_object_bytes = ZSWAP_PAGE_BYTES,
					  .on_error = on_error,
					  .ctx = engine };
	uint64_t most = store->size_bytes / 64;

	if (most < options.most_objects)
		options.most_objects = most ? most : 1;
	engine->writeback = zs_reserve(sizeof(*engine->writeback));
	if (!engine->writeback)
		return -ENOMEM;
	return zs_log_create(&options, &engine->writeback->log);
}

void zswap_writeback_destroy(struct zswap_engine *engine)
{
	if (!engine->writeback)
		return;
	zs_log_destroy(engine->writeback->log);
	zs_unreserve(engine->writeback, sizeof(*engine->writeback));
}

uint64_t zswap_writeback_bytes(const struct zswap_engine *engine)
{
	return engine->writeback ? sizeof(*engine->writeback) + zs_log_bytes(engine->writeback->log) : 0;
}

int zswap_stored_read(struct zswap_engine *engine, uint64_t slot, void *buf, size_t size, uint32_t *bytes, bool *is_raw)
{
	struct zs_log_object object;
	int err = zs_log_read(engine->writeback->log, (uint32_t)zswap_slot_where(slot), buf, size, &object);

	if (err)
		return err;
	*bytes = object.bytes;
	*is_raw = object.kind == ZSWAP_RAW;
	return 0;
}

void zswap_stored_drop(struct zswap_engine *engine, uint64_t slot)
{
	uint32_t bytes = zs_log_drop(engine->writeback->log, (uint32_t)zswap_slot_where(slot));

	zswap_count(&engine->counts.backing_bytes, -(int64_t)bytes);
}

/* ---- gathering ---- */

static bool has_room(const struct zswap_writeback *writeback)
{
	return writeback->nr < MOST_RECORDS && ZS_LOG_SEGMENT_BYTES - writeback->nr_bytes >= ZSWAP_PAGE_BYTES;
}

/* Whether it is for the store: not what a guest came from, whose page the program has. */
static bool may_go(uint64_t slot)
{
	enum zswap_kind kind = zswap_slot_kind(slot);

	return kind == ZSWAP_OBJECT || kind == ZSWAP_RAW;
}

/* Copies a page's object to the end of the batch. Result: its bytes; 0: it does not come. context: group locked */
static uint32_t copy_object(struct zswap_engine *engine, uint64_t slot, unsigned char *to, uint16_t *kind)
{
	uint32_t bytes = zswap_slot_bytes(slot);
	const void *object;
	bool is_raw;

	*kind = (uint16_t)zswap_slot_kind(slot);
	if (zswap_slot_kind(slot) == ZSWAP_STORED) {
		if (zswap_stored_read(engine, slot, to, ZSWAP_PAGE_BYTES, &bytes, &is_raw))
			return 0;
		*kind = is_raw ? ZSWAP_RAW : ZSWAP_OBJECT;
		return bytes;
	}
	object = may_go(slot) ? zs_obj_read_begin(engine->pool, zswap_slot_where(slot), bytes, NULL) : NULL;
	if (!object)
		return 0;
	memcpy(to, object, bytes);
	zs_obj_read_end(engine->pool, zswap_slot_where(slot), bytes, object);
	return bytes;
}

/* pre: there is room. context: gate shared */
static void gather_page(struct zswap_engine *engine, uint32_t page)
{
	struct zswap_writeback *writeback = engine->writeback;
	struct zs_share_lock *lock = zswap_lock_of(&engine->table, page);
	struct zs_log_object *object = &writeback->object[writeback->nr];
	uint64_t slot;

	zs_share_lock(lock, false);
	slot = zswap_look(zswap_page_of(&engine->table, page));
	object->bytes = copy_object(engine, slot, writeback->bytes + writeback->nr_bytes, &object->kind);
	zs_share_unlock(lock, false);
	if (!object->bytes)
		return;
	writeback->page[writeback->nr] = page;
	writeback->slot[writeback->nr++] = slot;
	writeback->nr_bytes += object->bytes;
}

/* The oldest of a queue. context: gate shared */
static void gather_oldest(struct zswap_engine *engine, struct zswap_queue *queue)
{
	uint32_t page;

	while (has_room(engine->writeback) && zswap_queue_pop(queue, &engine->table, &page, 1))
		gather_page(engine, page);
}

/* ---- writing ---- */

/* What was popped and stays in the pool is the oldest again. context: group locked alone */
static void stay(struct zswap_engine *engine, uint32_t number, uint64_t slot)
{
	struct zswap_queue *queue = zswap_slot_kind(slot) == ZSWAP_RAW ? &engine->raws : &engine->objects;

	if (!may_go(slot))
		return;
	zswap_queue_remove(queue, &engine->table, number);
	zswap_queue_add(queue, &engine->table, number, ZSWAP_OLDEST);
}

#define NO_PLACE UINT32_MAX

/*
 * A page's object has a place in the store, or NO_PLACE. Result: whether the page takes it. A slot that is what it was
 * is of the same object: a freed one's handle comes again only after its cell had 65,535 others. context: gate shared
 */
static bool settle_page(struct zswap_engine *engine, unsigned int i, uint32_t place)
{
	struct zswap_writeback *writeback = engine->writeback;
	struct zswap_page *page = zswap_page_of(&engine->table, writeback->page[i]);
	struct zs_share_lock *lock = page ? zswap_lock_of(&engine->table, writeback->page[i]) : NULL;
	bool is_same;

	if (!page)
		return false;
	zs_share_lock(lock, true);
	is_same = page->slot == writeback->slot[i];
	if (is_same && place == NO_PLACE)
		stay(engine, writeback->page[i], page->slot);
	else if (is_same)
		zswap_move_to(engine, writeback->page[i], zswap_slot_stored(place), ZSWAP_NEWEST);
	zs_share_unlock(lock, true);
	return is_same;
}

static void settle(void *ctx, unsigned int i, uint32_t place)
{
	struct zswap_engine *engine = ctx;
	bool is_taken;

	zs_share_lock(&engine->gate, false);
	zswap_count(&engine->counts.backing_bytes, engine->writeback->object[i].bytes);
	is_taken = settle_page(engine, i, place);
	if (!is_taken)
		zswap_stored_drop(engine, zswap_slot_stored(place));
	zswap_count(&engine->counts.written_back, is_taken);
	zs_share_unlock(&engine->gate, false);
}

/* Backwards, so that the oldest of them is the oldest again. */
static void keep_all(struct zswap_engine *engine)
{
	zs_share_lock(&engine->gate, false);
	for (unsigned int i = engine->writeback->nr; i--;)
		settle_page(engine, i, NO_PLACE);
	zs_share_unlock(&engine->gate, false);
}

/* Nothing is tried for a while. */
static void note_failure(struct zswap_engine *engine)
{
	uint64_t at = zswap_counted(&engine->counts.faults) + RETRY_FAULTS;

	__atomic_store_n(&engine->writeback->retry_at, at, __ATOMIC_RELAXED);
}

/* Result: whether anything was written. context: writeback->lock */
static bool write_batch(struct zswap_engine *engine)
{
	struct zswap_writeback *writeback = engine->writeback;
	struct zs_log_batch batch = { writeback->bytes, writeback->object, writeback->nr };
	int err = batch.nr ? zs_log_write(writeback->log, &batch, settle, engine) : 0;

	if (err) {
		zswap_count(&engine->counts.failed_writes, 1);
		note_failure(engine);
		keep_all(engine);
	}
	writeback->nr = 0;
	writeback->nr_bytes = 0;
	return batch.nr && !err;
}

/* ---- cleaning ---- */

static bool is_victim(struct zswap_engine *engine, uint32_t page)
{
	struct zs_share_lock *lock = zswap_lock_of(&engine->table, page);
	uint64_t slot;
	bool is;

	zs_share_lock(lock, false);
	slot = zswap_look(zswap_page_of(&engine->table, page));
	is = zswap_slot_kind(slot) == ZSWAP_STORED &&
	     zs_log_is_victim(engine->writeback->log, (uint32_t)zswap_slot_where(slot));
	zs_share_unlock(lock, false);
	return is;
}

/* Gathers what is in a chunk from a page on. Returns where it stopped. context: gate shared */
static uint32_t gather_victims(struct zswap_engine *engine, uint32_t page)
{
	uint32_t end = (page | (ZSWAP_CHUNK_PAGES - 1)) + 1;

	for (; page != end && zswap_page_of(&engine->table, page) && has_room(engine->writeback); page++)
		if (zswap_slot_kind(zswap_look(zswap_page_of(&engine->table, page))) == ZSWAP_STORED &&
		    is_victim(engine, page))
			gather_page(engine, page);
	return page;
}

/* What does not fill a segment waits for more. Result: whether to go on. context: writeback->lock, as for clean() */
static bool clean_chunk(struct zswap_engine *engine, uint32_t page)
{
	bool is_full, goes_on;

	do {
		zs_share_lock(&engine->gate, false);
		page = gather_victims(engine, page);
		zs_share_unlock(&engine->gate, false);
		is_full = !has_room(engine->writeback);
		goes_on = !is_full || write_batch(engine);
	} while (is_full && goes_on && page & (ZSWAP_CHUNK_PAGES - 1));
	return goes_on;
}

static void clean(struct zswap_engine *engine)
{
	uint32_t chunk = 0;

	if (!zs_log_choose_victims(engine->writeback->log))
		return;
	while (chunk < ZSWAP_NR_CHUNKS && clean_chunk(engine, chunk << ZSWAP_CHUNK_SHIFT))
		chunk++;
	write_batch(engine);
}

/* ---- when ---- */

static bool is_above(const struct zswap_engine *engine, unsigned int percent)
{
	return engine->pool_limit_bytes && zswap_pool_bytes(engine) > engine->pool_limit_bytes / 100 * percent;
}

static bool may_try(const struct zswap_engine *engine)
{
	const struct zswap_writeback *writeback = engine->writeback;

	return writeback &&
	       zswap_counted(&engine->counts.faults) >= __atomic_load_n(&writeback->retry_at, __ATOMIC_RELAXED);
}

bool zswap_writeback_is_due(const struct zswap_engine *engine)
{
	if (!may_try(engine))
		return false;
	return __atomic_load_n(&engine->writeback->is_under_way, __ATOMIC_RELAXED) || is_above(engine, DUE_PERCENT) ||
	       zswap_queue_length(&engine->raws) * ZSWAP_PAGE_BYTES >= ZS_LOG_SEGMENT_BYTES;
}

static bool write_oldest(struct zswap_engine *engine)
{
	zs_share_lock(&engine->gate, false);
	gather_oldest(engine, &engine->raws);
	if (is_above(engine, DOWN_PERCENT))
		gather_oldest(engine, &engine->objects);
	zs_share_unlock(&engine->gate, false);
	return write_batch(engine);
}

/* context: writeback->lock */
static bool write_once(struct zswap_engine *engine)
{
	struct zswap_writeback *writeback = engine->writeback;

	if (!zs_log_has_space(writeback->log) || ++writeback->nr_written % CLEAN_EVERY == 0)
		clean(engine);
	if (zs_log_has_space(writeback->log))
		return write_oldest(engine);
	note_failure(engine);
	return false;
}

bool zswap_writeback_once(struct zswap_engine *engine)
{
	struct zswap_writeback *writeback = engine->writeback;
	bool was_written;

	if (!may_try(engine))
		return false;
	zs_share_lock(&writeback->lock, true);
	was_written = write_once(engine);
	__atomic_store_n(&writeback->is_under_way, was_written && is_above(engine, DOWN_PERCENT), __ATOMIC_RELAXED);
	zs_share_unlock(&writeback->lock, true);
	return was_written;
}

/* ---- forks ---- */

void zswap_engine_seal(struct zswap_engine *engine)
{
	if (engine->writeback)
		zs_log_seal(engine->writeback->log);
}

void zswap_engine_unseal(struct zswap_engine *engine)
{
	if (engine->writeback)
		zs_log_unseal(engine->writeback->log);
}

uint64_t zswap_engine_branch(struct zswap_engine *engine)
{
	return engine->writeback ? zs_log_branch(engine->writeback->log) : 0;
}

void zswap_engine_end_store(struct zswap_engine *engine)
{
	if (engine->writeback)
		zs_log_end(engine->writeback->log);
}
