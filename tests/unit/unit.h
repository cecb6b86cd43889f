/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What every unit test needs: cmocka, a log of on_error calls, pools with that log, and children that may abort.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "must.h" /* for children */
#include "zsmalloc.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNIT_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNIT_SANITIZED 1
#endif
#endif
#ifndef UNIT_SANITIZED
#define UNIT_SANITIZED 0
#endif

#define NR_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- on_error ---- */

struct error_log {
	unsigned int nr;
	int err;
	char what[128];
};

static inline void error_log_note(void *ctx, int err, const char *what)
{
	struct error_log *log = ctx;

	log->nr++;
	log->err = err;
	snprintf(log->what, sizeof(log->what), "%s", what);
}

/* That one error more was told since the log was empty, with this number; then the log is empty again. */
#define assert_error(log, number)                                                                                      \
	do {                                                                                                           \
		assert_int_equal((log)->nr, 1);                                                                        \
		assert_int_equal((log)->err, number);                                                                  \
		assert_int_not_equal((log)->what[0], '\0');                                                            \
		*(log) = (struct error_log){ .nr = 0 };                                                                \
	} while (0)

/* ---- pools ---- */

static inline struct zs_pool *make_pool(struct zs_pool_options options, struct error_log *log)
{
	struct zs_pool *pool;

	options.size = sizeof(options);
	if (log) {
		*log = (struct error_log){ .nr = 0 };
		options.on_error = error_log_note;
		options.ctx = log;
	}
	pool = zs_create_pool_with(&options);
	assert_non_null(pool);
	return pool;
}

static inline unsigned long make_object(struct zs_pool *pool, size_t size)
{
	unsigned long handle = zs_malloc(pool, size, 0);

	assert_int_not_equal(handle, 0);
	return handle;
}

static inline struct zs_pool_stats stats_of(struct zs_pool *pool)
{
	struct zs_pool_stats stats = { .size = sizeof(stats) };

	zs_pool_stats(pool, &stats);
	return stats;
}

/* Fills an object with bytes that tell objects apart. */
static inline void paint(struct zs_pool *pool, unsigned long handle, size_t size, unsigned int seed)
{
	unsigned char bytes[256];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(seed * 37u + i * 11u + (seed >> 8));
	assert_int_equal(zs_obj_write(pool, handle, bytes, size < sizeof(bytes) ? size : sizeof(bytes)), 0);
}

static inline void assert_painted(struct zs_pool *pool, unsigned long handle, size_t size, unsigned int seed)
{
	unsigned char copy[256];
	size_t len = size < sizeof(copy) ? size : sizeof(copy);
	const unsigned char *mem = zs_obj_read_begin(pool, handle, len, copy);

	assert_non_null(mem);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(mem[i], (unsigned char)(seed * 37u + i * 11u + (seed >> 8)));
	zs_obj_read_end(pool, handle, len, mem);
}

/* ---- children ---- */

/* Runs a function in a child process. Returns its wait status, and what it wrote to stderr in text. */
static inline int run_child(void (*function)(void *arg), void *arg, char *text, size_t text_bytes)
{
	int status, ends[2];
	size_t len = 0;
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		dup2(ends[1], STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		signal(SIGSEGV, SIG_DFL);
		function(arg);
		fflush(NULL);
		_exit(0);
	}
	close(ends[1]);
	while (len < text_bytes - 1 && (got = read(ends[0], text + len, text_bytes - 1 - len)) > 0)
		len += (size_t)got;
	text[len] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static inline void assert_aborts(void (*function)(void *arg), void *arg, const char *message)
{
	char text[1024] = "";
	int status = run_child(function, arg, text, sizeof(text));

	if (!strstr(text, message))
		print_error("child wrote:\n%.*s\n", (int)sizeof(text), text);
	assert_non_null(strstr(text, message));
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

#endif
