/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Lost updates: threads count in words of managed memory of which a tenth may be resident, while another advises that
 * pages be evicted, until so many were. A page that was taken or given back at the wrong moment shows as a count that
 * is too small.
 *
 *   zswap_lost [-m full|sigbus|user] [-d DISABLED] [-b FOLDER] [-n EVICTIONS] [-r SEED] [-w WRITERS] [-1] [-h]
 *   -m user: a pager for faults of the program's own; -d: see ZSWAP_DISABLE; -b: where the backing file is; -1: all
 *   threads share a processor; -h: the kernel hides moves
 *
 * Pages are one thread's, or all threads': the latter are added to atomically. The sums are in ordinary memory.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hidden_moves.h"
#include "must.h"
#include "options.h"
#include "processor.h"
#include "random.h"
#include "uffd_there.h"
#include "zswap.h"

#define WORDS_PER_PAGE (ZSWAP_PAGE_SIZE / 8)
#define OWN_PAGES 2048u
#define SHARED_PAGES 512u
#define COUNTERS 8u /* in a page */
#define MOST_WRITERS 16u
#define LIMIT_BYTES (1u << 20)
#define POOL_LIMIT_BYTES (4u << 20)
#define LOOK_EVERY 64u /* steps, from one look at how many were evicted to the next */

struct page {
	uint64_t word[WORDS_PER_PAGE];
};

struct shared {
	const char *mode;
	const char *disabled;
	const char *folder;
	bool hides;
	uint64_t nr_evictions;
	uint64_t seed;
	unsigned int nr_writers;
	struct zswap *zswap;
	struct page *own;
	struct page *together;
	bool done;
};

struct writer {
	struct shared *shared;
	unsigned int number;
	struct rng rng;
	uint64_t counted[OWN_PAGES][COUNTERS];
	uint64_t added[SHARED_PAGES][COUNTERS];
};

/* ---- pages ---- */

enum content { SPARSE, HALF_RANDOM, FILLED, RANDOM };

/* Those that do not compress have to stay if there is no file: so they are few then. */
static enum content content_of(const struct shared *shared, uint32_t page)
{
	unsigned int one_in = shared->folder ? 4 : 64;

	return page % one_in == one_in - 1 ? RANDOM : (enum content)(page % 3);
}

static void fill_page(struct page *page, uint64_t word)
{
	for (unsigned int i = 0; i < WORDS_PER_PAGE; i++)
		page->word[i] = word;
}

/* A page of this content, whose counters are zero. */
static void prepare(const struct shared *shared, struct rng *rng, struct page *page, uint32_t number)
{
	enum content content = content_of(shared, number);

	if (content == RANDOM)
		rng_fill(rng, page, sizeof(*page));
	else if (content == HALF_RANDOM)
		rng_fill(rng, page, sizeof(*page) / 2);
	for (unsigned int i = 0; i < COUNTERS; i++)
		page->word[i * (WORDS_PER_PAGE / COUNTERS)] = 0;
}

static uint64_t *counter_of(struct page *page, unsigned int counter)
{
	return &page->word[counter * (WORDS_PER_PAGE / COUNTERS)];
}

/* ---- threads ---- */

static void count_one(struct writer *w, uint32_t number)
{
	unsigned int counter = rng_below(&w->rng, COUNTERS);
	uint64_t *word = counter_of(&w->shared->own[number], counter);

	MUST(*word == w->counted[number][counter]);
	*word = ++w->counted[number][counter];
}

/* All words of the page are its count. */
static void count_all(struct writer *w, uint32_t number)
{
	struct page *page = &w->shared->own[number];

	for (unsigned int i = 0; i < WORDS_PER_PAGE; i++)
		MUST(page->word[i] == w->counted[number][0]);
	fill_page(page, ++w->counted[number][0]);
}

static void count(struct writer *w)
{
	uint32_t number = rng_below(&w->rng, OWN_PAGES / w->shared->nr_writers) * w->shared->nr_writers + w->number;

	if (content_of(w->shared, number) == FILLED)
		count_all(w, number);
	else
		count_one(w, number);
}

static void add(struct writer *w)
{
	uint32_t number = rng_below(&w->rng, SHARED_PAGES);
	unsigned int counter = rng_below(&w->rng, COUNTERS);

	__atomic_fetch_add(counter_of(&w->shared->together[number], counter), 1, __ATOMIC_RELAXED);
	w->added[number][counter]++;
}

/* What threads bring at the same moment may be beyond the limit, and what does not compress. */
static uint64_t nr_evicted(struct shared *shared)
{
	struct zswap_stats stats = { .size = sizeof(stats) };

	zswap_stats(shared->zswap, &stats);
	MUST(stats.resident_pages + stats.standby_pages <= 2 * stats.resident_limit_pages);
	return stats.evicted;
}

static void *write_on(void *arg)
{
	struct writer *w = arg;

	while (nr_evicted(w->shared) < w->shared->nr_evictions)
		for (unsigned int i = 0; i < LOOK_EVERY; i++) {
			count(w);
			add(w);
		}
	return NULL;
}

static void advise_once(struct shared *shared, struct rng *rng)
{
	static const enum zswap_advice advice[] = { ZSWAP_PAGEOUT, ZSWAP_COLD, ZSWAP_WILLNEED };
	bool own = rng_below(rng, 2);
	uint32_t nr_pages = own ? OWN_PAGES : SHARED_PAGES;
	uint32_t first = rng_below(rng, nr_pages), nr = 1 + rng_below(rng, 20);

	nr = nr < nr_pages - first ? nr : nr_pages - first;
	MUST(!zswap_advise(shared->zswap, &(own ? shared->own : shared->together)[first], nr * sizeof(struct page),
			   advice[rng_below(rng, 3)]));
}

static void *advise_on(void *arg)
{
	struct shared *shared = arg;
	struct rng rng = { .state = shared->seed ^ 0x5eed };

	while (!__atomic_load_n(&shared->done, __ATOMIC_RELAXED)) {
		advise_once(shared, &rng);
		sched_yield();
	}
	return NULL;
}

/* ---- a run ---- */

static void event_is_failure(void *ctx, const char *what)
{
	(void)ctx;
	fprintf(stderr, "zswap_lost: %s\n", what);
	_exit(1);
}

static unsigned int flags_of(const char *mode)
{
	return !strcmp(mode, "sigbus") ? ZSWAP_SIGBUS : ZSWAP_PAGER;
}

static uint64_t expected_mode(const struct shared *shared)
{
	bool move = uffd_has_move() && !strstr(shared->disabled, "move");

	return (!strcmp(shared->mode, "sigbus") ? ZSWAP_MODE_SIGBUS : 0) |
	       (!strcmp(shared->mode, "full") ? ZSWAP_MODE_FULL : 0) | (move ? ZSWAP_MODE_MOVE : 0);
}

static void check_mode(struct shared *shared)
{
	struct zswap_stats stats = { .size = sizeof(stats) };

	zswap_stats(shared->zswap, &stats);
	MUST((stats.mode & ~(uint64_t)ZSWAP_MODE_SCAN) == expected_mode(shared));
}

static void create(struct shared *shared)
{
	struct zswap_options options = { .size = sizeof(options),
					 .resident_limit_bytes = LIMIT_BYTES,
					 .pool_limit_bytes = shared->folder ? POOL_LIMIT_BYTES : 0,
					 .backing_path = shared->folder,
					 .backing_limit_bytes = 64u << 20,
					 .flags = flags_of(shared->mode),
					 .on_event = event_is_failure };

	setenv("ZSWAP_DISABLE", shared->disabled, 1);
	shared->zswap = zswap_create(&options);
	MUST(shared->zswap);
	check_mode(shared);
	shared->own = zswap_mmap(shared->zswap, OWN_PAGES * sizeof(struct page));
	shared->together = zswap_mmap(shared->zswap, SHARED_PAGES * sizeof(struct page));
	MUST(shared->own && shared->together);
}

static void prepare_all(struct shared *shared)
{
	struct rng rng = { .state = shared->seed };

	for (uint32_t i = 0; i < OWN_PAGES; i++)
		prepare(shared, &rng, &shared->own[i], i);
	for (uint32_t i = 0; i < SHARED_PAGES; i++)
		prepare(shared, &rng, &shared->together[i], i);
}

static void run_threads(struct shared *shared, struct writer *writers)
{
	pthread_t threads[MOST_WRITERS], adviser;

	MUST(!pthread_create(&adviser, NULL, advise_on, shared));
	for (unsigned int i = 0; i < shared->nr_writers; i++)
		MUST(!pthread_create(&threads[i], NULL, write_on, &writers[i]));
	for (unsigned int i = 0; i < shared->nr_writers; i++)
		pthread_join(threads[i], NULL);
	__atomic_store_n(&shared->done, true, __ATOMIC_RELAXED);
	pthread_join(adviser, NULL);
}

static uint64_t check_own(struct writer *w)
{
	uint64_t sum = 0;

	for (uint32_t page = w->number; page < OWN_PAGES; page += w->shared->nr_writers)
		for (unsigned int i = 0; i < COUNTERS; i++) {
			unsigned int counter = content_of(w->shared, page) == FILLED ? 0 : i;

			MUST(*counter_of(&w->shared->own[page], i) == w->counted[page][counter]);
			sum += w->counted[page][i];
		}
	return sum;
}

static uint64_t check_shared(struct shared *shared, const struct writer *writers)
{
	uint64_t all = 0;

	for (uint32_t page = 0; page < SHARED_PAGES; page++)
		for (unsigned int i = 0; i < COUNTERS; i++) {
			uint64_t sum = 0;

			for (unsigned int w = 0; w < shared->nr_writers; w++)
				sum += writers[w].added[page][i];
			MUST(*counter_of(&shared->together[page], i) == sum);
			all += sum;
		}
	return all;
}

static void report(struct shared *shared, uint64_t counted, uint64_t added)
{
	struct zswap_stats stats = { .size = sizeof(stats) };

	zswap_stats(shared->zswap, &stats);
	MUST(stats.lost_pages == 0 && stats.failed_writes == 0);
	MUST(stats.faults && stats.packed);
	MUST(!shared->folder || stats.written_back_pages);
	MUST(!shared->hides || hidden_moves());
	printf("zswap_lost: %llu counts and %llu sums right after %llu evictions, %llu faults, %llu pages packed, "
	       "%llu written back, %llu from the file, %llu busy\n",
	       (unsigned long long)counted, (unsigned long long)added, (unsigned long long)stats.evicted,
	       (unsigned long long)stats.faults, (unsigned long long)stats.packed,
	       (unsigned long long)stats.written_back_pages, (unsigned long long)stats.stored_faults,
	       (unsigned long long)stats.busy_pages);
}

static void run(struct shared *shared)
{
	struct writer *writers = calloc(shared->nr_writers, sizeof(*writers));
	uint64_t counted = 0;

	MUST(writers);
	create(shared);
	prepare_all(shared);
	for (unsigned int i = 0; i < shared->nr_writers; i++) {
		writers[i].shared = shared;
		writers[i].number = i;
		writers[i].rng.state = shared->seed + i;
	}
	run_threads(shared, writers);
	for (unsigned int i = 0; i < shared->nr_writers; i++)
		counted += check_own(&writers[i]);
	report(shared, counted, check_shared(shared, writers));
	zswap_destroy(shared->zswap);
	free(writers);
}

static bool are_valid(const struct shared *shared)
{
	return shared->nr_writers && shared->nr_writers <= MOST_WRITERS && OWN_PAGES % shared->nr_writers == 0;
}

static const char *const modes[] = { "full", "sigbus", "user", NULL };

int main(int argc, char **argv)
{
	static struct shared shared = {
		.mode = "sigbus", .disabled = "", .nr_evictions = 100000, .seed = 1, .nr_writers = 4
	};
	int c;

	while ((c = getopt(argc, argv, "m:d:b:n:r:w:1h")) != -1) {
		switch (c) {
		case 'm': shared.mode = option_word("zswap_lost", c, optarg, modes); break;
		case 'd': shared.disabled = optarg; break;
		case 'b': shared.folder = optarg; break;
		case 'n': shared.nr_evictions = option_number("zswap_lost", c, optarg); break;
		case 'r': shared.seed = option_number("zswap_lost", c, optarg); break;
		case 'w': shared.nr_writers = (unsigned int)option_number("zswap_lost", c, optarg); break;
		case '1': take_one_processor(); break;
		case 'h': shared.hides = true; break;
		default: return 2;
		}
	}
	if (!are_valid(&shared)) {
		fprintf(stderr, "zswap_lost: -w 1, 2, 4, 8 or 16\n");
		return 2;
	}
	printf("zswap_lost: -m %s -d '%s' -n %llu -r %llu -w %u\n", shared.mode, shared.disabled,
	       (unsigned long long)shared.nr_evictions, (unsigned long long)shared.seed, shared.nr_writers);
	uffd_skip_without(!strcmp(shared.mode, "full"));
	if (shared.hides && !uffd_has_move())
		uffd_skip("there are no moves to hide");
	if (shared.hides)
		hidden_moves_begin();
	run(&shared);
	return 0;
}
