/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What a RAM disk comes to that packs itself tighter: the engine in this process, with a clock that is turned by hand,
 * so that ten minutes pass in as long as their work takes.
 *
 *   disk-policies -i IMAGE [-c CODEC] [-u KIB] [-m MINUTES] [-r SEED] [-d] -b FOLDER
 *
 * The image is written with LZ4 and left alone, until it has settled into units of so many KiB (32) by CODEC (zstd:6),
 * pages idle for a minute each time; -d: with deduplication. Then all of it is read and compared, and random pages are,
 * one by one. Then random pages are overwritten by others of the image, a thousand a second for so many minutes, and
 * the memory is looked at each second. Then all is idle, and is written back to a file without a name in FOLDER, read
 * and compared. In the end all is discarded.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "file_store.h"
#include "histogram.h"
#include "image.h"
#include "json.h"
#include "program.h"
#include "random.h"
#include "zram.h"
#include "zsmalloc.h"

#define SECOND_NS 1000000000ull
#define IDLE_NS (60 * SECOND_NS)
#define STEP_PAGES 16 /* as the plugin has it */
#define REQUEST_PAGES 16
#define READS 50000
#define OVERWRITES_A_SECOND 1000

struct policies {
	struct bench_image image;
	struct zram *zram;
	struct zs_json json;
	uint32_t *content; /* of the image's pages, which one each page of the disk has */
	uint64_t now_ns;
	uint64_t random;
	uint64_t nr_wrong;
	uint64_t busy_ns; /* processor time of background work */
	unsigned int minutes;
	uint32_t unit_bytes;
};

/* ---- telling ---- */

static void tell(struct policies *p, const char *state)
{
	struct zram_stats stats;

	zram_stats(p->zram, &stats);
	zs_json_open_object(&p->json, state);
	zs_json_integer(&p->json, "used_bytes", stats.mem_used_total);
	zs_json_integer(&p->json, "stored_bytes", stats.compr_data_size);
	zs_json_integer(&p->json, "dead_bytes", stats.unit_dead_bytes);
	zs_json_integer(&p->json, "backing_bytes", stats.bd_bytes);
	zs_json_integer(&p->json, "objects", stats.objects);
	zs_json_integer(&p->json, "unit_pages", stats.unit_pages);
	zs_json_integer(&p->json, "shared_pages", stats.shared_pages);
	zs_json_number(&p->json, "busy_seconds", (double)p->busy_ns / 1e9);
	zs_json_integer(&p->json, "wrong_pages", p->nr_wrong);
	zs_json_close_object(&p->json);
}

/* ---- the disk ---- */

static void make_disk(struct policies *p, const struct zs_comp_spec *strong, bool dedup, struct zs_file_store *file)
{
	const struct zs_store store = { zs_file_store_read, zs_file_store_write, zs_file_store_discard, file,
					zs_file_store_size(file) };
	struct zram_options options = {
		.size_bytes = p->image.nr_pages * BENCH_PAGE_BYTES,
		.pool_flags = ZS_POOL_COMPACTOR | ZS_POOL_DENSE,
		.recompress = { .idle_ns = IDLE_NS, .comp = *strong, .unit_bytes = p->unit_bytes },
		.writeback = { .store = &store },
		.dedup = dedup,
	};

	if (zs_comp_parse("lz4", &options.comp) || zram_create(&options, &p->zram))
		bench_die("no disk of %zu pages", p->image.nr_pages);
}

/* So much of what is due at this time as there is. */
static void do_background_work(struct policies *p)
{
	uint64_t begun = bench_clock_ns(CLOCK_THREAD_CPUTIME_ID);

	while (!zram_step(p->zram, p->now_ns, STEP_PAGES))
		;
	p->busy_ns += bench_clock_ns(CLOCK_THREAD_CPUTIME_ID) - begun;
}

static void pass(struct policies *p, uint64_t seconds)
{
	for (uint64_t i = 0; i < seconds; i++) {
		do_background_work(p);
		p->now_ns += SECOND_NS;
	}
}

static void write_all(struct policies *p)
{
	for (size_t i = 0; i < p->image.nr_pages; i += REQUEST_PAGES) {
		size_t nr = p->image.nr_pages - i < REQUEST_PAGES ? p->image.nr_pages - i : REQUEST_PAGES;

		if (zram_write(p->zram, bench_image_page(&p->image, i), nr * BENCH_PAGE_BYTES, i * BENCH_PAGE_BYTES))
			bench_die("page %zu cannot be written", i);
	}
	for (size_t i = 0; i < p->image.nr_pages; i++)
		p->content[i] = (uint32_t)i;
}

static void check_all(struct policies *p)
{
	static unsigned char got[REQUEST_PAGES * BENCH_PAGE_BYTES];

	for (size_t i = 0; i < p->image.nr_pages; i += REQUEST_PAGES) {
		size_t nr = p->image.nr_pages - i < REQUEST_PAGES ? p->image.nr_pages - i : REQUEST_PAGES;

		if (zram_read(p->zram, got, nr * BENCH_PAGE_BYTES, i * BENCH_PAGE_BYTES))
			bench_die("page %zu cannot be read", i);
		for (size_t j = 0; j < nr; j++)
			p->nr_wrong += memcmp(got + j * BENCH_PAGE_BYTES,
					      bench_image_page(&p->image, p->content[i + j]), BENCH_PAGE_BYTES) != 0;
	}
}

static size_t random_page(struct policies *p)
{
	return zs_random_below(&p->random, p->image.nr_pages);
}

static void read_random(struct policies *p)
{
	static struct bench_histogram histogram;
	static unsigned char got[BENCH_PAGE_BYTES];

	for (unsigned int i = 0; i < READS; i++) {
		size_t page = random_page(p);
		uint64_t begun = bench_clock_ns(CLOCK_MONOTONIC);

		if (zram_read(p->zram, got, sizeof(got), page * BENCH_PAGE_BYTES))
			bench_die("page %zu cannot be read", page);
		bench_histogram_note(&histogram, bench_clock_ns(CLOCK_MONOTONIC) - begun);
		p->nr_wrong += memcmp(got, bench_image_page(&p->image, p->content[page]), sizeof(got)) != 0;
	}
	zs_json_open_object(&p->json, "random_read_ns");
	zs_json_integer(&p->json, "p50", bench_histogram_quantile(&histogram, .5));
	zs_json_integer(&p->json, "p99", bench_histogram_quantile(&histogram, .99));
	zs_json_integer(&p->json, "most", histogram.most);
	zs_json_close_object(&p->json);
}

/* Memory for each byte of what lives, as it is stored at the time, and what of it is not that byte. */
struct shares {
	double used;
	double dead;
	double pool; /* room of its pages that no object takes */
	double metadata;
	double tables; /* the disk's own */
};

static struct shares shares_now(struct policies *p)
{
	struct zram_stats stats;
	double live, pool_bytes;

	zram_stats(p->zram, &stats);
	live = (double)(stats.compr_data_size - stats.unit_dead_bytes);
	pool_bytes = (double)stats.pool_pages * BENCH_PAGE_BYTES;
	return (struct shares){
		.used = (double)stats.mem_used_total / live,
		.dead = (double)stats.unit_dead_bytes / live,
		.pool = (pool_bytes - (double)stats.compr_data_size) / live,
		.metadata = (double)stats.pool_metadata / live,
		.tables = ((double)stats.mem_used_total - pool_bytes - (double)stats.pool_metadata) / live,
	};
}

static void tell_overwriting(struct policies *p, unsigned int seconds, double mean, const struct shares *most)
{
	zs_json_open_object(&p->json, "overwriting");
	zs_json_integer(&p->json, "seconds", seconds);
	zs_json_number(&p->json, "used_for_live_mean", mean);
	zs_json_number(&p->json, "used_for_live_most", most->used);
	zs_json_number(&p->json, "of_that_dead", most->dead);
	zs_json_number(&p->json, "of_that_pool", most->pool);
	zs_json_number(&p->json, "of_that_metadata", most->metadata);
	zs_json_number(&p->json, "of_that_tables", most->tables);
	zs_json_number(&p->json, "busy_seconds", (double)p->busy_ns / 1e9);
	zs_json_close_object(&p->json);
}

static void overwrite(struct policies *p)
{
	struct shares most = { .used = 0 };
	unsigned int seconds = p->minutes * 60;
	double sum = 0;

	for (unsigned int second = 0; second < seconds; second++) {
		struct shares now;

		for (unsigned int i = 0; i < OVERWRITES_A_SECOND; i++) {
			size_t to = random_page(p), from = random_page(p);

			if (zram_write(p->zram, bench_image_page(&p->image, from), BENCH_PAGE_BYTES,
				       to * BENCH_PAGE_BYTES))
				bench_die("page %zu cannot be written", to);
			p->content[to] = (uint32_t)from;
		}
		pass(p, 1);
		now = shares_now(p);
		sum += now.used;
		most = now.used > most.used ? now : most;
	}
	tell_overwriting(p, seconds, seconds ? sum / seconds : 0, &most);
}

/* ---- the run ---- */

static void write_back(struct policies *p)
{
	zram_mark_idle(p->zram);
	if (zram_writeback_idle(p->zram))
		bench_die("nothing can be written back");
	zram_compact(p->zram, 0);
	tell(p, "written_back");
	check_all(p);
	tell(p, "written_back_and_read");
}

static void run(struct policies *p)
{
	zs_json_begin(&p->json, stdout);
	zs_json_integer(&p->json, "image_bytes", p->image.nr_pages * BENCH_PAGE_BYTES);
	write_all(p);
	tell(p, "written");
	pass(p, 120);
	zram_compact(p->zram, 0);
	tell(p, "settled");
	check_all(p);
	read_random(p);
	pass(p, 240);
	tell(p, "read");
	p->busy_ns = 0;
	overwrite(p);
	tell(p, "overwritten");
	pass(p, 240);
	check_all(p);
	tell(p, "settled_again");
	write_back(p);
	if (zram_discard(p->zram, p->image.nr_pages * BENCH_PAGE_BYTES, 0))
		bench_die("nothing can be discarded");
	tell(p, "discarded");
	zs_json_end(&p->json);
}

int main(int argc, char **argv)
{
	struct policies p = { .now_ns = 1, .random = 1, .minutes = 10, .unit_bytes = 32768 };
	const char *image = NULL, *folder = NULL;
	struct zs_comp_spec strong;
	struct zs_file_store *file;
	bool dedup = false;
	int option;

	if (zs_comp_parse("zstd:6", &strong))
		bench_die("there is no zstd");
	while ((option = getopt(argc, argv, "i:c:u:m:r:b:d")) >= 0) {
		switch (option) {
		case 'i': image = optarg; break;
		case 'c':
			if (zs_comp_parse(optarg, &strong))
				bench_die("-c %s: there are: %s", optarg, zs_comp_names());
			break;
		case 'u': p.unit_bytes = (uint32_t)bench_number(option, optarg, 4, 64) * 1024; break;
		case 'm': p.minutes = (unsigned int)bench_number(option, optarg, 0, 1000); break;
		case 'r': p.random = bench_number(option, optarg, 0, UINT64_MAX); break;
		case 'b': folder = optarg; break;
		case 'd': dedup = true; break;
		default: bench_die("see the head of policies.c");
		}
	}
	if (!image || !folder || optind < argc)
		bench_die("see the head of policies.c");
	bench_image_open(&p.image, image);
	p.content = bench_memory(p.image.nr_pages * sizeof(*p.content));
	if (zs_file_store_open(folder, &file))
		bench_die("no file can be made in %s", folder);
	make_disk(&p, &strong, dedup, file);
	run(&p);
	zram_destroy(p.zram);
	zs_file_store_close(file);
	return p.nr_wrong != 0;
}
