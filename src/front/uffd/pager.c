/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Two threads. The pager reads what the kernel tells: faults, if they are not taken in their threads, and what the
 * program unmaps or drops behind our back, which waits until that is read. The evictor keeps pages free ahead of
 * demand; it sleeps until a fault finds that there are few.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "front.h"
#include "futex.h"
#include "kernel.h"
#include "page_slot.h"

/* ---- what is unmapped or dropped ---- */

static uint64_t pages_of(const struct zswap_region *part)
{
	return (part->end - part->start) >> ZSWAP_PAGE_SHIFT;
}

void zswap_removed(struct zswap *zswap, uintptr_t start, uintptr_t end)
{
	struct zswap_region part;

	for (; zswap_regions_next(&zswap->regions, start, end, &part); start = part.end)
		zswap_engine_drop(zswap->engine, part.page, pages_of(&part));
}

void zswap_unmapped(struct zswap *zswap, uintptr_t start, uintptr_t end)
{
	struct zswap_region part;

	for (; zswap_regions_next(&zswap->regions, start, end, &part); start = part.end) {
		zswap_engine_drop(zswap->engine, part.page, pages_of(&part));
		if (zswap_regions_remove(&zswap->regions, &part))
			zswap_engine_forget(zswap->engine, part.area, part.nr_pages);
	}
}

/* ---- the pager ---- */

#define MESSAGES 16
#define NO_MEMORY_NS 1000000

/* Nobody else knows the page's content: better no answer than a wrong one. */
static void fail(struct zswap *zswap, uintptr_t address)
{
	struct uffdio_poison poison = { .range = { .start = address, .len = ZSWAP_PAGE_BYTES } };

	if (zswap->means.has_poison && !ioctl(zswap->fd, UFFDIO_POISON, &poison))
		return;
	zswap_tell(zswap, "a page's content is lost, and the kernel cannot be told so: the process ends");
	abort();
}

static void take_fault(struct zswap *zswap, uintptr_t address, bool is_write)
{
	static const struct timespec a_while = { .tv_nsec = NO_MEMORY_NS };
	struct uffdio_range range = { .start = address, .len = ZSWAP_PAGE_BYTES };
	uint32_t page;
	int err = -ENOENT;

	if (zswap_regions_find(&zswap->regions, address, &page))
		err = zswap_engine_fault(zswap->engine, page, is_write);
	if (err == -EIO)
		fail(zswap, address);
	else if (err == -ENOMEM)
		nanosleep(&a_while, NULL);
	if (err)
		ioctl(zswap->fd, UFFDIO_WAKE, &range); /* it has its fault again */
}

static void take_event(struct zswap *zswap, const struct uffd_msg *message)
{
	if (message->event == UFFD_EVENT_REMOVE)
		zswap_removed(zswap, message->arg.remove.start, message->arg.remove.end);
	else if (message->event == UFFD_EVENT_UNMAP)
		zswap_unmapped(zswap, message->arg.remove.start, message->arg.remove.end);
}

/* Returns how many there are. What they tell of changes is dealt with. */
static size_t listen_for(struct zswap *zswap, struct uffd_msg *messages)
{
	ssize_t got;

	zswap_engine_listen(zswap->engine);
	got = read(zswap->fd, messages, MESSAGES * sizeof(*messages));
	for (ssize_t i = 0; i < got / (ssize_t)sizeof(*messages); i++)
		take_event(zswap, &messages[i]);
	zswap_engine_listened(zswap->engine);
	return got > 0 ? (size_t)got / sizeof(*messages) : 0;
}

static void take_messages(struct zswap *zswap)
{
	struct uffd_msg messages[MESSAGES];
	size_t nr = listen_for(zswap, messages);

	for (size_t i = 0; i < nr; i++)
		if (messages[i].event == UFFD_EVENT_PAGEFAULT)
			take_fault(zswap, messages[i].arg.pagefault.address & ~(uintptr_t)(ZSWAP_PAGE_BYTES - 1),
				   messages[i].arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WRITE);
}

static void *run_pager(void *arg)
{
	struct zswap *zswap = arg;
	struct pollfd wait[2] = { { .fd = zswap->fd, .events = POLLIN }, { .fd = zswap->stop_fd, .events = POLLIN } };

	for (;;) {
		if (poll(wait, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (wait[1].revents)
			return NULL;
		take_messages(zswap);
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

/* Who finds work while it falls asleep wakes it again with the next fault at the latest. */
static void *run_evictor(void *arg)
{
	struct zswap *zswap = arg;

	while (state_of(zswap) != TO_STOP) {
		zs_futex_wait(&zswap->evictor_state, ASLEEP, NULL);
		while (state_of(zswap) == AWAKE && zswap_engine_step(zswap->engine))
			;
		exchange_state(zswap, AWAKE, ASLEEP);
	}
	return NULL;
}

/* ---- starting and stopping ---- */

static int start(pthread_t *thread, void *(*run)(void *), struct zswap *zswap, bool *is_running)
{
	int err = pthread_create(thread, NULL, run, zswap);

	*is_running = !err;
	return -err;
}

/* context: signals are blocked, which the threads inherit */
int zswap_pager_start(struct zswap *zswap)
{
	int err;

	zswap->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (zswap->stop_fd < 0)
		return -errno;
	err = start(&zswap->pager, run_pager, zswap, &zswap->has_pager);
	return err ? err : start(&zswap->evictor, run_evictor, zswap, &zswap->has_evictor);
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
	if (zswap->stop_fd >= 0)
		close(zswap->stop_fd);
}
