/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The thread sleeps until the pool says that there may be work, and then tends it at a steady pace until there is none.
 *
 * fork(): the child has no such thread, but it has the locks as they were. So a fork waits until no compactor is at
 * work, by taking each one's lock (in the order of their list) before and dropping it after. The list has a lock of its
 * own, taken first.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "compactor.h"
#include "futex.h"
#include "signals.h"
#include "work.h"

#define TICK_NS 10000000L /* 10 ms */
#define QUIET_TICKS 10
#define NICE 10

enum state { ASLEEP, AWAKE, TO_STOP };

struct zs_compactor {
	struct zs_compactor *next;
	struct zs_pool *pool;
	struct zs_tend_plan plan;
	pthread_t thread;
	pid_t pid;
	uint32_t state; /* enum state; a futex */
	pthread_mutex_t at_work;
};

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct zs_compactor *list;

/* ---- fork ---- */

static void before_fork(void)
{
	pthread_mutex_lock(&list_lock);
	for (struct zs_compactor *c = list; c; c = c->next)
		pthread_mutex_lock(&c->at_work);
}

static void after_fork(void)
{
	for (struct zs_compactor *c = list; c; c = c->next)
		pthread_mutex_unlock(&c->at_work);
	pthread_mutex_unlock(&list_lock);
}

static int forks_err; /* what keeps forks from being minded; 0: nothing */

/* Before main(), so that the program's own handlers find nothing locked: before a fork they come before this one. */
__attribute__((constructor)) static void mind_forks(void)
{
	forks_err = -pthread_atfork(before_fork, after_fork, after_fork);
}

/* ---- the thread ---- */

static uint32_t state_of(const struct zs_compactor *compactor)
{
	return __atomic_load_n(&compactor->state, __ATOMIC_ACQUIRE);
}

static bool exchange_state(struct zs_compactor *compactor, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&compactor->state, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static bool tend(struct zs_compactor *compactor)
{
	bool more;

	pthread_mutex_lock(&compactor->at_work);
	more = zs_pool_tend(compactor->pool, &compactor->plan);
	pthread_mutex_unlock(&compactor->at_work);
	return more;
}

/* Result: whether anything was kept. */
static bool rest(struct zs_compactor *compactor)
{
	bool was_any;

	pthread_mutex_lock(&compactor->at_work);
	was_any = zs_pool_trim(compactor->pool, 0) != 0;
	pthread_mutex_unlock(&compactor->at_work);
	return was_any;
}

/* Goes to sleep unless there is something to do. Who has work from now on wakes it, so it looks once more. */
static bool doze_off(struct zs_compactor *compactor)
{
	if (!exchange_state(compactor, AWAKE, ASLEEP))
		return true;
	if (!tend(compactor) && !rest(compactor))
		return true;
	exchange_state(compactor, ASLEEP, AWAKE);
	return false;
}

/* After some ticks without anything to do, what is kept for a pool that is busy goes too. */
static void work(struct zs_compactor *compactor)
{
	static const struct timespec tick = { .tv_nsec = TICK_NS };
	unsigned int nr_quiet = 0;

	while (state_of(compactor) == AWAKE) {
		nr_quiet = tend(compactor) ? 0 : nr_quiet + 1;
		if (nr_quiet >= QUIET_TICKS) {
			rest(compactor);
			if (doze_off(compactor))
				return;
			nr_quiet = 0;
		}
		zs_futex_wait(&compactor->state, AWAKE, &tick);
	}
}

static void *run(void *arg)
{
	struct zs_compactor *compactor = arg;

	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
	while (state_of(compactor) != TO_STOP) {
		work(compactor);
		zs_futex_wait(&compactor->state, ASLEEP, NULL);
	}
	return NULL;
}

/*
 * Called by who frees and allocates. The state is read by writing it: either that is after the thread said that it
 * sleeps, and so it is woken; or it was before, and so the thread sees the work as it looks once more.
 */
static void wake(void *ctx)
{
	struct zs_compactor *compactor = ctx;
	int saved_errno = errno;

	if (__atomic_fetch_or(&compactor->state, 0, __ATOMIC_ACQ_REL) == ASLEEP &&
	    exchange_state(compactor, ASLEEP, AWAKE))
		zs_futex_wake(&compactor->state, INT_MAX);
	errno = saved_errno;
}

static int start_thread(struct zs_compactor *compactor)
{
	sigset_t old;
	int err;

	zs_signals_block(&old);
	err = pthread_create(&compactor->thread, NULL, run, compactor);
	zs_signals_restore(&old);
	return -err;
}

/* ---- start and stop ---- */

static void enlist(struct zs_compactor *compactor)
{
	pthread_mutex_lock(&list_lock);
	compactor->next = list;
	list = compactor;
	pthread_mutex_unlock(&list_lock);
}

static void delist(struct zs_compactor *compactor)
{
	struct zs_compactor **link = &list;

	pthread_mutex_lock(&list_lock);
	while (*link != compactor)
		link = &(*link)->next;
	*link = compactor->next;
	pthread_mutex_unlock(&list_lock);
}

int zs_compactor_start(struct zs_pool *pool, const struct zs_tend_plan *plan, struct zs_compactor **compactor)
{
	struct zs_compactor *c;
	int err;

	if (forks_err)
		return forks_err;
	c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (c == MAP_FAILED)
		return -ENOMEM;
	c->pool = pool;
	c->plan = *plan;
	c->pid = getpid();
	pthread_mutex_init(&c->at_work, NULL);
	enlist(c);
	err = start_thread(c);
	if (err) {
		delist(c);
		munmap(c, sizeof(*c));
		return err;
	}
	zs_host_on_work(pool->memory.source, wake, c);
	*compactor = c;
	return 0;
}

void zs_compactor_stop(struct zs_compactor *compactor)
{
	if (!compactor)
		return;
	if (compactor->pid == getpid()) {
		__atomic_store_n(&compactor->state, TO_STOP, __ATOMIC_RELEASE);
		zs_futex_wake(&compactor->state, INT_MAX);
		pthread_join(compactor->thread, NULL);
	}
	/* Not before: what the thread does may tell of work, too. */
	zs_host_on_work(compactor->pool->memory.source, NULL, NULL);
	delist(compactor);
	munmap(compactor, sizeof(*compactor));
}
