/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Who listens, and a thread for each peer.
 *
 * Locks: one for the places' states. All threads look at an event that says that the process ends, which is why none of
 * them can be kept waiting by its peer then.
 */
#include "control.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clocks.h"
#include "endpoint.h"
#include "peer.h"
#include "thread.h"

#define STACK_BYTES (256 << 10)
#define REST_NS 100000000 /* where the system has no descriptor or thread left */

enum place_state { FREE, TAKEN, LEFT }; /* LEFT: its thread has nothing more to do and is to be joined */

/* Where a peer is served. */
struct place {
	struct zs_control *control;
	enum place_state state;
	pthread_t thread;
	int fd; /* -1: none, for who leaves in a child */
};

struct zs_control {
	struct zs_control_options options;
	struct zs_endpoint endpoint;
	int stop; /* an event */
	pthread_t thread;
	pthread_mutex_t lock; /* of the places' states */
	pthread_cond_t peer_left;
	struct place places[ZS_CONTROL_PEERS];
};

/* ---- answering ---- */

static size_t split(char *line, char **words)
{
	size_t nr = 0;
	char *rest = line, *word;

	while ((word = strtok_r(rest, " ", &rest)) && nr < ZS_CONTROL_WORDS)
		words[nr++] = word;
	return word ? 0 : nr;
}

static void tell_about(const struct zs_control *control, FILE *out)
{
	fprintf(out, "kind\t%s\nname\t%s\npid\t%ld\n", control->options.kind, control->options.name, (long)getpid());
}

static bool answer(struct zs_control *control, char *line, FILE *out)
{
	char *words[ZS_CONTROL_WORDS];
	size_t nr = split(line, words);

	if (!nr) {
		fprintf(out, "a request has 1 to %d words", ZS_CONTROL_WORDS);
		return false;
	}
	if (nr == 1 && !strcmp(words[0], "about")) {
		tell_about(control, out);
		return true;
	}
	return control->options.answer(control->options.ctx, words, nr, out);
}

static void send_answer(const struct place *place, bool done, const char *text, size_t len)
{
	uint64_t deadline = zs_clock_ns() + ZS_CONTROL_TIMEOUT_NS;
	char head[64];
	int head_len = snprintf(head, sizeof(head), ZS_PROTOCOL " %s %zu\n", done ? "ok" : "error", len);

	if (!zs_peer_send(place->fd, head, (size_t)head_len, deadline, place->control->stop))
		zs_peer_send(place->fd, text, len, deadline, place->control->stop);
}

static void refuse(const struct place *place, const char *why)
{
	send_answer(place, false, why, strlen(why));
}

static void answer_line(const struct place *place, char *line)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	bool done = out && answer(place->control, line, out);

	if (!out || fclose(out))
		refuse(place, "no memory for an answer");
	else if (len > ZS_ANSWER_MAX)
		refuse(place, "the answer is too long");
	else
		send_answer(place, done, text, len);
	free(text);
}

static bool may_ask(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) && (peer.uid == geteuid() || peer.uid == 0);
}

static void serve(const struct place *place)
{
	uint64_t deadline = zs_clock_ns() + ZS_CONTROL_TIMEOUT_NS;
	char line[ZS_REQUEST_MAX];
	int err;

	if (!may_ask(place->fd)) {
		refuse(place, "only the owner of this process and root may ask");
		return;
	}
	err = zs_peer_receive_line(place->fd, line, sizeof(line), deadline, place->control->stop);
	if (err == -EMSGSIZE)
		refuse(place, "the request is too long");
	else if (err == -ETIMEDOUT)
		refuse(place, "the request did not come in time");
	else if (!err)
		answer_line(place, line);
}

/* ---- peers ---- */

static void *serve_peer(void *arg)
{
	struct place *place = arg;
	struct zs_control *control = place->control;

	serve(place);
	close(__atomic_exchange_n(&place->fd, -1, __ATOMIC_RELAXED));
	pthread_mutex_lock(&control->lock);
	place->state = LEFT;
	pthread_cond_signal(&control->peer_left);
	pthread_mutex_unlock(&control->lock);
	return NULL;
}

/* One of this state, or NULL. context: locked. */
static struct place *find_place(struct zs_control *control, enum place_state state)
{
	for (unsigned int i = 0; i < ZS_CONTROL_PEERS; i++)
		if (control->places[i].state == state)
			return &control->places[i];
	return NULL;
}

/* A thread is joined, not only counted: its last steps are code that may be unloaded afterwards. */
static struct place *wait_for_place(struct zs_control *control)
{
	struct place *place;

	pthread_mutex_lock(&control->lock);
	while (!(place = find_place(control, FREE)) && !(place = find_place(control, LEFT)))
		pthread_cond_wait(&control->peer_left, &control->lock);
	pthread_mutex_unlock(&control->lock);
	if (place->state == LEFT)
		pthread_join(place->thread, NULL);
	place->state = FREE;
	return place;
}

static enum place_state state_of(struct zs_control *control, const struct place *place)
{
	enum place_state state;

	pthread_mutex_lock(&control->lock);
	state = place->state;
	pthread_mutex_unlock(&control->lock);
	return state;
}

/* context: nobody listens any more. */
static void wait_for_all(struct zs_control *control)
{
	for (unsigned int i = 0; i < ZS_CONTROL_PEERS; i++)
		if (state_of(control, &control->places[i]) != FREE)
			pthread_join(control->places[i].thread, NULL);
}

/* place is free, and nobody else takes it. */
static void welcome(struct place *place, int fd)
{
	__atomic_store_n(&place->fd, fd, __ATOMIC_RELAXED);
	place->state = TAKEN;
	if (!zs_thread_start(&place->thread, STACK_BYTES, serve_peer, place))
		return;
	place->state = FREE;
	close(__atomic_exchange_n(&place->fd, -1, __ATOMIC_RELAXED));
}

/* ---- listening ---- */

static void take_peer(struct zs_control *control, struct place *place)
{
	static const struct timespec rest = { .tv_nsec = REST_NS };
	int fd = accept4(control->endpoint.fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
		welcome(place, fd);
	else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
		nanosleep(&rest, NULL);
}

/* While all places are taken others wait in the socket's queue: at most for the timeout, unless orders take longer. */
static void *listen_for_peers(void *arg)
{
	struct zs_control *control = arg;
	struct pollfd fds[] = { { .fd = control->endpoint.fd, .events = POLLIN },
				{ .fd = control->stop, .events = POLLIN } };

	for (;;) {
		struct place *place = wait_for_place(control);

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (fds[1].revents)
			return NULL;
		if (fds[0].revents)
			take_peer(control, place);
	}
}

/* ---- start and stop ---- */

static void close_descriptors(struct zs_control *control)
{
	zs_endpoint_close(&control->endpoint);
	if (control->stop >= 0)
		close(control->stop);
}

static void destroy(struct zs_control *control)
{
	close_descriptors(control);
	pthread_mutex_destroy(&control->lock);
	pthread_cond_destroy(&control->peer_left);
	free(control);
}

static struct zs_control *create(const struct zs_control_options *options)
{
	struct zs_control *control = calloc(1, sizeof(*control));

	if (!control)
		return NULL;
	control->options = *options;
	control->endpoint.fd = control->stop = -1;
	for (unsigned int i = 0; i < ZS_CONTROL_PEERS; i++) {
		control->places[i].control = control;
		control->places[i].fd = -1;
	}
	pthread_mutex_init(&control->lock, NULL);
	pthread_cond_init(&control->peer_left, NULL);
	return control;
}

static int open_descriptors(struct zs_control *control, char *where, size_t size)
{
	const struct zs_control_options *options = &control->options;

	control->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (control->stop < 0)
		return -errno;
	return zs_endpoint_open(&control->endpoint, options->kind, options->name, options->is_bare, ZS_CONTROL_PEERS,
				where, size);
}

int zs_control_start(const struct zs_control_options *options, struct zs_control **result, char *where, size_t size)
{
	struct zs_control *control = create(options);
	int err;

	snprintf(where, size, "%s", "control socket");
	if (!control)
		return -ENOMEM;
	err = open_descriptors(control, where, size);
	if (!err && (err = zs_thread_start(&control->thread, STACK_BYTES, listen_for_peers, control)))
		zs_endpoint_hide(&control->endpoint);
	if (err)
		destroy(control);
	else
		*result = control;
	return err;
}

void zs_control_stop(struct zs_control *control)
{
	if (!control)
		return;
	zs_endpoint_hide(&control->endpoint);
	eventfd_write(control->stop, 1);
	pthread_join(control->thread, NULL);
	wait_for_all(control);
	destroy(control);
}

/*
 * The lock and the condition may be another thread's, which is not there. A connection that was just coming or going at
 * the fork may stay open, but no number is closed that could be another's by now.
 */
void zs_control_leave(struct zs_control *control)
{
	if (!control)
		return;
	for (unsigned int i = 0; i < ZS_CONTROL_PEERS; i++)
		if (control->places[i].fd >= 0)
			close(control->places[i].fd);
	close_descriptors(control);
	free(control);
}
