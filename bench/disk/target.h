/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What is written to and read from without a server between: the engine of the RAM disk in this process, or a block
 * device (the kernel's zram), which is used past the page cache. All calls end the program if they fail.
 *
 * Threads: every call from any thread, but opening and closing.
 */
#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H

#include <stddef.h>
#include <stdint.h>

#include "comp.h"

struct bench_account {
	uint64_t payload_bytes; /* what is stored, compressed */
	uint64_t used_bytes;    /* all memory for it, as the target counts it */
	uint64_t raw_pages;     /* stored as they are */
	uint64_t same_pages;    /* of one repeated word */
	uint64_t moved_objects; /* 0: not told */
};

struct bench_target {
	const struct bench_target_kind *kind;
	struct zram *zram; /* the engine's disk */
	int fd;            /* or the device */
	char folder[64];   /* of the device in sysfs */
};

void bench_target_open_engine(struct bench_target *target, uint64_t bytes, const struct zs_comp_spec *comp);
/* pre: a zram device, of as many bytes or more. */
void bench_target_open_device(struct bench_target *target, const char *path);
void bench_target_close(struct bench_target *target);

/* pre: whole pages; the buffer is aligned to a page. */
void bench_target_read(struct bench_target *target, void *buffer, size_t len, uint64_t offset);
void bench_target_write(struct bench_target *target, const void *buffer, size_t len, uint64_t offset);
void bench_target_discard(struct bench_target *target, uint64_t len, uint64_t offset);
/* All that is to be gained. */
void bench_target_compact(struct bench_target *target);
struct bench_account bench_target_account(struct bench_target *target);

#endif
