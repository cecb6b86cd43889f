/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A block device against a model that remembers each block's generation. The model is a file, so that a test can do
 * something to the device between two calls.
 *
 *   blocks [-s SEED] [-j THREADS] [-n OPERATIONS] [-e] DEVICE MODEL fill|churn|thin|verify
 *
 * fill writes every block; churn writes, reads and discards at random; thin discards two of three blocks; verify
 * reads all. With -e a write may be refused with an error: the block then has to keep what it held.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "content.h"

#define MAX_THREADS 8u
#define MAX_RUN 8u

struct job {
	const char *device;
	const char *command;
	uint32_t *generations;
	uint32_t nr_blocks;
	uint64_t seed;
	uint64_t nr_operations;
	unsigned int nr_threads;
	bool may_refuse;
};

/* Each has its own blocks: first to last - 1. */
struct worker {
	const struct job *job;
	pthread_t thread;
	int fd;
	uint32_t first;
	uint32_t last;
	struct rng rng;
	unsigned char *buffer;
	uint64_t nr_written;
	uint64_t nr_refused;
	uint64_t nr_verified;
};

static _Noreturn void die(const char *what, uint32_t block)
{
	fprintf(stderr, "blocks: block %u: %s: %s\n", block, what, strerror(errno));
	exit(1);
}

/* A refused write changes nothing: the generation stays the old one. */
static void write_run(struct worker *w, uint32_t block, uint32_t nr)
{
	const struct job *job = w->job;

	for (uint32_t i = 0; i < nr; i++)
		content_fill((uint64_t *)(void *)(w->buffer + i * PAGE_BYTES), job->seed, block + i,
			     job->generations[block + i] + 1);
	if (pwrite(w->fd, w->buffer, nr * PAGE_BYTES, (off_t)block * PAGE_BYTES) != (ssize_t)(nr * PAGE_BYTES)) {
		if (!job->may_refuse || (errno != EIO && errno != ENOSPC && errno != ENOMEM))
			die("write", block);
		w->nr_refused++;
		return;
	}
	for (uint32_t i = 0; i < nr; i++)
		job->generations[block + i]++;
	w->nr_written += nr;
}

static void verify_run(struct worker *w, uint32_t block, uint32_t nr)
{
	const struct job *job = w->job;

	memset(w->buffer, 0x5a, nr * PAGE_BYTES);
	if (pread(w->fd, w->buffer, nr * PAGE_BYTES, (off_t)block * PAGE_BYTES) != (ssize_t)(nr * PAGE_BYTES))
		die("read", block);
	for (uint32_t i = 0; i < nr; i++) {
		uint32_t generation = job->generations[block + i];
		unsigned int at = content_differs(w->buffer + i * PAGE_BYTES, job->seed, block + i, generation);

		if (at != PAGE_BYTES) {
			fprintf(stderr, "blocks: block %u, generation %u: wrong from byte %u on\n", block + i,
				generation, at);
			exit(1);
		}
	}
	w->nr_verified += nr;
}

static void discard_run(struct worker *w, uint32_t block, uint32_t nr)
{
	uint64_t range[2] = { (uint64_t)block * PAGE_BYTES, (uint64_t)nr * PAGE_BYTES };

	if (ioctl(w->fd, BLKDISCARD, range))
		die("discard", block);
	for (uint32_t i = 0; i < nr; i++)
		w->job->generations[block + i] = 0;
}

/* Refused writes must be told apart block by block. */
static uint32_t run_length(struct worker *w, uint32_t block)
{
	uint32_t nr = w->job->may_refuse ? 1 : 1 + rng_below(&w->rng, MAX_RUN);

	return nr < w->last - block ? nr : w->last - block;
}

static void for_each_run(struct worker *w, void (*run)(struct worker *, uint32_t, uint32_t))
{
	for (uint32_t block = w->first; block < w->last;) {
		uint32_t nr = run_length(w, block);

		run(w, block, nr);
		block += nr;
	}
}

static void thin_run(struct worker *w, uint32_t block, uint32_t nr)
{
	if (rng_below(&w->rng, 3))
		discard_run(w, block, nr);
}

static void churn(struct worker *w)
{
	for (uint64_t i = w->job->nr_operations / w->job->nr_threads; i; i--) {
		uint32_t block = w->first + rng_below(&w->rng, w->last - w->first);
		uint32_t nr = run_length(w, block);
		uint32_t choice = rng_below(&w->rng, 16);

		if (choice < 8)
			write_run(w, block, nr);
		else if (choice < 14)
			verify_run(w, block, nr);
		else
			discard_run(w, block, nr);
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;
	const char *command = w->job->command;

	if (!strcmp(command, "fill"))
		for_each_run(w, write_run);
	else if (!strcmp(command, "churn"))
		churn(w);
	else if (!strcmp(command, "thin"))
		for_each_run(w, thin_run);
	else
		for_each_run(w, verify_run);
	return NULL;
}

static void start_worker(struct worker *w, const struct job *job, unsigned int number)
{
	w->job = job;
	w->first = (uint32_t)((uint64_t)job->nr_blocks * number / job->nr_threads);
	w->last = (uint32_t)((uint64_t)job->nr_blocks * (number + 1) / job->nr_threads);
	w->rng.state = job->seed * MAX_THREADS + number;
	w->buffer = aligned_alloc(PAGE_BYTES, MAX_RUN * PAGE_BYTES);
	w->fd = open(job->device, O_RDWR | O_DIRECT);
	if (!w->buffer || w->fd < 0 || pthread_create(&w->thread, NULL, work, w))
		die(job->device, w->first);
}

/* Ends with the device's buffers written: what a thread's close may leave behind must not reach the next step. */
static void run_job(const struct job *job)
{
	static struct worker workers[MAX_THREADS];
	uint64_t nr_written = 0, nr_refused = 0, nr_verified = 0;

	for (unsigned int i = 0; i < job->nr_threads; i++)
		start_worker(&workers[i], job, i);
	for (unsigned int i = 0; i < job->nr_threads; i++) {
		struct worker *w = &workers[i];

		if (pthread_join(w->thread, NULL) || close(w->fd))
			die("end", w->first);
		nr_written += w->nr_written;
		nr_refused += w->nr_refused;
		nr_verified += w->nr_verified;
	}
	printf("%llu written %llu refused %llu verified\n", (unsigned long long)nr_written,
	       (unsigned long long)nr_refused, (unsigned long long)nr_verified);
}

static void open_model(struct job *job, const char *path)
{
	int device = open(job->device, O_RDONLY);
	int model = open(path, O_RDWR | O_CREAT, 0600);
	uint64_t bytes = 0;

	if (device < 0 || model < 0 || ioctl(device, BLKGETSIZE64, &bytes))
		die(job->device, 0);
	job->nr_blocks = (uint32_t)(bytes / PAGE_BYTES);
	if (ftruncate(model, (off_t)job->nr_blocks * (off_t)sizeof(*job->generations)))
		die(path, 0);
	job->generations =
		mmap(NULL, job->nr_blocks * sizeof(*job->generations), PROT_READ | PROT_WRITE, MAP_SHARED, model, 0);
	if (job->generations == MAP_FAILED)
		die(path, 0);
	close(device);
	close(model);
}

int main(int argc, char **argv)
{
	struct job job = { .seed = 1, .nr_operations = 10000, .nr_threads = 2 };
	int option;

	while ((option = getopt(argc, argv, "s:j:n:e")) != -1) {
		switch (option) {
		case 's': job.seed = strtoull(optarg, NULL, 0); break;
		case 'j': job.nr_threads = (unsigned int)strtoul(optarg, NULL, 0); break;
		case 'n': job.nr_operations = strtoull(optarg, NULL, 0); break;
		case 'e': job.may_refuse = true; break;
		default: return 2;
		}
	}
	if (argc - optind != 3 || job.nr_threads < 1 || job.nr_threads > MAX_THREADS ||
	    (strcmp(argv[optind + 2], "fill") && strcmp(argv[optind + 2], "churn") &&
	     strcmp(argv[optind + 2], "thin") && strcmp(argv[optind + 2], "verify"))) {
		fprintf(stderr, "usage: blocks [-s SEED] [-j THREADS] [-n OPERATIONS] [-e] DEVICE MODEL "
				"fill|churn|thin|verify\n");
		return 2;
	}
	job.device = argv[optind];
	job.command = argv[optind + 2];
	open_model(&job, argv[optind + 1]);
	run_job(&job);
	return 0;
}
