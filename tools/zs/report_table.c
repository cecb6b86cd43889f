/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A run's figures as a table for people.
 */
#include <inttypes.h>

#include "report.h"

/* Small runs are told in KiB. */
struct unit {
	const char *name;
	double bytes;
};

static struct unit unit_of(const struct zs_report *report)
{
	if (report->nr_units * report->unit_bytes < 64 << 20)
		return (struct unit){ "KiB", 1024 };
	return (struct unit){ "MiB", 1024 * 1024 };
}

static double in_units(const struct zs_report *report, uint64_t bytes)
{
	return (double)bytes / unit_of(report).bytes;
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void put_input(const struct zs_report *report, FILE *out)
{
	uint64_t raw_bytes = report->nr_units * report->unit_bytes;
	double mean = report->nr_objects ? (double)report->object_bytes / (double)report->nr_objects : 0;

	for (size_t i = 0; i < report->nr_paths; i++)
		fprintf(out, "%s%s", i ? " " : "", report->paths[i]);
	fprintf(out, ": %" PRIu64 " file%s", report->nr_files, report->nr_files == 1 ? "" : "s");
	if (report->nr_skipped_files)
		fprintf(out, " (%" PRIu64 " skipped)", report->nr_skipped_files);
	fprintf(out, ", %s, units of %zu KiB, %u thread%s\n\n", report->codec, report->unit_bytes / 1024,
		report->nr_threads, report->nr_threads == 1 ? "" : "s");
	fprintf(out, "%-26s %10" PRIu64 " %10.1f %s\n", report->unit_bytes == 4096 ? "pages" : "units",
		report->nr_units, in_units(report, raw_bytes), unit_of(report).name);
	fprintf(out, "%-26s %10" PRIu64 " %10.1f %%\n", "same-filled", report->nr_same_filled,
		percent(report->nr_same_filled, report->nr_units));
	fprintf(out, "%-26s %10" PRIu64 " %10.1f %%\n", "incompressible, kept raw", report->nr_incompressible,
		percent(report->nr_incompressible, report->nr_units));
	fprintf(out, "%-26s %10" PRIu64 " %10.1f %s, %.0f bytes on average\n", "objects", report->nr_objects,
		in_units(report, report->object_bytes), unit_of(report).name, mean);
}

static void put_heading(const char *title, const struct zs_report *report, const char *last, FILE *out)
{
	char text[32];

	snprintf(text, sizeof(text), "%s, %s", title, unit_of(report).name);
	fprintf(out, "\n%-26s %10s %10s %10s %10s %8s%s\n", text, "pages", "metadata", "all", "resident", "density",
		last);
}

static void put_bytes(const struct zs_report *report, bool known, uint64_t bytes, FILE *out)
{
	if (known)
		fprintf(out, " %10.1f", in_units(report, bytes));
	else
		fprintf(out, " %10s", "-");
}

/* Cut, not rounded: never a density that was not reached. */
static void put_density(const struct zs_report_memory *memory, FILE *out)
{
	unsigned int digits = (unsigned int)(zs_report_density(memory) * 10000);

	if (memory->known && memory->payload_bytes)
		fprintf(out, "   %u.%04u", digits / 10000, digits % 10000);
	else
		fprintf(out, " %8s", "-");
}

static void put_memory(const char *name, const struct zs_report *report, const struct zs_report_memory *memory,
		       FILE *out)
{
	fprintf(out, "  %-24s", name);
	put_bytes(report, memory->known && memory->split, memory->pages_bytes, out);
	put_bytes(report, memory->known && memory->split, memory->metadata_bytes, out);
	put_bytes(report, memory->known, memory->total_bytes, out);
	put_bytes(report, memory->known && memory->resident_bytes, memory->resident_bytes, out);
	put_density(memory, out);
}

static void put_full(const char *name, const struct zs_report *report, const struct zs_report_memory *memory, FILE *out)
{
	put_memory(name, report, memory, out);
	if (memory->known && memory->payload_bytes)
		fprintf(out, " %6.2f\n", zs_report_ratio(report, memory));
	else
		fprintf(out, " %6s\n", "-");
}

static void put_freed(const char *name, const struct zs_report *report, const struct zs_report_memory *memory,
		      FILE *out)
{
	put_memory(name, report, memory, out);
	fputc('\n', out);
}

static void put_fill(const struct zs_report *report, FILE *out)
{
	put_heading("all stored", report, "  ratio", out);
	put_full("zsmalloc", report, &report->pool, out);
	put_full("glibc malloc", report, &report->malloc, out);
	put_full("kernel's rules, chain 4", report, &report->kernel4, out);
	put_full("kernel's rules, chain 8", report, &report->kernel8, out);
	put_full("one page each", report, &report->one_page_each, out);
}

static void put_half(const struct zs_report *report, FILE *out)
{
	const struct zs_report_compaction *compaction = &report->compaction;
	const char *unit = unit_of(report).name;
	double seconds = (double)compaction->time_ns / 1e9;

	put_heading("random half freed", report, "", out);
	put_freed("zsmalloc", report, &report->pool_freed, out);
	put_freed("zsmalloc, compacted", report, &report->pool_compacted, out);
	put_freed("glibc malloc", report, &report->malloc_freed, out);
	put_freed("glibc malloc, trimmed", report, &report->malloc_trimmed, out);
	fprintf(out, "  compaction: %" PRIu64 " objects, %.1f %s moved in %.3f s, %.1f %s of pages given back\n",
		compaction->objects_moved, in_units(report, compaction->bytes_moved), unit, seconds,
		in_units(report, compaction->pages_returned * 4096), unit);
}

static void put_speed(const char *name, const struct zs_report *report, const struct zs_report_speed *speed, FILE *out)
{
	double free_ns = report->nr_freed ? (double)speed->free_ns / (double)report->nr_freed : 0;

	fprintf(out, "  %-24s", name);
	if (speed->known)
		fprintf(out, " %10.0f %10.0f %10.0f %10.0f\n", zs_report_mb_per_s(report, speed->store_ns),
			zs_report_mb_per_s(report, speed->load_ns),
			zs_report_mb_per_s(report, speed->store_ns + speed->load_ns), free_ns);
	else
		fprintf(out, " %10s %10s %10s %10s\n", "-", "-", "-", "-");
}

static void put_speeds(const struct zs_report *report, FILE *out)
{
	const struct zs_report_speedup *speedup = &report->speedup;

	fprintf(out, "\n%-26s %10s %10s %10s %10s\n", "speed in MB/s", "store", "load", "end to end", "ns a free");
	put_speed("zsmalloc", report, &report->pool_speed, out);
	put_speed("glibc malloc", report, &report->malloc_speed, out);
	if (report->malloc_speed.known)
		fprintf(out, "  %-24s %10.3f %10.3f %10.3f   (median of batches)\n", "zsmalloc to malloc",
			speedup->store, speedup->load, speedup->end_to_end);
}

static void put_verdict(const struct zs_report *report, FILE *out)
{
	fprintf(out,
		"\n%" PRIu64 " of %" PRIu64 " %s read back, %" PRIu64 " again after compaction: ", report->nr_verified,
		report->nr_units, report->unit_bytes == 4096 ? "pages" : "units", report->nr_verified_compacted);
	if (zs_report_ok(report))
		fputs("every byte came back.\n", out);
	else if (report->nr_bad)
		fprintf(out, "%" PRIu64 " DID NOT COME BACK.\n", report->nr_bad);
	else
		fputs("the pool is DAMAGED, as zs_pool_verify() finds.\n", out);
}

void zs_report_table(const struct zs_report *report, FILE *out)
{
	put_input(report, out);
	put_fill(report, out);
	put_half(report, out);
	put_speeds(report, out);
	put_verdict(report, out);
}
