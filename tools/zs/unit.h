/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A unit: what is compressed alone, a power of two from 4 to 64 KiB.
 */
#ifndef ZS_UNIT_H
#define ZS_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "comp.h"

/* Whether one 64-bit word fills it: then that word is all there is to keep. */
bool zs_unit_is_same_filled(const unsigned char *unit, size_t unit_bytes);

/* The size from which a unit is kept raw, since compression gains no memory; 0: no memory to find out. */
size_t zs_unit_raw_limit(size_t unit_bytes);

/*
 * Compresses a unit into out, which has room for a unit. Returns the bytes in out; unit_bytes: it reaches limit_bytes
 * and is kept raw, and what is in out means nothing; or -EIO.
 */
ssize_t zs_unit_compress(const struct zs_comp *comp, void *codec, const unsigned char *unit, size_t unit_bytes,
			 size_t limit_bytes, unsigned char *out);

#endif
