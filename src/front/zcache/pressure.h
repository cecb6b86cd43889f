/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * How long tasks were stalled for want of memory, by a file in the form of /proc/pressure/memory. The kernel tells when
 * it was long (a trigger), where it may be asked to; else, and of other files, the sum of that time is read again after
 * each window.
 */
#ifndef ZCACHE_PRESSURE_H
#define ZCACHE_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

struct zcache_pressure {
	int fd; /* -1: not looked at */
	bool has_trigger;
	uint32_t stall_us;
	uint32_t window_us;
	uint64_t total_us; /* as it was read last */
	uint64_t next_ns;  /* when it is to be read again */
};

/* Result: 0 or what opening or reading it said. */
int zcache_pressure_open(struct zcache_pressure *pressure, const char *path, uint32_t stall_us, uint32_t window_us,
			 uint64_t now_ns);
void zcache_pressure_close(struct zcache_pressure *pressure);

/*
 * Whether there was too much of it. revents: what poll() said of fd for POLLPRI. Result: 1, 0, or a negative errno: the
 * file is of no use any more.
 */
int zcache_pressure_look(struct zcache_pressure *pressure, short revents, uint64_t now_ns);

/* How long nobody needs to look, unless poll() says something; UINT64_MAX: at any time. */
uint64_t zcache_pressure_rest_ns(const struct zcache_pressure *pressure, uint64_t now_ns);

#endif
