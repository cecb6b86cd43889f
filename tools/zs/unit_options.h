/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The options that zs store and zs trace share: what is read, how it is cut and compressed, by how many threads.
 */
#ifndef ZS_UNIT_OPTIONS_H
#define ZS_UNIT_OPTIONS_H

#include <stddef.h>

#include "comp.h"

#define ZS_UNIT_OPTION_LETTERS "c:u:j:n:"

struct zs_unit_options {
	struct zs_comp_spec codec;
	const char *codec_text;
	size_t unit_bytes;
	unsigned int nr_threads;
	size_t limit_units;
	char *const *paths;
	size_t nr_paths;
};

void zs_unit_options_init(struct zs_unit_options *options);

/*
 * Takes the value of -c, -u, -j or -n, or reports any other option as getopt_long() returned it.
 * Returns 0, or ZS_EXIT_USAGE after a message.
 */
int zs_unit_options_set(struct zs_unit_options *options, const char *command, int option, char **argv);

/* The paths that are left of the arguments, or the default ones, of which 2 GiB are read unless -n says otherwise. */
void zs_unit_options_set_paths(struct zs_unit_options *options, int argc, char **argv);

#endif
