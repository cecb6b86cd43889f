/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The log of objects in a store that may be full, fail, or give back other bytes.
 */
#include <pthread.h>

#include "unit.h"

#include "log.h"
#include "memory_store.h"
#include "random.h"

#define SEGMENT ZS_LOG_SEGMENT_BYTES
#define LARGE (SEGMENT / 16) /* the largest object here: sixteen fill a segment */
#define MOST 16u             /* objects of a batch */

static struct memory_store memory;

static struct zs_log *make_log(unsigned int nr_segments, uint64_t most_objects)
{
	struct zs_store store = memory_store_create(&memory, (uint64_t)nr_segments * SEGMENT + SEGMENT / 2);
	const struct zs_log_options options = { .store = &store,
						.most_objects = most_objects,
						.most_object_bytes = LARGE,
						.on_error = memory_store_note,
						.ctx = &memory };
	struct zs_log *log = NULL;

	assert_int_equal(zs_log_create(&options, &log), 0);
	return log;
}

static void finish(struct zs_log *log)
{
	zs_log_destroy(log);
	memory_store_destroy(&memory);
}

/* ---- batches ---- */

/* Objects of one batch that have a place, the first ones of it. */
struct written {
	uint32_t seed; /* of the first; the next one has the next */
	uint32_t bytes;
	unsigned int nr;
	uint32_t place[MOST];
};

static void paint_object(unsigned char *to, uint32_t seed, uint32_t bytes)
{
	struct rng rng = { .state = seed };

	rng_fill(&rng, to, bytes);
}

static void note_place(void *ctx, unsigned int i, uint32_t place)
{
	struct written *written = ctx;

	assert_int_equal(i, written->nr);
	written->place[written->nr++] = place;
}

/* nr objects of so many bytes each, of a kind that goes by their seed. */
static int write_objects(struct zs_log *log, uint32_t seed, unsigned int nr, uint32_t bytes, struct written *written)
{
	unsigned char *content = malloc((size_t)nr * bytes);
	struct zs_log_object objects[MOST];
	const struct zs_log_batch batch = { content, objects, nr };
	int err;

	for (unsigned int i = 0; i < nr; i++) {
		paint_object(content + (size_t)i * bytes, seed + i, bytes);
		objects[i] = (struct zs_log_object){ .bytes = bytes, .kind = (uint16_t)(seed + i) };
	}
	*written = (struct written){ .seed = seed, .bytes = bytes };
	err = zs_log_write(log, &batch, note_place, written);
	free(content);
	return err;
}

static void write_all(struct zs_log *log, uint32_t seed, unsigned int nr, uint32_t bytes, struct written *written)
{
	assert_int_equal(write_objects(log, seed, nr, bytes, written), 0);
	assert_int_equal(written->nr, nr);
}

static int read_object(struct zs_log *log, const struct written *written, unsigned int i, unsigned char *got)
{
	struct zs_log_object object;
	int err = zs_log_read(log, written->place[i], got, LARGE, &object);

	assert_int_equal(object.bytes, written->bytes);
	assert_int_equal(object.kind, (uint16_t)(written->seed + i));
	return err;
}

static void assert_object(struct zs_log *log, const struct written *written, unsigned int i)
{
	unsigned char *want = malloc(LARGE), *got = malloc(LARGE);

	paint_object(want, written->seed + i, written->bytes);
	assert_int_equal(read_object(log, written, i, got), 0);
	assert_memory_equal(got, want, written->bytes);
	free(want);
	free(got);
}

/* Those from the first one on. */
static void drop_from(struct zs_log *log, const struct written *written, unsigned int first)
{
	for (unsigned int i = first; i < written->nr; i++)
		assert_int_equal(zs_log_drop(log, written->place[i]), written->bytes);
}

/* ---- tests ---- */

static void objects_come_back(void **state)
{
	static const uint32_t sizes[] = { 1, 7, 32, 4095, 4096, LARGE };
	struct zs_log *log = make_log(8, 100);
	uint64_t empty = zs_log_bytes(log);
	struct written written[NR_OF(sizes)];

	(void)state;
	for (unsigned int i = 0; i < NR_OF(sizes); i++)
		write_all(log, 70000 + 100 * i, MOST, sizes[i], &written[i]);
	assert_int_equal(memory.nr_writes, NR_OF(sizes));
	/* 24 for each object, 8 for each segment. */
	assert_int_equal(zs_log_bytes(log), empty + NR_OF(sizes) * (MOST * 24 + 8));
	for (unsigned int i = 0; i < NR_OF(sizes); i++)
		for (unsigned int j = 0; j < MOST; j++)
			assert_object(log, &written[i], j);
	assert_int_equal(memory.nr_discards, 0);
	for (unsigned int i = 0; i < NR_OF(sizes); i++)
		drop_from(log, &written[i], 0);
	assert_int_equal(memory.nr_discards, NR_OF(sizes));
	assert_int_equal(memory.nr_told, 0);
	finish(log);
}

static void places_are_used_again(void **state)
{
	struct zs_log *log = make_log(8, 5);
	struct written some, more;
	uint64_t full;

	(void)state;
	write_all(log, 1, 3, 100, &some);
	assert_int_equal(write_objects(log, 10, 3, 100, &more), 0);
	assert_int_equal(more.nr, 2);
	full = zs_log_bytes(log);
	drop_from(log, &some, 2);
	drop_from(log, &more, 0);
	write_all(log, 20, 3, 100, &more);
	assert_int_equal(zs_log_bytes(log), full);
	for (unsigned int i = 0; i < 3; i++) {
		assert_in_range(more.place[i], 0, 4);
		assert_object(log, &more, i);
	}
	assert_object(log, &some, 0);
	assert_object(log, &some, 1);
	finish(log);
}

/* The batch's segment is not free before all of it was seen, even if nothing of it is wanted. */
static void drop_at_once(void *ctx, unsigned int i, uint32_t place)
{
	(void)i;
	assert_int_equal(zs_log_drop(ctx, place), 100);
	assert_int_equal(memory.nr_discards, 0);
}

static void what_is_unwanted_is_dropped_at_once(void **state)
{
	static const struct zs_log_object objects[3] = { { 100, 1 }, { 100, 2 }, { 100, 3 } };
	static const unsigned char content[300];
	const struct zs_log_batch batch = { content, objects, 3 };
	struct zs_log *log = make_log(1, 100);
	struct written written;

	(void)state;
	assert_int_equal(zs_log_write(log, &batch, drop_at_once, log), 0);
	assert_int_equal(memory.nr_discards, 1);
	assert_true(zs_log_has_space(log));
	write_all(log, 1, 3, 100, &written);
	finish(log);
}

static void the_lowest_segment_is_taken(void **state)
{
	struct zs_log *log = make_log(8, 1000);
	struct written written[4], again;
	unsigned char first[64];

	(void)state;
	for (unsigned int i = 0; i < NR_OF(written); i++)
		write_all(log, i * 100, MOST, LARGE, &written[i]);
	drop_from(log, &written[2], 0);
	drop_from(log, &written[1], 0);
	write_all(log, 900, MOST, LARGE, &again);
	paint_object(first, 900, sizeof(first));
	assert_memory_equal(memory.bytes + SEGMENT, first, sizeof(first));
	assert_int_equal(memory.bytes[2 * SEGMENT], 0xdd);
	assert_object(log, &again, 0);
	assert_object(log, &written[3], 15);
	finish(log);
}

/* ---- full stores ---- */

static void a_full_store_takes_no_more(void **state)
{
	struct zs_log *log = make_log(3, 1000);
	struct written written[3], more;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		assert_true(zs_log_has_space(log));
		write_all(log, i * 100, 2, 100, &written[i]);
	}
	assert_false(zs_log_has_space(log));
	assert_int_equal(write_objects(log, 900, 2, 100, &more), -ENOSPC);
	assert_int_equal(more.nr, 0);
	assert_int_equal(memory.nr_writes, 3);
	assert_int_equal(memory.nr_told, 0);
	drop_from(log, &written[1], 1);
	assert_false(zs_log_has_space(log));
	zs_log_drop(log, written[1].place[0]);
	assert_true(zs_log_has_space(log));
	write_all(log, 900, 2, 100, &more);
	assert_object(log, &more, 1);
	assert_object(log, &written[2], 1);
	finish(log);
}

/* Two segments of eight are for what moves. */
static void a_larger_store_has_a_reserve(void **state)
{
	struct zs_log *log = make_log(8, 1000);
	struct written written;

	(void)state;
	for (unsigned int i = 0; i < 8; i++) {
		assert_int_equal(zs_log_has_space(log), i < 6);
		write_all(log, i * 100, 1, 100, &written);
	}
	assert_int_equal(write_objects(log, 900, 1, 100, &written), -ENOSPC);
	finish(log);
}

static void a_store_of_less_than_a_segment_takes_nothing(void **state)
{
	struct zs_log *log = make_log(0, 1000);
	struct written written;

	(void)state;
	assert_false(zs_log_has_space(log));
	assert_int_equal(write_objects(log, 1, 1, 100, &written), -ENOSPC);
	zs_log_choose_victims(log);
	finish(log);
}

/* ---- stores that fail ---- */

static void a_write_that_fails_leaves_nothing(void **state)
{
	struct zs_log *log = make_log(1, 1000);
	struct written written;

	(void)state;
	memory.write_err = -ENOSPC;
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(write_objects(log, 1, 3, 100, &written), -EIO);
		assert_int_equal(written.nr, 0);
		assert_true(zs_log_has_space(log));
	}
	assert_int_equal(memory.nr_told, 1);
	memory.write_err = 0;
	write_all(log, 1, 3, 100, &written);
	assert_object(log, &written, 2);
	finish(log);
}

static void what_does_not_come_back_is_an_error(void **state)
{
	unsigned char got[LARGE];

	(void)state;
	for (unsigned int damaged = 0; damaged < 2; damaged++) {
		struct zs_log *log = make_log(8, 1000);
		struct written written;

		write_all(log, 1, 3, 5000, &written);
		memory.corrupts = damaged;
		memory.read_err = damaged ? 0 : -ETIMEDOUT;
		for (unsigned int i = 0; i < 3; i++)
			assert_int_equal(read_object(log, &written, i, got), -EIO);
		assert_int_equal(memory.nr_told, 1);
		memory.corrupts = false;
		memory.read_err = 0;
		for (unsigned int i = 0; i < 3; i++)
			assert_object(log, &written, i);
		/* What fails otherwise is told as well. */
		memory.write_err = -EIO;
		assert_int_equal(write_objects(log, 1, 3, 100, &written), -EIO);
		assert_int_equal(memory.nr_told, 2);
		finish(log);
	}
}

static void what_is_too_large_is_not_read(void **state)
{
	struct zs_log *log = make_log(8, 1000);
	struct zs_log_object object;
	struct written written;
	unsigned char got[100];

	(void)state;
	write_all(log, 1, 1, 100, &written);
	memset(got, 0xee, sizeof(got));
	assert_int_equal(zs_log_read(log, written.place[0], got, 99, &object), -EIO);
	assert_int_equal(object.bytes, 100);
	assert_int_equal(got[0], 0xee);
	assert_int_equal(zs_log_read(log, written.place[0], got, 100, &object), 0);
	finish(log);
}

static void nobody_has_to_be_told(void **state)
{
	struct zs_store store = memory_store_create(&memory, SEGMENT);
	const struct zs_log_options options = { .store = &store, .most_objects = 1, .most_object_bytes = LARGE };
	struct written written;
	struct zs_log *log;

	(void)state;
	assert_int_equal(zs_log_create(&options, &log), 0);
	memory.write_err = -EIO;
	assert_int_equal(write_objects(log, 1, 1, 100, &written), -EIO);
	finish(log);
	zs_log_destroy(NULL);
}

/* ---- victims ---- */

/* Segments of which so many objects of sixteen are kept. */
static void write_sparse(struct zs_log *log, const unsigned int *kept, unsigned int nr, struct written *written)
{
	for (unsigned int i = 0; i < nr; i++) {
		write_all(log, i * 100, MOST, LARGE, &written[i]);
		drop_from(log, &written[i], kept[i]);
		written[i].nr = kept[i];
	}
}

/* A bit for each segment, of whose objects all are or none is to move. */
static unsigned int victims_of(struct zs_log *log, const struct written *written, unsigned int nr)
{
	unsigned int victims = 0;

	for (unsigned int i = 0; i < nr; i++) {
		bool first = zs_log_is_victim(log, written[i].place[0]);

		for (unsigned int j = 1; j < written[i].nr; j++)
			assert_int_equal(zs_log_is_victim(log, written[i].place[j]), first);
		victims |= (unsigned int)first << i;
	}
	return victims;
}

struct sparse {
	unsigned int nr;
	unsigned int kept[8];
	unsigned int victims;
};

static void the_sparsest_are_victims(void **state)
{
	static const struct sparse cases[] = {
		{ 5, { 16, 8, 2, 1, 5 }, 0x1c },        /* more than twice what lives: those that are less than half */
		{ 5, { 16, 16, 1, 16, 16 }, 0 },        /* less than that */
		{ 6, { 16, 16, 1, 16, 16, 16 }, 0x04 }, /* but hardly any is left */
		{ 4, { 1, 1, 1, 1 }, 0 },               /* few are used */
		{ 7, { 7, 7, 7, 7, 7, 7, 7 }, 0x03 },   /* as many as have room in the last segment */
		{ 7, { 7, 7, 7, 7, 1, 7, 1 }, 0x51 },   /* and of those the sparsest */
		{ 8, { 1, 1, 1, 1, 1, 1, 1, 1 }, 0 },   /* there is no room */
	};

	(void)state;
	for (unsigned int i = 0; i < NR_OF(cases); i++) {
		struct zs_log *log = make_log(8, 1000);
		struct written written[8];

		write_sparse(log, cases[i].kept, cases[i].nr, written);
		assert_int_equal(victims_of(log, written, cases[i].nr), 0);
		zs_log_choose_victims(log);
		assert_int_equal(victims_of(log, written, cases[i].nr), cases[i].victims);
		finish(log);
	}
}

static void moving_empties_victims(void **state)
{
	static const unsigned int kept[] = { 1, 2, 1, 2, 1, 16 };
	struct zs_log *log = make_log(8, 1000);
	struct written written[NR_OF(kept)], moved;

	(void)state;
	write_sparse(log, kept, NR_OF(kept), written);
	assert_false(zs_log_has_space(log));
	zs_log_choose_victims(log);
	assert_int_equal(victims_of(log, written, NR_OF(kept)), 0x1f);
	write_all(log, 1000, 7, LARGE, &moved);
	for (unsigned int i = 0; i < 5; i++)
		drop_from(log, &written[i], 0);
	assert_int_equal(memory.nr_discards, 5);
	assert_true(zs_log_has_space(log));
	assert_int_equal(victims_of(log, &moved, 1), 0);
	/* A segment that was one is none when it is used again; and there is nothing to choose any more. */
	write_all(log, 2000, 1, LARGE, &written[0]);
	assert_int_equal(victims_of(log, written, 1), 0);
	zs_log_choose_victims(log);
	assert_int_equal(victims_of(log, written, 1), 0);
	assert_object(log, &moved, 6);
	finish(log);
}

struct chooser {
	struct written written;
	struct zs_log *log;
};

static void note_and_choose(void *ctx, unsigned int i, uint32_t place)
{
	struct chooser *chooser = ctx;

	note_place(&chooser->written, i, place);
	zs_log_choose_victims(chooser->log);
}

/* There is little in a segment while the first objects come to it. */
static void what_is_being_written_is_no_victim(void **state)
{
	static const unsigned int kept[] = { 2, 2, 2, 2, 2 };
	static const unsigned char bytes[4 * LARGE];
	static const struct zs_log_object objects[] = { { LARGE, 0 }, { LARGE, 0 }, { LARGE, 0 }, { LARGE, 0 } };
	const struct zs_log_batch batch = { bytes, objects, NR_OF(objects) };
	struct chooser chooser = { .log = make_log(8, 1000) };
	struct written written[NR_OF(kept)];

	(void)state;
	write_sparse(chooser.log, kept, NR_OF(kept), written);
	assert_int_equal(zs_log_write(chooser.log, &batch, note_and_choose, &chooser), 0);
	assert_int_equal(victims_of(chooser.log, written, NR_OF(kept)), 0x1f);
	assert_int_equal(victims_of(chooser.log, &chooser.written, 1), 0);
	/* From then on it may be one. */
	zs_log_choose_victims(chooser.log);
	assert_int_equal(victims_of(chooser.log, &chooser.written, 1), 1);
	finish(chooser.log);
}

static void they_are_victims_until_they_are_chosen_again(void **state)
{
	static const unsigned int kept[] = { 1, 1, 1, 1, 1 };
	struct zs_log *log = make_log(8, 1000);
	struct written written[NR_OF(kept)];

	(void)state;
	write_sparse(log, kept, NR_OF(kept), written);
	zs_log_choose_victims(log);
	assert_int_equal(victims_of(log, written, NR_OF(kept)), 0x1f);
	drop_from(log, &written[4], 0);
	assert_int_equal(victims_of(log, written, 4), 0x0f);
	zs_log_choose_victims(log);
	assert_int_equal(victims_of(log, written, 4), 0);
	finish(log);
}

/* ---- forks ---- */

static void what_is_sealed_stays_until_it_is_unsealed(void **state)
{
	struct zs_log *log = make_log(8, 1000);
	struct written old[2], more;
	unsigned char first[64];

	(void)state;
	write_all(log, 0, MOST, LARGE, &old[0]);
	write_all(log, 100, MOST, LARGE, &old[1]);
	zs_log_seal(log);
	drop_from(log, &old[0], 0);
	assert_int_equal(memory.nr_discards, 0);
	write_all(log, 200, MOST, LARGE, &more);
	for (unsigned int i = 0; i < 2; i++) {
		paint_object(first, i * 100, sizeof(first));
		assert_memory_equal(memory.bytes + i * SEGMENT, first, sizeof(first));
	}
	assert_object(log, &old[1], 7);
	zs_log_unseal(log);
	assert_int_equal(memory.nr_discards, 1);
	assert_int_equal(memory.bytes[0], 0xdd);
	drop_from(log, &old[1], 0);
	assert_int_equal(memory.nr_discards, 2);
	write_all(log, 300, 1, 64, &old[0]);
	paint_object(first, 300, sizeof(first));
	assert_memory_equal(memory.bytes, first, sizeof(first));
	assert_object(log, &more, 15);
	zs_log_unseal(log);
	assert_int_equal(memory.nr_discards, 2);
	finish(log);
}

static void what_comes_after_the_seal_is_free_to_go(void **state)
{
	struct zs_log *log = make_log(8, 1000);
	struct written old, more;

	(void)state;
	write_all(log, 0, MOST, LARGE, &old);
	zs_log_seal(log);
	write_all(log, 100, MOST, LARGE, &more);
	drop_from(log, &more, 1);
	more.nr = 1;
	zs_log_seal(log); /* of another child, which reads that too */
	drop_from(log, &more, 0);
	drop_from(log, &old, 0);
	assert_int_equal(memory.nr_discards, 0);
	write_all(log, 200, MOST, LARGE, &more);
	drop_from(log, &more, 0);
	assert_int_equal(memory.nr_discards, 1);
	assert_int_equal(memory.bytes[2 * SEGMENT], 0xdd);
	zs_log_seal(log); /* empty ones stay sealed */
	assert_int_equal(memory.nr_discards, 1);
	zs_log_unseal(log);
	assert_int_equal(memory.nr_discards, 3);
	finish(log);
}

static void what_is_sealed_takes_space(void **state)
{
	struct zs_log *log = make_log(3, 1000);
	struct written written[3];

	(void)state;
	for (unsigned int i = 0; i < 3; i++)
		write_all(log, i * 100, 1, 100, &written[i]);
	zs_log_seal(log);
	drop_from(log, &written[1], 0);
	assert_false(zs_log_has_space(log));
	assert_int_equal(write_objects(log, 900, 1, 100, &written[1]), -ENOSPC);
	zs_log_unseal(log);
	assert_true(zs_log_has_space(log));
	write_all(log, 900, 1, 100, &written[1]);
	finish(log);
}

static void what_is_sealed_is_no_victim(void **state)
{
	static const unsigned int kept[] = { 1, 1, 1, 1, 1, 1 };
	struct zs_log *log = make_log(16, 1000);
	struct written old[NR_OF(kept)], more[NR_OF(kept)];

	(void)state;
	write_sparse(log, kept, NR_OF(kept), old);
	zs_log_choose_victims(log);
	assert_int_equal(victims_of(log, old, NR_OF(kept)), 0x3f);
	zs_log_seal(log);
	assert_int_equal(victims_of(log, old, NR_OF(kept)), 0);
	assert_false(zs_log_choose_victims(log));
	write_sparse(log, kept, NR_OF(kept), more);
	assert_true(zs_log_choose_victims(log));
	assert_int_equal(victims_of(log, more, NR_OF(kept)), 0x3f);
	assert_int_equal(victims_of(log, old, NR_OF(kept)), 0);
	zs_log_unseal(log);
	assert_true(zs_log_choose_victims(log));
	assert_int_equal(victims_of(log, old, NR_OF(kept)), 0x3f);
	finish(log);
}

/* As one that is copied: the store takes as much again behind what there was. */
static void a_branch_writes_behind_what_there_was(void **state)
{
	struct zs_log *log = make_log(3, 1000);
	struct written old[2], more[3], again;

	(void)state;
	memory_store_destroy(&memory);
	memory_store_create(&memory, 8 * SEGMENT);
	write_all(log, 0, MOST, LARGE, &old[0]);
	write_all(log, 100, MOST, LARGE, &old[1]);
	drop_from(log, &old[0], 0);
	assert_int_equal(memory.nr_discards, 1);
	assert_int_equal(zs_log_branch(log), 2 * SEGMENT);
	assert_object(log, &old[1], 3);
	drop_from(log, &old[1], 1);
	for (unsigned int i = 0; i < 3; i++) {
		assert_true(zs_log_has_space(log));
		write_all(log, 200 + i * 100, MOST, LARGE, &more[i]);
	}
	assert_false(zs_log_has_space(log));
	assert_int_equal(write_objects(log, 900, 1, 100, &again), -ENOSPC);
	zs_log_unseal(log);
	assert_int_equal(memory.nr_discards, 1);
	drop_from(log, &more[1], 0);
	assert_int_equal(memory.nr_discards, 2);
	assert_int_equal(memory.bytes[3 * SEGMENT], 0xdd);
	write_all(log, 900, 1, 100, &again);
	assert_object(log, &old[1], 0);
	assert_object(log, &again, 0);
	assert_object(log, &more[2], 15);
	finish(log);
}

static void a_branch_branches(void **state)
{
	struct zs_log *log = make_log(2, 1000);
	struct written written[4];

	(void)state;
	memory_store_destroy(&memory);
	memory_store_create(&memory, 8 * SEGMENT);
	assert_int_equal(zs_log_branch(log), 0);
	for (unsigned int i = 0; i < 4; i++) {
		write_all(log, i * 100, 2, 100, &written[i]);
		zs_log_seal(log);
		assert_int_equal(zs_log_branch(log), (i + 1) * SEGMENT);
		drop_from(log, &written[i], 1);
	}
	for (unsigned int i = 0; i < 4; i++)
		assert_object(log, &written[i], 0);
	zs_log_choose_victims(log);
	assert_int_equal(victims_of(log, written, 1), 0);
	assert_int_equal(memory.nr_discards, 0);
	finish(log);
}

static void a_log_that_ends_is_read(void **state)
{
	struct zs_log *log = make_log(4, 1000);
	struct written old, more;

	(void)state;
	memory_store_destroy(&memory);
	memory_store_create(&memory, 8 * SEGMENT);
	write_all(log, 0, MOST, LARGE, &old);
	zs_log_branch(log);
	zs_log_end(log);
	assert_false(zs_log_has_space(log));
	assert_int_equal(write_objects(log, 100, 1, 100, &more), -ENOSPC);
	assert_false(zs_log_choose_victims(log));
	assert_object(log, &old, 3);
	drop_from(log, &old, 4);
	assert_int_equal(zs_log_branch(log), SEGMENT);
	assert_true(zs_log_has_space(log));
	write_all(log, 100, MOST, LARGE, &more);
	assert_object(log, &old, 3);
	assert_object(log, &more, 3);
	assert_int_equal(memory.nr_told, 0);
	finish(log);
}

/* ---- threads ---- */

enum { NR_THREADS = 4, NR_ROUNDS = 60 };

struct worker {
	pthread_t thread;
	struct zs_log *log;
	uint32_t number;
	bool is_done;
};

/* What is written in one round is dropped in part then, and the rest in the next. */
static void *work(void *arg)
{
	struct worker *worker = arg;
	struct written written[2] = { { .nr = 0 } };

	for (uint32_t round = 0; round < NR_ROUNDS; round++) {
		struct written *now = &written[round % 2], *before = &written[!(round % 2)];

		write_all(worker->log, worker->number * 100000 + round * 100, MOST, 100 + round * 50, now);
		for (unsigned int i = 0; i < before->nr; i++)
			assert_object(worker->log, before, i);
		drop_from(worker->log, before, 0);
		drop_from(worker->log, now, MOST / 2);
		now->nr = MOST / 2;
		zs_log_choose_victims(worker->log);
		zs_log_is_victim(worker->log, now->place[0]); /* others may choose anew just now */
	}
	drop_from(worker->log, &written[(NR_ROUNDS - 1) % 2], 0);
	return NULL;
}

/* While others write and drop. */
static void *seal_and_unseal(void *arg)
{
	struct worker *worker = arg;

	while (!__atomic_load_n(&worker->is_done, __ATOMIC_ACQUIRE)) {
		zs_log_seal(worker->log);
		zs_log_unseal(worker->log);
	}
	return NULL;
}

static void it_is_sealed_while_others_use_it(void **state)
{
	struct zs_log *log = make_log(8 * MOST, NR_THREADS * 2 * MOST);
	struct worker workers[NR_THREADS], sealer = { .log = log };

	(void)state;
	assert_int_equal(pthread_create(&sealer.thread, NULL, seal_and_unseal, &sealer), 0);
	for (uint32_t i = 0; i < NR_THREADS; i++) {
		workers[i] = (struct worker){ .log = log, .number = i };
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (uint32_t i = 0; i < NR_THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	__atomic_store_n(&sealer.is_done, true, __ATOMIC_RELEASE);
	pthread_join(sealer.thread, NULL);
	assert_int_equal(memory.nr_discards, NR_THREADS * NR_ROUNDS);
	finish(log);
}

static void it_is_used_by_many(void **state)
{
	struct zs_log *log = make_log(NR_THREADS * 2, NR_THREADS * 2 * MOST);
	struct worker workers[NR_THREADS];

	(void)state;
	for (uint32_t i = 0; i < NR_THREADS; i++) {
		workers[i] = (struct worker){ .log = log, .number = i };
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (uint32_t i = 0; i < NR_THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	assert_int_equal(memory.nr_writes, NR_THREADS * NR_ROUNDS);
	assert_int_equal(memory.nr_discards, NR_THREADS * NR_ROUNDS);
	assert_int_equal(memory.nr_told, 0);
	finish(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_come_back),
		cmocka_unit_test(places_are_used_again),
		cmocka_unit_test(what_is_unwanted_is_dropped_at_once),
		cmocka_unit_test(the_lowest_segment_is_taken),
		cmocka_unit_test(a_full_store_takes_no_more),
		cmocka_unit_test(a_larger_store_has_a_reserve),
		cmocka_unit_test(a_store_of_less_than_a_segment_takes_nothing),
		cmocka_unit_test(a_write_that_fails_leaves_nothing),
		cmocka_unit_test(what_does_not_come_back_is_an_error),
		cmocka_unit_test(what_is_too_large_is_not_read),
		cmocka_unit_test(nobody_has_to_be_told),
		cmocka_unit_test(the_sparsest_are_victims),
		cmocka_unit_test(moving_empties_victims),
		cmocka_unit_test(what_is_being_written_is_no_victim),
		cmocka_unit_test(they_are_victims_until_they_are_chosen_again),
		cmocka_unit_test(what_is_sealed_stays_until_it_is_unsealed),
		cmocka_unit_test(what_comes_after_the_seal_is_free_to_go),
		cmocka_unit_test(what_is_sealed_takes_space),
		cmocka_unit_test(what_is_sealed_is_no_victim),
		cmocka_unit_test(a_branch_writes_behind_what_there_was),
		cmocka_unit_test(a_branch_branches),
		cmocka_unit_test(a_log_that_ends_is_read),
		cmocka_unit_test(it_is_used_by_many),
		cmocka_unit_test(it_is_sealed_while_others_use_it),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
