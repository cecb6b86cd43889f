/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * zs KIND top: all processes of a kind, over and over, a line for each.
 */
#ifndef ZS_TOP_H
#define ZS_TOP_H

#include <stdint.h>

#include "ask.h"
#include "figures.h"

#define ZS_TOP_COUNTERS 5

struct zs_top_of {
	const char *kind; /* of process, and the command's name */
	const char *head; /* the line above all */
	/* What has been counted, of which the rates are told; as many as the kind has. */
	void (*count)(const struct zs_figures *figures, uint64_t *counters);
	/* The beginning of a line, and its end: rates in a second, NULL when it is seen for the first time. */
	void (*print)(const struct zs_found *found, const struct zs_figures *figures);
	void (*print_rates)(const double *rates);
};

/* The words of the subcommand. Result: the exit status. */
int zs_top(const struct zs_top_of *of, int argc, char **argv);

#endif
