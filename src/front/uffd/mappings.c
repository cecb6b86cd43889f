/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Reading /proc/self/maps: by calls of the kernel alone, as a signal handler may be who asks.
 */
#include "mappings.h"

#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

struct maps {
	int fd;
	size_t at, len;
	char text[4096];
};

/* -1: there is no more. A file's name may have any bytes. */
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
	return (unsigned char)maps->text[maps->at++];
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
static bool read_mapping(struct maps *maps, struct zswap_mapping *mapping)
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

/* Mappings come in order of their addresses. */
static bool find(struct maps *maps, uintptr_t start, uintptr_t end, struct zswap_mapping *mapping)
{
	while (read_mapping(maps, mapping))
		if (mapping->end > start) {
			mapping->start = mapping->start > start ? mapping->start : start;
			mapping->end = mapping->end < end ? mapping->end : end;
			return mapping->start < end;
		}
	return false;
}

/* Opening a file is where a thread may be cancelled, which moving memory is not. */
bool zswap_mapping_next(uintptr_t start, uintptr_t end, struct zswap_mapping *mapping)
{
	struct maps maps = { .at = 0 };
	bool is_there = false;
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	maps.fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	if (maps.fd >= 0) {
		is_there = find(&maps, start, end, mapping);
		close(maps.fd);
	}
	pthread_setcancelstate(before, NULL);
	return is_there;
}

/* Those that are alike may have been split. */
int zswap_protection_of(uintptr_t start, uintptr_t end)
{
	struct zswap_mapping mapping;
	int protection = -1;

	for (; start < end; start = mapping.end) {
		if (!zswap_mapping_next(start, end, &mapping) || mapping.start > start ||
		    (protection >= 0 && mapping.protection != protection))
			return -1;
		protection = mapping.protection;
	}
	return protection;
}
