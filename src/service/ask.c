/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The asking side of control sockets.
 */
#include "ask.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clocks.h"
#include "peer.h"

/* ---- one request ---- */

/* Whether the text's length is a number that an answer may have. */
static bool parse_head(const char *head, bool *done, size_t *len)
{
	char word[8], end;
	unsigned long number;

	if (sscanf(head, ZS_PROTOCOL " %7s %10lu%c", word, &number, &end) != 2 || number > ZS_ANSWER_MAX)
		return false;
	*done = !strcmp(word, "ok");
	*len = number;
	return *done || !strcmp(word, "error");
}

static int receive_answer(int fd, uint64_t deadline, struct zs_answer *answer)
{
	char head[64];
	int err = zs_peer_receive_line(fd, head, sizeof(head), deadline, -1);

	if (err)
		return err == -EMSGSIZE ? -EPROTO : err;
	if (!parse_head(head, &answer->done, &answer->len))
		return -EPROTO;
	answer->text = malloc(answer->len + 1);
	if (!answer->text)
		return -ENOMEM;
	answer->text[answer->len] = '\0';
	err = zs_peer_receive(fd, answer->text, answer->len, deadline, -1);
	if (err) {
		free(answer->text);
		answer->text = NULL;
	}
	return err;
}

static int converse(int fd, const char *request, uint64_t timeout_ns, struct zs_answer *answer)
{
	uint64_t deadline = zs_clock_ns() + timeout_ns;
	int err = zs_peer_send(fd, request, strlen(request), deadline, -1);

	if (!err)
		err = zs_peer_send(fd, "\n", 1, deadline, -1);
	return err ? err : receive_answer(fd, deadline, answer);
}

/* A process whose queue is full is a busy one: connect() waits, as long as sending may take. */
static int connect_socket(const struct sockaddr_un *address, uint64_t timeout_ns)
{
	struct timeval timeout = { .tv_sec = (time_t)(timeout_ns / 1000000000u) + 1 };
	int err, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)))
		return fd;
	err = errno == EAGAIN ? -ETIMEDOUT : -errno;
	close(fd);
	return err;
}

/* Its deadline is not that of who is asked. */
static int open_folder(struct zs_runtime *runtime)
{
	int err = zs_runtime_open(runtime, false);

	return err == -ETIMEDOUT ? -EBUSY : err;
}

static int connect_to(const char *kind, const char *name, uint64_t timeout_ns)
{
	struct zs_runtime runtime;
	struct sockaddr_un address;
	int err = open_folder(&runtime);

	if (err)
		return err;
	err = zs_runtime_address(&runtime, kind, name, &address);
	zs_runtime_close(&runtime);
	return err ? err : connect_socket(&address, timeout_ns);
}

int zs_ask(const char *kind, const char *name, const char *request, uint64_t timeout_ns, struct zs_answer *answer)
{
	int err, fd = connect_to(kind, name, timeout_ns);

	*answer = (struct zs_answer){ .text = NULL };
	if (fd < 0)
		return fd;
	err = converse(fd, request, timeout_ns, answer);
	close(fd);
	return err;
}

/* ---- all that run ---- */

static int by_kind_and_name(const void *a, const void *b)
{
	const struct zs_found *one = a, *other = b;
	int order = strcmp(one->kind, other->kind);

	return order ? order : strcmp(one->name, other->name);
}

/* Adds what a file stands for, if it is a socket that somebody listens to. */
static int add(const struct zs_runtime *runtime, const char *file, const char *kind, struct zs_found **found,
	       size_t *nr)
{
	struct sockaddr_un address;
	struct zs_found one, *more;

	if (!zs_runtime_parse(file, one.kind, one.name) || (kind && strcmp(kind, one.kind)))
		return 0;
	if (zs_runtime_address(runtime, one.kind, one.name, &address) ||
	    zs_runtime_remove_stale(&address) != -EADDRINUSE)
		return 0;
	more = reallocarray(*found, *nr + 1, sizeof(one));
	if (!more)
		return -ENOMEM;
	*found = more;
	more[(*nr)++] = one;
	return 0;
}

static int add_all(const struct zs_runtime *runtime, const char *kind, struct zs_found **found, size_t *nr)
{
	DIR *folder = opendir(runtime->path);
	const struct dirent *file;
	int err = 0;

	if (!folder)
		return -errno;
	while (!err && (file = readdir(folder)))
		err = add(runtime, file->d_name, kind, found, nr);
	closedir(folder);
	return err;
}

int zs_ask_find(const char *kind, struct zs_found **found, size_t *nr)
{
	struct zs_runtime runtime;
	int err = open_folder(&runtime);

	*found = NULL;
	*nr = 0;
	if (err)
		return err == -ENOENT ? 0 : err;
	err = add_all(&runtime, kind, found, nr);
	zs_runtime_close(&runtime);
	if (*nr)
		qsort(*found, *nr, sizeof(**found), by_kind_and_name);
	return err;
}
