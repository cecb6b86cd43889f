/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What a RAM disk answers on its control socket.
 *
 *   stat plain|json|prometheus   its figures
 *   blocks FIRST COUNT           the state of each block of 4096 bytes, in runs: first, how many, state, age
 *   summary                      a line for people
 *   compact                      compacts the pool; the bytes given back
 *   idle                         counts all content as idle
 *   recompress                   packs again what is idle
 *   writeback                    writes to the backing file what is idle
 *   reset-peak                   mem_used_max begins anew
 */
#ifndef ZRAM_CONTROL_H
#define ZRAM_CONTROL_H

#include "control.h"
#include "zram.h"

struct zram_controlled {
	struct zram *zram;
	const char *name;
	struct zs_comp_spec comp;
};

/* A zs_control_answer; ctx is a struct zram_controlled. */
bool zram_control_answer(void *ctx, char *const *words, size_t nr_words, FILE *out);

#endif
