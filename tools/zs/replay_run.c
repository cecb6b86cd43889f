/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The chapters of zs replay, each in a child process, so that nothing of one is left in the next one's heap.
 *
 * Every object is filled with a word of its own, which is looked at when it is replaced and at the end.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heap.h"
#include "loop.h"
#include "random.h"
#include "replay.h"
#include "resident.h"
#include "zs.h"
#include "zsmalloc.h"

enum {
	LARGEST = 65536,
	CHURN_ROUNDS = 10,
	CHURN_SHARE = 10, /* a tenth in each */
};

struct play {
	const struct zs_replay_options *options;
	const struct zs_sizes *trace;
	struct zs_replay_chapter *chapter;
	struct zs_heap heap;
	struct zs_loop_object *objects;
	uint32_t *order; /* of objects, for choosing some at random */
	size_t nr;
	uint64_t *words; /* an object's content, as it is made */
	uint64_t *copy;
	uint64_t random;
	uint64_t base_bytes;
	struct zs_replay_state step; /* what the step in hand has done so far */
	uint64_t step_began_ns;
	uint64_t moved_before;
	bool failed;
};

static uint64_t word_of(size_t i, uint32_t len)
{
	uint64_t state = i << 17 | len;

	return zs_random(&state);
}

static uint64_t moved_bytes(const struct play *play)
{
	struct zs_pool_stats stats = { .size = sizeof(stats) };

	if (play->options->use_malloc)
		return 0;
	zs_pool_stats(play->heap.pool, &stats);
	return stats.bytes_moved;
}

static void begin_step(struct play *play)
{
	play->step =
		(struct zs_replay_state){ .objects = play->step.objects, .payload_bytes = play->step.payload_bytes };
	play->moved_before = moved_bytes(play);
	play->step_began_ns = zs_clock_ns();
}

static void note_pool(const struct play *play, struct zs_replay_state *state)
{
	struct zs_pool_stats stats = { .size = sizeof(stats) };

	zs_pool_stats(play->heap.pool, &stats);
	state->total_bytes = zs_get_total_size_bytes(play->heap.pool);
	state->metadata_bytes = stats.metadata_bytes;
	state->moved_bytes = stats.bytes_moved - play->moved_before;
}

static void end_step(struct play *play, const char *name)
{
	struct zs_replay_state *state = &play->chapter->states[play->chapter->nr_states++];
	uint64_t resident_bytes = zs_resident_bytes();

	play->step.time_ns = zs_clock_ns() - play->step_began_ns;
	*state = play->step;
	state->name = name;
	state->resident_bytes = resident_bytes > play->base_bytes ? resident_bytes - play->base_bytes : 0;
	if (play->options->use_malloc)
		state->total_bytes = state->resident_bytes;
	else
		note_pool(play, state);
}

static void make(struct play *play, size_t i, uint32_t len)
{
	uint64_t word = word_of(i, len);

	for (size_t at = 0; at < (len + sizeof(word) - 1) / sizeof(word); at++)
		play->words[at] = word;
	play->objects[i].ref = play->heap.put(&play->heap, play->words, len);
	if (!play->objects[i].ref) {
		play->failed = true;
		return;
	}
	play->objects[i].len = len;
	play->step.objects++;
	play->step.payload_bytes += len;
	play->step.written_bytes += len;
}

static bool is_intact(const struct play *play, size_t i)
{
	const struct zs_loop_object *object = &play->objects[i];
	uint64_t word = word_of(i, object->len);
	const unsigned char *data = play->heap.get(&play->heap, object->ref, object->len, play->copy);
	bool intact = data && !memcmp(data, &word, object->len < sizeof(word) ? object->len : sizeof(word)) &&
		      (object->len <= sizeof(word) || !memcmp(data, data + sizeof(word), object->len - sizeof(word)));

	if (data)
		play->heap.unget(&play->heap, object->ref, object->len, data);
	return intact;
}

static void drop(struct play *play, size_t i)
{
	uint32_t len = play->objects[i].len;

	play->heap.drop(&play->heap, play->objects[i].ref);
	play->objects[i] = (struct zs_loop_object){ 0, 0 };
	play->step.objects--;
	play->step.payload_bytes -= len;
	play->step.freed_bytes += len;
}

static uint32_t draw(struct play *play)
{
	return play->trace->bytes[zs_random_below(&play->random, play->trace->nr)];
}

/* The whole trace in its order, or as many random ones of it as were asked for. */
static void fill(struct play *play)
{
	begin_step(play);
	for (size_t i = 0; i < play->nr && !play->failed; i++)
		make(play, i, play->options->nr_objects ? draw(play) : play->trace->bytes[i]);
	end_step(play, "filled");
}

/* Puts nr random objects first in play->order. */
static void choose(struct play *play, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		size_t other = i + zs_random_below(&play->random, play->nr - i);
		uint32_t chosen = play->order[other];

		play->order[other] = play->order[i];
		play->order[i] = chosen;
	}
}

static void free_some(struct play *play, size_t nr, const char *name)
{
	choose(play, nr);
	begin_step(play);
	for (size_t i = 0; i < nr; i++)
		drop(play, play->order[i]);
	end_step(play, name);
}

static void refill(struct play *play)
{
	begin_step(play);
	for (size_t i = 0; i < play->nr && !play->failed; i++)
		if (!play->objects[i].len)
			make(play, i, draw(play));
	end_step(play, "refilled");
}

static void trim(struct play *play, const char *name)
{
	begin_step(play);
	play->heap.trim(&play->heap);
	end_step(play, name);
}

static void replace_round(struct play *play)
{
	size_t nr = play->nr / CHURN_SHARE;

	choose(play, nr);
	for (size_t i = 0; i < nr && !play->failed; i++) {
		if (!is_intact(play, play->order[i]))
			play->failed = true;
		drop(play, play->order[i]);
		make(play, play->order[i], draw(play));
	}
}

static void churn(struct play *play)
{
	begin_step(play);
	for (int round = 0; round < CHURN_ROUNDS && !play->failed; round++)
		replace_round(play);
	end_step(play, "churned");
}

static void wait_a_second(struct play *play)
{
	begin_step(play);
	usleep(1000000);
	end_step(play, "a second later");
}

static void play_half(struct play *play)
{
	free_some(play, play->nr / 2, "half freed");
	trim(play, "compacted");
	refill(play);
}

static void play_most(struct play *play)
{
	free_some(play, play->nr - play->nr / 10, "nine tenths freed");
	trim(play, "compacted");
}

static void play_churn(struct play *play)
{
	churn(play);
	wait_a_second(play);
	trim(play, "compacted");
}

const char *const zs_replay_chapter_names[ZS_REPLAY_NR_CHAPTERS] = { "half", "most", "churn" };
static void (*const chapter_plays[ZS_REPLAY_NR_CHAPTERS])(struct play *) = { play_half, play_most, play_churn };

static void report_error(void *ctx, int err, const char *what)
{
	struct play *play = ctx;

	zs_message("the pool: %s: %s", what, strerror(err));
	play->failed = true;
}

static bool create_heap(struct play *play)
{
	struct zs_pool_options options = {
		.size = sizeof(options),
		.name = "zs replay",
		.max_object_size = play->trace->max_bytes > ZS_PAGE_BYTES ? LARGEST : ZS_PAGE_BYTES,
		.flags = play->options->pool_flags,
		.on_error = report_error,
		.ctx = play,
	};

	play->heap = zs_heap_of_malloc();
	if (play->options->use_malloc)
		return true;
	play->heap = zs_heap_of_pool(zs_create_pool_with(&options));
	if (!play->heap.pool)
		zs_message("cannot create a pool: %s", strerror(errno));
	return play->heap.pool != NULL;
}

/* All memory of our own is in place before the heap's is measured. */
static bool prepare(struct play *play)
{
	play->nr = play->options->nr_objects ? play->options->nr_objects : play->trace->nr;
	play->objects = zs_loop_memory(play->nr * sizeof(*play->objects), 0);
	play->order = zs_loop_memory(play->nr * sizeof(*play->order), 0);
	play->words = zs_loop_memory(LARGEST, 0);
	play->copy = zs_loop_memory(LARGEST, 0);
	play->random = play->options->seed;
	if (!play->objects || !play->order || !play->words || !play->copy) {
		zs_message("out of memory for tables of %zu objects; give a smaller -n", play->nr);
		return false;
	}
	for (size_t i = 0; i < play->nr; i++)
		play->order[i] = (uint32_t)i;
	play->base_bytes = zs_resident_bytes();
	return create_heap(play);
}

static bool check_all(struct play *play)
{
	bool intact = true;

	for (size_t i = 0; i < play->nr; i++)
		intact &= !play->objects[i].len || is_intact(play, i);
	return intact && (play->options->use_malloc || !zs_pool_verify(play->heap.pool));
}

/* The whole life of the child. */
static void play_chapter(const struct zs_replay_options *options, const struct zs_sizes *trace,
			 struct zs_replay_chapter *chapter, unsigned int number)
{
	struct play play = { .options = options, .trace = trace, .chapter = chapter };

	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	if (!prepare(&play))
		_exit(ZS_EXIT_FAILURE);
	fill(&play);
	if (!play.failed)
		chapter_plays[number](&play);
	if (play.failed) {
		zs_message("%s: the heap has no memory left, or an object was damaged",
			   zs_replay_chapter_names[number]);
		_exit(ZS_EXIT_FAILURE);
	}
	chapter->intact = check_all(&play);
	chapter->done = true;
	zs_destroy_pool(play.heap.pool);
	_exit(ZS_EXIT_OK);
}

static bool run_chapter(const struct zs_replay_options *options, const struct zs_sizes *trace,
			struct zs_replay_chapter *chapter, unsigned int number)
{
	pid_t pid = fork();
	int status;

	if (pid < 0) {
		zs_message("no process for a chapter: %s", strerror(errno));
		return false;
	}
	if (!pid)
		play_chapter(options, trace, chapter, number);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	if (WIFSIGNALED(status) && !zs_interrupted())
		zs_message("%s: its process was ended by signal %d", zs_replay_chapter_names[number], WTERMSIG(status));
	return chapter->done;
}

bool zs_replay_run(const struct zs_replay_options *options, const struct zs_sizes *trace,
		   struct zs_replay_chapter *chapters)
{
	bool done = true;

	for (unsigned int i = 0; i < ZS_REPLAY_NR_CHAPTERS && !zs_interrupted(); i++)
		if (options->wanted[i])
			done &= run_chapter(options, trace, &chapters[i], i);
	return done && !zs_interrupted();
}
