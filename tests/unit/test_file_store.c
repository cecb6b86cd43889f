/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A file as a store: with a name and without, and what cannot be one.
 */
#include <fcntl.h>
#include <sys/stat.h>

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

static void what_is_no_file_is_refused(void **state)
{
	struct zs_file_store *store;

	(void)state;
	assert_int_equal(zs_file_store_open("/dev/null", &store), -EINVAL);
	assert_int_equal(zs_file_store_open("/nowhere/at/all", &store), -ENOENT);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(zs_file_store_open(path, &store), -EINVAL);
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIR(a_file_has_nothing_in_the_end),
		IN_DIR(a_file_in_a_folder_has_no_name),
		IN_DIR(what_somebody_has_is_kept),
		IN_DIR(what_is_no_file_is_refused),
	};

	return cmocka_run_group_tests_name("file_store", tests, NULL, NULL);
}
