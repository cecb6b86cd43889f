/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The codec alone, without a disk: what the pages of the image come to, and how long it takes, in one thread.
 */
#ifndef BENCH_CODEC_H
#define BENCH_CODEC_H

#include "comp.h"
#include "image.h"

struct bench_codec {
	uint64_t ideal_bytes; /* of all pages: nothing for one repeated word, a page for one that does not shrink */
	double compress_ns;   /* a page, over all pages of the image */
	double decompress_ns;
};

struct bench_codec bench_codec_measure(const struct bench_image *image, const struct zs_comp_spec *comp);

#endif
