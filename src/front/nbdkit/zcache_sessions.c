/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Sessions, what was lost with them, and the thread that polls all connections and makes new ones.
 *
 * Locks: lock is held while connections are made known, used to send or closed, so who sends has one that is open;
 * libnbd's own lock of a connection and then a request's come after it. The thread polls without it: it alone closes.
 */
#include "zcache_sessions.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clocks.h"
#include "thread.h"

#define MOST_LINKS 4u
#define MORE_NS 1000000000u      /* that a further connection may take */
#define FIRST_REST_NS 50000000u  /* between two attempts to connect */
#define LAST_REST_NS 2000000000u /* at most */

struct zcache_sessions {
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
	uint64_t generation; /* of the session; may be read without the lock */
	bool is_given_up;    /* it is to end */
	bool is_ending;      /* all */
	uint64_t changes;    /* that were answered */
	uint64_t flushed;    /* of these */
	bool has_lost;       /* some that were not, with a session */
};

static void wake(struct zcache_sessions *sessions)
{
	if (eventfd_write(sessions->wake, 1))
		return; /* it is readable anyway */
}

/* ---- sending ---- */

int zcache_sessions_submit(struct zcache_sessions *sessions, struct zcache_link_request *request, uint64_t deadline_ns)
{
	bool in_time = true, is_to_wake = false;

	pthread_mutex_lock(&sessions->lock);
	while (!sessions->nr_links && !sessions->is_ending && in_time)
		in_time = zcache_link_wait_until(&sessions->changed, &sessions->lock, deadline_ns);
	in_time = sessions->nr_links;
	if (in_time) {
		request->generation = sessions->generation;
		is_to_wake = zcache_link_send(sessions->link[sessions->turn++ % sessions->nr_links], request);
	}
	pthread_mutex_unlock(&sessions->lock);
	if (is_to_wake)
		wake(sessions);
	return in_time ? 0 : -ETIMEDOUT;
}

void zcache_sessions_give_up(struct zcache_sessions *sessions, uint64_t generation)
{
	pthread_mutex_lock(&sessions->lock);
	if (sessions->generation == generation && sessions->nr_links)
		sessions->is_given_up = true;
	pthread_mutex_unlock(&sessions->lock);
	wake(sessions);
}

/* ---- losses ---- */

/* One that was answered. If its session has ended meanwhile nobody has counted it among what that lost. */
void zcache_sessions_note_change(struct zcache_sessions *sessions, uint64_t session)
{
	pthread_mutex_lock(&sessions->lock);
	if (session == sessions->generation && sessions->nr_links)
		sessions->changes++;
	else
		sessions->has_lost = true;
	pthread_mutex_unlock(&sessions->lock);
}

/* Result: -EIO: changes went with a session and were never flushed; it is told once. context: lock */
static int take_loss(struct zcache_sessions *sessions)
{
	int err = sessions->has_lost ? -EIO : 0;

	sessions->has_lost = false;
	return err;
}

int zcache_sessions_begin_flush(struct zcache_sessions *sessions, uint64_t *changes)
{
	int err;

	pthread_mutex_lock(&sessions->lock);
	err = take_loss(sessions);
	*changes = sessions->changes;
	pthread_mutex_unlock(&sessions->lock);
	return err;
}

/* It may have been answered in the session after the one that lost what it was to flush. */
int zcache_sessions_end_flush(struct zcache_sessions *sessions, uint64_t changes)
{
	int err;

	pthread_mutex_lock(&sessions->lock);
	err = take_loss(sessions);
	if (!err && sessions->flushed < changes)
		sessions->flushed = changes;
	pthread_mutex_unlock(&sessions->lock);
	return err;
}

/* ---- sessions ---- */

static void close_links(struct nbd_handle **link, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		nbd_close(link[i]);
}

static bool goes_on(void *ctx)
{
	struct zcache_sessions *sessions = ctx;
	bool ends;

	pthread_mutex_lock(&sessions->lock);
	ends = sessions->is_ending;
	pthread_mutex_unlock(&sessions->lock);
	return !ends;
}

/*
 * Several only to who serves them as if they were one. A further one that cannot be had is not needed, nor waited for:
 * who takes no more of them may leave it in a queue.
 */
static uint32_t open_more(struct zcache_sessions *sessions, struct nbd_handle **link, uint64_t deadline_ns)
{
	uint32_t nr = 1, wanted = nbd_can_multi_conn(link[0]) > 0 ? MOST_LINKS : 1;
	uint64_t until_ns = zs_clock_ns() + MORE_NS;
	char message[ZCACHE_NBD_MESSAGE];

	if (until_ns > deadline_ns)
		until_ns = deadline_ns;
	while (nr < wanted && !zcache_link_open(sessions->options.uri, until_ns, goes_on, sessions, &link[nr], message,
						sizeof(message)))
		nr++;
	return nr;
}

/* Result: as of zcache_link_open() and zcache_link_describe(); nr: the connections. */
static int open_links(struct zcache_sessions *sessions, struct nbd_handle **link, uint32_t *nr,
		      struct zcache_backing *backing, char *message)
{
	uint64_t deadline = zs_clock_ns() + sessions->options.timeout_ns;
	int err = zcache_link_open(sessions->options.uri, deadline, goes_on, sessions, &link[0], message,
				   ZCACHE_NBD_MESSAGE);

	if (err)
		return err;
	err = zcache_link_describe(link[0], backing, message, ZCACHE_NBD_MESSAGE);
	if (err)
		nbd_close(link[0]);
	else
		*nr = open_more(sessions, link, deadline);
	return err;
}

static void begin_session(struct zcache_sessions *sessions, struct nbd_handle *const *link, uint32_t nr)
{
	pthread_mutex_lock(&sessions->lock);
	memcpy(sessions->link, link, nr * sizeof(*link));
	sessions->nr_links = nr;
	__atomic_store_n(&sessions->generation, sessions->generation + 1, __ATOMIC_RELAXED);
	sessions->is_given_up = false;
	pthread_cond_broadcast(&sessions->changed);
	pthread_mutex_unlock(&sessions->lock);
}

/* All requests under way are retired. */
static void end_session(struct zcache_sessions *sessions)
{
	pthread_mutex_lock(&sessions->lock);
	close_links(sessions->link, sessions->nr_links);
	sessions->nr_links = 0;
	if (sessions->flushed < sessions->changes)
		sessions->has_lost = true;
	sessions->flushed = sessions->changes;
	pthread_mutex_unlock(&sessions->lock);
}

/* Whether what answers now is the disk that was there at first. */
static bool is_same(const struct zcache_backing *first, const struct zcache_backing *now)
{
	return now->size_bytes == first->size_bytes && now->least_block <= first->least_block &&
	       now->can_write >= first->can_write && now->can_flush >= first->can_flush &&
	       now->can_fua >= first->can_fua && now->can_trim >= first->can_trim && now->can_zero >= first->can_zero &&
	       now->can_fast_zero >= first->can_fast_zero && now->can_extents >= first->can_extents;
}

static void tell(const struct zcache_sessions *sessions, const char *what, const char *why)
{
	char text[ZCACHE_NBD_MESSAGE + 64];

	snprintf(text, sizeof(text), "%s%s", what, why);
	sessions->options.on_event(sessions->options.ctx, text);
}

/* Result: 0: there is a session; a negative errno: there is none, and message says why. */
static int connect_again(struct zcache_sessions *sessions, char *message)
{
	struct zcache_backing now = { .size_bytes = 0 };
	struct nbd_handle *link[MOST_LINKS];
	uint32_t nr = 0;
	int err = open_links(sessions, link, &nr, &now, message);

	if (!err && !is_same(&sessions->backing, &now)) {
		close_links(link, nr);
		snprintf(message, ZCACHE_NBD_MESSAGE, "it is not the disk that it was: its size, or what it can do");
		err = -ESTALE;
	}
	if (err)
		return err;
	sessions->options.on_session(sessions->options.ctx);
	begin_session(sessions, link, nr);
	return 0;
}

/* ---- the thread ---- */

/* Waits for something on the connections, or to be woken. Result: whether the session goes on. */
static bool serve(struct zcache_sessions *sessions)
{
	struct pollfd fds[MOST_LINKS + 1] = { { .fd = sessions->wake, .events = POLLIN } };
	uint32_t nr = sessions->nr_links;
	bool goes_on = true;
	eventfd_t count;

	for (uint32_t i = 0; i < nr; i++)
		fds[i + 1] = (struct pollfd){ .fd = nbd_aio_get_fd(sessions->link[i]),
					      .events = zcache_link_events(sessions->link[i]) };
	if (poll(fds, nr + 1, -1) < 0)
		return errno == EINTR;
	if (fds[0].revents)
		eventfd_read(sessions->wake, &count);
	for (uint32_t i = 0; i < nr; i++)
		goes_on &= zcache_link_serve(sessions->link[i], fds[i + 1].revents);
	pthread_mutex_lock(&sessions->lock);
	goes_on &= !sessions->is_given_up;
	pthread_mutex_unlock(&sessions->lock);
	return goes_on;
}

/* Or until all ends. */
static void rest(struct zcache_sessions *sessions, uint64_t ns)
{
	uint64_t deadline = zs_clock_ns() + ns;

	pthread_mutex_lock(&sessions->lock);
	while (!sessions->is_ending && zcache_link_wait_until(&sessions->changed, &sessions->lock, deadline))
		;
	pthread_mutex_unlock(&sessions->lock);
}

/* Tries until there is a session, or all ends. A reason is told when it is another one than before. */
static void reconnect(struct zcache_sessions *sessions)
{
	char message[ZCACHE_NBD_MESSAGE], last[ZCACHE_NBD_MESSAGE] = "";
	uint64_t ns = FIRST_REST_NS;

	while (goes_on(sessions) && connect_again(sessions, message)) {
		if (strcmp(message, last))
			tell(sessions, "the server cannot be reached: ", message);
		memcpy(last, message, sizeof(last));
		rest(sessions, ns);
		ns = 2 * ns < LAST_REST_NS ? 2 * ns : LAST_REST_NS;
	}
	if (goes_on(sessions))
		tell(sessions, "the server is connected to again", "");
}

static void *run(void *ctx)
{
	struct zcache_sessions *sessions = ctx;

	while (goes_on(sessions)) {
		if (serve(sessions))
			continue;
		end_session(sessions);
		tell(sessions, "the server was lost, or did not answer in time", "");
		reconnect(sessions);
	}
	return NULL;
}

/* ---- making ---- */

static struct zcache_sessions *make(const struct zcache_nbd_options *options)
{
	struct zcache_sessions *sessions = calloc(1, sizeof(*sessions));

	if (!sessions)
		return NULL;
	sessions->options = *options;
	sessions->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&sessions->lock, NULL);
	zcache_link_init_cond(&sessions->changed);
	return sessions;
}

int zcache_sessions_open(const struct zcache_nbd_options *options, struct zcache_sessions **result,
			 struct zcache_backing *backing, char *message)
{
	struct zcache_sessions *sessions = make(options);
	struct nbd_handle *link[MOST_LINKS];
	uint32_t nr = 0;
	int err = sessions && sessions->wake >= 0 ? 0 : -ENOMEM;

	snprintf(message, ZCACHE_NBD_MESSAGE, "no memory, or no descriptor");
	if (!err)
		err = open_links(sessions, link, &nr, &sessions->backing, message);
	if (err) {
		zcache_sessions_close(sessions);
		return err;
	}
	sessions->backing.can_write &= !options->is_readonly;
	begin_session(sessions, link, nr);
	*backing = sessions->backing;
	*result = sessions;
	return 0;
}

int zcache_sessions_start(struct zcache_sessions *sessions)
{
	int err = zs_thread_start(&sessions->thread, 0, run, sessions);

	sessions->is_started = !err;
	return err;
}

static void stop(struct zcache_sessions *sessions)
{
	pthread_mutex_lock(&sessions->lock);
	sessions->is_ending = true;
	pthread_cond_broadcast(&sessions->changed);
	pthread_mutex_unlock(&sessions->lock);
	wake(sessions);
	if (sessions->is_started)
		pthread_join(sessions->thread, NULL);
}

void zcache_sessions_close(struct zcache_sessions *sessions)
{
	if (!sessions)
		return;
	stop(sessions);
	for (uint32_t i = 0; i < sessions->nr_links; i++)
		nbd_aio_disconnect(sessions->link[i], 0); /* as politeness goes: it does not wait */
	close_links(sessions->link, sessions->nr_links);
	if (sessions->wake >= 0)
		close(sessions->wake);
	pthread_cond_destroy(&sessions->changed);
	pthread_mutex_destroy(&sessions->lock);
	free(sessions);
}

uint64_t zcache_sessions_nr(const struct zcache_sessions *sessions)
{
	return __atomic_load_n(&sessions->generation, __ATOMIC_RELAXED);
}
