/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * As much of an NBD client as a benchmark needs: one connection over a unix socket, requests in flight, simple replies.
 * What fails ends the program. For one thread.
 *
 * The protocol is that of https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md.
 */
#ifndef BENCH_NBD_H
#define BENCH_NBD_H

#include <stddef.h>
#include <stdint.h>

enum bench_nbd_type { BENCH_NBD_READ = 0, BENCH_NBD_WRITE = 1, BENCH_NBD_TRIM = 4 };

enum { BENCH_NBD_BUFFER_BYTES = 1 << 18 };

struct bench_nbd {
	int fd;
	uint64_t size_bytes; /* of the disk */
	size_t from;         /* what was received and not yet looked at */
	size_t upto;
	unsigned char received[BENCH_NBD_BUFFER_BYTES];
};

void bench_nbd_connect(struct bench_nbd *nbd, const char *path);
void bench_nbd_close(struct bench_nbd *nbd);

/* data: len bytes to write; unused otherwise. */
void bench_nbd_send(struct bench_nbd *nbd, enum bench_nbd_type type, uint64_t cookie, uint64_t offset, uint32_t len,
		    const void *data);

/* The cookie of the next reply; the len bytes of data that follow it are put into data. */
uint64_t bench_nbd_receive(struct bench_nbd *nbd, void *data, uint32_t len);

#endif
