/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The figures of compressed memory, as a table; they are of struct zswap_figures.
 */
#ifndef ZSWAP_METRICS_H
#define ZSWAP_METRICS_H

#include "metric.h"

extern const struct zs_metrics zswap_metrics;

#endif
