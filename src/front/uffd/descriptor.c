/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Opening descriptors, and asking the kernel.
 */
#include "descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel.h"
#include "zswap.h"

#define FLAGS (O_CLOEXEC | O_NONBLOCK)

/* ---- opening ---- */

static int open_device(void)
{
	int device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC), fd;

	if (device < 0)
		return -1;
	fd = ioctl(device, USERFAULTFD_IOC_NEW, FLAGS);
	close(device);
	return fd;
}

/* Result: the descriptor or a negative errno: of the system call, which tells most. */
static int open_full(void)
{
	int fd = (int)syscall(SYS_userfaultfd, FLAGS), err = -errno;

	if (fd < 0)
		fd = open_device();
	return fd < 0 ? err : fd;
}

/* Kernels before 5.11 do not know the flag. */
static int open_for_user_mode(void)
{
	int fd = (int)syscall(SYS_userfaultfd, FLAGS | UFFD_USER_MODE_ONLY);

	if (fd < 0 && errno == EINVAL)
		fd = (int)syscall(SYS_userfaultfd, FLAGS);
	return fd < 0 ? -errno : fd;
}

/* Result: the descriptor, on which these features are in use, or a negative errno; features: all that there are. */
static int open_with(bool is_full, uint64_t *features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = *features };
	int fd = is_full ? open_full() : open_for_user_mode(), err;

	if (fd < 0)
		return fd;
	if (!ioctl(fd, UFFDIO_API, &api)) {
		*features = api.features;
		return fd;
	}
	err = -errno;
	close(fd);
	return err;
}

static int open_one(const struct zswap_means *means, uint64_t features, int *fd)
{
	*fd = open_with(means->is_full, &features);
	return *fd < 0 ? *fd : 0;
}

int zswap_descriptor_open(const struct zswap_means *means, int *fd)
{
	uint64_t features = UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_EVENT_UNMAP;

	/* Who has the fault is told for the sake of those who fork. */
	features |= means->is_sigbus ? UFFD_FEATURE_SIGBUS : UFFD_FEATURE_THREAD_ID;
	if (means->has_scan)
		features |= UFFD_FEATURE_PAGEFAULT_FLAG_WP | ZSWAP_UFFD_WP_ASYNC;
	return open_one(means, features, fd);
}

/* What happens to that memory is our own doing, and nothing of it is to be told. Nobody would take a fault there. */
int zswap_descriptor_open_standby(const struct zswap_means *means, int *fd)
{
	return open_one(means, ZSWAP_UFFD_MOVE | UFFD_FEATURE_SIGBUS, fd);
}

int zswap_descriptor_watch(int fd, void *start, uint64_t bytes, bool scans)
{
	struct uffdio_register area = { .range = { .start = (uintptr_t)start, .len = bytes },
					.mode = UFFDIO_REGISTER_MODE_MISSING | (scans ? UFFDIO_REGISTER_MODE_WP : 0) };

	return ioctl(fd, UFFDIO_REGISTER, &area) ? -errno : 0;
}

int zswap_descriptor_forget(int fd, void *start, uint64_t bytes)
{
	struct uffdio_range range = { .start = (uintptr_t)start, .len = bytes };

	return ioctl(fd, UFFDIO_UNREGISTER, &range) ? -errno : 0;
}

/* ---- what there is ---- */

enum { NO_MOVE = 1, NO_SCAN = 2, NO_SIGBUS = 4, NO_FULL = 8, NO_UFFD = 16 };

static int without_of(const char *word, size_t len)
{
	static const struct {
		const char *name;
		int without;
	} names[] = {
		{ "move", NO_MOVE }, { "scan", NO_SCAN }, { "sigbus", NO_SIGBUS },
		{ "full", NO_FULL }, { "uffd", NO_UFFD },
	};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i].name) == len && !memcmp(names[i].name, word, len))
			return names[i].without;
	return len ? -1 : 0;
}

/* What the variable names; -1: something that there is not. */
static int find_without(void)
{
	const char *text = secure_getenv("ZSWAP_DISABLE");
	int all = 0;

	while (text && *text) {
		size_t len = strcspn(text, ",");
		int without = without_of(text, len);

		if (without < 0)
			return -1;
		all |= without;
		text += len + (text[len] == ',');
	}
	return all;
}

/* What is wrong for now, whatever the kernel has. */
static bool is_want(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM;
}

static const char *words_for(int err)
{
	if (is_want(err))
		return "there is no descriptor or memory left for userfaultfd";
	if (err == -ENOSYS)
		return "the kernel lacks userfaultfd (CONFIG_USERFAULTFD)";
	if (err == -EPERM)
		return "userfaultfd is not allowed: a seccomp profile denies it, as Docker's default one does, or "
		       "vm.unprivileged_userfaultfd is 0 on a kernel before 5.11";
	return "userfaultfd cannot be used";
}

static int explain(int err, const char **why)
{
	*why = words_for(err);
	return err == -EPERM || is_want(err) ? err : -ENOSYS;
}

static int ask(bool is_full, uint64_t *features)
{
	int fd;

	*features = 0;
	fd = open_with(is_full, features);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

static int choose(unsigned int flags, int without, uint64_t features, struct zswap_means *means)
{
	bool can_sigbus = features & UFFD_FEATURE_SIGBUS && !(without & NO_SIGBUS);

	if (flags & ZSWAP_SIGBUS && !can_sigbus)
		return -EINVAL;
	means->is_sigbus = flags & ZSWAP_SIGBUS || (!(flags & ZSWAP_PAGER) && !means->is_full && can_sigbus);
	means->has_move = features & ZSWAP_UFFD_MOVE && !(without & NO_MOVE);
	/* With both, programs take twice as long or more: docs/decisions/0008-no-scan-beside-move.md. */
	means->has_scan = features & ZSWAP_UFFD_WP_ASYNC && !(without & NO_SCAN) && !means->has_move;
	means->has_poison = (features & ZSWAP_UFFD_POISON) != 0;
	return 0;
}

int zswap_means_find(unsigned int flags, struct zswap_means *means, const char **why)
{
	int without = find_without(), err;
	uint64_t features;

	*why = "ZSWAP_DISABLE names move, scan, sigbus, full or uffd, with commas between";
	if (without < 0)
		return -EINVAL;
	if (without & NO_UFFD) {
		*why = "ZSWAP_DISABLE rules userfaultfd out";
		return -EPERM;
	}
	means->is_full = !(without & NO_FULL) && !ask(true, &features);
	err = means->is_full ? 0 : ask(false, &features);
	if (err)
		return explain(err, why);
	*why = "ZSWAP_SIGBUS is asked for, and is disabled or not in this kernel";
	return choose(flags, without, features, means);
}
