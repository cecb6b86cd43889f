/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Files and block devices that hold what does not have to be in memory.
 */
#include "file_store.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct zs_file_store {
	int fd;
	uint64_t size_bytes;
	mode_t type;
};

/* ---- opening ---- */

static int open_path(const char *path)
{
	struct stat stat_of;

	if (stat(path, &stat_of))
		return open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (S_ISDIR(stat_of.st_mode))
		return open(path, O_RDWR | O_TMPFILE | O_EXCL | O_CLOEXEC, 0600);
	/* Of a device O_EXCL asks that nobody has mounted it. */
	return open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC | (S_ISBLK(stat_of.st_mode) ? O_EXCL : 0));
}

static int find_size(struct zs_file_store *store)
{
	struct statvfs system;

	if (store->type == S_IFBLK)
		return ioctl(store->fd, BLKGETSIZE64, &store->size_bytes) ? -errno : 0;
	if (fstatvfs(store->fd, &system))
		return -errno;
	store->size_bytes = (uint64_t)system.f_bavail * system.f_frsize;
	return 0;
}

static int prepare(struct zs_file_store *store)
{
	struct stat stat_of;

	if (fstat(store->fd, &stat_of))
		return -errno;
	store->type = stat_of.st_mode & S_IFMT;
	if (store->type != S_IFREG && store->type != S_IFBLK)
		return -EINVAL;
	if (flock(store->fd, LOCK_EX | LOCK_NB))
		return -errno;
	if (store->type == S_IFREG && stat_of.st_size)
		return -EEXIST;
	return find_size(store);
}

int zs_file_store_open(const char *path, struct zs_file_store **result)
{
	struct zs_file_store *store = calloc(1, sizeof(*store));
	int err;

	if (!store)
		return -ENOMEM;
	store->fd = open_path(path);
	err = store->fd < 0 ? -errno : prepare(store);
	if (!err) {
		*result = store;
		return 0;
	}
	if (store->fd >= 0)
		close(store->fd);
	free(store);
	return err;
}

void zs_file_store_close(struct zs_file_store *store)
{
	if (!store)
		return;
	if (store->type == S_IFREG && ftruncate(store->fd, 0)) {
		/* Nothing more can be done; nobody reads it. */
	}
	close(store->fd);
	free(store);
}

uint64_t zs_file_store_size(const struct zs_file_store *store)
{
	return store->size_bytes;
}

/* ---- moving ---- */

int zs_file_store_read(void *ctx, void *buf, size_t len, uint64_t offset)
{
	const struct zs_file_store *store = ctx;
	char *at = buf;

	while (len) {
		ssize_t got = pread(store->fd, at, len, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -EIO; /* it ends before what was written to it */
		at += got;
		offset += (uint64_t)got;
		len -= (size_t)got;
	}
	return 0;
}

/* An error of the device may show only when the bytes go there, and who wrote them does not keep them. */
int zs_file_store_write(void *ctx, const void *buf, size_t len, uint64_t offset)
{
	const struct zs_file_store *store = ctx;
	const char *at = buf;

	while (len) {
		ssize_t put = pwrite(store->fd, at, len, (off_t)offset);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put ? -errno : -ENOSPC;
		at += put;
		offset += (uint64_t)put;
		len -= (size_t)put;
	}
	return fdatasync(store->fd) ? -errno : 0;
}

/* What the file system cannot free is written over later. */
void zs_file_store_discard(void *ctx, uint64_t len, uint64_t offset)
{
	const struct zs_file_store *store = ctx;

	fallocate(store->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)len);
}
