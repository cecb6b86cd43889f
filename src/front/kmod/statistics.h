/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * /sys/kernel/debug/zsmalloc: a folder for each pool, with the file "classes" in the columns of the kernel's own
 * zsmalloc, and the file "pool" with the totals and the metadata.
 */
#ifndef ZS_KMOD_STATISTICS_H
#define ZS_KMOD_STATISTICS_H

struct zs_kpool;

/* The folder of all pools. Without debugfs nothing is shown and nothing fails. */
void zs_kmod_show(void);
void zs_kmod_hide(void);

void zs_kmod_show_pool(struct zs_kpool *kpool);
/* Afterwards nobody reads the pool's files any more. context: may sleep. */
void zs_kmod_hide_pool(struct zs_kpool *kpool);

#endif
