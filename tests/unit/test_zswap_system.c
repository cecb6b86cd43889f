/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Compressed memory and the rest of the system: what the program does to the memory by itself, system calls on it,
 * signals, pinned pages, privileges that it lacks, and a backing file that fails.
 */
#include <alloca.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "zswap_front.h"

#define NR 64u

static void unmap_and_destroy(struct zswap *zswap)
{
	assert_int_equal(figures(zswap).lost_pages, 0);
	zswap_destroy(zswap);
}

/* The ways of taking faults, where they exist; and pages by mremap(). */
struct way {
	const char *name;
	const char *disabled;
	unsigned int flags;
};

static const struct way ways[] = {
	{ "full", "", ZSWAP_PAGER },
	{ "sigbus", "", ZSWAP_SIGBUS },
	{ "user", "full", ZSWAP_PAGER },
	{ "full, remap", "move", ZSWAP_PAGER },
	{ "sigbus, remap", "move", ZSWAP_SIGBUS },
};

static struct zswap *make_way(const struct way *way)
{
	struct zswap *zswap;

	setenv("ZSWAP_DISABLE", way->disabled, 1);
	zswap = make_zswap((struct zswap_options){ .flags = way->flags });
	unsetenv("ZSWAP_DISABLE");
	return zswap;
}

#define CHILD_MUST(condition)                                                                                          \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                        \
			_exit(96);                                                                                     \
		}                                                                                                      \
	} while (0)

#define FOR_EACH_WAY(way) for (const struct way *way = ways; way < ways + NR_OF(ways); way++)

static bool has(struct zswap *zswap, uint64_t mode)
{
	return figures(zswap).mode & mode;
}

/* ---- what the program does by itself ---- */

/* As Linux 6.7 has it: Documentation/admin-guide/mm/pagemap.rst. */
struct scan {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages, inverted, mask, any_of_mask, return_mask;
};
#define SCAN_WRITTEN 2u
#define SCAN_PROTECTS 1u

/* Who asks what was written of pages that are not there has them marked; a marked place takes no zero page. */
static void mark(unsigned char *memory, size_t nr)
{
	uint64_t regions[3 * NR];
	struct scan scan = { .size = sizeof(scan),
			     .flags = SCAN_PROTECTS,
			     .start = (uintptr_t)memory,
			     .end = (uintptr_t)memory + nr * PAGE,
			     .vec = (uintptr_t)regions,
			     .vec_len = NR,
			     .mask = SCAN_WRITTEN,
			     .return_mask = SCAN_WRITTEN };
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	assert_true(pagemap >= 0);
	assert_true(ioctl(pagemap, _IOWR('f', 16, struct scan), &scan) >= 0);
	close(pagemap);
}

static void marked_places_are_filled(void **state)
{
	(void)state;
	FOR_EACH_WAY(way)
	{
		struct zswap *zswap = make_way(way);
		unsigned char *memory = map_pages(zswap, NR);

		if (has(zswap, ZSWAP_MODE_SCAN)) {
			write_page(memory, 1); /* there is a table for such marks */
			mark(memory + PAGE, NR - 1);
			for (unsigned int page = 1; page < NR; page++)
				assert_int_equal(memory[page * PAGE], 0);
			assert_page(memory, 1);
		}
		unmap_and_destroy(zswap);
	}
}

static void what_is_dropped_reads_as_zeroes(void **state)
{
	unsigned char zeroes[PAGE] = { 0 };

	(void)state;
	FOR_EACH_WAY(way)
	{
		struct zswap *zswap = make_way(way);
		unsigned char *memory = map_pages(zswap, NR);

		write_pages(memory, NR, 1);
		page_out(zswap, memory, NR / 2);
		assert_int_equal(madvise(memory + 8 * PAGE, 48 * PAGE, MADV_DONTNEED), 0);
		assert_pages(memory, 8, 1);
		for (unsigned int i = 8; i < 56; i++)
			assert_memory_equal(memory + i * PAGE, zeroes, PAGE);
		assert_pages(memory + 56 * PAGE, 8, 57);
		unmap_and_destroy(zswap);
	}
}

static void what_is_unmapped_is_forgotten(void **state)
{
	(void)state;
	FOR_EACH_WAY(way)
	{
		struct zswap *zswap = make_way(way);
		unsigned char *memory = map_pages(zswap, NR);

		write_pages(memory, NR, 1);
		page_out(zswap, memory, NR);
		assert_int_equal(munmap(memory + 20 * PAGE, 10 * PAGE), 0);
		assert_pages(memory, 20, 1);
		assert_pages(memory + 30 * PAGE, NR - 30, 31);
		assert_int_equal(munmap(memory, NR * PAGE), 0);
		zswap_munmap(zswap, map_pages(zswap, NR), NR * PAGE);
		assert_int_equal(figures(zswap).managed_pages, 0);
		unmap_and_destroy(zswap);
	}
}

/* Pages beside those that may only be read can be taken; whatever is taken comes back. */
static void protection_is_kept(void **state)
{
	(void)state;
	FOR_EACH_WAY(way)
	{
		struct zswap *zswap = make_way(way);
		unsigned char *memory = map_pages(zswap, NR);

		write_pages(memory, NR, 1);
		assert_int_equal(mprotect(memory + 4 * PAGE, 4 * PAGE, PROT_READ), 0);
		page_out(zswap, memory, NR);
		assert_int_equal(nr_in_memory(memory, 4), 0);
		assert_int_equal(nr_in_memory(memory + 8 * PAGE, NR - 8), 0);
		assert_pages(memory, NR, 1);
		assert_int_equal(mprotect(memory + 4 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE), 0);
		write_pages(memory, NR, 2);
		page_out(zswap, memory, NR);
		assert_pages(memory, NR, 2);
		unmap_and_destroy(zswap);
	}
}

static void locked_pages_stay(void **state)
{
	struct zswap *zswap = make_way(&ways[1]);
	unsigned char *memory = map_pages(zswap, NR);

	(void)state;
	if (!has(zswap, ZSWAP_MODE_MOVE)) {
		zswap_destroy(zswap);
		skip();
	}
	write_pages(memory, NR, 1);
	assert_int_equal(syscall(SYS_mlock, memory + 16 * PAGE, 16 * PAGE), 0); /* sanitizers make mlock() nothing */
	page_out(zswap, memory, NR);
	assert_int_equal(nr_in_memory(memory + 16 * PAGE, 16), 16);
	assert_int_equal(nr_in_memory(memory, 16), 0);
	assert_true(figures(zswap).busy_pages >= 16);
	assert_pages(memory, NR, 1);
	assert_int_equal(syscall(SYS_munlock, memory + 16 * PAGE, 16 * PAGE), 0);
	page_out(zswap, memory, NR); /* a page that had to stay may go the time after the next */
	page_out(zswap, memory, NR);
	assert_int_equal(nr_in_memory(memory, NR), 0);
	assert_pages(memory, NR, 1);
	unmap_and_destroy(zswap);
}

/* What came to a place can be let go no more: no page may be taken for one that comes there next. */
static void nothing_is_lost_where_all_is_locked(void **state)
{
	struct zswap *zswap = make_zswap((struct zswap_options){ 0 });
	unsigned char *memory = map_pages(zswap, NR);

	(void)state;
	if (!has(zswap, ZSWAP_MODE_MOVE) || syscall(SYS_mlockall, MCL_CURRENT | MCL_ONFAULT)) {
		zswap_destroy(zswap);
		skip();
	}
	for (unsigned int i = 1; i <= 16; i++) {
		write_pages(memory, NR, i);
		page_out(zswap, memory, NR);
		assert_pages(memory, NR, i);
	}
	assert_true(figures(zswap).busy_pages > 0);
	assert_int_equal(syscall(SYS_munlockall), 0);
	page_out(zswap, memory, NR);
	page_out(zswap, memory, NR);
	assert_int_equal(nr_in_memory(memory, NR), 0);
	assert_pages(memory, NR, 16);
	unmap_and_destroy(zswap);
}

/* ---- system calls ---- */

static void system_calls_work_or_fail(void **state)
{
	(void)state;
	FOR_EACH_WAY(way)
	{
		struct zswap *zswap = make_way(way);
		unsigned char *memory = map_pages(zswap, 2), got[PAGE];
		int ends[2];

		assert_int_equal(pipe(ends), 0);
		write_pages(memory, 2, 1);
		page_out(zswap, memory, 2);
		if (has(zswap, ZSWAP_MODE_FULL)) {
			assert_int_equal(write(ends[1], memory, PAGE), PAGE);
			assert_int_equal(read(ends[0], memory + PAGE, PAGE), PAGE);
			assert_page(memory + PAGE, 1);
		} else {
			assert_int_equal(write(ends[1], memory, PAGE), -1);
			assert_int_equal(errno, EFAULT);
			assert_int_equal(zswap_advise(zswap, memory, PAGE, ZSWAP_WILLNEED), 0);
			assert_int_equal(write(ends[1], memory, PAGE), PAGE);
			assert_int_equal(read(ends[0], got, PAGE), PAGE);
			assert_page(got, 1);
		}
		assert_page(memory, 1);
		close(ends[0]);
		close(ends[1]);
		unmap_and_destroy(zswap);
	}
}

/* ---- pinned pages ---- */

struct ring {
	int fd;
	struct io_uring_params params;
	unsigned char *sq;
	unsigned char *cq;
	struct io_uring_sqe *sqes;
};

static void *map_ring(const struct ring *ring, size_t bytes, off_t what)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd, what);

	assert_ptr_not_equal(at, MAP_FAILED);
	return at;
}

static bool ring_open(struct ring *ring)
{
	memset(ring, 0, sizeof(*ring));
	ring->fd = (int)syscall(SYS_io_uring_setup, 4, &ring->params);
	if (ring->fd < 0)
		return false;
	ring->sq = map_ring(ring, PAGE, IORING_OFF_SQ_RING);
	ring->cq = map_ring(ring, PAGE, IORING_OFF_CQ_RING);
	ring->sqes = map_ring(ring, PAGE, IORING_OFF_SQES);
	return true;
}

static void ring_close(struct ring *ring)
{
	munmap(ring->sq, PAGE);
	munmap(ring->cq, PAGE);
	munmap(ring->sqes, PAGE);
	close(ring->fd);
}

static uint32_t *ring_word(unsigned char *part, uint32_t offset)
{
	return (uint32_t *)(void *)(part + offset);
}

/* Reads from a file into the buffer that is registered. Returns what the kernel says. */
static int ring_read(struct ring *ring, int fd, void *to, uint32_t bytes)
{
	uint32_t *tail = ring_word(ring->sq, ring->params.sq_off.tail);
	uint32_t at = *tail & *ring_word(ring->sq, ring->params.sq_off.ring_mask);
	uint32_t *head = ring_word(ring->cq, ring->params.cq_off.head);
	struct io_uring_cqe *cqes = (void *)(ring->cq + ring->params.cq_off.cqes);

	ring->sqes[at] = (struct io_uring_sqe){
		.opcode = IORING_OP_READ_FIXED, .fd = fd, .addr = (uintptr_t)to, .len = bytes, .off = (uint64_t)-1
	};
	ring_word(ring->sq, ring->params.sq_off.array)[at] = at;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	assert_int_equal(syscall(SYS_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0), 1);
	at = *head & *ring_word(ring->cq, ring->params.cq_off.ring_mask);
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return cqes[at].res;
}

/* The device writes to the page that was registered: it must be the program's still. */
static void pinned_pages_stay(void **state)
{
	struct zswap *zswap = make_way(&ways[1]);
	unsigned char *memory = map_pages(zswap, NR), page[PAGE];
	struct iovec buffer = { memory, 4 * PAGE };
	struct ring ring;
	int ends[2];

	(void)state;
	if (!has(zswap, ZSWAP_MODE_MOVE) || !ring_open(&ring)) {
		zswap_destroy(zswap);
		skip();
	}
	assert_int_equal(pipe(ends), 0);
	write_pages(memory, NR, 1);
	assert_int_equal(syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_BUFFERS, &buffer, 1), 0);
	page_out(zswap, memory, NR);
	assert_int_equal(nr_in_memory(memory, 4), 4);
	assert_int_equal(nr_in_memory(memory + 16 * PAGE, NR - 16), 0);
	write_page(page, 77);
	assert_int_equal(write(ends[1], page, PAGE), PAGE);
	assert_int_equal(ring_read(&ring, ends[0], memory + PAGE, PAGE), PAGE);
	assert_page(memory, 1);
	assert_page(memory + PAGE, 77);
	assert_pages(memory + 2 * PAGE, NR - 2, 3);
	ring_close(&ring);
	close(ends[0]);
	close(ends[1]);
	unmap_and_destroy(zswap);
}

/* ---- signals ---- */

static unsigned char *for_handler;
static unsigned int nr_handled; /* changed atomically */

static unsigned int handled(void)
{
	return __atomic_load_n(&nr_handled, __ATOMIC_RELAXED);
}

static void touch_one(int signal)
{
	(void)signal;
	for_handler[handled() % NR * PAGE + 8]++;
	__atomic_fetch_add(&nr_handled, 1, __ATOMIC_RELAXED);
}

static void *send_signals(void *arg)
{
	for (unsigned int i = 0; i < 300; i++) {
		unsigned int before = handled();

		pthread_kill(*(pthread_t *)arg, SIGUSR1);
		while (handled() == before)
			usleep(10);
	}
	return NULL;
}

#ifdef __SANITIZE_THREAD__
#define HANDLERS_WAIT true /* ThreadSanitizer puts signals off until the thread makes a call that it knows */
#else
#define HANDLERS_WAIT false
#endif

/* A handler's fault must not wait for what the call that it interrupts holds. */
static void handlers_touch_memory_while_calls_are_made(void **state)
{
	struct sigaction action = { .sa_handler = touch_one }, before;
	pthread_t self = pthread_self(), sender;

	(void)state;
	if (HANDLERS_WAIT)
		skip();
	assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
	FOR_EACH_WAY(way)
	{
		struct zswap *zswap = make_way(way);
		unsigned char *memory = map_pages(zswap, NR);
		unsigned int sum = 0;

		nr_handled = 0;
		for_handler = memory;
		assert_int_equal(pthread_create(&sender, NULL, send_signals, &self), 0);
		while (handled() < 300) {
			page_out(zswap, memory, NR);
			assert_int_equal(zswap_advise(zswap, memory, NR * PAGE, ZSWAP_WILLNEED), 0);
			zswap_munmap(zswap, map_pages(zswap, 3), 3 * PAGE);
		}
		pthread_join(sender, NULL);
		for (unsigned int i = 0; i < NR; i++)
			sum += memory[i * PAGE + 8];
		assert_int_equal(sum, 300);
		unmap_and_destroy(zswap);
	}
	sigaction(SIGUSR1, &before, NULL);
}

/* ---- stacks ---- */

#define STACK_BYTES MIB

static __attribute__((noinline)) void map_and_unmap(struct zswap *zswap)
{
	CHILD_MUST(!zswap_munmap(zswap, map_pages(zswap, 8), 8 * PAGE));
}

/* So deep that what is below has been evicted. */
static __attribute__((noinline)) void map_at_depth(struct zswap *zswap, size_t bytes)
{
	volatile char *above = alloca(bytes);

	map_and_unmap(zswap);
	above[bytes - 1] = 1;
}

static void *call_at_depths(void *arg)
{
	for (size_t i = 0; i < 512; i++) {
		char *here = (char *)((uintptr_t)__builtin_frame_address(0) & ~(PAGE - 1));

		page_out(arg, here - 20 * PAGE, 12);
		map_at_depth(arg, 8 * PAGE + i * 16);
	}
	return NULL;
}

static void call_on_managed_stacks(void *arg)
{
	pthread_attr_t attributes;
	pthread_t thread;
	struct zswap *zswap;

	alarm(60);
	zswap = make_way(arg);
	pthread_attr_init(&attributes);
	CHILD_MUST(!pthread_attr_setstack(&attributes, zswap_mmap(zswap, STACK_BYTES), STACK_BYTES));
	CHILD_MUST(!pthread_create(&thread, &attributes, call_at_depths, zswap));
	CHILD_MUST(!pthread_join(thread, NULL));
	_exit(0);
}

/* A page of a stack must not be wanted first where there is a lock that its fault needs. */
static void calls_are_made_on_managed_stacks(void **state)
{
	(void)state;
	if (UNIT_SANITIZED)
		skip(); /* they look at stacks by themselves */
	FOR_EACH_WAY(way)
	{
		char text[512];
		int status = way->flags == ZSWAP_PAGER
				     ? run_child(call_on_managed_stacks, (void *)way, text, sizeof(text))
				     : 0;

		if (status)
			print_error("%s: status %x: %s\n", way->name, status, text);
		assert_int_equal(status, 0);
	}
}

/* ---- who else takes SIGBUS ---- */

static void *volatile where;

/* The instruction is tried again, on memory that is there. */
static void put_memory_there(int signal, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)info->si_addr & ~(PAGE - 1);

	(void)signal;
	(void)context;
	where = info->si_addr;
	mmap((void *)at, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

/* Beyond a file's end. */
static unsigned char *map_nothing(void)
{
	char name[] = "/tmp/zswap-end-XXXXXX";
	int fd = mkstemp(name);
	unsigned char *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	unlink(name);
	close(fd);
	assert_ptr_not_equal(at, MAP_FAILED);
	return at;
}

/* What it is told is only which signal it is. */
static void put_memory_where_it_is_to_be(int signal)
{
	siginfo_t info = { .si_addr = where };

	put_memory_there(signal, &info, NULL);
}

static void pass_a_fault_on(const struct sigaction *action)
{
	volatile unsigned char *nothing = map_nothing();
	struct sigaction before, now;
	struct zswap *zswap;
	unsigned char *memory;

	assert_int_equal(sigaction(SIGBUS, action, &before), 0);
	zswap = make_way(&ways[1]);
	memory = map_pages(zswap, NR);
	write_pages(memory, NR, 1);
	page_out(zswap, memory, NR);
	where = (unsigned char *)nothing + (action->sa_flags & SA_SIGINFO ? 0 : 5);
	nothing[5] = 1;
	assert_ptr_equal(where, nothing + 5);
	assert_int_equal(nothing[5], 1);
	assert_pages(memory, NR, 1);
	unmap_and_destroy(zswap);
	assert_int_equal(sigaction(SIGBUS, NULL, &now), 0);
	assert_ptr_equal(now.sa_sigaction, action->sa_sigaction);
	sigaction(SIGBUS, &before, NULL);
	munmap((void *)nothing, PAGE);
}

/* Handlers of both kinds. */
static void other_faults_are_the_handlers_of_before(void **state)
{
	static const struct sigaction with_info = { .sa_sigaction = put_memory_there, .sa_flags = SA_SIGINFO };
	static const struct sigaction without = { .sa_handler = put_memory_where_it_is_to_be };

	(void)state;
	pass_a_fault_on(&with_info);
	pass_a_fault_on(&without);
}

static void touch_nothing(void *arg)
{
	struct zswap *zswap;
	volatile unsigned char *nothing = map_nothing();

	(void)arg;
	signal(SIGBUS, SIG_DFL);
	zswap = make_way(&ways[1]);
	write_pages(map_pages(zswap, NR), NR, 1);
	nothing[0] = 1;
}

static void other_faults_end_who_has_no_handler(void **state)
{
	char text[512];
	int status = run_child(touch_nothing, NULL, text, sizeof(text));

	(void)state;
	/* a sanitizer has a handler of its own, which ends the program in its own way */
	assert_true(UNIT_SANITIZED ? status != 0 : WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}

static bool is_blocked(int signal)
{
	sigset_t blocked;

	return !pthread_sigmask(SIG_SETMASK, NULL, &blocked) && sigismember(&blocked, signal);
}

static volatile unsigned int blocked_in_handler;

static void note_blocked(int signal, siginfo_t *info, void *context)
{
	blocked_in_handler =
		(is_blocked(SIGBUS) ? 1 : 0) | (is_blocked(SIGUSR1) ? 2 : 0) | (is_blocked(SIGUSR2) ? 4 : 0);
	put_memory_there(signal, info, context);
}

/* So that it may touch managed memory itself, or be interrupted, if that is what it is made for. */
static void the_handler_of_before_has_the_signals_that_it_wants(void **state)
{
	struct sigaction action = { .sa_sigaction = note_blocked, .sa_flags = SA_SIGINFO | SA_NODEFER }, before;
	volatile unsigned char *nothing = map_nothing();
	struct zswap *zswap;

	(void)state;
	sigaddset(&action.sa_mask, SIGUSR2);
	assert_int_equal(sigaction(SIGBUS, &action, &before), 0);
	zswap = make_way(&ways[1]);
	nothing[0] = 1;
	assert_int_equal(blocked_in_handler, 4);
	assert_false(is_blocked(SIGUSR2));
	unmap_and_destroy(zswap);
	sigaction(SIGBUS, &before, NULL);
	munmap((void *)nothing, PAGE);
}

static unsigned int nr_noted;

static void note_once(int signal)
{
	(void)signal;
	CHILD_MUST(!nr_noted++);
}

/* As who wants to tell of a crash, once, and then have it. */
static void touch_nothing_with_a_handler_for_once(void *arg)
{
	struct sigaction action = { .sa_handler = note_once, .sa_flags = (int)SA_RESETHAND };
	volatile unsigned char *nothing = map_nothing();

	(void)arg;
	alarm(30);
	CHILD_MUST(!sigaction(SIGBUS, &action, NULL));
	write_pages(map_pages(make_way(&ways[1]), NR), NR, 1);
	nothing[0] = 1;
}

static void send_to_who_has_no_handler(void *arg)
{
	(void)arg;
	signal(SIGBUS, SIG_DFL);
	make_way(&ways[1]);
	raise(SIGBUS);
	_exit(0);
}

static void what_ends_a_process_does(void **state)
{
	void (*const ends[])(void *) = { touch_nothing_with_a_handler_for_once, send_to_who_has_no_handler };
	char text[512];

	(void)state;
	if (UNIT_SANITIZED)
		skip(); /* a sanitizer has a handler of its own */
	for (unsigned int i = 0; i < NR_OF(ends); i++) {
		int status = run_child(ends[i], NULL, text, sizeof(text));

		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGBUS)
			print_error("%u: status %x: %s\n", i, status, text);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	}
}

/* Somebody sends the signal to who ignores it: faults are still taken. */
static void who_ignores_the_signal_goes_on(void **state)
{
	void (*before)(int) = signal(SIGBUS, SIG_IGN);
	struct zswap *zswap = make_way(&ways[1]);
	unsigned char *memory = map_pages(zswap, NR);

	(void)state;
	write_pages(memory, NR, 1);
	page_out(zswap, memory, NR);
	assert_int_equal(raise(SIGBUS), 0);
	assert_pages(memory, NR, 1);
	unmap_and_destroy(zswap);
	signal(SIGBUS, before);
}

static struct sigaction passed_on;
static volatile unsigned int nr_passed;

static void pass_on_all(int signal, siginfo_t *info, void *context)
{
	if (++nr_passed > 1)
		_exit(95); /* round in circles */
	passed_on.sa_sigaction(signal, info, context);
}

static void begin_below_another(void *arg)
{
	struct sigaction first = { .sa_sigaction = put_memory_there, .sa_flags = SA_SIGINFO };
	struct sigaction later = { .sa_sigaction = pass_on_all, .sa_flags = SA_SIGINFO };
	volatile unsigned char *nothing = map_nothing();
	struct zswap *zswap;
	unsigned char *memory;

	(void)arg;
	CHILD_MUST(!sigaction(SIGBUS, &first, NULL));
	zswap = make_way(&ways[1]);
	CHILD_MUST(!sigaction(SIGBUS, &later, &passed_on));
	zswap_destroy(zswap);
	zswap = make_way(&ways[1]);
	nothing[0] = 1;
	CHILD_MUST(nr_passed == 1 && nothing[0] == 1);
	memory = map_pages(zswap, NR);
	nr_passed = 0;
	*(volatile unsigned char *)memory = 1;
	CHILD_MUST(nr_passed == 1 && memory[0] == 1);
	_exit(0);
}

/* Who installed a handler meanwhile passes on to ours, to which it must not come back. */
static void handlers_do_not_go_round_in_circles(void **state)
{
	char text[512];
	int status = run_child(begin_below_another, NULL, text, sizeof(text));

	(void)state;
	if (status)
		print_error("status %x: %s\n", status, text);
	assert_int_equal(status, 0);
}

/* ---- privileges ---- */

static void drop_privileges(void)
{
	if (setgid(65534) || setuid(65534))
		_exit(99);
	prctl(PR_SET_DUMPABLE, 1);
}

static void deny_userfaultfd(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_userfaultfd, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { NR_OF(filter), filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(98);
}

static void create_denied(void *arg)
{
	struct zswap_options options = { .size = sizeof(options), .resident_limit_bytes = MIB };

	(void)arg;
	drop_privileges();
	deny_userfaultfd();
	_exit(zswap_create(&options) ? 97 : errno);
}

static void what_a_filter_denies_is_told(void **state)
{
	char text[512];
	int status;

	(void)state;
	if (getuid())
		skip();
	status = run_child(create_denied, NULL, text, sizeof(text));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EPERM);
	assert_non_null(strstr(text, "seccomp"));
}

static void use_unprivileged(void *arg)
{
	struct zswap_options options = { .size = sizeof(options), .resident_limit_bytes = MIB };
	struct zswap *zswap;
	unsigned char *memory;
	int ends[2];

	(void)arg;
	drop_privileges();
	MUST(!pipe(ends));
	zswap = zswap_create(&options);
	MUST(zswap);
	MUST(has(zswap, ZSWAP_MODE_SIGBUS) && !has(zswap, ZSWAP_MODE_FULL));
	memory = zswap_mmap(zswap, 1000 * PAGE);
	MUST(memory);
	write_pages(memory, 1000, 1);
	MUST(!zswap_advise(zswap, memory, 1000 * PAGE, ZSWAP_PAGEOUT));
	MUST(write(ends[1], memory, PAGE) == -1 && errno == EFAULT);
	for (unsigned int i = 0; i < 1000; i++) {
		unsigned int seed;

		memcpy(&seed, memory + i * PAGE, sizeof(seed));
		MUST(seed == 1 + i);
	}
	zswap_destroy(zswap);
	_exit(0);
}

static int read_number(const char *name)
{
	char text[16] = "";
	int fd = open(name, O_RDONLY);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return -1;
	close(fd);
	return atoi(text);
}

static void it_works_without_privileges(void **state)
{
	struct stat device;
	char text[512];
	int status;

	(void)state;
	if (getuid() || read_number("/proc/sys/vm/unprivileged_userfaultfd") ||
	    (!stat("/dev/userfaultfd", &device) && device.st_mode & 06))
		skip();
	status = run_child(use_unprivileged, NULL, text, sizeof(text));
	if (status)
		print_error("%s\n", text);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- a file that fails ---- */

static void write_beyond_what_files_may_be(void *arg)
{
	struct rlimit limit = { 3 * MIB / 2, 3 * MIB / 2 };
	struct zswap *zswap;
	unsigned char *memory;

	signal(SIGXFSZ, SIG_IGN);
	MUST(!setrlimit(RLIMIT_FSIZE, &limit));
	zswap = make_zswap((struct zswap_options){ .backing_path = arg, .pool_limit_bytes = 4 * MIB });
	memory = map_pages(zswap, MANY);
	fill_randomly(memory, MANY * PAGE, 1);
	MUST(!zswap_advise(zswap, memory, MANY * PAGE, ZSWAP_PAGEOUT));
	MUST(is_filled(memory, MANY * PAGE, 1));
	MUST(figures(zswap).failed_writes > 0 && !figures(zswap).lost_pages);
	MUST(told().nr > 0);
	_exit(0);
}

static void what_cannot_be_written_is_kept(void **state)
{
	char text[512];
	int status = run_child(write_beyond_what_files_may_be, dir, text, sizeof(text));

	(void)state;
	if (status)
		print_error("%s\n", text);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

struct cancelled {
	struct zswap *zswap;
	unsigned char *memory;
	bool went_on;
};

/* Reading a file is where a thread is cancelled that is to be: not while it has locks. */
static void *bring_when_cancelled(void *arg)
{
	struct cancelled *it = arg;

	pthread_cancel(pthread_self());
	zswap_advise(it->zswap, it->memory, MANY / 2 * PAGE, ZSWAP_WILLNEED);
	for (unsigned int i = 0; i < MANY; i++)
		(void)*(volatile unsigned char *)(it->memory + i * PAGE);
	it->went_on = true;
	pthread_testcancel();
	return NULL;
}

static void who_is_cancelled_has_no_locks(void **state)
{
	(void)state;
	FOR_EACH_WAY(way)
	{
		struct cancelled it = { .went_on = false };
		pthread_t thread;
		void *result;

		setenv("ZSWAP_DISABLE", way->disabled, 1);
		it.zswap = make_zswap((struct zswap_options){ .backing_path = dir, .flags = way->flags });
		unsetenv("ZSWAP_DISABLE");
		it.memory = map_pages(it.zswap, MANY);
		fill_randomly(it.memory, MANY * PAGE, 9);
		page_out(it.zswap, it.memory, MANY);
		assert_true(figures(it.zswap).stored_pages > 0);
		assert_int_equal(pthread_create(&thread, NULL, bring_when_cancelled, &it), 0);
		assert_int_equal(pthread_join(thread, &result), 0);
		assert_true(it.went_on);
		assert_ptr_equal(result, PTHREAD_CANCELED);
		assert_true(is_filled(it.memory, MANY * PAGE, 9));
		unmap_and_destroy(it.zswap);
	}
}

struct truncated {
	const struct way *way;
	const char *path;
};

static void exit_well(int signal)
{
	(void)signal;
	_exit(told().nr && strstr(told().what, "content") ? 42 : 43);
}

/* The pages that the file had are lost: whoever reads one gets a signal, not something else. */
static void read_what_was_truncated(void *arg)
{
	const struct truncated *it = arg;
	struct zswap *zswap;
	unsigned char *memory;

	signal(SIGBUS, exit_well);
	setenv("ZSWAP_DISABLE", it->way->disabled, 1);
	zswap = make_zswap((struct zswap_options){ .backing_path = it->path, .flags = it->way->flags });
	memory = map_pages(zswap, MANY);
	fill_randomly(memory, MANY * PAGE, 1);
	MUST(!zswap_advise(zswap, memory, MANY * PAGE, ZSWAP_PAGEOUT));
	MUST(figures(zswap).stored_pages > 0);
	MUST(!truncate(it->path, 0));
	MUST(is_filled(memory, MANY * PAGE, 1));
	_exit(1);
}

static void what_is_lost_is_no_other_content(void **state)
{
	(void)state;
	FOR_EACH_WAY(way)
	{
		struct truncated it = { way, path };
		char text[512];
		int status = run_child(read_what_was_truncated, &it, text, sizeof(text));

		if (!WIFEXITED(status) || WEXITSTATUS(status) != 42)
			print_error("%s: status %x: %s\n", way->name, status, text);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
		unlink(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marked_places_are_filled),
		cmocka_unit_test(what_is_dropped_reads_as_zeroes),
		cmocka_unit_test(what_is_unmapped_is_forgotten),
		cmocka_unit_test(protection_is_kept),
		cmocka_unit_test(locked_pages_stay),
		cmocka_unit_test(nothing_is_lost_where_all_is_locked),
		cmocka_unit_test(system_calls_work_or_fail),
		cmocka_unit_test(pinned_pages_stay),
		cmocka_unit_test(handlers_touch_memory_while_calls_are_made),
		cmocka_unit_test(calls_are_made_on_managed_stacks),
		cmocka_unit_test(other_faults_are_the_handlers_of_before),
		cmocka_unit_test(other_faults_end_who_has_no_handler),
		cmocka_unit_test(the_handler_of_before_has_the_signals_that_it_wants),
		cmocka_unit_test(what_ends_a_process_does),
		cmocka_unit_test(who_ignores_the_signal_goes_on),
		cmocka_unit_test(handlers_do_not_go_round_in_circles),
		cmocka_unit_test(what_a_filter_denies_is_told),
		cmocka_unit_test(it_works_without_privileges),
		IN_DIR(what_cannot_be_written_is_kept),
		IN_DIR(who_is_cancelled_has_no_locks),
		IN_DIR(what_is_lost_is_no_other_content),
	};

	unsetenv("ZSWAP_DISABLE");
	uffd_skip_without(false);
	return cmocka_run_group_tests_name("zswap and the system", tests, NULL, NULL);
}
