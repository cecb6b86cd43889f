/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The simulated host: what a test sets, and what it can read.
 *
 * Deterministic: chance is a fixed sequence, and the clock moves by a step at each look. Hostile: memory comes
 * poisoned, returned pages cannot be touched, any fallible call can be made to fail, and a call that the contract
 * allows only without a lock held stops the program if one is.
 */
#ifndef ZS_SIM_H
#define ZS_SIM_H

#include <stdbool.h>
#include <stdint.h>

struct zs_sim {
	/* ---- set by the test, while no pool exists ---- */
	unsigned int page_shift; /* of sources without ops: 12, 14 or 16 */
	bool contiguous;         /* of sources without ops */
	bool has_windows;        /* as a kernel has: one spanning object per thread */
	bool high_pages;         /* scattered pages have an address only while they are open */
	uint64_t page_budget;    /* pages that may be out at once; 0: no bound */
	uint64_t fail_at;        /* the number of the fallible call that fails, from 1; 0: none */
	bool fail_after;         /* and all that follow it */
	uint64_t fail_one_in;    /* by chance, one call in so many fails; 0: none */
	uint64_t fail_seed;      /* of that chance */
	uint64_t clock_step_ns;

	/* ---- read by the test ---- */
	uint64_t nr_fallible_calls; /* so far */
	uint64_t nr_pages;          /* out: scattered, or reserved and populated */
	uint64_t nr_spans;
	uint64_t nr_units;
	uint64_t nr_tables;
	uint64_t nr_table_units; /* of them in use */
	uint64_t nr_buffers;
	uint64_t nr_sources;
	uint64_t nr_clock_looks;
	uint64_t nr_lock_holds;
	uint64_t nr_work_calls;
	uint64_t nr_return_calls; /* that returned pages of spans */
	uint64_t now_ns;
};

extern struct zs_sim zs_sim;

/* Forgets settings and counts: 4 KiB contiguous pages, no failure. pre: no pool exists. */
void zs_sim_reset(void);

/* Whether everything that was handed out came back. */
bool zs_sim_is_clean(void);

/* Counts a fallible call that is none of the host's: a test's own malloc, say. Result: whether it is to fail. */
bool zs_sim_is_to_fail(void);

/* From here on no call fails by number or by chance; pools may exist and be at work. */
void zs_sim_stop_failing(void);

/* Gives the running thread another number, as if another thread went on in its place; 0: one that has none. */
void zs_sim_be_thread(unsigned int number);

/*
 * Wants the memory of a scattered page elsewhere, as a kernel does, a different page each time: replace is called for
 * the page's user with a page that may take its place, and says 0 if it did. Result: whether it did.
 */
bool zs_sim_migrate(int (*replace)(void *user, void *old_page, void *new_page));

#endif
