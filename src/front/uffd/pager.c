/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Two threads. The pager reads what the kernel tells: faults, if they are not taken in their threads, and what the
 * program unmaps or drops behind our back, which waits until that is read. The evictor keeps pages free ahead of
 * demand, or packs what the pager takes; it sleeps until a fault finds that there is something to do.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "clocks.h"
#include "front.h"
#include "futex.h"
#include "kernel.h"
#include "page_slot.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

/* ---- the pager ---- */

#define MESSAGES 16
#define A_WHILE_NS 100000 /* until there may be memory, or a fork is over */
#define LOOK_ON_NS 50000

/* Nobody else knows the page's content: better no answer than a wrong one. */
static void fail(struct zswap *zswap, uintptr_t address)
{
	struct uffdio_poison poison = { .range = { .start = address, .len = ZSWAP_PAGE_BYTES } };

	if (zswap->means.has_poison && !ioctl(zswap->fd, UFFDIO_POISON, &poison))
		return;
	zswap_tell(zswap, "a page's content is lost, and the kernel cannot be told so: the process ends");
	abort();
}

typedef int fault_fn(struct zswap_engine *engine, uint32_t page, bool is_write);

/* Who waits for the page goes on when all is done. Who else waits for what came has told so, and is woken for that. */
static int bring_then_wake(struct zswap *zswap, uint32_t page, bool is_write, fault_fn *fault)
{
	int err;

	__atomic_store_n(&zswap->wakes_later, true, __ATOMIC_RELAXED);
	err = fault(zswap->engine, page, is_write);
	__atomic_store_n(&zswap->wakes_later, false, __ATOMIC_RELAXED);
	if (!err)
		zswap_memory_wake(zswap, page);
	return err;
}

/*
 * A thread that forks has a fault of its own: it alone is served, and as it waits, what was put aside can be done. That
 * it waits is known only of what was read while it forked: of an older fault it may have been relieved since. What is
 * locked as it goes on would be locked for ever in the child. And a thread that has to share its processor with us
 * would go on, in our place, to have a fault on what was just to come with this one.
 */
static int bring(struct zswap *zswap, uint32_t page, bool is_write, pid_t thread, bool in_fork)
{
	zswap_taking_note_faulter(zswap, thread);
	if (in_fork && zswap_is_forking(zswap, thread)) {
		zs_share_lock(&zswap->changes.lock, true);
		zswap_changes_settle(zswap);
		zs_share_unlock(&zswap->changes.lock, true);
		return bring_then_wake(zswap, page, is_write, zswap_engine_fault_paused);
	}
	zswap_hold_back(zswap);
	if (zswap_has_one_processor(zswap))
		return bring_then_wake(zswap, page, is_write, zswap_engine_fault);
	return zswap_engine_fault(zswap->engine, page, is_write);
}

static void take_fault(struct zswap *zswap, const struct uffd_msg *message, bool in_fork)
{
	static const struct timespec a_while = { .tv_nsec = A_WHILE_NS };
	uintptr_t address = message->arg.pagefault.address & ~(uintptr_t)(ZSWAP_PAGE_BYTES - 1);
	struct uffdio_range range = { .start = address, .len = ZSWAP_PAGE_BYTES };
	uint32_t page;
	int err = -ENOENT;

	if (zswap_regions_find(&zswap->regions, address, &page))
		err = bring(zswap, page, message->arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WRITE,
			    (pid_t)message->arg.pagefault.feat.ptid, in_fork);
	if (err == -EIO)
		fail(zswap, address);
	else if (err == -ENOMEM || err == -EBUSY)
		nanosleep(&a_while, NULL);
	if (err)
		ioctl(zswap->fd, UFFDIO_WAKE, &range); /* it has its fault again */
}

/* Result: whether it tells of a change. */
static bool find_change(const struct uffd_msg *message, struct zswap_change *change)
{
	*change = (struct zswap_change){ message->arg.remove.start, message->arg.remove.end,
					 message->event == UFFD_EVENT_UNMAP };
	return message->event == UFFD_EVENT_UNMAP || message->event == UFFD_EVENT_REMOVE;
}

static void make_change(struct zswap *zswap, const struct zswap_change *change)
{
	if (change->is_unmapped)
		zswap_unmapped(zswap, change->start, change->end);
	else
		zswap_removed(zswap, change->start, change->end);
}

typedef void change_fn(struct zswap *zswap, const struct zswap_change *change);

/* Returns how many there are. What they tell of changes is dealt with. context: nobody gives pages to the program */
static size_t read_messages(struct zswap *zswap, struct uffd_msg *messages, change_fn *deal_with)
{
	ssize_t got = read(zswap->fd, messages, MESSAGES * sizeof(*messages));
	struct zswap_change change;

	for (ssize_t i = 0; i < got / (ssize_t)sizeof(*messages); i++)
		if (find_change(&messages[i], &change))
			deal_with(zswap, &change);
	return got > 0 ? (size_t)got / sizeof(*messages) : 0;
}

/* Where faults are taken in their threads there is time, as long as nobody forks. */
static bool begin_to_listen(struct zswap *zswap)
{
	if (!zswap->means.is_sigbus)
		return zswap_engine_try_listen(zswap->engine);
	return zswap_engine_listen_within(zswap->engine, A_WHILE_NS);
}

/*
 * Who forks has stopped all, until it goes on; but it may have a fault, or drop pages, of which nobody would know if
 * this waited for it. in_fork: whether that is so.
 */
static size_t listen_for(struct zswap *zswap, struct uffd_msg *messages, bool *in_fork)
{
	size_t nr;

	for (;; sched_yield()) {
		if (begin_to_listen(zswap)) {
			*in_fork = false;
			nr = read_messages(zswap, messages, make_change);
			zswap_engine_listened(zswap->engine);
			return nr;
		}
		if (zswap_changes_begin(zswap, MESSAGES)) {
			*in_fork = true;
			nr = read_messages(zswap, messages, zswap_changes_put_aside);
			zswap_changes_end(zswap);
			return nr;
		}
	}
}

/* Returns whether there was a fault. */
static bool take_messages(struct zswap *zswap)
{
	struct uffd_msg messages[MESSAGES];
	bool had_fault = false, in_fork;
	size_t nr = listen_for(zswap, messages, &in_fork);

	for (size_t i = 0; i < nr; i++)
		if (messages[i].event == UFFD_EVENT_PAGEFAULT) {
			take_fault(zswap, &messages[i], in_fork);
			had_fault = true;
		}
	return had_fault;
}

/*
 * A fault mostly follows another, and to sleep and be woken takes longer than much of what a fault needs: where a
 * processor has nothing else to do and must be woken itself, above all in a virtual machine, 10 to 100 us. So for as
 * long the pager looks by itself. It lets others go first.
 */
static void take_while_they_come(struct zswap *zswap)
{
	uint64_t last = zs_clock_ns();

	do {
		if (take_messages(zswap))
			last = zs_clock_ns();
		else
			sched_yield();
	} while (!zswap->means.is_sigbus && zs_clock_ns() - last < LOOK_ON_NS);
}

/* The program may have been told something else since the last time. */
static void count_processors(struct zswap *zswap)
{
	cpu_set_t set;
	bool is_one = !sched_getaffinity(0, sizeof(set), &set) && CPU_COUNT(&set) == 1;

	__atomic_store_n(&zswap->has_one_processor, is_one, __ATOMIC_RELAXED);
}

static void *run_pager(void *arg)
{
	struct zswap *zswap = arg;
	struct pollfd wait[2] = { { .fd = zswap->fd, .events = POLLIN }, { .fd = zswap->stop_fd, .events = POLLIN } };

	__atomic_store_n(&zswap->takers.pager, (uintptr_t)pthread_self(), __ATOMIC_RELAXED);
	for (;;) {
		count_processors(zswap);
		if (poll(wait, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (wait[1].revents)
			return NULL;
		take_while_they_come(zswap);
	}
}

/* ---- the evictor ---- */

enum { ASLEEP, AWAKE, TO_STOP };

static uint32_t state_of(const struct zswap *zswap)
{
	return __atomic_load_n(&zswap->evictor_state, __ATOMIC_ACQUIRE);
}

static bool exchange_state(struct zswap *zswap, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&zswap->evictor_state, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

void zswap_evictor_wake(void *ctx)
{
	struct zswap *zswap = ctx;

	if (state_of(zswap) == ASLEEP && exchange_state(zswap, ASLEEP, AWAKE))
		zs_futex_wake(&zswap->evictor_state, INT_MAX);
}

#define UNSHARED 64

/*
 * A page that a fork has shared cannot be moved before one of both has written to it. The kernel is told that we are
 * about to; what is pinned or locked stays as it is. What a page was noted of may be gone, and its number another
 * mapping's, which ends before. Without a lock from there on: if that goes meanwhile, this is a fault of ours.
 */
static bool unshare_some(struct zswap *zswap)
{
	uint32_t page[UNSHARED];
	unsigned int nr;

	if (!__atomic_load_n(&zswap_all.has_forked, __ATOMIC_RELAXED))
		return false;
	nr = zswap_engine_take_busy(zswap->engine, page, UNSHARED);
	for (unsigned int i = 0; i < nr; i++) {
		void *at = zswap_regions_place(&zswap->regions, page[i]);

		if (at && !madvise(at, ZSWAP_PAGE_BYTES, MADV_POPULATE_WRITE))
			zswap_engine_cold(zswap->engine, page[i], 1);
	}
	return nr != 0;
}

#define HOLD_BACK_TIMES 20

void zswap_hold_back(struct zswap *zswap)
{
	static const struct timespec a_while = { .tv_nsec = A_WHILE_NS };

	if (!__atomic_load_n(&zswap_all.has_forked, __ATOMIC_RELAXED))
		return;
	for (unsigned int i = 0; i < HOLD_BACK_TIMES && zswap_engine_is_beyond(zswap->engine); i++) {
		zswap_evictor_wake(zswap);
		nanosleep(&a_while, NULL);
	}
}

/* Who finds work while it falls asleep wakes it again with the next fault at the latest. */
static void *run_evictor(void *arg)
{
	struct zswap *zswap = arg;

	while (state_of(zswap) != TO_STOP) {
		zs_futex_wait(&zswap->evictor_state, ASLEEP, NULL);
		do
			zswap_children_look(zswap);
		while (state_of(zswap) == AWAKE && (zswap_engine_step(zswap->engine) | unshare_some(zswap)));
		exchange_state(zswap, AWAKE, ASLEEP);
	}
	return NULL;
}

/* ---- starting and stopping ---- */

static int start(pthread_t *thread, void *(*run)(void *), struct zswap *zswap, const char *name, bool *is_running)
{
	int err = pthread_create(thread, NULL, run, zswap);

	*is_running = !err;
	if (!err)
		pthread_setname_np(*thread, name);
	return -err;
}

/* context: signals are blocked, which the threads inherit */
int zswap_pager_start(struct zswap *zswap)
{
	int err;

	zswap->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (zswap->stop_fd < 0)
		return -errno;
	err = start(&zswap->pager, run_pager, zswap, "zswap-pager", &zswap->has_pager);
	return err ? err : start(&zswap->evictor, run_evictor, zswap, "zswap-evictor", &zswap->has_evictor);
}

void zswap_pager_stop(struct zswap *zswap)
{
	__atomic_store_n(&zswap->evictor_state, TO_STOP, __ATOMIC_RELEASE);
	zs_futex_wake(&zswap->evictor_state, INT_MAX);
	if (zswap->has_evictor)
		pthread_join(zswap->evictor, NULL);
	if (zswap->has_pager) {
		eventfd_write(zswap->stop_fd, 1);
		pthread_join(zswap->pager, NULL);
	}
	zswap->has_pager = zswap->has_evictor = false;
	if (zswap->stop_fd >= 0)
		close(zswap->stop_fd);
	zswap->stop_fd = -1;
}
