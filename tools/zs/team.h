/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A team of threads that share a range of items: the caller is one of them.
 */
#ifndef ZS_TEAM_H
#define ZS_TEAM_H

#include <stddef.h>

struct zs_team;

/* Works on items [first, end). thread: 0 is the caller. */
typedef void zs_team_fn(void *arg, unsigned int thread, size_t first, size_t end);

/* NULL with errno: the threads could not be had. */
struct zs_team *zs_team_create(unsigned int nr_threads);
void zs_team_destroy(struct zs_team *team);

/* Calls fn for pieces of [first, end) until all is done. Returns the time that took, in nanoseconds. */
unsigned long long zs_team_run(struct zs_team *team, zs_team_fn *fn, void *arg, size_t first, size_t end);

#endif
