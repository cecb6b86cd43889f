/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Reading /proc/self/maps: by calls of the kernel alone, as a signal handler may be who asks.
 */
#include "mappings.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

struct maps {
	int fd;
	size_t at, len;
	char text[4096];
};

struct mapping {
	uintptr_t start, end;
	int protection;
};

/* -1: there is no more. */
static int next_char(struct maps *maps)
{
	ssize_t got;

	if (maps->at == maps->len) {
		got = read(maps->fd, maps->text, sizeof(maps->text));
		if (got <= 0)
			return -1;
		maps->at = 0;
		maps->len = (size_t)got;
	}
	return maps->text[maps->at++];
}

/* Also reads what is behind it, one character. */
static uintptr_t read_address(struct maps *maps)
{
	uintptr_t address = 0;
	int c;

	while ((c = next_char(maps)) > ' ' && c != '-')
		address = address * 16 + (uintptr_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	return address;
}

/* "7f1200000000-7f1200021000 rw-p ..." */
static bool read_mapping(struct maps *maps, struct mapping *mapping)
{
	int c;

	mapping->start = read_address(maps);
	mapping->end = read_address(maps);
	mapping->protection = next_char(maps) == 'r' ? PROT_READ : PROT_NONE;
	mapping->protection |= next_char(maps) == 'w' ? PROT_WRITE : PROT_NONE;
	mapping->protection |= next_char(maps) == 'x' ? PROT_EXEC : PROT_NONE;
	while ((c = next_char(maps)) >= 0 && c != '\n')
		;
	return c == '\n';
}

/* Mappings come in order of their addresses; those that are alike may have been split. */
static int find_protection(struct maps *maps, uintptr_t start, uintptr_t end)
{
	struct mapping mapping;
	int protection = -1;

	while (start < end && read_mapping(maps, &mapping)) {
		if (mapping.end <= start)
			continue;
		if (mapping.start > start || (protection >= 0 && mapping.protection != protection))
			return -1;
		protection = mapping.protection;
		start = mapping.end;
	}
	return start < end ? -1 : protection;
}

int zswap_protection_of(uintptr_t start, uintptr_t end)
{
	struct maps maps = { .fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC) };
	int protection;

	if (maps.fd < 0)
		return -1;
	protection = find_protection(&maps, start, end);
	close(maps.fd);
	return protection;
}
