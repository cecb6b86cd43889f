/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The disk tester's parts: what it was told, the ways to a disk, and the players, which are threads that each have a
 * range of the disk for their own and compare it with a model.
 */
#ifndef TESTS_DISK_TESTER_H
#define TESTS_DISK_TESTER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "random.h"

#define PAGE 4096u
#define LONGEST (20 * PAGE)
#define COMMON_PAGES 2u

struct disk_settings {
	uint64_t seed;
	uint64_t nr_requests; /* of each thread */
	uint64_t seconds;
	uint64_t nr_pages;
	uint64_t nr_threads;
	uint64_t limit_kib;    /* of the disk; 0: none, so that no write may fail */
	uint64_t fail_one_in;  /* one request for memory in so many fails; 0: none */
	uint64_t budget_pages; /* of the system; 0: as many as it has */
	uint64_t store_fails;  /* one call of the backing store in so many fails; 0: none */
	const char *policies;  /* r: packs idle pages again, d: shares equal ones, w: writes them to a store */
	const char *codec;
	const char *uri;  /* of a server that runs; NULL: the engine in this process */
	bool drops_bytes; /* its discards do, not pages alone */
};

/* Several threads have pages in common at the disk's end, which each of them writes whole. */
static inline uint64_t common_pages(const struct disk_settings *settings)
{
	return settings->nr_threads > 1 ? COMMON_PAGES : 0;
}

/* Whether a write may be refused. */
static inline bool may_refuse(const struct disk_settings *settings)
{
	return settings->limit_kib || settings->fail_one_in || settings->budget_pages;
}

/* Requests that failed, as they may. */
struct disk_tally {
	uint64_t failed_reads;
	uint64_t failed_writes;
};

/* Whether a run's bytes are data, zeroes that take room, or a hole. */
enum disk_extent { DISK_DATA, DISK_ZERO, DISK_HOLE };
typedef int (*disk_each)(void *ctx, uint64_t offset, uint64_t len, enum disk_extent kind);

/*
 * A way to a disk. Requests return 0 or a negative errno. A connection belongs to one thread at a time. What checks
 * returns NULL, or says what is wrong.
 */
struct disk_way {
	/* The disk of one run, without content; NULL: none can be had, and the reason is on stderr. */
	void *(*open)(const struct disk_settings *settings);
	/* From here on nothing fails but for the limit. */
	void (*calm)(void *disk);
	/* A look at the disk's figures. pre: at rest */
	const char *(*check)(void *disk, const struct disk_tally *tally);
	/* The same when all was discarded. */
	const char *(*check_empty)(void *disk);
	/* Ends it. Says what it leaves behind. */
	const char *(*close)(void *disk);

	void *(*connect)(void *disk);
	void (*disconnect)(void *conn);
	int (*read)(void *conn, void *buf, size_t len, uint64_t offset);
	int (*write)(void *conn, const void *buf, size_t len, uint64_t offset);
	int (*zero)(void *conn, uint64_t len, uint64_t offset, bool may_trim);
	int (*discard)(void *conn, uint64_t len, uint64_t offset);
	int (*extents)(void *conn, uint64_t len, uint64_t offset, disk_each each, void *ctx);
	/* Background work of some kind, if the disk does not do its own. */
	void (*tend)(void *conn, uint32_t dice);
};

extern const struct disk_way disk_engine;
#ifdef DISK_NBD
extern const struct disk_way disk_nbd;
#endif

struct disk_player {
	pthread_t thread;
	const struct disk_settings *settings;
	const struct disk_way *way;
	void *conn;
	struct rng rng;
	uint64_t step;
	uint64_t from, end;    /* its own bytes: others change those before and after, in the same pages too */
	unsigned char *model;  /* what the whole disk should read as, of which a player knows its own bytes */
	unsigned char *before; /* what it should have read as before a request */
	unsigned char *buffer;
	struct disk_tally tally;
};

/* A thread's whole run: so many requests, and all of its bytes compared now and then. arg: a player */
void *disk_play(void *arg);
/* Compares all of its bytes. */
void disk_check_all(struct disk_player *player);
/* Puts what the common pages have into the model. pre: nobody is at work */
void disk_settle_common(struct disk_player *player);
/* Says where the player is, and how to come there again, and ends the program. err: what a request said, or 0 */
_Noreturn void disk_differ(const struct disk_player *player, const char *what, int err, uint64_t offset, uint64_t len);

/* The command that does the same again. */
extern char disk_replay[256];

#endif
