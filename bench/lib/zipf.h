/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Numbers that follow Zipf's law: 0 is the most frequent, and of nr numbers k has a share in proportion to k + 1 to the
 * power of -exponent. Exact, by a table of the shares' sums that is searched.
 */
#ifndef BENCH_ZIPF_H
#define BENCH_ZIPF_H

#include <stddef.h>
#include <stdint.h>

struct bench_zipf {
	size_t nr;
	double *below; /* the share of all that numbers up to each have */
};

/* The table is never freed. pre: nr > 0 */
void bench_zipf_init(struct bench_zipf *zipf, size_t nr, double exponent);

/* random: the state of zs_random() */
size_t bench_zipf_next(const struct bench_zipf *zipf, uint64_t *random);

#endif
