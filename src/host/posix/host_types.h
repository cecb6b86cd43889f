/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The types of the host contract: those of a process.
 */
#include "../process_types.h"
