/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * For tests of the public calls of compressed memory: memory with a log of what it told, its figures, and content.
 */
#ifndef TESTS_ZSWAP_FRONT_H
#define TESTS_ZSWAP_FRONT_H

#include <pthread.h>
#include <sys/mman.h>

#include "unit.h"

#include "uffd_there.h"
#include "zswap.h"

#define PAGE ((size_t)ZSWAP_PAGE_SIZE)
#define MIB (1ul << 20)
#define MANY 2048u /* pages: more than a small pool takes */

struct event_log {
	unsigned int nr;
	char what[256]; /* the last one */
};

static struct event_log events;
static pthread_mutex_t events_lock = PTHREAD_MUTEX_INITIALIZER;

static inline void note_event(void *ctx, const char *what)
{
	struct event_log *log = ctx;

	pthread_mutex_lock(&events_lock);
	log->nr++;
	snprintf(log->what, sizeof(log->what), "%s", what);
	pthread_mutex_unlock(&events_lock);
}

/* While others may tell more. */
static inline struct event_log told(void)
{
	struct event_log log;

	pthread_mutex_lock(&events_lock);
	log = events;
	pthread_mutex_unlock(&events_lock);
	return log;
}

static inline struct zswap *create_with(struct zswap_options options)
{
	events = (struct event_log){ .nr = 0 };
	if (!options.size)
		options.size = sizeof(options);
	options.on_event = note_event;
	options.ctx = &events;
	errno = 0;
	return zswap_create(&options);
}

static inline struct zswap *make_zswap(struct zswap_options options)
{
	struct zswap *zswap;

	if (!options.resident_limit_bytes)
		options.resident_limit_bytes = MIB;
	zswap = create_with(options);
	if (!zswap)
		print_error("zswap_create: %s: %s\n", strerror(errno), events.what);
	assert_non_null(zswap);
	return zswap;
}

static inline unsigned char *map_pages(struct zswap *zswap, size_t nr)
{
	unsigned char *memory = zswap_mmap(zswap, nr * PAGE);

	assert_non_null(memory);
	return memory;
}

static inline struct zswap_stats figures(struct zswap *zswap)
{
	struct zswap_stats stats = { .size = sizeof(stats) };

	zswap_stats(zswap, &stats);
	return stats;
}

/* Pages that tell themselves apart, and compress. */
static inline void write_page(unsigned char *page, unsigned int seed)
{
	memset(page, (int)(seed * 31 + 1), PAGE);
	memcpy(page, &seed, sizeof(seed));
	memcpy(page + PAGE - sizeof(seed), &seed, sizeof(seed));
}

static inline void write_pages(unsigned char *memory, size_t nr, unsigned int seed)
{
	for (size_t i = 0; i < nr; i++)
		write_page(memory + i * PAGE, seed + (unsigned int)i);
}

static inline void assert_page(const unsigned char *page, unsigned int seed)
{
	unsigned char expected[PAGE];

	write_page(expected, seed);
	assert_memory_equal(page, expected, PAGE);
}

static inline void assert_pages(const unsigned char *memory, size_t nr, unsigned int seed)
{
	for (size_t i = 0; i < nr; i++)
		assert_page(memory + i * PAGE, seed + (unsigned int)i);
}

/* Bytes that do not compress. */
static inline void fill_randomly(unsigned char *memory, size_t bytes, uint32_t seed)
{
	for (size_t i = 0; i < bytes; i++) {
		seed = seed * 1664525u + 1013904223u;
		memory[i] = (unsigned char)(seed >> 24);
	}
}

static inline bool is_filled(const unsigned char *memory, size_t bytes, uint32_t seed)
{
	for (size_t i = 0; i < bytes; i++) {
		seed = seed * 1664525u + 1013904223u;
		if (memory[i] != (unsigned char)(seed >> 24))
			return false;
	}
	return true;
}

static inline void page_out(struct zswap *zswap, void *memory, size_t nr)
{
	assert_int_equal(zswap_advise(zswap, memory, nr * PAGE, ZSWAP_PAGEOUT), 0);
}

/* How many of the pages are in memory, as the kernel says. */
static inline size_t nr_in_memory(void *memory, size_t nr)
{
	unsigned char in[4096];
	size_t sum = 0;

	assert_true(nr <= sizeof(in));
	assert_int_equal(mincore(memory, nr * PAGE, in), 0);
	for (size_t i = 0; i < nr; i++)
		sum += in[i] & 1;
	return sum;
}

/* ---- a backing file ---- */

static char dir[64];
static char path[80];

static inline int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/var/tmp/zswap-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/file", dir);
	return 0;
}

static inline int remove_dir(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

#endif
