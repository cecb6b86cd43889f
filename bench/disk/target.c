/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The engine and the device.
 */
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "program.h"
#include "zram.h"
#include "zsmalloc.h"

/* Results are 0 or a negative errno. */
struct bench_target_kind {
	int (*read)(struct bench_target *target, void *buffer, size_t len, uint64_t offset);
	int (*write)(struct bench_target *target, const void *buffer, size_t len, uint64_t offset);
	int (*discard)(struct bench_target *target, uint64_t len, uint64_t offset);
	int (*compact)(struct bench_target *target);
	int (*account)(struct bench_target *target, struct bench_account *account);
	void (*close)(struct bench_target *target);
};

/* ---- the engine ---- */

static int engine_read(struct bench_target *target, void *buffer, size_t len, uint64_t offset)
{
	return zram_read(target->zram, buffer, len, offset);
}

static int engine_write(struct bench_target *target, const void *buffer, size_t len, uint64_t offset)
{
	return zram_write(target->zram, buffer, len, offset);
}

static int engine_discard(struct bench_target *target, uint64_t len, uint64_t offset)
{
	return zram_discard(target->zram, len, offset);
}

static int engine_compact(struct bench_target *target)
{
	zram_compact(target->zram, 0);
	return 0;
}

static int engine_account(struct bench_target *target, struct bench_account *account)
{
	struct zram_stats stats;

	zram_stats(target->zram, &stats);
	*account = (struct bench_account){ .payload_bytes = stats.compr_data_size,
					   .used_bytes = stats.mem_used_total,
					   .raw_pages = stats.huge_pages,
					   .same_pages = stats.same_pages,
					   .moved_objects = stats.objects_moved };
	return 0;
}

static void engine_close(struct bench_target *target)
{
	zram_destroy(target->zram);
}

static const struct bench_target_kind engine = { engine_read,    engine_write,   engine_discard,
						 engine_compact, engine_account, engine_close };

void bench_target_open_engine(struct bench_target *target, uint64_t bytes, const struct zs_comp_spec *comp)
{
	const struct zram_options options = { .size_bytes = bytes,
					      .comp = *comp,
					      .pool_flags = ZS_POOL_COMPACTOR | ZS_POOL_DENSE };
	int err = zram_create(&options, &target->zram);

	if (err)
		bench_die("no disk of %" PRIu64 " bytes: %s", bytes, strerror(-err));
	target->kind = &engine;
}

/* ---- the device ---- */

/* 0, or why not all of it was done. */
static int all_of(ssize_t done, size_t len)
{
	if (done < 0)
		return -errno;
	return (size_t)done == len ? 0 : -EIO;
}

static int device_read(struct bench_target *target, void *buffer, size_t len, uint64_t offset)
{
	return all_of(pread(target->fd, buffer, len, (off_t)offset), len);
}

static int device_write(struct bench_target *target, const void *buffer, size_t len, uint64_t offset)
{
	return all_of(pwrite(target->fd, buffer, len, (off_t)offset), len);
}

static int device_discard(struct bench_target *target, uint64_t len, uint64_t offset)
{
	uint64_t range[] = { offset, len };

	return ioctl(target->fd, BLKDISCARD, range) ? -errno : 0;
}

static FILE *attribute(struct bench_target *target, const char *name, const char *mode)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", target->folder, name);
	return fopen(path, mode);
}

static int device_compact(struct bench_target *target)
{
	FILE *file = attribute(target, "compact", "w");

	if (!file)
		return -errno;
	fputs("1", file);
	return fclose(file) ? -errno : 0;
}

/* Of mm_stat: compr_data_size, mem_used_total, same_pages and huge_pages are the columns 2, 3, 6 and 8. */
static int device_account(struct bench_target *target, struct bench_account *account)
{
	FILE *file = attribute(target, "mm_stat", "r");
	int nr;

	if (!file)
		return -errno;
	*account = (struct bench_account){ 0 };
	nr = fscanf(file, "%*u %" SCNu64 " %" SCNu64 " %*u %*u %" SCNu64 " %*u %" SCNu64, &account->payload_bytes,
		    &account->used_bytes, &account->same_pages, &account->raw_pages);
	fclose(file);
	return nr == 4 ? 0 : -EIO;
}

static void device_close(struct bench_target *target)
{
	close(target->fd);
}

static const struct bench_target_kind device = { device_read,    device_write,   device_discard,
						 device_compact, device_account, device_close };

void bench_target_open_device(struct bench_target *target, const char *path)
{
	struct stat about;

	target->fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (target->fd < 0 || fstat(target->fd, &about))
		bench_die("%s: %s", path, strerror(errno));
	if (!S_ISBLK(about.st_mode))
		bench_die("%s is no block device", path);
	snprintf(target->folder, sizeof(target->folder), "/sys/dev/block/%u:%u", major(about.st_rdev),
		 minor(about.st_rdev));
	target->kind = &device;
}

/* ---- either ---- */

static void check(int err, const char *what, uint64_t offset)
{
	if (err)
		bench_die("%s at %" PRIu64 ": %s", what, offset, strerror(-err));
}

void bench_target_close(struct bench_target *target)
{
	target->kind->close(target);
}

void bench_target_read(struct bench_target *target, void *buffer, size_t len, uint64_t offset)
{
	check(target->kind->read(target, buffer, len, offset), "read", offset);
}

void bench_target_write(struct bench_target *target, const void *buffer, size_t len, uint64_t offset)
{
	check(target->kind->write(target, buffer, len, offset), "write", offset);
}

void bench_target_discard(struct bench_target *target, uint64_t len, uint64_t offset)
{
	check(target->kind->discard(target, len, offset), "discard", offset);
}

void bench_target_compact(struct bench_target *target)
{
	check(target->kind->compact(target), "compaction", 0);
}

struct bench_account bench_target_account(struct bench_target *target)
{
	struct bench_account account;

	check(target->kind->account(target, &account), "the figures", 0);
	return account;
}
