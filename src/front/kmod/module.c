/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The module's beginning and end. It cannot be unloaded while somebody has a pool: who calls its symbols holds it.
 */
#include <linux/module.h>

#include "kernel_source.h"
#include "statistics.h"
#include "zpool_driver.h"

static int __init zs_kmod_init(void)
{
	int err = zs_kernel_windows_create();

	if (err)
		return err;
	zs_kmod_show();
	zs_kmod_register_zpool();
	return 0;
}

static void __exit zs_kmod_exit(void)
{
	zs_kmod_unregister_zpool();
	zs_kmod_hide();
	zs_kernel_windows_destroy();
	zs_kernel_pages_flush();
}

module_init(zs_kmod_init);
module_exit(zs_kmod_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_DESCRIPTION("Allocator for compressed pages: zsmalloc with zspages that grow on demand");
MODULE_VERSION("0.1.0");
