/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The progress bar: one line on stderr, redrawn in place.
 */
#include "progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "zs.h"

enum {
	BAR_CELLS = 32,
	REDRAW_NS = 100 * 1000 * 1000,
};

static struct {
	const char *phase;
	uint64_t total_bytes;
	uint64_t began_ns;
	uint64_t drawn_ns;
	bool on_screen;
} bar;

static bool wanted(void)
{
	static int answer = -1;

	if (answer < 0) {
		const char *term = getenv("TERM");

		answer = isatty(STDERR_FILENO) && term && strcmp(term, "dumb");
	}
	return answer;
}

void zs_progress_begin(const char *phase, uint64_t total_bytes)
{
	bar.phase = phase;
	bar.total_bytes = total_bytes ? total_bytes : 1;
	bar.began_ns = zs_clock_ns();
	bar.drawn_ns = 0;
	zs_progress_at(0);
}

static void draw(uint64_t done_bytes, uint64_t now_ns)
{
	double share = (double)done_bytes / (double)bar.total_bytes;
	double seconds = (double)(now_ns - bar.began_ns) / 1e9;
	char cells[BAR_CELLS + 1];
	size_t full;

	if (share > 1)
		share = 1;
	full = (size_t)(share * BAR_CELLS);
	memset(cells, ' ', BAR_CELLS);
	memset(cells, '#', full);
	cells[BAR_CELLS] = 0;
	fprintf(stderr, "\r\033[K%-8s [%s] %3.0f %%", bar.phase, cells, share * 100);
	if (seconds > 0.2)
		fprintf(stderr, "  %.0f MB/s", (double)done_bytes / 1e6 / seconds);
	fflush(stderr);
}

void zs_progress_at(uint64_t done_bytes)
{
	uint64_t now_ns;

	if (!wanted())
		return;
	now_ns = zs_clock_ns();
	if (bar.on_screen && now_ns - bar.drawn_ns < REDRAW_NS)
		return;
	bar.drawn_ns = now_ns;
	bar.on_screen = true;
	draw(done_bytes, now_ns);
}

void zs_progress_wipe(void)
{
	if (!bar.on_screen)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	bar.on_screen = false;
}
