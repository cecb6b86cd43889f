/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * How the values of a pool are compressed; pools with the same specification share one. A call that compresses or
 * unpacks has a lane for itself: a codec's context and room for a value. The first is made with the codec; others are
 * made when several calls are at work at once, as long as they may take memory for it. Who finds none waits.
 *
 * Locks: that of the spares; who has a lane waits for no other, and nobody waits for one who has a shard's lock.
 */
#ifndef ZCACHE_CODEC_H
#define ZCACHE_CODEC_H

#include "comp.h"
#include "spares.h"
#include "zcache.h"

struct zcache_lane {
	struct zs_spare spare;
	void *context;
	unsigned char packed[ZCACHE_MAX_VALUE];
};

struct zcache_codec {
	struct zcache_codec *next;
	struct zs_comp_spec comp;
	uint32_t nr_pools;
	uint32_t nr_most;        /* lanes */
	struct zs_spares spares; /* lanes not in use */
	uint32_t nr;
	size_t lane_bytes;
};

/* Result: 0 or -ENOMEM. It has one lane then, of lane_bytes. */
int zcache_codec_create(const struct zs_comp_spec *comp, uint32_t nr_lanes, struct zcache_codec **codec);
/* pre: all lanes are back */
void zcache_codec_destroy(struct zcache_codec *codec);

/* All memory of it. context: any */
uint64_t zcache_codec_bytes(const struct zcache_codec *codec);

/* One that is free, or NULL. */
struct zcache_lane *zcache_lane_try(struct zcache_codec *codec);
/* Whether another one may be made. */
bool zcache_codec_may_grow(const struct zcache_codec *codec);
/* A new one; NULL: no memory, or there are as many as there may be. */
struct zcache_lane *zcache_lane_make(struct zcache_codec *codec);
/* Waits for one. */
struct zcache_lane *zcache_lane_wait(struct zcache_codec *codec);
void zcache_lane_put(struct zcache_codec *codec, struct zcache_lane *lane);

#endif
