/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Sockets in the folder, and those without files.
 */
#include "endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int bind_name(const struct zs_endpoint *endpoint)
{
	const struct sockaddr *address = (const struct sockaddr *)&endpoint->address;

	return bind(endpoint->fd, address, zs_runtime_length(&endpoint->address)) ? -errno : 0;
}

/* context: the folder is locked. */
static int put_file(struct zs_endpoint *endpoint, int most_waiting)
{
	struct stat stat;
	int err = zs_runtime_remove_stale(&endpoint->address);

	if (!err)
		err = bind_name(endpoint);
	if (err)
		return err;
	if (lstat(endpoint->address.sun_path, &stat) || listen(endpoint->fd, most_waiting)) {
		err = -errno;
		unlink(endpoint->address.sun_path);
		return err;
	}
	endpoint->dev = stat.st_dev;
	endpoint->ino = stat.st_ino;
	return 0;
}

static int open_file(struct zs_endpoint *endpoint, const char *kind, const char *name, int most_waiting, char *where,
		     size_t size)
{
	struct zs_runtime runtime;
	int err = zs_runtime_open(&runtime, true);

	snprintf(where, size, "%s", runtime.path);
	if (err)
		return err;
	err = zs_runtime_address(&runtime, kind, name, &endpoint->address);
	if (!err) {
		snprintf(where, size, "%s", endpoint->address.sun_path);
		err = put_file(endpoint, most_waiting);
	}
	zs_runtime_close(&runtime);
	return err;
}

static int open_bare(struct zs_endpoint *endpoint, const char *kind, const char *name, int most_waiting, char *where,
		     size_t size)
{
	int err = zs_runtime_bare_address(kind, name, &endpoint->address);

	if (err)
		return err;
	snprintf(where, size, "%s", endpoint->address.sun_path + 1);
	err = bind_name(endpoint);
	if (!err && listen(endpoint->fd, most_waiting))
		err = -errno;
	return err;
}

int zs_endpoint_open(struct zs_endpoint *endpoint, const char *kind, const char *name, bool is_bare, int most_waiting,
		     char *where, size_t size)
{
	int err;

	*endpoint = (struct zs_endpoint){ .is_bare = is_bare };
	endpoint->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (endpoint->fd < 0)
		return -errno;
	err = is_bare ? open_bare(endpoint, kind, name, most_waiting, where, size)
		      : open_file(endpoint, kind, name, most_waiting, where, size);
	if (err)
		zs_endpoint_close(endpoint);
	return err;
}

/* If the folder cannot be locked, the file is left as by a process that was killed. */
void zs_endpoint_hide(const struct zs_endpoint *endpoint)
{
	const char *path = endpoint->address.sun_path;
	struct zs_runtime runtime;
	struct stat stat;

	if (endpoint->is_bare || zs_runtime_open(&runtime, false))
		return;
	if (!lstat(path, &stat) && stat.st_dev == endpoint->dev && stat.st_ino == endpoint->ino)
		unlink(path);
	zs_runtime_remove(&runtime);
}

void zs_endpoint_close(struct zs_endpoint *endpoint)
{
	if (endpoint->fd >= 0)
		close(endpoint->fd);
	endpoint->fd = -1;
}
