/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Random requests of a page each to an NBD server, so many in flight on one connection.
 *
 *   disk-client -u SOCKET -i IMAGE [-q DEPTH] [-s SECONDS] [-n REQUESTS] [-r SEED] [-z EXPONENT] {read | write | trim}
 *
 * It ends after so many requests or seconds. What is written are pages of the image, each at another place than its
 * own. Of what is read every sixteenth page is compared, so the disk must hold the image. Trims take each page once.
 * All pages are asked for alike, or with -z as Zipf's law has it. Which are the frequent ones does not depend on the
 * seed, and they are no neighbours: they stand in random order.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "histogram.h"
#include "image.h"
#include "json.h"
#include "nbd.h"
#include "program.h"
#include "random.h"
#include "zipf.h"

enum { MAX_DEPTH = 256, COMPARED = 16, ORDER_SEED = 4096 };

#define MOST_EXPONENT 8.

struct flight {
	uint64_t sent_ns;
	size_t page;
};

struct client {
	struct bench_image image;
	enum bench_nbd_type type;
	unsigned int depth;
	uint64_t nr_max;
	uint64_t seconds;
	uint64_t random;
	uint32_t *order; /* of trims, or of ranks */
	double exponent; /* of Zipf's law; 0: all alike */
	struct bench_zipf ranks;
	uint64_t nr_sent;
	uint64_t began_ns;
	struct flight flights[MAX_DEPTH];
	struct bench_histogram histogram;
};

static struct bench_nbd nbd;
static struct client client = { .depth = 1, .nr_max = UINT64_MAX, .seconds = 3600, .random = 1 };

static size_t random_page(void)
{
	return zs_random_below(&client.random, client.image.nr_pages);
}

static size_t next_page(void)
{
	if (client.type == BENCH_NBD_TRIM)
		return client.order[client.nr_sent];
	return client.exponent > 0 ? client.order[bench_zipf_next(&client.ranks, &client.random)] : random_page();
}

static void send_one(unsigned int cookie, uint64_t now_ns)
{
	struct flight *flight = &client.flights[cookie];
	const void *data = client.type == BENCH_NBD_WRITE ? bench_image_page(&client.image, random_page()) : NULL;

	*flight = (struct flight){ now_ns, next_page() };
	bench_nbd_send(&nbd, client.type, cookie, (uint64_t)flight->page * BENCH_PAGE_BYTES, BENCH_PAGE_BYTES, data);
	client.nr_sent++;
}

static void compare(const unsigned char *data, size_t page)
{
	if (client.histogram.nr % COMPARED == 0 &&
	    memcmp(data, bench_image_page(&client.image, page), BENCH_PAGE_BYTES))
		bench_die("page %zu does not come back as it was written", page);
}

/* Returns the cookie of what was answered, and the time. */
static unsigned int receive_one(uint64_t *now_ns)
{
	static unsigned char data[BENCH_PAGE_BYTES];
	bool reads = client.type == BENCH_NBD_READ;
	uint64_t cookie = bench_nbd_receive(&nbd, data, reads ? BENCH_PAGE_BYTES : 0);

	if (cookie >= client.depth)
		bench_die("the server answers what was not asked");
	*now_ns = bench_clock_ns(CLOCK_MONOTONIC);
	if (reads)
		compare(data, client.flights[cookie].page);
	bench_histogram_note(&client.histogram, *now_ns - client.flights[cookie].sent_ns);
	return (unsigned int)cookie;
}

static void run(void)
{
	uint64_t now_ns = client.began_ns = bench_clock_ns(CLOCK_MONOTONIC);
	uint64_t end_ns = now_ns + client.seconds * 1000000000u;

	for (unsigned int i = 0; i < client.depth && client.nr_sent < client.nr_max; i++)
		send_one(i, now_ns);
	while (client.histogram.nr < client.nr_sent) {
		unsigned int cookie = receive_one(&now_ns);

		if (client.nr_sent < client.nr_max && now_ns < end_ns)
			send_one(cookie, now_ns);
	}
}

static void tell(void)
{
	double ns = (double)(bench_clock_ns(CLOCK_MONOTONIC) - client.began_ns);
	struct zs_json json;

	zs_json_begin(&json, stdout);
	zs_json_integer(&json, "requests", client.histogram.nr);
	zs_json_number(&json, "iops", (double)client.histogram.nr * 1e9 / ns);
	zs_json_integer(&json, "p50_ns", bench_histogram_quantile(&client.histogram, .5));
	zs_json_integer(&json, "p99_ns", bench_histogram_quantile(&client.histogram, .99));
	zs_json_end(&json);
}

static enum bench_nbd_type type_of(const char *name)
{
	if (!strcmp(name, "read"))
		return BENCH_NBD_READ;
	if (!strcmp(name, "write"))
		return BENCH_NBD_WRITE;
	if (strcmp(name, "trim"))
		bench_die("%s: there are read, write and trim", name);
	return BENCH_NBD_TRIM;
}

static double exponent_of(const char *text)
{
	char *end;
	double exponent = strtod(text, &end);

	if (end == text || *end || !(exponent > 0 && exponent <= MOST_EXPONENT))
		bench_die("-z %s: give a number above 0, of %g at most", text, MOST_EXPONENT);
	return exponent;
}

static void set_up_zipf(void)
{
	if (client.type == BENCH_NBD_TRIM)
		bench_die("trims take each page once: -z is for reads and writes");
	client.order = bench_image_shuffled(&client.image, ORDER_SEED);
	bench_zipf_init(&client.ranks, client.image.nr_pages, client.exponent);
}

static void set_up(const char *type, const char *path)
{
	client.type = type_of(type);
	if (client.exponent > 0)
		set_up_zipf();
	if (client.type == BENCH_NBD_TRIM) {
		client.order = bench_image_shuffled(&client.image, client.random);
		client.nr_max = client.nr_max < client.image.nr_pages ? client.nr_max : client.image.nr_pages;
	}
	bench_nbd_connect(&nbd, path);
	if (nbd.size_bytes < client.image.nr_pages * BENCH_PAGE_BYTES)
		bench_die("the disk is smaller than the image");
}

int main(int argc, char **argv)
{
	const char *path = NULL, *image = NULL;
	int option;

	while ((option = getopt(argc, argv, "u:i:q:s:n:r:z:")) >= 0) {
		switch (option) {
		case 'u': path = optarg; break;
		case 'i': image = optarg; break;
		case 'q': client.depth = (unsigned int)bench_number(option, optarg, 1, MAX_DEPTH); break;
		case 's': client.seconds = bench_number(option, optarg, 1, 3600); break;
		case 'n': client.nr_max = bench_number(option, optarg, 1, UINT64_MAX); break;
		case 'r': client.random = bench_number(option, optarg, 0, UINT64_MAX); break;
		case 'z': client.exponent = exponent_of(optarg); break;
		default: bench_die("see the head of client.c");
		}
	}
	if (!path || !image || optind + 1 != argc)
		bench_die("see the head of client.c");
	bench_image_open(&client.image, image);
	set_up(argv[optind], path);
	run();
	tell();
	bench_nbd_close(&nbd);
	return 0;
}
