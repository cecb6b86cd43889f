/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What zs store was asked to do, and the run that does it.
 */
#ifndef ZS_STORE_H
#define ZS_STORE_H

#include <stdbool.h>

#include "unit_options.h"

struct zs_report;

struct zs_store_options {
	struct zs_unit_options units;
	bool json;
	const char *svg_path; /* NULL: no drawing */
};

/*
 * Stores, loads, frees, compacts and compares as options say, and fills report, whose classes the caller frees.
 * false: it could not be done; a message said why, unless it was interrupted.
 */
bool zs_store_run(const struct zs_store_options *options, struct zs_report *report);

#endif
