/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Zipf's law, by a table.
 */
#include "zipf.h"

#include <math.h>

#include "program.h"
#include "random.h"

void bench_zipf_init(struct bench_zipf *zipf, size_t nr, double exponent)
{
	double sum = 0;

	zipf->nr = nr;
	zipf->below = bench_memory(nr * sizeof(*zipf->below));
	for (size_t i = 0; i < nr; i++)
		zipf->below[i] = sum += 1 / pow((double)(i + 1), exponent);
	for (size_t i = 0; i < nr; i++)
		zipf->below[i] /= sum;
}

size_t bench_zipf_next(const struct bench_zipf *zipf, uint64_t *random)
{
	double at = (double)(zs_random(random) >> 11) * 0x1p-53;
	size_t low = 0, high = zipf->nr - 1;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (zipf->below[middle] < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
