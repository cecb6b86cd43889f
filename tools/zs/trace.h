/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What zs trace was asked to do, and the run that does it.
 */
#ifndef ZS_TRACE_H
#define ZS_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "unit_options.h"

enum { ZS_TRACE_MAX_PROCESSES = 256 };

struct zs_trace_options {
	struct zs_unit_options units; /* paths are not looked at if there are processes */
	long pids[ZS_TRACE_MAX_PROCESSES];
	unsigned int nr_pids;
	const char *out_path; /* "-": standard output */
	bool json;
};

struct zs_trace_counts {
	uint64_t units;
	uint64_t same_filled; /* not in the trace */
	uint64_t incompressible;
	uint64_t objects;
	uint64_t object_bytes;
};

/* Writes the trace to out. false: it could not be done; a message said why, unless it was interrupted. */
bool zs_trace_run(const struct zs_trace_options *options, FILE *out, struct zs_trace_counts *counts);

#endif
