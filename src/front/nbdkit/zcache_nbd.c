/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Requests to an NBD server: asked in a session, waited for, and asked again where that may be.
 */
#include "zcache_nbd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "clocks.h"
#include "zcache_link.h"
#include "zcache_sessions.h"

#define MOST_TRIES 3u          /* of a read, in as many sessions */
#define MOST_BYTES (32u << 20) /* of a request: what servers take as a rule */

struct zcache_nbd {
	struct zcache_sessions *sessions;
	uint64_t timeout_ns;
};

/* ---- requests ---- */

/* Until libnbd has let go of it. What is not answered in time ends its session, which does not take long. */
static int finish(struct zcache_nbd *nbd, struct zcache_link_request *request, uint64_t deadline_ns)
{
	if (zcache_link_wait(request, deadline_ns))
		return request->err;
	zcache_sessions_give_up(nbd->sessions, request->generation);
	zcache_link_wait(request, UINT64_MAX / 2);
	return request->err == ZCACHE_LINK_LOST ? -ETIMEDOUT : request->err;
}

/* Result: as of the calls; also ZCACHE_LINK_LOST. session: the generation in which the server may have had it, or 0. */
static int ask(struct zcache_nbd *nbd, const struct zcache_link_request *wanted, uint64_t deadline_ns,
	       uint64_t *session)
{
	struct zcache_link_request request = *wanted;
	int err;

	zcache_link_init(&request);
	err = zcache_sessions_submit(nbd->sessions, &request, deadline_ns);
	*session = err ? 0 : request.generation;
	if (!err)
		err = finish(nbd, &request, deadline_ns);
	zcache_link_destroy(&request);
	return err;
}

/* What changes nothing may be asked again. */
static int ask_again(struct zcache_nbd *nbd, const struct zcache_link_request *wanted)
{
	uint64_t deadline = zs_clock_ns() + nbd->timeout_ns;
	int err = ZCACHE_LINK_LOST;
	uint64_t session;

	for (uint32_t i = 0; i < MOST_TRIES && err == ZCACHE_LINK_LOST; i++)
		err = ask(nbd, wanted, deadline, &session);
	return err;
}

static int read_nbd(void *ctx, void *buf, uint32_t count, uint64_t offset)
{
	int err = 0;

	while (count && !err) {
		struct zcache_link_request request = { .kind = ZCACHE_LINK_READ, .buf = buf, .offset = offset };

		request.count = count < MOST_BYTES ? count : MOST_BYTES;
		err = ask_again(ctx, &request);
		buf = (char *)buf + request.count;
		offset += request.count;
		count -= request.count;
	}
	return err;
}

static int change_once(struct zcache_nbd *nbd, const struct zcache_change *change, bool *in_doubt)
{
	struct zcache_link_request request = { .kind = ZCACHE_LINK_CHANGE, .change = change };
	uint64_t session;
	int err = ask(nbd, &request, zs_clock_ns() + nbd->timeout_ns, &session);

	if (!err && !change->fua)
		zcache_sessions_note_change(nbd->sessions, session);
	if (session && (err == ZCACHE_LINK_LOST || err == -ETIMEDOUT))
		*in_doubt = true;
	return err;
}

static int change_nbd(void *ctx, const struct zcache_change *change, bool *in_doubt)
{
	struct zcache_change piece = *change;
	uint32_t left = change->count;
	int err = 0;

	if (change->kind != ZCACHE_WRITE)
		return change_once(ctx, change, in_doubt);
	while (left && !err) {
		piece.count = left < MOST_BYTES ? left : MOST_BYTES;
		err = change_once(ctx, &piece, in_doubt);
		piece.data = (const char *)piece.data + piece.count;
		piece.offset += piece.count;
		left -= piece.count;
	}
	return err;
}

/* It is not asked again: what it was to flush may have gone with the session. */
static int flush_nbd(void *ctx)
{
	struct zcache_link_request request = { .kind = ZCACHE_LINK_FLUSH };
	struct zcache_nbd *nbd = ctx;
	uint64_t changes, session;
	int err = zcache_sessions_begin_flush(nbd->sessions, &changes);

	if (!err)
		err = ask(nbd, &request, zs_clock_ns() + nbd->timeout_ns, &session);
	return err ? err : zcache_sessions_end_flush(nbd->sessions, changes);
}

static int nbd_extents(void *ctx, uint32_t count, uint64_t offset, zcache_extent_fn *each, void *each_ctx)
{
	struct zcache_link_request request = {
		.kind = ZCACHE_LINK_EXTENTS, .count = count, .offset = offset, .each = each, .each_ctx = each_ctx
	};
	uint64_t session;

	return ask(ctx, &request, zs_clock_ns() + ((struct zcache_nbd *)ctx)->timeout_ns, &session);
}

static const struct zcache_backing_ops nbd_ops = {
	.read = read_nbd,
	.change = change_nbd,
	.flush = flush_nbd,
	.extents = nbd_extents,
};

/* ---- making ---- */

int zcache_nbd_open(const struct zcache_nbd_options *options, struct zcache_nbd **result,
		    struct zcache_backing *backing, char *message)
{
	struct zcache_nbd *nbd = calloc(1, sizeof(*nbd));
	int err;

	snprintf(message, ZCACHE_NBD_MESSAGE, "no memory");
	if (!nbd)
		return -ENOMEM;
	nbd->timeout_ns = options->timeout_ns;
	err = zcache_sessions_open(options, &nbd->sessions, backing, message);
	if (err) {
		free(nbd);
		return err;
	}
	backing->ops = &nbd_ops;
	backing->ctx = nbd;
	*result = nbd;
	return 0;
}

int zcache_nbd_start(struct zcache_nbd *nbd)
{
	return zcache_sessions_start(nbd->sessions);
}

void zcache_nbd_close(struct zcache_nbd *nbd)
{
	if (!nbd)
		return;
	zcache_sessions_close(nbd->sessions);
	free(nbd);
}

uint64_t zcache_nbd_reconnections(const struct zcache_nbd *nbd)
{
	return zcache_sessions_nr(nbd->sessions) - 1;
}
