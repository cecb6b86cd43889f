/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The child process that runs the loop over malloc: one request, one reply, over a socket pair.
 *
 * A child of its own, so that its resident memory is malloc's and nothing else's; the loop and the batch are those of
 * the parent. It ends when the parent's end of the socket is gone.
 */
#include "malloc_peer.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop.h"
#include "resident.h"
#include "team.h"
#include "zs.h"

enum request_kind { STORE, LOAD, FREE_HALF, TRIM, STATE };

/* No padding: it would go through the socket as it is. */
struct request {
	size_t kind;
	size_t first;
	size_t end;
};

struct reply {
	uint64_t err;
	uint64_t batch_ns; /* of STORE and LOAD */
	struct zs_malloc_peer_state state;
};

struct zs_malloc_peer {
	int fd;
	pid_t pid;
	bool lost;
};

static int serve_one(struct zs_loop *loop, const struct request *request)
{
	switch ((enum request_kind)request->kind) {
	case STORE: return zs_loop_store(loop, request->first, request->end);
	case LOAD: zs_loop_load(loop, request->first, request->end); return 0;
	case FREE_HALF: zs_loop_free_half(loop, request->end); return 0;
	case TRIM: loop->heap.trim(&loop->heap); return 0;
	case STATE: return 0;
	}
	return EINVAL;
}

static void tell_state(const struct zs_loop *loop, uint64_t base_bytes, struct zs_malloc_peer_state *state)
{
	uint64_t bytes = zs_resident_bytes();

	state->grown_bytes = bytes > base_bytes ? bytes - base_bytes : 0;
	state->store_ns = loop->store_ns;
	state->load_ns = loop->load_ns;
	state->free_ns = loop->free_ns;
}

static void serve(struct zs_loop *loop, int fd)
{
	uint64_t base_bytes = zs_resident_bytes();
	struct request request;

	while (recv(fd, &request, sizeof(request), 0) == (ssize_t)sizeof(request)) {
		uint64_t before_ns = loop->store_ns + loop->load_ns;
		struct reply reply = { .err = (uint64_t)serve_one(loop, &request) };

		reply.batch_ns = loop->store_ns + loop->load_ns - before_ns;
		if (request.kind == STATE)
			tell_state(loop, base_bytes, &reply.state);
		if (send(fd, &reply, sizeof(reply), MSG_NOSIGNAL) != (ssize_t)sizeof(reply))
			return;
	}
}

/* The parent alone decides what an interrupt means. */
static void child_main(const struct zs_loop_plan *plan, int fd)
{
	struct zs_loop loop;

	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	if (!zs_loop_init(&loop, plan)) {
		loop.heap = zs_heap_of_malloc();
		serve(&loop, fd);
	}
	zs_team_destroy(loop.team);
	_exit(0);
}

static struct zs_malloc_peer *fork_child(const struct zs_loop_plan *plan, int fds[2])
{
	struct zs_malloc_peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		return NULL;
	peer->fd = fds[0];
	peer->pid = fork();
	if (!peer->pid) {
		close(fds[0]);
		child_main(plan, fds[1]);
	}
	if (peer->pid < 0) {
		free(peer);
		return NULL;
	}
	return peer;
}

struct zs_malloc_peer *zs_malloc_peer_start(const struct zs_loop_plan *plan)
{
	struct zs_malloc_peer *peer;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds)) {
		zs_message("malloc is left out of the comparison: no socket for its process: %s", strerror(errno));
		return NULL;
	}
	peer = fork_child(plan, fds);
	if (!peer) {
		zs_message("malloc is left out of the comparison: no process for it: %s", strerror(errno));
		close(fds[0]);
	}
	close(fds[1]);
	return peer;
}

void zs_malloc_peer_stop(struct zs_malloc_peer *peer)
{
	if (!peer)
		return;
	close(peer->fd);
	while (waitpid(peer->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(peer);
}

static bool lose(struct zs_malloc_peer *peer, const char *why)
{
	zs_message("malloc is left out of the comparison: %s", why);
	peer->lost = true;
	return false;
}

static bool ask(struct zs_malloc_peer *peer, struct request request, struct reply *reply)
{
	if (!peer || peer->lost)
		return false;
	if (send(peer->fd, &request, sizeof(request), MSG_NOSIGNAL) != (ssize_t)sizeof(request) ||
	    recv(peer->fd, reply, sizeof(*reply), 0) != (ssize_t)sizeof(*reply))
		return lose(peer, "its process ended, perhaps for want of memory");
	if (reply->err)
		return lose(peer, strerror((int)reply->err));
	return true;
}

static bool ask_batch(struct zs_malloc_peer *peer, struct request request, uint64_t *ns)
{
	struct reply reply = { 0 };
	bool done = ask(peer, request, &reply);

	*ns = reply.batch_ns;
	return done;
}

bool zs_malloc_peer_store(struct zs_malloc_peer *peer, size_t first, size_t end, uint64_t *ns)
{
	return ask_batch(peer, (struct request){ STORE, first, end }, ns);
}

bool zs_malloc_peer_load(struct zs_malloc_peer *peer, size_t first, size_t end, uint64_t *ns)
{
	return ask_batch(peer, (struct request){ LOAD, first, end }, ns);
}

bool zs_malloc_peer_free_half(struct zs_malloc_peer *peer, size_t nr_units)
{
	return ask(peer, (struct request){ FREE_HALF, 0, nr_units }, &(struct reply){ 0 });
}

bool zs_malloc_peer_trim(struct zs_malloc_peer *peer)
{
	return ask(peer, (struct request){ TRIM, 0, 0 }, &(struct reply){ 0 });
}

bool zs_malloc_peer_state(struct zs_malloc_peer *peer, struct zs_malloc_peer_state *state)
{
	struct reply reply = { 0 };

	if (!ask(peer, (struct request){ STATE, 0, 0 }, &reply))
		return false;
	*state = reply.state;
	return true;
}
