/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * All that a run of zs store found out, and the three ways to show it: a table, JSON, a drawing.
 */
#ifndef ZS_REPORT_H
#define ZS_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "stats.h"

/* Memory for some objects: exact parts where they are known, or what the system says. */
struct zs_report_memory {
	bool known;
	bool split; /* pages_bytes and metadata_bytes are known */
	uint64_t pages_bytes;
	uint64_t metadata_bytes;
	uint64_t total_bytes;
	uint64_t resident_bytes; /* growth of the process's anonymous memory; 0: unknown */
	uint64_t payload_bytes;  /* sizes of the objects it holds */
};

struct zs_report_speed {
	bool known;
	uint64_t store_ns;
	uint64_t load_ns;
	uint64_t free_ns; /* of the freed half, one thread */
};

/* Speed of the pool's loop against malloc's: the medians of the batches, so that a disturbance counts once. */
struct zs_report_speedup {
	double store;
	double load;
	double end_to_end;
};

struct zs_report_compaction {
	uint64_t time_ns;
	uint64_t objects_moved;
	uint64_t bytes_moved;
	uint64_t pages_returned;
};

/* A copy of the size classes' figures; row NULL: not taken. */
struct zs_report_classes {
	struct zs_class_stats *row;
	unsigned int nr;
};

struct zs_report {
	const char *codec; /* as it was named */
	char *const *paths;
	size_t nr_paths;
	size_t unit_bytes;
	unsigned int nr_threads;

	uint64_t nr_files;
	uint64_t nr_skipped_files;
	uint64_t nr_units;
	uint64_t nr_same_filled;
	uint64_t nr_incompressible;
	uint64_t nr_objects;
	uint64_t object_bytes;
	uint64_t nr_freed;

	struct zs_report_memory pool;
	struct zs_report_memory malloc;
	struct zs_report_memory kernel4;
	struct zs_report_memory kernel8;
	struct zs_report_memory one_page_each;
	struct zs_report_memory pool_freed;
	struct zs_report_memory malloc_freed;
	struct zs_report_memory pool_compacted;
	struct zs_report_memory malloc_trimmed;

	struct zs_report_compaction compaction;
	struct zs_report_speed pool_speed;
	struct zs_report_speed malloc_speed;
	struct zs_report_speedup speedup; /* if both are known */
	struct zs_report_classes classes_freed;
	struct zs_report_classes classes_compacted;

	uint64_t nr_verified;           /* units that came back after the fill */
	uint64_t nr_verified_compacted; /* of those left, after compaction */
	uint64_t nr_bad;                /* units that did not come back, at either time */
	bool pool_sound;                /* zs_pool_verify() found nothing */
};

double zs_report_density(const struct zs_report_memory *memory);
/* Raw bytes of all units against this memory. */
double zs_report_ratio(const struct zs_report *report, const struct zs_report_memory *memory);
/* Raw bytes of the units with objects, per second. */
double zs_report_mb_per_s(const struct zs_report *report, uint64_t time_ns);
bool zs_report_ok(const struct zs_report *report);

void zs_report_table(const struct zs_report *report, FILE *out);
void zs_report_json(const struct zs_report *report, FILE *out);
void zs_report_svg(const struct zs_report *report, FILE *out);

#endif
