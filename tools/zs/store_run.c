/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The run of zs store: fill, load, free a random half, compact, load again. Here it is prepared and its phases ordered.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "resident.h"
#include "run.h"
#include "unit.h"
#include "zs.h"
#include "zsmalloc.h"

enum { BATCH_BYTES = 32 << 20 };

static bool find_files(struct zs_run *run)
{
	for (size_t i = 0; i < run->options->units.nr_paths && !zs_interrupted(); i++) {
		if (zs_files_add(&run->files, run->options->units.paths[i])) {
			zs_message("out of memory for the list of files; name fewer");
			return false;
		}
	}
	zs_input_open(&run->input, &run->files, run->options->units.unit_bytes, run->options->units.limit_units);
	if (!run->input.max_units && !zs_interrupted()) {
		zs_message("nothing to store: no file with content among the paths");
		return false;
	}
	return !zs_interrupted();
}

/* Tables that no memory could hold are refused before they are touched. */
static bool tables_fit(const struct zs_run *run)
{
	uint64_t a_unit = 2 * (sizeof(struct zs_loop_object) + sizeof(uint32_t)) + sizeof(struct zs_hash) + 1;
	uint64_t table_bytes = run->input.max_units * a_unit;
	uint64_t memory_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

	if (table_bytes <= memory_bytes / 2)
		return true;
	zs_message("%zu units are more than this machine can keep track of; give -n", run->input.max_units);
	return false;
}

static void tell_error(void *ctx, int err, const char *what)
{
	(void)ctx;
	zs_message("the pool: %s: %s", what, strerror(err));
}

static struct zs_pool *create_pool(const struct zs_run *run)
{
	struct zs_pool_options options = {
		.size = sizeof(options),
		.name = "zs store",
		.max_object_size = run->options->units.unit_bytes,
		.on_error = tell_error,
	};
	struct zs_pool *pool = zs_create_pool_with(&options);

	if (!pool)
		zs_message("cannot create a pool: %s", strerror(errno));
	return pool;
}

static bool make_plan(struct zs_run *run)
{
	struct zs_loop_plan *plan = &run->plan;

	plan->codec = run->options->units.codec;
	plan->unit_bytes = run->options->units.unit_bytes;
	plan->nr_threads = run->options->units.nr_threads;
	plan->nr_units = run->input.max_units;
	plan->batch_units = BATCH_BYTES / plan->unit_bytes;
	if (plan->batch_units > plan->nr_units)
		plan->batch_units = plan->nr_units;
	plan->limit_bytes = zs_unit_raw_limit(plan->unit_bytes);
	if (!plan->limit_bytes) {
		zs_message("cannot create a pool: %s", strerror(errno));
		return false;
	}
	plan->batch = zs_loop_memory(plan->batch_units * plan->unit_bytes, 1);
	plan->same_filled = zs_loop_memory(plan->nr_units, 1);
	run->hashes = zs_loop_memory(plan->nr_units * sizeof(*run->hashes), 0);
	run->nr_batches = (plan->nr_units + plan->batch_units - 1) / plan->batch_units;
	run->batches = zs_loop_memory(run->nr_batches * sizeof(*run->batches), 0);
	if (!plan->batch || !plan->same_filled || !run->hashes || !run->batches) {
		zs_message("out of memory for the tables of %zu units; give a smaller -n", plan->nr_units);
		return false;
	}
	return true;
}

/* The child is forked first, while there is one thread and no pool. */
static bool prepare(struct zs_run *run)
{
	int err;

	if (!find_files(run) || !tables_fit(run) || !make_plan(run))
		return false;
	run->peer = zs_malloc_peer_start(&run->plan);
	err = zs_loop_init(&run->loop, &run->plan);
	if (err) {
		zs_message("cannot set up %u threads: %s", run->plan.nr_threads, strerror(err));
		return false;
	}
	run->base_bytes = zs_resident_bytes();
	run->pool = create_pool(run);
	if (!run->pool)
		return false;
	run->loop.heap = zs_heap_of_pool(run->pool);
	return true;
}

static void clean_up(struct zs_run *run)
{
	zs_malloc_peer_stop(run->peer);
	zs_destroy_pool(run->pool);
	if (run->loop.plan.nr_threads)
		zs_loop_destroy(&run->loop);
	zs_loop_memory_free(run->batches, run->nr_batches * sizeof(*run->batches));
	zs_loop_memory_free(run->hashes, run->plan.nr_units * sizeof(*run->hashes));
	zs_loop_memory_free(run->plan.same_filled, run->plan.nr_units);
	zs_loop_memory_free(run->plan.batch, run->plan.batch_units * run->plan.unit_bytes);
	zs_input_close(&run->input);
	zs_files_destroy(&run->files);
}

static bool do_phases(struct zs_run *run)
{
	struct zs_report *report = run->report;

	if (!prepare(run) || !zs_run_store_all(run))
		return false;
	zs_run_note_fill(run);
	report->nr_verified = zs_run_load_all(run, "load", true);
	zs_run_note_speeds(run);
	if (zs_interrupted())
		return false;
	zs_run_free_half(run);
	zs_run_compact(run);
	report->nr_verified_compacted = zs_run_load_all(run, "reload", false);
	report->pool_sound = !zs_pool_verify(run->pool);
	return !zs_interrupted();
}

bool zs_store_run(const struct zs_store_options *options, struct zs_report *report)
{
	struct zs_run run = { .options = options, .report = report, .input.fd = -1 };
	bool done;

	report->codec = options->units.codec_text;
	report->paths = options->units.paths;
	report->nr_paths = options->units.nr_paths;
	report->unit_bytes = options->units.unit_bytes;
	report->nr_threads = options->units.nr_threads;
	done = do_phases(&run);
	clean_up(&run);
	return done;
}
