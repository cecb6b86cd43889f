/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Writes and reads pages of a block device one at a time, past the page cache, and prints the nanoseconds a page took.
 * Runs in the guest; with the clock of an emulator that counts instructions, they are instructions.
 *
 *   page_io write DEVICE NR_PAGES DATA                  page i gets page i of the data
 *   page_io overwrite DEVICE NR_PAGES DATA SEED         as many random pages get the data's pages from NR_PAGES on
 *   page_io read DEVICE NR_PAGES
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u
#define BATCH 256u /* pages whose data is at hand before they are written */

static _Alignas(PAGE) unsigned char batch[BATCH][PAGE];
static uint64_t spent_ns;

static void must(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "page_io: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* xorshift64: the same sequence for each module that is measured. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void load_batch(int data, uint64_t first, uint64_t nr)
{
	ssize_t bytes = (ssize_t)(nr * PAGE);

	must(pread(data, batch, (size_t)bytes, (off_t)(first * PAGE)) == bytes, "cannot read the data");
}

/* seed 0: in order. */
static void write_pages(int device, uint64_t nr_pages, int data, uint64_t seed)
{
	uint64_t first = seed ? nr_pages : 0;
	uint64_t state = seed;

	for (uint64_t done = 0; done < nr_pages; done += BATCH) {
		uint64_t nr = nr_pages - done < BATCH ? nr_pages - done : BATCH;
		uint64_t begin;

		load_batch(data, first + done, nr);
		begin = now_ns();
		for (uint64_t i = 0; i < nr; i++) {
			uint64_t page = seed ? next_random(&state) % nr_pages : done + i;

			must(pwrite(device, batch[i], PAGE, (off_t)(page * PAGE)) == PAGE, "write");
		}
		spent_ns += now_ns() - begin;
	}
}

static void read_pages(int device, uint64_t nr_pages)
{
	uint64_t begin = now_ns();

	for (uint64_t page = 0; page < nr_pages; page++)
		must(pread(device, batch[0], PAGE, (off_t)(page * PAGE)) == PAGE, "read");
	spent_ns += now_ns() - begin;
}

int main(int argc, char **argv)
{
	uint64_t nr_pages, seed;
	int device, data = -1;

	must(argc >= 4, "usage: page_io write|overwrite|read DEVICE NR_PAGES [DATA [SEED]]");
	device = open(argv[2], O_RDWR | O_DIRECT);
	must(device >= 0, argv[2]);
	nr_pages = strtoull(argv[3], NULL, 0);
	seed = argc > 5 ? strtoull(argv[5], NULL, 0) : 0;
	if (strcmp(argv[1], "read")) {
		data = argc > 4 ? open(argv[4], O_RDONLY) : -1;
		must(data >= 0, argc > 4 ? argv[4] : "no data named");
		write_pages(device, nr_pages, data, seed);
	} else {
		read_pages(device, nr_pages);
	}
	printf("%llu\n", (unsigned long long)(spent_ns / nr_pages));
	return 0;
}
