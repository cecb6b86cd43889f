/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Reads /proc/self/smaps_rollup, whose sums are exact, unlike those of /proc/self/status.
 */
#include "resident.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint64_t zs_resident_bytes(void)
{
	static const char key[] = "\nAnonymous:";
	int fd = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
	char text[4096];
	const char *line;
	ssize_t len;

	if (fd < 0)
		return 0;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return 0;
	text[len] = 0;
	line = strstr(text, key);
	return line ? strtoull(line + sizeof(key) - 1, NULL, 10) * 1024 : 0;
}
