/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Tables of figures, as plain lines, JSON and Prometheus's text.
 */
#include "unit.h"

#include "metric.h"

struct figures {
	uint64_t used;
	uint64_t requests;
	uint64_t bytes_read;
};

static const struct zs_metric rows[] = {
	{ "used", "bytes", ZS_GAUGE, "memory", offsetof(struct figures, used) },
	{ "requests", "requests", ZS_COUNTER, "all that came", offsetof(struct figures, requests) },
	{ "bytes_read", "bytes", ZS_COUNTER, "what was read", offsetof(struct figures, bytes_read) },
};

static const struct zs_metrics metrics = { .prefix = "test", .row = rows, .nr = NR_OF(rows) };
static const struct figures figures = { .used = 4096, .requests = UINT64_MAX };

static char text[1024];

static FILE *open_text(void)
{
	memset(text, 0, sizeof(text));
	return fmemopen(text, sizeof(text), "w");
}

static void plain(void **state)
{
	FILE *out = open_text();

	(void)state;
	zs_metrics_plain(&metrics, &figures, out);
	fclose(out);
	assert_string_equal(text, "used\t4096\tbytes\tgauge\n"
				  "requests\t18446744073709551615\trequests\tcounter\n"
				  "bytes_read\t0\tbytes\tcounter\n");
}

static void json(void **state)
{
	FILE *out = open_text();

	(void)state;
	zs_metrics_json(&metrics, &figures, out);
	fclose(out);
	assert_string_equal(text,
			    "{\n\t\"used\": 4096,\n\t\"requests\": 18446744073709551615,\n\t\"bytes_read\": 0\n}\n");
}

static void prometheus(void **state)
{
	FILE *out = open_text();

	(void)state;
	zs_metrics_prometheus(&metrics, &figures, "a\"b\\c\nd", out);
	fclose(out);
	assert_string_equal(text, "# HELP test_used_bytes memory (bytes)\n"
				  "# TYPE test_used_bytes gauge\n"
				  "test_used_bytes{name=\"a\\\"b\\\\c d\"} 4096\n"
				  "# HELP test_requests_total all that came (requests)\n"
				  "# TYPE test_requests_total counter\n"
				  "test_requests_total{name=\"a\\\"b\\\\c d\"} 18446744073709551615\n"
				  "# HELP test_bytes_read_total what was read (bytes)\n"
				  "# TYPE test_bytes_read_total counter\n"
				  "test_bytes_read_total{name=\"a\\\"b\\\\c d\"} 0\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),
		cmocka_unit_test(json),
		cmocka_unit_test(prometheus),
	};

	return cmocka_run_group_tests_name("metric", tests, NULL, NULL);
}
