/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The slow disk behind the cache: what it can do, and its calls. There are two: a file, and an NBD server.
 */
#ifndef ZCACHE_BACKING_H
#define ZCACHE_BACKING_H

#include <stdbool.h>
#include <stdint.h>

enum zcache_change_kind { ZCACHE_WRITE, ZCACHE_TRIM, ZCACHE_ZERO };

/* A request that changes content. */
struct zcache_change {
	enum zcache_change_kind kind;
	const void *data; /* of a write */
	uint32_t count;
	uint64_t offset;
	bool fua;      /* it is on stable storage when it is answered */
	bool may_trim; /* of a zero: the range may become a hole */
	bool is_fast;  /* of a zero: -EOPNOTSUPP, unless it is faster than writing zeroes */
};

/* Of a run of bytes, as nbdkit has them. */
typedef int zcache_extent_fn(void *ctx, uint64_t offset, uint64_t len, bool is_hole, bool is_zero);

struct zcache_backing_ops {
	/* All return 0 or a negative errno, from any thread. */
	int (*read)(void *ctx, void *buf, uint32_t count, uint64_t offset);
	/*
	 * in_doubt is set, beside an error, if the change may still happen some time after the call: nobody can say
	 * any more what is there.
	 */
	int (*change)(void *ctx, const struct zcache_change *change, bool *in_doubt);
	int (*flush)(void *ctx);
	/* Tells of as much of the range as it likes, from its begin; what each() returns ends it. */
	int (*extents)(void *ctx, uint32_t count, uint64_t offset, zcache_extent_fn *each, void *each_ctx);
};

struct zcache_backing {
	const struct zcache_backing_ops *ops;
	void *ctx;
	uint64_t size_bytes;
	uint32_t least_block; /* requests are whole blocks of so many bytes; 1: they need not */
	bool can_write;
	bool can_flush;
	bool can_fua;
	bool can_trim;
	bool can_zero;
	bool can_fast_zero;
	bool can_extents;
	bool is_rotational;
};

#endif
