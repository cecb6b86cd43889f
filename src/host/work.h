/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Who hears of zs_host_work() in the userspace hosts, for the layer above the core that tends pools.
 */
#ifndef ZS_HOST_WORK_H
#define ZS_HOST_WORK_H

#include "host.h"

/* From now on zs_host_work() calls work, which must not block. NULL: nobody is called any more. */
void zs_host_on_work(struct zs_source *source, void (*work)(void *ctx), void *ctx);

#endif
