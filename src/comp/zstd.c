/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The Zstandard codec: one frame a unit, without checksum, by libzstd. A context holds both directions and the level.
 *
 * Contexts have pages of their own. The library makes them anew now and then, smaller or larger, as units need; of that
 * malloc() would keep parts, in the arena of each thread that had the context, which nobody counts. How to give it
 * memory is among the calls that it does not promise to keep, but it has kept them since its first version.
 */
#define ZSTD_STATIC_LINKING_ONLY
#include "comp.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <zstd.h>
#include <zstd_errors.h>

struct zstd_ctx {
	ZSTD_CCtx *compressor;
	ZSTD_DCtx *decompressor;
	int level;
};

/* ---- memory ---- */

/* The length of a piece stands before it; what follows is aligned as a line of the cache. */
#define HEAD_BYTES 64u
/* A context has two pieces of memory at most in each direction; each has a head and fills its last page. */
#define MOST_PIECES 4u

static void *piece_alloc(void *opaque, size_t bytes)
{
	size_t *piece = mmap(NULL, bytes + HEAD_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)opaque;
	if (piece == MAP_FAILED)
		return NULL;
	*piece = bytes + HEAD_BYTES;
	return (unsigned char *)piece + HEAD_BYTES;
}

static void piece_free(void *opaque, void *address)
{
	size_t *piece = address ? (size_t *)(void *)((unsigned char *)address - HEAD_BYTES) : NULL;

	(void)opaque;
	if (piece)
		munmap(piece, *piece);
}

static const ZSTD_customMem pieces = { .customAlloc = piece_alloc, .customFree = piece_free };

/* ---- contexts ---- */

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
	ctx->compressor = ZSTD_createCCtx_advanced(pieces);
	ctx->decompressor = ZSTD_createDCtx_advanced(pieces);
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

	return sizeof(*ctx) + ZSTD_sizeof_CCtx(ctx->compressor) + ZSTD_sizeof_DCtx(ctx->decompressor) +
	       MOST_PIECES * (size_t)sysconf(_SC_PAGESIZE);
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
