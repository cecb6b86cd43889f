/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The thread that tends a pool, if its options ask for one.
 */
#ifndef ZS_API_COMPACTOR_H
#define ZS_API_COMPACTOR_H

#include "tend.h"

struct zs_compactor;

/* Starts it. Result: 0, or a negative errno: no memory, or no thread. */
int zs_compactor_start(struct zs_pool *pool, const struct zs_tend_plan *plan, struct zs_compactor **compactor);

/* Ends it; NULL is fine. In a child of fork(), where there is no such thread, only its memory goes. */
void zs_compactor_stop(struct zs_compactor *compactor);

#endif
