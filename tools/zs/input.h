/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Cuts files into units: the last unit of a file is filled up with zeros.
 */
#ifndef ZS_INPUT_H
#define ZS_INPUT_H

#include <stddef.h>

#include "files.h"

struct zs_input {
	struct zs_files *files;
	size_t unit_bytes;
	size_t next_file;
	int fd;           /* of the file before next_file; -1: none */
	size_t nr_units;  /* read so far */
	size_t max_units; /* to be read in all */
	size_t nr_files;  /* that were opened */
};

/* Reads at most limit_units in all. Sets input->max_units to what the files' sizes promise, that at most. */
void zs_input_open(struct zs_input *input, struct zs_files *files, size_t unit_bytes, size_t limit_units);
/* Reads up to nr units into buffer. Returns how many; 0: the end. What cannot be read is skipped, counted and told. */
size_t zs_input_read(struct zs_input *input, unsigned char *buffer, size_t nr);
void zs_input_close(struct zs_input *input);

/* The file that a unit is of, for messages. */
const struct zs_file *zs_input_file_of(const struct zs_input *input, size_t unit);

#endif
