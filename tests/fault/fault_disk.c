/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Out-of-memory sweep of the RAM disk's engine: a script of requests is run with the n-th request for memory failing,
 * of the pool or its metadata, of the engine itself or of the codec, for every n until the script runs through without
 * reaching the n-th; once with that failure alone and once with all that follow it; and with every limit and every
 * number of pages that is too few. What fails says why and is counted, each page has its old content or its new one,
 * and nothing leaks. All that once without policies and once with all of them: recompression, deduplication and
 * writeback.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "disk.h"
#include "disk_store.h"
#include "faulty.h"
#include "random.h"
#include "sim.h"

#define PAGE ZRAM_PAGE_BYTES
#define NR_PAGES 24u
#define LONGEST_SECONDS 300 /* after which it is taken to hang */
#define DISK_BYTES (NR_PAGES * PAGE)
#define IDLE_NS 60000000000u
#define STORE_BYTES (4u << 20)
#define NR_OF(a) (sizeof(a) / sizeof((a)[0]))

/* PACK and STORE: all is idle, and is packed again, or written to the store, now. PASS: both happen in time. */
enum kind { READ, WRITE, ZERO, TRIM, DISCARD, COMPACT, PACK, STORE, PASS, NR_KINDS };

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

/* With all policies: in each state that a page can have it is read, overwritten in part and as a whole, and dropped. */
static const struct request policies_script[] = {
	{ WRITE, 0, DISK_BYTES },
	{ PACK, 0, 0 },
	{ READ, 100, 5000 },
	{ WRITE, 3 * PAGE + 100, 200 },
	{ WRITE, 6 * PAGE, 4 * PAGE },
	{ PASS, 0, 0 },
	{ ZERO, 9 * PAGE + 500, 2 * PAGE },
	{ STORE, 0, 0 },
	{ READ, 0, DISK_BYTES },
	{ WRITE, 6 * PAGE - 1, 3 * PAGE },
	{ TRIM, 12 * PAGE + 500, 2 * PAGE },
	{ COMPACT, 0, 0 },
	{ PACK, 0, 0 },
	{ DISCARD, 16 * PAGE - 5, 4 * PAGE },
	{ WRITE, 0, DISK_BYTES },
	{ PASS, 0, 0 },
	{ PASS, 0, 0 },
	{ WRITE, 10 * PAGE, 12 * PAGE },
	{ STORE, 0, 0 },
	{ READ, 7, DISK_BYTES - 7 },
};

/* A way in which memory fails, the codec that does not get it, and whether the disk has all policies. */
struct shortage {
	const char *codec;
	bool policies;
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
	uint64_t now_ns;
	uint64_t failed_reads;
	uint64_t failed_writes;
	uint64_t failed_orders;
	uint64_t nr_calls; /* that could fail */
} s;

/* Of all runs. */
static struct zs_store *store;

/* How often requests of each kind failed in all runs. */
static uint64_t nr_failed[NR_KINDS];

static const char *with_policies(const struct shortage *shortage)
{
	return shortage->policies ? ", all policies" : "";
}

#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr,                                                                                \
				"fault-disk: line %d: %s (%s%s, request %u, call %llu%s fails of %llu, %llu pages, "   \
				"limit %llu)\n",                                                                       \
				__LINE__, #condition, s.shortage.codec, with_policies(&s.shortage), s.step,            \
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

static int do_pack(const struct request *r)
{
	int err;

	(void)r;
	zram_mark_idle(s.zram);
	err = zram_recompress_idle(s.zram);
	s.failed_orders += err != 0;
	return err;
}

/* What has an object that it shares with no other page, or a part of a unit. */
static int must_be_stored(void *ctx, const struct zram_blocks *blocks)
{
	static const char *const in_memory[] = { "compressed", "raw", "strong", "unit" };

	(void)ctx;
	for (unsigned int i = 0; i < NR_OF(in_memory); i++)
		MUST(strcmp(blocks->state, in_memory[i]));
	return 0;
}

static int do_store(const struct request *r)
{
	int err;

	(void)r;
	zram_mark_idle(s.zram);
	err = zram_writeback_idle(s.zram);
	if (!err)
		zram_blocks(s.zram, 0, NR_PAGES, must_be_stored, NULL);
	s.failed_orders += err != 0;
	return err;
}

/* What there is no memory for is left for later. */
static int do_pass(const struct request *r)
{
	(void)r;
	for (unsigned int walk = 0; walk < 8; walk++) {
		s.now_ns += IDLE_NS / 2;
		MUST(zram_step(s.zram, s.now_ns, UINT64_MAX) <= IDLE_NS / 2);
	}
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
	static int (*const kinds[])(const struct request *r) = { do_read,    do_write, do_zero,  do_zero, do_discard,
								 do_compact, do_pack,  do_store, do_pass };
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
	MUST(s.shortage.policies || stats.objects * PAGE == stats.orig_data_size);
	MUST(!zs_pool_verify(s.zram->pool));
}

/* With everything discarded the disk holds nothing, and there is room again. */
static void empty(void)
{
	struct zram_stats stats;

	s.nr_calls = zs_sim.nr_fallible_calls;
	zs_sim_stop_failing();
	MUST(!zram_discard(s.zram, DISK_BYTES, 0));
	zram_stats(s.zram, &stats);
	MUST(!stats.objects && !stats.orig_data_size && !stats.compr_data_size && !stats.same_pages);
	MUST(!stats.units && !stats.unit_pages && !stats.unit_dead_bytes && !stats.strong_pages);
	MUST(!stats.shared_pages && !stats.dedup_saved_bytes && !stats.bd_count && !stats.bd_bytes);
	MUST(!zs_pool_verify(s.zram->pool));
}

static void play(void)
{
	const struct request *requests = s.shortage.policies ? policies_script : script;
	size_t nr = s.shortage.policies ? NR_OF(policies_script) : NR_OF(script);

	for (s.step = 0; s.step < nr; s.step++)
		play_one(&requests[s.step]);
	check_figures();
	empty();
}

static void begin(const struct shortage *shortage)
{
	memset(&s, 0, sizeof(s));
	s.shortage = *shortage;
	s.rng.state = 7;
	s.now_ns = 1;
	zs_sim_reset();
	zs_sim.fail_at = shortage->fail_at;
	zs_sim.fail_after = shortage->fail_after;
	zs_sim.page_budget = shortage->page_budget;
}

static struct zram_options options_of(const struct shortage *shortage)
{
	struct zram_options options = { .size_bytes = DISK_BYTES, .limit_bytes = shortage->limit_bytes };

	MUST(!zs_comp_parse(shortage->codec, &options.comp));
	if (!shortage->policies)
		return options;
	options.dedup = true;
	options.recompress = (struct zram_recompress){ .idle_ns = IDLE_NS, .unit_bytes = 65536 };
	MUST(!zs_comp_parse("zstd:1", &options.recompress.comp));
	options.writeback = (struct zram_writeback_options){ .idle_ns = 2 * (uint64_t)IDLE_NS, .store = store };
	return options;
}

/* Result: whether something failed. */
static bool run(const struct shortage *shortage)
{
	struct zram_options options;
	bool failed;
	int err;

	begin(shortage);
	options = options_of(shortage);
	err = zram_create(&options, &s.zram);
	failed = err;
	if (!err) {
		play();
		failed = s.failed_reads || s.failed_writes || s.failed_orders;
		zram_destroy(s.zram);
	} else {
		s.nr_calls = zs_sim.nr_fallible_calls;
	}
	MUST(!err || err == -ENOMEM);
	MUST(zs_sim_is_clean() && !faulty_nr_out());
	return failed || (shortage->fail_at && s.nr_calls >= shortage->fail_at);
}

/* ---- sweeps ---- */

/* Up to a failure all goes as in a run without, so that each call of that one fails once. */
static void sweep_calls(struct shortage shortage)
{
	uint64_t nr_calls;

	MUST(!run(&shortage));
	nr_calls = s.nr_calls;
	do
		shortage.fail_at++;
	while (run(&shortage));
	MUST(shortage.fail_at == nr_calls + 1);
	printf("fault-disk: %s%s, %s: %llu points of failure\n", shortage.codec, with_policies(&shortage),
	       shortage.fail_after ? "all from the n-th fail" : "the n-th fails", (unsigned long long)nr_calls);
}

static void sweep_pages(struct shortage shortage)
{
	do
		shortage.page_budget++;
	while (run(&shortage));
	printf("fault-disk: %s%s: enough with %llu pages\n", shortage.codec, with_policies(&shortage),
	       (unsigned long long)shortage.page_budget);
}

/* What packs and gathers needs much, so with policies there are many limits that are too few. */
static void sweep_limits(struct shortage shortage)
{
	do
		shortage.limit_bytes += shortage.policies ? 2 * PAGE : PAGE / 2;
	while (run(&shortage));
	printf("fault-disk: %s%s: enough with a limit of %llu KiB\n", shortage.codec, with_policies(&shortage),
	       (unsigned long long)shortage.limit_bytes >> 10);
}

static void sweep(const char *codec, bool policies)
{
	struct shortage shortage = { .codec = codec, .policies = policies };

	sweep_calls(shortage);
	sweep_pages(shortage);
	sweep_limits(shortage);
	shortage.fail_after = true;
	sweep_calls(shortage);
}

/* Else a script leaves something untried. */
static void check_kinds(void)
{
	static const enum kind kinds[] = { READ, WRITE, ZERO, TRIM, PACK, STORE };

	for (unsigned int i = 0; i < NR_OF(kinds); i++)
		MUST(nr_failed[kinds[i]]);
	printf("fault-disk: failed: %llu reads, %llu writes, %llu zeroings, %llu with trims, %llu times packing, %llu "
	       "times storing\n",
	       (unsigned long long)nr_failed[READ], (unsigned long long)nr_failed[WRITE],
	       (unsigned long long)nr_failed[ZERO], (unsigned long long)nr_failed[TRIM],
	       (unsigned long long)nr_failed[PACK], (unsigned long long)nr_failed[STORE]);
}

int main(void)
{
	static const char *const codecs[] = { "lz4", "zstd:1", "lzo" };
	struct zs_comp_spec spec;

	alarm(LONGEST_SECONDS);
	store = disk_store_create(STORE_BYTES, 0, 0);
	MUST(store);
	for (unsigned int i = 0; i < NR_OF(codecs); i++) {
		if (zs_comp_parse(codecs[i], &spec))
			continue;
		sweep(codecs[i], false);
		sweep(codecs[i], true);
	}
	check_kinds();
	disk_store_destroy(store);
	return 0;
}
