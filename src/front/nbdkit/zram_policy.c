/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Reading policies.
 */
#include "zram_policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "plugin_settings.h"

/* "manual" changes nothing; "idle:TIME" sets the time. */
static bool set_when(const char *text, uint64_t *idle_ns, const char *choices, char *message)
{
	if (!strcmp(text, "manual"))
		return true;
	if (strncmp(text, "idle:", 5))
		return plugin_refuse(message, "'%.60s': say when: %s", text, choices);
	if (plugin_parse_time(text + 5, idle_ns))
		return true;
	return plugin_refuse(message, "'%.60s': a time is a number above 0 with ms, s, m or h, as 60s", text + 5);
}

static bool set_unit(const char *text, uint32_t *bytes, char *message)
{
	static const char *const sizes[] = { "4k", "8k", "16k", "32k", "64k" };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (!strcmp(text, sizes[i])) {
			*bytes = 4096u << i;
			return true;
		}
	return plugin_refuse(message, "unit=%.60s: there are: 4k, 8k, 16k, 32k, 64k", text);
}

static bool set_part(const char *text, struct zram_recompress *recompress, char *message)
{
	if (!strncmp(text, "codec=", 6))
		return plugin_codec(text + 6, &recompress->comp, message);
	if (!strncmp(text, "unit=", 5))
		return set_unit(text + 5, &recompress->unit_bytes, message);
	return plugin_refuse(message, "'%.60s': there are codec= and unit=", text);
}

bool zram_policy_recompress(const char *text, struct zram_recompress *recompress, char *message)
{
	char *copy = strdup(text), *rest = copy;
	bool good;

	if (!copy)
		return plugin_refuse(message, "no memory");
	*recompress = (struct zram_recompress){ .unit_bytes = 32768 };
	good = plugin_codec("zstd:6", &recompress->comp, message) &&
	       set_when(strsep(&rest, ","), &recompress->idle_ns, "idle:TIME or manual", message);
	while (good && rest)
		good = set_part(strsep(&rest, ","), recompress, message);
	free(copy);
	return good;
}

/* ---- writeback ---- */

/* One of the reasons to write something. */
static bool set_reason(const char *text, struct zram_writeback_policy *policy, char *message)
{
	if (strcmp(text, "incompressible"))
		return set_when(text, &policy->idle_ns, "idle:TIME, incompressible or manual", message);
	policy->incompressible = true;
	return true;
}

static bool set_limit(const char *text, uint64_t *bytes, char *message)
{
	int64_t size = nbdkit_parse_size(text);

	if (size < 1 << 20)
		return plugin_refuse(message, "limit=%.60s: give a size of 1M or more, as 10G", text);
	*bytes = (uint64_t)size;
	return true;
}

static bool set_backing(const char *text, char **backing, char *message)
{
	free(*backing);
	*backing = nbdkit_absolute_path(text);
	return *backing ? true : plugin_refuse(message, "backing=%.60s: no such path", text);
}

static bool set_writeback_part(const char *text, struct zram_writeback_policy *policy, char *message)
{
	if (!strncmp(text, "backing=", 8))
		return set_backing(text + 8, &policy->backing, message);
	if (!strncmp(text, "limit=", 6))
		return set_limit(text + 6, &policy->limit_bytes, message);
	return plugin_refuse(message, "'%.60s': there are backing= and limit=", text);
}

static bool set_reasons(char *text, struct zram_writeback_policy *policy, char *message)
{
	bool good = true;

	while (good && text)
		good = set_reason(strsep(&text, "+"), policy, message);
	return good;
}

bool zram_policy_writeback(const char *text, struct zram_writeback_policy *policy, char *message)
{
	char *copy = strdup(text), *rest = copy;
	bool good;

	if (!copy)
		return plugin_refuse(message, "no memory");
	free(policy->backing);
	*policy = (struct zram_writeback_policy){ .backing = NULL };
	good = set_reasons(strsep(&rest, ","), policy, message);
	while (good && rest)
		good = set_writeback_part(strsep(&rest, ","), policy, message);
	if (good && !policy->backing)
		good = plugin_refuse(message, "say where to: backing=FILE");
	free(copy);
	return good;
}
