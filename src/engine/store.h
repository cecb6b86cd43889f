/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Memory outside of memory: what an engine may write to and read back, as its host supplies it.
 */
#ifndef ZS_ENGINE_STORE_H
#define ZS_ENGINE_STORE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Each call moves all of len bytes, or fails: 0 or a negative errno. They are made by several threads at once, but what
 * is written or discarded is nobody else's meanwhile, and may take their time.
 */
struct zs_store {
	int (*read)(void *ctx, void *buf, size_t len, uint64_t offset);
	int (*write)(void *ctx, const void *buf, size_t len, uint64_t offset);
	/* Its space may be used for something else. What cannot do that ignores it. */
	void (*discard)(void *ctx, uint64_t len, uint64_t offset);
	void *ctx;
	uint64_t size_bytes; /* the most it may become */
};

#endif
