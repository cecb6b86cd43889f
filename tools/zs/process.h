/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The anonymous memory of a running process, cut into units: private pages that are resident and no file's.
 */
#ifndef ZS_PROCESS_H
#define ZS_PROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct zs_range {
	uint64_t begin;
	uint64_t end;
};

struct zs_process {
	pid_t pid;
	size_t unit_bytes;
	int mem_fd;
	int pagemap_fd;
	struct zs_range *ranges; /* mappings with anonymous pages */
	size_t nr_ranges;
	size_t capacity;
	size_t next_range;
	uint64_t at;             /* the next unit's address, or the end of the last one that was read */
	uint64_t resident_bytes; /* anonymous, when it was opened */
};

/* Result: 0 or a positive errno; EACCES and EPERM: this user may not. */
int zs_process_open(struct zs_process *process, pid_t pid, size_t unit_bytes);
/*
 * Reads up to nr units into buffer; pages of a unit that are not resident are zeroes. The process runs on meanwhile.
 * Returns how many; 0: the end, or the process is gone.
 */
size_t zs_process_read(struct zs_process *process, unsigned char *buffer, size_t nr);
void zs_process_close(struct zs_process *process);

#endif
