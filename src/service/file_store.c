/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Files and block devices that hold what does not have to be in memory.
 */
#include "file_store.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/falloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MOST_FILES 9u /* its own, and those of the processes that it comes from */

struct file {
	uint64_t start; /* what lies from here on is in it, up to the next one's */
	int fd;
};

struct zs_file_store {
	struct file file[MOST_FILES];
	unsigned int nr_files;
	int folder_fd; /* where the file has no name; -1: it has one */
	uint64_t size_bytes;
	mode_t type;
	bool is_read_only; /* all files are other processes' */
	bool is_kept;
};

/* The one that is written to. */
static struct file *last_of(struct zs_file_store *store)
{
	return &store->file[store->nr_files - 1];
}

static const struct file *file_of(const struct zs_file_store *store, uint64_t offset)
{
	unsigned int i = store->nr_files - 1;

	while (i && store->file[i].start > offset)
		i--;
	return &store->file[i];
}

/* ---- opening ---- */

#define MOST_TRIES 1000u

/* It has a name for a moment, which may be one that a process has left that was killed just then. */
static int open_and_unlink(int folder_fd)
{
	char name[64];
	int fd = -1;

	for (unsigned int i = 0; fd < 0 && i < MOST_TRIES; i++) {
		snprintf(name, sizeof(name), ".zsmalloc-%ld-%u", (long)getpid(), i);
		fd = openat(folder_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0 && errno != EEXIST)
			return -1;
	}
	if (fd >= 0)
		unlinkat(folder_fd, name, 0);
	return fd;
}

/* Not all file systems have files without a name: NFS and FAT do not, nor do overlays before Linux 6.3. */
static int open_unnamed(int folder_fd)
{
	int fd = openat(folder_fd, ".", O_RDWR | O_TMPFILE | O_EXCL | O_CLOEXEC, 0600);

	return fd < 0 && errno == EOPNOTSUPP ? open_and_unlink(folder_fd) : fd;
}

static int open_in_folder(struct zs_file_store *store, const char *path)
{
	store->folder_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return store->folder_fd < 0 ? -1 : open_unnamed(store->folder_fd);
}

static int open_path(struct zs_file_store *store, const char *path)
{
	struct stat stat_of;

	if (stat(path, &stat_of))
		return open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (S_ISDIR(stat_of.st_mode))
		return open_in_folder(store, path);
	/* Of a device O_EXCL asks that nobody has mounted it. */
	return open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC | (S_ISBLK(stat_of.st_mode) ? O_EXCL : 0));
}

static int find_size(struct zs_file_store *store, int fd)
{
	struct statvfs system;

	if (store->type == S_IFBLK)
		return ioctl(fd, BLKGETSIZE64, &store->size_bytes) ? -errno : 0;
	if (fstatvfs(fd, &system))
		return -errno;
	store->size_bytes = (uint64_t)system.f_bavail * system.f_frsize;
	return 0;
}

/* A file that was there is nobody else's, or its owner would read what goes there; nor may others, from now on. */
static int claim(int fd, const struct stat *stat_of)
{
	if (stat_of->st_size)
		return -EEXIST;
	if (stat_of->st_uid != geteuid())
		return -EPERM;
	return stat_of->st_mode & 077 && fchmod(fd, 0600) ? -errno : 0;
}

static int prepare(struct zs_file_store *store, int fd)
{
	struct stat stat_of;
	int err;

	if (fstat(fd, &stat_of))
		return -errno;
	store->type = stat_of.st_mode & S_IFMT;
	if (store->type != S_IFREG && store->type != S_IFBLK)
		return -EINVAL;
	if (flock(fd, LOCK_EX | LOCK_NB))
		return -errno;
	err = store->type == S_IFREG ? claim(fd, &stat_of) : 0;
	return err ? err : find_size(store, fd);
}

static void close_all(struct zs_file_store *store)
{
	for (unsigned int i = 0; i < store->nr_files; i++)
		close(store->file[i].fd);
	if (store->folder_fd >= 0)
		close(store->folder_fd);
	free(store);
}

static void add_file(struct zs_file_store *store, uint64_t start, int fd)
{
	store->file[store->nr_files++] = (struct file){ start, fd };
}

static int open_first(struct zs_file_store *store, const char *path)
{
	int fd = open_path(store, path);

	if (fd < 0)
		return -errno;
	add_file(store, 0, fd);
	return prepare(store, fd);
}

int zs_file_store_open(const char *path, struct zs_file_store **result)
{
	struct zs_file_store *store = calloc(1, sizeof(*store));
	int err;

	if (!store)
		return -ENOMEM;
	store->folder_fd = -1;
	err = open_first(store, path);
	if (err)
		close_all(store);
	else
		*result = store;
	return err;
}

void zs_file_store_close(struct zs_file_store *store)
{
	bool is_mine = store && store->folder_fd < 0 && !store->is_read_only && !store->is_kept;

	if (!store)
		return;
	if (is_mine && store->type == S_IFREG && ftruncate(last_of(store)->fd, 0)) {
		/* Nothing more can be done; nobody reads it. */
	}
	close_all(store);
}

/* ---- forks ---- */

/* What is from the boundary on is read by the process that this one comes from, if at all. */
static void drop_file_from(struct zs_file_store *store, uint64_t boundary_bytes)
{
	if (last_of(store)->start != boundary_bytes)
		return;
	close(last_of(store)->fd);
	store->nr_files--;
}

int zs_file_store_branch(struct zs_file_store *store, uint64_t boundary_bytes)
{
	int fd;

	store->is_read_only = true;
	if (store->folder_fd < 0 || (store->nr_files == MOST_FILES && last_of(store)->start != boundary_bytes))
		return -ENOSPC;
	fd = open_unnamed(store->folder_fd);
	if (fd < 0)
		return -errno;
	drop_file_from(store, boundary_bytes);
	add_file(store, boundary_bytes, fd);
	store->is_read_only = false;
	return 0;
}

void zs_file_store_keep(struct zs_file_store *store)
{
	store->is_kept = true;
}

uint64_t zs_file_store_size(const struct zs_file_store *store)
{
	return store->size_bytes;
}

/* ---- moving ---- */

int zs_file_store_read(void *ctx, void *buf, size_t len, uint64_t offset)
{
	const struct file *file = file_of(ctx, offset);
	char *at = buf;

	offset -= file->start;
	while (len) {
		ssize_t got = pread(file->fd, at, len, (off_t)offset);

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

/* What goes beyond the process's limit on files would be answered by a signal, too, which ends it. */
static bool is_beyond_limit(const struct zs_file_store *store, uint64_t end)
{
	struct rlimit limit;

	return store->type == S_IFREG && !getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur != RLIM_INFINITY &&
	       end > limit.rlim_cur;
}

/* An error of the device may show only when the bytes go there, and who wrote them does not keep them. */
int zs_file_store_write(void *ctx, const void *buf, size_t len, uint64_t offset)
{
	const struct file *file = last_of(ctx);
	const struct zs_file_store *store = ctx;
	const char *at = buf;

	if (store->is_read_only || offset < file->start)
		return -ENOSPC;
	offset -= file->start;
	if (is_beyond_limit(store, offset + len))
		return -EFBIG;
	while (len) {
		ssize_t put = pwrite(file->fd, at, len, (off_t)offset);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put ? -errno : -ENOSPC;
		at += put;
		offset += (uint64_t)put;
		len -= (size_t)put;
	}
	return fdatasync(file->fd) ? -errno : 0;
}

/* What the file system cannot free is written over later. */
void zs_file_store_discard(void *ctx, uint64_t len, uint64_t offset)
{
	const struct file *file = last_of(ctx);
	const struct zs_file_store *store = ctx;

	if (!store->is_read_only && offset >= file->start)
		fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(offset - file->start),
			  (off_t)len);
}
