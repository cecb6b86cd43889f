/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Arrays, entries, the index, queues, ghosts, codecs, shards: each for itself.
 */
#include "cache_parts.h"
#include "random.h"
#include "unit.h"

#define SEED 7u

static struct zcache_key key_of(uint32_t number)
{
	return (struct zcache_key){ .object = number * 0x100000001u, .index = ~number, .pool = (uint8_t)number };
}

static uint64_t hash_of(uint32_t number)
{
	struct zcache_key key = key_of(number);

	return zcache_hash(SEED, &key);
}

/* ---- arrays ---- */

static void test_array(void **state)
{
	static unsigned char *chunks[3];
	struct zcache_array array;

	(void)state;
	zcache_array_init(&array, chunks, NR_OF(chunks));
	assert_int_equal(zcache_array_hold(&array, 1), 0);
	assert_int_equal(array.nr_pages, 1);
	assert_int_equal(zcache_array_hold(&array, 2 * ZCACHE_CHUNK_BYTES + 1), 0);
	assert_int_equal(array.nr_pages, 2 * (ZCACHE_CHUNK_BYTES / ZCACHE_PAGE_BYTES) + 1);
	memset(zcache_array_at(&array, ZCACHE_CHUNK_BYTES), 1, ZCACHE_CHUNK_BYTES);
	/* It has as many chunks as there are, and stays as it was. */
	assert_int_equal(zcache_array_hold(&array, 3 * ZCACHE_CHUNK_BYTES + 1), -ENOMEM);
	assert_int_equal(array.nr_pages, 2 * (ZCACHE_CHUNK_BYTES / ZCACHE_PAGE_BYTES) + 1);
	/* A page more than needed stays, but no chunk; and what comes again is zeroes. */
	zcache_array_trim(&array, ZCACHE_CHUNK_BYTES);
	assert_int_equal(array.nr_pages, ZCACHE_CHUNK_BYTES / ZCACHE_PAGE_BYTES + 1);
	assert_non_null(chunks[1]);
	assert_null(chunks[2]);
	assert_int_equal(zcache_array_hold(&array, 2 * ZCACHE_CHUNK_BYTES), 0);
	assert_int_equal(*(char *)zcache_array_at(&array, ZCACHE_CHUNK_BYTES), 1);
	assert_int_equal(*(char *)zcache_array_at(&array, ZCACHE_CHUNK_BYTES + ZCACHE_PAGE_BYTES), 0);
	zcache_array_empty(&array);
	assert_null(chunks[0]);
	assert_null(chunks[1]);
}

/* ---- entries ---- */

/* All members at their largest, each changed without the others. */
static void test_entry(void **state)
{
	struct zcache_key key = { .object = UINT64_MAX, .index = UINT32_MAX, .pool = 255 };
	struct zcache_entry entry;

	(void)state;
	zcache_entry_make(&entry, &key);
	zcache_entry_set_value(&entry, (1ul << ZCACHE_HANDLE_BITS) - 1, 65536, 1);
	zcache_entry_set_next(&entry, ZCACHE_LINK_MASK);
	zcache_entry_set_newer(&entry, ZCACHE_LINK_MASK - 1);
	zcache_entry_set_older(&entry, ZCACHE_LINK_MASK - 2);
	zcache_entry_set_in_main(&entry, true);
	for (unsigned int i = 0; i < 5; i++)
		zcache_entry_use(&entry);
	assert_true(zcache_entry_is(&entry, &key));
	assert_int_equal(zcache_entry_handle(&entry), (1ul << ZCACHE_HANDLE_BITS) - 1);
	assert_int_equal(zcache_entry_bytes(&entry), 65536);
	assert_int_equal(zcache_entry_stored(&entry), 1);
	assert_int_equal(zcache_entry_next(&entry), ZCACHE_LINK_MASK);
	assert_int_equal(zcache_entry_newer(&entry), ZCACHE_LINK_MASK - 1);
	assert_int_equal(zcache_entry_older(&entry), ZCACHE_LINK_MASK - 2);
	assert_true(zcache_entry_in_main(&entry));
	assert_int_equal(zcache_entry_uses(&entry), ZCACHE_MOST_USES);
	zcache_entry_set_uses(&entry, 1);
	zcache_entry_set_value(&entry, 5, 1, 65536);
	zcache_entry_set_in_main(&entry, false);
	zcache_entry_set_older(&entry, 0);
	assert_int_equal(zcache_entry_uses(&entry), 1);
	assert_int_equal(zcache_entry_bytes(&entry), 1);
	assert_int_equal(zcache_entry_stored(&entry), 65536);
	assert_int_equal(zcache_entry_newer(&entry), ZCACHE_LINK_MASK - 1);
	assert_int_equal(zcache_entry_older(&entry), 0);
	assert_int_equal(zcache_entry_next(&entry), ZCACHE_LINK_MASK);
	key.pool = 254;
	assert_false(zcache_entry_is(&entry, &key));
}

/* ---- the index ---- */

static unsigned char *index_chunks[ZCACHE_INDEX_CHUNKS];

static void add_keys(struct zcache_index *index, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		struct zcache_key key = key_of(i);

		assert_int_equal(zcache_index_hold(index), 0);
		assert_int_equal(zcache_index_add(index, &key, hash_of(i)), i);
	}
}

static uint32_t find_key(const struct zcache_index *index, uint32_t number)
{
	struct zcache_key key = key_of(number);

	return zcache_index_find(index, &key, hash_of(number));
}

/* Keys are found while buckets come and go, entries stay side by side, and memory goes with them. */
static void test_index(void **state)
{
	const uint32_t nr = 20000;
	struct zcache_index index;

	(void)state;
	assert_int_equal(zcache_index_create(&index, index_chunks, SEED), 0);
	add_keys(&index, nr);
	assert_true(index.nr_buckets > nr / 2 && index.nr_buckets <= nr);
	for (uint32_t i = 0; i < nr; i++)
		assert_int_equal(find_key(&index, i), i);
	for (uint32_t i = 0; i < nr; i += 2) {
		uint32_t last = index.nr - 1;

		assert_int_equal(zcache_index_remove(&index, find_key(&index, i)), last);
	}
	assert_int_equal(index.nr, nr / 2);
	assert_true(index.entries.nr_pages <= nr / 2 / 128 + 2);
	for (uint32_t i = 0; i < nr; i++)
		assert_int_equal(find_key(&index, i) == ZCACHE_NONE, i % 2 == 0);
	for (uint32_t i = 1; i < nr; i += 2)
		zcache_index_remove(&index, find_key(&index, i));
	assert_int_equal(index.nr_buckets, 1);
	assert_true(zcache_index_bytes(&index) <= 4 * ZCACHE_PAGE_BYTES);
	zcache_index_empty(&index);
}

/* ---- queues ---- */

static void test_fifo(void **state)
{
	struct zcache_fifo fifo = { .newest = 0 };
	struct zcache_index index;

	(void)state;
	assert_int_equal(zcache_index_create(&index, index_chunks, SEED), 0);
	add_keys(&index, 4);
	for (uint32_t i = 0; i < 4; i++) {
		zcache_entry_set_value(zcache_index_entry(&index, i), 1, 100, 100);
		zcache_fifo_add(&fifo, &index, i);
	}
	assert_int_equal(zcache_fifo_bytes(&fifo), 400);
	assert_int_equal(fifo.oldest, 1);
	zcache_fifo_remove(&fifo, &index, 0);
	assert_int_equal(fifo.oldest, 2);
	/* The last one has the number of the first now. */
	assert_int_equal(zcache_index_remove(&index, 0), 3);
	zcache_fifo_renumber(&fifo, &index, 0);
	assert_int_equal(fifo.newest, 1);
	assert_int_equal(zcache_entry_older(zcache_index_entry(&index, 0)), 3);
	zcache_fifo_remove(&fifo, &index, 2);
	assert_int_equal(zcache_entry_newer(zcache_index_entry(&index, 1)), 1);
	zcache_fifo_remove(&fifo, &index, 0);
	zcache_fifo_remove(&fifo, &index, 1);
	assert_int_equal(fifo.newest | fifo.oldest, 0);
	assert_int_equal(zcache_fifo_bytes(&fifo), 0);
	zcache_index_empty(&index);
}

/* ---- ghosts ---- */

static void test_ghosts(void **state)
{
	static unsigned char *chunks[ZCACHE_GHOST_CHUNKS];
	const uint32_t nr = 3000;
	struct zcache_ghosts ghosts;
	uint32_t nr_known = 0;

	(void)state;
	assert_int_equal(zcache_ghosts_create(&ghosts, chunks), 0);
	for (uint32_t i = 0; i < nr; i++) {
		zcache_ghosts_add(&ghosts, hash_of(i));
		zcache_ghosts_grow(&ghosts, nr);
	}
	assert_true(ghosts.nr > nr / 2 && ghosts.nr <= nr);
	/* The last ones are there, most others too, and each once. */
	assert_true(zcache_ghosts_take(&ghosts, hash_of(nr - 1)));
	assert_false(zcache_ghosts_take(&ghosts, hash_of(nr - 1)));
	for (uint32_t i = 0; i < nr; i++)
		nr_known += zcache_ghosts_take(&ghosts, hash_of(i));
	assert_true(nr_known > nr / 2);
	assert_int_equal(ghosts.nr, 0);
	zcache_ghosts_add(&ghosts, hash_of(1));
	zcache_ghosts_shrink(&ghosts, 0);
	assert_int_equal(ghosts.nr_sets, 1);
	assert_true(zcache_ghosts_take(&ghosts, hash_of(1)));
	zcache_ghosts_empty(&ghosts);
}

/* ---- codecs ---- */

static void test_codec(void **state)
{
	struct zcache_lane *lane, *other;
	struct zcache_codec *codec;
	struct zs_comp_spec comp;

	(void)state;
	assert_int_equal(zs_comp_parse("zstd:3", &comp), 0);
	assert_int_equal(zcache_codec_create(&comp, 2, &codec), 0);
	assert_true(zcache_codec_bytes(codec) > ZCACHE_MAX_VALUE + (100u << 10));
	lane = zcache_lane_try(codec);
	assert_non_null(lane);
	assert_null(zcache_lane_try(codec));
	assert_true(zcache_codec_may_grow(codec));
	other = zcache_lane_make(codec);
	assert_non_null(other);
	assert_false(zcache_codec_may_grow(codec));
	assert_null(zcache_lane_make(codec));
	zcache_lane_put(codec, lane);
	assert_ptr_equal(zcache_lane_wait(codec), lane);
	zcache_lane_put(codec, lane);
	zcache_lane_put(codec, other);
	zcache_codec_destroy(codec);
}

static struct zcache_engine *make_full_engine(uint64_t limit_bytes)
{
	struct zcache_engine_options options = { .limit_bytes = limit_bytes, .seed = SEED, .nr_lanes = 1 };
	struct zcache_engine *engine = NULL;
	unsigned char value[4000];
	struct rng rng = { .state = SEED };
	int pool;

	assert_int_equal(zcache_engine_create(&options, &engine), 0);
	pool = zcache_engine_new_pool(engine, NULL);
	assert_true(pool >= 0);
	rng_fill(&rng, value, sizeof(value));
	for (uint32_t i = 0; i < limit_bytes / 2048; i++)
		assert_int_equal(zcache_engine_put(engine, pool, 1, i, value, sizeof(value), 0), 0);
	return engine;
}

/* What was promised to a call under way is not a codec's: values go for it. */
static void test_codec_room(void **state)
{
	uint64_t limit = 4 << 20, promised;
	struct zcache_engine *engine = make_full_engine(limit);
	struct zs_comp_spec comp;

	(void)state;
	assert_int_equal(zs_comp_parse("lz4", &comp), 0);
	assert_true(zcache_give_back(engine, 1 << 20) > 0);
	promised = limit - zcache_total(engine);
	assert_true(zcache_promise(engine, promised, 0));
	assert_true(zcache_engine_new_pool(engine, &comp) >= 0);
	assert_true(zcache_total(engine) + promised <= limit);
	/* Where nothing more can go there is no room. */
	assert_int_equal(zs_comp_parse("zstd:3", &comp), 0);
	zcache_give_back(engine, limit);
	assert_true(zcache_promise(engine, limit - zcache_total(engine) - promised, 0));
	assert_int_equal(zcache_engine_new_pool(engine, &comp), -ENOMEM);
	assert_int_equal(engine->promised_bytes, limit - zcache_total(engine));
	zcache_promise_back(engine, engine->promised_bytes);
	assert_int_equal(zcache_engine_verify(engine), 0);
	zcache_engine_destroy(engine);
}

/* ---- shards ---- */

struct fixture {
	struct zcache_shard shard;
	uint64_t index_bytes;
	uint32_t object_counter;
};

static int make_shard(void **state)
{
	static struct fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	*state = &fixture;
	return zcache_shard_create(&fixture.shard, SEED, &fixture.index_bytes);
}

static int end_shard(void **state)
{
	struct fixture *fixture = *state;

	zcache_shard_destroy(&fixture->shard);
	return 0;
}

static int put_key(struct fixture *fixture, uint32_t number, uint64_t token)
{
	struct zcache_value value = { .handle = number + 1, .bytes = 1000, .stored = 1000 };
	struct zcache_dropped dropped = { .nr = 0 };
	struct zcache_key key = key_of(number);

	return zcache_shard_put(&fixture->shard, &key, hash_of(number), &value, token, &fixture->object_counter,
				&dropped);
}

static struct zcache_entry *entry_of(struct fixture *fixture, uint32_t number)
{
	struct zcache_key key = key_of(number);

	return zcache_shard_find(&fixture->shard, &key, hash_of(number));
}

static void evict_one(struct fixture *fixture)
{
	struct zcache_dropped dropped = { .nr = 0 };

	zcache_shard_evict(&fixture->shard, 1, &dropped);
	assert_int_equal(dropped.nr, 1);
}

static uint64_t token_of(struct fixture *fixture, uint32_t number)
{
	return zcache_shard_token(&fixture->shard, hash_of(number), &fixture->object_counter);
}

static void test_tokens(void **state)
{
	struct fixture *fixture = *state;
	struct zcache_dropped dropped = { .nr = 0 };
	struct zcache_key key = key_of(1);
	uint64_t token = token_of(fixture, 1);

	assert_int_not_equal(token, 0);
	/* A put with a token voids none. */
	assert_int_equal(put_key(fixture, 1, token), 0);
	assert_int_equal(put_key(fixture, 1, token), 0);
	assert_int_equal(put_key(fixture, 1, 0), 0);
	assert_int_equal(put_key(fixture, 1, token), -ESTALE);
	token = token_of(fixture, 1);
	assert_true(zcache_shard_flush(&fixture->shard, &key, hash_of(1), &dropped));
	assert_int_equal(put_key(fixture, 1, token), -ESTALE);
	assert_null(entry_of(fixture, 1));
	token = token_of(fixture, 1);
	fixture->object_counter++;
	assert_int_equal(put_key(fixture, 1, token), -ESTALE);
	assert_int_equal(put_key(fixture, 1, token_of(fixture, 1)), 0);
}

/* What was found twice goes on to the main queue; what was not goes, and comes to the main queue when it comes back. */
static void test_choosing(void **state)
{
	struct fixture *fixture = *state;

	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(put_key(fixture, i, 0), 0);
	zcache_entry_use(entry_of(fixture, 0));
	zcache_entry_use(entry_of(fixture, 0));
	zcache_entry_use(entry_of(fixture, 1));
	evict_one(fixture);
	assert_true(zcache_entry_in_main(entry_of(fixture, 0)));
	assert_int_equal(zcache_entry_uses(entry_of(fixture, 0)), 0);
	assert_null(entry_of(fixture, 1));
	assert_int_equal(fixture->shard.ghosts.nr, 1);
	assert_int_equal(put_key(fixture, 1, 0), 0);
	assert_true(zcache_entry_in_main(entry_of(fixture, 1)));
	assert_int_equal(fixture->shard.counts.ghost_hits, 1);
}

/* At the end of the main queue a value that was found goes round once more; those that go from there are forgotten. */
static void test_main_queue(void **state)
{
	struct fixture *fixture = *state;

	for (uint32_t i = 0; i < 3; i++) {
		zcache_ghosts_add(&fixture->shard.ghosts, hash_of(i));
		assert_int_equal(put_key(fixture, i, 0), 0);
		assert_true(zcache_entry_in_main(entry_of(fixture, i)));
	}
	zcache_entry_use(entry_of(fixture, 0));
	evict_one(fixture);
	assert_non_null(entry_of(fixture, 0));
	assert_null(entry_of(fixture, 1));
	assert_int_equal(fixture->shard.ghosts.nr, 0);
	evict_one(fixture);
	assert_null(entry_of(fixture, 2));
	evict_one(fixture);
	assert_null(entry_of(fixture, 0));
	assert_int_equal(zcache_shard_stored(&fixture->shard), 0);
}

static void test_sweep(void **state)
{
	struct fixture *fixture = *state;
	unsigned int nr_dropped = 0;

	for (uint32_t i = 0; i < 2560; i++)
		assert_int_equal(put_key(fixture, i, 0), 0);
	for (uint32_t end = UINT32_MAX; end;) {
		struct zcache_dropped dropped = { .nr = 0 };

		zcache_shard_sweep(&fixture->shard, 3, NULL, &end, &dropped);
		nr_dropped += dropped.nr;
	}
	assert_int_equal(nr_dropped, 10);
	for (uint32_t i = 0; i < 2560; i++)
		assert_int_equal(!entry_of(fixture, i), i % 256 == 3);
	assert_int_equal(fixture->shard.index.nr, 2550);
	assert_int_equal(fixture->index_bytes, zcache_index_bytes(&fixture->shard.index) + ZCACHE_PAGE_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_array),
		cmocka_unit_test(test_entry),
		cmocka_unit_test(test_index),
		cmocka_unit_test(test_fifo),
		cmocka_unit_test(test_ghosts),
		cmocka_unit_test(test_codec),
		cmocka_unit_test(test_codec_room),
		cmocka_unit_test_setup_teardown(test_tokens, make_shard, end_shard),
		cmocka_unit_test_setup_teardown(test_choosing, make_shard, end_shard),
		cmocka_unit_test_setup_teardown(test_main_queue, make_shard, end_shard),
		cmocka_unit_test_setup_teardown(test_sweep, make_shard, end_shard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
