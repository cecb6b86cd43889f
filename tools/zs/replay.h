/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What zs replay was asked to do, the run that does it, and what it finds out.
 *
 * A chapter begins with an empty heap, in a process of its own, fills it, and goes on from there; after each step the
 * state of the heap is noted.
 */
#ifndef ZS_REPLAY_H
#define ZS_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sizes.h"

enum {
	ZS_REPLAY_NR_CHAPTERS = 3,
	ZS_REPLAY_MAX_STATES = 5, /* of a chapter */
};

struct zs_replay_options {
	const char *trace_path;
	size_t nr_objects; /* 0: as many as the trace has */
	uint64_t seed;
	bool use_malloc;
	unsigned int pool_flags;
	bool wanted[ZS_REPLAY_NR_CHAPTERS];
};

struct zs_replay_state {
	const char *name;
	uint64_t objects;
	uint64_t payload_bytes;
	uint64_t total_bytes;    /* as zsmalloc counts, metadata included; of malloc: resident_bytes */
	uint64_t metadata_bytes; /* of zsmalloc */
	uint64_t resident_bytes; /* growth of the process; 0: unknown */
	/* The step that led here: */
	uint64_t time_ns;
	uint64_t written_bytes; /* of objects that it made */
	uint64_t freed_bytes;   /* of objects that it freed */
	uint64_t moved_bytes;   /* by compaction */
};

struct zs_replay_chapter {
	bool done;
	bool intact; /* every object had its bytes at the end, and the pool was sound */
	unsigned int nr_states;
	struct zs_replay_state states[ZS_REPLAY_MAX_STATES];
};

extern const char *const zs_replay_chapter_names[ZS_REPLAY_NR_CHAPTERS];

/*
 * Runs the chapters that are wanted. chapters: shared memory for ZS_REPLAY_NR_CHAPTERS, zeroed. Result: false: not all
 * could be run; a message said why, unless it was interrupted.
 */
bool zs_replay_run(const struct zs_replay_options *options, const struct zs_sizes *trace,
		   struct zs_replay_chapter *chapters);

#endif
