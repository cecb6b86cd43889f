/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What the kernel has mapped.
 */
#ifndef ZSWAP_MAPPINGS_H
#define ZSWAP_MAPPINGS_H

#include <stdint.h>

/* How all of a range is protected, as for mprotect(); -1: not all of it is mapped, or not alike. pre: not empty */
int zswap_protection_of(uintptr_t start, uintptr_t end);

#endif
