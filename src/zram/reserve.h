/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Address space for tables that may become large: zeroes whose memory comes when they are touched, page by page, as it
 * is counted. Huge pages would bring in far more than that.
 */
#ifndef ZRAM_RESERVE_H
#define ZRAM_RESERVE_H

#include <stddef.h>

/* NULL: there is none left. */
void *zram_reserve(size_t bytes);
/* NULL is fine. */
void zram_unreserve(void *at, size_t bytes);

#endif
