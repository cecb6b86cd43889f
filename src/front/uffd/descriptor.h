/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Descriptors of userfaultfd, and what of the kernel may be used.
 */
#ifndef ZSWAP_DESCRIPTOR_H
#define ZSWAP_DESCRIPTOR_H

#include <stdbool.h>
#include <stdint.h>

struct zswap_means {
	bool is_full;   /* faults of system calls are told too */
	bool is_sigbus; /* faults are taken in their threads */
	bool has_move;
	bool has_scan; /* PAGEMAP_SCAN, and what it needs */
	bool has_poison;
};

/*
 * Finds out, without what ZSWAP_DISABLE names. flags: ZSWAP_SIGBUS or ZSWAP_PAGER or 0. Result: 0; -EINVAL: the
 * variable names something else, or rules out what flags ask for; -ENOSYS; -EPERM. why: in words, for what is not 0.
 */
int zswap_means_find(unsigned int flags, struct zswap_means *means, const char **why);

/* The descriptor of managed memory, and that of where taken pages come to. Result: 0 or a negative errno. */
int zswap_descriptor_open(const struct zswap_means *means, int *fd);
int zswap_descriptor_open_standby(const struct zswap_means *means, int *fd);

/* Faults of missing pages of a range are told from now on. scans: it can be scanned. Result: 0 or a negative errno. */
int zswap_descriptor_watch(int fd, void *start, uint64_t bytes, bool scans);
/* They are not any more, nor what becomes of it. Result: 0 or a negative errno. */
int zswap_descriptor_forget(int fd, void *start, uint64_t bytes);

#endif
