/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Address space for tables that may become large: zeroes whose memory comes when they are touched, page by page, as it
 * is counted. Huge pages would bring in far more than that.
 */
#ifndef ZS_ENGINE_RESERVE_H
#define ZS_ENGINE_RESERVE_H

#include <stddef.h>

/* NULL: there is none left. */
void *zs_reserve(size_t bytes);
/* A part of it is as it was at first: zeroes without memory. pre: whole pages */
void zs_reserve_empty(void *at, size_t bytes);
/* NULL is fine. */
void zs_unreserve(void *at, size_t bytes);

#endif
