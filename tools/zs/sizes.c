/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Reading and writing traces.
 */
#include "sizes.h"

#include <errno.h>
#include <stdlib.h>

enum { LARGEST = 65536 };

/* Appends what a stream holds. */
static int read_stream(struct zs_sizes *sizes, FILE *in)
{
	unsigned char pair[2];
	size_t capacity = 0, got;

	while ((got = fread(pair, 1, sizeof(pair), in)) == sizeof(pair)) {
		uint32_t bytes = pair[0] | (uint32_t)pair[1] << 8;

		if (sizes->nr == capacity) {
			uint32_t *larger =
				reallocarray(sizes->bytes, capacity = capacity ? 2 * capacity : 4096, sizeof(*larger));

			if (!larger)
				return ENOMEM;
			sizes->bytes = larger;
		}
		bytes = bytes ? bytes : LARGEST;
		sizes->bytes[sizes->nr++] = bytes;
		if (bytes > sizes->max_bytes)
			sizes->max_bytes = bytes;
	}
	if (ferror(in))
		return errno ? errno : EIO;
	return got || !sizes->nr ? EINVAL : 0;
}

int zs_sizes_read(struct zs_sizes *sizes, const char *path)
{
	FILE *in = fopen(path, "re");
	int err;

	*sizes = (struct zs_sizes){ .nr = 0 };
	if (!in)
		return errno;
	errno = 0;
	err = read_stream(sizes, in);
	fclose(in);
	if (err)
		zs_sizes_free(sizes);
	return err;
}

void zs_sizes_free(struct zs_sizes *sizes)
{
	free(sizes->bytes);
	sizes->bytes = NULL;
	sizes->nr = 0;
}

int zs_sizes_write(FILE *out, const uint32_t *bytes, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		putc((int)(bytes[i] & 0xff), out);
		putc((int)(bytes[i] >> 8 & 0xff), out);
	}
	return !ferror(out);
}
