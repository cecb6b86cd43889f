/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * zs classes: the size classes that a pool has.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "stats.h"
#include "zs.h"
#include "zsmalloc.h"

enum {
	OPTION_JSON = 256,
	OPTION_HELP,
};

struct arguments {
	size_t max_object_bytes;
	bool json;
};

static const char help_text[] = "Usage: zs classes [-m MAX_OBJECT_BYTES] [--json]\n\n"
				"Prints the size classes of a pool and how each packs its objects into pages.\n\n"
				"  -m BYTES  the largest object of the pool: 1 to 65536, or 64k; default: 4096\n"
				"  --json    print JSON, nothing else\n";

static uint64_t zspage_bytes(const struct zs_class_stats *class)
{
	return (uint64_t) class->chain_pages * ZS_PAGE_BYTES;
}

static uint64_t tail_bytes(const struct zs_class_stats *class)
{
	return zspage_bytes(class) - (uint64_t) class->chain_slots * class->size_bytes;
}

static double tail_percent(const struct zs_class_stats *class)
{
	return 100.0 * (double)tail_bytes(class) / (double)zspage_bytes(class);
}

static void print_table(struct zs_pool *pool)
{
	struct zs_class_stats class;

	printf("%6s %10s %13s %13s %11s %8s\n", "class", "slot bytes", "zspage pages", "zspage slots", "tail bytes",
	       "tail %");
	for (unsigned int i = 0; i < zs_pool_nr_classes(pool); i++) {
		zs_pool_class_stats(pool, i, &class);
		printf("%6u %10u %13u %13u %11u %8.3f\n", i, class.size_bytes, class.chain_pages, class.chain_slots,
		       (unsigned int)tail_bytes(&class), tail_percent(&class));
	}
	printf("An object of %zu bytes or more takes a page to itself.\n", zs_huge_class_size(pool));
}

static void print_class(struct zs_json *json, unsigned int index, const struct zs_class_stats *class)
{
	zs_json_open_object(json, NULL);
	zs_json_integer(json, "index", index);
	zs_json_integer(json, "slot_bytes", class->size_bytes);
	zs_json_integer(json, "zspage_pages", class->chain_pages);
	zs_json_integer(json, "zspage_slots", class->chain_slots);
	zs_json_integer(json, "tail_bytes", tail_bytes(class));
	zs_json_number(json, "tail_percent", tail_percent(class));
	zs_json_close_object(json);
}

static void print_json(struct zs_pool *pool, size_t max_object_bytes)
{
	struct zs_class_stats class;
	struct zs_json json;

	zs_json_begin(&json, stdout);
	zs_json_string(&json, "version", zs_version());
	zs_json_integer(&json, "max_object_bytes", max_object_bytes);
	zs_json_integer(&json, "huge_class_size", zs_huge_class_size(pool));
	zs_json_open_array(&json, "classes");
	for (unsigned int i = 0; i < zs_pool_nr_classes(pool); i++) {
		zs_pool_class_stats(pool, i, &class);
		print_class(&json, i, &class);
	}
	zs_json_close_array(&json);
	zs_json_end(&json);
}

static int print(const struct arguments *arguments)
{
	struct zs_pool_options options = {
		.size = sizeof(options),
		.max_object_size = arguments->max_object_bytes,
	};
	struct zs_pool *pool = zs_create_pool_with(&options);

	if (!pool) {
		zs_message("cannot create a pool: %s", strerror(errno));
		return ZS_EXIT_FAILURE;
	}
	if (arguments->json)
		print_json(pool, arguments->max_object_bytes);
	else
		print_table(pool);
	zs_destroy_pool(pool);
	return zs_finish_stdout(ZS_EXIT_OK);
}

static int set_max(struct arguments *arguments, const char *text)
{
	uint64_t bytes;

	if (!zs_parse_size(text, &bytes) || !bytes || bytes > ZS_MAX_OBJECT_BYTES)
		return zs_usage_error("classes", "-m %s: give a size from 1 to %u bytes", text, ZS_MAX_OBJECT_BYTES);
	arguments->max_object_bytes = (size_t)bytes;
	return 0;
}

static int run(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "json", no_argument, NULL, OPTION_JSON },
		{ "help", no_argument, NULL, OPTION_HELP },
		{ NULL, 0, NULL, 0 },
	};
	struct arguments arguments = { .max_object_bytes = ZS_PAGE_BYTES };
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":m:h", long_options, NULL)) >= 0) {
		if (option == 'm') {
			if (set_max(&arguments, optarg))
				return ZS_EXIT_USAGE;
		} else if (option == OPTION_JSON) {
			arguments.json = true;
		} else if (option == OPTION_HELP || option == 'h') {
			fputs(help_text, stdout);
			return zs_finish_stdout(ZS_EXIT_OK);
		} else {
			return zs_option_error("classes", option, argv);
		}
	}
	if (optind < argc)
		return zs_usage_error("classes", "it takes no argument such as '%s'", argv[optind]);
	return print(&arguments);
}

const struct zs_command zs_command_classes = {
	.name = "classes",
	.summary = "print the size classes of a pool",
	.help = help_text,
	.run = run,
};
