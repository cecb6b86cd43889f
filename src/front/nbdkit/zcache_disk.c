/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Requests to a cached disk: reads, page by page and missing pages in runs; changes.
 */
#include "zcache_disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE ZCACHE_DISK_PAGE
#define MOST_RUN 1024u /* pages that are read from behind in one go */

static void count(uint64_t *counter, uint64_t more)
{
	__atomic_fetch_add(counter, more, __ATOMIC_RELAXED);
}

void zcache_disk_init(struct zcache_disk *disk, struct zcache *cache, int pool, const struct zcache_backing *backing,
		      uint32_t readahead_pages)
{
	*disk = (struct zcache_disk){ .cache = cache, .pool = pool, .backing = backing };
	zcache_changes_init(&disk->changes);
	zcache_readahead_init(&disk->readahead, readahead_pages < MOST_RUN ? readahead_pages : MOST_RUN);
}

void zcache_disk_destroy(struct zcache_disk *disk)
{
	zcache_readahead_destroy(&disk->readahead);
	zcache_changes_destroy(&disk->changes);
}

/* ---- pages ---- */

/* The last page of a disk may be shorter. */
static uint32_t page_bytes(const struct zcache_disk *disk, uint64_t page)
{
	uint64_t left = disk->backing->size_bytes - page * PAGE;

	return left < PAGE ? (uint32_t)left : PAGE;
}

static uint64_t last_page(const struct zcache_disk *disk)
{
	return (disk->backing->size_bytes - 1) / PAGE;
}

static int get_page(struct zcache_disk *disk, uint64_t page, void *buf, zcache_token *token)
{
	return zcache_get(disk->cache, disk->pool, page >> 32, (uint32_t)page, buf, PAGE, token);
}

static void drop_pages(struct zcache_disk *disk, uint64_t first, uint64_t last)
{
	for (uint64_t page = first; page <= last; page++)
		zcache_flush_page(disk->cache, disk->pool, page >> 32, (uint32_t)page);
}

/* ---- reading ---- */

/* A read under way. */
struct reading {
	struct zcache_disk *disk;
	struct zcache_reader *reader; /* who goes through the disk in order; NULL: nobody */
	unsigned char *buf;
	uint64_t offset; /* of buf */
	uint64_t end;
};

/* Pages that are missing, one after the other, with the tokens of their misses. */
struct run {
	uint64_t first;
	uint32_t nr;
	uint32_t asked; /* of these; what follows is read ahead */
	zcache_token token[MOST_RUN];
};

/* What of these bytes was asked for. */
static void clip(const struct reading *reading, uint64_t *from, uint64_t *end)
{
	if (*from < reading->offset)
		*from = reading->offset;
	if (*end > reading->end)
		*end = reading->end;
}

/* The part of a page that was asked for. */
static void take(const struct reading *reading, uint64_t page, const unsigned char *content)
{
	uint64_t from = page * PAGE, end = from + PAGE;

	clip(reading, &from, &end);
	memcpy(reading->buf + (from - reading->offset), content + from % PAGE, end - from);
}

/* Whether it was there; else the miss's token. A page that is asked for as a whole goes straight to its place. */
static bool try_page(const struct reading *reading, uint64_t page, zcache_token *token)
{
	uint64_t at = page * PAGE;
	unsigned char copy[PAGE];

	if (at >= reading->offset && at + PAGE <= reading->end)
		return get_page(reading->disk, page, reading->buf + (at - reading->offset), token) >= 0;
	if (get_page(reading->disk, page, copy, token) < 0)
		return false;
	take(reading, page, copy);
	return true;
}

/*
 * All pages from the run's first one, which is missing, to the next that is there, or the request's last one. Result:
 * whether it is the former, which has been read then.
 */
static bool extend(const struct reading *reading, struct run *run, uint64_t last)
{
	bool found = false;

	while (run->nr < MOST_RUN && run->first + run->nr <= last && !found) {
		found = try_page(reading, run->first + run->nr, &run->token[run->nr]);
		run->nr += !found;
	}
	run->asked = run->nr;
	return found;
}

/* And those behind it, for who reads on. */
static void look_ahead(const struct reading *reading, struct run *run)
{
	uint32_t more = zcache_readahead_pages(&reading->disk->readahead, reading->reader);
	uint64_t last = last_page(reading->disk);
	unsigned char copy[PAGE];

	while (more-- && run->nr < MOST_RUN && run->first + run->nr <= last &&
	       get_page(reading->disk, run->first + run->nr, copy, &run->token[run->nr]) < 0)
		run->nr++;
}

static void keep_page(struct zcache_disk *disk, uint64_t page, const unsigned char *content, zcache_token token)
{
	zcache_put(disk->cache, disk->pool, page >> 32, (uint32_t)page, content, page_bytes(disk, page), token);
}

/* What was read, unless it is being changed. What there is no room for is read again some time. */
static void keep(struct zcache_disk *disk, const struct run *run, const unsigned char *content)
{
	bool all = !zcache_changes_touch(&disk->changes, run->first, run->first + run->nr - 1);

	for (uint32_t i = 0; i < run->nr; i++) {
		uint64_t page = run->first + i;

		if (all || !zcache_changes_touch(&disk->changes, page, page))
			keep_page(disk, page, content + (uint64_t)i * PAGE, run->token[i]);
	}
}

static int read_behind(struct zcache_disk *disk, void *buf, uint64_t offset, uint64_t end)
{
	count(&disk->counts.backing_reads, 1);
	count(&disk->counts.backing_bytes, end - offset);
	return disk->backing->ops->read(disk->backing->ctx, buf, (uint32_t)(end - offset), offset);
}

static uint64_t run_end(const struct zcache_disk *disk, const struct run *run)
{
	uint64_t end = (run->first + run->nr) * PAGE;

	return end < disk->backing->size_bytes ? end : disk->backing->size_bytes;
}

/* A run that is asked for as a whole, and nothing else. */
static bool is_all_asked(const struct reading *reading, const struct run *run)
{
	return run->nr == run->asked && run->first * PAGE >= reading->offset &&
	       run_end(reading->disk, run) <= reading->end;
}

static int fetch_in_place(const struct reading *reading, const struct run *run)
{
	unsigned char *at = reading->buf + (run->first * PAGE - reading->offset);
	int err = read_behind(reading->disk, at, run->first * PAGE, run_end(reading->disk, run));

	if (!err)
		keep(reading->disk, run, at);
	return err;
}

/* Through a buffer, since there is more than was asked for. Result: also -ENOMEM. */
static int fetch_more(const struct reading *reading, const struct run *run)
{
	uint64_t offset = run->first * PAGE, end = run_end(reading->disk, run);
	unsigned char *copy = malloc(end - offset);
	int err = copy ? read_behind(reading->disk, copy, offset, end) : -ENOMEM;

	if (!err) {
		keep(reading->disk, run, copy);
		for (uint32_t i = 0; i < run->asked; i++)
			take(reading, run->first + i, copy + (uint64_t)i * PAGE);
		count(&reading->disk->counts.readahead_pages, run->nr - run->asked);
	}
	free(copy);
	return err;
}

/* What was asked for and no byte more, which is not kept: the rest of its pages may be what cannot be read. */
static int fetch_exactly(const struct reading *reading, const struct run *run)
{
	uint64_t from = run->first * PAGE, end = (run->first + run->asked) * PAGE;

	clip(reading, &from, &end);
	return read_behind(reading->disk, reading->buf + (from - reading->offset), from, end);
}

static int fetch(const struct reading *reading, const struct run *run)
{
	int err;

	if (is_all_asked(reading, run))
		return fetch_in_place(reading, run);
	err = fetch_more(reading, run);
	return err && err != -ETIMEDOUT ? fetch_exactly(reading, run) : err;
}

/* From a page that is missing on. Result: 0 or an error; *page: the next that is not read yet. */
static int read_run(const struct reading *reading, struct run *run, uint64_t *page, uint64_t last)
{
	bool found;

	run->first = *page;
	run->nr = 1;
	found = extend(reading, run, last);
	*page += run->asked + found;
	if (run->first + run->asked > last)
		look_ahead(reading, run);
	return fetch(reading, run);
}

static int read_pages(const struct reading *reading, uint64_t first, uint64_t last)
{
	uint64_t page = first, missed = 0;
	struct run run;
	int err = 0;

	while (page <= last && !err) {
		if (try_page(reading, page, &run.token[0])) {
			page++;
			continue;
		}
		err = read_run(reading, &run, &page, last);
		missed += run.asked;
	}
	count(&reading->disk->counts.miss_pages, missed);
	count(&reading->disk->counts.hit_pages, page - first - missed);
	return err;
}

int zcache_disk_read(struct zcache_disk *disk, void *buf, uint32_t bytes, uint64_t offset)
{
	uint64_t first = offset / PAGE, last = (offset + bytes - 1) / PAGE;
	struct reading reading = { .disk = disk, .buf = buf, .offset = offset, .end = offset + bytes };
	int err;

	if (!bytes)
		return 0;
	reading.reader = zcache_readahead_note(&disk->readahead, first, last);
	err = read_pages(&reading, first, last);
	count(&disk->counts.reads, 1);
	if (err)
		count(&disk->counts.failed_reads, 1);
	else
		count(&disk->counts.bytes_read, bytes);
	return err;
}

/* ---- changing ---- */

static void count_change(struct zcache_disk *disk, const struct zcache_change *change, int err)
{
	count(&disk->counts.writes, 1);
	if (err)
		count(&disk->counts.failed_writes, 1);
	else if (change->kind == ZCACHE_WRITE)
		count(&disk->counts.bytes_written, change->count);
}

int zcache_disk_change(struct zcache_disk *disk, const struct zcache_change *change)
{
	uint64_t first = change->offset / PAGE, last = (change->offset + change->count - 1) / PAGE;
	struct zcache_pending pending;
	bool in_doubt = false;
	int err;

	if (!change->count)
		return 0;
	zcache_changes_begin(&disk->changes, &pending, first, last);
	drop_pages(disk, first, last);
	err = disk->backing->ops->change(disk->backing->ctx, change, &in_doubt);
	drop_pages(disk, first, last);
	zcache_changes_end(&disk->changes, &pending, in_doubt);
	count_change(disk, change, err);
	return err;
}

/* ---- the whole ---- */

void zcache_disk_forget(struct zcache_disk *disk)
{
	for (uint64_t object = 0; object <= last_page(disk) >> 32; object++)
		zcache_flush_object(disk->cache, disk->pool, object);
}

void zcache_disk_tell(struct zcache_disk *disk, struct zcache_disk_stats *stats)
{
	*stats = (struct zcache_disk_stats){ .cache = { .size = sizeof(stats->cache) } };
	zcache_stats(disk->cache, &stats->cache);
	stats->disk_size = disk->backing->size_bytes;
	stats->doubtful_pages = zcache_changes_doubtful_pages(&disk->changes);
	for (size_t i = 0; i < sizeof(stats->counts) / sizeof(uint64_t); i++)
		((uint64_t *)&stats->counts)[i] = __atomic_load_n(&((uint64_t *)&disk->counts)[i], __ATOMIC_RELAXED);
}
