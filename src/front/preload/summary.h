/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What is told on the standard error in the end.
 */
#ifndef ZSWAP_SUMMARY_H
#define ZSWAP_SUMMARY_H

struct zswap;

/* Remembers where the standard error goes: the program may close it. Without this nothing is told. */
void zswap_summary_prepare(void);
/* There is something to tell of. */
void zswap_summary_begin(struct zswap *zswap);
/* Once, by the process that began: a child that it forked is part of it. */
void zswap_summary_tell(void);

#endif
