/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What a RAM disk is told to do by itself, as it is written on the command line: "idle:60s,codec=zstd:6,unit=64k".
 */
#ifndef ZRAM_POLICY_H
#define ZRAM_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "zram.h"

/*
 * recompress=: "idle:TIME" or "manual", and then in any order "codec=NAME[:LEVEL]" (default: zstd:6) and "unit=SIZE"
 * (default: 32k). Result: whether it can be; else message says why not.
 */
bool zram_policy_recompress(const char *text, struct zram_recompress *recompress, char *message);

/*
 * writeback=: "idle:TIME", "incompressible", "manual", several of them with '+' between them, and then
 * "backing=PATH" (needed) and "limit=SIZE". backing is to be freed. Result: as above.
 */
struct zram_writeback_policy {
	uint64_t idle_ns;
	bool incompressible;
	char *backing;
	uint64_t limit_bytes; /* 0: none */
};

bool zram_policy_writeback(const char *text, struct zram_writeback_policy *policy, char *message);

#endif
