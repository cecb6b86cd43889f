/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The types of the host contract: those of a process, with pages of any size. -DZS_HOST_TABLES=0 simulates a host
 * without tables, such as the kernel.
 */
#ifndef ZS_SIM_HOST_TYPES_H
#define ZS_SIM_HOST_TYPES_H

#include "../process_types.h"

#define ZS_HOST_MAX_PAGE_SHIFT 16

#endif
