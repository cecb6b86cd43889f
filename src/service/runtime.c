/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The folder of sockets: found, checked, locked.
 */
#include "runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clocks.h"

#define SUFFIX ".sock"

/* Between two looks whether the lock is free. Who has it keeps it for less. */
#define LOOK_AGAIN_NS 2000000

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
	       c == '.';
}

bool zs_runtime_name_is_valid(const char *name)
{
	size_t len = 0;

	for (; name[len]; len++)
		if (len == ZS_NAME_MAX || !is_name_char(name[len]))
			return false;
	return len && name[0] != '.';
}

int zs_runtime_find(char *path, size_t size)
{
	const char *base = getenv("XDG_RUNTIME_DIR");
	int len;

	if (base && *base == '/')
		len = snprintf(path, size, "%s/zsmalloc", base);
	else if (geteuid() == 0)
		len = snprintf(path, size, "/run/zsmalloc");
	else
		len = snprintf(path, size, "/tmp/zsmalloc-%u", (unsigned int)geteuid());
	return (size_t)len < size ? 0 : -ENAMETOOLONG;
}

/*
 * The folder that is open is looked at, not the name: that may lead elsewhere a moment later. -ESTALE: it was removed
 * while we waited for the lock.
 */
static int check(int fd, bool create)
{
	struct stat stat;

	if (fstat(fd, &stat))
		return -errno;
	if (!stat.st_nlink)
		return -ESTALE;
	if (stat.st_mode & 077)
		return -EPERM;
	/* Root may look at another user's, but puts nothing there. */
	return stat.st_uid == geteuid() || (!create && geteuid() == 0) ? 0 : -EPERM;
}

/* flock() itself would wait for one who was stopped while it had the lock, for as long as it is. */
static int lock(int fd, uint64_t deadline_ns)
{
	static const struct timespec pause = { .tv_nsec = LOOK_AGAIN_NS };

	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK)
			return -errno;
		if (zs_clock_ns() >= deadline_ns)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int open_once(struct zs_runtime *runtime, bool create, uint64_t deadline_ns)
{
	int err;

	if (create && mkdir(runtime->path, 0700) && errno != EEXIST)
		return -errno;
	runtime->fd = open(runtime->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (runtime->fd < 0)
		return create && errno == ENOENT ? -ESTALE : -errno;
	/* Before it is locked: nobody shall be kept waiting by a folder that is another user's. */
	err = check(runtime->fd, create);
	if (!err)
		err = lock(runtime->fd, deadline_ns);
	if (!err)
		err = check(runtime->fd, create);
	if (err)
		zs_runtime_close(runtime);
	return err;
}

int zs_runtime_open(struct zs_runtime *runtime, bool create)
{
	uint64_t deadline_ns = zs_clock_ns() + ZS_RUNTIME_TIMEOUT_NS;
	int err = zs_runtime_find(runtime->path, sizeof(runtime->path));

	runtime->fd = -1;
	if (err)
		return err;
	do
		err = open_once(runtime, create, deadline_ns);
	while (err == -ESTALE);
	return err;
}

void zs_runtime_close(struct zs_runtime *runtime)
{
	if (runtime->fd >= 0) {
		flock(runtime->fd, LOCK_UN); /* a child that was forked meanwhile has it open, too */
		close(runtime->fd);
	}
	runtime->fd = -1;
}

void zs_runtime_remove(struct zs_runtime *runtime)
{
	rmdir(runtime->path);
	zs_runtime_close(runtime);
}

int zs_runtime_address(const struct zs_runtime *runtime, const char *kind, const char *name,
		       struct sockaddr_un *address)
{
	int len = snprintf(address->sun_path, sizeof(address->sun_path), "%s/%s.%s" SUFFIX, runtime->path, kind, name);

	address->sun_family = AF_UNIX;
	return (size_t)len < sizeof(address->sun_path) ? 0 : -ENAMETOOLONG;
}

/* The file's name after a NUL, by which the system knows that it is no file's. */
int zs_runtime_bare_address(const char *kind, const char *name, struct sockaddr_un *address)
{
	size_t size = sizeof(address->sun_path) - 1;
	char folder[sizeof(address->sun_path)];
	int len, err = zs_runtime_find(folder, sizeof(folder));

	if (err)
		return err;
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	len = snprintf(address->sun_path + 1, size, "%s/%s.%s" SUFFIX, folder, kind, name);
	return (size_t)len < size ? 0 : -ENAMETOOLONG;
}

socklen_t zs_runtime_length(const struct sockaddr_un *address)
{
	if (address->sun_path[0])
		return sizeof(*address);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(address->sun_path + 1));
}

static bool take(char *to, const char *from, size_t len)
{
	if (!len || len > ZS_NAME_MAX)
		return false;
	memcpy(to, from, len);
	to[len] = '\0';
	return true;
}

bool zs_runtime_parse(const char *file, char *kind, char *name)
{
	const char *dot = strchr(file, '.');
	size_t len = strlen(file);

	if (!dot || len < sizeof(SUFFIX) || strcmp(file + len - strlen(SUFFIX), SUFFIX))
		return false;
	len -= strlen(SUFFIX) + (size_t)(dot + 1 - file);
	return take(kind, file, (size_t)(dot - file)) && zs_runtime_name_is_valid(kind) && take(name, dot + 1, len) &&
	       zs_runtime_name_is_valid(name);
}

int zs_runtime_remove_stale(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN)
		err = -EADDRINUSE;
	else if (errno == ECONNREFUSED)
		err = unlink(address->sun_path) && errno != ENOENT ? -errno : 0;
	else if (errno != ENOENT)
		err = -errno;
	close(fd);
	return err;
}
