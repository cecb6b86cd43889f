/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The RAM disk's engine against a model, which is plain memory: requests of random kinds, ranges and contents, as fsx
 * does with files (Avadis Tevanian 1991).
 *   disk [-r SEED] [-n REQUESTS] [-t SECONDS] [-c CODEC] [-s PAGES] [-l LIMIT_KIB]
 * With a limit many writes fail; then each page has its old or its new content. Ends with 1 at the first difference and
 * says how to come there again. -t: runs with seeds from SEED on for so long.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "random.h"
#include "zram.h"
#include "zsmalloc.h"

#define PAGE 4096u
#define LONGEST (20 * PAGE)

struct settings {
	uint64_t seed;
	uint64_t nr_requests;
	uint64_t seconds;
	uint64_t nr_pages;
	uint64_t limit_kib;
	const char *codec;
};

struct model {
	const struct settings *settings;
	struct rng rng;
	struct zram *zram;
	uint64_t step;
	uint64_t size_bytes;
	unsigned char *disk;   /* what it should read as */
	unsigned char *before; /* what it should have read as before a request */
	unsigned char *buffer;
	uint64_t nr_failed;
};

static void differ(const struct model *m, const char *what, uint64_t offset, uint64_t len)
{
	const struct settings *s = m->settings;

	printf("disk: %s at step %llu, offset %llu, length %llu (replay: -r %llu -n %llu -c %s -s %llu -l %llu)\n",
	       what, (unsigned long long)m->step, (unsigned long long)offset, (unsigned long long)len,
	       (unsigned long long)s->seed, (unsigned long long)s->nr_requests, s->codec,
	       (unsigned long long)s->nr_pages, (unsigned long long)s->limit_kib);
	exit(1);
}

static uint32_t below(struct model *m, uint32_t bound)
{
	return rng_below(&m->rng, bound);
}

/* A range that begins or ends at a page's border more often than chance would have it. */
static uint64_t random_range(struct model *m, uint64_t *offset)
{
	uint64_t len = below(m, 4) ? 1 + below(m, LONGEST) : PAGE * (1 + below(m, 8));

	*offset = (uint64_t)below(m, (uint32_t)m->size_bytes);
	if (below(m, 2))
		*offset &= ~(uint64_t)(PAGE - 1);
	return len < m->size_bytes - *offset ? len : m->size_bytes - *offset;
}

/* Noise, one byte over and over, words, or half of each, in runs that do not keep to pages. */
static void random_content(struct model *m, unsigned char *to, uint64_t len)
{
	while (len) {
		uint32_t part = 1 + below(m, 3 * PAGE), kind = below(m, 5);

		part = part < len ? part : (uint32_t)len;
		memset(to, kind == 0 ? 0 : (int)below(m, 256), part);
		if (kind == 1)
			rng_fill(&m->rng, to, part);
		else if (kind == 2)
			rng_fill(&m->rng, to, part / 3);
		else if (kind == 3)
			for (uint32_t i = 0; i + 8 <= part; i += 8)
				memcpy(to + i, "zsmalloc", 8);
		to += part;
		len -= part;
	}
}

static void check_read(struct model *m, uint64_t offset, uint64_t len)
{
	if (zram_read(m->zram, m->buffer, len, offset))
		differ(m, "a read failed", offset, len);
	if (memcmp(m->buffer, m->disk + offset, len))
		differ(m, "wrong bytes", offset, len);
}

/* After a write that failed, the model has for each page what the disk has, if that is one of the two. */
static void settle(struct model *m, uint64_t offset, uint64_t len)
{
	uint64_t end = (offset + len + PAGE - 1) / PAGE * PAGE;

	m->nr_failed++;
	for (offset = offset / PAGE * PAGE; offset < end; offset += PAGE) {
		if (zram_read(m->zram, m->buffer, PAGE, offset))
			differ(m, "a read failed", offset, PAGE);
		if (memcmp(m->buffer, m->disk + offset, PAGE) && memcmp(m->buffer, m->before + offset, PAGE))
			differ(m, "neither old nor new", offset, PAGE);
		memcpy(m->disk + offset, m->buffer, PAGE);
	}
}

/* The model after a request that changes bytes; err: what the disk said. */
static void changed(struct model *m, int err, uint64_t offset, uint64_t len)
{
	uint64_t first = offset / PAGE * PAGE, end = (offset + len + PAGE - 1) / PAGE * PAGE;

	if (err && (err != -ENOSPC || !m->settings->limit_kib))
		differ(m, "a write failed", offset, len);
	if (err)
		settle(m, offset, len);
	memcpy(m->before + first, m->disk + first, end - first);
}

static void request_read(struct model *m)
{
	uint64_t offset, len = random_range(m, &offset);

	check_read(m, offset, len);
}

static void request_write(struct model *m)
{
	uint64_t offset, len = random_range(m, &offset);

	random_content(m, m->disk + offset, len);
	changed(m, zram_write(m->zram, m->disk + offset, len, offset), offset, len);
}

static void request_zero(struct model *m)
{
	uint64_t offset, len = random_range(m, &offset);

	memset(m->disk + offset, 0, len);
	changed(m, zram_zero(m->zram, len, offset, below(m, 2)), offset, len);
}

static void request_discard(struct model *m)
{
	uint64_t offset, len = random_range(m, &offset);
	uint64_t first = (offset + PAGE - 1) / PAGE * PAGE, end = (offset + len) / PAGE * PAGE;

	if (first < end)
		memset(m->disk + first, 0, end - first);
	changed(m, zram_discard(m->zram, len, offset), offset, len);
}

static int check_extent(void *ctx, uint64_t offset, uint64_t len, enum zram_extent kind)
{
	struct model *m = ctx;

	for (uint64_t i = offset; kind != ZRAM_EXTENT_DATA && i < offset + len; i++)
		if (m->disk[i])
			differ(m, "content in a hole", offset, len);
	return 0;
}

static void request_extents(struct model *m)
{
	uint64_t offset, len = random_range(m, &offset);

	if (zram_extents(m->zram, len, offset, check_extent, m))
		differ(m, "extents failed", offset, len);
}

static void request_compact(struct model *m)
{
		zram_compact(m->zram, below(m, 2) ? 10000 : 0);
}

static void check_all(struct model *m)
{
	struct zram_stats stats;

	for (uint64_t offset = 0; offset < m->size_bytes; offset += LONGEST)
		check_read(m, offset, m->size_bytes - offset < LONGEST ? m->size_bytes - offset : LONGEST);
	zram_stats(m->zram, &stats);
	if (stats.objects * PAGE != stats.orig_data_size || stats.failed_writes != m->nr_failed || stats.failed_reads)
		differ(m, "wrong figures", 0, 0);
	if (stats.mem_limit && stats.mem_used_max > stats.mem_limit + 65536)
		differ(m, "more memory than the limit", 0, 0);
}

static void one_request(struct model *m)
{
	uint32_t dice = below(m, 100);

	if (dice < 40)
		request_write(m);
	else if (dice < 75)
		request_read(m);
	else if (dice < 83)
		request_discard(m);
	else if (dice < 91)
		request_zero(m);
	else if (dice < 97)
		request_extents(m);
	else
		request_compact(m);
}

static void *memory(size_t bytes)
{
	void *at = calloc(1, bytes);

	if (!at) {
		fprintf(stderr, "disk: no memory for %zu bytes\n", bytes);
		exit(2);
	}
	return at;
}

/* Returns how many writes the limit refused. */
static uint64_t run(const struct settings *settings)
{
	struct zram_options options = { .size_bytes = settings->nr_pages * PAGE,
					.limit_bytes = settings->limit_kib << 10 };
	struct model m = { .settings = settings, .rng = { .state = settings->seed }, .size_bytes = options.size_bytes };

	m.disk = memory(m.size_bytes);
	m.before = memory(m.size_bytes);
	m.buffer = memory(LONGEST);
	if (zs_comp_parse(settings->codec, &options.comp) || zram_create(&options, &m.zram)) {
		fprintf(stderr, "disk: cannot make a disk of %llu pages with %s\n",
			(unsigned long long)settings->nr_pages, settings->codec);
		exit(2);
	}
	for (; m.step < settings->nr_requests; m.step++) {
		one_request(&m);
		if (m.step % 4096 == 0)
			check_all(&m);
	}
	check_all(&m);
	zram_destroy(m.zram);
	free(m.disk);
	free(m.before);
	free(m.buffer);
	return m.nr_failed;
}

static uint64_t number(int option, const char *text)
{
	char *end;
	uint64_t value = strtoull(text, &end, 0);

	if (*text && !*end)
		return value;
	fprintf(stderr, "disk: -%c takes a number, not '%s'\n", option, text);
	exit(2);
}

int main(int argc, char **argv)
{
	struct settings settings = { .seed = 1, .nr_requests = 100000, .nr_pages = 512, .codec = "lz4" };
	time_t begun = time(NULL);
	uint64_t nr_runs = 0, nr_refused = 0;
	int option;

	while ((option = getopt(argc, argv, "r:n:t:c:s:l:")) >= 0) {
		switch (option) {
		case 'r': settings.seed = number(option, optarg); break;
		case 'n': settings.nr_requests = number(option, optarg); break;
		case 't': settings.seconds = number(option, optarg); break;
		case 'c': settings.codec = optarg; break;
		case 's': settings.nr_pages = number(option, optarg); break;
		case 'l': settings.limit_kib = number(option, optarg); break;
		default: fprintf(stderr, "disk: see the head of disk.c\n"); return 2;
		}
	}
	if (optind != argc || !settings.nr_pages || settings.nr_pages > 1 << 18) {
		fprintf(stderr, "disk: see the head of disk.c\n");
		return 2;
	}
	do {
		nr_refused += run(&settings);
		settings.seed++;
		nr_runs++;
	} while ((uint64_t)(time(NULL) - begun) < settings.seconds);
	printf("disk: %llu runs without a difference, %llu writes refused\n", (unsigned long long)nr_runs,
	       (unsigned long long)nr_refused);
	return 0;
}
