/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A running process's control socket: who has it asks questions and gives orders, see peer.h for the protocol.
 *
 * Only the process's own user and root get an answer. Connections are served side by side, up to ZS_CONTROL_PEERS, each
 * by a thread of its own; a request has ZS_CONTROL_TIMEOUT_NS to arrive and its answer as long to be taken.
 */
#ifndef ZS_CONTROL_H
#define ZS_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define ZS_CONTROL_PEERS 16
#define ZS_CONTROL_WORDS 16
#define ZS_CONTROL_TIMEOUT_NS 5000000000u

struct zs_control;

/*
 * Answers a request of 1 to ZS_CONTROL_WORDS words; the answer is written to out. Returns whether it could be done:
 * else out has a message. context: from several threads at once.
 */
typedef bool zs_control_answer(void *ctx, char *const *words, size_t nr_words, FILE *out);

struct zs_control_options {
	const char *kind;          /* of the process: "zram" */
	const char *name;          /* which of them; a valid name */
	zs_control_answer *answer; /* besides "about", which is answered here */
	void *ctx;
	bool is_bare; /* without a file: see zs_runtime_bare_address() */
};

/*
 * Listens from now on. Result: 0; -EADDRINUSE: another process has this name; what zs_runtime_open() or the system
 * said. where: the path or name of the socket, or of the folder, for a message.
 */
int zs_control_start(const struct zs_control_options *options, struct zs_control **control, char *where, size_t size);

/* Removes the socket, and waits for the answers that are being made. NULL is fine. */
void zs_control_stop(struct zs_control *control);

/*
 * In a child after a fork, in place of zs_control_stop(): the parent goes on to answer, and is not kept by the child,
 * in which there is no thread that would.
 */
void zs_control_leave(struct zs_control *control);

#endif
