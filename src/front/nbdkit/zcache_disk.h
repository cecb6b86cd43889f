/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A slow disk with a compressed cache in front of it.
 *
 * Pages of 4096 bytes that were read from the disk behind are put into the cache; what is written goes to the disk
 * behind, and its pages are dropped from the cache, before and after. So the cache has nothing that would be lost, and
 * a request that fails leaves its pages absent. See zcache_changes.h for why no read finds what was true before.
 */
#ifndef ZCACHE_DISK_H
#define ZCACHE_DISK_H

#include "zcache.h"
#include "zcache_backing.h"
#include "zcache_changes.h"
#include "zcache_readahead.h"

#define ZCACHE_DISK_PAGE 4096u

/* Its own counters; each is changed atomically. */
struct zcache_disk_counts {
	uint64_t reads;
	uint64_t writes;
	uint64_t bytes_read;
	uint64_t bytes_written;
	uint64_t failed_reads;
	uint64_t failed_writes;
	uint64_t hit_pages;
	uint64_t miss_pages;
	uint64_t backing_reads;
	uint64_t backing_bytes;
	uint64_t readahead_pages;
};

/* All figures of it: the cache's first, so that the table of the cache fits them. */
struct zcache_disk_stats {
	struct zcache_stats cache;
	uint64_t disk_size;
	struct zcache_disk_counts counts;
	uint64_t doubtful_pages;
	uint64_t reconnections;
};

struct zcache_disk {
	struct zcache *cache;
	int pool;
	const struct zcache_backing *backing;
	struct zcache_changes changes;
	struct zcache_readahead readahead;
	struct zcache_disk_counts counts;
};

/* cache, with a pool of it, and backing must stay until the end. readahead_pages: at most; 0: none */
void zcache_disk_init(struct zcache_disk *disk, struct zcache *cache, int pool, const struct zcache_backing *backing,
		      uint32_t readahead_pages);
void zcache_disk_destroy(struct zcache_disk *disk);

/* Requests, within the disk. Result: 0 or a negative errno of the backing. context: any thread */
int zcache_disk_read(struct zcache_disk *disk, void *buf, uint32_t count, uint64_t offset);
int zcache_disk_change(struct zcache_disk *disk, const struct zcache_change *change);

/* Drops all that is kept: the disk behind may have another content. */
void zcache_disk_forget(struct zcache_disk *disk);

/* All but reconnections. */
void zcache_disk_tell(struct zcache_disk *disk, struct zcache_disk_stats *stats);

#endif
