/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Looking at processes, and at what they did since the last look.
 */
#include "top.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "running.h"
#include "zs.h"

/* What a process had done when it was looked at. */
struct seen {
	struct zs_found found;
	uint64_t time_ns;
	uint64_t counters[ZS_TOP_COUNTERS];
};

struct look {
	struct seen *seen;
	size_t nr;
};

static const struct seen *find(const struct look *look, const struct zs_found *found)
{
	for (size_t i = 0; look && i < look->nr; i++)
		if (!strcmp(look->seen[i].found.name, found->name))
			return &look->seen[i];
	return NULL;
}

/* Another process may have taken a name since, and begins at 0. */
static double per_second(uint64_t now, uint64_t before, uint64_t time_ns)
{
	return now < before || !time_ns ? 0 : (double)(now - before) * 1e9 / (double)time_ns;
}

static void print_rates(const struct zs_top_of *of, const struct seen *now, const struct seen *before)
{
	double rates[ZS_TOP_COUNTERS];

	for (unsigned int i = 0; before && i < ZS_TOP_COUNTERS; i++)
		rates[i] = per_second(now->counters[i], before->counters[i], now->time_ns - before->time_ns);
	of->print_rates(before ? rates : NULL);
}

/* One that ended meanwhile is left out. */
static void look_at(const struct zs_top_of *of, const struct zs_found *found, const struct look *before,
		    struct look *look)
{
	struct seen *now = &look->seen[look->nr];
	char *text = zs_running_try(found, "stat plain");
	struct zs_figures figures;

	if (!text)
		return;
	zs_figures_parse(&figures, text);
	*now = (struct seen){ .found = *found, .time_ns = zs_clock_ns() };
	of->count(&figures, now->counters);
	of->print(found, &figures);
	print_rates(of, now, find(before, found));
	look->nr++;
	free(text);
}

static bool look_once(const struct zs_top_of *of, const struct look *before, struct look *now)
{
	struct zs_found *found;
	size_t nr;

	free(now->seen);
	*now = (struct look){ NULL, 0 };
	if (!zs_running_find(of->kind, &found, &nr))
		return false;
	now->seen = calloc(nr + 1, sizeof(*now->seen));
	if (isatty(STDOUT_FILENO))
		fputs("\033[H\033[J", stdout);
	puts(of->head);
	for (size_t i = 0; now->seen && i < nr; i++)
		look_at(of, &found[i], before, now);
	if (!isatty(STDOUT_FILENO))
		putchar('\n');
	free(found);
	return now->seen != NULL;
}

/* Ends early when it is interrupted. */
static void wait_for(uint64_t ms)
{
	struct timespec time = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&time, NULL);
}

static int watch(const struct zs_top_of *of, uint64_t ms, uint64_t times)
{
	struct look looks[2] = { { NULL, 0 }, { NULL, 0 } };
	int status = ZS_EXIT_OK;

	zs_catch_interrupts();
	for (uint64_t i = 0; !status && !zs_interrupted() && (!times || i < times); i++) {
		struct look *now = &looks[i % 2], *before = i ? &looks[(i + 1) % 2] : NULL;

		if (i)
			wait_for(ms);
		if (zs_interrupted())
			break;
		status = look_once(of, before, now) ? zs_finish_stdout(ZS_EXIT_OK) : ZS_EXIT_FAILURE;
	}
	free(looks[0].seen);
	free(looks[1].seen);
	if (zs_interrupted())
		zs_die_of_interrupt();
	return status;
}

/* "1", "0.5": at least a hundredth of a second. */
static bool parse_seconds(const char *text, uint64_t *ms)
{
	char *end;
	double seconds = strtod(text, &end);

	if (!*text || *end || !(seconds >= .01 && seconds <= 86400))
		return false;
	*ms = (uint64_t)(seconds * 1000);
	return true;
}

int zs_top(const struct zs_top_of *of, int argc, char **argv)
{
	uint64_t ms = 1000, times = 0;
	int option;

	while ((option = getopt(argc, argv, ":d:n:")) >= 0) {
		if (option == 'd') {
			if (!parse_seconds(optarg, &ms))
				return zs_usage_error(of->kind, "-d %s: give seconds, .01 to 86400", optarg);
		} else if (option == 'n') {
			if (!zs_parse_count(optarg, &times) || !times)
				return zs_usage_error(of->kind, "-n %s: give a number above 0", optarg);
		} else {
			return zs_option_error(of->kind, option, argv);
		}
	}
	if (optind < argc)
		return zs_usage_error(of->kind, "top takes no argument such as '%s'", argv[optind]);
	return watch(of, ms, times);
}
