/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A file as a store: with a name and without, and what cannot be one.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "unit.h"

#include "file_store.h"

static char dir[64];
static char path[80];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/zs-file-store-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/file", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static void assert_works(struct zs_file_store *store)
{
	char bytes[10000], got[10000];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7);
	assert_true(zs_file_store_size(store) > 1 << 20);
	assert_int_equal(zs_file_store_write(store, bytes, sizeof(bytes), 1 << 20), 0);
	assert_int_equal(zs_file_store_write(store, "zram", 4, 100), 0);
	assert_int_equal(zs_file_store_read(store, got, sizeof(got), 1 << 20), 0);
	assert_memory_equal(got, bytes, sizeof(bytes));
	assert_int_equal(zs_file_store_read(store, got, 4, 100), 0);
	assert_memory_equal(got, "zram", 4);
	assert_int_equal(zs_file_store_read(store, got, 100, (1 << 20) + sizeof(bytes) - 50), -EIO);
	zs_file_store_discard(store, 1 << 20, 0);
	assert_int_equal(zs_file_store_read(store, got, sizeof(got), 1 << 20), 0);
	assert_memory_equal(got, bytes, sizeof(bytes));
}

static off_t size_of(const char *name)
{
	struct stat stat_of;

	assert_int_equal(stat(name, &stat_of), 0);
	assert_int_equal(stat_of.st_mode & 077, 0);
	return stat_of.st_size;
}

static void a_file_has_nothing_in_the_end(void **state)
{
	struct zs_file_store *store, *other;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) { /* made, and there already */
		assert_int_equal(zs_file_store_open(path, &store), 0);
		assert_int_equal(zs_file_store_open(path, &other), -EWOULDBLOCK);
		assert_works(store);
		zs_file_store_close(store);
		assert_int_equal(size_of(path), 0);
	}
	zs_file_store_close(NULL);
}

static void a_file_in_a_folder_has_no_name(void **state)
{
	struct zs_file_store *store;

	(void)state;
	assert_int_equal(zs_file_store_open(dir, &store), 0);
	assert_works(store);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(mkdir(dir, 0700), 0);
	zs_file_store_close(store);
}

/* As on NFS. The linker has all calls of openat() come here. */
static bool has_no_unnamed;

int __real_openat64(int folder, const char *name, int flags, ...);
int __wrap_openat64(int folder, const char *name, int flags, ...);

int __wrap_openat64(int folder, const char *name, int flags, ...)
{
	mode_t mode;
	va_list args;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	if (!has_no_unnamed || (flags & O_TMPFILE) != O_TMPFILE)
		return __real_openat64(folder, name, flags, mode);
	errno = EOPNOTSUPP;
	return -1;
}

/* What a process left that was killed in that moment is not in the way, and is not touched. */
static void where_all_files_have_names_it_has_one_for_a_moment(void **state)
{
	struct zs_file_store *store;
	char left[128];
	int fd;

	(void)state;
	snprintf(left, sizeof(left), "%s/.zsmalloc-%ld-0", dir, (long)getpid());
	fd = open(left, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
	has_no_unnamed = true;
	assert_int_equal(zs_file_store_open(dir, &store), 0);
	assert_works(store);
	assert_int_equal(zs_file_store_branch(store, 2 << 20), 0);
	zs_file_store_close(store);
	assert_int_equal(chmod(dir, 0500), 0);
	if (geteuid() != 0)
		assert_int_equal(zs_file_store_open(dir, &store), -EACCES);
	assert_int_equal(chmod(dir, 0700), 0);
	has_no_unnamed = false;
	assert_int_equal(size_of(left), 0);
	assert_int_equal(unlink(left), 0);
}

/* By default the signal for a write beyond the limit ends the process. */
static void a_limit_on_files_is_an_error_and_no_signal(void **state)
{
	struct zs_file_store *store;
	struct rlimit before, limit;

	(void)state;
	assert_int_equal(zs_file_store_open(dir, &store), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = (struct rlimit){ 1000, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(zs_file_store_write(store, "more", 4, 997), -EFBIG);
	assert_int_equal(zs_file_store_write(store, "last", 4, 996), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(zs_file_store_write(store, "more", 4, 1000), 0);
	zs_file_store_close(store);
}

static void what_somebody_has_is_kept(void **state)
{
	struct zs_file_store *store;
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	(void)state;
	assert_int_equal(write(fd, "mine", 4), 4);
	close(fd);
	assert_int_equal(zs_file_store_open(path, &store), -EEXIST);
	assert_int_equal(size_of(path), 4);
}

/* Else it would be there for others to read, who could have put the file there for that. */
static void a_file_is_the_users_alone(void **state)
{
	struct zs_file_store *store;

	(void)state;
	close(open(path, O_WRONLY | O_CREAT, 0600));
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(zs_file_store_open(path, &store), 0);
	assert_int_equal(size_of(path), 0); /* and its mode */
	zs_file_store_close(store);
	if (geteuid())
		skip();
	assert_int_equal(chown(path, 65534, 65534), 0);
	assert_int_equal(zs_file_store_open(path, &store), -EPERM);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(zs_file_store_open(path, &store), -EPERM);
}

static void what_is_no_file_is_refused(void **state)
{
	struct zs_file_store *store;

	(void)state;
	assert_int_equal(zs_file_store_open("/dev/null", &store), -EINVAL);
	assert_int_equal(zs_file_store_open("/nowhere/at/all", &store), -ENOENT);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(zs_file_store_open(path, &store), -EINVAL);
}

/* ---- forks ---- */

#define BOUNDARY 1000u

/* In a child nothing of cmocka's works: it says by its status whether all was well. */
static void assert_child_succeeds(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static bool has(struct zs_file_store *store, uint64_t offset, const char *what)
{
	char got[16];

	return !zs_file_store_read(store, got, strlen(what), offset) && !memcmp(got, what, strlen(what));
}

static bool puts_there(struct zs_file_store *store, uint64_t offset, const char *what)
{
	return !zs_file_store_write(store, what, strlen(what), offset);
}

static unsigned int nr_open(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned int nr = 0;

	while (readdir(folder))
		nr++;
	closedir(folder);
	return nr;
}

static void a_child_has_a_file_of_its_own(void **state)
{
	struct zs_file_store *store;
	pid_t child;

	(void)state;
	assert_int_equal(zs_file_store_open(dir, &store), 0);
	assert_true(puts_there(store, 0, "of both"));
	child = fork();
	if (!child) {
		MUST(zs_file_store_branch(store, BOUNDARY) == 0);
		MUST(!has(store, BOUNDARY, "x"));
		MUST(puts_there(store, BOUNDARY, "the child's"));
		MUST(zs_file_store_write(store, "x", 1, BOUNDARY - 1) == -ENOSPC);
		zs_file_store_discard(store, BOUNDARY, 0);
		MUST(has(store, 0, "of both"));
		MUST(has(store, BOUNDARY, "the child's"));
		zs_file_store_discard(store, 4, BOUNDARY);
		MUST(has(store, BOUNDARY + 4, "child's"));
		zs_file_store_close(store);
		_exit(0);
	}
	assert_true(puts_there(store, BOUNDARY, "the parent's"));
	assert_child_succeeds(child);
	assert_true(has(store, 0, "of both"));
	assert_true(has(store, BOUNDARY, "the parent's"));
	zs_file_store_close(store);
}

static void a_child_reads_what_its_parent_has_closed(void **state)
{
	struct zs_file_store *store;
	int gate[2];
	pid_t child;
	char go;

	(void)state;
	for (unsigned int named = 0; named < 2; named++) {
		assert_int_equal(zs_file_store_open(named ? path : dir, &store), 0);
		assert_true(puts_there(store, 5, "of both"));
		assert_int_equal(pipe(gate), 0);
		child = fork();
		if (!child) {
			MUST(zs_file_store_branch(store, BOUNDARY) == (named ? -ENOSPC : 0));
			MUST(read(gate[0], &go, 1) == 1);
			MUST(has(store, 5, "of both"));
			zs_file_store_close(store);
			_exit(0);
		}
		zs_file_store_keep(store);
		zs_file_store_close(store);
		assert_int_equal(write(gate[1], "g", 1), 1);
		assert_child_succeeds(child);
		close(gate[0]);
		close(gate[1]);
	}
	assert_int_equal(size_of(path), 12);
}

static void a_file_with_a_name_is_only_read_by_a_child(void **state)
{
	struct zs_file_store *store;
	pid_t child;

	(void)state;
	assert_int_equal(zs_file_store_open(path, &store), 0);
	assert_true(puts_there(store, 0, "of both"));
	child = fork();
	if (!child) {
		MUST(zs_file_store_branch(store, BOUNDARY) == -ENOSPC);
		MUST(zs_file_store_write(store, "x", 1, BOUNDARY) == -ENOSPC);
		zs_file_store_discard(store, 4, 0);
		MUST(has(store, 0, "of both"));
		zs_file_store_close(store);
		_exit(0);
	}
	assert_child_succeeds(child);
	assert_true(has(store, 0, "of both"));
	zs_file_store_close(store);
	assert_int_equal(size_of(path), 0);
}

#define GENERATIONS 8u

/* Each reads what all before it wrote. What is beyond has no file of its own, and goes on to read. */
static void many_generations_have_files(void **state)
{
	struct zs_file_store *store;
	char text[2] = "0";
	unsigned int nr = nr_open();

	(void)state;
	assert_int_equal(zs_file_store_open(dir, &store), 0);
	for (unsigned int i = 0; i < GENERATIONS; i++) {
		text[0] = (char)('0' + i);
		assert_true(puts_there(store, i * BOUNDARY, text));
		assert_int_equal(zs_file_store_branch(store, (i + 1) * BOUNDARY), 0);
		/* One that writes nothing takes none. */
		for (unsigned int again = 0; again < 10; again++)
			assert_int_equal(zs_file_store_branch(store, (i + 1) * BOUNDARY), 0);
	}
	assert_int_equal(nr_open(), nr + 1 + GENERATIONS + 1);
	assert_true(puts_there(store, GENERATIONS * BOUNDARY, "z"));
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(zs_file_store_branch(store, (GENERATIONS + 1) * BOUNDARY), -ENOSPC);
		assert_int_equal(zs_file_store_write(store, "x", 1, (GENERATIONS + 1) * BOUNDARY), -ENOSPC);
	}
	for (unsigned int i = 0; i < GENERATIONS; i++) {
		text[0] = (char)('0' + i);
		assert_true(has(store, i * BOUNDARY, text));
	}
	assert_true(has(store, GENERATIONS * BOUNDARY, "z"));
	zs_file_store_close(store);
	assert_int_equal(nr_open(), nr);
}

static void a_folder_that_is_gone_takes_no_file(void **state)
{
	struct zs_file_store *store;

	(void)state;
	assert_int_equal(zs_file_store_open(dir, &store), 0);
	assert_true(puts_there(store, 0, "old"));
	assert_int_equal(rmdir(dir), 0);
	assert_int_not_equal(zs_file_store_branch(store, BOUNDARY), 0);
	assert_int_equal(zs_file_store_write(store, "x", 1, BOUNDARY), -ENOSPC);
	assert_true(has(store, 0, "old"));
	zs_file_store_close(store);
	assert_int_equal(mkdir(dir, 0700), 0);
}

static void a_folder_is_found_under_another_name(void **state)
{
	struct zs_file_store *store;
	char other[80];

	(void)state;
	assert_int_equal(zs_file_store_open(dir, &store), 0);
	snprintf(other, sizeof(other), "%s-moved", dir);
	assert_int_equal(rename(dir, other), 0);
	assert_int_equal(zs_file_store_branch(store, BOUNDARY), 0);
	assert_true(puts_there(store, BOUNDARY, "new"));
	zs_file_store_close(store);
	assert_int_equal(rename(other, dir), 0);
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIR(a_file_has_nothing_in_the_end),
		IN_DIR(a_file_in_a_folder_has_no_name),
		IN_DIR(where_all_files_have_names_it_has_one_for_a_moment),
		IN_DIR(a_limit_on_files_is_an_error_and_no_signal),
		IN_DIR(what_somebody_has_is_kept),
		IN_DIR(a_file_is_the_users_alone),
		IN_DIR(what_is_no_file_is_refused),
		IN_DIR(a_child_has_a_file_of_its_own),
		IN_DIR(a_child_reads_what_its_parent_has_closed),
		IN_DIR(a_file_with_a_name_is_only_read_by_a_child),
		IN_DIR(many_generations_have_files),
		IN_DIR(a_folder_that_is_gone_takes_no_file),
		IN_DIR(a_folder_is_found_under_another_name),
	};

	return cmocka_run_group_tests_name("file_store", tests, NULL, NULL);
}
