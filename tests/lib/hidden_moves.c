/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The ioctl() of a program whose moves are hidden.
 */
#include "hidden_moves.h"

#include <errno.h>
#include <linux/userfaultfd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096u
#define ONE_IN 4u

/* As in Linux 6.8, which the headers may be older than. */
struct move {
	uint64_t dst, src, len, mode;
	int64_t move;
};
#define MOVE _IOWR(UFFDIO, 0x05, struct move)

static bool hides;
static uint64_t nr_moves, nr_hidden;

void hidden_moves_begin(void)
{
	hides = true;
}

uint64_t hidden_moves(void)
{
	return __atomic_load_n(&nr_hidden, __ATOMIC_RELAXED);
}

/* Those from some page on go untold, each in its turn. */
static int hide(struct move *move)
{
	uint64_t number = __atomic_fetch_add(&nr_moves, 1, __ATOMIC_RELAXED), nr_told;

	if (number % ONE_IN)
		return 0;
	nr_told = number / ONE_IN % (move->len / PAGE);
	move->move = nr_told ? (int64_t)(nr_told * PAGE) : -EEXIST;
	__atomic_fetch_add(&nr_hidden, 1, __ATOMIC_RELAXED);
	errno = nr_told ? EAGAIN : EEXIST;
	return -1;
}

__attribute__((visibility("default"))) int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;
	int err;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	err = (int)syscall(SYS_ioctl, fd, request, arg);
	return !err && hides && request == MOVE ? hide(arg) : err;
}
