/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A table of figures as plain lines, as JSON, as Prometheus's text.
 */
#include "metric.h"

#include <inttypes.h>
#include <string.h>

#include "json.h"

static uint64_t value_of(const struct zs_metric *metric, const void *figures)
{
	uint64_t value;

	memcpy(&value, (const char *)figures + metric->offset, sizeof(value));
	return value;
}

static const char *type_name(const struct zs_metric *metric)
{
	return metric->type == ZS_COUNTER ? "counter" : "gauge";
}

void zs_metrics_plain(const struct zs_metrics *metrics, const void *figures, FILE *out)
{
	for (size_t i = 0; i < metrics->nr; i++) {
		const struct zs_metric *metric = &metrics->row[i];

		fprintf(out, "%s\t%" PRIu64 "\t%s\t%s\n", metric->name, value_of(metric, figures), metric->unit,
			type_name(metric));
	}
}

void zs_metrics_json(const struct zs_metrics *metrics, const void *figures, FILE *out)
{
	struct zs_json json;

	zs_json_begin(&json, out);
	for (size_t i = 0; i < metrics->nr; i++)
		zs_json_integer(&json, metrics->row[i].name, value_of(&metrics->row[i], figures));
	zs_json_end(&json);
}

/* The format asks for a backslash before what would end the value. */
static void put_label(const char *value, FILE *out)
{
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			fputc('\\', out);
		fputc(*value == '\n' ? ' ' : *value, out);
	}
}

/* A name says its unit, if it is one of Prometheus's, and whether it only grows. */
static void put_name(const struct zs_metrics *metrics, const struct zs_metric *metric, FILE *out)
{
	fprintf(out, "%s_%s%s%s", metrics->prefix, metric->name,
		!strcmp(metric->unit, "bytes") && !strstr(metric->name, "bytes") ? "_bytes" : "",
		metric->type == ZS_COUNTER ? "_total" : "");
}

void zs_metrics_prometheus(const struct zs_metrics *metrics, const void *figures, const char *instance, FILE *out)
{
	for (size_t i = 0; i < metrics->nr; i++) {
		const struct zs_metric *metric = &metrics->row[i];

		fputs("# HELP ", out);
		put_name(metrics, metric, out);
		fprintf(out, " %s (%s)\n# TYPE ", metric->help, metric->unit);
		put_name(metrics, metric, out);
		fprintf(out, " %s\n", type_name(metric));
		put_name(metrics, metric, out);
		fputs("{name=\"", out);
		put_label(instance, out);
		fprintf(out, "\"} %" PRIu64 "\n", value_of(metric, figures));
	}
}

bool zs_metrics_tell(const struct zs_metrics *metrics, const void *figures, const char *form, const char *instance,
		     FILE *out)
{
	if (!strcmp(form, "plain"))
		zs_metrics_plain(metrics, figures, out);
	else if (!strcmp(form, "json"))
		zs_metrics_json(metrics, figures, out);
	else if (!strcmp(form, "prometheus"))
		zs_metrics_prometheus(metrics, figures, instance, out);
	else
		return fputs("figures come as plain, json or prometheus", out), false;
	return true;
}
