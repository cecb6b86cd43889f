/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The figures of a cache, as a table; they are of struct zcache_stats.
 */
#ifndef ZCACHE_METRICS_H
#define ZCACHE_METRICS_H

#include "metric.h"

extern const struct zs_metrics zcache_metrics;

#endif
