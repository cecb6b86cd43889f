/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Who takes pages: the evictor beside the program, or the pager while the program waits for it.
 *
 * Each row of pages that is taken has to be told to all processors that run the program. Where that is cheap the
 * evictor does it beside the program, which waits the less for the pager. In a virtual machine a row may take 50 to 150
 * us, of both processors' time, and then the pager does it: who waits for it runs on none. With several threads that
 * have faults others would run meanwhile, and each would wait for what is taken for another's fault. See
 * docs/decisions/0015-who-takes-pages.md.
 */
#include "front.h"
#include "opinion.h"

#define DEAR_NS 20000u     /* a row */
#define TRIAL_TURNS 32u    /* the evictor has them, so that what it takes is known: at first, … */
#define TRIAL_ONE_IN 1024u /* … and then once in so many turns */
#define SEVERAL_ONE_IN 8u  /* so many faults are of another thread than the one before */

void zswap_taking_note(struct zswap *zswap, uint64_t ns)
{
	if ((uintptr_t)pthread_self() != __atomic_load_n(&zswap->takers.pager, __ATOMIC_RELAXED))
		zswap_timing_note(&zswap->takers.row_ns, ns);
}

void zswap_taking_note_faulter(struct zswap *zswap, pid_t thread)
{
	struct zswap_opinion opinion = zswap_opinion_look(&zswap->takers.several);

	opinion.nr_seen++;
	opinion.nr_such += thread != zswap->takers.last_faulter;
	zswap_opinion_note(&zswap->takers.several, opinion);
	zswap->takers.last_faulter = thread;
}

/* Of the first few the first one is another thread's than none, so they are of several. */
static bool are_several(const struct zswap *zswap)
{
	struct zswap_opinion opinion = zswap_opinion_look(&zswap->takers.several);

	return zswap_opinion_is_share(&opinion, 1, SEVERAL_ONE_IN);
}

bool zswap_memory_takes_with_faults(void *ctx)
{
	struct zswap *zswap = ctx;

	if (__atomic_fetch_add(&zswap->takers.nr_turns, 1, __ATOMIC_RELAXED) % TRIAL_ONE_IN < TRIAL_TURNS ||
	    are_several(zswap))
		return false;
	return zswap_timing_ns(&zswap->takers.row_ns) > DEAR_NS;
}
