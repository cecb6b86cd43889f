/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Watching for want of memory: files in the form of the kernel's, and the kernel's own where it has them.
 */
#include <fcntl.h>
#include <poll.h>
#include <time.h>

#include "control_group.h"
#include "pressure.h"
#include "unit.h"
#include "zcache.h"

#define WINDOW_US 20000u
#define WINDOW_NS (WINDOW_US * 1000ull)

static char folder[64];

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/test_zcache_watch.XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	static const char *const names[] = { "pressure", "memory.high", "memory.current" };
	char path[96];

	(void)state;
	for (unsigned int i = 0; i < NR_OF(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	return rmdir(folder);
}

static const char *path_of(const char *name)
{
	static char path[96];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* In place, and never empty meanwhile, as the kernel's files change: readers have it open. */
static void write_file(const char *name, const char *text)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(ftruncate(fd, (off_t)strlen(text)), 0);
	close(fd);
}

static void write_stalls(uint64_t total_us)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "some avg10=0.00 avg60=0.00 avg300=0.00 total=%llu\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n",
		 (unsigned long long)total_us);
	write_file("pressure", text);
}

/* ---- files ---- */

/* It is no file of the kernel, so it is not written to, and read after each window. */
static void test_pressure(void **state)
{
	struct zcache_pressure pressure;

	(void)state;
	assert_int_equal(zcache_pressure_open(&pressure, path_of("pressure"), 1000, WINDOW_US, 0), -ENOENT);
	write_file("pressure", "nothing of the kind\n");
	assert_int_equal(zcache_pressure_open(&pressure, path_of("pressure"), 1000, WINDOW_US, 0), -EINVAL);
	write_stalls(5000);
	assert_int_equal(zcache_pressure_open(&pressure, path_of("pressure"), 1000, WINDOW_US, 0), 0);
	assert_false(pressure.has_trigger);
	assert_int_equal(zcache_pressure_rest_ns(&pressure, 0), WINDOW_NS);
	write_stalls(7000);
	assert_int_equal(zcache_pressure_look(&pressure, 0, WINDOW_NS - 1), 0);
	assert_int_equal(zcache_pressure_look(&pressure, 0, WINDOW_NS), 1);
	assert_int_equal(zcache_pressure_look(&pressure, 0, 2 * WINDOW_NS), 0);
	write_stalls(7999);
	assert_int_equal(zcache_pressure_look(&pressure, 0, 3 * WINDOW_NS), 0);
	write_stalls(8999);
	assert_int_equal(zcache_pressure_look(&pressure, 0, 4 * WINDOW_NS), 1);
	write_file("pressure", "");
	assert_int_equal(zcache_pressure_look(&pressure, 0, 5 * WINDOW_NS), -EINVAL);
	zcache_pressure_close(&pressure);
	assert_int_equal(zcache_pressure_look(&pressure, 0, 6 * WINDOW_NS), 0);
	assert_true(zcache_pressure_rest_ns(&pressure, 0) == UINT64_MAX);
}

/* With the kernel's trigger, where it may be set, poll() says it. */
static void test_trigger(void **state)
{
	struct zcache_pressure pressure;

	(void)state;
	if (zcache_pressure_open(&pressure, "/proc/pressure/memory", 100000, 2000000, 0))
		skip();
	if (pressure.has_trigger) {
		assert_int_equal(zcache_pressure_look(&pressure, 0, 1), 0);
		assert_int_equal(zcache_pressure_look(&pressure, POLLPRI, 1), 1);
		assert_int_equal(zcache_pressure_look(&pressure, POLLERR | POLLPRI, 1), -ENODEV);
		assert_true(zcache_pressure_rest_ns(&pressure, 0) == UINT64_MAX);
	}
	zcache_pressure_close(&pressure);
}

static void test_group(void **state)
{
	struct zcache_group group;

	(void)state;
	assert_int_equal(zcache_group_open(&group, folder), -ENOENT);
	write_file("memory.high", "max\n");
	write_file("memory.current", "1000000\n");
	assert_int_equal(zcache_group_open(&group, folder), 0);
	assert_int_equal(zcache_group_look(&group), 0);
	write_file("memory.high", "1066667\n");
	assert_int_equal(zcache_group_look(&group), 0);
	write_file("memory.high", "1066665\n");
	assert_int_equal(zcache_group_look(&group), 1);
	write_file("memory.current", "\n");
	assert_int_equal(zcache_group_look(&group), -EINVAL);
	zcache_group_close(&group);
	assert_int_equal(zcache_group_look(&group), 0);
}

/* ---- the thread ---- */

static struct {
	unsigned int nr;
} events;

static void note_event(void *ctx, const char *what)
{
	(void)ctx;
	assert_non_null(what);
	__atomic_fetch_add(&events.nr, 1, __ATOMIC_RELAXED);
}

static struct zcache *make_filled(void)
{
	struct zcache_options options = { .size = sizeof(options), .limit_bytes = 16 << 20, .on_event = note_event };
	struct zcache *cache = zcache_create(&options);
	static char value[4096];
	int pool;

	assert_non_null(cache);
	pool = zcache_new_pool(cache, NULL);
	for (uint32_t i = 0; i < 3000; i++)
		assert_int_equal(zcache_put(cache, pool, 0, i, value, sizeof(value), 0), 0);
	return cache;
}

static struct zcache_stats figures(struct zcache *cache)
{
	struct zcache_stats stats = { .size = sizeof(stats) };

	zcache_stats(cache, &stats);
	return stats;
}

/* Waits for a figure to be so much, for ten seconds at most. */
static bool comes_to(struct zcache *cache, uint64_t nr_events)
{
	static const struct timespec rest = { .tv_nsec = 5000000 };

	for (unsigned int i = 0; i < 2000 && figures(cache).pressure_events < nr_events; i++)
		nanosleep(&rest, NULL);
	return figures(cache).pressure_events >= nr_events;
}

static void test_watch_pressure(void **state)
{
	struct zcache_watch_options options = {
		.size = sizeof(options), .stall_us = 1000, .window_us = WINDOW_US, .step_bytes = 1 << 20
	};
	struct zcache *cache = make_filled();
	uint64_t before = figures(cache).total_bytes;

	(void)state;
	write_stalls(0);
	options.psi_path = path_of("pressure");
	assert_int_equal(zcache_watch(cache, &options), 0);
	write_stalls(1000);
	assert_true(comes_to(cache, 1));
	assert_true(figures(cache).total_bytes <= before - (1 << 20));
	assert_true(figures(cache).values > 2000);
	/* Once: the stalls were longer once. */
	usleep(5 * WINDOW_US);
	assert_int_equal(figures(cache).pressure_events, 1);
	write_stalls(2000);
	assert_true(comes_to(cache, 2));
	zcache_destroy(cache);
}

static void test_watch_group(void **state)
{
	struct zcache_watch_options options = { .size = sizeof(options), .psi_path = "", .cgroup_path = folder };
	struct zcache *cache = make_filled();

	(void)state;
	write_file("memory.high", "2000\n");
	write_file("memory.current", "1000\n");
	assert_int_equal(zcache_watch(cache, &options), 0);
	usleep(250000);
	assert_int_equal(figures(cache).pressure_events, 0);
	write_file("memory.current", "1900\n");
	assert_true(comes_to(cache, 2));
	assert_true(figures(cache).evicted > 0);
	/* Of no use any more: told, and that is all. */
	write_file("memory.current", "?\n");
	for (unsigned int i = 0; i < 1000 && !__atomic_load_n(&events.nr, __ATOMIC_RELAXED); i++)
		usleep(10000);
	assert_int_equal(__atomic_load_n(&events.nr, __ATOMIC_RELAXED), 1);
	zcache_destroy(cache);
}

static void test_watch_options(void **state)
{
	struct zcache_watch_options options = { .size = sizeof(options), .psi_path = "" };
	struct zcache *cache = make_filled();

	(void)state;
	assert_int_equal(zcache_watch(cache, &options), -EINVAL);
	options.psi_path = path_of("none");
	assert_int_equal(zcache_watch(cache, &options), -ENOENT);
	write_stalls(0);
	options.psi_path = path_of("pressure");
	options.stall_us = 3000000;
	assert_int_equal(zcache_watch(cache, &options), -EINVAL);
	options.stall_us = 0;
	assert_int_equal(zcache_watch(cache, &options), 0);
	/* A second one takes the place of the first; a child has none, and can do without. */
	assert_int_equal(zcache_watch(cache, &options), 0);
#if !defined(__SANITIZE_THREAD__)
	{
		pid_t child = fork();
		int status;

		if (!child) {
			zcache_reclaim(cache, 1 << 20);
			zcache_destroy(cache);
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
#endif
	options.size = 3;
	assert_int_equal(zcache_watch(cache, &options), -EINVAL);
	zcache_destroy(cache);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(test_pressure),       IN_FOLDER(test_trigger),     IN_FOLDER(test_group),
		IN_FOLDER(test_watch_pressure), IN_FOLDER(test_watch_group), IN_FOLDER(test_watch_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
