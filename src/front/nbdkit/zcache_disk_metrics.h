/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The figures of a cached disk, as a table; they are of struct zcache_disk_stats.
 */
#ifndef ZCACHE_DISK_METRICS_H
#define ZCACHE_DISK_METRICS_H

#include "metric.h"

/* Its own, and then those of the cache. context: any thread, once one has called it */
const struct zs_metrics *zcache_disk_metrics(void);

#endif
