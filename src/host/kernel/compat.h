/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What differs between the kernels that the module knows, each difference once. Compiled and run: 6.1; compiled: 6.12.
 */
#ifndef ZS_KERNEL_COMPAT_H
#define ZS_KERNEL_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "zsmalloc needs Linux 6.1 or later: movable_operations and named shrinkers are not there before"
#endif

/* Before 6.5 a zpool driver evicts objects through its user; since then zswap keeps the list of its entries itself. */
#define ZS_ZPOOL_EVICTS (LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0))

/* Since 6.9 a zpool tells its size in pages, before that in bytes. */
#define ZS_ZPOOL_COUNTS_PAGES (LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0))

/* Since 6.2 zram asks which class a size belongs to. */
#define ZS_HAS_CLASS_INDEX (LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0))

/* What zs_malloc() says of a size above a page: -EINVAL in 6.1, -ENOSPC in 6.12; it changed somewhere in between. */
#define ZS_TOO_LARGE_IS_ENOSPC (LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0))

/* Since 6.15 objects are read and written by copy or in place; before that they are mapped. */
#define ZS_OBJECTS_ARE_MAPPED (LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0))

/* Since 6.16 an allocation may name a node. */
#define ZS_MALLOC_HAS_NODE (LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0))

/* Before 6.12 a caller of migration may want to copy by itself, which movable pages do not support. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#define ZS_MIGRATION_MAY_COPY(mode) ((mode) != MIGRATE_SYNC_NO_COPY)
#else
#define ZS_MIGRATION_MAY_COPY(mode) true
#endif

/* Since 6.7 shrinkers are allocated. */
#define ZS_SHRINKER_IS_ALLOCATED (LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0))

#endif
