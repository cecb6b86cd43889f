/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Packing and unpacking values.
 */
#include <errno.h>
#include <string.h>

#include "cache_parts.h"

/* Compressed is what becomes shorter by at least one part in so many: less is not worth the time to unpack it. */
#define GAIN_PART 16u

/* Lanes beyond the first of a codec take a sixteenth of the limit at most, and nothing goes for them. */
static struct zcache_lane *make_lane(struct zcache_engine *engine, struct zcache_codec *codec)
{
	struct zcache_lane *lane;

	if (zcache_counted(&engine->other_bytes) + codec->lane_bytes > zcache_engine_limit(engine) / 16)
		return NULL;
	if (!zcache_promise(engine, codec->lane_bytes, 0))
		return NULL;
	lane = zcache_lane_make(codec);
	if (lane)
		zcache_count(&engine->other_bytes, (int64_t)codec->lane_bytes);
	zcache_promise_back(engine, codec->lane_bytes);
	return lane;
}

struct zcache_lane *zcache_lane_get(struct zcache_engine *engine, struct zcache_codec *codec)
{
	struct zcache_lane *lane = zcache_lane_try(codec);

	if (!lane && zcache_codec_may_grow(codec))
		lane = make_lane(engine, codec);
	return lane ? lane : zcache_lane_wait(codec);
}

/* Result: the length; -ENOSPC: it does not become shorter, or the codec has failed. */
static ssize_t compress(const struct zcache_codec *codec, struct zcache_lane *lane, const void *data, size_t len)
{
	size_t most = len - len / GAIN_PART - 1;
	ssize_t packed = most ? codec->comp.comp->compress(lane->context, data, len, lane->packed, most) : 0;

	return packed > 0 ? packed : -ENOSPC;
}

int zcache_pack(struct zcache_engine *engine, struct zcache_shard *shard, struct zcache_codec *codec, const void *data,
		size_t len, struct zcache_value *value)
{
	struct zcache_lane *lane = codec ? zcache_lane_get(engine, codec) : NULL;
	ssize_t packed = codec ? compress(codec, lane, data, len) : -ENOSPC;
	int err;

	value->bytes = (uint32_t)len;
	value->stored = packed > 0 ? (uint32_t)packed : (uint32_t)len;
	err = zcache_store(engine, shard, packed > 0 ? lane->packed : data, value->stored, &value->handle);
	if (codec)
		zcache_lane_put(codec, lane);
	return err;
}

static int copy(const struct zcache_codec *codec, struct zcache_lane *lane, const struct zcache_entry *entry,
		const void *bytes, void *buf)
{
	uint32_t stored = zcache_entry_stored(entry), len = zcache_entry_bytes(entry);

	if (stored == len) {
		memcpy(buf, bytes, len);
		return (int)len;
	}
	if (!codec || codec->comp.comp->decompress(lane->context, bytes, stored, buf, len) != (ssize_t)len)
		return -EIO;
	return (int)len;
}

int zcache_unpack(struct zcache_engine *engine, const struct zcache_codec *codec, struct zcache_lane *lane,
		  const struct zcache_entry *entry, void *buf, size_t len)
{
	unsigned long handle = zcache_entry_handle(entry);
	uint32_t stored = zcache_entry_stored(entry);
	const void *bytes;
	int result;

	if (zcache_entry_bytes(entry) > len)
		return -ENOBUFS;
	bytes = zs_obj_read_begin(engine->pool, handle, stored, NULL);
	if (!bytes)
		return -EIO;
	result = copy(codec, lane, entry, bytes, buf);
	zs_obj_read_end(engine->pool, handle, stored, bytes);
	return result;
}
