/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Tending a pool in the background: what somebody does now and then so that who allocates and frees does not have to.
 *
 * Empty pages beyond the pool's allowance go to the system, many at a time. Objects are moved together while the pages
 * that this could empty are more than a share of all: what only a few pages would be gained by is left alone, since
 * new objects fill the holes too. What is moved at once is bounded, so the caller sets the pace; a pool that has shrunk
 * is in haste. Where moving objects to holes is not enough, the pool is compacted, a little at a time.
 *
 * Such a pool (zs_pool_config.is_tended) leaves returning pages to this, up to a bound (see memory.h), and says by
 * zs_host_work() when there may be something to do.
 */
#ifndef ZS_CORE_TEND_H
#define ZS_CORE_TEND_H

#include "pool.h"

#define ZS_TEND_SHARE_SHIFT 16

struct zs_tend_plan {
	uint32_t loose_share; /* of the pool's pages, in 2^-16: up to that many could be emptied and are not */
	uint64_t max_bytes;   /* moved in one call, but for a last object */
};

/* So many times as much is moved where much could be emptied. */
#define ZS_TEND_HASTE 4u

/* Result: whether there may be more to do soon. context: no lock; one thread at a time for a pool. */
bool zs_pool_tend(struct zs_pool *pool, const struct zs_tend_plan *plan);

#endif
