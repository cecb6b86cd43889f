/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * zs swap run: a program with the preload library. This process becomes the program, so signals, the terminal and the
 * exit status are its own, and there is nobody to be left behind. Whether memory can be managed, and that the options
 * are right, is tried here before.
 */
#include <errno.h>
#include <getopt.h>
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

static int set_amount(const char *option, uint64_t *bytes)
{
	if (zs_parse_size(optarg, bytes) && *bytes >= LEAST_RESIDENT)
		return 0;
	return zs_usage_error("swap", "%s %s: give a size of at least 1M, as 512M or 4G", option, optarg);
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
	case OPTION_RESIDENT: return set_amount("--resident", &wanted->resident_bytes);
	case OPTION_POOL: return set_amount("--pool", &wanted->pool_bytes);
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

/* ---- whether it can be ---- */

static void say(void *ctx, const char *what)
{
	(void)ctx;
	zs_message("%s", what);
}

/* Each process has a file of its own there. */
static bool is_folder(const char *path)
{
	struct stat stat_of;

	if (!stat(path, &stat_of) && S_ISDIR(stat_of.st_mode))
		return true;
	zs_message("--backing %s: give a folder, in which each process has a file of its own", path);
	return false;
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

	if (wanted->backing && !is_folder(wanted->backing))
		return false;
	zswap = zswap_create(&options);
	if (!zswap) {
		zs_message("memory cannot be managed: %s", strerror(errno));
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

/* NULL, with a message: it is not there. "": none is wanted. */
static const char *find_malloc(const char *which)
{
	static const char *const places[] = { ZS_JEMALLOC, "/usr/lib64/libjemalloc.so.2", "/usr/lib/libjemalloc.so.2" };

	if (!strcmp(which, "none"))
		return "";
	if (strcmp(which, "jemalloc")) {
		if (!access(which, R_OK))
			return which;
		zs_message("--malloc %s: %s", which, strerror(errno));
		return NULL;
	}
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

/* What the command is called, as far as that is a name. */
static const char *name_of(const char *command, char *name)
{
	const char *slash = strrchr(command, '/');

	snprintf(name, ZS_NAME_MAX + 1, "%s", slash ? slash + 1 : command);
	return zs_runtime_name_is_valid(name) ? name : "program";
}

static bool set_environment(const struct wanted *wanted, const char *command)
{
	const char *before = getenv("LD_PRELOAD"), *allocator = find_malloc(wanted->malloc);
	char preload[4096], all[16384], name[ZS_NAME_MAX + 1], *backing;
	int len;

	if (!allocator || !find_preload(preload, sizeof(preload)))
		return false;
	len = snprintf(all, sizeof(all), "%s%s%s%s%s", preload, *allocator ? " " : "", allocator, before ? " " : "",
		       before ? before : "");
	if (len < 0 || (size_t)len >= sizeof(all)) {
		zs_message("LD_PRELOAD is too long: shorten it or unset it");
		return false;
	}
	backing = wanted->backing ? realpath(wanted->backing, NULL) : NULL;
	set_number(ZSWAP_RUN_RESIDENT, wanted->resident_bytes);
	set_number(ZSWAP_RUN_POOL, wanted->pool_bytes);
	set_text(ZSWAP_RUN_BACKING, backing);
	set_text(ZSWAP_RUN_COMPRESSOR, wanted->compressor);
	set_text(ZSWAP_RUN_NAME, !wanted->has_stats ? NULL : wanted->name ? wanted->name : name_of(command, name));
	set_text(ZSWAP_RUN_QUIET, wanted->is_quiet ? "1" : NULL);
	setenv("LD_PRELOAD", all, 1);
	free(backing);
	return true;
}

int zs_swap_run(int argc, char **argv)
{
	struct wanted wanted = { .resident_bytes = (uint64_t)512 << 20, .malloc = "jemalloc" };
	int status = parse(argc, argv, &wanted);

	if (status)
		return status;
	if (!can_be(&wanted) || !set_environment(&wanted, argv[optind]))
		return ZS_EXIT_FAILURE;
	execvp(argv[optind], argv + optind);
	zs_message("cannot run %s: %s", argv[optind], strerror(errno));
	return errno == ENOENT ? NOT_FOUND : CANNOT_RUN;
}
