/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Walks directories with a list of those still to be read, so that depth costs no stack and no descriptors.
 */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "zs.h"

struct paths {
	char **path;
	size_t nr;
	size_t capacity;
};

static void skip(struct zs_files *files, const char *path, const char *why)
{
	zs_message("%s: %s; skipped", path, why);
	files->nr_skipped++;
}

static char *join(const char *directory, const char *name)
{
	size_t len = strlen(directory);
	char *path;

	while (len && directory[len - 1] == '/')
		len--;
	return asprintf(&path, "%.*s/%s", (int)len, directory, name) < 0 ? NULL : path;
}

/* Room for one more of size_bytes. */
static void *grow(void *array, size_t nr, size_t *capacity, size_t size_bytes)
{
	size_t wanted = *capacity ? *capacity * 2 : 64;
	void *larger;

	if (nr < *capacity)
		return array;
	larger = reallocarray(array, wanted, size_bytes);
	if (larger)
		*capacity = wanted;
	return larger;
}

/* Takes path over, also when it fails. */
static int add_file(struct zs_files *files, char *path, uint64_t size_bytes)
{
	struct zs_file *larger = grow(files->file, files->nr, &files->capacity, sizeof(*larger));

	if (!larger) {
		free(path);
		return ENOMEM;
	}
	files->file = larger;
	files->file[files->nr++] = (struct zs_file){ path, size_bytes, SIZE_MAX };
	return 0;
}

static int add_directory(struct paths *pending, char *path)
{
	char **larger = grow(pending->path, pending->nr, &pending->capacity, sizeof(*larger));

	if (!larger) {
		free(path);
		return ENOMEM;
	}
	pending->path = larger;
	pending->path[pending->nr++] = path;
	return 0;
}

static int add_entry(struct zs_files *files, struct paths *pending, const char *directory, const struct dirent *entry)
{
	char *path;
	struct stat st;

	if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
		return 0;
	if (entry->d_type != DT_REG && entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN)
		return 0;
	path = join(directory, entry->d_name);
	if (!path)
		return ENOMEM;
	if (lstat(path, &st))
		skip(files, path, strerror(errno));
	else if (S_ISDIR(st.st_mode))
		return add_directory(pending, path);
	else if (S_ISREG(st.st_mode) && st.st_size > 0)
		return add_file(files, path, (uint64_t)st.st_size);
	free(path);
	return 0;
}

static int read_directory(struct zs_files *files, struct paths *pending, const char *path)
{
	DIR *directory = opendir(path);
	const struct dirent *entry;
	int err = 0;

	if (!directory) {
		skip(files, path, strerror(errno));
		return 0;
	}
	while (!err && !zs_interrupted()) {
		errno = 0;
		entry = readdir(directory);
		if (!entry)
			break;
		err = add_entry(files, pending, path, entry);
	}
	if (!err && errno)
		skip(files, path, strerror(errno));
	closedir(directory);
	return err;
}

static int walk(struct zs_files *files, const char *root)
{
	struct paths pending = { NULL, 0, 0 };
	char *path = strdup(root);
	int err = path ? add_directory(&pending, path) : ENOMEM;

	while (pending.nr) {
		path = pending.path[--pending.nr];
		if (!err && !zs_interrupted())
			err = read_directory(files, &pending, path);
		free(path);
	}
	free(pending.path);
	return err;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct zs_file *)a)->path, ((const struct zs_file *)b)->path);
}

int zs_files_add(struct zs_files *files, const char *path)
{
	size_t before = files->nr;
	struct stat st;
	char *copy;
	int err;

	if (stat(path, &st)) {
		skip(files, path, strerror(errno));
		return 0;
	}
	if (S_ISREG(st.st_mode)) {
		copy = strdup(path);
		return copy ? add_file(files, copy, (uint64_t)st.st_size) : ENOMEM;
	}
	if (!S_ISDIR(st.st_mode)) {
		skip(files, path, "neither a file nor a directory");
		return 0;
	}
	err = walk(files, path);
	if (files->nr > before)
		qsort(files->file + before, files->nr - before, sizeof(*files->file), by_path);
	return err;
}

void zs_files_destroy(struct zs_files *files)
{
	for (size_t i = 0; i < files->nr; i++)
		free(files->file[i].path);
	free(files->file);
}
