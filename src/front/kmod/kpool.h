/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A pool in the kernel: the core's, and what the kernel has of it. The core's is what callers hold; it knows this one
 * as the ctx of its on_error.
 */
#ifndef ZS_KMOD_KPOOL_H
#define ZS_KMOD_KPOOL_H

#include "calls.h"
#include "compat.h"
#include "pool.h"

#include <linux/debugfs.h>
#include <linux/shrinker.h>

struct zs_kpool {
	struct zs_pool *core;
	struct zs_source *source;
#if ZS_SHRINKER_IS_ALLOCATED
	struct shrinker *shrinker;
#else
	struct shrinker shrinker;
#endif
	struct dentry *debugfs;  /* the pool's folder; an error pointer is fine there */
	atomic_long_t lru_bytes; /* metadata of the zpool driver, for the statistics */
};

static inline struct zs_kpool *zs_kpool_of(const struct zs_pool *pool)
{
	return pool->ctx;
}

#endif
