/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A run's figures as JSON. Keys are only ever added; null stands for what is unknown or makes no sense for this run.
 */
#include <math.h>

#include "json.h"
#include "report.h"
#include "zsmalloc.h"

static void put_memory(struct zs_json *json, const char *key, const struct zs_report *report,
		       const struct zs_report_memory *memory, bool full)
{
	if (!memory->known) {
		zs_json_null(json, key);
		return;
	}
	zs_json_open_object(json, key);
	if (memory->split) {
		zs_json_integer(json, "pages_bytes", memory->pages_bytes);
		zs_json_integer(json, "metadata_bytes", memory->metadata_bytes);
	} else {
		zs_json_null(json, "pages_bytes");
		zs_json_null(json, "metadata_bytes");
	}
	zs_json_integer(json, "total_bytes", memory->total_bytes);
	if (memory->resident_bytes)
		zs_json_integer(json, "resident_bytes", memory->resident_bytes);
	else
		zs_json_null(json, "resident_bytes");
	zs_json_integer(json, "payload_bytes", memory->payload_bytes);
	zs_json_number(json, "density", memory->payload_bytes ? zs_report_density(memory) : NAN);
	zs_json_number(json, "ratio", full && memory->payload_bytes ? zs_report_ratio(report, memory) : NAN);
	zs_json_close_object(json);
}

static void put_input(struct zs_json *json, const struct zs_report *report)
{
	zs_json_string(json, "version", zs_version());
	zs_json_string(json, "codec", report->codec);
	zs_json_integer(json, "unit_bytes", report->unit_bytes);
	zs_json_integer(json, "threads", report->nr_threads);
	zs_json_open_array(json, "paths");
	for (size_t i = 0; i < report->nr_paths; i++)
		zs_json_string(json, NULL, report->paths[i]);
	zs_json_close_array(json);
	zs_json_integer(json, "files", report->nr_files);
	zs_json_integer(json, "files_skipped", report->nr_skipped_files);
	zs_json_integer(json, "units", report->nr_units);
	zs_json_integer(json, "raw_bytes", report->nr_units * report->unit_bytes);
	zs_json_integer(json, "same_filled", report->nr_same_filled);
	zs_json_integer(json, "incompressible", report->nr_incompressible);
	zs_json_integer(json, "objects", report->nr_objects);
	zs_json_integer(json, "object_bytes", report->object_bytes);
}

static void put_fill(struct zs_json *json, const struct zs_report *report)
{
	zs_json_open_object(json, "filled");
	put_memory(json, "zsmalloc", report, &report->pool, true);
	put_memory(json, "malloc", report, &report->malloc, true);
	put_memory(json, "kernel_chain_4", report, &report->kernel4, true);
	put_memory(json, "kernel_chain_8", report, &report->kernel8, true);
	put_memory(json, "one_page_each", report, &report->one_page_each, true);
	zs_json_close_object(json);
}

static void put_half(struct zs_json *json, const struct zs_report *report)
{
	zs_json_open_object(json, "half_freed");
	zs_json_integer(json, "objects_freed", report->nr_freed);
	put_memory(json, "zsmalloc", report, &report->pool_freed, false);
	put_memory(json, "malloc", report, &report->malloc_freed, false);
	put_memory(json, "zsmalloc_compacted", report, &report->pool_compacted, false);
	put_memory(json, "malloc_trimmed", report, &report->malloc_trimmed, false);
	zs_json_close_object(json);
	zs_json_open_object(json, "compaction");
	zs_json_integer(json, "time_ns", report->compaction.time_ns);
	zs_json_integer(json, "objects_moved", report->compaction.objects_moved);
	zs_json_integer(json, "bytes_moved", report->compaction.bytes_moved);
	zs_json_integer(json, "pages_returned", report->compaction.pages_returned);
	zs_json_close_object(json);
}

static void put_speed(struct zs_json *json, const char *key, const struct zs_report *report,
		      const struct zs_report_speed *speed)
{
	if (!speed->known) {
		zs_json_null(json, key);
		return;
	}
	zs_json_open_object(json, key);
	zs_json_number(json, "store_mb_per_s", zs_report_mb_per_s(report, speed->store_ns));
	zs_json_number(json, "load_mb_per_s", zs_report_mb_per_s(report, speed->load_ns));
	zs_json_number(json, "end_to_end_mb_per_s", zs_report_mb_per_s(report, speed->store_ns + speed->load_ns));
	zs_json_integer(json, "store_ns", speed->store_ns);
	zs_json_integer(json, "load_ns", speed->load_ns);
	zs_json_integer(json, "free_ns", speed->free_ns);
	zs_json_close_object(json);
}

static void put_speedup(struct zs_json *json, const struct zs_report *report)
{
	if (!report->malloc_speed.known) {
		zs_json_null(json, "zsmalloc_to_malloc");
		return;
	}
	zs_json_open_object(json, "zsmalloc_to_malloc");
	zs_json_number(json, "store", report->speedup.store);
	zs_json_number(json, "load", report->speedup.load);
	zs_json_number(json, "end_to_end", report->speedup.end_to_end);
	zs_json_close_object(json);
}

static void put_verified(struct zs_json *json, const struct zs_report *report)
{
	zs_json_open_object(json, "verified");
	zs_json_integer(json, "units", report->nr_verified);
	zs_json_integer(json, "units_after_compaction", report->nr_verified_compacted);
	zs_json_integer(json, "bad", report->nr_bad);
	zs_json_bool(json, "pool_sound", report->pool_sound);
	zs_json_close_object(json);
	zs_json_bool(json, "ok", zs_report_ok(report));
}

void zs_report_json(const struct zs_report *report, FILE *out)
{
	struct zs_json json;

	zs_json_begin(&json, out);
	put_input(&json, report);
	put_fill(&json, report);
	put_half(&json, report);
	zs_json_open_object(&json, "speed");
	put_speed(&json, "zsmalloc", report, &report->pool_speed);
	put_speed(&json, "malloc", report, &report->malloc_speed);
	put_speedup(&json, report);
	zs_json_close_object(&json);
	put_verified(&json, report);
	zs_json_end(&json);
}
