/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * How fast a program is whose memory is larger than what may be resident: this library's, or the kernel's own with
 * swap.
 *
 *   swap-working -i IMAGE -k pager|sigbus|kernel -l LIMIT_MIB -m MIB
 *                [-p zipf|uniform|sequential] [-s SECONDS] [-w PERCENT]
 *
 * Memory is filled with pages of the image. Then pages are used: a read of one word, or for so many of a hundred a
 * write of one, at pages that Zipf's law chooses (exponent .99, the pages in random order), or all alike, or one after
 * the other. After a second of that it is counted how often in the seconds that follow. For the kernel the limit is
 * that of the cgroup that this is started in (run.py). In the end a page whose content is wrong is counted.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "json.h"
#include "managed.h"
#include "program.h"
#include "random.h"
#include "zipf.h"

#define MIB (1u << 20)
#define SECOND_NS 1000000000ull
#define LOOK_AT_CLOCK 64
#define ZIPF_EXPONENT .99
#define WORD (BENCH_PAGE_BYTES - sizeof(uint64_t)) /* of a page, that is written: the content's, turned over */

struct working {
	struct bench_managed managed;
	const char *pattern;
	struct bench_zipf zipf; /* nr 0: it is another pattern */
	uint32_t *order;        /* of ranks */
	unsigned char *is_turned;
	size_t next;
	unsigned int written_percent;
	uint64_t random;
	uint64_t nr_wrong;
};

/* ---- which page ---- */

static void shuffle(struct working *working)
{
	size_t nr = working->managed.nr_pages;

	working->order = bench_memory(nr * sizeof(*working->order));
	for (size_t i = 0; i < nr; i++)
		working->order[i] = (uint32_t)i;
	for (size_t i = nr - 1; i; i--) {
		size_t other = zs_random_below(&working->random, i + 1);
		uint32_t page = working->order[i];

		working->order[i] = working->order[other];
		working->order[other] = page;
	}
}

static size_t next_page(struct working *working)
{
	if (working->zipf.nr)
		return working->order[bench_zipf_next(&working->zipf, &working->random)];
	if (!strcmp(working->pattern, "uniform"))
		return zs_random_below(&working->random, working->managed.nr_pages);
	working->next = (working->next + 1) % working->managed.nr_pages;
	return working->next;
}

/* ---- using ---- */

static volatile uint64_t *word_of(struct working *working, size_t page)
{
	return (volatile uint64_t *)(bench_managed_page(&working->managed, page) + WORD);
}

static void use_page(struct working *working, size_t page)
{
	if (zs_random_below(&working->random, 100) >= working->written_percent) {
		(void)*word_of(working, page);
		return;
	}
	*word_of(working, page) = ~*word_of(working, page);
	working->is_turned[page] ^= 1;
}

/* Result: uses a second. */
static double use_for(struct working *working, uint64_t seconds)
{
	uint64_t begun = bench_clock_ns(CLOCK_MONOTONIC), now = begun, nr = 0;

	for (; now - begun < seconds * SECOND_NS; now = bench_clock_ns(CLOCK_MONOTONIC))
		for (unsigned int i = 0; i < LOOK_AT_CLOCK; i++, nr++)
			use_page(working, next_page(working));
	return (double)nr * (double)SECOND_NS / (double)(now - begun);
}

static void check(struct working *working)
{
	unsigned char expected[BENCH_PAGE_BYTES];
	uint64_t word;

	for (size_t i = 0; i < working->managed.nr_pages; i++) {
		memcpy(expected, bench_managed_content(&working->managed, i), sizeof(expected));
		memcpy(&word, expected + WORD, sizeof(word));
		word = working->is_turned[i] ? ~word : word;
		memcpy(expected + WORD, &word, sizeof(word));
		working->nr_wrong += memcmp(expected, bench_managed_page(&working->managed, i), sizeof(expected)) != 0;
	}
}

/* ---- the run ---- */

static double processor_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void run(struct working *working, uint64_t seconds)
{
	double rate, spent;
	struct zs_json json;

	bench_managed_fill(&working->managed);
	use_for(working, 1);
	spent = processor_seconds();
	rate = use_for(working, seconds);
	spent = processor_seconds() - spent;
	check(working);
	zs_json_begin(&json, stdout);
	zs_json_number(&json, "uses_a_second", rate);
	zs_json_number(&json, "processors", spent / (double)seconds);
	zs_json_integer(&json, "wrong_pages", working->nr_wrong);
	zs_json_end(&json);
	if (working->nr_wrong)
		fprintf(stderr, "swap-working: %llu pages are not what they were\n",
			(unsigned long long)working->nr_wrong);
}

int main(int argc, char **argv)
{
	struct working working = { .pattern = "zipf", .random = 1, .written_percent = 20 };
	uint64_t limit = 0, bytes = 0, seconds = 3;
	const char *image = NULL, *kind = "pager";
	int option;

	while ((option = getopt(argc, argv, "i:k:l:m:p:s:w:")) >= 0) {
		switch (option) {
		case 'i': image = optarg; break;
		case 'k': kind = optarg; break;
		case 'l': limit = bench_number(option, optarg, 1, 65536) * MIB; break;
		case 'm': bytes = bench_number(option, optarg, 1, 65536) * MIB; break;
		case 'p': working.pattern = optarg; break;
		case 's': seconds = bench_number(option, optarg, 1, 3600); break;
		case 'w': working.written_percent = (unsigned int)bench_number(option, optarg, 0, 100); break;
		default: bench_die("see the head of working.c");
		}
	}
	if (!image || !bytes || !limit || optind < argc)
		bench_die("see the head of working.c");
	bench_managed_open(&working.managed, kind, image, bytes / BENCH_PAGE_BYTES, limit);
	working.is_turned = bench_memory(working.managed.nr_pages);
	shuffle(&working);
	if (!strcmp(working.pattern, "zipf"))
		bench_zipf_init(&working.zipf, working.managed.nr_pages, ZIPF_EXPONENT);
	run(&working, seconds);
	bench_managed_close(&working.managed);
	return working.nr_wrong != 0;
}
