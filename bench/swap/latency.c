/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What a fault costs on memory that was compressed away, and how fast memory is: this library's, or the kernel's own,
 * with whatever swap the machine has on (run.py gives it a zram device).
 *
 *   swap-latency -i IMAGE -k pager|sigbus|kernel [-m MIB] [-n FAULTS] [-w]
 *
 * Memory is filled with pages of the image and evicted (ZSWAP_PAGEOUT, or MADV_PAGEOUT), which is timed until all of it
 * is packed. Then random pages, no one twice, are touched one by one, read or (-w) written, and each is timed; of pages
 * that LZ4 packs to three quarters at least, since of others the kernel keeps a copy, and memory without a backing file
 * evicts none. Each round evicts what was touched before. Told are the times and that no page was wrong.
 */
#include <getopt.h>
#include <lz4.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "histogram.h"
#include "json.h"
#include "managed.h"
#include "program.h"
#include "random.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

#define ROUNDS 5
#define WELL_PACKED_BYTES (BENCH_PAGE_BYTES / 4 * 3)
#define LAST (BENCH_PAGE_BYTES - 1)
#define MIB (1u << 20)

struct latency {
	struct bench_managed managed;
	unsigned char *is_in; /* a byte for each page, as mincore() tells it */
	uint32_t *order;
	size_t nr_faults, nr_chosen;
	bool writes;
	unsigned int round; /* from 1 on */
	uint64_t random;
	uint64_t nr_wrong;
	uint64_t nr_in; /* that were not evicted, and so not touched */
	struct bench_histogram times;
	double evict_ns[ROUNDS]; /* for a page */
};

static size_t bytes_of(const struct latency *latency)
{
	return latency->managed.nr_pages * BENCH_PAGE_BYTES;
}

static void look(struct latency *latency)
{
	if (mincore(latency->managed.memory, bytes_of(latency), latency->is_in))
		bench_die("mincore fails");
}

static size_t count_in(struct latency *latency)
{
	size_t nr = 0;

	look(latency);
	for (size_t i = 0; i < latency->managed.nr_pages; i++)
		nr += latency->is_in[i] & 1;
	return nr;
}

/* Times the eviction of all that is in memory, page by page. */
static void evict(struct latency *latency, unsigned int round)
{
	struct bench_managed *managed = &latency->managed;
	size_t nr = count_in(latency);
	uint64_t begun = bench_clock_ns(CLOCK_MONOTONIC), took;
	int err;

	if (managed->zswap)
		err = zswap_advise(managed->zswap, managed->memory, bytes_of(latency), ZSWAP_PAGEOUT);
	else
		err = madvise(managed->memory, bytes_of(latency), MADV_PAGEOUT);
	took = bench_clock_ns(CLOCK_MONOTONIC) - begun;
	if (err)
		bench_die("nothing can be evicted");
	latency->evict_ns[round] = (double)took / (double)(nr ? nr : 1);
}

/* ---- faults ---- */

/* What is written is another byte each time, so that the page has changed when it is evicted. */
static void touch(struct latency *latency, size_t page)
{
	const unsigned char *content = bench_managed_content(&latency->managed, page);
	volatile unsigned char *last = (unsigned char *)bench_managed_page(&latency->managed, page) + LAST;
	unsigned char byte = (unsigned char)(content[LAST] + latency->round);
	uint64_t begun = bench_clock_ns(CLOCK_MONOTONIC);

	if (latency->writes)
		*last = byte;
	else
		(void)*last;
	bench_histogram_note(&latency->times, bench_clock_ns(CLOCK_MONOTONIC) - begun);
	latency->nr_wrong += memcmp(bench_managed_page(&latency->managed, page), content, LAST) != 0 ||
			     *last != (latency->writes ? byte : content[LAST]);
}

static void shuffle(struct latency *latency)
{
	for (size_t i = 0; i < latency->managed.nr_pages; i++)
		latency->order[i] = (uint32_t)i;
	for (size_t i = latency->managed.nr_pages - 1; i; i--) {
		size_t other = zs_random_below(&latency->random, i + 1);
		uint32_t page = latency->order[i];

		latency->order[i] = latency->order[other];
		latency->order[other] = page;
	}
}

static bool packs_well(const struct latency *latency, size_t page)
{
	char packed[WELL_PACKED_BYTES];

	return LZ4_compress_default((const char *)bench_managed_content(&latency->managed, page), packed,
				    BENCH_PAGE_BYTES, sizeof(packed)) > 0;
}

/* Those to be touched come first. */
static void choose(struct latency *latency)
{
	size_t nr = 0;

	shuffle(latency);
	for (size_t i = 0; i < latency->managed.nr_pages && nr < latency->nr_faults; i++)
		if (packs_well(latency, latency->order[i]))
			latency->order[nr++] = latency->order[i];
	latency->nr_chosen = nr;
}

/* A page that others brought with them is in memory, and left out. */
static void touch_some(struct latency *latency)
{
	look(latency);
	for (size_t i = 0; i < latency->nr_chosen; i++) {
		if (latency->is_in[latency->order[i]] & 1)
			latency->nr_in++;
		else
			touch(latency, latency->order[i]);
	}
}

/* ---- the run ---- */

static void tell(struct latency *latency)
{
	struct zs_json json;

	zs_json_begin(&json, stdout);
	zs_json_integer(&json, "pages", latency->managed.nr_pages);
	zs_json_integer(&json, "faults", latency->times.nr);
	zs_json_integer(&json, "p50_ns", bench_histogram_quantile(&latency->times, .5));
	zs_json_integer(&json, "p99_ns", bench_histogram_quantile(&latency->times, .99));
	zs_json_integer(&json, "most_ns", latency->times.most);
	zs_json_integer(&json, "not_evicted", latency->nr_in);
	zs_json_number(&json, "evict_first_ns", latency->evict_ns[0]);
	zs_json_number(&json, "evict_again_ns", bench_quantile(latency->evict_ns + 1, ROUNDS - 1, .5));
	zs_json_integer(&json, "wrong_pages", latency->nr_wrong);
	zs_json_end(&json);
}

static void run(struct latency *latency)
{
	bench_managed_fill(&latency->managed);
	while (latency->round < ROUNDS) {
		choose(latency);
		evict(latency, latency->round++);
		touch_some(latency);
	}
	tell(latency);
}

int main(int argc, char **argv)
{
	struct latency latency = { .nr_faults = 20000, .random = 1 };
	size_t nr_pages = 256 * MIB / BENCH_PAGE_BYTES, bytes;
	const char *image = NULL, *kind = "pager";
	int option;

	while ((option = getopt(argc, argv, "i:k:m:n:w")) >= 0) {
		switch (option) {
		case 'i': image = optarg; break;
		case 'k': kind = optarg; break;
		case 'm': nr_pages = bench_number(option, optarg, 1, 65536) * MIB / BENCH_PAGE_BYTES; break;
		case 'n': latency.nr_faults = bench_number(option, optarg, 1, UINT32_MAX); break;
		case 'w': latency.writes = true; break;
		default: bench_die("see the head of latency.c");
		}
	}
	if (!image || optind < argc)
		bench_die("see the head of latency.c");
	if (latency.nr_faults > nr_pages)
		latency.nr_faults = nr_pages;
	bytes = nr_pages * BENCH_PAGE_BYTES;
	latency.is_in = bench_memory(nr_pages);
	latency.order = bench_memory(nr_pages * sizeof(*latency.order));
	bench_managed_open(&latency.managed, kind, image, nr_pages, bytes + bytes / 4 + 64 * MIB);
	run(&latency);
	bench_managed_close(&latency.managed);
	return latency.nr_wrong != 0;
}
