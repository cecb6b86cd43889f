/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * zs KIND stat: the figures of one process that runs.
 */
#ifndef ZS_STAT_H
#define ZS_STAT_H

#include <stdint.h>

#include "figures.h"

struct zs_stat_of {
	const char *kind;                                       /* of process, and the command's name */
	void (*print_shares)(const struct zs_figures *figures); /* what people want to know besides */
};

/* The words of the subcommand. Result: the exit status. */
int zs_stat(const struct zs_stat_of *of, int argc, char **argv);

/* A line of print_shares; nothing if there is no whole. */
void zs_stat_share(const char *name, uint64_t part, uint64_t whole, const char *meaning);

#endif
