/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The process that this library was loaded into: what zs swap run wants of it, and its managed memory, which is made
 * when the program has mapped so much that it is worth it. Programs that stay small have nothing of it.
 */
#ifndef ZSWAP_PROCESS_H
#define ZSWAP_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zswap_interrupts;

/* Memory that was mapped just now, private and anonymous, may be managed from here on. errno stays. */
void zswap_process_mapped(void *start, size_t bytes);

/* The program unmaps memory: what of it is managed is no more. */
void zswap_process_let_go(void *start, size_t bytes);
/* What zswap_begin_to_replace() began is done, see there. errno stays. */
void zswap_process_replaced(void *start, size_t bytes, const struct zswap_interrupts *before);

/* The first part of a range that is managed. Result: whether there is one. */
bool zswap_process_find(uintptr_t start, uintptr_t end, uintptr_t *part_start, uintptr_t *part_end);

/* What the program says of managed memory: an enum zswap_advice. Result: 0 or -1 with errno. */
int zswap_process_advise(void *start, size_t bytes, int advice);

/* Whether there is managed memory. */
bool zswap_process_is_managed(void);

/* In a child after a fork, when its memory is its own. */
void zswap_process_forked(void);

/* ---- heap.c ---- */

/* Around a fork, so that nobody else has the heap's lock in the child. */
void zswap_heap_lock(void);
void zswap_heap_unlock(void);

#endif
