/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The shrinker: under memory pressure the kernel has a pool compacted. It never evicts an object.
 */
#ifndef ZS_KMOD_RECLAIM_H
#define ZS_KMOD_RECLAIM_H

struct zs_kpool;

/* Result: 0 or -ENOMEM. context: may sleep. */
int zs_kmod_add_shrinker(struct zs_kpool *kpool);
void zs_kmod_remove_shrinker(struct zs_kpool *kpool);

#endif
