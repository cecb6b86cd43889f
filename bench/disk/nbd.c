/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Numbers of the protocol are big-endian.
 */
#include "nbd.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "program.h"

#define MAGIC 0x4e42444d41474943ull  /* NBDMAGIC */
#define OPTION 0x49484156454f5054ull /* IHAVEOPT */
#define REQUEST 0x25609513u
#define REPLY 0x67446698u
#define FIXED_NEWSTYLE 1u
#define NO_ZEROES 2u
#define EXPORT_NAME 1u
#define PATIENCE_S 60 /* for any answer */

struct greeting {
	uint64_t magic;
	uint64_t option;
	uint16_t flags;
} __attribute__((packed));

/* The default export. */
struct choice {
	uint32_t flags;
	uint64_t magic;
	uint32_t option;
	uint32_t name_bytes;
} __attribute__((packed));

struct export
{
	uint64_t size_bytes;
	uint16_t flags;
}
__attribute__((packed));

struct request {
	uint32_t magic;
	uint16_t flags;
	uint16_t type;
	uint64_t cookie;
	uint64_t offset;
	uint32_t len;
} __attribute__((packed));

struct reply {
	uint32_t magic;
	uint32_t error;
	uint64_t cookie;
} __attribute__((packed));

/* ---- bytes ---- */

static void send_all(struct bench_nbd *nbd, struct iovec *parts, int nr)
{
	while (nr) {
		ssize_t sent = writev(nbd->fd, parts, nr);

		if (sent < 0)
			bench_die("cannot send to the server: %s", strerror(errno));
		for (; nr && (size_t)sent >= parts->iov_len; parts++, nr--)
			sent -= (ssize_t)parts->iov_len;
		if (nr) {
			parts->iov_base = (char *)parts->iov_base + sent;
			parts->iov_len -= (size_t)sent;
		}
	}
}

/* As much as there is, behind what was not looked at yet. */
static void receive_some(struct bench_nbd *nbd)
{
	ssize_t got;

	if (nbd->from) {
		memmove(nbd->received, nbd->received + nbd->from, nbd->upto - nbd->from);
		nbd->upto -= nbd->from;
		nbd->from = 0;
	}
	got = recv(nbd->fd, nbd->received + nbd->upto, sizeof(nbd->received) - nbd->upto, 0);
	if (got <= 0)
		bench_die("the server is silent: %s", got ? strerror(errno) : "it has hung up");
	nbd->upto += (size_t)got;
}

/* pre: no more than fits the buffer */
static void take(struct bench_nbd *nbd, void *to, size_t len)
{
	while (nbd->upto - nbd->from < len)
		receive_some(nbd);
	memcpy(to, nbd->received + nbd->from, len);
	nbd->from += len;
	if (nbd->from == nbd->upto)
		nbd->from = nbd->upto = 0;
}

/* ---- the beginning ---- */

static void open_socket(struct bench_nbd *nbd, const char *path)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		bench_die("%s is too long for a socket", path);
	memcpy(address.sun_path, path, strlen(path));
	nbd->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (nbd->fd < 0 || connect(nbd->fd, (const struct sockaddr *)&address, sizeof(address)))
		bench_die("%s: %s", path, strerror(errno));
	setsockopt(nbd->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(nbd->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

void bench_nbd_connect(struct bench_nbd *nbd, const char *path)
{
	struct choice choice = { .flags = htobe32(FIXED_NEWSTYLE | NO_ZEROES),
				 .magic = htobe64(OPTION),
				 .option = htobe32(EXPORT_NAME) };
	struct iovec part = { &choice, sizeof(choice) };
	struct greeting greeting;
	struct export export;

	nbd->from = nbd->upto = 0;
	open_socket(nbd, path);
	take(nbd, &greeting, sizeof(greeting));
	if (be64toh(greeting.magic) != MAGIC || be64toh(greeting.option) != OPTION ||
	    (be16toh(greeting.flags) & (FIXED_NEWSTYLE | NO_ZEROES)) != (FIXED_NEWSTYLE | NO_ZEROES))
		bench_die("%s: what answers there is no NBD server of the newer kind", path);
	send_all(nbd, &part, 1);
	take(nbd, &export, sizeof(export));
	nbd->size_bytes = be64toh(export.size_bytes);
}

void bench_nbd_close(struct bench_nbd *nbd)
{
	close(nbd->fd);
}

/* ---- requests ---- */

void bench_nbd_send(struct bench_nbd *nbd, enum bench_nbd_type type, uint64_t cookie, uint64_t offset, uint32_t len,
		    const void *data)
{
	struct request request = { .magic = htobe32(REQUEST),
				   .type = htobe16((uint16_t)type),
				   .cookie = cookie,
				   .offset = htobe64(offset),
				   .len = htobe32(len) };
	struct iovec parts[] = { { &request, sizeof(request) }, { (void *)data, len } };

	send_all(nbd, parts, type == BENCH_NBD_WRITE ? 2 : 1);
}

uint64_t bench_nbd_receive(struct bench_nbd *nbd, void *data, uint32_t len)
{
	struct reply reply;

	take(nbd, &reply, sizeof(reply));
	if (be32toh(reply.magic) != REPLY)
		bench_die("the server's reply is none");
	if (reply.error)
		bench_die("the server says: %s", strerror((int)be32toh(reply.error)));
	take(nbd, data, len);
	return reply.cookie;
}
