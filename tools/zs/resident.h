/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What the system says a process occupies.
 */
#ifndef ZS_RESIDENT_H
#define ZS_RESIDENT_H

#include <stdint.h>

/* Resident anonymous memory of this process in bytes, shared mappings excluded; 0: the system does not tell. */
uint64_t zs_resident_bytes(void);

#endif
