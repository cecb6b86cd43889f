/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A wait for a word that nobody changes lasts as long as was asked for. Without a library, since it is also built for
 * other architectures, and for 32-bit ones with 64-bit seconds (make check-arch).
 */
#include <errno.h>
#include <stdio.h>

#include "futex.h"

#define WAIT_MS 30

static long elapsed_ms(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long)(now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

int main(void)
{
	static const struct timespec timeout = { .tv_nsec = WAIT_MS * 1000000L };
	uint32_t word = 1;

	/* Without an interruption, one of so many waits lasts to its end. */
	for (unsigned int i = 0; i < 100; i++) {
		struct timespec since;

		clock_gettime(CLOCK_MONOTONIC, &since);
		zs_futex_wait(&word, 1, &timeout);
		if (errno == ETIMEDOUT && elapsed_ms(&since) >= WAIT_MS - 1)
			return 0;
	}
	fprintf(stderr, "futex_wait: no wait of %d ms lasted that long (errno %d)\n", WAIT_MS, errno);
	return 1;
}
