/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Writeback: objects that are idle, or hardly compress, go to a store as they are, and come back when they are read.
 * The store is used as a log (see log.h), whose sparsest segments a walk empties as it comes by what lives there.
 *
 * Objects are gathered from the groups that the walk visits, and written together without a lock; then each takes its
 * pages' slots if they are what they were, as in repack.h. What cannot be written stays in memory.
 *
 * Locks: that of the log, innermost. What gathers is guarded by walk.lock.
 */
#ifndef ZRAM_WRITEBACK_H
#define ZRAM_WRITEBACK_H

#include "disk.h"
#include "log.h"

/* Result: 0 or -ENOMEM. */
int zram_writeback_create(struct zram *zram, const struct zram_writeback_options *options);
void zram_writeback_destroy(struct zram *zram);

/* What memory it takes. */
uint64_t zram_writeback_bytes(const struct zram *zram);

/*
 * Reads what a slot stands for, and tells how long it is and of what enum zram_kind it was in memory. Result: as of
 * zs_log_read(). context: group locked.
 */
int zram_stored_read(struct zram *zram, uint64_t slot, void *buf, size_t size, struct zs_log_object *object);

/* The object is of no use any more. pre: no slot names it. */
void zram_stored_drop(struct zram *zram, uint64_t slot);

/* Gathers what is to be written of a group, and writes when it is enough. Returns the pages gathered. */
unsigned int zram_writeback_group(struct zram *zram, uint64_t group, bool on_demand);

/* Whether this walk could not write all: 0 or -ENOSPC. */
int zram_writeback_failure(const struct zram *zram);

/* Writes what was gathered. */
void zram_writeback_flush(struct zram *zram);

/* A walk that makes groups older begins: what failed before may be tried again. */
void zram_writeback_begin(struct zram *zram);

#endif
