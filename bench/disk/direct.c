/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A compressed RAM disk without a server between: the engine in this process, or the kernel's zram.
 *
 *   disk-direct -i IMAGE [-c COMPRESSOR | -d DEVICE] [-j THREADS] [-w WRITES] [-s SECONDS] [-a] [-r SEED]
 *
 * First the codec alone goes over the image, for what its pages come to and for its own time. Then THREADS threads
 * write the image so many times, read it and compare; then one thread, and all, read random pages for so many seconds,
 * and write random pages of the image to random places.
 *
 * With -a the disk is then aged: the image is written once more, as many random pages as a quarter of the disk has are
 * overwritten by others of the image, and 44 % of the disk are discarded, page by page, in random order. After each of
 * the two the memory is told at once and after 1, 2 and 5 seconds, in which a thread reads up to 200 and writes up to
 * 100 random pages a second; and after a compaction that was asked for.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "histogram.h"
#include "image.h"
#include "json.h"
#include "program.h"
#include "random.h"
#include "resident.h"
#include "target.h"
#include "team.h"

enum {
	MAX_THREADS = 64,
	MAX_WRITES = 10,
	REQUEST_PAGES = 64,
	MAX_REQUESTS = 1 << 30,
	TICKS_A_SECOND = 100,
	STATES = 4
};

#define OVERWRITTEN_SHARE .25
#define DISCARDED_SHARE .44

struct worker {
	uint64_t random;
	struct bench_histogram histogram;
	_Alignas(BENCH_PAGE_BYTES) unsigned char buffer[REQUEST_PAGES * BENCH_PAGE_BYTES];
};

struct direct {
	struct bench_image image;
	struct bench_target target;
	struct zs_team *team;
	struct zs_team *alone; /* of one */
	struct zs_comp_spec comp;
	const char *device;
	unsigned int nr_threads;
	unsigned int nr_writes;
	uint64_t seconds;
	uint64_t seed;
	bool ages;
	uint64_t deadline_ns;
	uint32_t *shuffled; /* what is discarded: the first of these */
	struct zs_json json;
};

static struct worker workers[MAX_THREADS];
static const unsigned int state_seconds[STATES] = { 0, 1, 2, 5 };

static uint64_t now_ns(void)
{
	return bench_clock_ns(CLOCK_MONOTONIC);
}

static size_t random_page(struct direct *direct, struct worker *worker)
{
	return zs_random_below(&worker->random, direct->image.nr_pages);
}

/* ---- one after the other ---- */

static size_t request_pages(size_t page, size_t end)
{
	return end - page < REQUEST_PAGES ? end - page : REQUEST_PAGES;
}

static void write_in_order(void *arg, unsigned int thread, size_t first, size_t end)
{
	struct direct *direct = arg;

	(void)thread;
	for (size_t page = first; page < end; page += REQUEST_PAGES)
		bench_target_write(&direct->target, bench_image_page(&direct->image, page),
				   request_pages(page, end) * BENCH_PAGE_BYTES, page * BENCH_PAGE_BYTES);
}

/* The first page of each request is compared. */
static void read_in_order(void *arg, unsigned int thread, size_t first, size_t end)
{
	struct direct *direct = arg;
	unsigned char *buffer = workers[thread].buffer;

	for (size_t page = first; page < end; page += REQUEST_PAGES) {
		bench_target_read(&direct->target, buffer, request_pages(page, end) * BENCH_PAGE_BYTES,
				  page * BENCH_PAGE_BYTES);
		if (memcmp(buffer, bench_image_page(&direct->image, page), BENCH_PAGE_BYTES))
			bench_die("page %zu does not come back as it was written", page);
	}
}

/* ---- at random ---- */

static void overwrite_page(struct direct *direct, struct worker *worker)
{
	const unsigned char *content = bench_image_page(&direct->image, random_page(direct, worker));

	bench_target_write(&direct->target, content, BENCH_PAGE_BYTES, random_page(direct, worker) * BENCH_PAGE_BYTES);
}

static void read_page(struct direct *direct, struct worker *worker)
{
	bench_target_read(&direct->target, worker->buffer, BENCH_PAGE_BYTES,
			  random_page(direct, worker) * BENCH_PAGE_BYTES);
}

static void for_a_time(struct direct *direct, unsigned int thread, size_t nr,
		       void (*request)(struct direct *direct, struct worker *worker))
{
	struct worker *worker = &workers[thread];
	uint64_t at_ns = now_ns(), done_ns;

	for (; nr && at_ns < direct->deadline_ns; nr--, at_ns = done_ns) {
		request(direct, worker);
		done_ns = now_ns();
		bench_histogram_note(&worker->histogram, done_ns - at_ns);
	}
}

static void read_at_random(void *arg, unsigned int thread, size_t first, size_t end)
{
	for_a_time(arg, thread, end - first, read_page);
}

static void write_at_random(void *arg, unsigned int thread, size_t first, size_t end)
{
	for_a_time(arg, thread, end - first, overwrite_page);
}

static void overwrite(void *arg, unsigned int thread, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++)
		overwrite_page(arg, &workers[thread]);
}

static void discard(void *arg, unsigned int thread, size_t first, size_t end)
{
	struct direct *direct = arg;

	(void)thread;
	for (size_t i = first; i < end; i++)
		bench_target_discard(&direct->target, BENCH_PAGE_BYTES,
				     (uint64_t)direct->shuffled[i] * BENCH_PAGE_BYTES);
}

/* ---- what is told ---- */

static void tell_codec(struct direct *direct)
{
	struct bench_codec codec = bench_codec_measure(&direct->image, &direct->comp);

	zs_json_open_object(&direct->json, "codec");
	zs_json_integer(&direct->json, "ideal_bytes", codec.ideal_bytes);
	zs_json_number(&direct->json, "compress_ns", codec.compress_ns);
	zs_json_number(&direct->json, "decompress_ns", codec.decompress_ns);
	zs_json_close_object(&direct->json);
}

static void tell_account(struct direct *direct)
{
	struct bench_account account = bench_target_account(&direct->target);

	zs_json_integer(&direct->json, "payload_bytes", account.payload_bytes);
	zs_json_integer(&direct->json, "used_bytes", account.used_bytes);
	zs_json_integer(&direct->json, "raw_pages", account.raw_pages);
	zs_json_integer(&direct->json, "same_pages", account.same_pages);
	zs_json_integer(&direct->json, "moved_objects", account.moved_objects);
}

static double mb_a_second(const struct direct *direct, unsigned long long ns)
{
	return (double)(direct->image.nr_pages * BENCH_PAGE_BYTES) * 1000 / (double)ns;
}

static void tell_writes(struct direct *direct)
{
	uint64_t before_bytes = zs_resident_bytes();

	zs_json_open_array(&direct->json, "writes");
	for (unsigned int i = 0; i < direct->nr_writes; i++) {
		unsigned long long ns = zs_team_run(direct->team, write_in_order, direct, 0, direct->image.nr_pages);

		zs_json_open_object(&direct->json, NULL);
		zs_json_number(&direct->json, "mb_s", mb_a_second(direct, ns));
		tell_account(direct);
		zs_json_integer(&direct->json, "resident_bytes", zs_resident_bytes() - before_bytes);
		zs_json_close_object(&direct->json);
	}
	zs_json_close_array(&direct->json);
}

static void tell_read(struct direct *direct)
{
	unsigned long long ns = zs_team_run(direct->team, read_in_order, direct, 0, direct->image.nr_pages);

	zs_json_number(&direct->json, "read_mb_s", mb_a_second(direct, ns));
}

static void tell_histogram(struct direct *direct, unsigned long long ns)
{
	static struct bench_histogram all;

	all = (struct bench_histogram){ .nr = 0 };
	for (unsigned int i = 0; i < direct->nr_threads; i++) {
		bench_histogram_add(&all, &workers[i].histogram);
		workers[i].histogram = (struct bench_histogram){ .nr = 0 };
	}
	zs_json_number(&direct->json, "iops", (double)all.nr * 1e9 / (double)ns);
	zs_json_integer(&direct->json, "p50_ns", bench_histogram_quantile(&all, .5));
	zs_json_integer(&direct->json, "p99_ns", bench_histogram_quantile(&all, .99));
}

static void tell_random(struct direct *direct, const char *name, struct zs_team *team, zs_team_fn *fn)
{
	direct->deadline_ns = now_ns() + direct->seconds * 1000000000u;
	zs_json_open_object(&direct->json, name);
	tell_histogram(direct, zs_team_run(team, fn, direct, 0, MAX_REQUESTS));
	zs_json_close_object(&direct->json);
}

static void tell_all_random(struct direct *direct)
{
	tell_random(direct, "random_read", direct->alone, read_at_random);
	tell_random(direct, "random_read_all", direct->team, read_at_random);
	tell_random(direct, "random_write", direct->alone, write_at_random);
	tell_random(direct, "random_write_all", direct->team, write_at_random);
}

/* ---- ageing ---- */

static void live_a_little(struct direct *direct, uint64_t upto_ns)
{
	const struct timespec tick = { 0, 1000000000 / TICKS_A_SECOND };

	while (now_ns() < upto_ns) {
		read_page(direct, &workers[0]);
		read_page(direct, &workers[0]);
		overwrite_page(direct, &workers[0]);
		nanosleep(&tick, NULL);
	}
}

static void tell_state(struct direct *direct, const char *name, unsigned int seconds)
{
	zs_json_open_object(&direct->json, NULL);
	zs_json_string(&direct->json, "state", name);
	zs_json_integer(&direct->json, "seconds", seconds);
	tell_account(direct);
	zs_json_close_object(&direct->json);
}

static void tell_ageing(struct direct *direct, const char *name, zs_team_fn *fn, double share)
{
	size_t nr = (size_t)(share * (double)direct->image.nr_pages);
	uint64_t done_ns;

	zs_team_run(direct->team, fn, direct, 0, nr);
	done_ns = now_ns();
	zs_json_open_array(&direct->json, name);
	for (unsigned int i = 0; i < STATES; i++) {
		live_a_little(direct, done_ns + state_seconds[i] * 1000000000ull);
		tell_state(direct, "left alone", state_seconds[i]);
	}
	bench_target_compact(&direct->target);
	tell_state(direct, "compacted", state_seconds[STATES - 1]);
	zs_json_close_array(&direct->json);
}

static void age(struct direct *direct)
{
	direct->shuffled = bench_image_shuffled(&direct->image, direct->seed);
	zs_team_run(direct->team, write_in_order, direct, 0, direct->image.nr_pages);
	tell_ageing(direct, "overwritten", overwrite, OVERWRITTEN_SHARE);
	tell_ageing(direct, "discarded", discard, DISCARDED_SHARE);
}

/* ---- the run ---- */

static void open_all(struct direct *direct)
{
	/* The buffers are in place before memory is looked at. */
	for (unsigned int i = 0; i < direct->nr_threads; i++) {
		memset(&workers[i], 0, sizeof(workers[i]));
		workers[i].random = direct->seed + i;
	}
	direct->team = zs_team_create(direct->nr_threads);
	direct->alone = zs_team_create(1);
	if (!direct->team || !direct->alone)
		bench_die("cannot start %u threads", direct->nr_threads);
	if (direct->device)
		bench_target_open_device(&direct->target, direct->device);
	else
		bench_target_open_engine(&direct->target, direct->image.nr_pages * BENCH_PAGE_BYTES, &direct->comp);
}

static void run(struct direct *direct)
{
	zs_json_begin(&direct->json, stdout);
	zs_json_integer(&direct->json, "pages", direct->image.nr_pages);
	zs_json_integer(&direct->json, "threads", direct->nr_threads);
	if (!direct->device)
		tell_codec(direct);
	open_all(direct);
	tell_writes(direct);
	tell_read(direct);
	tell_all_random(direct);
	if (direct->ages)
		age(direct);
	zs_json_end(&direct->json);
	bench_target_close(&direct->target);
	zs_team_destroy(direct->alone);
	zs_team_destroy(direct->team);
}

int main(int argc, char **argv)
{
	struct direct direct = { .nr_threads = 4, .nr_writes = 3, .seconds = 1, .seed = 1 };
	const char *image = NULL;
	int option;

	if (zs_comp_parse("lz4", &direct.comp))
		bench_die("this build is without lz4");
	while ((option = getopt(argc, argv, "i:c:d:j:w:s:ar:")) >= 0) {
		switch (option) {
		case 'i': image = optarg; break;
		case 'd': direct.device = optarg; break;
		case 'j': direct.nr_threads = (unsigned int)bench_number(option, optarg, 1, MAX_THREADS); break;
		case 'w': direct.nr_writes = (unsigned int)bench_number(option, optarg, 1, MAX_WRITES); break;
		case 's': direct.seconds = bench_number(option, optarg, 1, 3600); break;
		case 'a': direct.ages = true; break;
		case 'r': direct.seed = bench_number(option, optarg, 0, UINT64_MAX); break;
		case 'c':
			if (zs_comp_parse(optarg, &direct.comp))
				bench_die("-c %s: there are: %s", optarg, zs_comp_names());
			break;
		default: bench_die("see the head of direct.c");
		}
	}
	if (!image || optind != argc)
		bench_die("give an image with -i");
	bench_image_open(&direct.image, image);
	run(&direct);
	return 0;
}
