/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Reads the files one after the other, straight into the buffer of the batch.
 */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "zs.h"

void zs_input_open(struct zs_input *input, struct zs_files *files, size_t unit_bytes, size_t limit_units)
{
	*input = (struct zs_input){ .files = files, .unit_bytes = unit_bytes, .fd = -1 };
	for (size_t i = 0; i < files->nr && input->max_units < limit_units; i++) {
		uint64_t size_bytes = files->file[i].size_bytes;
		uint64_t units = size_bytes / unit_bytes + (size_bytes % unit_bytes ? 1 : 0);
		size_t room = limit_units - input->max_units;

		input->max_units += units < room ? (size_t)units : room;
	}
}

static void skip(struct zs_input *input, const char *path)
{
	zs_message("%s: %s; skipped", path, strerror(errno));
	input->files->nr_skipped++;
}

/* false: no file is left. */
static bool open_next(struct zs_input *input)
{
	while (input->next_file < input->files->nr) {
		struct zs_file *file = &input->files->file[input->next_file++];

		input->fd = open(file->path, O_RDONLY | O_CLOEXEC);
		if (input->fd >= 0) {
			file->first_unit = input->nr_units;
			input->nr_files++;
			return true;
		}
		skip(input, file->path);
	}
	return false;
}

void zs_input_close(struct zs_input *input)
{
	if (input->fd >= 0)
		close(input->fd);
	input->fd = -1;
}

/* Fills buffer unless the file ends or fails before; then it is closed. Returns the bytes read. */
static size_t read_file(struct zs_input *input, unsigned char *buffer, size_t size_bytes)
{
	size_t done = 0;
	ssize_t got;

	while (done < size_bytes) {
		got = read(input->fd, buffer + done, size_bytes - done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			skip(input, input->files->file[input->next_file - 1].path);
		if (got <= 0) {
			zs_input_close(input);
			break;
		}
		done += (size_t)got;
	}
	return done;
}

size_t zs_input_read(struct zs_input *input, unsigned char *buffer, size_t nr)
{
	size_t done = 0;

	if (nr > input->max_units - input->nr_units)
		nr = input->max_units - input->nr_units;
	while (done < nr && (input->fd >= 0 || open_next(input))) {
		unsigned char *at = buffer + done * input->unit_bytes;
		size_t got = read_file(input, at, (nr - done) * input->unit_bytes);
		size_t units = (got + input->unit_bytes - 1) / input->unit_bytes;

		memset(at + got, 0, units * input->unit_bytes - got);
		done += units;
		input->nr_units += units;
	}
	return done;
}

const struct zs_file *zs_input_file_of(const struct zs_input *input, size_t unit)
{
	const struct zs_file *found = NULL;

	for (size_t i = 0; i < input->next_file; i++) {
		const struct zs_file *file = &input->files->file[i];

		if (file->first_unit <= unit)
			found = file;
	}
	return found;
}
