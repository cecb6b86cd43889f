/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Questions to a process whose memory is managed.
 */
#include "questions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "control.h"
#include "inside.h"
#include "runtime.h"
#include "zswap.h"
#include "zswap_metrics.h"

static struct {
	struct zswap *zswap;
	struct zs_control *control;
	pid_t pid;
	char wanted[ZS_NAME_MAX + 1];
	char name[ZS_NAME_MAX + 1];
} questions;

static void summary(const struct zswap_stats *stats, FILE *out)
{
	fprintf(out,
		"%s, %" PRIu64 " MiB of at most %" PRIu64 " MiB resident, %" PRIu64 " MiB in a pool of %" PRIu64 " MiB",
		program_invocation_short_name, (stats->resident_pages + stats->standby_pages) >> 8,
		stats->resident_limit_pages >> 8, (stats->pool_pages + stats->same_filled_pages) >> 8,
		stats->pool_total_bytes >> 20);
}

static bool answer(void *ctx, char *const *words, size_t nr_words, FILE *out)
{
	struct zswap_stats stats = { .size = sizeof(stats) };

	(void)ctx;
	zswap_stats(questions.zswap, &stats);
	if (nr_words == 2 && !strcmp(words[0], "stat"))
		return zs_metrics_tell(&zswap_metrics, &stats, words[1], questions.name, out);
	if (nr_words == 1 && !strcmp(words[0], "summary"))
		return summary(&stats, out), true;
	fputs("there are: about, stat plain|json|prometheus, summary", out);
	return false;
}

static int start(char *where, size_t size)
{
	struct zs_control_options options = {
		.kind = "swap", .name = questions.name, .answer = answer, .is_bare = true
	};

	return zs_control_start(&options, &questions.control, where, size);
}

static int start_by_some_name(char *where, size_t size)
{
	int err;

	questions.pid = getpid();
	snprintf(questions.name, sizeof(questions.name), "%s", questions.wanted);
	err = start(where, size);
	if (err != -EADDRINUSE)
		return err;
	snprintf(questions.name, sizeof(questions.name), "%.20s-%d", questions.wanted, (int)questions.pid);
	return start(where, size);
}

void zswap_questions_begin(struct zswap *zswap, const char *name)
{
	char where[128];
	int err;

	questions.zswap = zswap;
	snprintf(questions.wanted, sizeof(questions.wanted), "%s", name);
	err = start_by_some_name(where, sizeof(where));
	if (err)
		dprintf(STDERR_FILENO, "zs swap: %s: %s: nobody can ask for figures\n", where, strerror(-err));
}

/* A child cannot tell: its standard error may be anything by now. */
void zswap_questions_renew(void)
{
	char where[128];

	if (!questions.control)
		return;
	zs_control_leave(questions.control);
	questions.control = NULL;
	start_by_some_name(where, sizeof(where));
}

/* Several threads may end the process at once, and a signal handler while this is under way. */
void zswap_questions_end(void)
{
	struct zs_control *control;

	if (questions.pid != getpid())
		return;
	control = __atomic_exchange_n(&questions.control, NULL, __ATOMIC_ACQ_REL);
	zswap_enter();
	zs_control_stop(control);
	zswap_leave();
}
