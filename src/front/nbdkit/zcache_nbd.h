/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A backing that is an NBD server, by libnbd.
 *
 * All connections to it are a session: several if the server says that they may be, else one. A session lives until one
 * of its connections is lost, or a request is not answered in time; then all are closed, and a thread makes the next
 * one. It is told to the cache before it is used, since it may lead to another content: a server that was started again
 * may lack what was never flushed.
 *
 * What was under way in a session that ends: reads are asked again in the next one; changes fail, and are in doubt. If
 * writes were answered but not flushed, the next flush fails, once. No request takes longer than the time it is given.
 */
#ifndef ZCACHE_NBD_H
#define ZCACHE_NBD_H

#include <stddef.h>

#include "zcache_backing.h"

#define ZCACHE_NBD_MESSAGE 512

struct zcache_nbd;

struct zcache_nbd_options {
	const char *uri;     /* must stay */
	uint64_t timeout_ns; /* for a request, and for connecting */
	bool is_readonly;
	/* A session is about to begin in the place of one that ended. context: nothing is asked meanwhile */
	void (*on_session)(void *ctx);
	/* For the log. context: any thread */
	void (*on_event)(void *ctx, const char *what);
	void *ctx;
};

/*
 * The first session, without a thread yet: a process that forks does it before. Result: 0 or a negative errno, and
 * message says why.
 */
int zcache_nbd_open(const struct zcache_nbd_options *options, struct zcache_nbd **nbd, struct zcache_backing *backing,
		    char *message);

/* From here on requests can be made. Result: 0 or what pthread_create() said, negative. */
int zcache_nbd_start(struct zcache_nbd *nbd);

/* pre: no request is under way. NULL is fine. */
void zcache_nbd_close(struct zcache_nbd *nbd);

/* Sessions that took the place of another. */
uint64_t zcache_nbd_reconnections(const struct zcache_nbd *nbd);

#endif
