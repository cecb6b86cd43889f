/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Managed memory as a whole, for the files of this folder.
 *
 * Locks: that of the calls, the list of all, the regions' and the engine's, in this order. Who calls from outside
 * has all signals blocked: a handler of the program's could touch managed memory, and its fault would wait for what its
 * own thread holds. Nor may it be cancelled, which could happen wherever a file is read.
 */
#ifndef ZSWAP_FRONT_H
#define ZSWAP_FRONT_H

#include <poll.h>
#include <pthread.h>
#include <sys/types.h>

#include "descriptor.h"
#include "engine.h"
#include "file_store.h"
#include "regions.h"
#include "signals.h"
#include "timing.h"
#include "zswap.h"

#define PUBLIC __attribute__((visibility("default"))) /* of the calls in zswap.h */

#define ZSWAP_MOST_CHILDREN 256u
#define ZSWAP_MOST_PARENTS 16u

/* Who reads the backing file: see children.c. Ends of pipes. */
struct zswap_children {
	struct zs_share_lock lock;
	bool is_sealed;
	bool is_unknown; /* there is a child without a pipe */
	int next[2];     /* of the child that is about to be */
	unsigned int nr, nr_own;
	struct pollfd own[ZSWAP_MOST_PARENTS];  /* writing ends: of who is a child itself */
	struct pollfd end[ZSWAP_MOST_CHILDREN]; /* reading ends */
};

#define ZSWAP_MOST_CHANGES 65536u /* their memory comes as it is touched */

/* What is unmapped or dropped while a thread forks, for later: see changes.c. */
struct zswap_changes {
	struct zs_share_lock lock;
	uint32_t nr;
	struct zswap_change {
		uintptr_t start, end;
		bool is_unmapped;
	} change[ZSWAP_MOST_CHANGES];
};

/* How taken pages are read: see standing.c. */
struct zswap_looks {
	uint32_t ns[2]; /* how long each way takes for a page: see timing.h */
	uint32_t nr;    /* changed atomically */
};

/* Who takes pages: see taking.c. */
struct zswap_takers {
	uint32_t row_ns;    /* how long others than the pager take for a row */
	uint32_t nr_turns;  /* changed atomically */
	uint64_t several;   /* an opinion, of faults of another thread than the one before */
	pid_t last_faulter; /* the pager's */
	uintptr_t pager;    /* its pthread_self(), as soon as it runs; changed atomically */
};

struct zswap {
	struct zswap *next; /* of all */
	struct zswap_means means;
	struct zswap_regions regions;
	struct zswap_memory memory;
	struct zswap_engine *engine;
	struct zs_file_store *file; /* NULL: none */
	struct zs_store store;
	int fd;               /* of managed memory */
	int standby_fd;       /* of where taken pages come to; -1: they come by mremap() */
	bool is_standby_kept; /* some of that memory could not be let go; changed atomically */
	int pagemap_fd;       /* -1: nothing can be scanned */
	struct zswap_looks looks;
	struct zswap_takers takers;
	int stop_fd;
	pthread_t pager;
	pthread_t evictor;
	bool has_pager;
	bool has_evictor;
	uint32_t evictor_state; /* a futex: see pager.c */
	pid_t forking;          /* the thread for which the engine is paused; or 0 */
	struct zswap_children children;
	struct zswap_changes changes;
	bool wakes_later;       /* who gets a page goes on only when it is told to, not as it comes */
	bool has_one_processor; /* the pager, as it had it from the program; changed atomically */
	void (*on_event)(void *ctx, const char *what);
	void *ctx;
};

static inline bool zswap_has_one_processor(const struct zswap *zswap)
{
	return __atomic_load_n(&zswap->has_one_processor, __ATOMIC_RELAXED);
}

/* ---- moving.c: the engine's means ---- */

/* Makes room for so many taken pages. Result: 0 or a negative errno. */
int zswap_memory_create(struct zswap *zswap, uint32_t standby_pages);
void zswap_memory_destroy(struct zswap *zswap);
/* The descriptor anew, in a child. Result: 0 or a negative errno. */
int zswap_memory_renew(struct zswap *zswap);
/* What waits for a page looks again. */
void zswap_memory_wake(struct zswap *zswap, uint32_t page);

/* ---- standing.c: reading what was taken. As in struct zswap_memory ---- */

const void *zswap_memory_look(void *ctx, const void *at, unsigned int nr, void *buffer);
/* Whether the first access to a page that has moved takes longer than to have the kernel copy it. */
bool zswap_touching_is_dear(const struct zswap *zswap);

/* ---- taking.c: who takes pages ---- */

/* A row was taken, by the thread that calls, in so long. */
void zswap_taking_note(struct zswap *zswap, uint64_t ns);
/* A thread has a fault. context: the pager */
void zswap_taking_note_faulter(struct zswap *zswap, pid_t thread);
/* As in struct zswap_memory. */
bool zswap_memory_takes_with_faults(void *ctx);

/* ---- pager.c: the threads ---- */

/* With signals blocked. Result: 0 or a negative errno; zswap_pager_stop() is to be called in any case. */
int zswap_pager_start(struct zswap *zswap);
void zswap_pager_stop(struct zswap *zswap);
/* While more is resident than may be, since pages are shared with a child, the evictor gets some time. */
void zswap_hold_back(struct zswap *zswap);
/* Of the engine's options; ctx is a struct zswap. */
void zswap_evictor_wake(void *ctx);

/* ---- changes.c: what the program unmaps or drops ---- */

void zswap_unmapped(struct zswap *zswap, uintptr_t start, uintptr_t end);
void zswap_removed(struct zswap *zswap, uintptr_t start, uintptr_t end);
/*
 * While a thread forks, changes are put aside. Result of the first: whether one does, and there is room for so many
 * changes; then it does not go on before the last of these is called.
 */
bool zswap_changes_begin(struct zswap *zswap, unsigned int room);
void zswap_changes_put_aside(struct zswap *zswap, const struct zswap_change *change);
void zswap_changes_end(struct zswap *zswap);
/* Deals with those. context: nobody forks, or who forks waits meanwhile, or calls this */
void zswap_changes_settle(struct zswap *zswap);
/* In a child: deals with what it has no mapping for. */
void zswap_forget_unmapped(struct zswap *zswap);

/* ---- children.c: who reads the backing file too. Without one nothing is done ---- */

/* What is in the file stays from here on. context: paused, before a fork */
void zswap_children_expect(struct zswap *zswap);
/* After it, in the parent; and in the child, which gets a file of its own. */
void zswap_children_watch(struct zswap *zswap);
void zswap_children_branch(struct zswap *zswap);
/* If all are gone, what stayed for them may go. */
void zswap_children_look(struct zswap *zswap);
bool zswap_children_are_there(struct zswap *zswap);
/* This process does not read its parent's file any more. */
void zswap_children_release(struct zswap *zswap);
void zswap_children_destroy(struct zswap *zswap);

/* ---- sigbus.c: faults in their threads ---- */

/* Before the first one is in the list, and after the last one was. context: the list's lock. Result: 0 or -errno. */
int zswap_sigbus_begin(void);
/* The handler goes, unless somebody has put another in its place. */
void zswap_sigbus_end(void);

/* ---- all.c: the list of all, and forks ---- */

struct zswap_all {
	struct zs_share_lock calls; /* shared by who is in a public call, had alone by who forks */
	struct zs_share_lock lock;
	struct zswap *first;
	uintptr_t forking; /* pthread_self() of the thread that forks, which has the lock; or 0 */
	bool has_forked;
};

extern struct zswap_all zswap_all;

/* Result: 0 or a negative errno. */
int zswap_all_add(struct zswap *zswap);
/* Nothing, if it is not in it. */
void zswap_all_remove(struct zswap *zswap);

/* What has to be done before other handlers of pthread_atfork() are there. More than once is once. */
void zswap_mind_forks(void);

/*
 * The thread's stack may be managed: what a call needs of it has its faults here, before there are locks that these
 * would wait for. It could be taken again meanwhile, which is why zswap(7) says not to have stacks there.
 */
void zswap_touch_stack(void);

/* Whether the thread that asks has the list to itself, as it forks. */
bool zswap_all_are_mine(void);

/* Whether this thread forks just now: all of the engine waits for it. */
static inline bool zswap_is_forking(const struct zswap *zswap, pid_t thread)
{
	return __atomic_load_n(&zswap->forking, __ATOMIC_ACQUIRE) == thread;
}

/* ---- making.c ---- */

void zswap_tell(struct zswap *zswap, const char *what);

/* ---- renewal.c ---- */

/* In a child after a fork, all paused: it works by itself from here on, or has all its pages back. */
void zswap_renew(struct zswap *zswap);

/* ---- zswap.c: the calls ---- */

/* What of the program's may come between, where there are locks. */
struct zswap_interrupts {
	sigset_t signals;
	int cancellation;
};

/*
 * Manages memory that was mapped just now: private, anonymous, and nobody has touched it. Result: 0 or a negative
 * errno: it stays what it was.
 */
int zswap_take_over(struct zswap *zswap, void *start, size_t bytes);
/*
 * What is managed of memory that is about to be unmapped is so no more, and its content is lost; all stays where the
 * kernel has no memory for that, as it will not unmap it either.
 */
void zswap_let_go(struct zswap *zswap, void *start, size_t bytes);
/*
 * Something else is to be mapped over managed memory: no thread forks meanwhile, and what was there is forgotten in the
 * end. bytes: of what was mapped; 0: nothing was.
 */
void zswap_begin_to_replace(struct zswap_interrupts *before);
void zswap_end_replacing(struct zswap *zswap, void *start, size_t bytes, const struct zswap_interrupts *before);
/* The first part of a range that is managed. Result: whether there is one. */
bool zswap_find(struct zswap *zswap, uintptr_t start, uintptr_t end, struct zswap_region *part);

/* Signals, all but those that an instruction brings about, which cannot wait; and that the thread is cancelled. */
static inline void zswap_block_interrupts(struct zswap_interrupts *before)
{
	zswap_touch_stack();
	zs_signals_block(&before->signals);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before->cancellation);
}

static inline void zswap_restore_interrupts(const struct zswap_interrupts *before)
{
	zs_signals_restore(&before->signals);
	pthread_setcancelstate(before->cancellation, NULL);
}

#endif
