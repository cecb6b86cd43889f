/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * zs zram run: a disk for a command. nbdkit serves it on a socket in a folder of its own, which goes with it.
 *
 * Signals: an interrupt from the terminal is the command's, which decides what becomes of it; the disk has a process
 * group of its own, so that it outlives the command. What is to end zs itself is passed on to the command. Before there
 * is one, it ends zs, but for SIGHUP, which is ignored so long. The command finds signals as zs did: those that were
 * ignored are, as nohup(1) has it, and no others.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ask.h"
#include "zram_command.h"
#include "zs.h"

#define START_NS (20 * 1000000000ull)
#define END_NS (10 * 1000000000ull)
#define LOOK_NS 5000000 /* between two looks whether something has happened */

#define CANNOT_RUN 126 /* as shells say it */
#define NOT_FOUND 127

struct server {
	char folder[64]; /* $TMPDIR is not asked: a socket's path is short */
	char socket[80];
	char plugin[4096];
	char name[ZS_NAME_MAX + 1];
	char control[64];      /* control=, with the name */
	char settings[3][128]; /* size=, compressor=, limit= */
	pid_t pid;
};

static volatile sig_atomic_t command_pid;

/* Signals that zs takes, and what was to be done about them before: an exec() resets handlers, but ignores on. */
static struct {
	int number;
	struct sigaction before;
} taken[] = { { .number = SIGHUP }, { .number = SIGINT }, { .number = SIGQUIT }, { .number = SIGTERM } };

#define NR_TAKEN (sizeof(taken) / sizeof(taken[0]))

/* ---- the disk ---- */

static bool ends_in(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && !strcmp(text + len - end_len, end);
}

/* The plugin beside this program in the folder it was built in, or the one that nbdkit knows. */
static void find_plugin(char *plugin, size_t size)
{
	char self[2048];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[len < 0 ? 0 : len] = '\0';
	slash = strrchr(self, '/');
	if (slash) {
		*slash = '\0';
		snprintf(plugin, size, "%s/../../src/front/nbdkit/nbdkit-zram-plugin.so", self);
		if (ends_in(self, "/tools/zs") && !access(plugin, R_OK))
			return;
		snprintf(plugin, size, "%s/%s", self, ZS_PLUGIN_FROM_BIN);
		if (!access(plugin, R_OK))
			return;
	}
	snprintf(plugin, size, "zram");
}

static void exec_server(struct server *server)
{
	char *words[] = { "nbdkit",
			  "--foreground",
			  "--exit-with-parent",
			  "--unix",
			  server->socket,
			  server->plugin,
			  server->control,
			  server->settings[0],
			  server->settings[1],
			  *server->settings[2] ? server->settings[2] : NULL,
			  NULL };

	setpgid(0, 0);
	execvp(words[0], words);
	zs_message("cannot run nbdkit: %s (Debian has it in the package nbdkit)", strerror(errno));
	_exit(NOT_FOUND);
}

static void pause_a_little(void)
{
	static const struct timespec time = { .tv_nsec = LOOK_NS };

	nanosleep(&time, NULL);
}

/* The socket is there before the disk is, and nbdkit ends if that cannot be made. The disk itself answers in time. */
static bool is_there(const struct server *server)
{
	struct zs_answer answer;
	bool there = !zs_ask("zram", server->name, "about", START_NS, &answer) && answer.done;

	free(answer.text);
	return there;
}

static bool wait_until_served(struct server *server)
{
	uint64_t deadline = zs_clock_ns() + START_NS;

	while (!is_there(server)) {
		if (waitpid(server->pid, NULL, WNOHANG) == server->pid) {
			server->pid = 0;
			return false; /* it said why */
		}
		if (zs_interrupted())
			return false;
		if (zs_clock_ns() > deadline) {
			zs_message("nbdkit does not start");
			return false;
		}
		pause_a_little();
	}
	return true;
}

static bool start_server(struct server *server)
{
	snprintf(server->folder, sizeof(server->folder), "/tmp/zs-zram-XXXXXX");
	if (!mkdtemp(server->folder)) {
		zs_message("cannot make %s: %s", server->folder, strerror(errno));
		*server->folder = '\0';
		return false;
	}
	snprintf(server->socket, sizeof(server->socket), "%s/socket", server->folder);
	snprintf(server->name, sizeof(server->name), "run-%ld", (long)getpid());
	snprintf(server->control, sizeof(server->control), "control=%s", server->name);
	find_plugin(server->plugin, sizeof(server->plugin));
	server->pid = fork();
	if (server->pid < 0) {
		zs_message("cannot start nbdkit: %s", strerror(errno));
		server->pid = 0;
		return false;
	}
	if (!server->pid)
		exec_server(server);
	return wait_until_served(server);
}

static void end_server(struct server *server)
{
	uint64_t begun = zs_clock_ns();

	if (server->pid) {
		kill(server->pid, SIGTERM);
		while (waitpid(server->pid, NULL, WNOHANG) == 0) {
			if (zs_clock_ns() - begun > END_NS)
				kill(server->pid, SIGKILL);
			pause_a_little();
		}
	}
	if (!*server->folder)
		return;
	unlink(server->socket);
	rmdir(server->folder);
}

/* ---- the command ---- */

static void pass_on(int number)
{
	if (command_pid > 0)
		kill((pid_t)command_pid, number);
}

static void handle(int number, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };

	sigemptyset(&action.sa_mask);
	sigaction(number, &action, NULL);
}

static void note_signals(void)
{
	for (size_t i = 0; i < NR_TAKEN; i++)
		sigaction(taken[i].number, NULL, &taken[i].before);
}

static void restore_signals(void)
{
	for (size_t i = 0; i < NR_TAKEN; i++)
		sigaction(taken[i].number, &taken[i].before, NULL);
}

static void exec_command(const struct server *server, char **words, const sigset_t *mask)
{
	char uri[128];
	int err;

	snprintf(uri, sizeof(uri), "nbd+unix:///?socket=%s", server->socket);
	setenv("uri", uri, 1);
	restore_signals();
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(words[0], words);
	err = errno;
	zs_message("cannot run %s: %s", words[0], strerror(err));
	_exit(err == ENOENT ? NOT_FOUND : CANNOT_RUN);
}

/* The status as a shell tells it. Until the process is reaped its number is no other's. */
static int wait_for_command(pid_t pid)
{
	siginfo_t info;
	int status;

	while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) && errno == EINTR)
		;
	command_pid = 0;
	if (waitpid(pid, &status, 0) != pid)
		return ZS_EXIT_FAILURE;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Signals wait until it is known whom they are passed on to. */
static int run_command(const struct server *server, char **words)
{
	sigset_t all, old;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	if (zs_interrupted()) {
		sigprocmask(SIG_SETMASK, &old, NULL);
		return ZS_EXIT_FAILURE;
	}
	pid = fork();
	if (!pid)
		exec_command(server, words, &old);
	command_pid = pid;
	handle(SIGTERM, pass_on);
	handle(SIGHUP, pass_on);
	handle(SIGINT, SIG_IGN);
	handle(SIGQUIT, SIG_IGN);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (pid > 0)
		return wait_for_command(pid);
	zs_message("cannot run %s: %s", words[0], strerror(errno));
	return ZS_EXIT_FAILURE;
}

/* A disk that ended before the command did has lost what was on it. */
static int check_server(struct server *server, int status)
{
	if (is_there(server))
		return status;
	zs_message("the disk ended before the command did");
	return status ? status : ZS_EXIT_FAILURE;
}

static int run_with_disk(struct server *server, char **words)
{
	int status = ZS_EXIT_FAILURE;

	signal(SIGCHLD, SIG_DFL); /* who ignores it cannot wait */
	note_signals();
	zs_catch_interrupts();
	handle(SIGHUP, SIG_IGN); /* until there is a command that it is passed on to */
	if (start_server(server))
		status = check_server(server, run_command(server, words));
	end_server(server);
	if (zs_interrupted())
		zs_die_of_interrupt();
	return status;
}

/* ---- arguments ---- */

static bool set(struct server *server, int option, const char *value)
{
	static const char letters[] = "scl";
	static const char *const keys[] = { "size", "compressor", "limit" };
	ptrdiff_t i = strchr(letters, option) - letters;
	size_t size = sizeof(server->settings[0]);

	return (size_t)snprintf(server->settings[i], size, "%s=%s", keys[i], value) < size;
}

int zs_zram_run(int argc, char **argv)
{
	struct server server = { .settings = { "size=4G", "compressor=lz4" } };
	int option;

	while ((option = getopt(argc, argv, "+:s:c:l:")) >= 0) {
		if (option == ':' || option == '?')
			return zs_option_error("zram", option, argv);
		if (!set(&server, option, optarg))
			return zs_usage_error("zram", "-%c %s: that is too long", option, optarg);
	}
	if (optind == argc)
		return zs_usage_error("zram", "run needs a command");
	return run_with_disk(&server, argv + optind);
}
