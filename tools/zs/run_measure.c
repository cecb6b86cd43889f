/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What a run puts into its report: the units, the memory of both heaps at each step, the peers' models, the compaction.
 */
#include <stdlib.h>

#include "model.h"
#include "resident.h"
#include "run.h"
#include "zs.h"
#include "zsmalloc.h"

static void count_units(struct zs_run *run)
{
	struct zs_report *report = run->report;

	for (size_t unit = 0; unit < report->nr_units; unit++) {
		uint32_t len = run->loop.objects[unit].len;

		report->nr_same_filled += run->plan.same_filled[unit];
		report->nr_objects += len != 0;
		report->nr_incompressible += len == run->plan.unit_bytes;
		report->object_bytes += len;
	}
}

static uint64_t payload_bytes(const struct zs_run *run)
{
	uint64_t bytes = 0;

	for (size_t unit = 0; unit < run->report->nr_units; unit++)
		bytes += run->loop.objects[unit].len;
	return bytes;
}

static void measure_pool(const struct zs_run *run, struct zs_report_memory *memory)
{
	struct zs_pool_stats stats = { .size = sizeof(stats) };
	uint64_t resident_bytes = zs_resident_bytes();

	zs_pool_stats(run->pool, &stats);
	*memory = (struct zs_report_memory){
		.known = true,
		.split = true,
		.pages_bytes = stats.pages * ZS_PAGE_BYTES,
		.metadata_bytes = stats.metadata_bytes,
		.total_bytes = zs_get_total_size_bytes(run->pool),
		.resident_bytes = resident_bytes > run->base_bytes ? resident_bytes - run->base_bytes : 0,
		.payload_bytes = payload_bytes(run),
	};
}

/* A few objects may fit memory that malloc held before: then there is nothing to tell. */
static void measure_peer(const struct zs_run *run, struct zs_report_memory *memory)
{
	struct zs_malloc_peer_state state;

	if (!zs_malloc_peer_state(run->peer, &state) || state.grown_bytes < payload_bytes(run))
		return;
	*memory = (struct zs_report_memory){
		.known = true,
		.total_bytes = state.grown_bytes,
		.resident_bytes = state.grown_bytes,
		.payload_bytes = payload_bytes(run),
	};
}

static struct zs_report_memory modelled(struct zs_model_memory model, uint64_t payload)
{
	return (struct zs_report_memory){
		.known = true,
		.split = true,
		.pages_bytes = model.pages_bytes,
		.metadata_bytes = model.metadata_bytes,
		.total_bytes = model.pages_bytes + model.metadata_bytes,
		.payload_bytes = payload,
	};
}

/* The models know objects of up to a page. */
static void model_peers(const struct zs_run *run)
{
	struct zs_report *report = run->report;
	struct zs_model_sizes sizes = { { 0 } };

	if (run->plan.unit_bytes > ZS_MODEL_PAGE_BYTES)
		return;
	for (size_t unit = 0; unit < report->nr_units; unit++)
		sizes.count[run->loop.objects[unit].len]++;
	report->kernel4 = modelled(zs_model_kernel(&sizes, 4), report->object_bytes);
	report->kernel8 = modelled(zs_model_kernel(&sizes, 8), report->object_bytes);
	report->one_page_each = modelled(zs_model_one_page_each(&sizes), report->object_bytes);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The median over the batches of malloc's time to ours. */
static double median_speedup(const struct zs_run *run, bool with_store, bool with_load)
{
	double *ratios = calloc(run->nr_batches, sizeof(*ratios));
	size_t nr = 0;
	double median;

	for (size_t i = 0; ratios && i < run->nr_batches; i++) {
		const struct zs_run_batch *b = &run->batches[i];
		uint64_t ours = (with_store ? b->pool_store_ns : 0) + (with_load ? b->pool_load_ns : 0);
		uint64_t mallocs = (with_store ? b->malloc_store_ns : 0) + (with_load ? b->malloc_load_ns : 0);

		if (ours && mallocs)
			ratios[nr++] = (double)mallocs / (double)ours;
	}
	if (nr)
		qsort(ratios, nr, sizeof(*ratios), compare_doubles);
	median = nr ? (ratios[nr / 2] + ratios[(nr - 1) / 2]) / 2 : 0;
	free(ratios);
	return median;
}

void zs_run_note_speeds(const struct zs_run *run)
{
	struct zs_report *report = run->report;
	struct zs_malloc_peer_state state;

	if (!report->nr_objects)
		return;
	report->pool_speed = (struct zs_report_speed){ true, run->loop.store_ns, run->loop.load_ns, 0 };
	if (zs_malloc_peer_state(run->peer, &state))
		report->malloc_speed = (struct zs_report_speed){ true, state.store_ns, state.load_ns, 0 };
	report->speedup.store = median_speedup(run, true, false);
	report->speedup.load = median_speedup(run, false, true);
	report->speedup.end_to_end = median_speedup(run, true, true);
}

static void note_classes(const struct zs_run *run, struct zs_report_classes *classes)
{
	if (!run->options->svg_path)
		return;
	classes->nr = zs_pool_nr_classes(run->pool);
	classes->row = calloc(classes->nr, sizeof(*classes->row));
	if (!classes->row)
		return;
	for (unsigned int i = 0; i < classes->nr; i++)
		zs_pool_class_stats(run->pool, i, &classes->row[i]);
}

void zs_run_note_fill(struct zs_run *run)
{
	count_units(run);
	measure_pool(run, &run->report->pool);
	measure_peer(run, &run->report->malloc);
	model_peers(run);
	run->report->nr_files = run->input.nr_files;
	run->report->nr_skipped_files = run->files.nr_skipped;
}

void zs_run_free_half(struct zs_run *run)
{
	struct zs_report *report = run->report;
	struct zs_malloc_peer_state state;

	zs_loop_free_half(&run->loop, report->nr_units);
	report->nr_freed = run->loop.nr_freed;
	report->pool_speed.free_ns = run->loop.free_ns;
	if (zs_malloc_peer_free_half(run->peer, report->nr_units) && zs_malloc_peer_state(run->peer, &state))
		report->malloc_speed.free_ns = state.free_ns;
	measure_pool(run, &report->pool_freed);
	measure_peer(run, &report->malloc_freed);
	note_classes(run, &report->classes_freed);
}

static void time_compaction(struct zs_run *run)
{
	struct zs_report_compaction *compaction = &run->report->compaction;
	struct zs_pool_stats before = { .size = sizeof(before) }, after = { .size = sizeof(after) };
	uint64_t began_ns;

	zs_pool_stats(run->pool, &before);
	began_ns = zs_clock_ns();
	compaction->pages_returned = zs_compact(run->pool);
	compaction->time_ns = zs_clock_ns() - began_ns;
	zs_pool_stats(run->pool, &after);
	compaction->objects_moved = after.objects_moved - before.objects_moved;
	compaction->bytes_moved = after.bytes_moved - before.bytes_moved;
}

void zs_run_compact(struct zs_run *run)
{
	struct zs_report *report = run->report;

	time_compaction(run);
	measure_pool(run, &report->pool_compacted);
	note_classes(run, &report->classes_compacted);
	if (zs_malloc_peer_trim(run->peer))
		measure_peer(run, &report->malloc_trimmed);
}
