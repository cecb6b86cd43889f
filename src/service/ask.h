/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Asking running processes: finding them, and one request.
 */
#ifndef ZS_ASK_H
#define ZS_ASK_H

#include <stddef.h>
#include <stdint.h>

#include "runtime.h"

struct zs_found {
	char kind[ZS_NAME_MAX + 1];
	char name[ZS_NAME_MAX + 1];
};

struct zs_answer {
	char *text; /* ends in a NUL beyond its length; to be freed. NULL: none came */
	size_t len;
	bool done; /* false: text is a message that says why not */
};

/*
 * Sends a request to a process and has its answer. Result: 0; -ENOENT: there is none of this name; -ECONNREFUSED: it
 * has ended and left its socket; -ETIMEDOUT; -EPROTO: it does not speak the protocol; -EPIPE: it hung up; -ENOMEM;
 * -EBUSY: another process keeps the folder locked; -EPERM: see zs_runtime_open(); -EACCES: who has this name is another
 * user's.
 */
int zs_ask(const char *kind, const char *name, const char *request, uint64_t timeout_ns, struct zs_answer *answer);

/*
 * All sockets, with or without files, by kind and name, of one kind only if it is given. Files of those that nobody
 * listens to are removed, and those without files of other users are left out. Result: 0
 * (none: nr is 0) or an error about the folder, as of zs_ask(); found is to be freed.
 */
int zs_ask_find(const char *kind, struct zs_found **found, size_t *nr);

#endif
