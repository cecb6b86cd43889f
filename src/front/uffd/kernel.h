/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Linux's userfaultfd and what goes with it, as far as older headers lack it: see userfaultfd(2), ioctl_userfaultfd(2)
 * and Documentation/admin-guide/mm/pagemap.rst. Whether the kernel has it is asked in the beginning.
 */
#ifndef ZSWAP_KERNEL_H
#define ZSWAP_KERNEL_H

#include <linux/fs.h>
#include <linux/ioctl.h>
#include <linux/userfaultfd.h>
#include <stdint.h>

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

#ifndef USERFAULTFD_IOC_NEW
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif

#ifndef UFFDIO_POISON
#define _UFFDIO_POISON 0x08
struct uffdio_poison {
	struct uffdio_range range;
	uint64_t mode;
	int64_t updated;
};
#define UFFDIO_POISON _IOWR(UFFDIO, _UFFDIO_POISON, struct uffdio_poison)
#endif

#ifndef UFFDIO_MOVE
#define _UFFDIO_MOVE 0x05
struct uffdio_move {
	uint64_t dst;
	uint64_t src;
	uint64_t len;
	uint64_t mode;
	int64_t move;
};
#define UFFDIO_MOVE _IOWR(UFFDIO, _UFFDIO_MOVE, struct uffdio_move)
#define UFFDIO_MOVE_MODE_DONTWAKE (1ull << 0)
#endif

#ifndef PAGEMAP_SCAN
#define PAGE_IS_WRITTEN (1ull << 1)
#define PAGE_IS_PRESENT (1ull << 3)
#define PM_SCAN_WP_MATCHING (1ull << 0)
#define PM_SCAN_CHECK_WPASYNC (1ull << 1)
struct page_region {
	uint64_t start;
	uint64_t end;
	uint64_t categories;
};
struct pm_scan_arg {
	uint64_t size;
	uint64_t flags;
	uint64_t start;
	uint64_t end;
	uint64_t walk_end;
	uint64_t vec;
	uint64_t vec_len;
	uint64_t max_pages;
	uint64_t category_inverted;
	uint64_t category_mask;
	uint64_t category_anyof_mask;
	uint64_t return_mask;
};
#define PAGEMAP_SCAN _IOWR('f', 16, struct pm_scan_arg)
#endif

/* Bits of struct uffdio_api's features. */
#define ZSWAP_UFFD_POISON (1ull << 14)
#define ZSWAP_UFFD_WP_ASYNC (1ull << 15)
#define ZSWAP_UFFD_MOVE (1ull << 16)

#endif
