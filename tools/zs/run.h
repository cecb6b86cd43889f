/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A run of zs store while it is under way: its phases, for store_run.c, which puts them in order.
 */
#ifndef ZS_RUN_H
#define ZS_RUN_H

#include "hash.h"
#include "input.h"
#include "loop.h"
#include "malloc_peer.h"
#include "report.h"
#include "store.h"

enum { ZS_RUN_TOLD_BAD_UNITS = 10 };

/* What a batch took, in nanoseconds. */
struct zs_run_batch {
	uint64_t pool_store_ns;
	uint64_t pool_load_ns;
	uint64_t malloc_store_ns;
	uint64_t malloc_load_ns;
};

struct zs_run {
	const struct zs_store_options *options;
	struct zs_report *report;
	struct zs_files files;
	struct zs_input input;
	struct zs_loop_plan plan;
	struct zs_loop loop;
	struct zs_malloc_peer *peer;
	struct zs_pool *pool;
	struct zs_hash *hashes; /* of every unit */
	struct zs_run_batch *batches;
	size_t nr_batches;
	uint64_t base_bytes;       /* resident before there was a pool */
	atomic_size_t nr_verified; /* in the load in hand */
	atomic_size_t nr_bad;
	size_t bad_unit[ZS_RUN_TOLD_BAD_UNITS];
};

/* Reads and stores all units, in both heaps. false: a message said why, or it was interrupted. */
bool zs_run_store_all(struct zs_run *run);
/* Loads and checks every unit that there is. Returns how many came back. */
uint64_t zs_run_load_all(struct zs_run *run, const char *phase, bool with_peer);

/* Puts into the report what a full pool takes, beside the others. */
void zs_run_note_fill(struct zs_run *run);
void zs_run_note_speeds(const struct zs_run *run);
/* Frees a random half in both heaps, and compacts; both put into the report what is left. */
void zs_run_free_half(struct zs_run *run);
void zs_run_compact(struct zs_run *run);

#endif
