/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What the kernel's memory compaction calls when it wants a page of ours elsewhere.
 */
#ifndef ZS_KMOD_MIGRATION_H
#define ZS_KMOD_MIGRATION_H

#include "kernel_source.h"

extern const struct movable_operations zs_kmod_movable;

#endif
