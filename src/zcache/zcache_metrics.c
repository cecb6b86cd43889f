/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What the figures of a cache are.
 */
#include "zcache_metrics.h"

#include "zcache.h"

#define ROW(member, unit, type, help) ZS_METRIC(#member, struct zcache_stats, member, unit, type, help)

static const struct zs_metric rows[] = {
	ROW(limit_bytes, "bytes", ZS_GAUGE, "most that all memory may be"),
	ROW(total_bytes, "bytes", ZS_GAUGE, "all memory in use"),
	ROW(values, "values", ZS_GAUGE, "values that can be found"),
	ROW(value_bytes, "bytes", ZS_GAUGE, "what they are, as they were put"),
	ROW(stored_bytes, "bytes", ZS_GAUGE, "what they are as they are stored"),
	ROW(index_bytes, "bytes", ZS_GAUGE, "memory for finding them, part of all memory"),
	ROW(ghosts, "keys", ZS_GAUGE, "keys remembered of values that are gone"),
	ROW(hits, "gets", ZS_COUNTER, "gets that found a value"),
	ROW(misses, "gets", ZS_COUNTER, "gets that found none"),
	ROW(puts, "puts", ZS_COUNTER, "puts that stored a value"),
	ROW(stale_puts, "puts", ZS_COUNTER, "puts refused, since what they knew was not true any more"),
	ROW(failed_puts, "puts", ZS_COUNTER, "puts that found no room"),
	ROW(evicted, "values", ZS_COUNTER, "values dropped to make room"),
	ROW(flushed, "values", ZS_COUNTER, "values dropped by flushes, and with their pools"),
	ROW(taken, "values", ZS_COUNTER, "values given to exclusive gets"),
	ROW(ghost_hits, "puts", ZS_COUNTER, "puts of keys that were remembered"),
	ROW(pressure_events, "events", ZS_COUNTER, "times that memory was given back for want of it"),
};

const struct zs_metrics zcache_metrics = { .prefix = "zcache", .row = rows, .nr = sizeof(rows) / sizeof(rows[0]) };
