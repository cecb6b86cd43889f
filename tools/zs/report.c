/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What follows from the figures of a run.
 */
#include "report.h"

double zs_report_density(const struct zs_report_memory *memory)
{
	return memory->total_bytes ? (double)memory->payload_bytes / (double)memory->total_bytes : 0;
}

double zs_report_ratio(const struct zs_report *report, const struct zs_report_memory *memory)
{
	double raw_bytes = (double)report->nr_units * (double)report->unit_bytes;

	return memory->total_bytes ? raw_bytes / (double)memory->total_bytes : 0;
}

double zs_report_mb_per_s(const struct zs_report *report, uint64_t time_ns)
{
	double bytes = (double)report->nr_objects * (double)report->unit_bytes;

	return time_ns ? bytes / 1e6 / ((double)time_ns / 1e9) : 0;
}

bool zs_report_ok(const struct zs_report *report)
{
	return !report->nr_bad && report->pool_sound;
}
