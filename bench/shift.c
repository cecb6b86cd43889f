/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * How much memory a heap needs when the sizes of its objects change.
 *
 *   shift [-m] [-f FLAGS] [-l LIVE_BYTES] [-t TURNOVER] [-r SEED] W1..W8
 *
 * Method and workloads are of Rumble, Kejriwal, Ousterhout: Log-structured Memory for DRAM-based Storage, FAST'14.
 * Objects of the sizes before are made, TURNOVER times the live bytes in all, while random ones are dropped so that the
 * live bytes never exceed their cap; then a share is dropped at random; then the same is done with the sizes after. (In
 * the paper 10 GB are live and the turnover is 5.) Every object is written from end to end.
 *
 * Memory is what zs_get_total_size_bytes() says or, with -m, what the process of a malloc has grown by: as zs replay
 * measures it. It is looked at each time that a 64th of the cap was made.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "heap.h"
#include "json.h"
#include "program.h"
#include "random.h"
#include "resident.h"
#include "zsmalloc.h"

enum { LARGEST = 16384, LOOKS = 64 };

struct range {
	uint32_t least, most; /* bytes; most 0: there is no such phase */
};

struct workload {
	const char *name;
	struct range before;
	unsigned int dropped_percent;
	struct range after;
};

static const struct workload workloads[] = {
	{ "W1", { 100, 100 }, 0, { 0, 0 } },          { "W2", { 100, 100 }, 0, { 130, 130 } },
	{ "W3", { 100, 100 }, 90, { 130, 130 } },     { "W4", { 100, 150 }, 0, { 200, 250 } },
	{ "W5", { 100, 150 }, 90, { 200, 250 } },     { "W6", { 100, 200 }, 50, { 1000, 2000 } },
	{ "W7", { 1000, 2000 }, 90, { 1500, 2500 } }, { "W8", { 50, 150 }, 90, { 5000, 15000 } },
};

struct object {
	uint64_t ref;
	uint32_t len;
};

struct shift {
	const struct workload *workload;
	bool use_malloc;
	unsigned int flags;
	uint64_t cap_bytes;
	uint64_t turnover;
	uint64_t random;
	struct zs_heap heap;
	struct object *objects;
	size_t nr;
	uint64_t live_bytes;
	uint64_t base_bytes; /* of the process, before the heap was used */
	uint64_t peak_bytes;
	unsigned char payload[LARGEST];
};

static uint64_t memory_bytes(const struct shift *shift)
{
	uint64_t resident_bytes;

	if (!shift->use_malloc)
		return zs_get_total_size_bytes(shift->heap.pool);
	resident_bytes = zs_resident_bytes();
	return resident_bytes > shift->base_bytes ? resident_bytes - shift->base_bytes : 0;
}

static void look(struct shift *shift)
{
	uint64_t bytes = memory_bytes(shift);

	if (bytes > shift->peak_bytes)
		shift->peak_bytes = bytes;
}

static void make(struct shift *shift, uint32_t len)
{
	uint64_t ref = shift->heap.put(&shift->heap, shift->payload, len);

	if (!ref)
		bench_die("no memory for an object of %u bytes; give less with -l", len);
	shift->objects[shift->nr++] = (struct object){ ref, len };
	shift->live_bytes += len;
}

static void drop_random(struct shift *shift)
{
	struct object *object = &shift->objects[zs_random_below(&shift->random, shift->nr)];

	shift->heap.drop(&shift->heap, object->ref);
	shift->live_bytes -= object->len;
	*object = shift->objects[--shift->nr];
}

static void make_all(struct shift *shift, struct range range)
{
	uint64_t made_bytes = 0, next_look = 0;

	while (made_bytes < shift->turnover * shift->cap_bytes) {
		uint32_t len = range.least + zs_random_below(&shift->random, range.most - range.least + 1);

		while (shift->live_bytes + len > shift->cap_bytes)
			drop_random(shift);
		make(shift, len);
		made_bytes += len;
		if (made_bytes < next_look)
			continue;
		look(shift);
		next_look += shift->cap_bytes / LOOKS;
	}
	look(shift);
}

static void drop_share(struct shift *shift)
{
	size_t nr_kept = shift->nr - shift->nr * shift->workload->dropped_percent / 100;

	while (shift->nr > nr_kept)
		drop_random(shift);
}

static void open_heap(struct shift *shift)
{
	struct zs_pool_options options = { .size = sizeof(options), .name = "shift", .flags = shift->flags };
	uint32_t least = shift->workload->before.least;

	if (shift->workload->before.most > ZS_PAGE_BYTES || shift->workload->after.most > ZS_PAGE_BYTES)
		options.max_object_size = LARGEST;
	shift->objects = bench_memory((size_t)(shift->cap_bytes / least + 1) * sizeof(*shift->objects));
	memset(shift->payload, 0x5a, sizeof(shift->payload));
	shift->base_bytes = zs_resident_bytes();
	if (shift->use_malloc && !shift->base_bytes)
		bench_die("/proc/self/smaps_rollup does not tell what the process occupies, so no malloc is measured");
	shift->heap = zs_heap_of_malloc();
	if (shift->use_malloc)
		return;
	shift->heap = zs_heap_of_pool(zs_create_pool_with(&options));
	if (!shift->heap.pool)
		bench_die("cannot create a pool with flags %u", shift->flags);
}

static void tell(const struct shift *shift, uint64_t end_bytes)
{
	struct zs_json json;

	zs_json_begin(&json, stdout);
	zs_json_string(&json, "workload", shift->workload->name);
	zs_json_integer(&json, "cap_bytes", shift->cap_bytes);
	zs_json_integer(&json, "live_bytes", shift->live_bytes);
	zs_json_integer(&json, "peak_bytes", shift->peak_bytes);
	zs_json_integer(&json, "end_bytes", end_bytes);
	zs_json_integer(&json, "compacted_bytes", memory_bytes(shift));
	zs_json_end(&json);
}

static void run(struct shift *shift)
{
	uint64_t end_bytes;

	open_heap(shift);
	make_all(shift, shift->workload->before);
	drop_share(shift);
	if (shift->workload->after.most)
		make_all(shift, shift->workload->after);
	end_bytes = memory_bytes(shift);
	shift->heap.trim(&shift->heap);
	tell(shift, end_bytes);
	zs_destroy_pool(shift->heap.pool);
}

static const struct workload *find_workload(const char *name)
{
	for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++)
		if (!strcmp(workloads[i].name, name))
			return &workloads[i];
	bench_die("%s: no such workload; there are W1 to W8", name);
}

int main(int argc, char **argv)
{
	static struct shift shift = { .cap_bytes = 64 << 20, .turnover = 3, .random = 1 };
	int option;

	while ((option = getopt(argc, argv, "mf:l:t:r:")) >= 0) {
		switch (option) {
		case 'm': shift.use_malloc = true; break;
		case 'f': shift.flags = (unsigned int)bench_number(option, optarg, 0, UINT32_MAX); break;
		case 'l': shift.cap_bytes = bench_number(option, optarg, 1 << 20, (uint64_t)1 << 36); break;
		case 't': shift.turnover = bench_number(option, optarg, 1, 1000); break;
		case 'r': shift.random = bench_number(option, optarg, 0, UINT64_MAX); break;
		default: bench_die("see the head of shift.c");
		}
	}
	if (optind != argc - 1)
		bench_die("name one workload, W1 to W8");
	shift.workload = find_workload(argv[optind]);
	run(&shift);
	return 0;
}
