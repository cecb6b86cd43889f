/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The zpool driver "zsmalloc", through which zswap comes. Where the kernel has no zpool there is none.
 */
#ifndef ZS_KMOD_ZPOOL_DRIVER_H
#define ZS_KMOD_ZPOOL_DRIVER_H

#ifdef CONFIG_ZPOOL
void zs_kmod_register_zpool(void);
void zs_kmod_unregister_zpool(void);
#else
static inline void zs_kmod_register_zpool(void)
{
}

static inline void zs_kmod_unregister_zpool(void)
{
}
#endif

#endif
