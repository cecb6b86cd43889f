/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The run of zs trace: reads units from files or processes batch by batch, compresses them, writes their sizes.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "process.h"
#include "progress.h"
#include "sizes.h"
#include "team.h"
#include "trace.h"
#include "unit.h"
#include "zs.h"

enum { BATCH_BYTES = 16 << 20 };

struct trace {
	const struct zs_trace_options *options;
	struct zs_trace_counts *counts;
	FILE *out;
	size_t limit_bytes;
	size_t batch_units;
	struct zs_team *team;
	unsigned char *batch;
	uint32_t *sizes;         /* of the batch's units; 0: same-filled */
	void **codecs;           /* a context for each thread */
	unsigned char **scratch; /* a unit for each thread */
	atomic_int err;
};

/* Reads up to nr units. */
typedef size_t read_fn(void *source, unsigned char *buffer, size_t nr);

static void measure_piece(void *arg, unsigned int thread, size_t first, size_t end)
{
	struct trace *trace = arg;
	size_t unit_bytes = trace->options->units.unit_bytes;

	for (size_t i = first; i < end; i++) {
		const unsigned char *unit = trace->batch + i * unit_bytes;
		ssize_t len = 0;

		if (!zs_unit_is_same_filled(unit, unit_bytes))
			len = zs_unit_compress(trace->options->units.codec.comp, trace->codecs[thread], unit,
					       unit_bytes, trace->limit_bytes, trace->scratch[thread]);
		if (len < 0)
			atomic_store(&trace->err, EIO);
		trace->sizes[i] = (uint32_t)len;
	}
}

/* Counts, and moves the sizes of what is not same-filled to the front. Returns how many. */
static size_t sift(struct trace *trace, size_t nr)
{
	struct zs_trace_counts *counts = trace->counts;
	size_t kept = 0;

	for (size_t i = 0; i < nr; i++) {
		uint32_t bytes = trace->sizes[i];

		counts->object_bytes += bytes;
		counts->incompressible += bytes == trace->options->units.unit_bytes;
		if (bytes)
			trace->sizes[kept++] = bytes;
	}
	counts->units += nr;
	counts->objects += kept;
	counts->same_filled += nr - kept;
	return kept;
}

/* Result: whether to go on with the next source. */
static bool trace_source(struct trace *trace, void *source, read_fn *read_units)
{
	while (!zs_interrupted() && trace->counts->units < trace->options->units.limit_units) {
		size_t most = trace->options->units.limit_units - (size_t)trace->counts->units;
		size_t nr = read_units(source, trace->batch, most < trace->batch_units ? most : trace->batch_units);

		if (!nr)
			return true;
		zs_team_run(trace->team, measure_piece, trace, 0, nr);
		if (atomic_load(&trace->err)) {
			zs_message("the codec failed");
			return false;
		}
		if (!zs_sizes_write(trace->out, trace->sizes, sift(trace, nr))) {
			zs_message("%s: cannot write the trace: %s", trace->options->out_path, strerror(errno));
			return false;
		}
		zs_progress_at(trace->counts->units * trace->options->units.unit_bytes);
	}
	return !zs_interrupted();
}

static size_t read_input(void *source, unsigned char *buffer, size_t nr)
{
	return zs_input_read(source, buffer, nr);
}

static bool trace_files(struct trace *trace)
{
	const struct zs_unit_options *units = &trace->options->units;
	struct zs_files files = { .nr = 0 };
	struct zs_input input = { .fd = -1 };
	bool done = true;

	for (size_t i = 0; i < units->nr_paths && done && !zs_interrupted(); i++)
		done = !zs_files_add(&files, units->paths[i]);
	if (done) {
		zs_input_open(&input, &files, units->unit_bytes, units->limit_units);
		zs_progress_begin("trace", input.max_units * units->unit_bytes);
		done = trace_source(trace, &input, read_input);
		zs_input_close(&input);
	} else {
		zs_message("out of memory for the list of files; name fewer");
	}
	zs_files_destroy(&files);
	return done;
}

static size_t read_process(void *source, unsigned char *buffer, size_t nr)
{
	return zs_process_read(source, buffer, nr);
}

static bool trace_process(struct trace *trace, long pid)
{
	struct zs_process process;
	int err = zs_process_open(&process, (pid_t)pid, trace->options->units.unit_bytes);
	bool done = !err;

	if (err) {
		zs_message("process %ld: cannot read its memory: %s", pid, strerror(err));
	} else {
		zs_progress_begin("trace",
				  trace->counts->units * trace->options->units.unit_bytes + process.resident_bytes);
		done = trace_source(trace, &process, read_process);
	}
	zs_process_close(&process);
	return done;
}

static bool trace_processes(struct trace *trace)
{
	bool done = true;

	for (unsigned int i = 0; i < trace->options->nr_pids && done; i++)
		done = trace_process(trace, trace->options->pids[i]);
	return done;
}

static bool prepare(struct trace *trace)
{
	const struct zs_unit_options *units = &trace->options->units;

	trace->limit_bytes = zs_unit_raw_limit(units->unit_bytes);
	trace->batch_units = BATCH_BYTES / units->unit_bytes;
	trace->team = zs_team_create(units->nr_threads);
	trace->batch = malloc(BATCH_BYTES);
	trace->sizes = calloc(trace->batch_units, sizeof(*trace->sizes));
	trace->codecs = calloc(units->nr_threads, sizeof(*trace->codecs));
	trace->scratch = calloc(units->nr_threads, sizeof(*trace->scratch));
	if (!trace->limit_bytes || !trace->team || !trace->batch || !trace->sizes || !trace->codecs || !trace->scratch)
		return false;
	for (unsigned int i = 0; i < units->nr_threads; i++) {
		trace->codecs[i] = units->codec.comp->create(units->codec.level, units->unit_bytes);
		trace->scratch[i] = malloc(units->unit_bytes);
		if (!trace->codecs[i] || !trace->scratch[i])
			return false;
	}
	return true;
}

static void clean_up(struct trace *trace)
{
	for (unsigned int i = 0; i < trace->options->units.nr_threads; i++) {
		if (trace->codecs && trace->codecs[i])
			trace->options->units.codec.comp->destroy(trace->codecs[i]);
		if (trace->scratch)
			free(trace->scratch[i]);
	}
	free(trace->scratch);
	free(trace->codecs);
	free(trace->sizes);
	free(trace->batch);
	zs_team_destroy(trace->team);
}

bool zs_trace_run(const struct zs_trace_options *options, FILE *out, struct zs_trace_counts *counts)
{
	struct trace trace = { .options = options, .counts = counts, .out = out };
	bool done = prepare(&trace);

	if (!done)
		zs_message("cannot set up %u threads: %s", options->units.nr_threads, strerror(errno));
	else
		done = options->nr_pids ? trace_processes(&trace) : trace_files(&trace);
	clean_up(&trace);
	return done;
}
