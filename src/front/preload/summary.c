/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The summary of a process. Without malloc() and standard streams, which may be gone in the end.
 */
#include "summary.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inside.h"
#include "zswap.h"

#define FIRST_FD 700 /* out of the way of those who choose numbers for themselves */

static struct {
	struct zswap *zswap;
	pid_t pid;
	int fd;
	struct stat where; /* another file may have its number in the end */
	bool is_wanted;
	bool is_told;
} summary;

void zswap_summary_prepare(void)
{
	summary.fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, FIRST_FD);
	if (summary.fd < 0)
		summary.fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	summary.is_wanted = summary.fd >= 0 && !fstat(summary.fd, &summary.where);
}

void zswap_summary_begin(struct zswap *zswap)
{
	summary.pid = getpid();
	summary.zswap = zswap;
}

static bool is_same_file(void)
{
	struct stat now;

	return !fstat(summary.fd, &now) && now.st_dev == summary.where.st_dev && now.st_ino == summary.where.st_ino;
}

/* The number behind a word of /proc/self/status, in KiB; 0: it is not there. */
static uint64_t status_kib(const char *word)
{
	char text[4096];
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	const char *at;

	if (fd >= 0)
		close(fd);
	text[len < 0 ? 0 : len] = '\0';
	at = strstr(text, word);
	return at ? strtoull(at + strlen(word), NULL, 10) : 0;
}

static double mib(uint64_t bytes)
{
	return (double)bytes / (1 << 20);
}

static void print(const struct zswap_stats *stats)
{
	uint64_t away = stats->pool_pages + stats->same_filled_pages;
	double pool = mib(stats->pool_total_bytes + stats->table_bytes);
	char line[512];
	int len = snprintf(line, sizeof(line),
			   "zs swap: %s (%d): peak %.1f MiB, resident %.1f of %.1f MiB, %.1f MiB in a pool of %.1f MiB "
			   "(ratio %.2f), %.1f MiB in the file; %" PRIu64 " faults, %" PRIu64 " pages packed%s\n",
			   program_invocation_short_name, (int)getpid(), mib(status_kib("VmHWM:") << 10),
			   mib((stats->resident_pages + stats->standby_pages) * ZSWAP_PAGE_SIZE),
			   mib(stats->resident_limit_pages * ZSWAP_PAGE_SIZE), mib(away * ZSWAP_PAGE_SIZE), pool,
			   pool > 0 ? mib(away * ZSWAP_PAGE_SIZE) / pool : 0,
			   mib(stats->stored_pages * ZSWAP_PAGE_SIZE), stats->faults, stats->packed,
			   stats->pool_limit_hit ? "; THE POOL WAS FULL: more was resident than should be" : "");

	if (len > 0 && write(summary.fd, line, (size_t)len < sizeof(line) ? (size_t)len : sizeof(line) - 1) < 0)
		return; /* there is nobody to tell */
}

void zswap_summary_tell(void)
{
	struct zswap_stats stats = { .size = sizeof(stats) };
	int saved_errno = errno;

	if (!summary.is_wanted || !summary.zswap || summary.pid != getpid() || !is_same_file() ||
	    __atomic_exchange_n(&summary.is_told, true, __ATOMIC_RELAXED))
		return;
	zswap_enter();
	zswap_stats(summary.zswap, &stats);
	print(&stats);
	zswap_leave();
	errno = saved_errno;
}
