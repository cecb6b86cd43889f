/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The invariants of a pool, checked by walking all of it.
 */
#ifndef ZS_CORE_VERIFY_H
#define ZS_CORE_VERIFY_H

struct zs_pool;

/* Result: 0, or -EIO with on_error told what is damaged. May run beside everything else. context: no lock. */
int zs_pool_check(struct zs_pool *pool);

#endif
