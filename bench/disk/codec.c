/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Pages go through the codec in batches, each there and back: what is decompressed is in the processor's cache, so that
 * the time is the codec's and not the memory's. It is the thread's processor time, which others do not disturb.
 */
#include "codec.h"

#include <stdbool.h>
#include <string.h>

#include "program.h"

enum { BATCH_PAGES = 256 };

struct batch {
	const struct zs_comp *comp;
	void *ctx;
	unsigned char packed[BATCH_PAGES][BENCH_PAGE_BYTES];
	ssize_t lengths[BATCH_PAGES]; /* 0: one repeated word; a page: does not shrink */
	unsigned char page[BENCH_PAGE_BYTES];
};

/* A page that is its own copy, a word further on. */
static bool is_one_word(const unsigned char *page)
{
	return !memcmp(page, page + sizeof(uint32_t), BENCH_PAGE_BYTES - sizeof(uint32_t));
}

static void find_words(struct batch *batch, const unsigned char *pages, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		batch->lengths[i] = is_one_word(pages + i * BENCH_PAGE_BYTES) ? 0 : BENCH_PAGE_BYTES;
}

static void compress(struct batch *batch, const unsigned char *pages, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		ssize_t len;

		if (!batch->lengths[i])
			continue;
		len = batch->comp->compress(batch->ctx, pages + i * BENCH_PAGE_BYTES, BENCH_PAGE_BYTES,
					    batch->packed[i], BENCH_PAGE_BYTES - 1);
		if (len > 0)
			batch->lengths[i] = len;
	}
}

static void decompress(struct batch *batch, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		size_t len = (size_t)batch->lengths[i];

		if (len && len < BENCH_PAGE_BYTES &&
		    batch->comp->decompress(batch->ctx, batch->packed[i], len, batch->page, BENCH_PAGE_BYTES) !=
			    BENCH_PAGE_BYTES)
			bench_die("%s did not give a page back", batch->comp->name);
	}
}

static void measure_batch(struct batch *batch, const unsigned char *pages, size_t nr, struct bench_codec *sums)
{
	uint64_t began_ns, between_ns;

	find_words(batch, pages, nr);
	began_ns = bench_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	compress(batch, pages, nr);
	between_ns = bench_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	decompress(batch, nr);
	sums->decompress_ns += (double)(bench_clock_ns(CLOCK_THREAD_CPUTIME_ID) - between_ns);
	sums->compress_ns += (double)(between_ns - began_ns);
	for (size_t i = 0; i < nr; i++)
		sums->ideal_bytes += (uint64_t)batch->lengths[i];
}

struct bench_codec bench_codec_measure(const struct bench_image *image, const struct zs_comp_spec *comp)
{
	static struct batch batch;
	struct bench_codec sums = { 0 };

	batch.comp = comp->comp;
	batch.ctx = comp->comp->create(comp->level, BENCH_PAGE_BYTES);
	if (!batch.ctx)
		bench_die("no memory for %s", comp->comp->name);
	for (size_t page = 0; page < image->nr_pages; page += BATCH_PAGES) {
		size_t left = image->nr_pages - page;

		measure_batch(&batch, bench_image_page(image, page), left < BATCH_PAGES ? left : BATCH_PAGES, &sums);
	}
	comp->comp->destroy(batch.ctx);
	sums.compress_ns /= (double)image->nr_pages;
	sums.decompress_ns /= (double)image->nr_pages;
	return sums;
}
