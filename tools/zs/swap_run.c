/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * zs swap run: a program with the preload library. This process becomes the program, so signals, the terminal and the
 * exit status are its own, and there is nobody to be left behind. Whether memory can be managed, and that the options
 * are right, is tried here before.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime.h"
#include "settings.h"
#include "swap_command.h"
#include "zs.h"
#include "zswap.h"

#define CANNOT_RUN 126 /* as shells say it */
#define NOT_FOUND 127
#define LEAST_RESIDENT ((uint64_t)1 << 20)
#define LEAST_POOL ((uint64_t)4 << 20) /* less is mostly tables and buffers */

enum {
	OPTION_RESIDENT = 256,
	OPTION_POOL,
	OPTION_BACKING,
	OPTION_COMPRESSOR,
	OPTION_MALLOC,
	OPTION_STATS,
	OPTION_NAME,
	OPTION_QUIET,
};

struct wanted {
	uint64_t resident_bytes;
	uint64_t pool_bytes;
	const char *backing;
	const char *compressor;
	const char *malloc;
	const char *name;
	bool has_stats;
	bool is_quiet;
};

/* ---- options ---- */

static int set_amount(const char *option, uint64_t least, uint64_t *bytes)
{
	if (zs_parse_size(optarg, bytes) && *bytes >= least)
		return 0;
	return zs_usage_error("swap", "%s %s: give a size of at least %uM, as 512M or 4G", option, optarg,
			      (unsigned int)(least >> 20));
}

static int set_name(struct wanted *wanted)
{
	if (!zs_runtime_name_is_valid(optarg))
		return zs_usage_error("swap", "'%s' is no name: letters, digits, '-', '_' and '.', at most %d", optarg,
				      ZS_NAME_MAX);
	wanted->name = optarg;
	wanted->has_stats = true;
	return 0;
}

static int set_option(struct wanted *wanted, int option, char **argv)
{
	switch (option) {
	case OPTION_RESIDENT: return set_amount("--resident", LEAST_RESIDENT, &wanted->resident_bytes);
	case OPTION_POOL: return set_amount("--pool", LEAST_POOL, &wanted->pool_bytes);
	case OPTION_BACKING: wanted->backing = optarg; return 0;
	case OPTION_COMPRESSOR: wanted->compressor = optarg; return 0;
	case OPTION_MALLOC: wanted->malloc = optarg; return 0;
	case OPTION_STATS: wanted->has_stats = true; return 0;
	case OPTION_NAME: return set_name(wanted);
	case OPTION_QUIET: wanted->is_quiet = true; return 0;
	default: return zs_option_error("swap", option, argv);
	}
}

static int parse(int argc, char **argv, struct wanted *wanted)
{
	static const struct option long_options[] = {
		{ "resident", required_argument, NULL, OPTION_RESIDENT },
		{ "pool", required_argument, NULL, OPTION_POOL },
		{ "backing", required_argument, NULL, OPTION_BACKING },
		{ "compressor", required_argument, NULL, OPTION_COMPRESSOR },
		{ "malloc", required_argument, NULL, OPTION_MALLOC },
		{ "stats", no_argument, NULL, OPTION_STATS },
		{ "name", required_argument, NULL, OPTION_NAME },
		{ "quiet", no_argument, NULL, OPTION_QUIET },
		{ NULL, 0, NULL, 0 },
	};
	int option, status = 0;

	opterr = 0;
	while (!status && (option = getopt_long(argc, argv, "+:", long_options, NULL)) >= 0)
		status = set_option(wanted, option, argv);
	if (!status && optind == argc)
		status = zs_usage_error("swap", "run needs a command");
	return status;
}

/* ---- the folder of backing files ---- */

/* What is in a file, or would be, is in the folder before its last slash; without one here. */
static void cut_off_file(const char *path, char *folder, size_t size)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		snprintf(folder, size, "%s", *path ? "." : "");
	else
		snprintf(folder, size, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

/*
 * Each process has a file without a name, where the one that was named is or would be: several processes cannot share
 * one, and nothing is left of it, however they end. A device could only be one process's.
 */
static bool find_backing(struct wanted *wanted, char *folder)
{
	char path[PATH_MAX];
	struct stat stat_of;
	bool is_there = !stat(wanted->backing, &stat_of);

	if (is_there && !S_ISDIR(stat_of.st_mode) && !S_ISREG(stat_of.st_mode)) {
		zs_message("--backing %s: give a folder, or a file in the folder that is meant", wanted->backing);
		return false;
	}
	if (is_there && S_ISDIR(stat_of.st_mode))
		snprintf(path, sizeof(path), "%s", wanted->backing);
	else
		cut_off_file(wanted->backing, path, sizeof(path));
	if (!realpath(path, folder)) {
		zs_message("--backing %s: %s: %s", wanted->backing, path, strerror(errno));
		return false;
	}
	wanted->backing = folder;
	return true;
}

/* ---- whether it can be ---- */

static void say(void *ctx, const char *what)
{
	(void)ctx;
	zs_message("%s", what);
}

/* Programs hand memory that is not resident to system calls. */
static bool takes_all_faults(struct zswap *zswap)
{
	struct zswap_stats stats = { .size = sizeof(stats) };

	zswap_stats(zswap, &stats);
	if (stats.mode & ZSWAP_MODE_FULL)
		return true;
	zs_message(
		"programs need faults of system calls to be taken too, which this user may not: run it as root or with "
		"CAP_SYS_PTRACE, or allow it: sysctl vm.unprivileged_userfaultfd=1, or chmod a+rw /dev/userfaultfd");
	return false;
}

/* What the library will do in the program is done here once. */
static bool can_be(const struct wanted *wanted)
{
	struct zswap_options options = { .size = sizeof(options),
					 .resident_limit_bytes = wanted->resident_bytes,
					 .pool_limit_bytes = wanted->pool_bytes,
					 .backing_path = wanted->backing,
					 .compressor = wanted->compressor,
					 .flags = ZSWAP_PAGER,
					 .on_event = say };
	struct zswap *zswap;
	bool can;

	zswap = zswap_create(&options);
	if (!zswap) {
		zs_message("memory cannot be managed%s%s: %s", wanted->backing ? " with a file in " : "",
			   wanted->backing ? wanted->backing : "", strerror(errno));
		return false;
	}
	can = takes_all_faults(zswap);
	zswap_destroy(zswap);
	return can;
}

/* ---- libraries ---- */

/* Where this program is, without its name. */
static bool find_own_folder(char *folder, size_t size)
{
	ssize_t len = readlink("/proc/self/exe", folder, size - 1);
	char *slash;

	folder[len < 0 ? 0 : len] = '\0';
	slash = strrchr(folder, '/');
	if (slash)
		*slash = '\0';
	return slash != NULL;
}

/* Beside this program in the folder it was built in, or where it is installed. */
static bool find_preload(char *path, size_t size)
{
	static const char *const places[] = { "../../src/front/preload/libzswap-preload.so", ZS_PRELOAD_FROM_BIN };
	char folder[2048], relative[4096], *whole;

	for (size_t i = 0; find_own_folder(folder, sizeof(folder)) && i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(relative, sizeof(relative), "%s/%s", folder, places[i]);
		whole = realpath(relative, NULL);
		if (!whole)
			continue;
		snprintf(path, size, "%s", whole);
		free(whole);
		return true;
	}
	zs_message("libzswap-preload.so is not beside this program, nor where it is installed");
	return false;
}

/* Of programs that change their folder, too. NULL, with a message: it is not there. */
static const char *find_library(const char *which, char *path)
{
	if (realpath(which, path) && !access(path, R_OK))
		return path;
	zs_message("--malloc %s: %s", which, strerror(errno));
	return NULL;
}

/* NULL, with a message: it is not there. "": none is wanted. path: has room for PATH_MAX. */
static const char *find_malloc(const char *which, char *path)
{
	static const char *const places[] = { ZS_JEMALLOC, "/usr/lib64/libjemalloc.so.2", "/usr/lib/libjemalloc.so.2" };

	if (!strcmp(which, "none"))
		return "";
	if (strcmp(which, "jemalloc"))
		return find_library(which, path);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (!access(places[i], R_OK))
			return places[i];
	zs_message(
		"jemalloc is missing, from which the program's small objects come: install libjemalloc2 (Debian), or "
		"jemalloc, or say --malloc none, which covers only what the program maps by itself");
	return NULL;
}

/* ---- running ---- */

static void set_number(const char *name, uint64_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	setenv(name, text, 1);
}

static void set_text(const char *name, const char *text)
{
	if (text)
		setenv(name, text, 1);
	else
		unsetenv(name);
}

/* The loader takes LD_PRELOAD apart there, and would leave the library out with no more than a line of its own. */
static bool can_be_preloaded(const char *path)
{
	if (!strpbrk(path, " \t\n:"))
		return true;
	zs_message("%s: a library whose path has a blank or a colon cannot be preloaded: move it", path);
	return false;
}

static bool set_environment(const struct wanted *wanted)
{
	char preload[4096], library[PATH_MAX], all[16384];
	const char *before = getenv("LD_PRELOAD"), *allocator = find_malloc(wanted->malloc, library);
	int len;

	if (!allocator || !find_preload(preload, sizeof(preload)))
		return false;
	if (!can_be_preloaded(preload) || !can_be_preloaded(allocator))
		return false;
	len = snprintf(all, sizeof(all), "%s%s%s%s%s", preload, *allocator ? " " : "", allocator, before ? " " : "",
		       before ? before : "");
	if (len < 0 || (size_t)len >= sizeof(all)) {
		zs_message("LD_PRELOAD is too long: shorten it or unset it");
		return false;
	}
	set_number(ZSWAP_RUN_RESIDENT, wanted->resident_bytes);
	set_number(ZSWAP_RUN_POOL, wanted->pool_bytes);
	set_text(ZSWAP_RUN_BACKING, wanted->backing);
	set_text(ZSWAP_RUN_COMPRESSOR, wanted->compressor);
	set_text(ZSWAP_RUN_NAME, !wanted->has_stats ? NULL : wanted->name ? wanted->name : ZSWAP_RUN_OWN_NAME);
	set_text(ZSWAP_RUN_QUIET, wanted->is_quiet ? "1" : NULL);
	setenv("LD_PRELOAD", all, 1);
	return true;
}

int zs_swap_run(int argc, char **argv)
{
	struct wanted wanted = { .resident_bytes = (uint64_t)512 << 20, .malloc = "jemalloc" };
	int status = parse(argc, argv, &wanted), err;
	char folder[PATH_MAX];

	if (status)
		return status;
	if ((wanted.backing && !find_backing(&wanted, folder)) || !can_be(&wanted) || !set_environment(&wanted))
		return ZS_EXIT_FAILURE;
	execvp(argv[optind], argv + optind);
	err = errno;
	zs_message("cannot run %s: %s", argv[optind], strerror(err));
	return err == ENOENT ? NOT_FOUND : CANNOT_RUN;
}
