/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Requests to a file, by the system's own calls. ctx is the descriptor.
 */
#include "zcache_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <unistd.h>

static int fd_of(const void *ctx)
{
	return (int)(intptr_t)ctx;
}

static int read_file(void *ctx, void *buf, uint32_t count, uint64_t offset)
{
	unsigned char *at = buf;

	while (count) {
		ssize_t nr = pread(fd_of(ctx), at, count, (off_t)offset);

		if (nr < 0 && errno == EINTR)
			continue;
		if (nr <= 0)
			return nr ? -errno : -EIO; /* it has become shorter */
		at += nr;
		count -= (uint32_t)nr;
		offset += (uint64_t)nr;
	}
	return 0;
}

static int write_file(int fd, const unsigned char *at, uint32_t count, uint64_t offset)
{
	while (count) {
		ssize_t nr = pwrite(fd, at, count, (off_t)offset);

		if (nr < 0 && errno == EINTR)
			continue;
		if (nr <= 0)
			return nr ? -errno : -EIO;
		at += nr;
		count -= (uint32_t)nr;
		offset += (uint64_t)nr;
	}
	return 0;
}

static int allocate(int fd, int mode, const struct zcache_change *change)
{
	int result;

	do
		result = fallocate(fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)change->offset, change->count);
	while (result && errno == EINTR);
	return result ? -errno : 0;
}

/* What a file system cannot punch stays, as a trim allows; a block device takes whole sectors alone. */
static int trim_file(int fd, const struct zcache_change *change)
{
	int err = allocate(fd, FALLOC_FL_PUNCH_HOLE, change);

	return err == -EOPNOTSUPP || err == -ENODEV || err == -EINVAL ? 0 : err;
}

static int zero_file(int fd, const struct zcache_change *change)
{
	int err = -EOPNOTSUPP;

	if (change->may_trim)
		err = allocate(fd, FALLOC_FL_PUNCH_HOLE, change);
	if (err)
		err = allocate(fd, FALLOC_FL_ZERO_RANGE, change);
	return err == -ENODEV || err == -EINVAL ? -EOPNOTSUPP : err;
}

static int change_file(void *ctx, const struct zcache_change *change, bool *in_doubt)
{
	int fd = fd_of(ctx), err = 0;

	(void)in_doubt;
	switch (change->kind) {
	case ZCACHE_WRITE: err = write_file(fd, change->data, change->count, change->offset); break;
	case ZCACHE_TRIM: err = trim_file(fd, change); break;
	case ZCACHE_ZERO: err = zero_file(fd, change); break;
	}
	if (!err && change->fua && fdatasync(fd))
		err = -errno;
	return err;
}

static int flush_file(void *ctx)
{
	return fdatasync(fd_of(ctx)) ? -errno : 0;
}

/* The first run alone. */
static int file_extents(void *ctx, uint32_t count, uint64_t offset, zcache_extent_fn *each, void *each_ctx)
{
	int fd = fd_of(ctx);
	off_t end = (off_t)(offset + count), data = lseek(fd, (off_t)offset, SEEK_DATA);

	if (data < 0 && errno != ENXIO)
		return each(each_ctx, offset, count, false, false);
	if (data < 0 || data > end)
		data = end;
	if (data > (off_t)offset)
		return each(each_ctx, offset, (uint64_t)data - offset, true, true);
	data = lseek(fd, (off_t)offset, SEEK_HOLE);
	if (data < 0 || data > end)
		data = end;
	return each(each_ctx, offset, data > (off_t)offset ? (uint64_t)data - offset : count, false, false);
}

static const struct zcache_backing_ops file_ops = {
	.read = read_file,
	.change = change_file,
	.flush = flush_file,
	.extents = file_extents,
};

/* The end of a block device is where it can be sought to. */
static int describe(int fd, bool can_write, struct zcache_backing *backing)
{
	off_t size = lseek(fd, 0, SEEK_END);
	struct stat stat;

	if (fstat(fd, &stat))
		return -errno;
	if (size < 0 || !(S_ISREG(stat.st_mode) || S_ISBLK(stat.st_mode)))
		return -EINVAL;
	*backing = (struct zcache_backing){
		.ops = &file_ops,
		.ctx = (void *)(intptr_t)fd,
		.size_bytes = (uint64_t)size,
		.least_block = 1,
		.can_write = can_write,
		.can_flush = true,
		.can_fua = true,
		.can_trim = true,
		.can_zero = true,
		.can_fast_zero = S_ISREG(stat.st_mode), /* a device may have its zeroes written */
		.can_extents = true,
	};
	return 0;
}

int zcache_file_open(const char *path, bool is_readonly, struct zcache_backing *backing)
{
	bool can_write = !is_readonly;
	int fd = open(path, (can_write ? O_RDWR : O_RDONLY) | O_CLOEXEC), err;

	if (fd < 0 && can_write && (errno == EACCES || errno == EROFS || errno == EPERM)) {
		can_write = false;
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0)
		return -errno;
	err = describe(fd, can_write, backing);
	if (err)
		close(fd);
	return err;
}

void zcache_file_close(struct zcache_backing *backing)
{
	close(fd_of(backing->ctx));
}
