/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A program that knows nothing of compressed memory, and does with its own what programs do: it maps more than may be
 * resident, moves, cuts, drops, protects, replaces, forks, spawns, and hands memory to system calls. Each page's
 * content tells its number. Run by swap_run.sh under zs swap run, of whose rules some of it is. The first word chooses
 * what is done.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096u
#define NR_PAGES 8192u /* 32 MiB, of which 8 may be resident */
#define BYTES ((size_t)NR_PAGES * PAGE)
#define STEP 4u /* words, so that what is packed is more than a small pool holds */

#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "swap_calls: line %d: %s: errno %d\n", __LINE__, #condition, errno);           \
			_exit(1);                                                                                      \
		}                                                                                                      \
	} while (0)

extern char **environ;

/* ---- content ---- */

static void *map(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	MUST(at != MAP_FAILED);
	return at;
}

static void fill(char *at, uint64_t first, uint64_t nr)
{
	for (uint64_t i = 0; i < nr; i++)
		for (unsigned int word = 0; word < PAGE / 8; word += STEP)
			((uint64_t *)(at + i * PAGE))[word] = (first + i) * 1000003 + word;
}

static bool is_right(const char *at, uint64_t first, uint64_t nr)
{
	for (uint64_t i = 0; i < nr; i++)
		for (unsigned int word = 0; word < PAGE / 8; word += STEP)
			if (((const uint64_t *)(at + i * PAGE))[word] != (first + i) * 1000003 + word)
				return false;
	return true;
}

static bool is_zero(const char *at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += 8)
		if (*(const uint64_t *)(at + i))
			return false;
	return true;
}

static char *map_filled(void)
{
	char *at = map(BYTES);

	fill(at, 0, NR_PAGES);
	return at;
}

/* ---- what is done ---- */

static void hold(void)
{
	char *at = map_filled();

	for (unsigned int i = 0; i < 3; i++)
		MUST(is_right(at, 0, NR_PAGES));
}

static void move(void)
{
	char *at = map_filled(), *there = map(2 * BYTES);

	at = mremap(at, BYTES, 2 * BYTES, MREMAP_MAYMOVE);
	MUST(at != MAP_FAILED && is_right(at, 0, NR_PAGES) && is_zero(at + BYTES, BYTES));
	fill(at + BYTES, NR_PAGES, NR_PAGES);
	MUST(mremap(at, 2 * BYTES, BYTES / 2 + PAGE, MREMAP_MAYMOVE) == at);
	MUST(is_right(at, 0, NR_PAGES / 2 + 1));
	MUST(mremap(at, BYTES / 2 + PAGE, BYTES, 0) == MAP_FAILED && errno == ENOMEM);
	MUST(mremap(at, BYTES / 2, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, there) == there);
	MUST(is_right(there, 0, NR_PAGES / 2) && is_zero(there + BYTES / 2, BYTES / 2));
}

static void drop(void)
{
	char *at = map_filled();

	MUST(!madvise(at, BYTES / 4, MADV_DONTNEED) && is_zero(at, BYTES / 4));
	MUST(!madvise(at + BYTES / 4, BYTES / 4, MADV_FREE) && is_zero(at + BYTES / 4, BYTES / 4));
	MUST(!syscall(SYS_madvise, at + BYTES / 2, BYTES / 4, MADV_DONTNEED) && is_zero(at + BYTES / 2, BYTES / 4));
	MUST(is_right(at + BYTES / 4 * 3, NR_PAGES / 4 * 3, NR_PAGES / 4));
	MUST(!madvise(at, BYTES, MADV_HUGEPAGE));
	MUST(!madvise(at, BYTES, MADV_PAGEOUT) && !madvise(at, BYTES, MADV_WILLNEED) && !madvise(at, BYTES, MADV_COLD));
	MUST(madvise(at, BYTES, MADV_DONTFORK) && errno == EINVAL);
	MUST(is_right(at + BYTES / 4 * 3, NR_PAGES / 4 * 3, NR_PAGES / 4));
}

/* Both ways: by the call that is watched, and behind the library's back. */
static void replace(void)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	char *at = map_filled();

	MUST(mmap(at + BYTES / 4, BYTES / 4, PROT_READ | PROT_WRITE, flags, -1, 0) == at + BYTES / 4);
	MUST(is_zero(at + BYTES / 4, BYTES / 4));
	fill(at + BYTES / 4, NR_PAGES / 4, NR_PAGES / 4);
	MUST((char *)syscall(SYS_mmap, at + BYTES / 2, BYTES / 4, PROT_READ | PROT_WRITE, flags, -1, 0) ==
	     at + BYTES / 2);
	MUST(is_zero(at + BYTES / 2, BYTES / 4));
	fill(at + BYTES / 2, NR_PAGES / 2, NR_PAGES / 4);
	MUST(!munmap(at + PAGE, 5 * PAGE) && !syscall(SYS_munmap, at + 7 * PAGE, 5 * PAGE));
	MUST(is_right(at, 0, 1) && is_right(at + 6 * PAGE, 6, 1) && is_right(at + 12 * PAGE, 12, NR_PAGES - 12));
}

/* A reservation, as runtimes make it, is used from here and there. */
static void reserve(void)
{
	size_t all = (size_t)64 << 30;
	char *at = mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), *part;

	MUST(at != MAP_FAILED);
	part = at + ((size_t)5 << 30);
	MUST(!mprotect(part, BYTES, PROT_READ | PROT_WRITE));
	fill(part, 0, NR_PAGES);
	MUST(!mprotect(part, BYTES / 2, PROT_READ) && is_right(part, 0, NR_PAGES));
	MUST(!mprotect(part, BYTES, PROT_NONE) && !mprotect(part, BYTES, PROT_READ | PROT_WRITE));
	MUST(is_right(part, 0, NR_PAGES));
	MUST(!munmap(at, (size_t)5 << 30) && is_right(part, 0, NR_PAGES));
}

static void fork_and_check(char *at)
{
	int status;
	pid_t pid = fork();

	MUST(pid >= 0);
	if (!pid) {
		MUST(is_right(at, 0, NR_PAGES));
		fill(at, 7, NR_PAGES / 2);
		MUST(is_right(at, 7, NR_PAGES / 2) && is_right(at + BYTES / 2, NR_PAGES / 2, NR_PAGES / 2));
		exit(0);
	}
	MUST(is_right(at, 0, NR_PAGES));
	MUST(waitpid(pid, &status, 0) == pid && status == 0);
}

/* Files whose structures went cold, as the C library looks at them in the child. */
static void fork_all(void)
{
	FILE *files[40];
	char *at;

	for (unsigned int i = 0; i < 40; i++)
		MUST((files[i] = fopen("/dev/null", "w")) && fputc('x', files[i]) == 'x');
	at = map_filled();
	for (unsigned int i = 0; i < 4; i++)
		fork_and_check(at);
	for (unsigned int i = 0; i < 40; i++)
		MUST(!fclose(files[i]));
}

/* The environment went cold, which the library looks into in the child, if it answers questions. */
static void environment(void)
{
	char **at = map(BYTES), *first = environ[0];
	int status;
	pid_t pid;

	MUST(first);
	for (size_t i = 0; environ[i]; i++)
		at[i] = environ[i];
	environ = at;
	MUST(!madvise(at, PAGE, MADV_PAGEOUT));
	fill((char *)at + PAGE, 1, NR_PAGES - 1);
	pid = fork();
	MUST(pid >= 0);
	if (!pid) {
		MUST(environ[0] == first);
		exit(0);
	}
	MUST(waitpid(pid, &status, 0) == pid && status == 0);
}

/* The words of a program to be started are in memory that is not resident. */
static void spawn(void)
{
	char *at = map_filled(), **words = map(BYTES), *program = (char *)words + BYTES / 2;
	pid_t pid;
	int status;

	strcpy(program, "/bin/sh");
	strcpy(program + PAGE, "-c");
	strcpy(program + 2 * PAGE, "exit 5");
	words[0] = program;
	words[1] = program + PAGE;
	words[2] = program + 2 * PAGE;
	MUST(!madvise(words, BYTES, MADV_PAGEOUT) && is_right(at, 0, NR_PAGES));
	MUST(!posix_spawn(&pid, program, NULL, NULL, words, environ));
	MUST(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 5);
	MUST(!madvise(words, BYTES, MADV_PAGEOUT));
	pid = vfork();
	if (!pid) {
		execv(words[0], words);
		_exit(1);
	}
	MUST(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 5);
	MUST(is_right(at, 0, NR_PAGES));
}

/* Through a pipe and a file, from memory and to memory that is not resident. */
static void transfer(void)
{
	char *at = map_filled(), *back = map(BYTES);
	int fd = fileno(tmpfile());

	MUST(fd >= 0 && !madvise(at, BYTES, MADV_PAGEOUT));
	for (size_t done = 0; done < BYTES;) {
		ssize_t some = write(fd, at + done, BYTES - done);

		MUST(some > 0);
		done += (size_t)some;
	}
	for (size_t done = 0; done < BYTES;) {
		ssize_t some = pread(fd, back + done, BYTES - done, (off_t)done);

		MUST(some > 0);
		done += (size_t)some;
	}
	MUST(is_right(back, 0, NR_PAGES) && is_right(at, 0, NR_PAGES));
}

static void *work(void *arg)
{
	uint64_t first = (uintptr_t)arg;

	for (unsigned int i = 0; i < 20; i++) {
		char *at = map(BYTES / 8), *small[64];

		fill(at, first, NR_PAGES / 8);
		for (unsigned int k = 0; k < 64; k++)
			MUST((small[k] = calloc(1, 20000)) && is_zero(small[k], 20000));
		MUST(is_right(at, first, NR_PAGES / 8) && !munmap(at, BYTES / 8));
		for (unsigned int k = 0; k < 64; k++) {
			memset(small[k], 7, 20000);
			free(small[k]);
		}
	}
	return NULL;
}

/* AddressSanitizer's own lock, which a thread may have that allocates, would stay locked in the child. */
#ifdef __SANITIZE_ADDRESS__
#define CAN_FORK_BESIDE_THREADS false
#else
#define CAN_FORK_BESIDE_THREADS true
#endif

static void threads(void)
{
	pthread_t thread[4];
	char *at = map_filled();

	for (uintptr_t i = 0; i < 4; i++)
		MUST(!pthread_create(&thread[i], NULL, work, (void *)(i * 100000)));
	if (CAN_FORK_BESIDE_THREADS)
		fork_and_check(at);
	for (unsigned int i = 0; i < 4; i++)
		MUST(!pthread_join(thread[i], NULL));
	MUST(is_right(at, 0, NR_PAGES));
}

static char *handled;
static volatile sig_atomic_t nr_handled;

static void handle(int number)
{
	(void)number;
	MUST(is_right(handled + (size_t)(nr_handled % NR_PAGES) * PAGE, (uint64_t)nr_handled % NR_PAGES, 1));
	nr_handled++;
}

static void signals(void)
{
	struct sigaction action = { .sa_handler = handle };

	handled = map_filled();
	MUST(!sigaction(SIGUSR1, &action, NULL));
	for (unsigned int i = 0; i < NR_PAGES; i++)
		MUST(!raise(SIGUSR1));
	MUST(nr_handled == (int)NR_PAGES && is_right(handled, 0, NR_PAGES));
}

/* Handlers of its own for what an instruction brings about: it notes what is written, and outlives a file's end. */
static sigjmp_buf beyond_the_end;

static void take_own_fault(int number, siginfo_t *info, void *context)
{
	char *page = (char *)((uintptr_t)info->si_addr & ~(uintptr_t)(PAGE - 1));

	(void)context;
	if (number == SIGBUS)
		siglongjmp(beyond_the_end, 1);
	MUST(page >= handled && page < handled + BYTES);
	nr_handled++;
	MUST(!mprotect(page, PAGE, PROT_READ | PROT_WRITE));
}

static void faults(void)
{
	struct sigaction action = { .sa_sigaction = take_own_fault, .sa_flags = SA_SIGINFO };
	int fd = fileno(tmpfile());
	volatile char *file;

	handled = map_filled();
	MUST(!sigaction(SIGSEGV, &action, NULL) && !sigaction(SIGBUS, &action, NULL));
	MUST(!mprotect(handled, BYTES, PROT_READ));
	fill(handled, 5, NR_PAGES);
	MUST(nr_handled == (int)NR_PAGES && is_right(handled, 5, NR_PAGES));
	MUST(fd >= 0 && !ftruncate(fd, PAGE));
	file = mmap(NULL, BYTES, PROT_READ, MAP_SHARED, fd, 0);
	MUST(file != MAP_FAILED && !file[0]);
	if (!sigsetjmp(beyond_the_end, 1)) {
		(void)file[PAGE];
		MUST(!"there is something beyond the end");
	}
	MUST(is_right(handled, 5, NR_PAGES));
}

static int watch(int fd, void *at, size_t bytes)
{
	struct uffdio_register area = { .range = { (uintptr_t)at, bytes }, .mode = UFFDIO_REGISTER_MODE_MISSING };

	return ioctl(fd, UFFDIO_REGISTER, &area);
}

/* A userfaultfd of its own is refused what is managed already, and has what is not. */
static void userfault(void)
{
	char *at = map_filled(), *small = map(4 * PAGE);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_copy copy = { (uintptr_t)small + PAGE, (uintptr_t)at + 9 * PAGE, PAGE, 0, 0 };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	MUST(fd >= 0 && !ioctl(fd, UFFDIO_API, &api));
	MUST(watch(fd, at, BYTES) && errno == EBUSY);
	MUST(!watch(fd, small, 4 * PAGE));
	MUST(!ioctl(fd, UFFDIO_COPY, &copy) && copy.copy == PAGE);
	MUST(is_right(small + PAGE, 9, 1) && is_right(at, 0, NR_PAGES));
}

/* Until it is killed. */
static void stay(void)
{
	char *at = map_filled();

	MUST(is_right(at, 0, NR_PAGES) && puts("ready") >= 0 && !fflush(stdout));
	for (;;)
		pause();
}

/* With a child that does likewise. */
static void family(void)
{
	char *at = map_filled();
	pid_t pid = fork();

	MUST(pid >= 0);
	if (!pid)
		fill(at, 0, NR_PAGES);
	MUST(is_right(at, 0, NR_PAGES) && printf("%s %d\n", pid ? "parent" : "child", (int)getpid()) > 0);
	MUST(!fflush(stdout));
	for (;;)
		pause();
}

static const struct {
	const char *name;
	void (*run)(void);
} parts[] = {
	{ "hold", hold },       { "move", move },         { "drop", drop },
	{ "replace", replace }, { "reserve", reserve },   { "fork", fork_all },
	{ "spawn", spawn },     { "transfer", transfer }, { "threads", threads },
	{ "signals", signals }, { "faults", faults },     { "userfault", userfault },
	{ "stay", stay },       { "family", family },     { "environment", environment },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < sizeof(parts) / sizeof(parts[0]); i++)
		if (!strcmp(argv[1], parts[i].name)) {
			parts[i].run();
			return 0;
		}
	fprintf(stderr, "swap_calls: say what to do\n");
	return 2;
}
