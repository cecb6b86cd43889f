/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The team of threads: they wait for a job, take pieces of its range until it is used up, and report.
 *
 * lock guards generation, nr_busy and quit; the job itself is written before generation changes and read after.
 */
#include "team.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "zs.h"

enum { PIECE_ITEMS = 256 };

struct member {
	struct zs_team *team;
	unsigned int index;
	pthread_t thread;
};

struct zs_team {
	pthread_mutex_t lock;
	pthread_cond_t work;
	pthread_cond_t idle;
	unsigned long generation;
	unsigned int nr_busy;
	bool quit;

	zs_team_fn *fn;
	void *arg;
	size_t end;
	atomic_size_t next;

	unsigned int nr_threads; /* with the caller */
	struct member members[];
};

static void take_pieces(struct zs_team *team, unsigned int index)
{
	for (;;) {
		size_t first = atomic_fetch_add(&team->next, PIECE_ITEMS);
		size_t end = first + PIECE_ITEMS;

		if (first >= team->end)
			return;
		team->fn(team->arg, index, first, end < team->end ? end : team->end);
	}
}

static void *member_main(void *arg)
{
	struct member *me = arg;
	struct zs_team *team = me->team;
	unsigned long seen = 0;

	pthread_mutex_lock(&team->lock);
	for (;;) {
		while (team->generation == seen && !team->quit)
			pthread_cond_wait(&team->work, &team->lock);
		if (team->quit)
			break;
		seen = team->generation;
		pthread_mutex_unlock(&team->lock);
		take_pieces(team, me->index);
		pthread_mutex_lock(&team->lock);
		if (!--team->nr_busy)
			pthread_cond_signal(&team->idle);
	}
	pthread_mutex_unlock(&team->lock);
	return NULL;
}

/* Signals are the main thread's. */
static int start_member(struct zs_team *team, unsigned int index)
{
	struct member *member = &team->members[index];
	sigset_t all, old;
	int err;

	member->team = team;
	member->index = index;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&member->thread, NULL, member_main, member);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

struct zs_team *zs_team_create(unsigned int nr_threads)
{
	struct zs_team *team = calloc(1, sizeof(*team) + nr_threads * sizeof(team->members[0]));
	int err;

	if (!team)
		return NULL;
	pthread_mutex_init(&team->lock, NULL);
	pthread_cond_init(&team->work, NULL);
	pthread_cond_init(&team->idle, NULL);
	for (team->nr_threads = 1; team->nr_threads < nr_threads; team->nr_threads++) {
		err = start_member(team, team->nr_threads);
		if (err) {
			zs_team_destroy(team);
			errno = err;
			return NULL;
		}
	}
	return team;
}

void zs_team_destroy(struct zs_team *team)
{
	if (!team)
		return;
	pthread_mutex_lock(&team->lock);
	team->quit = true;
	pthread_cond_broadcast(&team->work);
	pthread_mutex_unlock(&team->lock);
	for (unsigned int i = 1; i < team->nr_threads; i++)
		pthread_join(team->members[i].thread, NULL);
	pthread_cond_destroy(&team->idle);
	pthread_cond_destroy(&team->work);
	pthread_mutex_destroy(&team->lock);
	free(team);
}

unsigned long long zs_team_run(struct zs_team *team, zs_team_fn *fn, void *arg, size_t first, size_t end)
{
	unsigned long long began_ns = zs_clock_ns();

	pthread_mutex_lock(&team->lock);
	team->fn = fn;
	team->arg = arg;
	team->end = end;
	atomic_store(&team->next, first);
	team->nr_busy = team->nr_threads - 1;
	team->generation++;
	pthread_cond_broadcast(&team->work);
	pthread_mutex_unlock(&team->lock);
	take_pieces(team, 0);
	pthread_mutex_lock(&team->lock);
	while (team->nr_busy)
		pthread_cond_wait(&team->idle, &team->lock);
	pthread_mutex_unlock(&team->lock);
	return zs_clock_ns() - began_ns;
}
