/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The same loop over malloc, in a child process of its own, which works only when it is asked to.
 */
#ifndef ZS_MALLOC_PEER_H
#define ZS_MALLOC_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zs_loop_plan;
struct zs_malloc_peer;

/* pre: this process has one thread. NULL, with a message: the comparison has to do without. */
struct zs_malloc_peer *zs_malloc_peer_start(const struct zs_loop_plan *plan);
void zs_malloc_peer_stop(struct zs_malloc_peer *peer);

/* Each returns false, with a message once, when the child is lost; peer may be NULL, which is the same. */
/* *ns: what that batch took. */
bool zs_malloc_peer_store(struct zs_malloc_peer *peer, size_t first, size_t end, uint64_t *ns);
bool zs_malloc_peer_load(struct zs_malloc_peer *peer, size_t first, size_t end, uint64_t *ns);
bool zs_malloc_peer_free_half(struct zs_malloc_peer *peer, size_t nr_units);
bool zs_malloc_peer_trim(struct zs_malloc_peer *peer);

struct zs_malloc_peer_state {
	uint64_t grown_bytes; /* resident memory that came since the start; 0: unknown */
	uint64_t store_ns;
	uint64_t load_ns;
	uint64_t free_ns;
};
bool zs_malloc_peer_state(struct zs_malloc_peer *peer, struct zs_malloc_peer_state *state);

#endif
