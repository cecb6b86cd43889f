/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Out-of-memory sweep of the RAM disk's engine: a script of requests is run with the n-th request for memory failing,
 * of the pool or its metadata, of the engine itself or of the codec, for every n until the script runs through without
 * reaching the n-th; once with that failure alone and once with all that follow it; and with every limit and every
 * number of pages that is too few. What fails says why and is counted, each page has its old content or its new one,
 * and nothing leaks.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "disk.h"
#include "faulty.h"
#include "random.h"
#include "sim.h"

#define PAGE ZRAM_PAGE_BYTES
#define NR_PAGES 24u
#define LONGEST_SECONDS 300 /* after which it is taken to hang */
#define DISK_BYTES (NR_PAGES * PAGE)
#define NR_OF(a) (sizeof(a) / sizeof((a)[0]))

enum kind { READ, WRITE, ZERO, TRIM, DISCARD, COMPACT, NR_KINDS };

struct request {
	enum kind kind;
	uint32_t offset;
	uint32_t len;
};

/* The first one needs a codec's context to read nothing. */
static const struct request script[] = {
	{ READ, 100, 5000 },
	{ WRITE, 0, DISK_BYTES },
	{ WRITE, 3 * PAGE + 100, 200 },
	{ WRITE, 6 * PAGE - 1, 3 * PAGE },
	{ READ, 0, DISK_BYTES },
	{ ZERO, 9 * PAGE + 500, 2 * PAGE },
	{ TRIM, 12 * PAGE + 500, 2 * PAGE },
	{ DISCARD, 16 * PAGE - 5, 4 * PAGE },
	{ COMPACT, 0, 0 },
	{ WRITE, 10 * PAGE, 12 * PAGE },
	{ WRITE, 16 * PAGE + 1, PAGE },
	{ WRITE, 0, DISK_BYTES },
	{ READ, 7, DISK_BYTES - 7 },
};

/* A way in which memory fails, and the codec that does not get it. */
struct shortage {
	const char *codec;
	uint64_t fail_at;
	bool fail_after;
	uint64_t page_budget;
	uint64_t limit_bytes;
};

static struct {
	struct shortage shortage;
	struct zram *zram;
	struct rng rng;
	unsigned int step;
	unsigned char model[DISK_BYTES];
	unsigned char before[DISK_BYTES];
	unsigned char buffer[DISK_BYTES];
	uint64_t failed_reads;
	uint64_t failed_writes;
} s;

/* How often requests of each kind failed in all runs. */
static uint64_t nr_failed[NR_KINDS];

#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr,                                                                                \
				"fault-disk: line %d: %s (%s, request %u, call %llu%s fails of %llu, %llu pages, "     \
				"limit %llu)\n",                                                                       \
				__LINE__, #condition, s.shortage.codec, s.step,                                        \
				(unsigned long long)s.shortage.fail_at, s.shortage.fail_after ? " and after" : "",     \
				(unsigned long long)zs_sim.nr_fallible_calls,                                          \
				(unsigned long long)s.shortage.page_budget,                                            \
				(unsigned long long)s.shortage.limit_bytes);                                           \
			exit(1);                                                                                       \
		}                                                                                                      \
	} while (0)

/* ---- content ---- */

/* By turns noise, half noise, one word, and words, so that a page is stored in each way there is. */
static void make_content(unsigned char *to, uint32_t len)
{
	for (uint32_t at = 0; at < len;) {
		uint32_t part = len - at < PAGE ? len - at : PAGE, kind = rng_below(&s.rng, 4);

		memset(to + at, (int)rng_below(&s.rng, 256), part);
		if (kind < 2)
			rng_fill(&s.rng, to + at, kind ? part / 2 : part);
		for (uint32_t i = 0; kind == 3 && i + 8 <= part; i += 8)
			memcpy(to + at + i, "zsmalloc", 8);
		at += part;
	}
}

/* Looks at the disk without failures, and without counting. */
static void read_calmly(void)
{
	uint64_t fail_at = zs_sim.fail_at, nr = zs_sim.nr_fallible_calls;

	zs_sim.fail_at = 0;
	MUST(!zram_read(s.zram, s.buffer, DISK_BYTES, 0));
	zs_sim.fail_at = fail_at;
	zs_sim.nr_fallible_calls = nr;
}

/* After a request each page has its new content, or, if it failed, perhaps its old one: none has anything else. */
static void settle(bool failed)
{
	read_calmly();
	for (uint32_t at = 0; at < DISK_BYTES; at += PAGE)
		MUST(!memcmp(s.buffer + at, s.model + at, PAGE) ||
		     (failed && !memcmp(s.buffer + at, s.before + at, PAGE)));
	memcpy(s.model, s.buffer, DISK_BYTES);
	memcpy(s.before, s.buffer, DISK_BYTES);
}

/* ---- requests ---- */

static int do_read(const struct request *r)
{
	int err = zram_read(s.zram, s.buffer, r->len, r->offset);

	MUST(!err || err == -ENOMEM);
	MUST(err || !memcmp(s.buffer, s.model + r->offset, r->len));
	s.failed_reads += err != 0;
	return err;
}

static int do_write(const struct request *r)
{
	int err;

	make_content(s.model + r->offset, r->len);
	err = zram_write(s.zram, s.model + r->offset, r->len, r->offset);
	s.failed_writes += err != 0;
	return err;
}

static int do_zero(const struct request *r)
{
	int err;

	memset(s.model + r->offset, 0, r->len);
	err = zram_zero(s.zram, r->len, r->offset, r->kind == TRIM);
	s.failed_writes += err != 0;
	return err;
}

/* It needs nothing, so it does not fail. */
static int do_discard(const struct request *r)
{
	uint32_t first = (r->offset + PAGE - 1) / PAGE * PAGE, end = (r->offset + r->len) / PAGE * PAGE;

	memset(s.model + first, 0, end - first);
	MUST(!zram_discard(s.zram, r->len, r->offset));
	return 0;
}

static int do_compact(const struct request *r)
{
	(void)r;
	zram_compact(s.zram, 0);
	return 0;
}

/* With one failure alone, a request fails only if the failure is its own. */
static bool is_excused(uint64_t calls_before)
{
	const struct shortage *why = &s.shortage;

	if (why->page_budget || why->limit_bytes)
		return true;
	return why->fail_at && zs_sim.nr_fallible_calls >= why->fail_at &&
	       (why->fail_after || calls_before < why->fail_at);
}

static void play_one(const struct request *r)
{
	static int (*const kinds[])(const struct request *r) = { do_read, do_write,   do_zero,
								 do_zero, do_discard, do_compact };
	uint64_t calls_before = zs_sim.nr_fallible_calls;
	int err = kinds[r->kind](r);

	MUST(!err || err == -ENOSPC || err == -ENOMEM);
	MUST(!err || is_excused(calls_before));
	nr_failed[r->kind] += err != 0;
	settle(err != 0);
}

/* ---- a run ---- */

static void check_figures(void)
{
	struct zram_stats stats;

	zram_stats(s.zram, &stats);
	MUST(stats.failed_reads == s.failed_reads && stats.failed_writes == s.failed_writes);
	MUST(stats.objects * PAGE == stats.orig_data_size);
	MUST(!zs_pool_verify(s.zram->pool));
}

/* With everything discarded the disk holds nothing, and there is room again. */
static void empty(void)
{
	struct zram_stats stats;

	zs_sim_stop_failing();
	MUST(!zram_discard(s.zram, DISK_BYTES, 0));
	zram_stats(s.zram, &stats);
	MUST(!stats.objects && !stats.orig_data_size && !stats.compr_data_size && !stats.same_pages);
	MUST(!zs_pool_verify(s.zram->pool));
}

static void play(void)
{
	for (s.step = 0; s.step < NR_OF(script); s.step++)
		play_one(&script[s.step]);
	check_figures();
	empty();
}

static void begin(const struct shortage *shortage)
{
	memset(&s, 0, sizeof(s));
	s.shortage = *shortage;
	s.rng.state = 7;
	zs_sim_reset();
	zs_sim.fail_at = shortage->fail_at;
	zs_sim.fail_after = shortage->fail_after;
	zs_sim.page_budget = shortage->page_budget;
}

/* Result: whether something failed. */
static bool run(const struct shortage *shortage)
{
	struct zram_options options = { .size_bytes = DISK_BYTES, .limit_bytes = shortage->limit_bytes };
	bool failed;
	int err;

	begin(shortage);
	MUST(!zs_comp_parse(shortage->codec, &options.comp));
	err = zram_create(&options, &s.zram);
	failed = err;
	if (!err) {
		play();
		failed = s.failed_reads || s.failed_writes;
		zram_destroy(s.zram);
	}
	MUST(!err || err == -ENOMEM);
	MUST(zs_sim_is_clean() && !faulty_nr_out());
	return failed || (shortage->fail_at && zs_sim.nr_fallible_calls >= shortage->fail_at);
}

/* ---- sweeps ---- */

static void sweep_calls(const char *codec, bool fail_after)
{
	struct shortage shortage = { .codec = codec, .fail_after = fail_after };

	do
		shortage.fail_at++;
	while (run(&shortage));
	printf("fault-disk: %s, %s: %llu points of failure\n", codec,
	       fail_after ? "all from the n-th fail" : "the n-th fails", (unsigned long long)shortage.fail_at - 1);
}

static void sweep_pages(const char *codec)
{
	struct shortage shortage = { .codec = codec };

	do
		shortage.page_budget++;
	while (run(&shortage));
	printf("fault-disk: %s: enough with %llu pages\n", codec, (unsigned long long)shortage.page_budget);
}

static void sweep_limits(const char *codec)
{
	struct shortage shortage = { .codec = codec };

	do
		shortage.limit_bytes += PAGE / 2;
	while (run(&shortage));
	printf("fault-disk: %s: enough with a limit of %llu KiB\n", codec,
	       (unsigned long long)shortage.limit_bytes >> 10);
}

int main(void)
{
	static const char *const codecs[] = { "lz4", "zstd:1", "lzo" };
	struct zs_comp_spec spec;

	alarm(LONGEST_SECONDS);
	for (unsigned int i = 0; i < NR_OF(codecs); i++) {
		if (zs_comp_parse(codecs[i], &spec))
			continue;
		sweep_calls(codecs[i], false);
		sweep_calls(codecs[i], true);
		sweep_pages(codecs[i]);
		sweep_limits(codecs[i]);
	}
	/* Else the script leaves something untried. */
	for (enum kind kind = READ; kind <= TRIM; kind++)
		MUST(nr_failed[kind]);
	printf("fault-disk: failed: %llu reads, %llu writes, %llu zeroings, %llu with trims\n",
	       (unsigned long long)nr_failed[READ], (unsigned long long)nr_failed[WRITE],
	       (unsigned long long)nr_failed[ZERO], (unsigned long long)nr_failed[TRIM]);
	return 0;
}
