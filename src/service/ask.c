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

/* Without a file everybody could have taken the name. */
static int check_owner(int fd, const struct sockaddr_un *address)
{
	struct ucred owner;
	socklen_t len = sizeof(owner);

	if (address->sun_path[0])
		return 0;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &owner, &len))
		return -errno;
	return owner.uid == geteuid() ? 0 : -EACCES;
}

/* A process whose queue is full is a busy one: connect() waits, as long as sending may take. */
static int connect_socket(const struct sockaddr_un *address, uint64_t timeout_ns)
{
	struct timeval timeout = { .tv_sec = (time_t)(timeout_ns / 1000000000u) + 1 };
	int err, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (const struct sockaddr *)address, zs_runtime_length(address)))
		err = errno == EAGAIN ? -ETIMEDOUT : -errno;
	else
		err = check_owner(fd, address);
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* Its deadline is not that of who is asked. */
static int open_folder(struct zs_runtime *runtime)
{
	int err = zs_runtime_open(runtime, false);

	return err == -ETIMEDOUT ? -EBUSY : err;
}

static int connect_to_file(const char *kind, const char *name, uint64_t timeout_ns)
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

static int connect_to_bare(const char *kind, const char *name, uint64_t timeout_ns)
{
	struct sockaddr_un address;
	int err = zs_runtime_bare_address(kind, name, &address);

	if (!err)
		err = connect_socket(&address, timeout_ns);
	return err == -ECONNREFUSED ? -ENOENT : err; /* nothing is left of one that has ended */
}

static int connect_to(const char *kind, const char *name, uint64_t timeout_ns)
{
	int fd = connect_to_file(kind, name, timeout_ns);

	return fd == -ENOENT ? connect_to_bare(kind, name, timeout_ns) : fd;
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

struct search {
	const char *kind; /* NULL: all */
	struct zs_found *found;
	size_t nr;
};

static bool is_wanted(const struct search *search, const char *file, struct zs_found *one)
{
	return zs_runtime_parse(file, one->kind, one->name) && (!search->kind || !strcmp(search->kind, one->kind));
}

static int add(struct search *search, const struct zs_found *one)
{
	struct zs_found *more = reallocarray(search->found, search->nr + 1, sizeof(*one));

	if (!more)
		return -ENOMEM;
	search->found = more;
	more[search->nr++] = *one;
	return 0;
}

/* Adds what a file stands for, if it is a socket that somebody listens to. */
static int add_file(struct search *search, const struct zs_runtime *runtime, const char *file)
{
	struct sockaddr_un address;
	struct zs_found one;

	if (!is_wanted(search, file, &one) || zs_runtime_address(runtime, one.kind, one.name, &address) ||
	    zs_runtime_remove_stale(&address) != -EADDRINUSE)
		return 0;
	return add(search, &one);
}

static int add_files(struct search *search, const struct zs_runtime *runtime)
{
	DIR *folder = opendir(runtime->path);
	const struct dirent *file;
	int err = 0;

	if (!folder)
		return -errno;
	while (!err && (file = readdir(folder)))
		err = add_file(search, runtime, file->d_name);
	closedir(folder);
	return err;
}

static int look_in_folder(struct search *search)
{
	struct zs_runtime runtime;
	int err = open_folder(&runtime);

	if (err)
		return err == -ENOENT ? 0 : err;
	err = add_files(search, &runtime);
	zs_runtime_close(&runtime);
	return err;
}

#define LISTENS 0x10000ul /* among the flags, the fourth word of a line: the kernel's __SO_ACCEPTCON */

/* The name of a listener without a file, of a line of /proc/net/unix; NULL: it is none, or lies elsewhere. */
static const char *bare_name_in(char *line, const char *folder)
{
	size_t len = strlen(folder);
	unsigned long flags = 0;
	int at = 0;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%*[^:]: %*x %*x %lx %*x %*x %*u %n", &flags, &at) != 1 || !at || !(flags & LISTENS))
		return NULL;
	line += at;
	return line[0] == '@' && !strncmp(line + 1, folder, len) && line[1 + len] == '/' ? line + len + 2 : NULL;
}

/* Who could not be asked, as another user's, is left out. */
static int add_bare(struct search *search, const char *name)
{
	struct zs_found one;
	int fd;

	if (!is_wanted(search, name, &one))
		return 0;
	fd = connect_to_bare(one.kind, one.name, 0);
	if (fd < 0)
		return 0;
	close(fd);
	return add(search, &one);
}

static int look_in_system(struct search *search)
{
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)], *line = NULL;
	FILE *file = zs_runtime_find(folder, sizeof(folder)) ? NULL : fopen("/proc/net/unix", "re");
	size_t size = 0;
	int err = 0;

	while (file && !err && getline(&line, &size, file) > 0) {
		const char *name = bare_name_in(line, folder);

		err = name ? add_bare(search, name) : 0;
	}
	free(line);
	if (file)
		fclose(file);
	return err;
}

int zs_ask_find(const char *kind, struct zs_found **found, size_t *nr)
{
	struct search search = { .kind = kind };
	int err = look_in_folder(&search);

	if (!err)
		err = look_in_system(&search);
	*found = search.found;
	*nr = search.nr;
	if (*nr)
		qsort(*found, *nr, sizeof(**found), by_kind_and_name);
	return err;
}
