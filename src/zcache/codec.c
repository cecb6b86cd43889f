/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Codecs and their lanes.
 */
#include "codec.h"

#include <errno.h>
#include <string.h>

#include "reserve.h"

/* What needs all that a context may need. Without memory of its own, as it is only read. */
static const unsigned char zeroes[ZCACHE_MAX_VALUE];

/* A library may take a context's memory when it is first used, in each direction; so it has all that it will need. */
static int warm_up(const struct zs_comp *comp, struct zcache_lane *lane)
{
	unsigned char packed[1024];
	ssize_t len = comp->compress(lane->context, zeroes, sizeof(zeroes), packed, sizeof(packed));

	if (len > 0)
		len = comp->decompress(lane->context, packed, (size_t)len, lane->packed, sizeof(lane->packed));
	return len == (ssize_t)sizeof(lane->packed) ? 0 : -ENOMEM;
}

static void lane_destroy(struct zcache_codec *codec, struct zcache_lane *lane)
{
	if (lane->context)
		codec->comp.comp->destroy(lane->context);
	zs_unreserve(lane, sizeof(*lane));
}

static struct zcache_lane *lane_create(struct zcache_codec *codec)
{
	struct zcache_lane *lane = zs_reserve(sizeof(*lane));

	if (!lane)
		return NULL;
	lane->context = codec->comp.comp->create(codec->comp.level, ZCACHE_MAX_VALUE);
	if (lane->context && !warm_up(codec->comp.comp, lane))
		return lane;
	lane_destroy(codec, lane);
	return NULL;
}

/* ---- codecs ---- */

int zcache_codec_create(const struct zs_comp_spec *comp, uint32_t nr_lanes, struct zcache_codec **result)
{
	struct zcache_codec *codec = zs_reserve(sizeof(*codec));
	struct zcache_lane *lane;

	if (!codec)
		return -ENOMEM;
	codec->comp = *comp;
	codec->nr_most = nr_lanes;
	lane = zcache_lane_make(codec);
	if (!lane) {
		zs_unreserve(codec, sizeof(*codec));
		return -ENOMEM;
	}
	codec->lane_bytes = sizeof(*lane) + comp->comp->size(lane->context);
	zcache_lane_put(codec, lane);
	*result = codec;
	return 0;
}

void zcache_codec_destroy(struct zcache_codec *codec)
{
	struct zcache_lane *lane;

	while ((lane = zcache_lane_try(codec)))
		lane_destroy(codec, lane);
	zs_unreserve(codec, sizeof(*codec));
}

uint64_t zcache_codec_bytes(const struct zcache_codec *codec)
{
	return sizeof(*codec) + (uint64_t)__atomic_load_n(&codec->nr, __ATOMIC_RELAXED) * codec->lane_bytes;
}

/* ---- lanes ---- */

struct zcache_lane *zcache_lane_try(struct zcache_codec *codec)
{
	return zs_spares_try(&codec->spares);
}

bool zcache_codec_may_grow(const struct zcache_codec *codec)
{
	return __atomic_load_n(&codec->nr, __ATOMIC_RELAXED) < codec->nr_most;
}

struct zcache_lane *zcache_lane_make(struct zcache_codec *codec)
{
	struct zcache_lane *lane = NULL;

	if (__atomic_add_fetch(&codec->nr, 1, __ATOMIC_RELAXED) <= codec->nr_most)
		lane = lane_create(codec);
	if (!lane)
		__atomic_sub_fetch(&codec->nr, 1, __ATOMIC_RELAXED);
	return lane;
}

struct zcache_lane *zcache_lane_wait(struct zcache_codec *codec)
{
	return zs_spares_get(&codec->spares);
}

void zcache_lane_put(struct zcache_codec *codec, struct zcache_lane *lane)
{
	zs_spares_put(&codec->spares, &lane->spare);
}
