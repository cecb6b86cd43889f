/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * No read of a cached disk finds what was true before: several connections write, trim, zero and read a disk that an
 * NBD server has, and each knows what every word may be.
 *   zcache-nbd-stale -u URI [-j CONNECTIONS] [-t SECONDS] [-n REQUESTS] [-s PAGES] [-r SEED] [-f]
 *
 * The disk is cells of 512 bytes, each of which one connection changes and all read. A word of a cell says of which
 * cell and version it is; a version may be zeroes. Whoever reads notes before which version was complete last, and
 * which was seen last by a read that had ended; and after, which was begun last: what was read must lie between them.
 * So an older version after a newer one is found too, while a write is still under way. Words are judged by themselves,
 * for a file may give half of a write that is under way.
 *
 * -f: requests of the server may fail. A change that failed may have happened or not, until the next that did not.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libnbd.h>

#include "options.h"
#include "random.h"

#define CELL 512u
#define WORDS (CELL / sizeof(uint64_t))
#define CELLS_IN_PAGE (4096 / CELL)
#define LONG_RUN 20u   /* cells of one client in the second half of the disk */
#define MOST_CELLS 64u /* of a request */
#define HISTORY 64u    /* versions of which it is known whether they are zeroes */
#define MOST_THREADS 64u
#define LONGEST_SILENCE 120 /* seconds */

static struct {
	const char *uri;
	uint64_t nr_threads;
	uint64_t seconds;
	uint64_t nr_requests;
	uint64_t nr_pages;
	uint64_t seed;
	bool may_fail;
} settings = { .nr_threads = 8, .nr_requests = 2000, .nr_pages = 256, .seed = 1 };

/* Changed by its owner alone but for seen. All atomically. */
struct cell {
	uint64_t begun;    /* the version that is being written, or was */
	uint64_t complete; /* the last that was answered without an error */
	uint64_t seen;     /* at least this one was there when some read ended */
	uint64_t zeroes;   /* a bit for each of the last versions, by number */
};

static struct cell *cells;
static uint64_t nr_cells;
static uint64_t nr_refused, nr_read;
static bool is_over;

struct client {
	pthread_t thread;
	struct nbd_handle *nbd;
	uint64_t number;
	struct rng rng;
	uint64_t lowest[MOST_CELLS];
	uint64_t buf[MOST_CELLS * WORDS];
};

static uint64_t load(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static void store(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

/* Never 0. */
static uint64_t word_of(uint64_t cell, uint64_t version)
{
	return version << 24 | cell << 1 | 1;
}

static _Noreturn void fail(const char *what, uint64_t cell, uint64_t word, uint64_t low, uint64_t high)
{
	printf("zcache-nbd-stale: %s: cell %llu, word %llx, versions %llu to %llu\n"
	       "replay to about there: -r %llu -j %llu -s %llu\n",
	       what, (unsigned long long)cell, (unsigned long long)word, (unsigned long long)low,
	       (unsigned long long)high, (unsigned long long)settings.seed, (unsigned long long)settings.nr_threads,
	       (unsigned long long)settings.nr_pages);
	fflush(stdout);
	_exit(1);
}

/* ---- changing ---- */

/* Whose a cell is: in the first half of the disk a page's are of several, in the second whole pages are one's. */
static uint64_t owner_of(uint64_t cell)
{
	uint64_t run = cell < nr_cells / 2 ? cell / 2 + cell / CELLS_IN_PAGE : cell / LONG_RUN;

	return run % settings.nr_threads;
}

/* Cells of the client that follow each other: some of those that it may change in one request. */
static uint64_t own_cells(struct client *client, uint64_t *first)
{
	uint64_t nr = 0;

	do
		*first = rng_next(&client->rng) % nr_cells;
	while (owner_of(*first) != client->number);
	while (nr < MOST_CELLS && *first + nr < nr_cells && owner_of(*first + nr) == client->number)
		nr++;
	return nr;
}

static void begin(uint64_t first, uint64_t nr, bool is_zero)
{
	for (uint64_t i = first; i < first + nr; i++) {
		uint64_t version = cells[i].begun + 1, bit = 1ull << version % HISTORY;

		store(&cells[i].zeroes, is_zero ? cells[i].zeroes | bit : cells[i].zeroes & ~bit);
		store(&cells[i].begun, version);
	}
}

static void complete(uint64_t first, uint64_t nr)
{
	for (uint64_t i = first; i < first + nr; i++)
		store(&cells[i].complete, cells[i].begun);
}

static int write_cells(struct client *client, uint64_t first, uint64_t nr, uint32_t flags)
{
	for (uint64_t i = 0; i < nr * WORDS; i++)
		client->buf[i] = word_of(first + i / WORDS, cells[first + i / WORDS].begun);
	return nbd_pwrite(client->nbd, client->buf, nr * CELL, first * CELL, flags);
}

static void request_change(struct client *client)
{
	uint32_t dice = rng_next(&client->rng) % 10, flags = rng_next(&client->rng) % 8 ? 0 : LIBNBD_CMD_FLAG_FUA;
	uint64_t first, nr = own_cells(client, &first);
	int err;

	begin(first, nr, dice < 3);
	if (dice == 0)
		err = nbd_trim(client->nbd, nr * CELL, first * CELL, flags);
	else if (dice < 3)
		err = nbd_zero(client->nbd, nr * CELL, first * CELL, flags | (dice == 1 ? LIBNBD_CMD_FLAG_NO_HOLE : 0));
	else
		err = write_cells(client, first, nr, flags);
	if (!err)
		complete(first, nr);
	else if (settings.may_fail)
		__atomic_fetch_add(&nr_refused, 1, __ATOMIC_RELAXED);
	else
		fail(nbd_get_error(), first, 0, 0, 0);
}

/* ---- reading ---- */

/* The first zero version from low on, up to high; 0 if there is none. All may be, of which too little is known. */
static uint64_t zero_version(const struct cell *cell, uint64_t low, uint64_t high)
{
	uint64_t zeroes = load(&cell->zeroes);

	for (uint64_t version = low; version <= high; version++)
		if (!version || high - version >= HISTORY / 2 || zeroes >> version % HISTORY & 1)
			return version + 1;
	return 0;
}

static void note_seen(struct cell *cell, uint64_t version)
{
	uint64_t seen = load(&cell->seen);

	while (seen < version &&
	       !__atomic_compare_exchange_n(&cell->seen, &seen, version, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
}

/* Result: the version of the word. */
static uint64_t judge(uint64_t number, uint64_t word, uint64_t low, uint64_t high)
{
	uint64_t version = word >> 24;

	if (!word) {
		version = zero_version(&cells[number], low, high);
		if (!version)
			fail("zeroes that nobody wrote", number, word, low, high);
		return version - 1;
	}
	if (word != word_of(number, version))
		fail("a word of another place", number, word, low, high);
	if (version < low)
		fail("a version that was true before", number, word, low, high);
	if (version > high)
		fail("a version that nobody wrote yet", number, word, low, high);
	return version;
}

/* What a torn read has seen is its oldest word. */
static void check_cell(uint64_t number, uint64_t low, const uint64_t *words)
{
	uint64_t high = load(&cells[number].begun), oldest = UINT64_MAX;

	for (uint32_t i = 0; i < WORDS; i++) {
		uint64_t version = judge(number, words[i], low, high);

		if (version < oldest)
			oldest = version;
	}
	note_seen(&cells[number], oldest);
}

static void request_read(struct client *client)
{
	uint64_t nr = 1 + rng_next(&client->rng) % MOST_CELLS, first = rng_next(&client->rng) % nr_cells;

	if (nr > nr_cells - first)
		nr = nr_cells - first;
	for (uint64_t i = 0; i < nr; i++) {
		uint64_t seen = load(&cells[first + i].seen), complete = load(&cells[first + i].complete);

		client->lowest[i] = seen > complete ? seen : complete;
	}
	if (nbd_pread(client->nbd, client->buf, nr * CELL, first * CELL, 0)) {
		if (!settings.may_fail)
			fail(nbd_get_error(), first, 0, 0, 0);
		__atomic_fetch_add(&nr_refused, 1, __ATOMIC_RELAXED);
		return;
	}
	for (uint64_t i = 0; i < nr; i++)
		check_cell(first + i, client->lowest[i], client->buf + i * WORDS);
	__atomic_fetch_add(&nr_read, 1, __ATOMIC_RELAXED);
}

/* ---- the run ---- */

static bool goes_on(uint64_t step)
{
	return settings.seconds ? !__atomic_load_n(&is_over, __ATOMIC_RELAXED) : step < settings.nr_requests;
}

static void *run(void *arg)
{
	struct client *client = arg;

	for (uint64_t step = 0; goes_on(step); step++) {
		uint32_t dice = rng_next(&client->rng) % 32;

		if (dice < 10)
			request_change(client);
		else if (dice < 31)
			request_read(client);
		else if (nbd_flush(client->nbd, 0) && !settings.may_fail)
			fail(nbd_get_error(), 0, 0, 0, 0);
		alarm(LONGEST_SILENCE);
	}
	return NULL;
}

static struct nbd_handle *connect_to(const char *uri)
{
	struct nbd_handle *nbd = nbd_create();

	if (nbd && !nbd_connect_uri(nbd, uri))
		return nbd;
	fprintf(stderr, "zcache-nbd-stale: %s: %s\n", uri, nbd_get_error());
	exit(2);
}

/* With a disk of zeroes all begin at version 0. One that fails is asked until it does not. */
static void prepare(void)
{
	struct nbd_handle *nbd = connect_to(settings.uri);
	unsigned int tries = 0;

	nr_cells = settings.nr_pages * CELLS_IN_PAGE;
	cells = calloc(nr_cells, sizeof(*cells));
	if (!cells || nbd_get_size(nbd) < (int64_t)(nr_cells * CELL)) {
		fprintf(stderr, "zcache-nbd-stale: the disk is too small\n");
		exit(2);
	}
	while (nbd_zero(nbd, nr_cells * CELL, 0, 0))
		if (!settings.may_fail || tries++ > 100)
			fail(nbd_get_error(), 0, 0, 0, 0);
	nbd_close(nbd);
}

static void parse(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "u:j:t:n:s:r:f")) >= 0) {
		switch (option) {
		case 'u': settings.uri = optarg; break;
		case 'j': settings.nr_threads = option_number("zcache-nbd-stale", option, optarg); break;
		case 't': settings.seconds = option_number("zcache-nbd-stale", option, optarg); break;
		case 'n': settings.nr_requests = option_number("zcache-nbd-stale", option, optarg); break;
		case 's': settings.nr_pages = option_number("zcache-nbd-stale", option, optarg); break;
		case 'r': settings.seed = option_number("zcache-nbd-stale", option, optarg); break;
		case 'f': settings.may_fail = true; break;
		default: exit(2);
		}
	}
	if (!settings.uri || !settings.nr_threads || settings.nr_threads > MOST_THREADS ||
	    settings.nr_pages < 8 * settings.nr_threads || settings.nr_pages * CELLS_IN_PAGE >= 1 << 23) {
		fprintf(stderr, "zcache-nbd-stale: see the head of zcache_nbd_stale.c\n");
		exit(2);
	}
}

static void run_all(struct client *clients)
{
	for (uint64_t i = 0; i < settings.nr_threads; i++) {
		clients[i] = (struct client){ .number = i, .rng = { .state = settings.seed * MOST_THREADS + i } };
		clients[i].nbd = connect_to(settings.uri);
	}
	for (uint64_t i = 0; i < settings.nr_threads; i++)
		if (pthread_create(&clients[i].thread, NULL, run, &clients[i]))
			exit(2);
	if (settings.seconds)
		sleep((unsigned int)settings.seconds);
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	for (uint64_t i = 0; i < settings.nr_threads; i++)
		pthread_join(clients[i].thread, NULL);
}

int main(int argc, char **argv)
{
	static struct client clients[MOST_THREADS];

	parse(argc, argv);
	prepare();
	run_all(clients);
	for (uint64_t i = 0; i < settings.nr_threads; i++) {
		nbd_shutdown(clients[i].nbd, 0);
		nbd_close(clients[i].nbd);
	}
	free(cells);
	printf("zcache-nbd-stale: no stale read: %llu reads, %llu requests refused\n", (unsigned long long)nr_read,
	       (unsigned long long)nr_refused);
	return 0;
}
