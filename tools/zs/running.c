/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Finding and asking running processes, with messages.
 */
#include "running.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zs.h"

/* An order such as to compact a large disk takes its time. */
#define TIMEOUT_NS (600 * 1000000000ull)
/* A figure does not. */
#define TRY_TIMEOUT_NS (2 * 1000000000ull)

static const char *why(int err)
{
	switch (err) {
	case -ENOENT: return "there is none of this name (zs ls tells what runs)";
	case -ECONNREFUSED: return "it has ended and left its socket";
	case -EPERM: return "the folder of its socket is not this user's alone";
	case -EACCES: return "another user's process has this name";
	case -EBUSY: return "another process keeps the folder of sockets locked";
	case -ETIMEDOUT: return "it does not answer";
	case -EPIPE: return "it hung up";
	case -EPROTO: return "it does not speak this protocol: it may be of another version";
	default: return strerror(-err);
	}
}

bool zs_running_find(const char *kind, struct zs_found **found, size_t *nr)
{
	int err = zs_ask_find(kind, found, nr);

	if (!err)
		return true;
	zs_message("cannot look for what runs: %s", why(err));
	return false;
}

static bool choose_only(const char *kind, struct zs_found *chosen)
{
	struct zs_found *found;
	size_t nr;

	if (!zs_running_find(kind, &found, &nr))
		return false;
	if (nr == 1)
		*chosen = found[0];
	else if (nr)
		zs_message("%zu run: say which (zs ls tells their names)", nr);
	else
		zs_message("no %s runs, or none of this user's", kind);
	free(found);
	return nr == 1;
}

bool zs_running_choose(const char *kind, const char *name, struct zs_found *chosen)
{
	if (!name)
		return choose_only(kind, chosen);
	if (!zs_runtime_name_is_valid(name)) {
		zs_message("'%s' is no name that a %s could have", name, kind);
		return false;
	}
	snprintf(chosen->kind, sizeof(chosen->kind), "%s", kind);
	snprintf(chosen->name, sizeof(chosen->name), "%s", name);
	return true;
}

char *zs_running_ask(const struct zs_found *process, const char *request)
{
	struct zs_answer answer;
	int err = zs_ask(process->kind, process->name, request, TIMEOUT_NS, &answer);

	if (!err && answer.done)
		return answer.text;
	zs_message("%s %s: %s", process->kind, process->name, err ? why(err) : answer.text);
	free(answer.text);
	return NULL;
}

char *zs_running_try(const struct zs_found *process, const char *request)
{
	struct zs_answer answer;

	if (!zs_ask(process->kind, process->name, request, TRY_TIMEOUT_NS, &answer) && answer.done)
		return answer.text;
	free(answer.text);
	return NULL;
}
