/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Figures, for people or as they came.
 */
#include "stat.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "running.h"
#include "zs.h"

enum {
	OPTION_JSON = 256,
	OPTION_PROMETHEUS,
};

static void print_figure(const struct zs_figure *figure)
{
	char text[32];

	if (!strcmp(figure->unit, "bytes"))
		printf("%-18s %20" PRIu64 "  %s\n", figure->name, figure->value,
		       zs_bytes_for_people(figure->value, text, sizeof(text)));
	else
		printf("%-18s %20" PRIu64 "  %s\n", figure->name, figure->value, figure->unit);
}

void zs_stat_share(const char *name, uint64_t part, uint64_t whole, const char *meaning)
{
	if (whole)
		printf("%-18s %20.3f  %s\n", name, (double)part / (double)whole, meaning);
}

static void print_figures(const struct zs_stat_of *of, char *text)
{
	struct zs_figures figures;

	zs_figures_parse(&figures, text);
	for (size_t i = 0; i < figures.nr; i++)
		print_figure(&figures.row[i]);
	of->print_shares(&figures);
}

static int show(const struct zs_stat_of *of, const char *name, const char *request, bool for_people)
{
	struct zs_found found;
	char *text = zs_running_choose(of->kind, name, &found) ? zs_running_ask(&found, request) : NULL;

	if (!text)
		return ZS_EXIT_FAILURE;
	if (for_people)
		print_figures(of, text);
	else
		fputs(text, stdout);
	free(text);
	return zs_finish_stdout(ZS_EXIT_OK);
}

int zs_stat(const struct zs_stat_of *of, int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "json", no_argument, NULL, OPTION_JSON },
		{ "prometheus", no_argument, NULL, OPTION_PROMETHEUS },
		{ NULL, 0, NULL, 0 },
	};
	const char *request = "stat plain";
	bool for_people = true;
	int option;

	while ((option = getopt_long(argc, argv, ":", long_options, NULL)) >= 0) {
		if (option != OPTION_JSON && option != OPTION_PROMETHEUS)
			return zs_option_error(of->kind, option, argv);
		if (!for_people)
			return zs_usage_error(of->kind, "stat prints JSON or Prometheus's text, not both");
		request = option == OPTION_JSON ? "stat json" : "stat prometheus";
		for_people = false;
	}
	if (argc - optind > 1)
		return zs_usage_error(of->kind, "stat takes one name, and there is '%s' too", argv[optind + 1]);
	return show(of, argv[optind], request, for_people);
}
