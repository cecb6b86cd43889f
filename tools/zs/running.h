/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Processes that run and can be asked, as the subcommands see them: what goes wrong is told, and where help is.
 */
#ifndef ZS_RUNNING_H
#define ZS_RUNNING_H

#include <stdbool.h>
#include <stddef.h>

#include "ask.h"

/* All of a kind, or all (NULL). Result: whether they could be looked for; found is to be freed. */
bool zs_running_find(const char *kind, struct zs_found **found, size_t *nr);

/* The one that is meant: of this name, or the only one (NULL). false: there is no such. */
bool zs_running_choose(const char *kind, const char *name, struct zs_found *chosen);

/* Its answer, which is to be freed; NULL: there is none. */
char *zs_running_ask(const struct zs_found *process, const char *request);

/* The same without a message: it may have ended meanwhile. */
char *zs_running_try(const struct zs_found *process, const char *request);

#endif
