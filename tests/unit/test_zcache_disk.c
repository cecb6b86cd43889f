/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A cached disk in front of one that is made up: what is kept and what is not, what fails, what is read ahead, and the
 * ranges that are in doubt.
 */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>

#include "zcache_disk.h"

#define PAGE ZCACHE_DISK_PAGE
#define NR_PAGES 64u
#define SHORT 1000u /* bytes of the last page */
#define SIZE ((NR_PAGES - 1) * PAGE + SHORT)
#define CACHE_BYTES (4u << 20)

/* The disk behind. */
struct behind {
	unsigned char content[SIZE];
	uint64_t reads;
	uint64_t last_offset;
	uint32_t last_count;
	uint32_t most_count;
	uint64_t bad_from; /* bytes from here to bad_end cannot be read */
	uint64_t bad_end;
	int change_err;
	bool change_in_doubt;
	/* In the middle of a change, before the content is new and after. */
	void (*before)(struct behind *behind);
	void (*after)(struct behind *behind);
	struct zcache_disk *disk;
};

static int read_behind(void *ctx, void *buf, uint32_t count, uint64_t offset)
{
	struct behind *behind = ctx;

	behind->reads++;
	behind->last_offset = offset;
	behind->last_count = count;
	if (behind->most_count < count)
		behind->most_count = count;
	assert_true(offset + count <= SIZE);
	if (offset < behind->bad_end && offset + count > behind->bad_from)
		return -EIO;
	memcpy(buf, behind->content + offset, count);
	return 0;
}

static int change_behind(void *ctx, const struct zcache_change *change, bool *in_doubt)
{
	struct behind *behind = ctx;

	if (behind->before)
		behind->before(behind);
	*in_doubt = behind->change_in_doubt;
	if (behind->change_err)
		return behind->change_err;
	if (change->kind == ZCACHE_WRITE)
		memcpy(behind->content + change->offset, change->data, change->count);
	else
		memset(behind->content + change->offset, 0, change->count);
	if (behind->after)
		behind->after(behind);
	return 0;
}

static const struct zcache_backing_ops ops = { .read = read_behind, .change = change_behind };

struct fixture {
	struct behind behind;
	struct zcache_backing backing;
	struct zcache *cache;
	struct zcache_disk disk;
};

static int set_up_with(void **state, uint32_t readahead)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct zcache_options options = { .size = sizeof(options), .limit_bytes = CACHE_BYTES };

	assert_non_null(f);
	for (uint32_t i = 0; i < SIZE; i++)
		f->behind.content[i] = (unsigned char)(i / PAGE + i % 251);
	f->backing = (struct zcache_backing){ .ops = &ops, .ctx = &f->behind, .size_bytes = SIZE };
	f->cache = zcache_create(&options);
	assert_non_null(f->cache);
	zcache_disk_init(&f->disk, f->cache, zcache_new_pool(f->cache, NULL), &f->backing, readahead);
	f->behind.disk = &f->disk;
	*state = f;
	return 0;
}

static int set_up(void **state)
{
	return set_up_with(state, 0);
}

static int set_up_ahead(void **state)
{
	return set_up_with(state, 16);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	zcache_disk_destroy(&f->disk);
	zcache_destroy(f->cache);
	free(f);
	return 0;
}

/* Reads, and compares with what is behind. Result: how many reads that took behind. */
static uint64_t check_read(struct fixture *f, uint32_t count, uint64_t offset)
{
	static unsigned char buf[SIZE];
	uint64_t before = f->behind.reads;

	assert_int_equal(zcache_disk_read(&f->disk, buf, count, offset), 0);
	assert_memory_equal(buf, f->behind.content + offset, count);
	return f->behind.reads - before;
}

static int write_byte(struct fixture *f, unsigned char byte, uint64_t offset)
{
	struct zcache_change change = { .kind = ZCACHE_WRITE, .data = &byte, .count = 1, .offset = offset };

	return zcache_disk_change(&f->disk, &change);
}

/* ---- reading ---- */

static void what_was_read_is_kept(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(check_read(f, 3 * PAGE, 5 * PAGE), 1);
	assert_int_equal(check_read(f, 3 * PAGE, 5 * PAGE), 0);
	assert_int_equal(check_read(f, PAGE, 6 * PAGE + 100), 0);
	assert_int_equal(f->disk.counts.hit_pages, 3 + 2);
	assert_int_equal(f->disk.counts.miss_pages, 3);
	assert_int_equal(f->disk.counts.bytes_read, 7 * PAGE);
}

static void missing_pages_are_read_in_one_go(void **state)
{
	struct fixture *f = *state;

	check_read(f, PAGE, 10 * PAGE);
	assert_int_equal(check_read(f, 8 * PAGE, 6 * PAGE), 2); /* those before, and those after */
	assert_int_equal(f->behind.last_offset, 11 * PAGE);
	assert_int_equal(f->behind.last_count, 3 * PAGE);
	assert_int_equal(f->disk.counts.hit_pages, 1);
	assert_int_equal(f->disk.counts.miss_pages, 1 + 7);
}

static void parts_of_pages_have_these_kept_as_a_whole(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(check_read(f, 10, 7 * PAGE + 4090), 1);
	assert_int_equal(f->behind.last_count, 2 * PAGE);
	assert_int_equal(check_read(f, 2 * PAGE, 7 * PAGE), 0);
}

static void the_last_page_may_be_short(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(check_read(f, SHORT, SIZE - SHORT), 1);
	assert_int_equal(f->behind.last_count, SHORT);
	assert_int_equal(check_read(f, SHORT, SIZE - SHORT), 0);
	assert_int_equal(check_read(f, 1, SIZE - 1), 0);
	assert_int_equal(check_read(f, SIZE, 0), 1);
	assert_int_equal(check_read(f, SIZE, 0), 0);
}

static void what_cannot_be_read_hurts_nobody_else(void **state)
{
	struct fixture *f = *state;
	unsigned char buf[2 * PAGE];

	f->behind.bad_from = 8 * PAGE + 512;
	f->behind.bad_end = 8 * PAGE + 1024;
	assert_int_equal(zcache_disk_read(&f->disk, buf, PAGE, 8 * PAGE), -EIO);
	assert_int_equal(check_read(f, 512, 8 * PAGE), 2); /* not the page, but what was asked for */
	assert_int_equal(check_read(f, 512, 8 * PAGE), 2); /* which is not kept */
	assert_int_equal(zcache_disk_read(&f->disk, buf, 2 * PAGE, 7 * PAGE), -EIO);
	assert_int_equal(f->disk.counts.failed_reads, 2);
	f->behind.bad_end = 0;
	assert_int_equal(check_read(f, PAGE, 8 * PAGE), 1);
}

/* ---- changing ---- */

static void what_is_changed_is_read_anew(void **state)
{
	struct fixture *f = *state;
	struct zcache_change zero = { .kind = ZCACHE_ZERO, .count = 3 * PAGE, .offset = 2 * PAGE + 1 };

	check_read(f, 8 * PAGE, 0);
	assert_int_equal(write_byte(f, 1, PAGE + 17), 0);
	assert_int_equal(check_read(f, PAGE, 0), 0);
	assert_int_equal(check_read(f, PAGE, PAGE), 1);
	assert_int_equal(zcache_disk_change(&f->disk, &zero), 0);
	assert_int_equal(check_read(f, 2 * PAGE, 0), 0);
	assert_int_equal(check_read(f, 6 * PAGE, 2 * PAGE), 1);
	assert_int_equal(f->behind.last_count, 4 * PAGE);
}

static void a_change_that_fails_leaves_its_pages_absent(void **state)
{
	struct fixture *f = *state;

	check_read(f, 2 * PAGE, 0);
	f->behind.change_err = -ENOSPC;
	assert_int_equal(write_byte(f, 1, 5), -ENOSPC);
	assert_int_equal(check_read(f, 2 * PAGE, 0), 1);
	assert_int_equal(check_read(f, 2 * PAGE, 0), 0);
	assert_int_equal(f->disk.counts.failed_writes, 1);
}

static unsigned char seen;

static void read_third_page(struct behind *behind)
{
	assert_int_equal(zcache_disk_read(behind->disk, &seen, 1, 3 * PAGE), 0);
}

/* Else somebody could find the old one in the cache when another has read the new one already. */
static void what_is_read_during_a_change_is_not_kept(void **state)
{
	struct fixture *f = *state;

	f->behind.content[3 * PAGE] = 1;
	check_read(f, PAGE, 3 * PAGE);
	f->behind.before = read_third_page;
	f->behind.after = read_third_page;
	assert_int_equal(write_byte(f, 2, 3 * PAGE), 0);
	assert_int_equal(seen, 2);
	assert_int_equal(f->disk.counts.hit_pages, 0);
	f->behind.before = f->behind.after = NULL;
	assert_int_equal(check_read(f, PAGE, 3 * PAGE), 1);
	assert_int_equal(check_read(f, PAGE, 3 * PAGE), 0);
}

/* A read that began before the change and comes back after it brings what was true before. */
static struct fixture *slow;

static int read_slowly(void *ctx, void *buf, uint32_t count, uint64_t offset)
{
	int err = read_behind(ctx, buf, count, offset);

	slow->backing.ops = &ops;
	assert_int_equal(write_byte(slow, 99, offset), 0);
	return err;
}

static void a_read_that_a_change_overtakes_is_not_kept(void **state)
{
	static const struct zcache_backing_ops slow_ops = { .read = read_slowly, .change = change_behind };
	unsigned char buf[PAGE];

	slow = *state;
	slow->backing.ops = &slow_ops;
	assert_int_equal(zcache_disk_read(&slow->disk, buf, PAGE, 3 * PAGE), 0);
	assert_int_not_equal(buf[0], 99);
	assert_int_equal(check_read(slow, PAGE, 3 * PAGE), 1);
}

/* A read that begins when a change has begun, and comes back when that has ended, with what was true before. */
static sem_t has_read, has_changed;
static pthread_t reader;

static int read_and_wait(void *ctx, void *buf, uint32_t count, uint64_t offset)
{
	int err = read_behind(ctx, buf, count, offset);

	sem_post(&has_read);
	sem_wait(&has_changed);
	return err;
}

static void *read_in_thread(void *ctx)
{
	read_third_page(ctx);
	return NULL;
}

static void begin_read(struct behind *behind)
{
	static const struct zcache_backing_ops waiting_ops = { .read = read_and_wait };

	slow->backing.ops = &waiting_ops;
	assert_int_equal(pthread_create(&reader, NULL, read_in_thread, behind), 0);
	sem_wait(&has_read);
	slow->backing.ops = &ops;
}

static void a_read_that_outlives_a_change_is_not_kept(void **state)
{
	slow = *state;
	slow->behind.content[3 * PAGE] = 1;
	slow->behind.before = begin_read;
	sem_init(&has_read, 0, 0);
	sem_init(&has_changed, 0, 0);
	assert_int_equal(write_byte(slow, 2, 3 * PAGE), 0);
	sem_post(&has_changed);
	pthread_join(reader, NULL);
	assert_int_equal(seen, 1);
	assert_int_equal(check_read(slow, PAGE, 3 * PAGE), 1);
	sem_destroy(&has_read);
	sem_destroy(&has_changed);
}

static void what_is_in_doubt_is_never_kept(void **state)
{
	struct fixture *f = *state;

	f->behind.change_err = -ETIMEDOUT;
	f->behind.change_in_doubt = true;
	assert_int_equal(write_byte(f, 1, 3 * PAGE), -ETIMEDOUT);
	f->behind.change_err = 0;
	f->behind.change_in_doubt = false;
	assert_int_equal(check_read(f, 3 * PAGE, 2 * PAGE), 1);
	f->behind.content[3 * PAGE] = 77; /* it happens after all */
	assert_int_equal(check_read(f, 3 * PAGE, 2 * PAGE), 1);
	assert_int_equal(f->behind.last_count, PAGE);
	assert_int_equal(write_byte(f, 2, 3 * PAGE), 0);
	assert_int_equal(check_read(f, PAGE, 3 * PAGE), 1);
	assert_int_equal(check_read(f, PAGE, 3 * PAGE), 1);
}

static void all_is_forgotten(void **state)
{
	struct fixture *f = *state;

	check_read(f, SIZE, 0);
	memset(f->behind.content, 9, SIZE);
	zcache_disk_forget(&f->disk);
	assert_int_equal(check_read(f, SIZE, 0), 1);
}

/* ---- reading ahead ---- */

static void who_reads_in_order_has_more_read(void **state)
{
	struct fixture *f = *state;
	uint64_t reads = 0;

	for (uint32_t page = 0; page < NR_PAGES - 1; page++)
		reads += check_read(f, PAGE, page * PAGE);
	assert_in_range(reads, 4, 8);
	assert_true(f->disk.counts.readahead_pages > NR_PAGES / 2);
	assert_int_equal(f->behind.most_count, (1 + 16) * PAGE); /* in the end as much as there may be */
	assert_int_equal(f->disk.counts.hit_pages + f->disk.counts.miss_pages, NR_PAGES - 1);
	assert_int_equal(check_read(f, SIZE, 0), 0); /* the last one too */
}

static void who_does_not_has_not(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 0; i < NR_PAGES / 2; i++)
		check_read(f, PAGE, (i * 37 % (NR_PAGES - 1)) * PAGE);
	assert_int_equal(f->disk.counts.readahead_pages, 0);
}

static void what_cannot_be_read_ahead_fails_nobody(void **state)
{
	struct fixture *f = *state;

	f->behind.bad_from = 6 * PAGE;
	f->behind.bad_end = 7 * PAGE;
	for (uint32_t page = 0; page < 6; page++)
		check_read(f, PAGE, page * PAGE);
	assert_int_equal(f->disk.counts.failed_reads, 0);
}

/* ---- ranges ---- */

static void end_in_doubt(struct zcache_changes *changes, uint64_t first, uint64_t last)
{
	struct zcache_pending pending;

	zcache_changes_begin(changes, &pending, first, last);
	assert_true(zcache_changes_touch(changes, last, last + 5));
	zcache_changes_end(changes, &pending, true);
}

static void doubts_that_touch_become_one(void **state)
{
	struct zcache_changes changes;

	(void)state;
	zcache_changes_init(&changes);
	end_in_doubt(&changes, 10, 19);
	end_in_doubt(&changes, 30, 39);
	end_in_doubt(&changes, 0, 3);
	assert_int_equal(zcache_changes_doubtful_pages(&changes), 24);
	assert_int_equal(changes.nr_doubts, 3);
	end_in_doubt(&changes, 15, 30);
	assert_int_equal(changes.nr_doubts, 2);
	assert_int_equal(zcache_changes_doubtful_pages(&changes), 34);
	assert_false(zcache_changes_touch(&changes, 4, 9));
	assert_true(zcache_changes_touch(&changes, 4, 10));
	assert_true(zcache_changes_touch(&changes, 39, 50));
	end_in_doubt(&changes, 4, 9);
	assert_int_equal(changes.nr_doubts, 1);
	assert_int_equal(zcache_changes_doubtful_pages(&changes), 40);
	zcache_changes_destroy(&changes);
}

/* All that were told are still known; what is between may be too. */
static void many_doubts_stay_known(void **state)
{
	struct zcache_changes changes;

	(void)state;
	zcache_changes_init(&changes);
	for (uint64_t i = 0; i < 1000; i++)
		end_in_doubt(&changes, i * 7919 % 1000 * 10, i * 7919 % 1000 * 10 + 1);
	for (uint64_t i = 0; i < 1000; i++)
		assert_true(zcache_changes_touch(&changes, i * 10, i * 10));
	assert_true(changes.nr_doubts <= ZCACHE_DOUBTS);
	assert_false(zcache_changes_touch(&changes, 9992, 20000));
	zcache_changes_destroy(&changes);
}

static void changes_end_in_any_order(void **state)
{
	struct zcache_changes changes;
	struct zcache_pending pending[3];

	(void)state;
	zcache_changes_init(&changes);
	for (uint64_t i = 0; i < 3; i++)
		zcache_changes_begin(&changes, &pending[i], i * 10, i * 10 + 5);
	zcache_changes_end(&changes, &pending[1], false);
	assert_false(zcache_changes_touch(&changes, 10, 15));
	assert_true(zcache_changes_touch(&changes, 5, 15));
	zcache_changes_end(&changes, &pending[2], false);
	assert_true(zcache_changes_touch(&changes, 0, 0));
	zcache_changes_end(&changes, &pending[0], false);
	assert_false(zcache_changes_touch(&changes, 0, 100));
	zcache_changes_destroy(&changes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_AHEAD(name) cmocka_unit_test_setup_teardown(name, set_up_ahead, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_read_is_kept),
		TEST(missing_pages_are_read_in_one_go),
		TEST(parts_of_pages_have_these_kept_as_a_whole),
		TEST(the_last_page_may_be_short),
		TEST(what_cannot_be_read_hurts_nobody_else),
		TEST(what_is_changed_is_read_anew),
		TEST(a_change_that_fails_leaves_its_pages_absent),
		TEST(what_is_read_during_a_change_is_not_kept),
		TEST(a_read_that_a_change_overtakes_is_not_kept),
		TEST(a_read_that_outlives_a_change_is_not_kept),
		TEST(what_is_in_doubt_is_never_kept),
		TEST(all_is_forgotten),
		TEST_AHEAD(who_reads_in_order_has_more_read),
		TEST_AHEAD(who_does_not_has_not),
		TEST_AHEAD(what_cannot_be_read_ahead_fails_nobody),
		cmocka_unit_test(doubts_that_touch_become_one),
		cmocka_unit_test(many_doubts_stay_known),
		cmocka_unit_test(changes_end_in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
