/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Sessions with an NBD server, one after the other: all connections to it at a time. See zcache_nbd.h for when one ends
 * and what becomes of what was under way.
 *
 * It is counted which changes were answered and not flushed when a session ended: these may be lost.
 */
#ifndef ZCACHE_SESSIONS_H
#define ZCACHE_SESSIONS_H

#include "zcache_link.h"
#include "zcache_nbd.h"

struct zcache_sessions;

/* As zcache_nbd_open(), start() and close(); of the backing all but ops and ctx is set. */
int zcache_sessions_open(const struct zcache_nbd_options *options, struct zcache_sessions **sessions,
			 struct zcache_backing *backing, char *message);
int zcache_sessions_start(struct zcache_sessions *sessions);
void zcache_sessions_close(struct zcache_sessions *sessions);

/* How many there were, with the one that there is. */
uint64_t zcache_sessions_nr(const struct zcache_sessions *sessions);

/*
 * Waits for a session, notes in the request which it is, and sends. Result: 0: it is retired some time; -ETIMEDOUT:
 * there is none in time.
 */
int zcache_sessions_submit(struct zcache_sessions *sessions, struct zcache_link_request *request, uint64_t deadline_ns);

/* Has a session end, unless it has: all that is under way in it is retired then, soon. */
void zcache_sessions_give_up(struct zcache_sessions *sessions, uint64_t generation);

/* A change was answered in a session, and is not on stable storage yet. */
void zcache_sessions_note_change(struct zcache_sessions *sessions, uint64_t generation);

/*
 * Before a flush is sent, and after it was answered; changes is passed from the one to the other. Result: 0; -EIO: some
 * went with a session and were never flushed, which is told once.
 */
int zcache_sessions_begin_flush(struct zcache_sessions *sessions, uint64_t *changes);
int zcache_sessions_end_flush(struct zcache_sessions *sessions, uint64_t changes);

#endif
