/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * -c, -u, -j, -n and the paths.
 */
#include "unit_options.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdint.h>

#include "zs.h"
#include "zsmalloc.h"

enum {
	MIN_UNIT_BYTES = 4096,
	MAX_THREADS = 256,
};

static const uint64_t DEFAULT_RAW_BYTES = 2ull << 30;

static char *const default_paths[] = { (char *)"/usr/bin", (char *)"/usr/lib" };

static unsigned int processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : (unsigned int)CPU_COUNT(&set);
}

static int set_codec(struct zs_unit_options *options, const char *command, const char *text)
{
	options->codec_text = text;
	switch (zs_comp_parse(text, &options->codec)) {
	case 0: return 0;
	case -ENOSYS:
		return zs_usage_error(command, "-c %s: this build is without LZO (build option 'lzo'); use one of %s",
				      text, zs_comp_names());
	case -ERANGE:
		return zs_usage_error(command, "-c %s: the levels of %s are %d to %d", text, options->codec.comp->name,
				      options->codec.comp->level_min, options->codec.comp->level_max);
	case -EINVAL:
		return zs_usage_error(command, "-c %s: no such level of %s; use one of %s", text,
				      options->codec.comp->name, zs_comp_names());
	default: return zs_usage_error(command, "-c %s: no such codec; use one of %s", text, zs_comp_names());
	}
}

static int set_unit(struct zs_unit_options *options, const char *command, const char *text)
{
	uint64_t bytes;

	if (!zs_parse_size(text, &bytes) || bytes < MIN_UNIT_BYTES || bytes > ZS_MAX_OBJECT_BYTES ||
	    bytes & (bytes - 1))
		return zs_usage_error(command, "-u %s: a unit is 4k, 8k, 16k, 32k or 64k", text);
	options->unit_bytes = (size_t)bytes;
	return 0;
}

static int set_threads(struct zs_unit_options *options, const char *command, const char *text)
{
	uint64_t count;

	if (!zs_parse_count(text, &count) || !count || count > MAX_THREADS)
		return zs_usage_error(command, "-j %s: give a number of threads from 1 to %d", text, MAX_THREADS);
	options->nr_threads = (unsigned int)count;
	return 0;
}

static int set_limit(struct zs_unit_options *options, const char *command, const char *text)
{
	uint64_t count;

	if (!zs_parse_count(text, &count) || !count || count > UINT32_MAX)
		return zs_usage_error(command, "-n %s: give a number of units from 1 to %u", text, UINT32_MAX);
	options->limit_units = (size_t)count;
	return 0;
}

void zs_unit_options_init(struct zs_unit_options *options)
{
	*options = (struct zs_unit_options){ .codec_text = "lz4", .unit_bytes = MIN_UNIT_BYTES };
	zs_comp_parse("lz4", &options->codec);
	options->nr_threads = processors() < MAX_THREADS ? processors() : MAX_THREADS;
}

int zs_unit_options_set(struct zs_unit_options *options, const char *command, int option, char **argv)
{
	switch (option) {
	case 'c': return set_codec(options, command, optarg);
	case 'u': return set_unit(options, command, optarg);
	case 'j': return set_threads(options, command, optarg);
	case 'n': return set_limit(options, command, optarg);
	default: return zs_option_error(command, option, argv);
	}
}

void zs_unit_options_set_paths(struct zs_unit_options *options, int argc, char **argv)
{
	options->paths = optind < argc ? argv + optind : default_paths;
	options->nr_paths = optind < argc ? (size_t)(argc - optind) : 2;
	if (options->limit_units)
		return;
	options->limit_units = optind < argc ? UINT32_MAX : (size_t)(DEFAULT_RAW_BYTES / options->unit_bytes);
}
