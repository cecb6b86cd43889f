/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Memory pressure whose every page is checked: processes with threads that write more memory than there is, rewrite
 * and verify it at random, give pages back, push pages out, and fork children that read what is swapped.
 *
 *   pressure -m MIB [-p PROCESSES] [-j THREADS] [-n PASSES] [-t SECONDS] [-s SEED] [-w FILE[:FIELD]]...
 *
 * A pass is as many steps as there are pages. It ends after PASSES, or later when SECONDS are not over yet; then
 * every page is verified once more. After each pass it prints a line with the number in each FILE, or in the FILE's
 * line that begins with FIELD: what a test samples goes by work done, not by the clock.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "content.h"

#define MAX_PROCESSES 8u
#define MAX_THREADS 8u
#define MAX_WATCHES 12u
#define STEPS_BETWEEN_FORKS 4096u
#define STEPS_BETWEEN_REPORTS 64u

/* What parent and workers share; the counters only. */
struct progress {
	uint64_t nr_steps;
	uint64_t nr_written;
	uint64_t nr_verified;
};

struct job {
	uint64_t nr_mib;
	unsigned int nr_processes;
	unsigned int nr_threads;
	uint64_t nr_passes;
	uint64_t seconds;
	uint64_t seed;
	const char *watches[MAX_WATCHES];
	unsigned int nr_watches;
	time_t started;
	struct progress *progress;
};

struct worker {
	const struct job *job;
	uint64_t number;
	struct rng rng;
	uint32_t nr_pages;
	unsigned char *pages;
	uint32_t *generations;
	uint64_t nr_written;
	uint64_t nr_verified;
};

static time_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "pressure: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static uint64_t owner_of(const struct worker *w, uint32_t page)
{
	return w->number << 32 | page;
}

static void *page_at(const struct worker *w, uint32_t page)
{
	return w->pages + (uint64_t)page * PAGE_BYTES;
}

static void verify(struct worker *w, uint32_t page)
{
	uint32_t generation = w->generations[page];
	unsigned int at = content_differs(page_at(w, page), w->job->seed, owner_of(w, page), generation);

	if (at != PAGE_BYTES) {
		fprintf(stderr, "pressure: worker %llu, page %u, generation %u: wrong from byte %u on\n",
			(unsigned long long)w->number, page, generation, at);
		_exit(1);
	}
	w->nr_verified++;
}

static void rewrite(struct worker *w, uint32_t page)
{
	w->generations[page]++;
	content_fill(page_at(w, page), w->job->seed, owner_of(w, page), w->generations[page]);
	w->nr_written++;
}

static uint32_t run_length(struct worker *w, uint32_t page, uint32_t max)
{
	uint32_t nr = 1 + rng_below(&w->rng, max);

	return nr < w->nr_pages - page ? nr : w->nr_pages - page;
}

static void give_back(struct worker *w, uint32_t page)
{
	uint32_t nr = run_length(w, page, 16);

	if (madvise(page_at(w, page), (size_t)nr * PAGE_BYTES, MADV_DONTNEED))
		die("MADV_DONTNEED");
	memset(&w->generations[page], 0, nr * sizeof(*w->generations));
}

/* A hint: that a page stays is no error. */
static void push_out(struct worker *w, uint32_t page)
{
	(void)madvise(page_at(w, page), (size_t)run_length(w, page, 64) * PAGE_BYTES, MADV_PAGEOUT);
}

/* A child shares what is swapped out with its parent: entries of swap with two users. */
static void read_in_child(struct worker *w)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		die("fork");
	if (!child) {
		for (unsigned int i = 0; i < 64; i++)
			verify(w, rng_below(&w->rng, w->nr_pages));
		_exit(0);
	}
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			die("waitpid");
	}
	if (status) {
		fprintf(stderr, "pressure: worker %llu: its child ended with status %d\n",
			(unsigned long long)w->number, status);
		_exit(1);
	}
}

static void step(struct worker *w)
{
	uint32_t page = rng_below(&w->rng, w->nr_pages);
	uint32_t choice = rng_below(&w->rng, 256);

	if (choice < 2) {
		give_back(w, page);
	} else if (choice < 6) {
		push_out(w, page);
	} else {
		verify(w, page);
		if (choice < 128)
			rewrite(w, page);
	}
}

static void report(struct worker *w, uint64_t nr_steps)
{
	struct progress *progress = w->job->progress;

	__atomic_fetch_add(&progress->nr_steps, nr_steps, __ATOMIC_RELAXED);
	__atomic_fetch_add(&progress->nr_written, w->nr_written, __ATOMIC_RELAXED);
	__atomic_fetch_add(&progress->nr_verified, w->nr_verified, __ATOMIC_RELAXED);
	w->nr_written = 0;
	w->nr_verified = 0;
}

static bool is_over(const struct worker *w, uint64_t nr_steps)
{
	return nr_steps >= w->job->nr_passes * w->nr_pages && now_s() - w->job->started >= (time_t)w->job->seconds;
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (uint32_t page = 0; page < w->nr_pages; page++)
		rewrite(w, page);
	for (uint64_t nr_steps = 0; !is_over(w, nr_steps); nr_steps += STEPS_BETWEEN_REPORTS) {
		for (unsigned int i = 0; i < STEPS_BETWEEN_REPORTS; i++)
			step(w);
		if (nr_steps % STEPS_BETWEEN_FORKS == 0)
			read_in_child(w);
		report(w, STEPS_BETWEEN_REPORTS);
	}
	for (uint32_t page = 0; page < w->nr_pages; page++)
		verify(w, page);
	report(w, 0);
	return NULL;
}

static void *map_anonymous(size_t bytes, int flags)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap");
	return memory;
}

static uint32_t pages_per_worker(const struct job *job)
{
	return (uint32_t)((job->nr_mib << 20) / PAGE_BYTES / (job->nr_processes * job->nr_threads));
}

static void run_process(const struct job *job, unsigned int process)
{
	static struct worker workers[MAX_THREADS];
	pthread_t threads[MAX_THREADS];

	for (unsigned int i = 0; i < job->nr_threads; i++) {
		struct worker *w = &workers[i];

		w->job = job;
		w->number = process * job->nr_threads + i;
		w->rng.state = job->seed * MAX_THREADS * MAX_PROCESSES + w->number;
		w->nr_pages = pages_per_worker(job);
		w->pages = map_anonymous((size_t)w->nr_pages * PAGE_BYTES, MAP_PRIVATE);
		/* Huge pages would be split at the first swap-out and only add their own waiting. */
		(void)madvise(w->pages, (size_t)w->nr_pages * PAGE_BYTES, MADV_NOHUGEPAGE);
		w->generations = map_anonymous(w->nr_pages * sizeof(*w->generations), MAP_PRIVATE);
		if (pthread_create(&threads[i], NULL, work, w))
			die("pthread_create");
	}
	for (unsigned int i = 0; i < job->nr_threads; i++)
		pthread_join(threads[i], NULL);
	_exit(0);
}

/* The number in a file, or in its line "FIELD number". -1 when there is none. */
static long long watched(const char *watch)
{
	char path[256], line[256];
	const char *field = strchr(watch, ':');
	size_t field_length = field ? strlen(++field) : 0;
	long long value = -1;
	FILE *file;

	snprintf(path, sizeof(path), "%.*s", (int)(field ? field - 1 - watch : (long)strlen(watch)), watch);
	file = fopen(path, "r");
	if (!file)
		return -1;
	while (value < 0 && fgets(line, sizeof(line), file)) {
		if (!field)
			value = strtoll(line, NULL, 10);
		else if (!strncmp(line, field, field_length) && line[field_length] == ' ')
			value = strtoll(line + field_length, NULL, 10);
	}
	fclose(file);
	return value;
}

static const char *watch_name(const char *watch)
{
	const char *colon = strchr(watch, ':');
	const char *slash = strrchr(watch, '/');

	return colon ? colon + 1 : slash ? slash + 1 : watch;
}

static void print_sample(const struct job *job, uint64_t pass)
{
	printf("pass %llu", (unsigned long long)pass);
	for (unsigned int i = 0; i < job->nr_watches; i++)
		printf(" %s %lld", watch_name(job->watches[i]), watched(job->watches[i]));
	printf("\n");
	fflush(stdout);
}

static void kill_all(const pid_t *children, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		kill(children[i], SIGKILL);
}

/* A worker that dies, by its own verdict or killed, ends the run: nothing waits for it. */
static int watch_children(const struct job *job, const pid_t *children)
{
	uint64_t steps_per_pass = (uint64_t)pages_per_worker(job) * job->nr_processes * job->nr_threads;
	uint64_t pass = 0;

	for (unsigned int running = job->nr_processes; running;) {
		int status = 0;
		pid_t ended = waitpid(-1, &status, WNOHANG);
		uint64_t nr_steps = __atomic_load_n(&job->progress->nr_steps, __ATOMIC_RELAXED);

		if (ended < 0)
			die("waitpid");
		if (ended > 0)
			running--;
		if (ended > 0 && WIFSIGNALED(status))
			fprintf(stderr, "pressure: a process was killed by signal %d\n", WTERMSIG(status));
		if (ended > 0 && status) {
			kill_all(children, job->nr_processes);
			return 1;
		}
		if (nr_steps / steps_per_pass > pass) {
			pass = nr_steps / steps_per_pass;
			print_sample(job, pass);
		}
		if (!ended)
			usleep(20000); /* only how often it looks */
	}
	printf("%llu written %llu verified\n", (unsigned long long)job->progress->nr_written,
	       (unsigned long long)job->progress->nr_verified);
	return 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: pressure -m MIB [-p PROCESSES] [-j THREADS] [-n PASSES] [-t SECONDS] [-s SEED] "
			"[-w FILE[:FIELD]]...\n");
	return 2;
}

static bool parse(struct job *job, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "m:p:j:n:t:s:w:")) != -1) {
		uint64_t number = optarg ? strtoull(optarg, NULL, 0) : 0;

		switch (option) {
		case 'm': job->nr_mib = number; break;
		case 'p': job->nr_processes = (unsigned int)number; break;
		case 'j': job->nr_threads = (unsigned int)number; break;
		case 'n': job->nr_passes = number; break;
		case 't': job->seconds = number; break;
		case 's': job->seed = number; break;
		case 'w':
			if (job->nr_watches == MAX_WATCHES)
				return false;
			job->watches[job->nr_watches++] = optarg;
			break;
		default: return false;
		}
	}
	return optind == argc && job->nr_mib && job->nr_processes && job->nr_processes <= MAX_PROCESSES &&
	       job->nr_threads && job->nr_threads <= MAX_THREADS;
}

int main(int argc, char **argv)
{
	struct job job = { .nr_processes = 2, .nr_threads = 2, .nr_passes = 4, .seed = 1, .started = now_s() };
	pid_t children[MAX_PROCESSES];

	if (!parse(&job, argc, argv))
		return usage();
	job.progress = map_anonymous(sizeof(*job.progress), MAP_SHARED);
	for (unsigned int i = 0; i < job.nr_processes; i++) {
		children[i] = fork();
		if (children[i] < 0) {
			kill_all(children, i);
			die("fork");
		}
		if (!children[i])
			run_process(&job, i);
	}
	return watch_children(&job, children);
}
