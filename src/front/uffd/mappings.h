/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What the kernel has mapped, and how it is protected.
 */
#ifndef ZSWAP_MAPPINGS_H
#define ZSWAP_MAPPINGS_H

#include <stdbool.h>
#include <stdint.h>

struct zswap_mapping {
	uintptr_t start;
	uintptr_t end;
	int protection; /* as for mprotect() */
};

/* The first mapping in a range, cut to it. Result: whether there is one, as far as can be told. */
bool zswap_mapping_next(uintptr_t start, uintptr_t end, struct zswap_mapping *mapping);

/* How all of a range is protected, as for mprotect(); -1: not all of it is mapped, or not alike. pre: not empty */
int zswap_protection_of(uintptr_t start, uintptr_t end);

#endif
