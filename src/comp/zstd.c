/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The Zstandard codec: one frame a unit, without checksum, by libzstd. A context holds both directions and the level.
 */
#include "comp.h"

#include <errno.h>
#include <stdlib.h>

#include <zstd.h>
#include <zstd_errors.h>

struct zstd_ctx {
	ZSTD_CCtx *compressor;
	ZSTD_DCtx *decompressor;
	int level;
};

static size_t zstd_bound(size_t src_len)
{
	return ZSTD_compressBound(src_len);
}

static void zstd_destroy(void *ptr)
{
	struct zstd_ctx *ctx = ptr;

	if (!ctx)
		return;
	ZSTD_freeCCtx(ctx->compressor);
	ZSTD_freeDCtx(ctx->decompressor);
	free(ctx);
}

static void *zstd_create(int level, size_t max_len)
{
	struct zstd_ctx *ctx = calloc(1, sizeof(*ctx));

	(void)max_len;
	if (!ctx)
		return NULL;
	ctx->level = level;
	ctx->compressor = ZSTD_createCCtx();
	ctx->decompressor = ZSTD_createDCtx();
	if (!ctx->compressor || !ctx->decompressor) {
		zstd_destroy(ctx);
		return NULL;
	}
	return ctx;
}

static ssize_t zstd_compress(void *ptr, const void *src, size_t src_len, void *dst, size_t dst_cap)
{
	struct zstd_ctx *ctx = ptr;
	size_t len = ZSTD_compressCCtx(ctx->compressor, dst, dst_cap, src, src_len, ctx->level);

	if (!ZSTD_isError(len))
		return (ssize_t)len;
	switch (ZSTD_getErrorCode(len)) {
	case ZSTD_error_dstSize_tooSmall: return -ENOSPC;
	case ZSTD_error_memory_allocation: return -ENOMEM; /* it is taken when a context is first used */
	default: return -EIO;
	}
}

static ssize_t zstd_decompress(void *ptr, const void *src, size_t src_len, void *dst, size_t dst_cap)
{
	struct zstd_ctx *ctx = ptr;
	size_t len = ZSTD_decompressDCtx(ctx->decompressor, dst, dst_cap, src, src_len);

	return ZSTD_isError(len) ? -EIO : (ssize_t)len;
}

static size_t zstd_size(const void *ptr)
{
	const struct zstd_ctx *ctx = ptr;

	return sizeof(*ctx) + ZSTD_sizeof_CCtx(ctx->compressor) + ZSTD_sizeof_DCtx(ctx->decompressor);
}

const struct zs_comp zs_comp_zstd = {
	.name = "zstd",
	.level_min = -100,
	.level_max = 22,
	.level_default = ZSTD_CLEVEL_DEFAULT,
	.bound = zstd_bound,
	.create = zstd_create,
	.compress = zstd_compress,
	.decompress = zstd_decompress,
	.size = zstd_size,
	.destroy = zstd_destroy,
};
