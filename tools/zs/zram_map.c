/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * zs zram blocks and zs zram map: the state of each block of a RAM disk, as text and as a picture.
 *
 * The picture has a cell for so many blocks in a row. Its colour is that of the state which most of those that are not
 * holes are in, the paler the more of them are holes.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "figures.h"
#include "running.h"
#include "running_command.h"
#include "zram_command.h"
#include "zs.h"

enum {
	OPTION_SVG = 256,
	COLUMNS = 64,
	MOST_ROWS = 48,
	CELL = 12, /* pixels */
	LEFT = 24,
	TOP = 96,
	LEGEND_WIDTH = 96,
	WIDTH = COLUMNS * CELL + 2 * LEFT,
};

/* Blocks asked for at a time: an answer has an end. */
#define PIECE 1048576u

static const struct {
	const char *name;
	char letter;
	const char *colour;
} states[] = {
	{ "hole", '.', "#eef1f4" },   { "fill", '0', "#c9d3dc" },   { "compressed", 'c', "#5b9bd5" },
	{ "strong", 's', "#2563a8" }, { "unit", 'u', "#14386b" },   { "raw", 'r', "#e07b53" },
	{ "shared", '=', "#7fb77e" }, { "stored", 'f', "#b08fc7" },
};

#define NR_STATES (sizeof(states) / sizeof(states[0]))

struct map {
	uint64_t nr_blocks;
	uint64_t blocks_a_cell;
	unsigned int nr_cells;
	uint64_t count[COLUMNS * MOST_ROWS][NR_STATES];
	uint64_t total[NR_STATES];
};

/* ---- asking ---- */

static bool find_size(const struct zs_found *disk, uint64_t *nr_blocks)
{
	char *text = zs_running_ask(disk, "stat plain");
	struct zs_figures figures;

	if (!text)
		return false;
	zs_figures_parse(&figures, text);
	*nr_blocks = zs_figure(&figures, "disk_size") / 4096;
	free(text);
	if (!*nr_blocks)
		zs_message("%s %s does not tell how large it is: it may be of another version", disk->kind, disk->name);
	return *nr_blocks != 0;
}

struct run {
	uint64_t first;
	uint64_t nr;
	char state[16];
	unsigned int age;
};

typedef void run_fn(void *ctx, const struct run *run);

static bool continues(const struct run *run, const struct run *before)
{
	return run->first == before->first + before->nr && run->age == before->age &&
	       !strcmp(run->state, before->state);
}

/* last: a run that may go on in the next text, or is empty. */
static void each_line(char *text, struct run *last, run_fn *each, void *ctx)
{
	struct run run;
	char *line;

	while ((line = strsep(&text, "\n"))) {
		if (sscanf(line, "%" SCNu64 "\t%" SCNu64 "\t%15s\t%u", &run.first, &run.nr, run.state, &run.age) != 4)
			continue;
		if (continues(&run, last)) {
			last->nr += run.nr;
			continue;
		}
		if (last->nr)
			each(ctx, last);
		*last = run;
	}
}

static bool each_run(const struct zs_found *disk, uint64_t nr_blocks, run_fn *each, void *ctx)
{
	struct run last = { .nr = 0 };

	for (uint64_t first = 0; first < nr_blocks; first += PIECE) {
		char request[64], *text;

		snprintf(request, sizeof(request), "blocks %" PRIu64 " %u", first, PIECE);
		text = zs_running_ask(disk, request);
		if (!text)
			return false;
		each_line(text, &last, each, ctx);
		free(text);
	}
	if (last.nr)
		each(ctx, &last);
	return true;
}

/* ---- blocks ---- */

static void print_run(void *ctx, const struct run *run)
{
	(void)ctx;
	printf("%12" PRIu64 " %12" PRIu64 " %-10s %u\n", run->first, run->nr, run->state, run->age);
}

int zs_zram_blocks(int argc, char **argv)
{
	struct zs_found disk;
	uint64_t nr_blocks;

	if (zs_running_check_name("zram", argc, argv))
		return ZS_EXIT_USAGE;
	if (!zs_running_choose("zram", argv[1], &disk) || !find_size(&disk, &nr_blocks))
		return ZS_EXIT_FAILURE;
	printf("%12s %12s %-10s %s\n", "first block", "blocks", "state", "age");
	if (!each_run(&disk, nr_blocks, print_run, NULL))
		return ZS_EXIT_FAILURE;
	return zs_finish_stdout(ZS_EXIT_OK);
}

/* ---- the map ---- */

static unsigned int state_of(const char *name)
{
	for (unsigned int i = 0; i < NR_STATES; i++)
		if (!strcmp(states[i].name, name))
			return i;
	return 0;
}

static void add_run(void *ctx, const struct run *run)
{
	struct map *map = ctx;
	unsigned int state = state_of(run->state);
	uint64_t at = run->first, end = run->first + run->nr;

	map->total[state] += run->nr;
	while (at < end && at < map->nr_blocks) {
		uint64_t cell = at / map->blocks_a_cell, next = (cell + 1) * map->blocks_a_cell;

		next = next < end ? next : end;
		map->count[cell][state] += next - at;
		at = next;
	}
}

static struct map *make_map(const struct zs_found *disk)
{
	struct map *map = calloc(1, sizeof(*map));

	if (!map) {
		zs_message("no memory for a map");
		return NULL;
	}
	if (find_size(disk, &map->nr_blocks)) {
		map->blocks_a_cell = (map->nr_blocks + COLUMNS * MOST_ROWS - 1) / (COLUMNS * MOST_ROWS);
		map->nr_cells = (unsigned int)((map->nr_blocks + map->blocks_a_cell - 1) / map->blocks_a_cell);
		if (each_run(disk, map->nr_blocks, add_run, map))
			return map;
	}
	free(map);
	return NULL;
}

/* What most blocks of a cell are that are no holes; a hole if all are. share: of those blocks in the cell. */
static unsigned int state_of_cell(const struct map *map, unsigned int cell, double *share)
{
	const uint64_t *count = map->count[cell];
	uint64_t all = 0;
	unsigned int most = 0;

	for (unsigned int i = 1; i < NR_STATES; i++) {
		all += count[i];
		if (count[i] > (most ? count[most] : 0))
			most = i;
	}
	*share = (double)all / (double)(all + count[0] ? all + count[0] : 1);
	return most;
}

static void print_map(const struct map *map)
{
	double share;

	printf("%" PRIu64 " blocks of 4096 bytes, %" PRIu64 " a letter:", map->nr_blocks, map->blocks_a_cell);
	for (unsigned int i = 0; i < NR_STATES; i++)
		printf("%s %c %s %" PRIu64, i ? "," : "", states[i].letter, states[i].name, map->total[i]);
	for (unsigned int cell = 0; cell < map->nr_cells; cell++) {
		if (cell % COLUMNS == 0)
			printf("\n%12" PRIu64 "  ", cell * map->blocks_a_cell);
		putchar(states[state_of_cell(map, cell, &share)].letter);
	}
	putchar('\n');
}

/* ---- the picture ---- */

static void draw_legend(const struct map *map, FILE *out)
{
	for (unsigned int i = 0; i < NR_STATES; i++) {
		unsigned int x = LEFT + i * LEGEND_WIDTH;

		fprintf(out, "<rect x=\"%u\" y=\"50\" width=\"12\" height=\"12\" fill=\"%s\"/>\n", x, states[i].colour);
		fprintf(out, "<text x=\"%u\" y=\"60\">%s</text>\n", x + 17, states[i].name);
		fprintf(out, "<text x=\"%u\" y=\"76\" fill=\"#66727e\">%" PRIu64 "</text>\n", x + 17, map->total[i]);
	}
}

static void draw_cell(const struct map *map, unsigned int cell, FILE *out)
{
	double share;
	unsigned int state = state_of_cell(map, cell, &share);

	fprintf(out, "<rect x=\"%u\" y=\"%u\" width=\"%d\" height=\"%d\" fill=\"%s\" fill-opacity=\"%.2f\"/>\n",
		LEFT + cell % COLUMNS * CELL, TOP + cell / COLUMNS * CELL, CELL - 1, CELL - 1, states[state].colour,
		state ? .25 + .75 * share : 1);
}

static void draw_map(const struct map *map, const char *name, FILE *out)
{
	unsigned int nr_rows = (map->nr_cells + COLUMNS - 1) / COLUMNS;

	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%u\" font-family=\"sans-serif\" "
		"font-size=\"12\" fill=\"#1f2933\">\n",
		WIDTH, TOP + nr_rows * CELL + LEFT);
	fputs("<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n", out);
	fprintf(out,
		"<text x=\"%d\" y=\"30\" font-size=\"16\">RAM disk %s: %" PRIu64 " blocks of 4096 bytes, %" PRIu64
		" a cell</text>\n",
		LEFT, name, map->nr_blocks, map->blocks_a_cell);
	draw_legend(map, out);
	for (unsigned int cell = 0; cell < map->nr_cells; cell++)
		draw_cell(map, cell, out);
	fputs("</svg>\n", out);
}

static int write_svg(const struct map *map, const char *name, const char *path)
{
	FILE *out = strcmp(path, "-") ? fopen(path, "we") : stdout;
	bool failed;

	if (!out) {
		zs_message("cannot write %s: %s", path, strerror(errno));
		return ZS_EXIT_FAILURE;
	}
	draw_map(map, name, out);
	if (out == stdout)
		return zs_finish_stdout(ZS_EXIT_OK);
	failed = ferror(out);
	if (!fclose(out) && !failed)
		return ZS_EXIT_OK;
	zs_message("cannot write %s: %s", path, strerror(errno));
	return ZS_EXIT_FAILURE;
}

static int show_map(const char *name, const char *svg_path)
{
	struct zs_found disk;
	struct map *map = zs_running_choose("zram", name, &disk) ? make_map(&disk) : NULL;
	int status = ZS_EXIT_OK;

	if (!map)
		return ZS_EXIT_FAILURE;
	if (svg_path)
		status = write_svg(map, disk.name, svg_path);
	else
		print_map(map);
	free(map);
	return svg_path ? status : zs_finish_stdout(ZS_EXIT_OK);
}

int zs_zram_map(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "svg", required_argument, NULL, OPTION_SVG },
		{ NULL, 0, NULL, 0 },
	};
	const char *svg_path = NULL;
	int option;

	while ((option = getopt_long(argc, argv, ":", long_options, NULL)) >= 0) {
		if (option != OPTION_SVG)
			return zs_option_error("zram", option, argv);
		svg_path = optarg;
	}
	if (argc - optind > 1)
		return zs_usage_error("zram", "map takes one name, and there is '%s' too", argv[optind + 1]);
	return show_map(argv[optind], svg_path);
}
