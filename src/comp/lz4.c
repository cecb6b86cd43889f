/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The LZ4 codec: the block format by liblz4. A context is the compressor's hash table, kept off the stack.
 */
#include "comp.h"

#include <errno.h>
#include <stdlib.h>

#include <lz4.h>

static size_t lz4_bound(size_t src_len)
{
	return (size_t)LZ4_compressBound((int)src_len);
}

static void *lz4_create(int level, size_t max_len)
{
	(void)level;
	(void)max_len;
	return malloc((size_t)LZ4_sizeofState());
}

static ssize_t lz4_compress(void *ctx, const void *src, size_t src_len, void *dst, size_t dst_cap)
{
	int len = LZ4_compress_fast_extState(ctx, src, dst, (int)src_len, (int)dst_cap, 1);

	return len > 0 ? len : -ENOSPC;
}

static ssize_t lz4_decompress(void *ctx, const void *src, size_t src_len, void *dst, size_t dst_cap)
{
	int len = LZ4_decompress_safe(src, dst, (int)src_len, (int)dst_cap);

	(void)ctx;
	return len >= 0 ? len : -EIO;
}

static size_t lz4_size(const void *ctx)
{
	(void)ctx;
	return (size_t)LZ4_sizeofState();
}

const struct zs_comp zs_comp_lz4 = {
	.name = "lz4",
	.bound = lz4_bound,
	.create = lz4_create,
	.compress = lz4_compress,
	.decompress = lz4_decompress,
	.size = lz4_size,
	.destroy = free,
};
