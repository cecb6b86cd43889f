/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Whether this system has userfaultfd for us, asked without the library: a test of it may be skipped where there is
 * none, but not because the library finds none.
 */
#ifndef TESTS_UFFD_THERE_H
#define TESTS_UFFD_THERE_H

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

#define UFFD_THERE_MOVE (1ull << 16)

/* The features that the kernel has; 0: none. Closes the descriptor. */
static inline uint64_t uffd_features(int fd)
{
	struct uffdio_api api = { .api = UFFD_API };
	int err = fd < 0 ? -1 : ioctl(fd, UFFDIO_API, &api);

	if (fd >= 0)
		close(fd);
	return err ? 0 : api.features;
}

static inline uint64_t uffd_user_features(void)
{
	return uffd_features((int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY));
}

/* Whether faults of system calls can be taken too. */
static inline bool uffd_is_full(void)
{
	return uffd_features((int)syscall(SYS_userfaultfd, O_CLOEXEC)) || !access("/dev/userfaultfd", R_OK | W_OK);
}

static inline bool uffd_has_move(void)
{
	return uffd_user_features() & UFFD_THERE_MOVE;
}

static inline void uffd_skip(const char *why)
{
	printf("skipped: %s\n", why);
	exit(77);
}

static inline void uffd_skip_without(bool full)
{
	if (!uffd_user_features())
		uffd_skip("userfaultfd is not in this kernel, or not allowed");
	if (full && !uffd_is_full())
		uffd_skip("faults of system calls may not be taken here");
}

#endif
