/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Reading values of parameters, and telling nbdkit what became of something.
 */
#include "plugin_settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#define LONGEST_TIME_NS (366 * 86400ull * 1000000000)

int plugin_set_size(const char *value, const char *key, uint64_t *bytes)
{
	int64_t size = nbdkit_parse_size(value);

	if (size < 0)
		return -1;
	*bytes = (uint64_t)size;
	return plugin_taken(size > 0, key, value, "it must be above 0");
}

bool plugin_parse_time(const char *text, uint64_t *ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "ms", 1000000 }, { "s", 1000000000 }, { "m", 60 * 1000000000ull }, { "h", 3600 * 1000000000ull }
	};
	char *end;
	uint64_t number;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	number = strtoull(text, &end, 10);
	for (size_t i = 0; !errno && i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(end, units[i].name))
			return !__builtin_mul_overflow(number, units[i].ns, ns) && *ns && *ns <= LONGEST_TIME_NS;
	return false;
}

bool plugin_refuse(char *message, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(message, PLUGIN_MESSAGE, format, args);
	va_end(args);
	return false;
}

bool plugin_codec(const char *text, struct zs_comp_spec *comp, char *message)
{
	switch (zs_comp_parse(text, comp)) {
	case 0: return true;
	case -ERANGE:
		return plugin_refuse(message, "the levels of %s are %d to %d", comp->comp->name, comp->comp->level_min,
				     comp->comp->level_max);
	case -ENOSYS: return plugin_refuse(message, "this build is without it; there are: %s", zs_comp_names());
	default: return plugin_refuse(message, "no such compressor; there are: %s", zs_comp_names());
	}
}

int plugin_taken(bool good, const char *key, const char *value, const char *message)
{
	if (good)
		return 0;
	nbdkit_error("%s=%s: %s", key, value, message);
	return -1;
}

int plugin_told(int err, const char *what, uint64_t offset)
{
	if (!err)
		return 0;
	if (err != -EOPNOTSUPP)
		nbdkit_error("%s at offset %" PRIu64 ": %s", what, offset, strerror(-err));
	nbdkit_set_error(-err);
	return -1;
}
