/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Compressed memory in processes that fork: each of them finds in every page what it wrote there, or what its parent
 * had written before the fork, whatever the others do meanwhile.
 *
 *   zswap_fork [-m sigbus|pager] [-b none|folder|file] [-n PAGES] [-r ROUNDS] [-1] SCENARIO
 *   -1: all threads, and children's, share a processor
 *
 *   all       parent, child and grandchild check and rewrite all pages at the same time
 *   orphans   the child goes on after its parent has ended the memory, and the grandchild after the child
 *   threads   other threads write all the while, and map and unmap
 *   often     many short-lived children, each of which evicts, beside threads that write
 *   exec      many children that become another program: neither space nor descriptors are lost
 *   raw       other threads unmap and drop pages by the kernel's own calls all the while, and handlers use the memory
 *   handlers  handlers of pthread_atfork() that use the memory, before and after the library's own
 *   denied    children that may not open a userfaultfd: theirs is plain memory
 *
 * Result: 77 where there is no userfaultfd.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "must.h"
#include "options.h"
#include "processor.h"
#include "random.h"
#include "uffd_there.h"
#include "zswap.h"

#define WATCHDOG_SECONDS 240u
#define WORDS (ZSWAP_PAGE_SIZE / sizeof(uint64_t))

static struct plan {
	unsigned int flags;
	const char *backing;
	uint32_t nr_pages;
	uint32_t nr_rounds;
	char folder[64];
	char path[80];
} plan = { .flags = ZSWAP_SIGBUS, .backing = "none", .nr_pages = 2048, .nr_rounds = 2 };

static struct zswap *zswap;
static uint64_t *memory;

/* ---- pages ---- */

static uint64_t *page_of(uint32_t page)
{
	return memory + page * WORDS;
}

/* The first half of a page compresses well, the other one does not. */
static uint64_t word_of(uint32_t page, uint32_t version, uint32_t word)
{
	struct rng rng = { .state = (uint64_t)page << 32 | version };

	if (word < WORDS / 2)
		return (uint64_t)version << 32 | page;
	rng.state += word * 0x2545f4914f6cdd1dull;
	return rng_next(&rng);
}

static void paint_page(uint32_t page, uint32_t version)
{
	volatile uint64_t *words = page_of(page);

	for (uint32_t i = 0; i < WORDS; i++)
		words[i] = word_of(page, version, i);
}

static uint32_t version_of(uint32_t page)
{
	return (uint32_t)(*(volatile uint64_t *)page_of(page) >> 32);
}

/* How many words from the first one on are of a version. */
static uint32_t count_words(uint32_t page, uint32_t first, uint32_t version)
{
	const uint64_t *words = page_of(page);

	while (first < WORDS && words[first] == word_of(page, version, first))
		first++;
	return first;
}

static void check_page(uint32_t page, uint32_t version)
{
	uint32_t good = count_words(page, 0, version);

	if (good == WORDS)
		return;
	dprintf(STDERR_FILENO, "page %u, word %u: %llx, not %llx\n", page, good,
		(unsigned long long)page_of(page)[good], (unsigned long long)word_of(page, version, good));
	MUST(!"the page has its content");
}

static void paint_all(uint32_t version)
{
	for (uint32_t i = 0; i < plan.nr_pages; i++)
		paint_page(i, version);
}

static void check_all(uint32_t version)
{
	for (uint32_t i = 0; i < plan.nr_pages; i++)
		check_page(i, version);
}

/* ---- memory and processes ---- */

static bool has_folder(void)
{
	return !strcmp(plan.backing, "folder");
}

static bool has_backing(void)
{
	return strcmp(plan.backing, "none") != 0;
}

static const char *backing_path(void)
{
	return !has_backing() ? NULL : has_folder() ? plan.folder : plan.path;
}

static void note_event(void *ctx, const char *what)
{
	(void)ctx;
	(void)what; /* as that a child has no file of its own */
}

static void remove_folder(void)
{
	unlink(plan.path);
	rmdir(plan.folder);
}

static void make_folder(void)
{
	const char *parent = getenv("TMPDIR");

	snprintf(plan.folder, sizeof(plan.folder), "%s/zswap-fork-XXXXXX", parent ? parent : "/tmp");
	MUST(mkdtemp(plan.folder));
	snprintf(plan.path, sizeof(plan.path), "%s/file", plan.folder);
}

static void begin(void)
{
	struct zswap_options options = { .size = sizeof(options),
					 .resident_limit_bytes = 1 << 20,
					 .pool_limit_bytes = has_backing() ? 2 << 20 : 0,
					 .backing_path = backing_path(),
					 .flags = plan.flags,
					 .on_event = note_event };

	zswap = zswap_create(&options);
	MUST(zswap);
	memory = zswap_mmap(zswap, (size_t)plan.nr_pages * ZSWAP_PAGE_SIZE);
	MUST(memory);
}

static void end(void)
{
	zswap_destroy(zswap);
}

static struct zswap_stats stats_of(void)
{
	struct zswap_stats stats = { .size = sizeof(stats) };

	zswap_stats(zswap, &stats);
	return stats;
}

static pid_t fork_one(void)
{
	pid_t child = fork();

	MUST(child >= 0);
	if (!child)
		alarm(WATCHDOG_SECONDS);
	return child;
}

static void wait_for(pid_t child)
{
	int status;

	MUST(waitpid(child, &status, 0) == child);
	MUST(status == 0);
}

/* The threads that work while it forks. */
static uint32_t nr_working;

static void begin_work(void)
{
	__atomic_fetch_add(&nr_working, 1, __ATOMIC_RELEASE);
}

/* A sanitizer's own locks, which one that begins takes, would stay locked in the child. */
static void await_working(uint32_t nr)
{
	while (__atomic_load_n(&nr_working, __ATOMIC_ACQUIRE) < nr)
		sched_yield();
}

static void rest_a_while(void)
{
	static const struct timespec a_while = { .tv_nsec = 10000000 };

	nanosleep(&a_while, NULL);
}

/* ---- all at once ---- */

/* Versions of its own, from what all had. */
static void check_and_rewrite(uint32_t had, uint32_t first)
{
	check_all(had);
	for (uint32_t i = 0; i < plan.nr_rounds; i++) {
		paint_all(first + i);
		check_all(first + i);
	}
}

static void run_grandchild(uint32_t had)
{
	check_and_rewrite(had, 30000);
	end();
	_exit(0);
}

static void run_child(uint32_t had)
{
	pid_t child;

	check_and_rewrite(had, 20000);
	child = fork_one();
	if (!child)
		run_grandchild(20000 + plan.nr_rounds - 1);
	check_and_rewrite(20000 + plan.nr_rounds - 1, 25000);
	wait_for(child);
	end();
	_exit(0);
}

static void run_all(void)
{
	uint32_t last = 1;
	pid_t child[2];

	begin();
	paint_all(last);
	MUST(!has_backing() || stats_of().stored_pages > plan.nr_pages / 4);
	for (unsigned int i = 0; i < 2; i++) {
		child[i] = fork_one();
		if (!child[i])
			run_child(last);
		check_and_rewrite(last, 100 * (i + 1));
		last = 100 * (i + 1) + plan.nr_rounds - 1;
	}
	for (unsigned int i = 0; i < 2; i++)
		wait_for(child[i]);
	check_all(last);
	end();
}

/* ---- orphans ---- */

static void await(const int *gate)
{
	char byte;

	close(gate[1]);
	MUST(read(gate[0], &byte, 1) == 0); /* when the other one has gone or closed it */
	close(gate[0]);
}

static void run_last_orphan(const int *gate)
{
	await(gate);
	check_and_rewrite(2, 3);
	end();
	_exit(0);
}

/* The grandchild's status comes as the child's. */
static void run_orphan(const int *gate)
{
	int own[2];
	pid_t child;

	await(gate);
	for (uint32_t i = 0; i < plan.nr_pages; i++) {
		check_page(i, 1);
		paint_page(i, 2);
	}
	MUST(!pipe(own));
	child = fork_one();
	if (!child)
		run_last_orphan(own);
	end();
	close(own[0]);
	close(own[1]);
	wait_for(child);
	_exit(0);
}

static void run_orphans(void)
{
	int gate[2];
	pid_t child;

	begin();
	paint_all(1);
	MUST(!pipe(gate));
	child = fork_one();
	if (!child)
		run_orphan(gate);
	paint_all(5);
	end();
	close(gate[0]);
	close(gate[1]);
	wait_for(child);
}

/* ---- threads ---- */

#define NR_WRITERS 2u
#define NR_FORKS 4u

struct writer {
	pthread_t thread;
	uint32_t first, nr;
};

static bool is_over;

static void *write_all_the_while(void *arg)
{
	const struct writer *writer = arg;

	begin_work();
	for (uint32_t version = 2; !__atomic_load_n(&is_over, __ATOMIC_RELAXED); version++)
		for (uint32_t i = 0; i < writer->nr; i++) {
			check_page(writer->first + i, version - 1);
			paint_page(writer->first + i, version);
		}
	return NULL;
}

static void *map_all_the_while(void *arg)
{
	(void)arg;
	begin_work();
	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
		char *at = zswap_mmap(zswap, 64 * ZSWAP_PAGE_SIZE);

		MUST(at);
		for (unsigned int i = 0; i < 64; i++)
			*(volatile char *)(at + i * ZSWAP_PAGE_SIZE) = 1;
		MUST(!zswap_advise(zswap, at, 16 * ZSWAP_PAGE_SIZE, ZSWAP_PAGEOUT));
		MUST(!zswap_advise(zswap, at, 32 * ZSWAP_PAGE_SIZE, ZSWAP_DONTNEED));
		MUST(!zswap_munmap(zswap, at, 64 * ZSWAP_PAGE_SIZE));
	}
	return NULL;
}

/* A page may have been under way from one version to the next. */
static void check_any(uint32_t page)
{
	uint32_t version = version_of(page), good = count_words(page, 0, version);

	MUST(count_words(page, good, version - 1) == WORDS);
}

static void run_among_threads(void)
{
	for (uint32_t i = 0; i < plan.nr_pages; i++)
		check_any(i);
	paint_all(1);
	check_all(1);
	_exit(0);
}

static void run_threads(void)
{
	struct writer writers[NR_WRITERS];
	pthread_t mapper;

	begin();
	paint_all(1);
	for (uint32_t i = 0; i < NR_WRITERS; i++) {
		uint32_t nr = plan.nr_pages / NR_WRITERS;

		writers[i] = (struct writer){ .first = i * nr, .nr = nr };
		MUST(!pthread_create(&writers[i].thread, NULL, write_all_the_while, &writers[i]));
	}
	MUST(!pthread_create(&mapper, NULL, map_all_the_while, NULL));
	await_working(NR_WRITERS + 1);
	for (unsigned int i = 0; i < NR_FORKS; i++) {
		pid_t child = fork_one();

		if (!child)
			run_among_threads();
		if (i % 2)
			rest_a_while();
		wait_for(child);
	}
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < NR_WRITERS; i++)
		pthread_join(writers[i].thread, NULL);
	pthread_join(mapper, NULL);
	end();
}

/* ---- often ---- */

#define NR_OFTEN 100u

/* More than may be resident, so that it evicts; some of it is unmapped first. */
static void run_briefly(void)
{
	uint32_t first = plan.nr_pages / 2;

	MUST(!zswap_munmap(zswap, page_of(first), 64 * ZSWAP_PAGE_SIZE));
	for (uint32_t i = first + 64; i < plan.nr_pages; i += 2)
		paint_page(i, 1);
	_exit(0);
}

static void run_often(void)
{
	struct writer writer = { .nr = plan.nr_pages / 2 };
	pid_t before = 0; /* there is always one, so that many pages are shared */

	begin();
	paint_all(1);
	MUST(!pthread_create(&writer.thread, NULL, write_all_the_while, &writer));
	await_working(1);
	for (unsigned int i = 0; i < NR_OFTEN; i++) {
		pid_t child = fork_one();

		if (!child)
			run_briefly();
		if (before)
			wait_for(before);
		before = child;
	}
	wait_for(before);
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	pthread_join(writer.thread, NULL);
	end();
}

/* ---- exec ---- */

#define NR_EXECS 200u

static unsigned int count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned int nr = 0;

	MUST(folder);
	while (readdir(folder))
		nr++;
	closedir(folder);
	return nr;
}

/* What the files of this process in the folder take on the disk. */
static uint64_t backing_blocks_bytes(void)
{
	char name[64], target[256];
	struct stat stat_of;
	uint64_t bytes = 0;

	for (unsigned int fd = 0; fd < 256; fd++) {
		ssize_t len;

		snprintf(name, sizeof(name), "/proc/self/fd/%u", fd);
		len = readlink(name, target, sizeof(target) - 1);
		if (len < 0 || strncmp(target, plan.folder, strlen(plan.folder)) != 0)
			continue;
		if (!fstat((int)fd, &stat_of) && S_ISREG(stat_of.st_mode))
			bytes += (uint64_t)stat_of.st_blocks * 512;
	}
	return bytes;
}

/* The whole range is rewritten in the course of a few. */
static void exec_once(uint32_t round)
{
	pid_t child = fork_one();

	if (!child) {
		execl("/proc/self/exe", "zswap_fork", "nothing", NULL);
		_exit(1);
	}
	for (uint32_t i = round % 16; i < plan.nr_pages; i += 16) {
		check_page(i, round / 16 + 1);
		paint_page(i, round / 16 + 2);
	}
	wait_for(child);
}

/* The seal is broken when there is something to do. */
static void run_exec(void)
{
	uint64_t most_bytes = (uint64_t)plan.nr_pages * ZSWAP_PAGE_SIZE * 2;
	unsigned int before;

	begin();
	paint_all(1);
	before = count_descriptors();
	for (uint32_t i = 0; i < NR_EXECS; i++) {
		exec_once(i);
		MUST(stats_of().backing_bytes <= most_bytes);
		MUST(backing_blocks_bytes() <= most_bytes);
	}
	for (uint32_t i = 0; i < 500 && count_descriptors() != before; i++) {
		paint_all(1000 + i);
		rest_a_while();
	}
	MUST(count_descriptors() == before);
	end();
}

/* ---- handlers ---- */

static uint32_t nr_handled, handled_version; /* 0: not in this scenario */

/* In place, so that all is written that was read. */
static void use_some(void)
{
	if (!handled_version)
		return;
	for (uint32_t i = nr_handled++ % 7; i < plan.nr_pages; i += 61) {
		check_page(i, handled_version);
		paint_page(i, handled_version);
	}
}

/* A mapping that is this handler's alone. */
static void map_some(void)
{
	char *at;

	if (!handled_version)
		return;
	at = zswap_mmap(zswap, 4 * ZSWAP_PAGE_SIZE);
	MUST(at);
	memset(at, 1, 4 * ZSWAP_PAGE_SIZE);
	for (int i = ZSWAP_COLD; i <= ZSWAP_PAGEOUT; i++)
		MUST(!zswap_advise(zswap, at, 4 * ZSWAP_PAGE_SIZE, (enum zswap_advice)i));
	MUST(at[0] == 1);
	MUST(!zswap_advise(zswap, at, ZSWAP_PAGE_SIZE, ZSWAP_DONTNEED));
	MUST(!madvise(at + ZSWAP_PAGE_SIZE, ZSWAP_PAGE_SIZE, MADV_DONTNEED));
	MUST(!at[0] && !at[ZSWAP_PAGE_SIZE] && at[2 * ZSWAP_PAGE_SIZE] == 1);
	MUST(!munmap(at, ZSWAP_PAGE_SIZE));
	MUST(!zswap_munmap(zswap, at + ZSWAP_PAGE_SIZE, 3 * ZSWAP_PAGE_SIZE));
}

static void use_and_map(void)
{
	use_some();
	map_some();
}

#define HOLE_BYTES (16 * (size_t)ZSWAP_PAGE_SIZE)

static char *hole; /* memory that a child has not, though nobody was told so; or NULL */

static void unmap_in_child(void)
{
	MUST(!hole || !munmap(hole, HOLE_BYTES));
}

/*
 * Before the library's own one, which waits for nobody: so that it comes after that before a fork, and before it in a
 * child.
 */
__attribute__((constructor(101))) static void handle_while_paused(void)
{
	MUST(!pthread_atfork(use_and_map, use_some, unmap_in_child));
}

static void run_handlers(void)
{
	begin();
	MUST(!pthread_atfork(use_and_map, use_and_map, use_and_map));
	paint_all(1);
	handled_version = 1;
	for (uint32_t i = 0; i < 6; i++) {
		pid_t child = fork_one();

		if (!child) {
			check_and_rewrite(i + 1, i + 100);
			_exit(0);
		}
		check_all(i + 1);
		wait_for(child);
		handled_version = i + 2;
		paint_all(i + 2);
	}
	MUST(nr_handled >= 6 * 4);
	end();
}

/* ---- raw ---- */

#define NR_RAW_THREADS 2u
#define NR_RAW_FORKS 12u
#define RAW_PAGES 64u

static void fill_raw(volatile char *at, unsigned int first, unsigned int end)
{
	for (unsigned int i = first; i < end; i++)
		at[i * ZSWAP_PAGE_SIZE] = 1;
}

static void check_raw(const volatile char *at, unsigned int first, unsigned int end, char value)
{
	for (unsigned int i = first; i < end; i++) {
		char found = at[i * ZSWAP_PAGE_SIZE];

		if (found != value)
			dprintf(STDERR_FILENO, "page %u of %u to %u: %d, not %d\n", i, first, end, found, value);
		MUST(found == value);
	}
}

/* Plain memory where managed memory was, if nobody else has taken the place. */
static void map_over(char *at)
{
	size_t bytes = 16 * ZSWAP_PAGE_SIZE;
	void *plain = mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (plain == MAP_FAILED)
		return;
	check_raw(plain, 0, 16, 0);
	fill_raw(plain, 0, 16);
	check_raw(plain, 0, 16, 1);
	MUST(!munmap(plain, bytes));
}

static void use_raw_once(void)
{
	char *at = zswap_mmap(zswap, RAW_PAGES * ZSWAP_PAGE_SIZE);

	MUST(at);
	fill_raw(at, 0, RAW_PAGES);
	MUST(!zswap_advise(zswap, at, 40 * ZSWAP_PAGE_SIZE, ZSWAP_PAGEOUT));
	MUST(!madvise(at, 32 * ZSWAP_PAGE_SIZE, MADV_DONTNEED));
	check_raw(at, 0, 32, 0);
	check_raw(at, 32, RAW_PAGES, 1);
	fill_raw(at, 0, 8);
	MUST(!munmap(at + 16 * ZSWAP_PAGE_SIZE, 16 * ZSWAP_PAGE_SIZE));
	map_over(at + 16 * ZSWAP_PAGE_SIZE);
	check_raw(at, 0, 8, 1);
	MUST(!munmap(at, 16 * ZSWAP_PAGE_SIZE));
	MUST(!munmap(at + 32 * ZSWAP_PAGE_SIZE, 32 * ZSWAP_PAGE_SIZE));
}

static void *use_raw(void *arg)
{
	(void)arg;
	begin_work();
	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED))
		use_raw_once();
	return NULL;
}

static void run_raw_child(void)
{
	MUST(zswap_munmap(zswap, hole, HOLE_BYTES) == -EINVAL);
	check_and_rewrite(1, 100);
	use_raw_once();
	_exit(0);
}

static void run_raw(void)
{
	pthread_t threads[NR_RAW_THREADS];

	begin();
	hole = zswap_mmap(zswap, HOLE_BYTES);
	MUST(hole);
	MUST(!pthread_atfork(use_some, use_some, use_some));
	paint_all(1);
	handled_version = 1;
	for (unsigned int i = 0; i < NR_RAW_THREADS; i++)
		MUST(!pthread_create(&threads[i], NULL, use_raw, NULL));
	await_working(NR_RAW_THREADS);
	for (uint32_t i = 0; i < NR_RAW_FORKS; i++) {
		pid_t child = fork_one();

		if (!child)
			run_raw_child();
		wait_for(child);
	}
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < NR_RAW_THREADS; i++)
		pthread_join(threads[i], NULL);
	MUST(!zswap_munmap(zswap, hole, HOLE_BYTES));
	check_all(1);
	end();
}

/* ---- denied ---- */

/* No userfaultfd any more, neither by the system call nor by the device. */
static void deny(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_userfaultfd, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xaa00 /* USERFAULTFD_IOC_NEW */, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	};
	const struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	MUST(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	MUST(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

static void use_plain_memory(uint32_t had, uint32_t first)
{
	size_t bytes = (size_t)plan.nr_pages * ZSWAP_PAGE_SIZE;

	check_and_rewrite(had, first);
	MUST(!zswap_advise(zswap, memory, bytes, ZSWAP_PAGEOUT));
	MUST(!zswap_advise(zswap, memory, bytes, ZSWAP_COLD));
	MUST(!zswap_advise(zswap, memory, bytes, ZSWAP_WILLNEED));
	check_all(first + plan.nr_rounds - 1);
	MUST(!zswap_mmap(zswap, ZSWAP_PAGE_SIZE) && errno == ENOMEM);
}

#define NR_PROTECTED 64u

/* Pages that are away, of which half may be read then, and half not even that. */
static char *protect_some(void)
{
	char *at = zswap_mmap(zswap, NR_PROTECTED * ZSWAP_PAGE_SIZE);
	size_t half = NR_PROTECTED / 2 * ZSWAP_PAGE_SIZE;

	MUST(at);
	memset(at, 5, 2 * half);
	for (size_t i = 0; i < NR_PROTECTED; i++)
		at[i * ZSWAP_PAGE_SIZE] = (char)i;
	MUST(!zswap_advise(zswap, at, 2 * half, ZSWAP_PAGEOUT));
	MUST(!mprotect(at, half, PROT_READ) && !mprotect(at + half, half, PROT_NONE));
	return at;
}

static void check_protected(char *at)
{
	size_t half = NR_PROTECTED / 2 * ZSWAP_PAGE_SIZE;

	MUST(!mprotect(at + half, half, PROT_READ));
	for (size_t i = 0; i < NR_PROTECTED; i++)
		MUST(at[i * ZSWAP_PAGE_SIZE] == (char)i && at[i * ZSWAP_PAGE_SIZE + 9] == 5);
}

static void run_denied_child(char *protected)
{
	pid_t child;

	check_protected(protected);
	use_plain_memory(1, 100);
	child = fork_one();
	if (!child) {
		use_plain_memory(100 + plan.nr_rounds - 1, 300);
		MUST(!zswap_advise(zswap, memory, ZSWAP_PAGE_SIZE, ZSWAP_DONTNEED));
		MUST(!memory[0] && !memory[WORDS - 1]);
		MUST(!zswap_munmap(zswap, memory, 64 * ZSWAP_PAGE_SIZE));
		end();
		_exit(0);
	}
	wait_for(child);
	end();
	_exit(0);
}

/* The parent's own descriptors go on to work. */
static void run_denied(void)
{
	char *protected;
	pid_t child;

	begin();
	protected = protect_some();
	paint_all(1);
	deny();
	child = fork_one();
	if (!child)
		run_denied_child(protected);
	check_protected(protected);
	check_and_rewrite(1, 200);
	wait_for(child);
	check_all(200 + plan.nr_rounds - 1);
	end();
}

/* ---- the program ---- */

static const struct scenario {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	{ "all", run_all },   { "orphans", run_orphans },   { "threads", run_threads }, { "often", run_often },
	{ "exec", run_exec }, { "handlers", run_handlers }, { "raw", run_raw },         { "denied", run_denied },
};

static const struct scenario *find_scenario(const char *name)
{
	for (unsigned int i = 0; name && i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		if (!strcmp(scenarios[i].name, name))
			return &scenarios[i];
	fprintf(stderr,
		"usage: zswap_fork [-m sigbus|pager] [-b none|folder|file] [-n PAGES] [-r ROUNDS] [-1] SCENARIO\n");
	exit(2);
}

static const char *const modes[] = { "sigbus", "pager", NULL };
static const char *const backings[] = { "none", "folder", "file", NULL };

static unsigned int flags_of(const char *mode)
{
	return strcmp(mode, "pager") ? ZSWAP_SIGBUS : ZSWAP_PAGER;
}

static const struct scenario *parse(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "m:b:n:r:1")) != -1)
		switch (option) {
		case 'm': plan.flags = flags_of(option_word("zswap_fork", option, optarg, modes)); break;
		case 'b': plan.backing = option_word("zswap_fork", option, optarg, backings); break;
		case 'n': plan.nr_pages = (uint32_t)option_number("zswap_fork", option, optarg); break;
		case 'r': plan.nr_rounds = (uint32_t)option_number("zswap_fork", option, optarg); break;
		case '1': take_one_processor(); break;
		default: find_scenario(NULL);
		}
	return find_scenario(argv[optind]);
}

int main(int argc, char **argv)
{
	const struct scenario *scenario;

	if (argc > 1 && !strcmp(argv[1], "nothing"))
		return 0;
	scenario = parse(argc, argv);
	uffd_skip_without(false);
	alarm(WATCHDOG_SECONDS);
	make_folder();
	scenario->run();
	remove_folder();
	return 0;
}
