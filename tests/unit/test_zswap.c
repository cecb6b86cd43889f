/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The public calls of compressed memory, on the kernel's own userfaultfd.
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "zswap_front.h"

/* ---- options ---- */

static void assert_refused(struct zswap_options options, int err)
{
	assert_null(create_with(options));
	assert_int_equal(errno, err);
}

static void options_are_looked_at(void **state)
{
	struct zswap_options good = { .size = sizeof(good), .resident_limit_bytes = MIB }, bad;

	(void)state;
	errno = 0;
	assert_null(zswap_create(NULL));
	assert_int_equal(errno, EINVAL);
	bad = good;
	bad.size = 8;
	assert_refused(bad, EINVAL);
	bad = good;
	bad.size = sizeof(bad) + 8;
	assert_refused(bad, EINVAL);
	bad = good;
	bad.resident_limit_bytes = MIB - 1;
	assert_refused(bad, EINVAL);
	bad = good;
	bad.flags = 1u << 31;
	assert_refused(bad, EINVAL);
	bad = good;
	bad.flags = ZSWAP_SIGBUS | ZSWAP_PAGER;
	assert_refused(bad, EINVAL);
}

static void a_size_of_zero_is_refused(void **state)
{
	struct zswap_options options = { .resident_limit_bytes = MIB };

	(void)state;
	errno = 0;
	assert_null(zswap_create(&options));
	assert_int_equal(errno, EINVAL);
}

static void what_is_wrong_is_told(void **state)
{
	(void)state;
	assert_refused((struct zswap_options){ .resident_limit_bytes = MIB, .compressor = "lzw" }, EINVAL);
	assert_non_null(strstr(events.what, "compressor"));
	assert_refused((struct zswap_options){ .resident_limit_bytes = MIB, .compressor = "zstd:99" }, EINVAL);
	assert_non_null(strstr(events.what, "compressor"));
	assert_refused((struct zswap_options){ .resident_limit_bytes = MIB, .backing_path = "/nowhere/at/all" },
		       ENOENT);
	assert_non_null(strstr(events.what, "backing file"));
	assert_refused((struct zswap_options){ .resident_limit_bytes = 1 }, EINVAL);
	assert_non_null(strstr(events.what, "resident_limit_bytes"));
	assert_refused((struct zswap_options){ .resident_limit_bytes = MIB, .flags = 4 }, EINVAL);
	assert_non_null(strstr(events.what, "flags"));
}

static void compressors_work(void **state)
{
	static const char *const names[] = { NULL, "lz4", "zstd", "zstd:1", "zstd:9" };

	(void)state;
	for (unsigned int i = 0; i < NR_OF(names); i++) {
		struct zswap *zswap = make_zswap((struct zswap_options){ .compressor = names[i] });
		unsigned char *memory = map_pages(zswap, 64);

		write_pages(memory, 64, 1);
		page_out(zswap, memory, 64);
		assert_true(figures(zswap).pool_pages > 0);
		assert_pages(memory, 64, 1);
		zswap_destroy(zswap);
	}
}

/* ---- the backing file ---- */

static void fill_file(const char *where)
{
	struct zswap *zswap = make_zswap((struct zswap_options){ .backing_path = where });
	unsigned char *memory = map_pages(zswap, MANY);
	struct zswap_stats stats;

	fill_randomly(memory, MANY * PAGE, 7);
	page_out(zswap, memory, MANY);
	stats = figures(zswap);
	assert_true(stats.written_back_pages > 0);
	assert_true(stats.stored_pages > 0 && stats.backing_bytes >= stats.stored_pages * PAGE);
	assert_true(is_filled(memory, MANY * PAGE, 7));
	assert_true(figures(zswap).stored_faults > 0);
	zswap_destroy(zswap);
}

static void a_folder_and_a_named_file_both_serve(void **state)
{
	struct stat stat_of;

	(void)state;
	fill_file(dir);
	fill_file(path);
	assert_int_equal(stat(path, &stat_of), 0);
	assert_int_equal(stat_of.st_size, 0);
	fill_file(path);
}

static void a_file_with_content_is_kept(void **state)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	struct stat stat_of;

	(void)state;
	assert_int_equal(write(fd, "mine", 4), 4);
	close(fd);
	assert_refused((struct zswap_options){ .resident_limit_bytes = MIB, .backing_path = path }, EEXIST);
	assert_int_equal(events.nr, 1);
	assert_int_equal(stat(path, &stat_of), 0);
	assert_int_equal(stat_of.st_size, 4);
}

static void a_file_is_used_once(void **state)
{
	struct zswap *zswap = make_zswap((struct zswap_options){ .backing_path = path });

	(void)state;
	assert_refused((struct zswap_options){ .resident_limit_bytes = MIB, .backing_path = path }, EWOULDBLOCK);
	zswap_destroy(zswap);
}

/* What has no room in the file stays in the pool or in memory, and nothing is lost. */
static void a_full_file_is_lived_with(void **state)
{
	struct zswap_options options = { .backing_path = dir,
					 .backing_limit_bytes = 2 * MIB,
					 .pool_limit_bytes = 4 * MIB };
	struct zswap *zswap = make_zswap(options);
	unsigned char *memory = map_pages(zswap, MANY);

	(void)state;
	fill_randomly(memory, MANY * PAGE, 9);
	page_out(zswap, memory, MANY);
	assert_true(figures(zswap).backing_bytes <= 2 * MIB);
	assert_true(figures(zswap).stored_pages > 0);
	assert_true(is_filled(memory, MANY * PAGE, 9));
	assert_int_equal(figures(zswap).lost_pages, 0);
	zswap_destroy(zswap);
}

/* ---- mappings ---- */

static void memory_reads_as_zeroes_at_first(void **state)
{
	struct zswap *zswap = make_zswap((struct zswap_options){ .size = 0 });
	unsigned char *memory = zswap_mmap(zswap, 10 * PAGE + 1), zeroes[PAGE] = { 0 };

	(void)state;
	assert_non_null(memory);
	assert_int_equal((uintptr_t)memory % PAGE, 0);
	assert_int_equal(figures(zswap).managed_pages, 11);
	for (unsigned int i = 0; i < 11; i++)
		assert_memory_equal(memory + i * PAGE, zeroes, PAGE);
	assert_true(figures(zswap).zero_faults > 0);
	zswap_destroy(zswap);
}

static void lengths_are_looked_at(void **state)
{
	struct zswap *zswap = make_zswap((struct zswap_options){ .size = 0 });

	(void)state;
	errno = 0;
	assert_null(zswap_mmap(zswap, 0));
	assert_int_equal(errno, EINVAL);
	assert_null(zswap_mmap(zswap, SIZE_MAX));
	assert_int_equal(errno, ENOMEM);
	assert_null(zswap_mmap(zswap, SIZE_MAX / 2));
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(figures(zswap).managed_pages, 0);
	zswap_destroy(zswap);
}

static void unmapping_takes_whole_pages_of_ours(void **state)
{
	struct zswap *zswap = make_zswap((struct zswap_options){ .size = 0 });
	unsigned char *memory = map_pages(zswap, 4),
		      *other = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_int_equal(zswap_munmap(zswap, memory + 1, PAGE), -EINVAL);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(zswap_munmap(zswap, memory, PAGE - 1), -EINVAL);
	assert_int_equal(zswap_munmap(zswap, memory, 0), -EINVAL);
	assert_int_equal(zswap_munmap(zswap, memory, 5 * PAGE), -EINVAL);
	assert_int_equal(zswap_munmap(zswap, other, PAGE), -EINVAL);
	assert_int_equal(zswap_munmap(zswap, memory, -PAGE), -EINVAL);
	write_pages(memory, 4, 3);
	assert_pages(memory, 4, 3);
	assert_int_equal(zswap_munmap(zswap, memory, 4 * PAGE), 0);
	assert_int_equal(zswap_munmap(zswap, memory, 4 * PAGE), -EINVAL);
	assert_int_equal(munmap(other, PAGE), 0);
	zswap_destroy(zswap);
}

static void parts_go_one_by_one(void **state)
{
	struct zswap *zswap = make_zswap((struct zswap_options){ .size = 0 });
	unsigned char *memory = map_pages(zswap, 100), in;

	(void)state;
	write_pages(memory, 100, 5);
	page_out(zswap, memory, 50);
	assert_int_equal(zswap_munmap(zswap, memory + 20 * PAGE, 60 * PAGE), 0);
	assert_int_equal(zswap_munmap(zswap, memory + 10 * PAGE, 20 * PAGE), -EINVAL);
	assert_pages(memory, 20, 5);
	assert_pages(memory + 80 * PAGE, 20, 85);
	assert_int_equal(mincore(memory + 20 * PAGE, PAGE, &in), -1);
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(figures(zswap).managed_pages, 100); /* until the last part goes */
	assert_int_equal(zswap_munmap(zswap, memory, 20 * PAGE), 0);
	assert_int_equal(zswap_munmap(zswap, memory + 80 * PAGE, 20 * PAGE), 0);
	assert_int_equal(figures(zswap).managed_pages, 0);
	assert_int_equal(figures(zswap).resident_pages, 0);
	assert_int_equal(figures(zswap).pool_pages, 0);
	zswap_destroy(zswap);
}

/* The kernel fills the highest hole that is large enough: mappings are made until it is this one. */
static bool map_at(struct zswap *zswap, const void *hole, size_t nr)
{
	unsigned char *at = map_pages(zswap, nr);

	for (unsigned int i = 0; at != hole && i < 1000; i++)
		at = map_pages(zswap, nr);
	return at == hole;
}

/* Memory of one, whose upper half is the other's; should somebody else have taken that hole, there is another one. */
static unsigned char *map_side_by_side(struct zswap *zswap, struct zswap *other, size_t nr)
{
	unsigned char *memory;
	unsigned int tries = 0;

	do {
		assert_true(tries++ < 20);
		memory = map_pages(zswap, 2 * nr);
		assert_int_equal(zswap_munmap(zswap, memory + nr * PAGE, nr * PAGE), 0);
	} while (!map_at(other, memory + nr * PAGE, nr));
	return memory;
}

/*
 * The address of what is unmapped is the next mapping's: word of the former, which the pager may still have to deal
 * with, is not to be taken for the latter.
 */
static void addresses_are_used_again(void **state)
{
	static const unsigned int flags[] = { ZSWAP_PAGER, ZSWAP_SIGBUS };

	(void)state;
	for (unsigned int i = 0; i < NR_OF(flags) * 2; i++) {
		struct zswap *zswap = make_zswap((struct zswap_options){ .flags = flags[i / 2] });

		for (unsigned int turn = 0; turn < 2000; turn++) {
			unsigned char *memory = map_pages(zswap, 3);

			write_pages(memory, 3, turn);
			assert_pages(memory, 3, turn);
			assert_int_equal(i % 2 ? munmap(memory, 3 * PAGE) : zswap_munmap(zswap, memory, 3 * PAGE), 0);
		}
		zswap_destroy(zswap);
	}
}

#define REGIONS 500u

/*
 * What was unmapped may be another mapping's before long, and whose pages are evicted then: reading ahead in what is
 * left of the old one gave them zeroes.
 */
static void holes_are_not_read_into(void **state)
{
	struct zswap *zswap = make_zswap((struct zswap_options){ .size = 0 });
	struct zswap *other = make_zswap((struct zswap_options){ .size = 0 });
	unsigned char *memory = map_side_by_side(zswap, other, 8), *hole = memory + 8 * PAGE;

	(void)state;
	write_pages(hole, 8, 100);
	page_out(other, hole, 8);
	write_pages(memory, 8, 50);
	assert_pages(hole, 8, 100);
	page_out(zswap, memory, 8);
	page_out(other, hole, 8);
	assert_pages(memory, 8, 50);
	assert_pages(hole, 8, 100);
	zswap_destroy(zswap);
	zswap_destroy(other);
}

static void there_may_be_many_mappings(void **state)
{
	struct zswap *zswap = make_zswap((struct zswap_options){ .size = 0 });
	unsigned char *memory[REGIONS];

	(void)state;
	for (unsigned int i = 0; i < REGIONS; i++) {
		memory[i] = map_pages(zswap, 3);
		write_pages(memory[i], 3, i);
	}
	for (unsigned int i = 0; i < REGIONS; i += 2)
		assert_int_equal(zswap_munmap(zswap, memory[i], 3 * PAGE), 0);
	for (unsigned int i = 1; i < REGIONS; i += 2)
		assert_pages(memory[i], 3, i);
	assert_int_equal(figures(zswap).managed_pages, REGIONS / 2 * 3);
	zswap_destroy(zswap); /* with those */
}

static void more_is_there_than_is_resident(void **state)
{
	struct zswap *zswap = make_zswap((struct zswap_options){ .size = 0 });
	unsigned char *memory = map_pages(zswap, MANY);

	(void)state;
	for (unsigned int i = 0; i < MANY; i++) {
		struct zswap_stats stats;

		write_page(memory + i * PAGE, i);
		stats = figures(zswap);
		assert_true(stats.resident_pages + stats.standby_pages <= 2 * stats.resident_limit_pages);
	}
	assert_true(nr_in_memory(memory, MANY) <= 2 * MIB / PAGE);
	assert_pages(memory, MANY, 0);
	assert_true(figures(zswap).evicted >= 2 * MANY - 4 * MIB / PAGE);
	assert_int_equal(told().nr, 0);
	zswap_destroy(zswap);
}

/* ---- advice ---- */

static void advice_is_looked_at(void **state)
{
	struct zswap *zswap = make_zswap((struct zswap_options){ .size = 0 });
	unsigned char *memory = map_pages(zswap, 4);

	(void)state;
	assert_int_equal(zswap_advise(zswap, memory + 1, PAGE, ZSWAP_COLD), -EINVAL);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(zswap_advise(zswap, memory, PAGE, (enum zswap_advice)99), -EINVAL);
	assert_int_equal(zswap_advise(zswap, memory, (size_t)-PAGE, ZSWAP_COLD), -EINVAL);
	assert_int_equal(zswap_advise(zswap, memory, SIZE_MAX, ZSWAP_COLD), -EINVAL);
	assert_int_equal(zswap_advise(zswap, memory, 0, ZSWAP_COLD), 0);
	assert_int_equal(zswap_advise(zswap, memory - 10 * PAGE, 100 * PAGE, ZSWAP_COLD), 0);
	zswap_destroy(zswap);
}

static void advice_is_taken(void **state)
{
	struct zswap *zswap = make_zswap((struct zswap_options){ .size = 0 });
	unsigned char *memory = map_pages(zswap, 64), zeroes[PAGE] = { 0 };
	uint64_t faults;

	(void)state;
	write_pages(memory, 64, 1);
	page_out(zswap, memory, 64);
	assert_int_equal(nr_in_memory(memory, 64), 0);
	assert_int_equal(zswap_advise(zswap, memory + 16 * PAGE, 16 * PAGE - 5, ZSWAP_WILLNEED), 0);
	assert_true(nr_in_memory(memory + 16 * PAGE, 16) == 16);
	faults = figures(zswap).pool_faults; /* what a pager counts of first touches may come late */
	assert_pages(memory + 16 * PAGE, 16, 17);
	assert_int_equal(figures(zswap).pool_faults, faults);
	assert_int_equal(zswap_advise(zswap, memory, 8 * PAGE, ZSWAP_DONTNEED), 0);
	assert_int_equal(zswap_advise(zswap, memory + 16 * PAGE, 8 * PAGE, ZSWAP_DONTNEED), 0);
	for (unsigned int i = 0; i < 8; i++) {
		assert_memory_equal(memory + i * PAGE, zeroes, PAGE);
		assert_memory_equal(memory + (16 + i) * PAGE, zeroes, PAGE);
	}
	assert_pages(memory + 8 * PAGE, 8, 9);
	assert_pages(memory + 24 * PAGE, 40, 25);
	zswap_destroy(zswap);
}

/* ---- figures ---- */

static void figures_are_cut_to_what_the_caller_knows(void **state)
{
	struct zswap *zswap = make_zswap((struct zswap_options){ .size = 0 });
	struct zswap_stats stats;

	(void)state;
	map_pages(zswap, 5);
	memset(&stats, 0xaa, sizeof(stats));
	stats.size = offsetof(struct zswap_stats, resident_pages);
	zswap_stats(zswap, &stats);
	assert_int_equal(stats.size, offsetof(struct zswap_stats, resident_pages));
	assert_int_equal(stats.managed_pages, 5);
	assert_int_equal(stats.resident_pages, 0xaaaaaaaaaaaaaaaaul);
	stats.size = 0;
	stats.managed_pages = 77;
	zswap_stats(zswap, &stats);
	assert_int_equal(stats.managed_pages, 77);
	stats.size = sizeof(stats) + 100;
	zswap_stats(zswap, &stats);
	assert_int_equal(stats.size, sizeof(stats));
	assert_int_equal(stats.resident_limit_pages, MIB / PAGE);
	zswap_stats(zswap, NULL);
	zswap_stats(NULL, &stats);
	zswap_destroy(zswap);
	zswap_destroy(NULL);
}

static void two_do_not_mix(void **state)
{
	struct zswap *one = make_zswap((struct zswap_options){ .flags = ZSWAP_SIGBUS });
	struct zswap *two = make_zswap((struct zswap_options){ .flags = ZSWAP_PAGER, .compressor = "zstd" });
	struct zswap *three = make_zswap((struct zswap_options){ .flags = ZSWAP_SIGBUS });
	unsigned char *of_one = map_pages(one, 600), *of_two = map_pages(two, 600), *of_three = map_pages(three, 600);

	(void)state;
	write_pages(of_one, 600, 1000);
	write_pages(of_two, 600, 2000);
	write_pages(of_three, 600, 3000);
	assert_int_equal(zswap_munmap(one, of_two, PAGE), -EINVAL);
	assert_int_equal(zswap_advise(one, of_two, 600 * PAGE, ZSWAP_DONTNEED), 0); /* passed over */
	assert_pages(of_one, 600, 1000);
	assert_pages(of_two, 600, 2000);
	zswap_destroy(one);
	assert_pages(of_three, 600, 3000);
	assert_pages(of_two, 600, 2000);
	zswap_destroy(two);
	assert_pages(of_three, 600, 3000);
	zswap_destroy(three);
}

/* ---- what may be used ---- */

static uint64_t mode_without(const char *what, unsigned int flags)
{
	struct zswap *zswap;
	unsigned char *memory;
	uint64_t mode;

	setenv("ZSWAP_DISABLE", what, 1);
	zswap = make_zswap((struct zswap_options){ .flags = flags });
	unsetenv("ZSWAP_DISABLE");
	mode = figures(zswap).mode;
	memory = map_pages(zswap, 600);
	write_pages(memory, 600, 1);
	page_out(zswap, memory, 600);
	assert_pages(memory, 600, 1);
	zswap_destroy(zswap);
	return mode;
}

static void what_is_disabled_is_done_without(void **state)
{
	const uint64_t how = ZSWAP_MODE_SIGBUS | ZSWAP_MODE_FULL;
	uint64_t all = uffd_is_full() ? ZSWAP_MODE_FULL : ZSWAP_MODE_SIGBUS;
	uint64_t move = uffd_has_move() ? ZSWAP_MODE_MOVE : 0;

	(void)state;
	assert_int_equal(mode_without("", 0) & how, all);
	assert_int_equal(mode_without("", 0) & ZSWAP_MODE_MOVE, move);
	assert_int_equal(mode_without("move", 0) & ZSWAP_MODE_MOVE, 0);
	assert_int_equal(mode_without("scan", 0) & ZSWAP_MODE_SCAN, 0);
	assert_int_equal(mode_without("full", 0) & how, ZSWAP_MODE_SIGBUS);
	assert_int_equal(mode_without("full,sigbus", 0) & how, 0);
	assert_int_equal(mode_without("full,sigbus,move,scan", 0), 0);
	assert_int_equal(mode_without("full", ZSWAP_PAGER) & how, 0);
	assert_int_equal(mode_without("", ZSWAP_SIGBUS) & how, ZSWAP_MODE_SIGBUS);
	assert_int_equal(mode_without("", ZSWAP_PAGER) & how, uffd_is_full() ? ZSWAP_MODE_FULL : 0);
}

static void assert_refused_without(const char *what, unsigned int flags, int err, const char *told)
{
	setenv("ZSWAP_DISABLE", what, 1);
	assert_refused((struct zswap_options){ .resident_limit_bytes = MIB, .flags = flags }, err);
	unsetenv("ZSWAP_DISABLE");
	assert_int_equal(events.nr, 1);
	assert_non_null(strstr(events.what, told));
}

static void what_cannot_be_done_without_is_told(void **state)
{
	(void)state;
	assert_refused_without("sigbus", ZSWAP_SIGBUS, EINVAL, "ZSWAP_SIGBUS");
	assert_refused_without("uffd", 0, EPERM, "ZSWAP_DISABLE");
	assert_refused_without("nonsense", 0, EINVAL, "ZSWAP_DISABLE");
	assert_refused_without("movement", 0, EINVAL, "ZSWAP_DISABLE");
	assert_refused_without("move,,ful", 0, EINVAL, "ZSWAP_DISABLE");
}

/* ---- events ---- */

static void want_of_descriptors_is_told(void **state)
{
	struct rlimit limit, none;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_refused((struct zswap_options){ .resident_limit_bytes = MIB }, EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_non_null(strstr(events.what, "descriptor"));
}

static void a_full_pool_is_told_once(void **state)
{
	struct zswap *zswap = make_zswap((struct zswap_options){ .pool_limit_bytes = MIB });
	unsigned char *memory = map_pages(zswap, MANY);

	(void)state;
	for (unsigned int i = 0; i < MANY; i++)
		fill_randomly(memory + i * PAGE, PAGE, i), memset(memory + i * PAGE, 0, PAGE / 2);
	assert_int_equal(told().nr, 1);
	assert_non_null(strstr(told().what, "full"));
	assert_true(figures(zswap).pool_limit_hit > 0);
	assert_true(figures(zswap).resident_pages > MIB / PAGE);
	/* the table is not held back: it has an entry for each page that was touched */
	assert_true(figures(zswap).pool_total_bytes + figures(zswap).table_bytes <= MIB + MANY * 24);
	zswap_destroy(zswap);
}

static void create_without_a_listener(void *arg)
{
	struct zswap_options options = { .size = sizeof(options), .resident_limit_bytes = *(uint64_t *)arg };

	setenv("ZSWAP_DISABLE", "nonsense", 1);
	_exit(zswap_create(&options) ? 1 : errno);
}

static void nobody_listening_it_goes_to_stderr(void **state)
{
	static const char *const messages[] = { "zswap: ZSWAP_DISABLE names", "zswap: resident_limit_bytes is less" };
	uint64_t limits_bytes[] = { MIB, 1 };
	char text[512];

	(void)state;
	for (unsigned int i = 0; i < NR_OF(messages); i++) {
		int status = run_child(create_without_a_listener, &limits_bytes[i], text, sizeof(text));

		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EINVAL);
		assert_non_null(strstr(text, messages[i]));
		assert_int_equal(text[strlen(text) - 1], '\n');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_are_looked_at),
		cmocka_unit_test(a_size_of_zero_is_refused),
		cmocka_unit_test(what_is_wrong_is_told),
		cmocka_unit_test(compressors_work),
		IN_DIR(a_folder_and_a_named_file_both_serve),
		IN_DIR(a_file_with_content_is_kept),
		IN_DIR(a_file_is_used_once),
		IN_DIR(a_full_file_is_lived_with),
		cmocka_unit_test(memory_reads_as_zeroes_at_first),
		cmocka_unit_test(lengths_are_looked_at),
		cmocka_unit_test(unmapping_takes_whole_pages_of_ours),
		cmocka_unit_test(parts_go_one_by_one),
		cmocka_unit_test(holes_are_not_read_into),
		cmocka_unit_test(addresses_are_used_again),
		cmocka_unit_test(there_may_be_many_mappings),
		cmocka_unit_test(more_is_there_than_is_resident),
		cmocka_unit_test(advice_is_looked_at),
		cmocka_unit_test(advice_is_taken),
		cmocka_unit_test(figures_are_cut_to_what_the_caller_knows),
		cmocka_unit_test(two_do_not_mix),
		cmocka_unit_test(what_is_disabled_is_done_without),
		cmocka_unit_test(what_cannot_be_done_without_is_told),
		cmocka_unit_test(want_of_descriptors_is_told),
		cmocka_unit_test(a_full_pool_is_told_once),
		cmocka_unit_test(nobody_listening_it_goes_to_stderr),
	};

	unsetenv("ZSWAP_DISABLE");
	uffd_skip_without(false);
	return cmocka_run_group_tests_name("zswap", tests, NULL, NULL);
}
