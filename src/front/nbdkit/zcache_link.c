/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Connecting, sending and being told, by libnbd. Its callbacks run with the connection's own lock held.
 */
#include "zcache_link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clocks.h"

#define LOOK_MS 50 /* between two looks whether to go on connecting */
#define PAGE_BYTES 4096
#define ALLOCATION LIBNBD_CONTEXT_BASE_ALLOCATION

void zcache_link_init_cond(pthread_cond_t *cond)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attributes);
	pthread_condattr_destroy(&attributes);
}

bool zcache_link_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t deadline_ns)
{
	struct timespec time = { .tv_sec = (time_t)(deadline_ns / 1000000000u),
				 .tv_nsec = (long)(deadline_ns % 1000000000u) };

	return pthread_cond_timedwait(cond, lock, &time) != ETIMEDOUT;
}

/* ---- connecting ---- */

static int tell(char *message, size_t size)
{
	int err = nbd_get_errno();

	snprintf(message, size, "%s", nbd_get_error() ? nbd_get_error() : "no connection");
	return err ? -err : -ENOTCONN;
}

static int wait_until_ready(struct nbd_handle *link, uint64_t deadline_ns, bool (*go_on)(void *ctx), void *ctx,
			    char *message, size_t size)
{
	while (nbd_aio_is_ready(link) <= 0) {
		if (nbd_aio_is_dead(link) || nbd_aio_is_closed(link))
			return tell(message, size);
		if (zs_clock_ns() > deadline_ns || !go_on(ctx)) {
			snprintf(message, size, "it does not answer");
			return -ETIMEDOUT;
		}
		if (nbd_poll(link, LOOK_MS) < 0)
			return tell(message, size);
	}
	return 0;
}

int zcache_link_open(const char *uri, uint64_t deadline_ns, bool (*go_on)(void *ctx), void *ctx,
		     struct nbd_handle **link, char *message, size_t size)
{
	struct nbd_handle *nbd = nbd_create();
	int err;

	if (!nbd || nbd_add_meta_context(nbd, ALLOCATION) || nbd_aio_connect_uri(nbd, uri))
		err = tell(message, size);
	else
		err = wait_until_ready(nbd, deadline_ns, go_on, ctx, message, size);
	if (err)
		nbd_close(nbd);
	else
		*link = nbd;
	return err;
}

static bool can(int answer)
{
	return answer > 0;
}

int zcache_link_describe(struct nbd_handle *link, struct zcache_backing *backing, char *message, size_t size)
{
	int64_t bytes = nbd_get_size(link), least = nbd_get_block_size(link, LIBNBD_SIZE_MINIMUM);

	if (bytes < 0)
		return tell(message, size);
	if (least > PAGE_BYTES) {
		snprintf(message, size,
			 "it takes blocks of %lld bytes, and pages are of 4096: put nbdkit's blocksize "
			 "filter between",
			 (long long)least);
		return -ENOTSUP;
	}
	backing->size_bytes = (uint64_t)bytes;
	backing->least_block = least < 1 ? 1 : (uint32_t)least;
	backing->can_write = !can(nbd_is_read_only(link));
	backing->can_flush = can(nbd_can_flush(link));
	backing->can_fua = can(nbd_can_fua(link));
	backing->can_trim = can(nbd_can_trim(link));
	backing->can_zero = can(nbd_can_zero(link));
	backing->can_fast_zero = can(nbd_can_fast_zero(link));
	backing->can_extents = can(nbd_can_meta_context(link, ALLOCATION));
	backing->is_rotational = can(nbd_is_rotational(link));
	return 0;
}

/* ---- requests ---- */

void zcache_link_init(struct zcache_link_request *request)
{
	pthread_mutex_init(&request->lock, NULL);
	zcache_link_init_cond(&request->retired);
	request->is_retired = false;
	request->err = ZCACHE_LINK_LOST;
}

void zcache_link_destroy(struct zcache_link_request *request)
{
	pthread_cond_destroy(&request->retired);
	pthread_mutex_destroy(&request->lock);
}

/* An answer. It is not told of a request whose connection is closed before. */
static int note_answer(void *ctx, int *error)
{
	struct zcache_link_request *request = ctx;

	pthread_mutex_lock(&request->lock);
	if (request->err == ZCACHE_LINK_LOST)
		request->err = -*error;
	pthread_mutex_unlock(&request->lock);
	return 1;
}

/* libnbd needs nothing of the request any more. */
static void note_retired(void *ctx)
{
	struct zcache_link_request *request = ctx;

	pthread_mutex_lock(&request->lock);
	request->is_retired = true;
	pthread_cond_signal(&request->retired);
	pthread_mutex_unlock(&request->lock);
}

/* Errors of each() come through the answer. */
static int note_extents(void *ctx, const char *context, uint64_t offset, uint32_t *entries, size_t nr, int *error)
{
	struct zcache_link_request *request = ctx;

	if (*error || strcmp(context, ALLOCATION))
		return 0;
	for (size_t i = 0; i + 1 < nr; i += 2) {
		uint32_t flags = entries[i + 1];

		if (request->each(request->each_ctx, offset, entries[i], flags & LIBNBD_STATE_HOLE,
				  flags & LIBNBD_STATE_ZERO)) {
			*error = ENOMEM;
			return -1;
		}
		offset += entries[i];
	}
	return 0;
}

static uint32_t flags_of(const struct zcache_change *change)
{
	uint32_t flags = change->fua ? LIBNBD_CMD_FLAG_FUA : 0;

	if (change->kind != ZCACHE_ZERO)
		return flags;
	if (!change->may_trim)
		flags |= LIBNBD_CMD_FLAG_NO_HOLE;
	return change->is_fast ? flags | LIBNBD_CMD_FLAG_FAST_ZERO : flags;
}

static int64_t send_change(struct nbd_handle *link, const struct zcache_change *change, nbd_completion_callback done)
{
	uint32_t flags = flags_of(change);

	switch (change->kind) {
	case ZCACHE_TRIM: return nbd_aio_trim(link, change->count, change->offset, done, flags);
	case ZCACHE_ZERO: return nbd_aio_zero(link, change->count, change->offset, done, flags);
	default: return nbd_aio_pwrite(link, change->data, change->count, change->offset, done, flags);
	}
}

static int64_t send_request(struct nbd_handle *link, struct zcache_link_request *request)
{
	nbd_completion_callback done = { .callback = note_answer, .user_data = request, .free = note_retired };
	nbd_extent_callback extents = { .callback = note_extents, .user_data = request };

	switch (request->kind) {
	case ZCACHE_LINK_READ: return nbd_aio_pread(link, request->buf, request->count, request->offset, done, 0);
	case ZCACHE_LINK_FLUSH: return nbd_aio_flush(link, done, 0);
	case ZCACHE_LINK_EXTENTS: return nbd_aio_block_status(link, request->count, request->offset, extents, done, 0);
	default: return send_change(link, request->change, done);
	}
}

/* What libnbd does not take, it retires at once; it says why afterwards, and the request is still ours. */
bool zcache_link_send(struct nbd_handle *link, struct zcache_link_request *request)
{
	if (send_request(link, request) >= 0)
		return nbd_aio_get_direction(link) & LIBNBD_AIO_DIRECTION_WRITE;
	if (nbd_aio_is_dead(link) || nbd_aio_is_closed(link))
		return true;
	request->err = nbd_get_errno() ? -nbd_get_errno() : -EIO;
	return false;
}

bool zcache_link_wait(struct zcache_link_request *request, uint64_t deadline_ns)
{
	bool in_time = true;

	pthread_mutex_lock(&request->lock);
	while (!request->is_retired && in_time)
		in_time = zcache_link_wait_until(&request->retired, &request->lock, deadline_ns);
	in_time = request->is_retired;
	pthread_mutex_unlock(&request->lock);
	return in_time;
}

/* ---- polling ---- */

short zcache_link_events(struct nbd_handle *link)
{
	unsigned int direction = nbd_aio_get_direction(link);

	return (short)((direction & LIBNBD_AIO_DIRECTION_READ ? POLLIN : 0) |
		       (direction & LIBNBD_AIO_DIRECTION_WRITE ? POLLOUT : 0));
}

/* Who sends meanwhile may have changed what it waits for: then libnbd refuses, which does no harm. */
bool zcache_link_serve(struct nbd_handle *link, short events)
{
	unsigned int direction = nbd_aio_get_direction(link);

	if (events & (POLLIN | POLLHUP | POLLERR) && direction & LIBNBD_AIO_DIRECTION_READ)
		nbd_aio_notify_read(link);
	else if (events & (POLLOUT | POLLERR) && direction & LIBNBD_AIO_DIRECTION_WRITE)
		nbd_aio_notify_write(link);
	return !nbd_aio_is_dead(link) && !nbd_aio_is_closed(link);
}
