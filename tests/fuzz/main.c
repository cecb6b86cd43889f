/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The fuzzer without a guide: every file that is named, and then random strings. Prints what it did.
 *   fuzz [-r SEED] [-n STRINGS] [FILE...]
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuzz.h"
#include "options.h"
#include "random.h"

#define MOST_BYTES 4096u

static uint8_t bytes[1 << 20];

static int run_file(const char *path)
{
	FILE *in = fopen(path, "rb");
	size_t size;

	if (!in) {
		perror(path);
		return 1;
	}
	size = fread(bytes, 1, sizeof(bytes), in);
	fclose(in);
	LLVMFuzzerTestOneInput(bytes, size);
	return 0;
}

int main(int argc, char **argv)
{
	struct rng rng = { .state = 1 };
	unsigned long nr = 0;
	int option, status = 0;

	while ((option = getopt(argc, argv, "r:n:")) >= 0) {
		if (option == '?')
			return 2;
		if (option == 'r')
			rng.state = option_number("fuzz", option, optarg);
		else
			nr = (unsigned long)option_number("fuzz", option, optarg);
	}
	for (int i = optind; i < argc; i++)
		status |= run_file(argv[i]);
	for (unsigned long i = 0; i < nr; i++) {
		uint32_t size = rng_below(&rng, MOST_BYTES);

		rng_fill(&rng, bytes, size);
		LLVMFuzzerTestOneInput(bytes, size);
	}
	printf("fuzz: %d files and %lu random strings without a difference\n", argc - optind, nr);
	return status;
}
