/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * How much memory this process has, as the kernel says in /proc/self/statm, whose figures are told in pages. Reading it
 * takes no memory. What cannot be read ends the process.
 */
#ifndef TESTS_STATM_H
#define TESTS_STATM_H

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "must.h"

static inline uint64_t statm_bytes(unsigned int number)
{
	char text[128], *at = text;
	int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t len = read(file, text, sizeof(text) - 1);

	MUST(len > 0);
	close(file);
	text[len] = '\0';
	for (; number; number--)
		at = strchr(at, ' ') + 1;
	return strtoull(at, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static inline uint64_t statm_address_space(void)
{
	return statm_bytes(0);
}

static inline uint64_t statm_resident(void)
{
	return statm_bytes(1);
}

/* Of what is resident, that which is no file's. */
static inline uint64_t statm_anonymous(void)
{
	return statm_bytes(1) - statm_bytes(2);
}

/* Private and writable; the stack too. */
static inline uint64_t statm_writable(void)
{
	return statm_bytes(5);
}

#endif
