/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Plain lines to figures, and figures to what people read.
 */
#include "figures.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool parse_line(char *line, struct zs_figure *figure)
{
	char *rest = line, *value, *end;

	figure->name = strsep(&rest, "\t");
	value = strsep(&rest, "\t");
	figure->unit = strsep(&rest, "\t");
	if (!value || !figure->unit || *value < '0' || *value > '9')
		return false;
	figure->value = strtoull(value, &end, 10);
	return !*end;
}

void zs_figures_parse(struct zs_figures *figures, char *text)
{
	char *line;

	figures->nr = 0;
	while (figures->nr < ZS_FIGURES_MAX && (line = strsep(&text, "\n")))
		figures->nr += parse_line(line, &figures->row[figures->nr]);
}

uint64_t zs_figure(const struct zs_figures *figures, const char *name)
{
	for (size_t i = 0; i < figures->nr; i++)
		if (!strcmp(figures->row[i].name, name))
			return figures->row[i].value;
	return 0;
}

const char *zs_bytes_for_people(uint64_t bytes, char *buffer, size_t size)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes / 1024;
	unsigned int unit = 0;

	if (bytes < 1024) {
		snprintf(buffer, size, "%" PRIu64 " B", bytes);
		return buffer;
	}
	for (; value >= 1024; unit++)
		value /= 1024;
	snprintf(buffer, size, "%.*f %s", value < 10 ? 2 : value < 100 ? 1 : 0, value, units[unit]);
	return buffer;
}
