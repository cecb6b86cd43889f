/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The figures that an engine tells of itself: one table, from which all ways of showing them are made.
 *
 * Prometheus's text is version 0.0.4 of its exposition format; a counter's name ends in _total there.
 */
#ifndef ZS_METRIC_H
#define ZS_METRIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum zs_metric_type {
	ZS_GAUGE,   /* goes up and down */
	ZS_COUNTER, /* only goes up */
};

struct zs_metric {
	const char *name;
	const char *unit; /* "bytes", "pages", "requests", … */
	enum zs_metric_type type;
	const char *help;
	size_t offset; /* of its uint64_t in the engine's figures */
};

/* A row of a table: for a member of the structure of its figures. */
#define ZS_METRIC(of_name, of_struct, member, of_unit, of_type, text)                                                  \
	{                                                                                                              \
		.name = of_name, .unit = of_unit, .type = of_type, .help = text, .offset = offsetof(of_struct, member) \
	}

/* An engine's table; figures is the structure that the offsets are of. */
struct zs_metrics {
	const char *prefix; /* of names where engines are not told apart otherwise: "zram" */
	const struct zs_metric *row;
	size_t nr;
};

/* A line for each: name, value, unit and type, with tabs between them. For programs that read one line at a time. */
void zs_metrics_plain(const struct zs_metrics *metrics, const void *figures, FILE *out);

/* One JSON object. */
void zs_metrics_json(const struct zs_metrics *metrics, const void *figures, FILE *out);

/* instance is the value of the label "name". */
void zs_metrics_prometheus(const struct zs_metrics *metrics, const void *figures, const char *instance, FILE *out);

/* In the form "plain", "json" or "prometheus". Result: false: it is none of these, which is said. */
bool zs_metrics_tell(const struct zs_metrics *metrics, const void *figures, const char *form, const char *instance,
		     FILE *out);

#endif
