/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * How often the kernel says EEXIST of a page that it has moved: see docs/decisions/0013-moved-all-the-same.md. One
 * thread writes to a page; the other has it protected, moves it to an empty place, and empties that.
 *
 *   swap-hidden-moves [-n MOVES]
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "json.h"
#include "kernel.h"
#include "program.h"

#define PAGE 4096u

struct hidden {
	unsigned char *from, *to;
	int fd, pagemap_fd;
	uint64_t nr_moved, nr_exist, nr_hidden, nr_not_there;
	bool done;
};

static int open_one(uint64_t features)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	struct uffdio_api api = { .api = UFFD_API, .features = features };

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api))
		bench_die("no userfaultfd with UFFDIO_MOVE and asynchronous write protection: Linux 6.8 has it");
	return fd;
}

static unsigned char *watch(int fd, uint64_t mode)
{
	unsigned char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_register area = { .range = { (uintptr_t)page, PAGE }, .mode = mode };

	if (page == MAP_FAILED || ioctl(fd, UFFDIO_REGISTER, &area))
		bench_die("no memory that userfaultfd watches");
	return page;
}

static void *write_on(void *arg)
{
	struct hidden *hidden = arg;

	while (!__atomic_load_n(&hidden->done, __ATOMIC_RELAXED))
		__atomic_fetch_add(hidden->from, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void protect(const struct hidden *hidden)
{
	struct page_region run;
	struct pm_scan_arg scan = { .size = sizeof(scan),
				    .flags = PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC,
				    .start = (uintptr_t)hidden->from,
				    .end = (uintptr_t)hidden->from + PAGE,
				    .vec = (uintptr_t)&run,
				    .vec_len = 1,
				    .category_mask = PAGE_IS_WRITTEN | PAGE_IS_PRESENT,
				    .return_mask = PAGE_IS_WRITTEN };

	if (ioctl(hidden->pagemap_fd, PAGEMAP_SCAN, &scan) < 0)
		bench_die("no PAGEMAP_SCAN: Linux 6.7 has it");
}

static void move_once(struct hidden *hidden)
{
	struct uffdio_move move = { .dst = (uintptr_t)hidden->to,
				    .src = (uintptr_t)hidden->from,
				    .len = PAGE,
				    .mode = UFFDIO_MOVE_MODE_DONTWAKE };
	unsigned char is_there = 0;
	int err = ioctl(hidden->fd, UFFDIO_MOVE, &move) ? errno : 0;

	mincore(hidden->to, PAGE, &is_there);
	hidden->nr_moved += !err;
	hidden->nr_not_there += err == ENOENT; /* not written to again yet */
	hidden->nr_exist += err == EEXIST;
	hidden->nr_hidden += err && is_there & 1;
	madvise(hidden->to, PAGE, MADV_DONTNEED);
}

static void run(struct hidden *hidden, uint64_t nr)
{
	pthread_t writer;

	if (pthread_create(&writer, NULL, write_on, hidden))
		bench_die("no thread");
	for (uint64_t i = 0; i < nr; i++) {
		protect(hidden);
		move_once(hidden);
	}
	__atomic_store_n(&hidden->done, true, __ATOMIC_RELAXED);
	pthread_join(writer, NULL);
}

static void tell(const struct hidden *hidden)
{
	struct zs_json json;

	zs_json_begin(&json, stdout);
	zs_json_integer(&json, "moved", hidden->nr_moved);
	zs_json_integer(&json, "not_there", hidden->nr_not_there);
	zs_json_integer(&json, "eexist", hidden->nr_exist);
	zs_json_integer(&json, "hidden", hidden->nr_hidden);
	zs_json_end(&json);
}

int main(int argc, char **argv)
{
	struct hidden hidden = { .pagemap_fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC) };
	uint64_t nr = 400000;
	int option;

	while ((option = getopt(argc, argv, "n:")) >= 0) {
		if (option != 'n')
			bench_die("see the head of hidden_moves.c");
		nr = bench_number(option, optarg, 1, UINT32_MAX);
	}
	hidden.from = watch(open_one(ZSWAP_UFFD_WP_ASYNC), UFFDIO_REGISTER_MODE_WP);
	hidden.fd = open_one(ZSWAP_UFFD_MOVE);
	hidden.to = watch(hidden.fd, UFFDIO_REGISTER_MODE_MISSING);
	run(&hidden, nr);
	tell(&hidden);
	return 0;
}
