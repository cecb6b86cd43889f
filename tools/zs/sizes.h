/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A trace: the sizes of objects in the order in which they were met. In a file each is 16 bits, little endian, in
 * bytes; 0 stands for 65536. Nothing else is in the file.
 */
#ifndef ZS_SIZES_H
#define ZS_SIZES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct zs_sizes {
	uint32_t *bytes; /* 1 to 65536 each */
	size_t nr;
	uint32_t max_bytes; /* the largest */
};

/* Result: 0 or a positive errno; EINVAL: its length is odd, or it is empty. */
int zs_sizes_read(struct zs_sizes *sizes, const char *path);
void zs_sizes_free(struct zs_sizes *sizes);

/* Result: whether the stream took it; else ferror() is set. */
int zs_sizes_write(FILE *out, const uint32_t *bytes, size_t nr);

#endif
