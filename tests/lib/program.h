/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A program whose memory is managed, simulated: its pages are in plain memory, each there or not; what it does to one
 * that is not is a fault, which it takes to the engine itself. It ends the process when the engine breaks the contract
 * of managed.h.
 *
 * A page is taken and given at a single moment, as the kernel does it, but pages in a row one after the other. What is
 * taken leaves other bytes behind, and so does standby memory that is released, so that who looks too late is seen.
 *
 * Threads: all calls, on pages that the caller has for itself; what is injected is set before.
 */
#ifndef TESTS_PROGRAM_H
#define TESTS_PROGRAM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine.h"

#define PROGRAM_CHUNKS 6u /* of page numbers: more regions than these at once have no memory */
#define PROGRAM_LOCKS 64u
#define PROGRAM_PAGE_BYTES 4096u

struct program {
	struct zswap_memory memory; /* for the engine */
	struct zswap_engine *engine;

	/* ---- what is injected ---- */
	int give_err; /* what the next calls say, after half of what they were to give */
	unsigned int nr_give_errs;
	uint64_t give_fails_one_in; /* by chance, with -EAGAIN; 0: none */
	uint64_t busy_one_in;       /* by chance, pages have to stay */
	uint64_t moves_one_in;      /* by chance, what is ours is given as it is; 0: never */
	uint64_t move_stops_one_in; /* by chance, before a page */
	uint64_t looks_one_in;      /* by chance, what was taken is read elsewhere */
	uint64_t takes_one_in;      /* by chance, who has a fault takes pages */
	uint64_t chance;

	/* ---- what happened ---- */
	uint64_t nr_gives; /* calls, and pages */
	uint64_t nr_given;
	uint64_t nr_moved;
	uint64_t nr_looked; /* elsewhere */
	uint64_t nr_released;
	bool has_unknown; /* pages came by a call that failed: the engine does not know of them */

	/* ---- its own ---- */
	unsigned char *content;
	unsigned char *is_present; /* a byte for each page, as the next four */
	unsigned char *is_busy;
	unsigned char *is_dropped; /* it is about to be: who drops it runs as soon as the engine knows */
	unsigned char *is_gone;
	unsigned char *is_standby_used;
	pthread_mutex_t locks[PROGRAM_LOCKS];
};

void program_create(struct program *program, uint32_t standby_pages);
void program_destroy(struct program *program);

/* ---- what it does ---- */

/* A page's content of a number: zeroes, one word, noise, or something that compresses more or less. */
void program_make(unsigned char *content, uint32_t seed);

/* Each result: 0, or what a fault said that is none of -EAGAIN: it is had again. */
int program_read(struct program *program, uint32_t page, unsigned char *content);
int program_write(struct program *program, uint32_t page, const unsigned char *content);
/* Some bytes of a page. */
int program_poke(struct program *program, uint32_t page, uint32_t at, const void *bytes, uint32_t nr);

bool program_has(struct program *program, uint32_t page);
void program_set_busy(struct program *program, uint32_t page, bool is_busy);
/* It is unmapped, while pages beside it are not: from then on it cannot be given. */
void program_set_gone(struct program *program, uint32_t page);
/* Drops a page behind the engine's back. Result: whether it was there. */
bool program_lose(struct program *program, uint32_t page);
/*
 * Drops pages as a host does that is told of it: while nothing is given, before the engine knows or after. In the
 * latter case they may be given in between, but none is old enough to be taken: the kernel drops them at once.
 */
void program_drop(struct program *program, uint32_t first, uint32_t nr, bool is_known_first);

/* ---- the engine at rest ---- */

/* What is wrong in its books; NULL: nothing. pre: no call is under way. */
const char *program_audit(struct zswap_engine *engine);

#endif
