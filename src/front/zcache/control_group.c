/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Control groups.
 */
#include "control_group.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* "max": UINT64_MAX. Result: 0, or what reading said, or -EINVAL. */
static int read_bytes(int fd, uint64_t *bytes)
{
	char text[64];
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);

	if (len < 0)
		return -errno;
	text[len] = '\0';
	*bytes = UINT64_MAX;
	return !strncmp(text, "max", 3) || sscanf(text, "%" SCNu64, bytes) == 1 ? 0 : -EINVAL;
}

static int open_file(int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int zcache_group_open(struct zcache_group *group, const char *path)
{
	int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), err;

	*group = (struct zcache_group){ .high_fd = -1, .current_fd = -1 };
	if (folder < 0)
		return -errno;
	group->high_fd = open_file(folder, "memory.high");
	group->current_fd = open_file(folder, "memory.current");
	close(folder);
	err = group->high_fd < 0 ? group->high_fd : group->current_fd;
	if (err >= 0)
		err = zcache_group_look(group);
	if (err < 0)
		zcache_group_close(group);
	return err < 0 ? err : 0;
}

static void close_file(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void zcache_group_close(struct zcache_group *group)
{
	close_file(&group->high_fd);
	close_file(&group->current_fd);
}

int zcache_group_look(const struct zcache_group *group)
{
	uint64_t high, current;
	int err;

	if (group->high_fd < 0)
		return 0;
	err = read_bytes(group->high_fd, &high);
	if (!err)
		err = read_bytes(group->current_fd, &current);
	if (err)
		return err;
	return high != UINT64_MAX && current > high - high / 16;
}
