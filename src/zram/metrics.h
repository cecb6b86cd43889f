/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The table of a disk's figures, of struct zram_stats.
 */
#ifndef ZRAM_METRICS_H
#define ZRAM_METRICS_H

#include "metric.h"

extern const struct zs_metrics zram_metrics;

#endif
