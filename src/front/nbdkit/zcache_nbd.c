/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Sessions with an NBD server: requests, and the thread that polls all connections and makes new ones.
 *
 * Locks: lock is held while connections are made known, used to send or closed, so who sends has one that is open;
 * libnbd's own lock of a connection and then a request's come after it. The thread polls without it: it alone closes.
 */
#include "zcache_nbd.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clocks.h"
#include "thread.h"
#include "zcache_link.h"

#define MOST_LINKS 4u
#define MOST_TRIES 3u            /* of a read, in as many sessions */
#define MOST_BYTES (32u << 20)   /* of a request: what servers take as a rule */
#define FIRST_REST_NS 50000000u  /* between two attempts to connect */
#define LAST_REST_NS 2000000000u /* at most */

struct zcache_nbd {
	struct zcache_nbd_options options;
	struct zcache_backing backing; /* as the first session had it */
	pthread_t thread;
	bool is_started;
	int wake; /* an eventfd that the thread polls too */
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a session has begun, or all ends */
	struct nbd_handle *link[MOST_LINKS];
	uint32_t nr_links; /* 0: there is no session */
	uint32_t turn;
	uint64_t generation; /* of the session */
	bool is_given_up;    /* it is to end */
	bool is_ending;      /* all */
	uint64_t changes;    /* that were answered */
	uint64_t flushed;    /* of these */
	bool has_lost;       /* some that were not, with a session */
};

static void wake(struct zcache_nbd *nbd)
{
	if (eventfd_write(nbd->wake, 1))
		return; /* it is readable anyway */
}

/* ---- requests ---- */

/* Waits for a session, and sends. Result: 0: it is retired some time; -ETIMEDOUT: there is none in time. */
static int submit(struct zcache_nbd *nbd, struct zcache_link_request *request, uint64_t deadline_ns)
{
	bool in_time = true, is_to_wake = false;

	pthread_mutex_lock(&nbd->lock);
	while (!nbd->nr_links && !nbd->is_ending && in_time)
		in_time = zcache_link_wait_until(&nbd->changed, &nbd->lock, deadline_ns);
	in_time = nbd->nr_links;
	if (in_time) {
		request->generation = nbd->generation;
		is_to_wake = zcache_link_send(nbd->link[nbd->turn++ % nbd->nr_links], request);
	}
	pthread_mutex_unlock(&nbd->lock);
	if (is_to_wake)
		wake(nbd);
	return in_time ? 0 : -ETIMEDOUT;
}

/* Has a session end, unless it has. */
static void give_up(struct zcache_nbd *nbd, uint64_t generation)
{
	pthread_mutex_lock(&nbd->lock);
	if (nbd->generation == generation && nbd->nr_links)
		nbd->is_given_up = true;
	pthread_mutex_unlock(&nbd->lock);
	wake(nbd);
}

/* Until libnbd has let go of it. What is not answered in time ends its session, which does not take long. */
static int finish(struct zcache_nbd *nbd, struct zcache_link_request *request, uint64_t deadline_ns)
{
	if (zcache_link_wait(request, deadline_ns))
		return request->err;
	give_up(nbd, request->generation);
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
	err = submit(nbd, &request, deadline_ns);
	*session = err ? 0 : request.generation;
	if (!err)
		err = finish(nbd, &request, deadline_ns);
	zcache_link_destroy(&request);
	return err;
}

/* What changes nothing may be asked again. */
static int ask_again(struct zcache_nbd *nbd, const struct zcache_link_request *wanted)
{
	uint64_t deadline = zs_clock_ns() + nbd->options.timeout_ns;
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

/* One that was answered. If its session has ended meanwhile nobody has counted it among what that lost. */
static void note_change(struct zcache_nbd *nbd, uint64_t session)
{
	pthread_mutex_lock(&nbd->lock);
	if (session == nbd->generation && nbd->nr_links)
		nbd->changes++;
	else
		nbd->has_lost = true;
	pthread_mutex_unlock(&nbd->lock);
}

static int change_once(struct zcache_nbd *nbd, const struct zcache_change *change, bool *in_doubt)
{
	struct zcache_link_request request = { .kind = ZCACHE_LINK_CHANGE, .change = change };
	uint64_t session;
	int err = ask(nbd, &request, zs_clock_ns() + nbd->options.timeout_ns, &session);

	if (!err && !change->fua)
		note_change(nbd, session);
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

/* Result: -EIO: changes went with a session and were never flushed; it is told once. context: lock */
static int take_loss(struct zcache_nbd *nbd)
{
	int err = nbd->has_lost ? -EIO : 0;

	nbd->has_lost = false;
	return err;
}

static int begin_flush(struct zcache_nbd *nbd, uint64_t *changes)
{
	int err;

	pthread_mutex_lock(&nbd->lock);
	err = take_loss(nbd);
	*changes = nbd->changes;
	pthread_mutex_unlock(&nbd->lock);
	return err;
}

/* It may have been answered in the session after the one that lost what it was to flush. */
static int end_flush(struct zcache_nbd *nbd, uint64_t changes)
{
	int err;

	pthread_mutex_lock(&nbd->lock);
	err = take_loss(nbd);
	if (!err && nbd->flushed < changes)
		nbd->flushed = changes;
	pthread_mutex_unlock(&nbd->lock);
	return err;
}

/* It is not asked again: what it was to flush may have gone with the session. */
static int flush_nbd(void *ctx)
{
	struct zcache_link_request request = { .kind = ZCACHE_LINK_FLUSH };
	struct zcache_nbd *nbd = ctx;
	uint64_t changes, session;
	int err = begin_flush(nbd, &changes);

	if (!err)
		err = ask(nbd, &request, zs_clock_ns() + nbd->options.timeout_ns, &session);
	return err ? err : end_flush(nbd, changes);
}

static int nbd_extents(void *ctx, uint32_t count, uint64_t offset, zcache_extent_fn *each, void *each_ctx)
{
	struct zcache_link_request request = {
		.kind = ZCACHE_LINK_EXTENTS, .count = count, .offset = offset, .each = each, .each_ctx = each_ctx
	};
	uint64_t session;

	return ask(ctx, &request, zs_clock_ns() + ((struct zcache_nbd *)ctx)->options.timeout_ns, &session);
}

static const struct zcache_backing_ops nbd_ops = {
	.read = read_nbd,
	.change = change_nbd,
	.flush = flush_nbd,
	.extents = nbd_extents,
};

/* ---- sessions ---- */

static void close_links(struct nbd_handle **link, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		nbd_close(link[i]);
}

static bool goes_on(void *ctx)
{
	struct zcache_nbd *nbd = ctx;
	bool ends;

	pthread_mutex_lock(&nbd->lock);
	ends = nbd->is_ending;
	pthread_mutex_unlock(&nbd->lock);
	return !ends;
}

/* Several only to who serves them as if they were one. A further one that cannot be had is not needed. */
static uint32_t open_more(struct zcache_nbd *nbd, struct nbd_handle **link, uint64_t deadline_ns)
{
	uint32_t nr = 1, wanted = nbd_can_multi_conn(link[0]) > 0 ? MOST_LINKS : 1;
	char message[ZCACHE_NBD_MESSAGE];

	while (nr < wanted &&
	       !zcache_link_open(nbd->options.uri, deadline_ns, goes_on, nbd, &link[nr], message, sizeof(message)))
		nr++;
	return nr;
}

/* Result: as of zcache_link_open() and zcache_link_describe(); nr: the connections. */
static int open_links(struct zcache_nbd *nbd, struct nbd_handle **link, uint32_t *nr, struct zcache_backing *backing,
		      char *message)
{
	uint64_t deadline = zs_clock_ns() + nbd->options.timeout_ns;
	int err = zcache_link_open(nbd->options.uri, deadline, goes_on, nbd, &link[0], message, ZCACHE_NBD_MESSAGE);

	if (err)
		return err;
	err = zcache_link_describe(link[0], backing, message, ZCACHE_NBD_MESSAGE);
	if (err)
		nbd_close(link[0]);
	else
		*nr = open_more(nbd, link, deadline);
	return err;
}

static void begin_session(struct zcache_nbd *nbd, struct nbd_handle *const *link, uint32_t nr)
{
	pthread_mutex_lock(&nbd->lock);
	memcpy(nbd->link, link, nr * sizeof(*link));
	nbd->nr_links = nr;
	nbd->generation++;
	nbd->is_given_up = false;
	pthread_cond_broadcast(&nbd->changed);
	pthread_mutex_unlock(&nbd->lock);
}

/* All requests under way are retired. */
static void end_session(struct zcache_nbd *nbd)
{
	pthread_mutex_lock(&nbd->lock);
	close_links(nbd->link, nbd->nr_links);
	nbd->nr_links = 0;
	if (nbd->flushed < nbd->changes)
		nbd->has_lost = true;
	nbd->flushed = nbd->changes;
	pthread_mutex_unlock(&nbd->lock);
}

/* Whether what answers now is the disk that was there at first. */
static bool is_same(const struct zcache_backing *first, const struct zcache_backing *now)
{
	return now->size_bytes == first->size_bytes && now->least_block <= first->least_block &&
	       now->can_write >= first->can_write && now->can_flush >= first->can_flush &&
	       now->can_fua >= first->can_fua && now->can_trim >= first->can_trim && now->can_zero >= first->can_zero;
}

static void tell(const struct zcache_nbd *nbd, const char *what, const char *why)
{
	char text[ZCACHE_NBD_MESSAGE + 64];

	snprintf(text, sizeof(text), "%s%s", what, why);
	nbd->options.on_event(nbd->options.ctx, text);
}

/* Result: 0: there is a session; a negative errno: there is none, and message says why. */
static int connect_again(struct zcache_nbd *nbd, char *message)
{
	struct zcache_backing now = { .size_bytes = 0 };
	struct nbd_handle *link[MOST_LINKS];
	uint32_t nr = 0;
	int err = open_links(nbd, link, &nr, &now, message);

	if (!err && !is_same(&nbd->backing, &now)) {
		close_links(link, nr);
		snprintf(message, ZCACHE_NBD_MESSAGE, "it is not the disk that it was: its size, or what it can do");
		err = -ESTALE;
	}
	if (err)
		return err;
	nbd->options.on_session(nbd->options.ctx);
	begin_session(nbd, link, nr);
	return 0;
}

/* ---- the thread ---- */

/* Waits for something on the connections, or to be woken. Result: whether the session goes on. */
static bool serve(struct zcache_nbd *nbd)
{
	struct pollfd fds[MOST_LINKS + 1] = { { .fd = nbd->wake, .events = POLLIN } };
	uint32_t nr = nbd->nr_links;
	bool goes_on = true;
	eventfd_t count;

	for (uint32_t i = 0; i < nr; i++)
		fds[i + 1] = (struct pollfd){ .fd = nbd_aio_get_fd(nbd->link[i]),
					      .events = zcache_link_events(nbd->link[i]) };
	if (poll(fds, nr + 1, -1) < 0)
		return errno == EINTR;
	if (fds[0].revents)
		eventfd_read(nbd->wake, &count);
	for (uint32_t i = 0; i < nr; i++)
		goes_on &= zcache_link_serve(nbd->link[i], fds[i + 1].revents);
	pthread_mutex_lock(&nbd->lock);
	goes_on &= !nbd->is_given_up;
	pthread_mutex_unlock(&nbd->lock);
	return goes_on;
}

/* Or until all ends. */
static void rest(struct zcache_nbd *nbd, uint64_t ns)
{
	uint64_t deadline = zs_clock_ns() + ns;

	pthread_mutex_lock(&nbd->lock);
	while (!nbd->is_ending && zcache_link_wait_until(&nbd->changed, &nbd->lock, deadline))
		;
	pthread_mutex_unlock(&nbd->lock);
}

/* Tries until there is a session, or all ends. A reason is told when it is another one than before. */
static void reconnect(struct zcache_nbd *nbd)
{
	char message[ZCACHE_NBD_MESSAGE], last[ZCACHE_NBD_MESSAGE] = "";
	uint64_t ns = FIRST_REST_NS;

	while (goes_on(nbd) && connect_again(nbd, message)) {
		if (strcmp(message, last))
			tell(nbd, "the server cannot be reached: ", message);
		memcpy(last, message, sizeof(last));
		rest(nbd, ns);
		ns = 2 * ns < LAST_REST_NS ? 2 * ns : LAST_REST_NS;
	}
	if (goes_on(nbd))
		tell(nbd, "the server is connected to again", "");
}

static void *run(void *ctx)
{
	struct zcache_nbd *nbd = ctx;

	while (goes_on(nbd)) {
		if (serve(nbd))
			continue;
		end_session(nbd);
		tell(nbd, "the server was lost, or did not answer in time", "");
		reconnect(nbd);
	}
	return NULL;
}

/* ---- making ---- */

static struct zcache_nbd *make(const struct zcache_nbd_options *options)
{
	struct zcache_nbd *nbd = calloc(1, sizeof(*nbd));

	if (!nbd)
		return NULL;
	nbd->options = *options;
	nbd->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&nbd->lock, NULL);
	zcache_link_init_cond(&nbd->changed);
	return nbd;
}

int zcache_nbd_open(const struct zcache_nbd_options *options, struct zcache_nbd **result,
		    struct zcache_backing *backing, char *message)
{
	struct zcache_nbd *nbd = make(options);
	struct nbd_handle *link[MOST_LINKS];
	uint32_t nr = 0;
	int err = nbd && nbd->wake >= 0 ? 0 : -ENOMEM;

	snprintf(message, ZCACHE_NBD_MESSAGE, "no memory, or no descriptor");
	if (!err)
		err = open_links(nbd, link, &nr, &nbd->backing, message);
	if (err) {
		zcache_nbd_close(nbd);
		return err;
	}
	nbd->backing.ops = &nbd_ops;
	nbd->backing.ctx = nbd;
	nbd->backing.can_write &= !options->is_readonly;
	begin_session(nbd, link, nr);
	*backing = nbd->backing;
	*result = nbd;
	return 0;
}

int zcache_nbd_start(struct zcache_nbd *nbd)
{
	int err = zs_thread_start(&nbd->thread, 0, run, nbd);

	nbd->is_started = !err;
	return err;
}

static void stop(struct zcache_nbd *nbd)
{
	pthread_mutex_lock(&nbd->lock);
	nbd->is_ending = true;
	pthread_cond_broadcast(&nbd->changed);
	pthread_mutex_unlock(&nbd->lock);
	wake(nbd);
	if (nbd->is_started)
		pthread_join(nbd->thread, NULL);
}

void zcache_nbd_close(struct zcache_nbd *nbd)
{
	if (!nbd)
		return;
	stop(nbd);
	for (uint32_t i = 0; i < nbd->nr_links; i++)
		nbd_aio_disconnect(nbd->link[i], 0); /* as politeness goes: it does not wait */
	close_links(nbd->link, nbd->nr_links);
	if (nbd->wake >= 0)
		close(nbd->wake);
	pthread_cond_destroy(&nbd->changed);
	pthread_mutex_destroy(&nbd->lock);
	free(nbd);
}

uint64_t zcache_nbd_reconnections(const struct zcache_nbd *nbd)
{
	return __atomic_load_n(&nbd->generation, __ATOMIC_RELAXED) - 1;
}
