/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Bytes to and from a peer, within a deadline.
 */
#include "peer.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "clocks.h"

static int wait_for(int fd, short events, uint64_t deadline_ns, int stop_fd)
{
	struct pollfd fds[] = { { .fd = fd, .events = events }, { .fd = stop_fd, .events = POLLIN } };
	uint64_t now = zs_clock_ns();
	struct timespec left;
	int nr;

	if (now >= deadline_ns)
		return -ETIMEDOUT;
	left.tv_sec = (time_t)((deadline_ns - now) / 1000000000u);
	left.tv_nsec = (long)((deadline_ns - now) % 1000000000u);
	nr = ppoll(fds, 2, &left, NULL);
	if (nr < 0)
		return errno == EINTR ? 0 : -errno;
	if (!nr)
		return -ETIMEDOUT;
	return fds[1].revents ? -ECANCELED : 0;
}

/* What a call that moved nothing means: 0 is to try again. */
static int why_nothing(ssize_t moved)
{
	if (moved == 0)
		return -EPIPE;
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	return errno == ECONNRESET ? -EPIPE : -errno;
}

int zs_peer_send(int fd, const void *bytes, size_t len, uint64_t deadline_ns, int stop_fd)
{
	const char *at = bytes;

	while (len) {
		ssize_t sent;
		int err = wait_for(fd, POLLOUT, deadline_ns, stop_fd);

		if (err)
			return err;
		sent = send(fd, at, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent <= 0 && (err = why_nothing(sent)))
			return err;
		at += sent > 0 ? sent : 0;
		len -= sent > 0 ? (size_t)sent : 0;
	}
	return 0;
}

/* Result: how many bytes came, 0 for none yet, or an error. */
static ssize_t receive_some(int fd, void *bytes, size_t len, uint64_t deadline_ns, int stop_fd)
{
	int err = wait_for(fd, POLLIN, deadline_ns, stop_fd);
	ssize_t got;

	if (err)
		return err;
	got = recv(fd, bytes, len, MSG_DONTWAIT);
	return got > 0 ? got : why_nothing(got);
}

int zs_peer_receive(int fd, void *bytes, size_t len, uint64_t deadline_ns, int stop_fd)
{
	char *at = bytes;

	while (len) {
		ssize_t got = receive_some(fd, at, len, deadline_ns, stop_fd);

		if (got < 0)
			return (int)got;
		at += got;
		len -= (size_t)got;
	}
	return 0;
}

/* One byte at a time: what comes after the line is not this function's. */
int zs_peer_receive_line(int fd, char *line, size_t size, uint64_t deadline_ns, int stop_fd)
{
	for (size_t len = 0; len < size;) {
		ssize_t got = receive_some(fd, line + len, 1, deadline_ns, stop_fd);

		if (got < 0)
			return (int)got;
		if (got && line[len] == '\n') {
			line[len] = '\0';
			return 0;
		}
		len += (size_t)got;
	}
	return -EMSGSIZE;
}
