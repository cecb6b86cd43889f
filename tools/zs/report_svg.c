/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Draws how full each size class is, before and after compaction, as a standalone SVG.
 *
 * A bar is the memory of a class's pages; its lower part is what live objects take of it. Both panels have one scale. A
 * class or two that tower over the others (kept raw, often) are cut off, and say how high they are.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "zsmalloc.h"

enum {
	MAX_COLUMNS = 256,
	WIDTH = 1120,
	HEIGHT = 720,
	PLOT_LEFT = 84,
	PLOT_WIDTH = 1004,
	PLOT_HEIGHT = 230,
	BEFORE_TOP = 118,
	AFTER_TOP = 418,
	NR_SIZE_LABELS = 8,
	NR_TICKS = 5, /* about */
};

#define LIVE_COLOUR "#2563a8"
#define IDLE_COLOUR "#f2b56b"
#define TEXT_COLOUR "#1f2933"
#define FAINT_COLOUR "#d9dee4"

/* Neighbouring classes share a column where there are too many. */
struct column {
	uint32_t size_bytes; /* of its largest class */
	double live_bytes;
	double pages_bytes;
};

struct chart {
	struct column column[MAX_COLUMNS];
	unsigned int nr_columns;
	unsigned int classes_a_column;
};

struct scale {
	double top_bytes;
	double tick_bytes;
};

static void fill_chart(struct chart *chart, const struct zs_report_classes *classes)
{
	memset(chart, 0, sizeof(*chart));
	chart->classes_a_column = (classes->nr + MAX_COLUMNS - 1) / MAX_COLUMNS;
	for (unsigned int i = 0; i < classes->nr; i++) {
		const struct zs_class_stats *class = &classes->row[i];
		struct column *column = &chart->column[i / chart->classes_a_column];

		column->size_bytes = class->size_bytes;
		column->live_bytes += (double)class->objects * class->size_bytes;
		column->pages_bytes += (double)class->pages * ZS_PAGE_BYTES;
		chart->nr_columns = i / chart->classes_a_column + 1;
	}
}

static int larger_first(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x < y) - (x > y);
}

/* 1, 2 or 5 times a power of ten, so that about NR_TICKS of them make top. */
static double round_tick(double top_bytes)
{
	const double mib = 1024 * 1024;
	double wanted = top_bytes / mib / NR_TICKS, tick = 1e-3;

	while (tick * 10 <= wanted)
		tick *= 10;
	if (tick * 5 <= wanted)
		tick *= 5;
	else if (tick * 2 <= wanted)
		tick *= 2;
	return tick * mib;
}

static struct scale make_scale(const struct chart *chart)
{
	double heights[MAX_COLUMNS] = { 0 };
	struct scale scale;

	for (unsigned int i = 0; i < chart->nr_columns; i++)
		heights[i] = chart->column[i].pages_bytes;
	qsort(heights, MAX_COLUMNS, sizeof(heights[0]), larger_first);
	scale.top_bytes = heights[0] * 1.04;
	if (heights[2] > 0 && heights[0] > 2.5 * heights[2])
		scale.top_bytes = heights[2] * 1.25;
	if (scale.top_bytes < ZS_PAGE_BYTES)
		scale.top_bytes = ZS_PAGE_BYTES;
	scale.tick_bytes = round_tick(scale.top_bytes);
	return scale;
}

static double mib(double bytes)
{
	return bytes / (1024 * 1024);
}

static double y_of(double bytes, const struct scale *scale, int top)
{
	double share = bytes / scale->top_bytes;

	return top + PLOT_HEIGHT * (1 - (share < 1 ? share : 1));
}

static void put_bar(FILE *out, double x, double width, double from_y, double to_y, const char *colour)
{
	if (from_y - to_y > 0.01)
		fprintf(out, "<rect x='%.2f' y='%.2f' width='%.2f' height='%.2f' fill='%s'/>\n", x, to_y, width,
			from_y - to_y, colour);
}

/* A slanted gap near the top of a bar that is cut off, and how high it is. */
static void put_cut(FILE *out, const struct column *column, double x, double width, int top, unsigned int nr_before)
{
	int y = top + 14 + 17 * (int)nr_before;
	const char *anchor = x > PLOT_LEFT + PLOT_WIDTH / 2 ? "end" : "start";
	double text_x = *anchor == 'e' ? x - 6 : x + width + 6;

	fprintf(out, "<path d='M%.2f %d l%.2f -5' stroke='#fff' stroke-width='3'/>\n", x - 2, top + 12, width + 4);
	fprintf(out,
		"<text x='%.2f' y='%d' text-anchor='%s' font-size='12'>%" PRIu32
		" bytes: %.1f MiB, %.0f %% live</text>\n",
		text_x, y, anchor, column->size_bytes, mib(column->pages_bytes),
		100 * column->live_bytes / column->pages_bytes);
}

static void put_bars(FILE *out, const struct chart *chart, const struct scale *scale, int top)
{
	double step = (double)PLOT_WIDTH / chart->nr_columns, width = step > 3 ? step - 0.8 : step;
	double base = top + PLOT_HEIGHT;
	unsigned int nr_cut = 0;

	for (unsigned int i = 0; i < chart->nr_columns; i++) {
		const struct column *column = &chart->column[i];
		double x = PLOT_LEFT + i * step;
		double live_y = y_of(column->live_bytes, scale, top);

		put_bar(out, x, width, base, live_y, LIVE_COLOUR);
		put_bar(out, x, width, live_y, y_of(column->pages_bytes, scale, top), IDLE_COLOUR);
		if (column->pages_bytes > scale->top_bytes)
			put_cut(out, column, x, width, top, nr_cut++);
	}
}

static void put_grid(FILE *out, const struct scale *scale, int top)
{
	int digits = scale->tick_bytes >= 1024 * 1024 ? 0 : scale->tick_bytes >= 1024 * 102 ? 1 : 3;

	for (double bytes = 0; bytes <= scale->top_bytes; bytes += scale->tick_bytes) {
		double y = y_of(bytes, scale, top);

		fprintf(out, "<path d='M%d %.2f h%d' stroke='" FAINT_COLOUR "'/>\n", PLOT_LEFT, y, PLOT_WIDTH);
		fprintf(out, "<text x='%d' y='%.2f' text-anchor='end' font-size='12'>%.*f</text>\n", PLOT_LEFT - 8,
			y + 4, digits, mib(bytes));
	}
	fprintf(out, "<text transform='translate(24 %d) rotate(-90)' text-anchor='middle' font-size='13'>MiB</text>\n",
		top + PLOT_HEIGHT / 2);
}

static void put_sizes(FILE *out, const struct chart *chart, int top)
{
	double step = (double)PLOT_WIDTH / chart->nr_columns;
	int base = top + PLOT_HEIGHT;

	fprintf(out, "<path d='M%d %d h%d' stroke='" TEXT_COLOUR "'/>\n", PLOT_LEFT, base, PLOT_WIDTH);
	for (unsigned int i = 0; i <= NR_SIZE_LABELS; i++) {
		unsigned int index = i * (chart->nr_columns - 1) / NR_SIZE_LABELS;
		double x = PLOT_LEFT + (index + 0.5) * step;

		fprintf(out, "<path d='M%.2f %d v5' stroke='" TEXT_COLOUR "'/>\n", x, base);
		fprintf(out, "<text x='%.2f' y='%d' text-anchor='middle' font-size='12'>%" PRIu32 "</text>\n", x,
			base + 19, chart->column[index].size_bytes);
	}
}

static void put_panel(FILE *out, const char *title, const struct chart *chart, const struct scale *scale, int top)
{
	double live_bytes = 0, pages_bytes = 0;

	for (unsigned int i = 0; i < chart->nr_columns; i++) {
		live_bytes += chart->column[i].live_bytes;
		pages_bytes += chart->column[i].pages_bytes;
	}
	fprintf(out, "<text x='%d' y='%d' font-size='15' font-weight='bold'>%s</text>\n", PLOT_LEFT, top - 14, title);
	fprintf(out,
		"<text x='%d' y='%d' text-anchor='end' font-size='14'>%.1f MiB of pages, "
		"%.1f %% of them live slots</text>\n",
		PLOT_LEFT + PLOT_WIDTH, top - 14, mib(pages_bytes), pages_bytes ? 100 * live_bytes / pages_bytes : 0);
	put_grid(out, scale, top);
	put_bars(out, chart, scale, top);
	put_sizes(out, chart, top);
}

static void put_head(FILE *out, const struct zs_report *report)
{
	fprintf(out,
		"<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' viewBox='0 0 %d %d' "
		"font-family='DejaVu Sans, Helvetica, Arial, sans-serif' fill='" TEXT_COLOUR "'>\n"
		"<title>zsmalloc: occupancy per size class</title>\n"
		"<rect width='%d' height='%d' fill='#fff'/>\n",
		WIDTH, HEIGHT, WIDTH, HEIGHT, WIDTH, HEIGHT);
	fprintf(out, "<text x='%d' y='38' font-size='20' font-weight='bold'>How full each size class is</text>\n",
		PLOT_LEFT);
	fprintf(out,
		"<text x='%d' y='61' font-size='14'>%" PRIu64 " units of %zu KiB compressed with %s to %" PRIu64
		" objects, of which a random half was freed</text>\n",
		PLOT_LEFT, report->nr_units, report->unit_bytes / 1024, report->codec, report->nr_objects);
}

static void put_legend(FILE *out)
{
	int x = PLOT_LEFT + PLOT_WIDTH - 240;

	fprintf(out, "<rect x='%d' y='26' width='14' height='14' fill='" LIVE_COLOUR "'/>\n", x);
	fprintf(out, "<text x='%d' y='38' font-size='13'>slots of live objects</text>\n", x + 21);
	fprintf(out, "<rect x='%d' y='49' width='14' height='14' fill='" IDLE_COLOUR "'/>\n", x);
	fprintf(out, "<text x='%d' y='61' font-size='13'>free in the class's pages</text>\n", x + 21);
}

static void put_foot(FILE *out, const struct chart *chart)
{
	char sharing[64] = "";

	if (chart->classes_a_column > 1)
		snprintf(sharing, sizeof(sharing), ", %u neighbouring classes to a bar", chart->classes_a_column);
	fprintf(out, "<text x='%d' y='%d' text-anchor='middle' font-size='13'>size class in bytes%s</text>\n",
		PLOT_LEFT + PLOT_WIDTH / 2, AFTER_TOP + PLOT_HEIGHT + 48, sharing);
	fputs("</svg>\n", out);
}

void zs_report_svg(const struct zs_report *report, FILE *out)
{
	struct chart before, after;
	struct scale scale;

	if (!report->classes_freed.row || !report->classes_compacted.row)
		return;
	fill_chart(&before, &report->classes_freed);
	fill_chart(&after, &report->classes_compacted);
	scale = make_scale(&before);
	put_head(out, report);
	put_legend(out);
	put_panel(out, "Before compaction", &before, &scale, BEFORE_TOP);
	put_panel(out, "After compaction", &after, &scale, AFTER_TOP);
	put_foot(out, &after);
}
