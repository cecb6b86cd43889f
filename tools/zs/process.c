/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Reads another process's memory through /proc: smaps says where anonymous pages may be, pagemap where they are, mem
 * what is in them.
 */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "zs.h"

/* Bits of an entry of /proc/PID/pagemap. */
#define PAGE_PRESENT (1ull << 63)
#define PAGE_OF_FILE (1ull << 61)

enum { PAGES_OF_UNIT_MAX = 16 };

static int open_file(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static bool add_range(struct zs_process *process, struct zs_range range)
{
	if (process->nr_ranges == process->capacity) {
		size_t capacity = process->capacity ? 2 * process->capacity : 64;
		struct zs_range *ranges = reallocarray(process->ranges, capacity, sizeof(*ranges));

		if (!ranges)
			return false;
		process->ranges = ranges;
		process->capacity = capacity;
	}
	process->ranges[process->nr_ranges++] = range;
	return true;
}

/* A mapping's first line gives its range and whether it is private; a later one how much of it is anonymous. */
static int parse_smaps(struct zs_process *process, FILE *smaps)
{
	struct zs_range range = { 0, 0 };
	bool is_private = false;
	char line[512];

	while (fgets(line, sizeof(line), smaps)) {
		uint64_t begin, end, kib;
		char permissions[5];

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &begin, &end, permissions) == 3) {
			range = (struct zs_range){ begin, end };
			is_private = permissions[3] == 'p';
		} else if (is_private && sscanf(line, "Anonymous: %" SCNu64, &kib) == 1 && kib) {
			process->resident_bytes += kib * 1024;
			if (!add_range(process, range))
				return ENOMEM;
		}
	}
	return ferror(smaps) ? EIO : 0;
}

static int find_ranges(struct zs_process *process)
{
	int fd = open_file(process->pid, "smaps");
	FILE *smaps = fd < 0 ? NULL : fdopen(fd, "r");
	int err;

	if (!smaps)
		return errno == ENOENT ? ESRCH : errno;
	err = parse_smaps(process, smaps);
	fclose(smaps);
	return err;
}

int zs_process_open(struct zs_process *process, pid_t pid, size_t unit_bytes)
{
	int err;

	*process = (struct zs_process){ .pid = pid, .unit_bytes = unit_bytes, .mem_fd = -1, .pagemap_fd = -1 };
	err = find_ranges(process);
	if (err)
		return err;
	process->mem_fd = open_file(pid, "mem");
	if (process->mem_fd < 0)
		return errno;
	process->pagemap_fd = open_file(pid, "pagemap");
	return process->pagemap_fd < 0 ? errno : 0;
}

void zs_process_close(struct zs_process *process)
{
	if (process->mem_fd >= 0)
		close(process->mem_fd);
	if (process->pagemap_fd >= 0)
		close(process->pagemap_fd);
	free(process->ranges);
	process->ranges = NULL;
}

/* Reads the anonymous pages of the unit at an address. Returns how many there were. */
static unsigned int read_unit(const struct zs_process *process, uint64_t address, unsigned char *unit)
{
	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	size_t nr_pages = process->unit_bytes > page_bytes ? process->unit_bytes / page_bytes : 1;
	size_t part_bytes = process->unit_bytes / nr_pages;
	uint64_t entries[PAGES_OF_UNIT_MAX];
	unsigned int nr = 0;

	if (pread(process->pagemap_fd, entries, nr_pages * sizeof(entries[0]),
		  (off_t)(address / page_bytes * sizeof(entries[0]))) != (ssize_t)(nr_pages * sizeof(entries[0])))
		return 0;
	memset(unit, 0, process->unit_bytes);
	for (size_t i = 0; i < nr_pages; i++)
		if ((entries[i] & (PAGE_PRESENT | PAGE_OF_FILE)) == PAGE_PRESENT)
			nr += pread(process->mem_fd, unit + i * part_bytes, part_bytes,
				    (off_t)(address + i * part_bytes)) == (ssize_t)part_bytes;
	return nr;
}

/* A unit may be of several mappings, which come in order of their addresses. */
size_t zs_process_read(struct zs_process *process, unsigned char *buffer, size_t nr)
{
	size_t done = 0;

	while (done < nr && process->next_range < process->nr_ranges && !zs_interrupted()) {
		const struct zs_range *range = &process->ranges[process->next_range];
		uint64_t begin = range->begin & ~(uint64_t)(process->unit_bytes - 1);

		if (process->at < begin)
			process->at = begin;
		if (process->at >= range->end) {
			process->next_range++;
			continue;
		}
		done += read_unit(process, process->at, buffer + done * process->unit_bytes) != 0;
		process->at += process->unit_bytes;
	}
	return done;
}
