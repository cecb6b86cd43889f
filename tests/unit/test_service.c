/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The service layer: where running processes are found, who may ask them, and what becomes of peers that are slow,
 * hostile or dead.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "unit.h"

#include "ask.h"
#include "clocks.h"
#include "control.h"
#include "peer.h"
#include "runtime.h"
#include "worker.h"

#define SECOND_NS 1000000000ull
#define LARGE (1 << 20)

static char base[64];   /* $XDG_RUNTIME_DIR */
static char folder[80]; /* the sockets' */

static int make_base(void **state)
{
	(void)state;
	snprintf(base, sizeof(base), "/tmp/zs-service-XXXXXX");
	if (!mkdtemp(base))
		return -1;
	snprintf(folder, sizeof(folder), "%s/zsmalloc", base);
	return setenv("XDG_RUNTIME_DIR", base, 1);
}

/* Nothing is left of a test, unless it failed. */
static int remove_base(void **state)
{
	char command[100];

	(void)state;
	if (!rmdir(base))
		return 0;
	snprintf(command, sizeof(command), "rm -rf %s", base);
	return system(command) ? -1 : 1;
}

/* ---- names and the folder ---- */

static void names(void **state)
{
	static const char *const good[] = { "a", "12345", "my-disk_2.old", "1234567890123456789012345678901" };
	static const char *const bad[] = {
		"", ".", ".a", "a/b", "a b", "\xc3\xa9", "12345678901234567890123456789012"
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(good); i++)
		assert_true(zs_runtime_name_is_valid(good[i]));
	for (size_t i = 0; i < NR_OF(bad); i++)
		assert_false(zs_runtime_name_is_valid(bad[i]));
}

static void files(void **state)
{
	static const char *const bad[] = { "zram.sock",  "zram..sock",    "zram.a.socket",
					   ".a.sock",    "zram",          "",
					   ".sock",      "zram.a b.sock", "12345678901234567890123456789012.a.sock",
					   "a b.a.sock", "\x1b[2J.a.sock" };
	char kind[ZS_NAME_MAX + 1], name[ZS_NAME_MAX + 1];

	(void)state;
	assert_true(zs_runtime_parse("zram.my.disk.sock", kind, name));
	assert_string_equal(kind, "zram");
	assert_string_equal(name, "my.disk");
	for (size_t i = 0; i < NR_OF(bad); i++)
		assert_false(zs_runtime_parse(bad[i], kind, name));
}

static void folder_is_made_and_removed(void **state)
{
	struct zs_runtime runtime;
	struct stat stat_of;

	(void)state;
	assert_int_equal(zs_runtime_open(&runtime, false), -ENOENT);
	assert_int_equal(zs_runtime_open(&runtime, true), 0);
	assert_string_equal(runtime.path, folder);
	assert_int_equal(stat(folder, &stat_of), 0);
	assert_int_equal(stat_of.st_mode & 0777, 0700);
	zs_runtime_close(&runtime);
	assert_int_equal(zs_runtime_open(&runtime, false), 0);
	zs_runtime_remove(&runtime);
	assert_int_equal(access(folder, F_OK), -1);
}

static void folder_of_others_is_refused(void **state)
{
	struct zs_runtime runtime;

	(void)state;
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(chmod(folder, 0750), 0);
	assert_int_equal(zs_runtime_open(&runtime, true), -EPERM);
	assert_int_equal(rmdir(folder), 0);
	/* A link could lead to one that is closed to others, too, and to another one a moment later. */
	assert_int_equal(symlink("/root", folder), 0);
	assert_true(zs_runtime_open(&runtime, true) < 0);
	assert_int_equal(unlink(folder), 0);
	setenv("XDG_RUNTIME_DIR", "/nowhere/at/all", 1);
	assert_int_equal(zs_runtime_open(&runtime, true), -ENOENT);
}

/* As one does that was stopped while it had the lock. */
static int lock_folder(void)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	return fd;
}

static void nobody_waits_for_ever(void **state)
{
	struct zs_runtime runtime;
	struct zs_answer got;
	struct zs_found *found;
	size_t nr;
	uint64_t begun_ns = zs_clock_ns();
	int fd;

	(void)state;
	assert_int_equal(mkdir(folder, 0700), 0);
	fd = lock_folder();
	assert_int_equal(zs_runtime_open(&runtime, true), -ETIMEDOUT);
	assert_in_range(zs_clock_ns() - begun_ns, ZS_RUNTIME_TIMEOUT_NS, ZS_RUNTIME_TIMEOUT_NS + 60 * SECOND_NS);
	assert_int_equal(zs_ask("test", "one", "about", SECOND_NS, &got), -EBUSY);
	assert_int_equal(zs_ask_find(NULL, &found, &nr), -EBUSY);
	close(fd);
	assert_int_equal(zs_runtime_open(&runtime, false), 0);
	zs_runtime_remove(&runtime);
}

/* arg: the descriptor that has the lock */
static void *let_go(void *arg)
{
	static const struct timespec soon = { .tv_nsec = 100000000 };

	nanosleep(&soon, NULL);
	close(*(int *)arg);
	return NULL;
}

static void who_waits_has_the_lock_next(void **state)
{
	struct zs_runtime runtime;
	pthread_t thread;
	int fd;

	(void)state;
	assert_int_equal(mkdir(folder, 0700), 0);
	fd = lock_folder();
	assert_int_equal(pthread_create(&thread, NULL, let_go, &fd), 0);
	assert_int_equal(zs_runtime_open(&runtime, true), 0);
	pthread_join(thread, NULL);
	zs_runtime_remove(&runtime);
}

/* It has the folder open as it was. */
static void a_child_keeps_no_lock(void **state)
{
	struct zs_runtime runtime;
	pid_t child;
	int err;

	(void)state;
	assert_int_equal(zs_runtime_open(&runtime, true), 0);
	child = fork();
	if (!child)
		for (;;)
			pause();
	assert_true(child > 0);
	zs_runtime_close(&runtime);
	err = zs_runtime_open(&runtime, false);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(err, 0);
	zs_runtime_remove(&runtime);
}

static void long_paths_are_refused(void **state)
{
	struct zs_runtime runtime;
	struct sockaddr_un address;
	char path[200];

	(void)state;
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	setenv("XDG_RUNTIME_DIR", path, 1);
	assert_int_equal(zs_runtime_open(&runtime, true), -ENAMETOOLONG);
	snprintf(runtime.path, sizeof(runtime.path), "%.95s", path);
	assert_int_equal(zs_runtime_address(&runtime, "zram", "12345678", &address), -ENAMETOOLONG);
	assert_int_equal(zs_runtime_address(&runtime, "z", "1", &address), 0);
}

/* ---- a process that can be asked ---- */

/* echo WORD, large, fail; hold waits until the test lets go. */
static pthread_mutex_t hold = PTHREAD_MUTEX_INITIALIZER;

static bool answer(void *ctx, char *const *words, size_t nr_words, FILE *out)
{
	assert_string_equal(ctx, "context");
	if (!strcmp(words[0], "echo") && nr_words > 1) {
		fputs(words[nr_words - 1], out);
	} else if (!strcmp(words[0], "large")) {
		for (int i = 0; i < LARGE; i++)
			fputc('a' + i % 26, out);
	} else if (!strcmp(words[0], "hold")) {
		pthread_mutex_lock(&hold);
		pthread_mutex_unlock(&hold);
	} else {
		fputs("no such thing", out);
		return false;
	}
	return true;
}

static int try_start(const char *name, struct zs_control **control)
{
	struct zs_control_options options = { .kind = "test", .name = name, .answer = answer, .ctx = "context" };
	char where[128];
	int err = zs_control_start(&options, control, where, sizeof(where));

	assert_int_equal(strncmp(where, base, strlen(base)), 0);
	return err;
}

static struct zs_control *start(const char *name)
{
	struct zs_control *control = NULL;

	assert_int_equal(try_start(name, &control), 0);
	return control;
}

static void assert_answers(const char *name, const char *request, bool done, const char *expected)
{
	struct zs_answer got;

	assert_int_equal(zs_ask("test", name, request, 20 * SECOND_NS, &got), 0);
	assert_int_equal(got.done, done);
	assert_string_equal(got.text, expected);
	assert_int_equal(got.len, strlen(expected));
	free(got.text);
}

static int open_socket(const char *name, struct sockaddr_un *address)
{
	struct zs_runtime runtime = { .fd = -1 };

	snprintf(runtime.path, sizeof(runtime.path), "%s", folder);
	assert_int_equal(zs_runtime_address(&runtime, "test", name, address), 0);
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int connect_to(const char *name)
{
	struct sockaddr_un address;
	int fd = open_socket(name, &address);

	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* All that comes until the peer hangs up, which must be soon. */
static void assert_comes(int fd, const char *expected)
{
	char got[256];
	size_t len = 0;
	ssize_t some = 1;

	while (some > 0 && len < sizeof(got) - 1) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

		assert_int_equal(poll(&poll_fd, 1, 20000), 1);
		some = recv(fd, got + len, sizeof(got) - 1 - len, 0);
		len += some > 0 ? (size_t)some : 0;
	}
	got[len] = '\0';
	assert_string_equal(got, expected);
	close(fd);
}

static void requests_are_answered(void **state)
{
	struct zs_control *control = start("one");
	char about[128];

	(void)state;
	assert_answers("one", "echo hello", true, "hello");
	assert_answers("one", "  echo   a  b ", true, "b");
	assert_answers("one", "what", false, "no such thing");
	assert_answers("one", "", false, "a request has 1 to 16 words");
	assert_answers("one", "echo 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", true, "16");
	assert_answers("one", "echo 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", false, "a request has 1 to 16 words");
	snprintf(about, sizeof(about), "kind\ttest\nname\tone\npid\t%ld\n", (long)getpid());
	assert_answers("one", "about", true, about);
	zs_control_stop(control);
	assert_int_equal(access(folder, F_OK), -1);
}

static void long_answers_arrive(void **state)
{
	struct zs_control *control = start("one");
	struct zs_answer got;

	(void)state;
	assert_int_equal(zs_ask("test", "one", "large", 20 * SECOND_NS, &got), 0);
	assert_int_equal(got.len, LARGE);
	for (int i = 0; i < LARGE; i++)
		assert_int_equal(got.text[i], 'a' + i % 26);
	free(got.text);
	zs_control_stop(control);
}

static void a_name_is_taken_once(void **state)
{
	struct zs_control *control = start("one"), *other = NULL;

	(void)state;
	assert_int_equal(try_start("one", &other), -EADDRINUSE);
	other = start("two");
	assert_answers("one", "echo 1", true, "1");
	assert_answers("two", "echo 2", true, "2");
	zs_control_stop(other);
	assert_answers("one", "echo 1", true, "1");
	zs_control_stop(control);
	zs_control_stop(NULL);
}

/* As a killed process leaves it. */
static void leave_socket(const char *name)
{
	struct sockaddr_un address;
	int fd = open_socket(name, &address);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
}

static void stale_sockets_are_recognised(void **state)
{
	struct zs_control *control;
	struct zs_found *found;
	struct zs_answer got;
	size_t nr;

	(void)state;
	assert_int_equal(mkdir(folder, 0700), 0);
	leave_socket("one");
	leave_socket("two");
	assert_int_equal(zs_ask("test", "one", "about", SECOND_NS, &got), -ECONNREFUSED);
	assert_int_equal(zs_ask("test", "none", "about", SECOND_NS, &got), -ENOENT);
	control = start("one");
	assert_answers("one", "echo 1", true, "1");
	assert_int_equal(zs_ask_find(NULL, &found, &nr), 0);
	assert_int_equal(nr, 1);
	assert_string_equal(found[0].kind, "test");
	assert_string_equal(found[0].name, "one");
	free(found);
	zs_control_stop(control);
	assert_int_equal(access(folder, F_OK), -1);
}

static void all_are_found_in_order(void **state)
{
	struct zs_control *b = start("b"), *a = start("a");
	struct zs_found *found;
	size_t nr;

	(void)state;
	assert_int_equal(zs_ask_find("test", &found, &nr), 0);
	assert_int_equal(nr, 2);
	assert_string_equal(found[0].name, "a");
	assert_string_equal(found[1].name, "b");
	free(found);
	assert_int_equal(zs_ask_find("other", &found, &nr), 0);
	assert_int_equal(nr, 0);
	free(found);
	zs_control_stop(a);
	zs_control_stop(b);
	assert_int_equal(zs_ask_find(NULL, &found, &nr), 0);
	assert_int_equal(nr, 0);
}

/* The socket of another, which has come in its place, is left. */
static void only_the_own_socket_is_removed(void **state)
{
	struct zs_control *control = start("one");
	struct sockaddr_un address;

	(void)state;
	close(open_socket("one", &address));
	assert_int_equal(unlink(address.sun_path), 0);
	leave_socket("one");
	zs_control_stop(control);
	assert_int_equal(unlink(address.sun_path), 0);
	assert_int_equal(rmdir(folder), 0);
}

/* ---- bad peers ---- */

static void garbage_is_refused(void **state)
{
	struct zs_control *control = start("one");
	char garbage[ZS_REQUEST_MAX + 1];
	int fd = connect_to("one");

	(void)state;
	memset(garbage, 0xff, sizeof(garbage));
	assert_int_equal(send(fd, garbage, ZS_REQUEST_MAX, MSG_NOSIGNAL), ZS_REQUEST_MAX);
	assert_comes(fd, "zs1 error 23\nthe request is too long");
	fd = connect_to("one");
	assert_int_equal(send(fd, "\0\0\n", 3, MSG_NOSIGNAL), 3);
	assert_comes(fd, "zs1 error 27\na request has 1 to 16 words");
	fd = connect_to("one");
	assert_int_equal(send(fd, "\xff\xfe\n", 3, MSG_NOSIGNAL), 3);
	assert_comes(fd, "zs1 error 13\nno such thing");
	/* One that hangs up in the middle of a line, or without taking its answer. */
	fd = connect_to("one");
	assert_int_equal(send(fd, "echo", 4, MSG_NOSIGNAL), 4);
	close(fd);
	fd = connect_to("one");
	assert_int_equal(send(fd, "large\n", 6, MSG_NOSIGNAL), 6);
	close(fd);
	assert_answers("one", "echo still", true, "still");
	zs_control_stop(control);
}

static void silent_peers_do_not_keep_it_from_ending(void **state)
{
	struct zs_control *control = start("one");
	int fds[2 * ZS_CONTROL_PEERS], reader = connect_to("one");

	(void)state;
	/* One that does not take its answer, which is larger than what a socket holds. */
	assert_int_equal(send(reader, "large\n", 6, MSG_NOSIGNAL), 6);
	for (size_t i = 0; i < NR_OF(fds); i++)
		fds[i] = connect_to("one");
	zs_control_stop(control);
	/* Not after their time was over, which they would have been told. */
	for (size_t i = 0; i < NR_OF(fds); i++) {
		char byte;

		assert_true(recv(fds[i], &byte, 1, 0) <= 0);
		close(fds[i]);
	}
	close(reader);
	assert_int_equal(access(folder, F_OK), -1);
}

static void deadlines_may_be_over_already(void **state)
{
	int fds[2];
	char line[8];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(zs_peer_receive(fds[0], line, 1, 0, -1), -ETIMEDOUT);
	assert_int_equal(zs_peer_receive_line(fds[0], line, sizeof(line), zs_clock_ns() - 1, -1), -ETIMEDOUT);
	assert_int_equal(zs_peer_send(fds[0], "x", 1, 0, -1), -ETIMEDOUT);
	close(fds[0]);
	close(fds[1]);
}

static void peers_wait_for_a_place(void **state)
{
	struct zs_control *control = start("one");
	int fds[ZS_CONTROL_PEERS];

	(void)state;
	for (size_t i = 0; i < NR_OF(fds); i++)
		fds[i] = connect_to("one");
	for (size_t i = 0; i < NR_OF(fds); i++)
		close(fds[i]);
	assert_answers("one", "echo at last", true, "last");
	zs_control_stop(control);
}

static void *ask_to_hold(void *arg)
{
	(void)arg;
	assert_answers("one", "hold", true, "");
	return NULL;
}

static void orders_do_not_wait_for_each_other(void **state)
{
	struct zs_control *control = start("one");
	pthread_t thread;

	(void)state;
	pthread_mutex_lock(&hold);
	assert_int_equal(pthread_create(&thread, NULL, ask_to_hold, NULL), 0);
	assert_answers("one", "echo meanwhile", true, "meanwhile");
	pthread_mutex_unlock(&hold);
	pthread_join(thread, NULL);
	zs_control_stop(control);
}

/* In a child that is somebody else. */
static int ask_as_nobody(void)
{
	struct sockaddr_un address;
	char got[128] = "";
	int fd = open_socket("one", &address);

	/* Nobody else gets as far as the socket: the eyes of the file system see its owner, the peer sees who asks. */
	if (seteuid(65534))
		return 2;
	setfsuid(0);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return 3;
	/* The answer comes without a request. */
	for (size_t len = 0; len < sizeof(got) - 1;) {
		ssize_t some = recv(fd, got + len, sizeof(got) - 1 - len, 0);

		if (some <= 0)
			break;
		len += (size_t)some;
	}
	return strcmp(got, "zs1 error 47\nonly the owner of this process and root may ask") ? 1 : 0;
}

static void others_get_no_answer(void **state)
{
	struct zs_control *control;
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	control = start("one");
	pid = fork();
	if (!pid)
		_exit(ask_as_nobody());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_answers("one", "echo mine", true, "mine");
	zs_control_stop(control);
}

/* ---- sockets without a file ---- */

static struct zs_control *start_bare(const char *name)
{
	struct zs_control_options options = {
		.kind = "test", .name = name, .answer = answer, .ctx = "context", .is_bare = true
	};
	struct zs_control *control = NULL;
	char where[128];

	assert_int_equal(zs_control_start(&options, &control, where, sizeof(where)), 0);
	assert_int_equal(strncmp(where, folder, strlen(folder)), 0);
	return control;
}

static size_t nr_found(const char *kind)
{
	struct zs_found *found;
	size_t nr;

	assert_int_equal(zs_ask_find(kind, &found, &nr), 0);
	free(found);
	return nr;
}

static void without_a_file_it_is_found_too(void **state)
{
	struct zs_control *b = start_bare("b"), *a = start("a"), *c = start_bare("c");
	struct zs_control_options again = { .kind = "test", .name = "b", .answer = answer, .is_bare = true };
	struct zs_control *other = NULL;
	struct zs_found *found;
	char where[128];
	size_t nr;

	(void)state;
	assert_int_equal(zs_control_start(&again, &other, where, sizeof(where)), -EADDRINUSE);
	assert_answers("a", "echo 1", true, "1");
	assert_answers("b", "echo 2", true, "2");
	assert_int_equal(zs_ask_find("test", &found, &nr), 0);
	assert_int_equal(nr, 3);
	for (size_t i = 0; i < nr; i++)
		assert_int_equal(found[i].name[0], "abc"[i]);
	free(found);
	assert_int_equal(nr_found("other"), 0);
	zs_control_stop(a);
	assert_int_equal(access(folder, F_OK), -1);
	assert_answers("c", "echo 3", true, "3");
	/* The folder is a part of the names. */
	assert_int_equal(setenv("XDG_RUNTIME_DIR", "/nowhere/at/all", 1), 0);
	assert_int_equal(nr_found(NULL), 0);
	assert_int_equal(setenv("XDG_RUNTIME_DIR", base, 1), 0);
	zs_control_stop(b);
	assert_int_equal(nr_found(NULL), 1);
	zs_control_stop(c);
	assert_int_equal(nr_found(NULL), 0);
}

/* Another process, of some user, that has the name "one". */
static pid_t begin_other(uid_t user)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		if (seteuid(user))
			_exit(1);
		start_bare("one");
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void kill_other(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

/* However it ends. */
static void without_a_file_nothing_is_left(void **state)
{
	pid_t pid = begin_other(geteuid());
	struct zs_answer got;

	(void)state;
	assert_answers("one", "echo there", true, "there");
	kill_other(pid);
	assert_int_equal(zs_ask("test", "one", "about", SECOND_NS, &got), -ENOENT);
	assert_int_equal(nr_found(NULL), 0);
	assert_int_equal(access(folder, F_OK), -1);
}

/* Someone else has the name: who asks is not answered by him. */
static void names_of_others_are_not_believed(void **state)
{
	struct zs_answer got;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	pid = begin_other(65534);
	assert_int_equal(zs_ask("test", "one", "about", SECOND_NS, &got), -EACCES);
	assert_int_equal(nr_found(NULL), 0);
	kill_other(pid);
}

/* ---- children ---- */

static void become_child(struct zs_control *control, int told, int ready)
{
	char byte;

	zs_control_leave(control);
	if (write(ready, "r", 1) != 1 || read(told, &byte, 1) != 1)
		_exit(1);
	_exit(0);
}

/* A peer is being served at the fork, whom the child does not keep either. */
static void a_child_leaves_its_parents_socket(void **state)
{
	struct zs_control *control = start_bare("one");
	int told[2], ready[2], status, peer;
	struct zs_answer got;
	struct sockaddr_un address;
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(zs_runtime_bare_address("test", "one", &address), 0);
	peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(peer, (struct sockaddr *)&address, zs_runtime_length(&address)), 0);
	assert_answers("one", "echo who came later is served", true, "served");
	assert_int_equal(pipe(told), 0);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		close(peer);
		become_child(control, told[0], ready[1]);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_answers("one", "echo the parent", true, "parent");
	zs_control_stop(control);
	assert_int_equal(recv(peer, &byte, 1, 0), 0);
	assert_int_equal(zs_ask("test", "one", "about", SECOND_NS, &got), -ENOENT);
	assert_int_equal(write(told[1], "t", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	zs_control_leave(NULL);
	for (unsigned int i = 0; i < 2; i++) {
		close(told[i]);
		close(ready[i]);
	}
	close(peer);
}

/* ---- bad processes ---- */

struct fake {
	int listener;
	const char *says; /* NULL: it waits until the peer goes */
};

static void *be_fake(void *arg)
{
	struct fake *fake = arg;
	int fd = accept(fake->listener, NULL, NULL);
	char rest[64];

	if (fake->says)
		send(fd, fake->says, strlen(fake->says), MSG_NOSIGNAL);
	if (fake->says)
		shutdown(fd, SHUT_WR);
	while (recv(fd, rest, sizeof(rest), 0) > 0)
		;
	close(fd);
	return NULL;
}

static void assert_ask_fails(const char *says, uint64_t timeout_ns, int expected)
{
	struct sockaddr_un address;
	struct fake fake = { .listener = open_socket("fake", &address), .says = says };
	struct zs_answer got;
	pthread_t thread;

	assert_int_equal(bind(fake.listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fake.listener, 1), 0);
	assert_int_equal(pthread_create(&thread, NULL, be_fake, &fake), 0);
	assert_int_equal(zs_ask("test", "fake", "about", timeout_ns, &got), expected);
	assert_null(got.text);
	pthread_join(thread, NULL);
	close(fake.listener);
	assert_int_equal(unlink(address.sun_path), 0);
}

static void bad_answers_are_errors(void **state)
{
	char endless[100];

	(void)state;
	memset(endless, 'x', sizeof(endless));
	endless[sizeof(endless) - 1] = '\0';
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_ask_fails("HTTP/1.1 400 Bad Request\n", 20 * SECOND_NS, -EPROTO);
	assert_ask_fails("zs1 ok 67108865\n", 20 * SECOND_NS, -EPROTO);
	assert_ask_fails("zs1 ok -1\n", 20 * SECOND_NS, -EPROTO);
	assert_ask_fails("zs1 ok 1 2\nab", 20 * SECOND_NS, -EPROTO);
	assert_ask_fails("zs1 good 2\nab", 20 * SECOND_NS, -EPROTO);
	assert_ask_fails("zs2 ok 2\nab", 20 * SECOND_NS, -EPROTO);
	assert_ask_fails(endless, 20 * SECOND_NS, -EPROTO);
	assert_ask_fails("", 20 * SECOND_NS, -EPIPE);
	assert_ask_fails("zs1 ok 10\nshort", 20 * SECOND_NS, -EPIPE);
	assert_ask_fails(NULL, SECOND_NS / 20, -ETIMEDOUT);
	assert_int_equal(rmdir(folder), 0);
}

/* ---- the worker ---- */

struct work {
	unsigned int nr_steps;
	unsigned int nr_spent;
	uint64_t last_ns;
	bool went_back;
};

static uint64_t step(void *ctx, uint64_t now_ns)
{
	struct work *work = ctx;

	work->went_back |= now_ns < work->last_ns;
	work->last_ns = now_ns;
	return __atomic_add_fetch(&work->nr_steps, 1, __ATOMIC_RELAXED) < 5 ? 0 : UINT64_MAX;
}

static void spent(void *ctx, uint64_t ns)
{
	struct work *work = ctx;

	assert_true(ns < 60 * SECOND_NS);
	work->nr_spent++;
}

/* Steps follow each other while there is more to do; then it rests, and ends at once when it is told to. */
static void the_worker_works_until_it_is_stopped(void **state)
{
	struct work work = { .nr_steps = 0 };
	struct zs_worker *worker = NULL;
	unsigned int nr_steps;

	(void)state;
	assert_int_equal(zs_worker_start(step, spent, &work, &worker), 0);
	while (__atomic_load_n(&work.nr_steps, __ATOMIC_RELAXED) < 5)
		sched_yield();
	zs_worker_stop(worker);
	nr_steps = work.nr_steps;
	assert_true(nr_steps >= 5);
	assert_int_equal(work.nr_spent, nr_steps);
	assert_false(work.went_back);
	zs_worker_stop(NULL);
}

#define IN_BASE(test) cmocka_unit_test_setup_teardown(test, make_base, remove_base)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(files),
		IN_BASE(folder_is_made_and_removed),
		IN_BASE(folder_of_others_is_refused),
		IN_BASE(nobody_waits_for_ever),
		IN_BASE(who_waits_has_the_lock_next),
		IN_BASE(a_child_keeps_no_lock),
		IN_BASE(long_paths_are_refused),
		IN_BASE(requests_are_answered),
		IN_BASE(long_answers_arrive),
		IN_BASE(a_name_is_taken_once),
		IN_BASE(stale_sockets_are_recognised),
		IN_BASE(all_are_found_in_order),
		IN_BASE(only_the_own_socket_is_removed),
		IN_BASE(garbage_is_refused),
		IN_BASE(silent_peers_do_not_keep_it_from_ending),
		cmocka_unit_test(deadlines_may_be_over_already),
		IN_BASE(peers_wait_for_a_place),
		IN_BASE(orders_do_not_wait_for_each_other),
		IN_BASE(others_get_no_answer),
		IN_BASE(without_a_file_it_is_found_too),
		IN_BASE(without_a_file_nothing_is_left),
		IN_BASE(names_of_others_are_not_believed),
		IN_BASE(a_child_leaves_its_parents_socket),
		IN_BASE(bad_answers_are_errors),
		cmocka_unit_test(the_worker_works_until_it_is_stopped),
	};

	return cmocka_run_group_tests_name("service", tests, NULL, NULL);
}
