/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The protocol of control sockets, and talking to a peer that may be slow, hostile or dead.
 *
 * A request is one line of up to ZS_REQUEST_MAX bytes: words with spaces between them. The answer is a line
 * "zs1 ok LENGTH" or "zs1 error LENGTH" and then so many bytes, up to ZS_ANSWER_MAX. Then the connection ends.
 * Whatever is sent or received has a deadline for all of it, not for each piece.
 */
#ifndef ZS_PEER_H
#define ZS_PEER_H

#include <stddef.h>
#include <stdint.h>

#define ZS_PROTOCOL "zs1"
#define ZS_REQUEST_MAX 1024
#define ZS_ANSWER_MAX (64u << 20)

/*
 * Deadlines are of the monotonic clock (zs_clock_ns()). All wait until fd is ready, the deadline is over or something
 * is to be read from stop_fd (-1: none), as often as it takes. Result: 0; -ETIMEDOUT; -ECANCELED: stopped; -EPIPE: the
 * peer is gone; another error of the system.
 */
int zs_peer_send(int fd, const void *bytes, size_t len, uint64_t deadline_ns, int stop_fd);

/* Up to a newline, which becomes a NUL. Also -EMSGSIZE: there is none in the first size bytes. */
int zs_peer_receive_line(int fd, char *line, size_t size, uint64_t deadline_ns, int stop_fd);

int zs_peer_receive(int fd, void *bytes, size_t len, uint64_t deadline_ns, int stop_fd);

#endif
