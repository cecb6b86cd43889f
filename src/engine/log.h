/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Objects in a store, written as a log.
 *
 * The store is used in segments, each written once from its beginning to its end, as a log is (Rosenblum and
 * Ousterhout 1991). A segment in which nothing lives any more is free. While segments take twice what lives in them, or
 * few are left, the sparsest are to be emptied: its owner writes again what lives there as it comes by, and drops the
 * old place. Memory keeps 24 bytes for each object, its place: where it is, how long, and a sum that tells whether it
 * came back.
 *
 * Every call from any thread at any time but zs_log_destroy(); a place is used by those only who know that it is not
 * dropped meanwhile.
 *
 * A process that forks shares what is written with its child. So the parent seals the segments that are in use: nothing
 * in them is discarded or written over until the child reads it no more. The child's log branches: those segments are
 * sealed for good there, and what it writes goes behind them.
 *
 * Locks: one of its own, innermost. The store is called without it.
 */
#ifndef ZS_ENGINE_LOG_H
#define ZS_ENGINE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store.h"

#define ZS_LOG_SEGMENT_BYTES (1u << 20)

struct zs_log;

struct zs_log_options {
	const struct zs_store *store;                  /* is copied */
	uint64_t most_objects;                         /* at once, above 0; no more than 2^32 - 1 are */
	uint32_t most_object_bytes;                    /* by so much a batch may fail to fill its segment */
	void (*on_error)(void *ctx, const char *what); /* a message about the store, from any thread; may be NULL */
	void *ctx;
};

struct zs_log_object {
	uint32_t bytes;
	uint16_t kind; /* the owner's */
};

/* Result: 0 or -ENOMEM. */
int zs_log_create(const struct zs_log_options *options, struct zs_log **log);
/* NULL is fine. */
void zs_log_destroy(struct zs_log *log);

/* What memory it takes. */
uint64_t zs_log_bytes(const struct zs_log *log);

/* Objects that are written together: at least one, at most a segment of them, one behind the other. */
struct zs_log_batch {
	const void *bytes;
	const struct zs_log_object *objects;
	unsigned int nr;
};

/* Gets the place of an object of a batch, by its number there. The place is the owner's, to be dropped if unwanted. */
typedef void zs_log_each_fn(void *ctx, unsigned int i, uint32_t place);

/*
 * Writes a batch and calls back for each of its objects in turn, but for those that are more than most_objects. Result:
 * 0; -ENOSPC: no segment is free; -EIO: the store failed, which is told once, and nothing is called back.
 */
int zs_log_write(struct zs_log *log, const struct zs_log_batch *batch, zs_log_each_fn *each, void *ctx);

/* Reads an object, and tells what it is. Result: 0; -EIO: it does not come back or is larger, which is told once. */
int zs_log_read(struct zs_log *log, uint32_t place, void *buf, size_t size, struct zs_log_object *object);

/* The object is of no use any more. Returns its bytes. pre: nobody reads it. */
uint32_t zs_log_drop(struct zs_log *log, uint32_t place);

/* Whether there is room for more than what moves. */
bool zs_log_has_space(struct zs_log *log);

/* Chooses the segments that are to be emptied, until it is called again. Result: whether any are. */
bool zs_log_choose_victims(struct zs_log *log);

/* Whether the object lives in one of them, so that it is to move elsewhere. */
bool zs_log_is_victim(struct zs_log *log, uint32_t place);

/*
 * The segments in use stay as they are: they are not discarded, used again or emptied, whatever is dropped. Once more:
 * those that came to be in use since then, too. What is written goes elsewhere, as far as there is space.
 */
void zs_log_seal(struct zs_log *log);
/* That is over, for all of them. Those in which nothing lives any more are free. pre: nobody seals meanwhile. */
void zs_log_unseal(struct zs_log *log);

/*
 * In a child after a fork, for its copy of the log: all segments made so far are sealed for good, and as many as the
 * store has room for begin behind them. Returns where, which the store is to be told. pre: nobody uses the log, nor did
 * while the process forked.
 */
uint64_t zs_log_branch(struct zs_log *log);
/* Nothing more is written: no segment is free, until it branches. context: as there */
void zs_log_end(struct zs_log *log);

#endif
