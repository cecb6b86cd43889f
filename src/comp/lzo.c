/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The LZO codec: LZO1X-1 by liblzo2, which is GPL-2.0, so that a program with this file in it is, too.
 *
 * The library's compressor knows no limit of its output: it works in a buffer of the context, which is copied from.
 */
#include "comp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <lzo/lzo1x.h>

struct lzo_ctx {
	unsigned char *out;
	size_t max_len;
	lzo_align_t work[(LZO1X_1_MEM_COMPRESS + sizeof(lzo_align_t) - 1) / sizeof(lzo_align_t)];
};

static size_t lzo_bound(size_t src_len)
{
	return src_len + src_len / 16 + 64 + 3;
}

static void lzo_destroy(void *ptr)
{
	struct lzo_ctx *ctx = ptr;

	if (!ctx)
		return;
	free(ctx->out);
	free(ctx);
}

static void *lzo_create(int level, size_t max_len)
{
	struct lzo_ctx *ctx;

	(void)level;
	if (lzo_init() != LZO_E_OK)
		return NULL;
	ctx = calloc(1, sizeof(*ctx));
	if (!ctx)
		return NULL;
	ctx->max_len = max_len;
	ctx->out = malloc(lzo_bound(max_len));
	if (!ctx->out) {
		lzo_destroy(ctx);
		return NULL;
	}
	return ctx;
}

static ssize_t lzo_compress(void *ptr, const void *src, size_t src_len, void *dst, size_t dst_cap)
{
	struct lzo_ctx *ctx = ptr;
	lzo_uint len;

	if (src_len > ctx->max_len || lzo1x_1_compress(src, src_len, ctx->out, &len, ctx->work) != LZO_E_OK)
		return -EIO;
	if (len > dst_cap)
		return -ENOSPC;
	memcpy(dst, ctx->out, len);
	return (ssize_t)len;
}

static ssize_t lzo_decompress(void *ptr, const void *src, size_t src_len, void *dst, size_t dst_cap)
{
	lzo_uint len = dst_cap;

	(void)ptr;
	return lzo1x_decompress_safe(src, src_len, dst, &len, NULL) == LZO_E_OK ? (ssize_t)len : -EIO;
}

static size_t lzo_size(const void *ptr)
{
	const struct lzo_ctx *ctx = ptr;

	return sizeof(*ctx) + lzo_bound(ctx->max_len);
}

const struct zs_comp zs_comp_lzo = {
	.name = "lzo",
	.bound = lzo_bound,
	.create = lzo_create,
	.compress = lzo_compress,
	.decompress = lzo_decompress,
	.size = lzo_size,
	.destroy = lzo_destroy,
};
