/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Storing and loading all units, batch by batch, ours and malloc's in turns, and the check that each came back.
 *
 * Files are read once. Of every unit a 128-bit hash is kept, so that a file which changes meanwhile does no harm, and
 * what comes back is held against it. Reading and hashing are outside the times that are told.
 */
#include <string.h>

#include "progress.h"
#include "run.h"
#include "team.h"
#include "unit.h"
#include "zs.h"

static void inspect_piece(void *arg, unsigned int thread, size_t first, size_t end)
{
	struct zs_run *run = arg;
	size_t unit_bytes = run->plan.unit_bytes;

	(void)thread;
	for (size_t unit = first; unit < end; unit++) {
		const unsigned char *data = run->plan.batch + (unit - run->loop.first) * unit_bytes;

		run->hashes[unit] = zs_hash_of(data, unit_bytes);
		run->plan.same_filled[unit] = zs_unit_is_same_filled(data, unit_bytes);
		if (run->plan.same_filled[unit])
			memcpy(&run->loop.objects[unit].ref, data, sizeof(uint64_t));
	}
}

static struct zs_run_batch *batch_of(struct zs_run *run, size_t first)
{
	return &run->batches[first / run->plan.batch_units];
}

static bool store_ours(struct zs_run *run, size_t first, size_t end)
{
	uint64_t before_ns = run->loop.store_ns;
	int err = zs_loop_store(&run->loop, first, end);

	batch_of(run, first)->pool_store_ns = run->loop.store_ns - before_ns;
	if (err)
		zs_message("cannot store all of units %zu to %zu: %s%s", first, end - 1, strerror(err),
			   err == ENOMEM ? "; give a smaller -n" : "");
	return !err;
}

/* The two take turns in going first, so that neither always finds the batch in the processor's cache. */
static bool store_batch(struct zs_run *run, size_t first, size_t end)
{
	bool ours_first = first / run->plan.batch_units % 2 == 0;

	run->loop.first = first;
	zs_team_run(run->loop.team, inspect_piece, run, first, end);
	if (ours_first && !store_ours(run, first, end))
		return false;
	zs_malloc_peer_store(run->peer, first, end, &batch_of(run, first)->malloc_store_ns);
	return ours_first || store_ours(run, first, end);
}

bool zs_run_store_all(struct zs_run *run)
{
	size_t unit_bytes = run->plan.unit_bytes, first = 0, nr;

	zs_progress_begin("store", run->plan.nr_units * unit_bytes);
	while (!zs_interrupted()) {
		nr = zs_input_read(&run->input, run->plan.batch, run->plan.batch_units);
		if (!nr)
			break;
		if (!store_batch(run, first, first + nr))
			return false;
		first += nr;
		zs_progress_at(first * unit_bytes);
	}
	run->report->nr_units = first;
	if (!first && !zs_interrupted())
		zs_message("nothing to store: no file could be read");
	return first && !zs_interrupted();
}

static void check_unit(struct zs_run *run, size_t unit)
{
	size_t unit_bytes = run->plan.unit_bytes, nr;
	unsigned char *back = run->loop.back + (unit - run->loop.first) * unit_bytes;
	struct zs_hash hash;

	if (run->plan.same_filled[unit]) {
		for (size_t at = 0; at < unit_bytes; at += sizeof(uint64_t))
			memcpy(back + at, &run->loop.objects[unit].ref, sizeof(uint64_t));
	}
	hash = zs_hash_of(back, unit_bytes);
	if (zs_hash_equal(&hash, &run->hashes[unit])) {
		atomic_fetch_add_explicit(&run->nr_verified, 1, memory_order_relaxed);
		return;
	}
	nr = atomic_fetch_add(&run->nr_bad, 1);
	if (nr < ZS_RUN_TOLD_BAD_UNITS)
		run->bad_unit[nr] = unit;
}

static void check_piece(void *arg, unsigned int thread, size_t first, size_t end)
{
	struct zs_run *run = arg;

	(void)thread;
	for (size_t unit = first; unit < end; unit++)
		if (run->plan.same_filled[unit] || run->loop.objects[unit].len)
			check_unit(run, unit);
}

/* Returns what the loading took, without the checking. */
static uint64_t load_ours(struct zs_run *run, size_t first, size_t end)
{
	uint64_t before_ns = run->loop.load_ns;

	zs_loop_load(&run->loop, first, end);
	zs_team_run(run->loop.team, check_piece, run, first, end);
	return run->loop.load_ns - before_ns;
}

static void load_batch(struct zs_run *run, size_t first, size_t end)
{
	struct zs_run_batch *batch = batch_of(run, first);
	bool ours_first = first / run->plan.batch_units % 2 == 0;

	if (ours_first)
		batch->pool_load_ns = load_ours(run, first, end);
	zs_malloc_peer_load(run->peer, first, end, &batch->malloc_load_ns);
	if (!ours_first)
		batch->pool_load_ns = load_ours(run, first, end);
}

static void tell_bad_units(const struct zs_run *run)
{
	size_t nr = atomic_load(&run->nr_bad);

	for (size_t i = 0; i < nr && i < ZS_RUN_TOLD_BAD_UNITS; i++) {
		const struct zs_file *file = zs_input_file_of(&run->input, run->bad_unit[i]);

		zs_message("unit %zu did not come back: bytes %zu and on of %s", run->bad_unit[i],
			   (run->bad_unit[i] - file->first_unit) * run->plan.unit_bytes, file->path);
	}
	if (nr > ZS_RUN_TOLD_BAD_UNITS)
		zs_message("and %zu others", nr - ZS_RUN_TOLD_BAD_UNITS);
}

uint64_t zs_run_load_all(struct zs_run *run, const char *phase, bool with_peer)
{
	size_t nr_units = run->report->nr_units, batch_units = run->plan.batch_units;

	atomic_store(&run->nr_verified, 0);
	atomic_store(&run->nr_bad, 0);
	zs_progress_begin(phase, nr_units * run->plan.unit_bytes);
	for (size_t first = 0; first < nr_units && !zs_interrupted(); first += batch_units) {
		size_t end = first + batch_units < nr_units ? first + batch_units : nr_units;

		if (with_peer)
			load_batch(run, first, end);
		else
			load_ours(run, first, end);
		zs_progress_at(end * run->plan.unit_bytes);
	}
	tell_bad_units(run);
	run->report->nr_bad += atomic_load(&run->nr_bad);
	return atomic_load(&run->nr_verified);
}
