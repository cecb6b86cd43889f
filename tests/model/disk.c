/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The RAM disk against a model, which is plain memory: requests of random kinds, ranges and contents, as fsx does with
 * files (Avadis Tevanian 1991).
 *   disk [-r SEED] [-n REQUESTS] [-t SECONDS] [-j THREADS] [-c CODEC] [-s PAGES] [-l LIMIT_KIB] [-u URI]
 *        [-p POLICIES] [-x ONE_IN] [-e]
 *   disk-sim [-f ONE_IN] [-b PAGES] ...
 * -j: each thread has a range of bytes for its own; neighbours share a page, and all write the last two. -u: the disk
 * is that of an NBD server, each thread has a connection, and -l and -c only say what the server was told. -f: of the
 * requests for memory one in so many fails, by chance; -b: the pool gets so many pages at most. -p: what the engine
 * does by itself: r packs idle pages again, d has equal ones share an object, w writes them to a store, of which -x has
 * one call in so many fail. -e: a discard of the server's disk zeroes each byte, whatever page it is in.
 * With a limit, or without memory, many writes fail; then each page has its old or its new content. Ends with 1 at the
 * first difference, or if nothing moves any more, and says how to come there again: with several threads to about
 * there. -t: runs with seeds from SEED on for so long.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "disk_tester.h"
#include "options.h"

#define MOST_THREADS 64u
#define FEWEST_PAGES 3u /* for a thread: some that it shares, and some that it does not */
#define ROOM_BYTES (8 * PAGE)

char disk_replay[256];

/* ---- players ---- */

/* Where a thread's bytes begin: in the midst of a page but for the first one. */
static uint64_t border(const struct disk_settings *settings, uint64_t number)
{
	uint64_t nr_pages = settings->nr_pages - common_pages(settings),
		 page = nr_pages * number / settings->nr_threads;

	if (!number || number == settings->nr_threads)
		return page * PAGE;
	return page * PAGE + 1 + number * 1789 % (PAGE - 1);
}

static bool make_players(struct disk_player *players, const struct disk_settings *settings, const struct disk_way *way,
			 void *disk, unsigned char *model, unsigned char *before)
{
	for (uint64_t i = 0; i < settings->nr_threads; i++) {
		players[i] = (struct disk_player){
			.settings = settings,
			.way = way,
			.conn = way->connect(disk),
			.rng = { .state = settings->seed + i * 0x632be59bd9b4e019u },
			.from = border(settings, i),
			.end = border(settings, i + 1),
			.model = model,
			.before = before,
			.buffer = malloc(LONGEST),
		};
		if (!players[i].conn || !players[i].buffer)
			return false;
	}
	return true;
}

/* One thread alone needs none: it plays in the program's own. */
static void play_all(struct disk_player *players, uint64_t nr)
{
	for (uint64_t i = 1; i < nr; i++) {
		if (pthread_create(&players[i].thread, NULL, disk_play, &players[i])) {
			fprintf(stderr, "disk: no thread\n");
			exit(2);
		}
	}
	disk_play(&players[0]);
	for (uint64_t i = 1; i < nr; i++)
		pthread_join(players[i].thread, NULL);
}

static struct disk_tally sum_of(const struct disk_player *players, uint64_t nr)
{
	struct disk_tally sum = { 0 };

	for (uint64_t i = 0; i < nr; i++) {
		sum.failed_reads += players[i].tally.failed_reads;
		sum.failed_writes += players[i].tally.failed_writes;
	}
	return sum;
}

/* ---- the end of a run ---- */

static void must(struct disk_player *p, const char *what, int err)
{
	if (err)
		disk_differ(p, what, err, p->from, p->end - p->from);
}

static void must_be_fine(struct disk_player *p, const char *wrong)
{
	if (wrong)
		disk_differ(p, wrong, 0, p->from, p->end - p->from);
}

static int must_be_hole(void *ctx, uint64_t offset, uint64_t len, enum disk_extent kind)
{
	if (kind != DISK_HOLE)
		disk_differ(ctx, "no hole after a discard", 0, offset, len);
	return 0;
}

static void empty(struct disk_player *p)
{
	memset(p->model, 0, p->end);
	must(p, "a discard failed", p->way->discard(p->conn, p->end, 0));
	must(p, "extents failed", p->way->extents(p->conn, p->end, 0, must_be_hole, p));
	disk_check_all(p);
}

/* Emptied, the disk has no content, and takes some again whatever was refused before. p: has the whole disk */
static void check_end(struct disk_player *p, void *disk)
{
	uint64_t len = p->end < ROOM_BYTES ? p->end : ROOM_BYTES;

	disk_settle_common(p);
	disk_check_all(p);
	must_be_fine(p, p->way->check(disk, &p->tally));
	p->way->calm(disk);
	empty(p);
	must_be_fine(p, p->way->check_empty(disk));
	rng_fill(&p->rng, p->model, (uint32_t)len);
	must(p, "no room after a discard", p->way->write(p->conn, p->model, len, 0));
	disk_check_all(p);
	empty(p);
	must_be_fine(p, p->way->check_empty(disk));
}

/* ---- a run ---- */

static void out_of_time(int number)
{
	static const char text[] = "\ndisk: it hangs: nothing was checked for minutes\n";

	(void)number;
	if (write(STDOUT_FILENO, disk_replay, strlen(disk_replay)) > 0 &&
	    write(STDOUT_FILENO, text, sizeof(text) - 1) > 0)
		_exit(1);
	_exit(1);
}

static void note_replay(const struct disk_settings *s)
{
	int len = snprintf(disk_replay, sizeof(disk_replay), "-r %llu -n %llu -j %llu -c %s -s %llu -l %llu",
			   (unsigned long long)s->seed, (unsigned long long)s->nr_requests,
			   (unsigned long long)s->nr_threads, s->codec, (unsigned long long)s->nr_pages,
			   (unsigned long long)s->limit_kib);

	if (s->uri)
		snprintf(disk_replay + len, sizeof(disk_replay) - (size_t)len, "%s -u '%s'",
			 s->drops_bytes ? " -e" : "", s->uri);
	else if (s->fail_one_in || s->budget_pages)
		snprintf(disk_replay + len, sizeof(disk_replay) - (size_t)len, " -f %llu -b %llu",
			 (unsigned long long)s->fail_one_in, (unsigned long long)s->budget_pages);
	len = (int)strlen(disk_replay);
	if (*s->policies)
		snprintf(disk_replay + len, sizeof(disk_replay) - (size_t)len, " -p %s -x %llu", s->policies,
			 (unsigned long long)s->store_fails);
}

static void free_players(struct disk_player *players, uint64_t nr)
{
	for (uint64_t i = 0; i < nr; i++) {
		players[i].way->disconnect(players[i].conn);
		free(players[i].buffer);
	}
}

/* Returns how many requests were refused. */
static uint64_t run(const struct disk_settings *settings, const struct disk_way *way)
{
	static struct disk_player players[MOST_THREADS];
	unsigned char *model = calloc(settings->nr_pages, PAGE), *before = calloc(settings->nr_pages, PAGE);
	struct disk_player all;
	void *disk;

	note_replay(settings);
	disk = way->open(settings);
	if (!disk || !model || !before || !make_players(players, settings, way, disk, model, before))
		exit(2);
	play_all(players, settings->nr_threads);
	all = players[0];
	all.end = settings->nr_pages * PAGE;
	all.tally = sum_of(players, settings->nr_threads);
	check_end(&all, disk);
	free_players(players, settings->nr_threads);
	must_be_fine(&all, way->close(disk));
	free(model);
	free(before);
	return all.tally.failed_writes + all.tally.failed_reads;
}

/* ---- the command line ---- */

_Noreturn static void misused(void)
{
	fprintf(stderr, "disk: see the head of disk.c\n");
	exit(2);
}

static struct disk_settings parse(int argc, char **argv)
{
	struct disk_settings s = {
		.seed = 1, .nr_requests = 100000, .nr_pages = 512, .nr_threads = 1, .codec = "lz4", .policies = ""
	};
	int option;

	while ((option = getopt(argc, argv, "r:n:t:j:c:s:l:u:f:b:p:x:e")) >= 0) {
		switch (option) {
		case 'r': s.seed = option_number("disk", option, optarg); break;
		case 'n': s.nr_requests = option_number("disk", option, optarg); break;
		case 't': s.seconds = option_number("disk", option, optarg); break;
		case 'j': s.nr_threads = option_number("disk", option, optarg); break;
		case 'c': s.codec = optarg; break;
		case 's': s.nr_pages = option_number("disk", option, optarg); break;
		case 'l': s.limit_kib = option_number("disk", option, optarg); break;
		case 'u': s.uri = optarg; break;
		case 'f': s.fail_one_in = option_number("disk", option, optarg); break;
		case 'b': s.budget_pages = option_number("disk", option, optarg); break;
		case 'p': s.policies = optarg; break;
		case 'e': s.drops_bytes = true; break;
		case 'x': s.store_fails = option_number("disk", option, optarg); break;
		default: misused();
		}
	}
	if (optind != argc || !s.nr_threads || s.nr_threads > MOST_THREADS || s.nr_pages > 1 << 18 ||
	    strlen(s.policies) > 3 || strspn(s.policies, "rdw") != strlen(s.policies) ||
	    s.nr_pages < FEWEST_PAGES * s.nr_threads + common_pages(&s))
		misused();
	return s;
}

/* What the settings ask for, if this build has it. */
static const struct disk_way *way_of(const struct disk_settings *settings)
{
#ifndef DISK_SIM
	if (settings->fail_one_in || settings->budget_pages) {
		fprintf(stderr, "disk: only disk-sim makes memory fail\n");
		exit(2);
	}
#endif
#ifdef DISK_NBD
	return settings->uri ? &disk_nbd : &disk_engine;
#else
	if (settings->uri) {
		fprintf(stderr, "disk: this build is without libnbd\n");
		exit(2);
	}
	return &disk_engine;
#endif
}

int main(int argc, char **argv)
{
	struct disk_settings settings = parse(argc, argv);
	const struct disk_way *way = way_of(&settings);
	time_t begun = time(NULL);
	uint64_t nr_runs = 0, nr_refused = 0;

	signal(SIGALRM, out_of_time);
	do {
		nr_refused += run(&settings, way);
		settings.seed++;
		nr_runs++;
	} while ((uint64_t)(time(NULL) - begun) < settings.seconds);
	printf("disk: %llu runs without a difference, %llu requests refused\n", (unsigned long long)nr_runs,
	       (unsigned long long)nr_refused);
	return 0;
}
