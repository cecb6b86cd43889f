/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The list of files that a run reads: what paths name, walked and sorted.
 */
#ifndef ZS_FILES_H
#define ZS_FILES_H

#include <stddef.h>
#include <stdint.h>

struct zs_file {
	char *path;
	uint64_t size_bytes; /* when it was found */
	size_t first_unit;   /* set while it is read; SIZE_MAX: not read */
};

struct zs_files {
	struct zs_file *file;
	size_t nr;
	size_t capacity;
	size_t nr_skipped; /* each was named in a message */
};

/*
 * Appends the files that path names: itself, or the regular files below it, in byte order of their paths. Symbolic
 * links below it are not followed. What cannot be read is skipped, counted and told. Returns 0 or ENOMEM.
 */
int zs_files_add(struct zs_files *files, const char *path);
void zs_files_destroy(struct zs_files *files);

#endif
