/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The figures that a running process told in plain lines: a name, a value, a unit and a type each.
 */
#ifndef ZS_FIGURES_H
#define ZS_FIGURES_H

#include <stddef.h>
#include <stdint.h>

#define ZS_FIGURES_MAX 128

struct zs_figure {
	const char *name;
	uint64_t value;
	const char *unit;
};

struct zs_figures {
	struct zs_figure row[ZS_FIGURES_MAX];
	size_t nr;
};

/* Takes the lines of text apart, which is changed and must stay. A line that is none is left out. */
void zs_figures_parse(struct zs_figures *figures, char *text);

/* 0: there is none of this name. */
uint64_t zs_figure(const struct zs_figures *figures, const char *name);

/* "1.50 GiB" for 1610612736, at most 12 characters. */
const char *zs_bytes_for_people(uint64_t bytes, char *buffer, size_t size);

#endif
