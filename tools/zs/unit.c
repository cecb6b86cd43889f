/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Units: what zs store keeps and zs trace measures.
 */
#include "unit.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "zsmalloc.h"

/* Every word is like the first if each is like the one before. */
bool zs_unit_is_same_filled(const unsigned char *unit, size_t unit_bytes)
{
	return !memcmp(unit, unit + sizeof(uint64_t), unit_bytes - sizeof(uint64_t));
}

size_t zs_unit_raw_limit(size_t unit_bytes)
{
	struct zs_pool *pool;
	size_t huge;

	if (unit_bytes != ZS_PAGE_BYTES)
		return unit_bytes;
	pool = zs_create_pool(0, NULL);
	if (!pool)
		return 0;
	huge = zs_huge_class_size(pool);
	zs_destroy_pool(pool);
	return huge < unit_bytes ? huge : unit_bytes;
}

ssize_t zs_unit_compress(const struct zs_comp *comp, void *codec, const unsigned char *unit, size_t unit_bytes,
			 size_t limit_bytes, unsigned char *out)
{
	ssize_t len = comp->compress(codec, unit, unit_bytes, out, limit_bytes - 1);

	if (len == -ENOSPC)
		return (ssize_t)unit_bytes;
	return len > 0 ? len : -EIO;
}
