/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * One connection to an NBD server, and one request on it.
 *
 * libnbd has a request's buffer from when it is sent until it is retired, which it is when it was answered, or when the
 * connection is closed, whichever comes first.
 */
#ifndef ZCACHE_LINK_H
#define ZCACHE_LINK_H

#include <libnbd.h>
#include <pthread.h>

#include "zcache_backing.h"

/* What a request comes to when its connection ended before it was answered. */
#define ZCACHE_LINK_LOST (-ENOTCONN)

enum zcache_link_kind { ZCACHE_LINK_READ, ZCACHE_LINK_CHANGE, ZCACHE_LINK_FLUSH, ZCACHE_LINK_EXTENTS };

struct zcache_link_request {
	enum zcache_link_kind kind;
	void *buf; /* of a read */
	uint32_t count;
	uint64_t offset;
	const struct zcache_change *change;
	zcache_extent_fn *each;
	void *each_ctx;
	uint64_t generation; /* of the session */
	/* What becomes of it: zcache_link_init() begins this. */
	pthread_mutex_t lock;
	pthread_cond_t retired;
	bool is_retired;
	int err;
};

/*
 * A connection that is ready. It is given up when the deadline is over or go_on(ctx) says so. Result: 0 or a negative
 * errno; message is set.
 */
int zcache_link_open(const char *uri, uint64_t deadline_ns, bool (*go_on)(void *ctx), void *ctx,
		     struct nbd_handle **link, char *message, size_t size);

/* What the server says of itself. Result: 0; -ENOTSUP: it cannot be a backing, and message says why. */
int zcache_link_describe(struct nbd_handle *link, struct zcache_backing *backing, char *message, size_t size);

void zcache_link_init(struct zcache_link_request *request);
void zcache_link_destroy(struct zcache_link_request *request);

/* Sends it. In any case it is retired some time. Result: whether the connection is to be looked at by who polls. */
bool zcache_link_send(struct nbd_handle *link, struct zcache_link_request *request);

/* Waits until it is retired. Result: whether it is; false: the deadline is over, and libnbd still has the buffer. */
bool zcache_link_wait(struct zcache_link_request *request, uint64_t deadline_ns);

/* What poll() is to look for; and what is done about what it found. Result: whether the connection still stands. */
short zcache_link_events(struct nbd_handle *link);
bool zcache_link_serve(struct nbd_handle *link, short events);

/* For conditions that wait until a time of the monotonic clock. */
void zcache_link_init_cond(pthread_cond_t *cond);
/* Result: false: the deadline is over. */
bool zcache_link_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t deadline_ns);

#endif
