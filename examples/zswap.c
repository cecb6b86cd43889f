/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Compressed memory in one page: a table of 64 MiB, of which 8 MiB stay in memory as they are.
 *
 *   cc zswap.c $(pkg-config --cflags --libs zswap) -o zswap && ./zswap
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <zswap.h>

#define NR_ROWS (1u << 20)
#define LIMIT_BYTES (8u << 20)

struct row {
	unsigned int number;
	char text[60];
};

/* Pages as MiB. */
static double mib(uint64_t pages)
{
	return (double)pages * ZSWAP_PAGE_SIZE / (1 << 20);
}

static void print_figures(const char *when, struct zswap *zswap)
{
	struct zswap_stats stats = { .size = sizeof(stats) };

	zswap_stats(zswap, &stats);
	printf("%-10s of %.1f MiB %.1f are in memory, and %.1f compressed to %.1f; %llu faults so far\n", when,
	       mib(stats.managed_pages), mib(stats.resident_pages + stats.standby_pages), mib(stats.pool_pages),
	       (double)stats.pool_total_bytes / (1 << 20), (unsigned long long)stats.faults);
}

/* It is used as any other memory. */
static void fill(struct row *rows)
{
	for (unsigned int i = 0; i < NR_ROWS; i++) {
		rows[i].number = i;
		snprintf(rows[i].text, sizeof(rows[i].text), "row %u has the square %llu", i, 1ull * i * i);
	}
}

/* Whether a thousandth of the rows, in an order of their own, are what they were. */
static int check(const struct row *rows)
{
	for (unsigned int i = 0, at = 1; i < NR_ROWS / 1000; i++, at = at * 5 + 3) {
		const struct row *row = &rows[at % NR_ROWS];
		char text[sizeof(row->text)];

		snprintf(text, sizeof(text), "row %u has the square %llu", at % NR_ROWS,
			 1ull * (at % NR_ROWS) * (at % NR_ROWS));
		if (row->number != at % NR_ROWS || strcmp(row->text, text))
			return -1;
	}
	return 0;
}

static int use(struct zswap *zswap)
{
	struct row *rows = zswap_mmap(zswap, NR_ROWS * sizeof(*rows));

	if (!rows) {
		perror("zswap_mmap");
		return -1;
	}
	fill(rows);
	print_figures("filled:", zswap);
	if (check(rows)) {
		fprintf(stderr, "zswap: a row changed\n");
		return -1;
	}
	print_figures("looked up:", zswap);
	zswap_advise(zswap, rows, NR_ROWS * sizeof(*rows), ZSWAP_PAGEOUT);
	print_figures("paged out:", zswap);
	return zswap_munmap(zswap, rows, NR_ROWS * sizeof(*rows));
}

int main(void)
{
	/* With .backing_path = "/var/tmp" and a .pool_limit_bytes the oldest would go to a file. */
	struct zswap_options options = { .size = sizeof(options), .resident_limit_bytes = LIMIT_BYTES };
	struct zswap *zswap = zswap_create(&options);
	int err;

	if (!zswap) {
		fprintf(stderr, "zswap: %s\n", errno == EPERM ? "userfaultfd is not allowed here" : strerror(errno));
		return 1;
	}
	err = use(zswap);
	zswap_destroy(zswap);
	return err ? 1 : 0;
}
