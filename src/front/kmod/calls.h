/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The module's calls as exports.c hands them on: results are 0 or -errno, and what the kernel's header calls a pool is
 * the core's. This header names no member of anything, or the versions of the exported symbols would change.
 */
#ifndef ZS_KMOD_CALLS_H
#define ZS_KMOD_CALLS_H

#include <linux/types.h>

struct zs_pool;

/* A pool or an ERR_PTR. context: may sleep. */
struct zs_pool *zs_kmod_create(const char *name);
/* context: may sleep; nobody uses the pool any more. */
void zs_kmod_destroy(struct zs_pool *pool);

/* Result: 0 with *handle; -EINVAL: size 0, -ENOSPC: above a page, -ENOMEM. context: as gfp allows. */
int zs_kmod_malloc(struct zs_pool *pool, size_t size, gfp_t gfp, unsigned long *handle);
/* context: atomic. */
void zs_kmod_free(struct zs_pool *pool, unsigned long handle);

enum zs_kmod_mode { ZS_KMOD_RW, ZS_KMOD_RO, ZS_KMOD_WO };

/*
 * The object's address, NULL for a bad handle. Until the unmap the caller is in atomic context and maps nothing else on
 * this CPU. context: process, atomic or not.
 */
void *zs_kmod_map(struct zs_pool *pool, unsigned long handle, enum zs_kmod_mode mode);
void zs_kmod_unmap(struct zs_pool *pool, unsigned long handle);

/* Copies between an object and the caller's memory, without a map. Result: 0 or -EINVAL. context: as above. */
int zs_kmod_write(struct zs_pool *pool, unsigned long handle, const void *from, size_t len);
/* local_copy, of a page's length, is used if the object is not in one piece. NULL for a bad handle. */
const void *zs_kmod_read_begin(struct zs_pool *pool, unsigned long handle, void *local_copy);
void zs_kmod_read_end(struct zs_pool *pool, unsigned long handle);

/* Pages given back. context: may sleep. */
unsigned long zs_kmod_compact(struct zs_pool *pool);

/* context: any, no lock is taken. */
unsigned long zs_kmod_total_pages(struct zs_pool *pool);
unsigned long zs_kmod_pages_compacted(struct zs_pool *pool);
size_t zs_kmod_huge_class_size(void);
unsigned int zs_kmod_class_index(size_t size);

#endif
