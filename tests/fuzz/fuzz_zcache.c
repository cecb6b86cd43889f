/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Bytes that drive the public calls of the cache, bad arguments among them. A model knows what was put last for each
 * key: a get finds just that or nothing, nothing is found after a flush, a token that is void is refused, and the
 * memory stays below the limit.
 *
 * Coverage-guided with libFuzzer (make fuzz); in the test suite main.c feeds it random strings.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "fuzz.h"
#include "values.h"
#include "zcache.h"

#define NR_POOLS 3u
#define NR_OBJECTS 4u
#define NR_INDEXES 16u
#define LEAST_LIMIT (1u << 20)

struct key {
	uint64_t number; /* of the content; 0: nothing may be found */
	uint32_t len;
	zcache_token token;
	bool is_good; /* the token */
};

struct fuzz {
	struct fuzz_bytes in;
	struct zcache *cache;
	uint64_t limit;
	uint64_t next_number;
	int pools[NR_POOLS];
	struct key keys[NR_POOLS][NR_OBJECTS][NR_INDEXES];
	unsigned char value[VALUE_MOST], got[VALUE_MOST + 1];
};

/* A key of the model, by its names in the cache. */
struct place {
	struct key *key;
	int pool;
	uint64_t object;
	uint32_t index;
};

static struct place take_place(struct fuzz *f)
{
	uint32_t word = fuzz_take(&f->in, 1), pool = word % NR_POOLS, object = word / NR_POOLS % NR_OBJECTS;
	uint32_t index = fuzz_take(&f->in, 1) % NR_INDEXES;

	return (struct place){ &f->keys[pool][object][index], f->pools[pool], (uint64_t)object << 62 | object,
			       index * 0x11111111u };
}

/* ---- values ---- */

static uint32_t take_length(struct fuzz *f)
{
	uint32_t word = fuzz_take(&f->in, 2);

	return word % 16 ? word / 16 + 1 : VALUE_MOST - word / 16 % 64;
}

/* With a token the put may be refused, and must be if that is void. */
static void put(struct fuzz *f, const struct place *place, zcache_token token, bool may_be_kept)
{
	uint64_t number = ++f->next_number;
	uint32_t len = take_length(f);
	int err;

	value_make(f->value, len, number);
	err = zcache_put(f->cache, place->pool, place->object, place->index, f->value, len, token);
	MUST(!err || err == -ENOMEM || (err == -ESTALE && token));
	MUST(err || may_be_kept);
	if (!err)
		*place->key = (struct key){ number, len, place->key->token, place->key->is_good };
	else if (err == -ENOMEM)
		place->key->number = 0;
}

static void do_put(struct fuzz *f)
{
	struct place place = take_place(f);

	put(f, &place, 0, true);
	place.key->is_good = false;
}

static void do_fill(struct fuzz *f)
{
	struct place place = take_place(f);

	if (place.key->token)
		put(f, &place, place.key->token, place.key->is_good);
}

static void check_got(const struct fuzz *f, const struct key *key, int len)
{
	MUST(key->number && (uint32_t)len == key->len);
	MUST(value_is(f->got, key->len, key->number));
}

static void get(struct fuzz *f, bool is_exclusive)
{
	struct place place = take_place(f);
	zcache_token token = 0;
	int len = (is_exclusive ? zcache_get_exclusive : zcache_get)(f->cache, place.pool, place.object, place.index,
								     f->got, VALUE_MOST, &token);

	if (len >= 0)
		check_got(f, place.key, len);
	else
		MUST(len == -ENOENT && token);
	if (len < 0)
		*place.key = (struct key){ .token = token, .is_good = true };
	else if (is_exclusive)
		place.key->number = 0;
}

static void do_get(struct fuzz *f)
{
	get(f, false);
}

static void do_take(struct fuzz *f)
{
	get(f, true);
}

/* ---- dropping ---- */

static void forget(struct key *key)
{
	key->number = 0;
	key->is_good = false;
}

static void do_flush_page(struct fuzz *f)
{
	struct place place = take_place(f);

	MUST(!zcache_flush_page(f->cache, place.pool, place.object, place.index));
	forget(place.key);
}

static void do_flush_object(struct fuzz *f)
{
	struct place place = take_place(f);
	struct key *first = place.key - (place.key - &f->keys[0][0][0]) % NR_INDEXES;

	MUST(!zcache_flush_object(f->cache, place.pool, place.object));
	for (unsigned int i = 0; i < NR_INDEXES; i++)
		forget(&first[i]);
}

static void make_pool(struct fuzz *f, unsigned int which)
{
	static const char *const names[NR_POOLS] = { "none", "lz4", "zstd:1" };
	struct zcache_pool_options options = { .size = sizeof(options), .compressor = names[which] };

	f->pools[which] = zcache_new_pool(f->cache, &options);
	MUST(f->pools[which] >= 0);
}

/* The new pool may have the number of the old one: what was known of that holds no more. */
static void do_renew_pool(struct fuzz *f)
{
	unsigned int which = fuzz_take(&f->in, 1) % NR_POOLS;
	int old = f->pools[which];

	MUST(!zcache_destroy_pool(f->cache, old));
	make_pool(f, which);
	for (unsigned int i = 0; i < NR_OBJECTS * NR_INDEXES; i++) {
		struct key *key = &f->keys[which][0][0] + i;

		forget(key);
		key->token = f->pools[which] == old ? key->token : 0;
	}
}

static void do_resize(struct fuzz *f)
{
	f->limit = LEAST_LIMIT + (uint64_t)fuzz_take(&f->in, 1) * 16384;
	MUST(!zcache_resize(f->cache, f->limit));
}

static void do_reclaim(struct fuzz *f)
{
	zcache_reclaim(f->cache, (uint64_t)fuzz_take(&f->in, 1) << 12);
}

/* ---- bad arguments ---- */

static void do_bad(struct fuzz *f)
{
	struct place place = take_place(f);
	static const int pools[] = { -1, ZCACHE_MAX_POOLS, 200, INT32_MIN };
	int pool = pools[fuzz_take(&f->in, 1) % 4];

	MUST(zcache_put(f->cache, pool, 0, 0, f->value, 1, 0) == -EINVAL);
	MUST(zcache_get(f->cache, pool, 0, 0, f->got, 1, NULL) == -EINVAL);
	MUST(zcache_flush_page(f->cache, pool, 0, 0) == -EINVAL);
	MUST(zcache_flush_object(f->cache, pool, 0) == -EINVAL);
	MUST(zcache_destroy_pool(f->cache, pool) == -EINVAL);
	MUST(zcache_put(f->cache, place.pool, place.object, place.index, f->value, 0, 0) == -EINVAL);
	MUST(zcache_put(f->cache, place.pool, place.object, place.index, f->value, VALUE_MOST + 1, 0) == -EINVAL);
	MUST(zcache_resize(f->cache, LEAST_LIMIT - 1) == -EINVAL);
}

/* A buffer that is too short is not written to, and the value stays. */
static void do_get_short(struct fuzz *f)
{
	struct place place = take_place(f);
	uint32_t len = place.key->number ? place.key->len - 1 : 0;
	int err;

	f->got[len] = 0xa5;
	err = zcache_get(f->cache, place.pool, place.object, place.index, f->got, len, NULL);
	MUST(err == -ENOENT || (err == -ENOBUFS && place.key->number));
	MUST(f->got[len] == 0xa5);
	if (err == -ENOENT)
		place.key->number = 0;
}

/* ---- all ---- */

static void do_look(struct fuzz *f)
{
	struct zcache_stats stats = { .size = sizeof(stats) };
	uint64_t nr = 0;

	for (unsigned int i = 0; i < NR_POOLS * NR_OBJECTS * NR_INDEXES; i++)
		nr += (&f->keys[0][0][0] + i)->number != 0;
	zcache_stats(f->cache, &stats);
	MUST(stats.limit_bytes == f->limit && stats.total_bytes <= f->limit);
	MUST(stats.values <= nr);
}

static void (*const operations[])(struct fuzz *f) = {
	do_put,        do_put,          do_put,        do_fill,   do_fill,    do_get, do_get,       do_take,
	do_flush_page, do_flush_object, do_renew_pool, do_resize, do_reclaim, do_bad, do_get_short, do_look,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct zcache_options options = { .size = sizeof(options), .limit_bytes = LEAST_LIMIT };
	static struct fuzz f;

	memset(&f, 0, offsetof(struct fuzz, value));
	f.in = (struct fuzz_bytes){ data, size };
	f.limit = options.limit_bytes;
	f.cache = zcache_create(&options);
	MUST(f.cache);
	for (unsigned int which = 0; which < NR_POOLS; which++)
		make_pool(&f, which);
	while (f.in.left)
		operations[fuzz_take(&f.in, 1) % (sizeof(operations) / sizeof(operations[0]))](&f);
	do_look(&f);
	zcache_destroy(f.cache);
	return 0;
}
