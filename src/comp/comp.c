/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Finds a codec by its specification.
 */
#include "comp.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const struct zs_comp *const codecs[] = {
	&zs_comp_lz4,
#ifdef ZS_HAVE_LZO
	&zs_comp_lzo,
#endif
	&zs_comp_zstd,
};

#define NR_CODECS (sizeof(codecs) / sizeof(codecs[0]))

const char *zs_comp_names(void)
{
#ifdef ZS_HAVE_LZO
	return "lz4, lzo, zstd[:LEVEL]";
#else
	return "lz4, zstd[:LEVEL]";
#endif
}

static const struct zs_comp *find(const char *name, size_t len)
{
	for (size_t i = 0; i < NR_CODECS; i++)
		if (strlen(codecs[i]->name) == len && !memcmp(codecs[i]->name, name, len))
			return codecs[i];
	return NULL;
}

static int parse_level(const char *text, struct zs_comp_spec *spec)
{
	const struct zs_comp *comp = spec->comp;
	char *end;
	long level;

	if (comp->level_min == comp->level_max)
		return -EINVAL;
	errno = 0;
	level = strtol(text, &end, 10);
	if (end == text || *end)
		return -EINVAL;
	if (errno || level < comp->level_min || level > comp->level_max)
		return -ERANGE;
	spec->level = (int)level;
	return 0;
}

int zs_comp_parse(const char *text, struct zs_comp_spec *spec)
{
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : strlen(text);

	spec->comp = find(text, len);
	if (!spec->comp)
		return len == 3 && !memcmp(text, "lzo", 3) ? -ENOSYS : -ENOENT;
	spec->level = spec->comp->level_default;
	return colon ? parse_level(colon + 1, spec) : 0;
}
