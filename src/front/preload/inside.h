/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Whether a thread is at work for the memory's management, not for the program. What it asks malloc() for meanwhile
 * does not come from the program's heap, which lies in managed memory: see heap.c. The threads of the management are
 * inside for good: see threads.c.
 */
#ifndef ZSWAP_INSIDE_H
#define ZSWAP_INSIDE_H

/* Found without a call, which may ask for memory. */
extern __thread unsigned int zswap_inside __attribute__((tls_model("initial-exec")));

static inline void zswap_enter(void)
{
	zswap_inside++;
}

static inline void zswap_leave(void)
{
	zswap_inside--;
}

#endif
