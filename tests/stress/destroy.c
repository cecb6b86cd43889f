/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Pools that end while their thread is at work: it empties the stashes of who freed last, finds empty pages, and says
 * that there is work, just when nobody wants to hear of it any more.
 *
 *   destroy [-n ROUNDS] [-r SEED]
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "random.h"
#include "zsmalloc.h"

#define NR_OBJECTS 20000u /* of a page: a pool is worth a stash from 64 MiB on */
#define NR_STASHED 3u
#define TICKS_US 20000u

static unsigned long handles[NR_OBJECTS];

static bool fill(struct zs_pool *pool)
{
	for (unsigned int i = 0; i < NR_OBJECTS; i++) {
		handles[i] = zs_malloc(pool, ZS_PAGE_BYTES, 0);
		if (!handles[i])
			return false;
	}
	return true;
}

static int round_of(struct rng *rng)
{
	struct zs_pool *pool = zs_create_pool(ZS_POOL_COMPACTOR, NULL);

	if (!pool || !fill(pool)) {
		perror("destroy: no pool, or too small a one");
		return 1;
	}
	for (unsigned int i = 0; i < NR_STASHED; i++)
		zs_free(pool, handles[i]);
	usleep((useconds_t)rng_below(rng, TICKS_US));
	zs_destroy_pool(pool);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long nr_rounds = 20;
	struct rng rng = { .state = 1 };
	int option, failed = 0;

	while ((option = getopt(argc, argv, "n:r:")) != -1)
		switch (option) {
		case 'n': nr_rounds = strtoul(optarg, NULL, 10); break;
		case 'r': rng.state = strtoull(optarg, NULL, 10); break;
		default: return 2;
		}
	for (unsigned long i = 0; i < nr_rounds && !failed; i++)
		failed = round_of(&rng);
	return failed;
}
