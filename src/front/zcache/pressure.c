/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Pressure stall information.
 */
#include "pressure.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PROC_MAGIC 0x9fa0
#define CGROUP2_MAGIC 0x63677270
#define TEXT_BYTES 512

/* The first line's "some … total=N", in microseconds. Result: 0; -EINVAL: it has no such; what reading said. */
static int read_total(int fd, uint64_t *total_us)
{
	char text[TEXT_BYTES];
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
	const char *total;

	if (len < 0)
		return -errno;
	text[len] = '\0';
	total = strncmp(text, "some ", 5) ? NULL : strstr(text, "total=");
	return total && sscanf(total, "total=%" SCNu64, total_us) == 1 ? 0 : -EINVAL;
}

/* Other files would only be written over. */
static bool is_kernels(int fd)
{
	struct statfs system;

	return !fstatfs(fd, &system) && (system.f_type == PROC_MAGIC || system.f_type == CGROUP2_MAGIC);
}

/* Result: the file, with a trigger; or -1. */
static int open_trigger(const char *path, uint32_t stall_us, uint32_t window_us)
{
	int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	char trigger[64];
	int len = snprintf(trigger, sizeof(trigger), "some %" PRIu32 " %" PRIu32, stall_us, window_us);

	if (fd >= 0 && is_kernels(fd) && write(fd, trigger, (size_t)len + 1) == len + 1)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

int zcache_pressure_open(struct zcache_pressure *pressure, const char *path, uint32_t stall_us, uint32_t window_us,
			 uint64_t now_ns)
{
	int err;

	*pressure = (struct zcache_pressure){ .stall_us = stall_us, .window_us = window_us };
	pressure->fd = open_trigger(path, stall_us, window_us);
	pressure->has_trigger = pressure->fd >= 0;
	if (pressure->has_trigger)
		return 0;
	pressure->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (pressure->fd < 0)
		return -errno;
	pressure->next_ns = now_ns + window_us * 1000ull;
	err = read_total(pressure->fd, &pressure->total_us);
	if (err)
		zcache_pressure_close(pressure);
	return err;
}

void zcache_pressure_close(struct zcache_pressure *pressure)
{
	if (pressure->fd >= 0)
		close(pressure->fd);
	pressure->fd = -1;
}

static int look_again(struct zcache_pressure *pressure, uint64_t now_ns)
{
	uint64_t before_us = pressure->total_us;
	int err;

	if (now_ns < pressure->next_ns)
		return 0;
	pressure->next_ns = now_ns + pressure->window_us * 1000ull;
	err = read_total(pressure->fd, &pressure->total_us);
	if (err)
		return err;
	return pressure->total_us > before_us && pressure->total_us - before_us >= pressure->stall_us;
}

int zcache_pressure_look(struct zcache_pressure *pressure, short revents, uint64_t now_ns)
{
	if (pressure->fd < 0)
		return 0;
	if (!pressure->has_trigger)
		return look_again(pressure, now_ns);
	if (revents & (POLLERR | POLLNVAL))
		return -ENODEV;
	return revents & POLLPRI ? 1 : 0;
}

uint64_t zcache_pressure_rest_ns(const struct zcache_pressure *pressure, uint64_t now_ns)
{
	if (pressure->fd < 0 || pressure->has_trigger)
		return UINT64_MAX;
	return pressure->next_ns > now_ns ? pressure->next_ns - now_ns : 0;
}
