/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The codecs behind one small table: each is a library's, compresses units of up to 64 KiB alone, and is found by name.
 *
 * A context belongs to one thread at a time. Lengths are in bytes; results are a length, or a negative errno.
 */
#ifndef ZS_COMP_H
#define ZS_COMP_H

#include <stddef.h>
#include <sys/types.h>

struct zs_comp {
	const char *name;
	/* Levels that a specification may name; min == max: the codec has none. */
	int level_min;
	int level_max;
	int level_default;
	/* Room that a unit of src_len bytes needs at most. */
	size_t (*bound)(size_t src_len);
	/* A context for units of up to max_len bytes; NULL: no memory. */
	void *(*create)(int level, size_t max_len);
	/* -ENOSPC: does not fit dst_cap. -ENOMEM: none for the context. -EIO: the library failed. */
	ssize_t (*compress)(void *ctx, const void *src, size_t src_len, void *dst, size_t dst_cap);
	/* -EIO: not what compress() made, or longer than dst_cap. */
	ssize_t (*decompress)(void *ctx, const void *src, size_t src_len, void *dst, size_t dst_cap);
	/* All memory of a context; what it needs when it is first used comes then. */
	size_t (*size)(const void *ctx);
	void (*destroy)(void *ctx);
};

/* A codec with its level, as "lz4" or "zstd:12" says. */
struct zs_comp_spec {
	const struct zs_comp *comp;
	int level;
};

/*
 * Reads "NAME" or "NAME:LEVEL" into spec.
 * Returns 0, -ENOENT (no such codec), -ENOSYS (known, but this build is without it), -EINVAL (the level is not a
 * number, or the codec has none) or -ERANGE (no such level; spec->comp is set and tells the range).
 */
int zs_comp_parse(const char *text, struct zs_comp_spec *spec);

/* The codecs of this build, in words for a message: "lz4, lzo, zstd[:LEVEL]". */
const char *zs_comp_names(void);

extern const struct zs_comp zs_comp_lz4;
extern const struct zs_comp zs_comp_zstd;
#ifdef ZS_HAVE_LZO
extern const struct zs_comp zs_comp_lzo;
#endif

#endif
