/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Where a process listens: a socket that is bound to the process's name, with a file or without.
 */
#ifndef ZS_ENDPOINT_H
#define ZS_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "runtime.h"

struct zs_endpoint {
	int fd; /* -1: none */
	struct sockaddr_un address;
	bool is_bare; /* without a file */
	dev_t dev;    /* the file's, so that no other is removed in its stead */
	ino_t ino;
};

/*
 * Listens, without waiting in accept(); so many may stand in its queue. is_bare: see zs_runtime_bare_address(). where:
 * the path or name, or the folder, for a message. Result: 0; -EADDRINUSE: another process has this name; what
 * zs_runtime_open() or the system said, and there is nothing to close.
 */
int zs_endpoint_open(struct zs_endpoint *endpoint, const char *kind, const char *name, bool is_bare, int most_waiting,
		     char *where, size_t size);

/* Its file goes, and the folder if it was the last: it is not found any more. */
void zs_endpoint_hide(const struct zs_endpoint *endpoint);

/* The file stays, as by a process that was killed, unless it is hidden first. */
void zs_endpoint_close(struct zs_endpoint *endpoint);

#endif
