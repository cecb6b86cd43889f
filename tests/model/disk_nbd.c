/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The disk tester's way to a server that runs: by libnbd, a connection for each thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libnbd.h>

#include "disk_tester.h"

/* libnbd's result as a negative errno; a connection that is gone has one too. */
static int told(int result)
{
	int err = nbd_get_errno();

	if (result >= 0)
		return 0;
	return err ? -err : -EIO;
}

static void *connect_to(const char *uri)
{
	struct nbd_handle *nbd = nbd_create();

	if (nbd && !nbd_add_meta_context(nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) && !nbd_connect_uri(nbd, uri))
		return nbd;
	fprintf(stderr, "disk: %s: %s\n", uri, nbd_get_error());
	nbd_close(nbd);
	return NULL;
}

/* Whether a server's disk does for a run; it is emptied. */
static bool prepare(struct nbd_handle *nbd, const struct disk_settings *settings)
{
	uint64_t size_bytes = settings->nr_pages * PAGE;

	if (nbd_get_size(nbd) < (int64_t)size_bytes)
		fprintf(stderr, "disk: %s: smaller than %llu pages\n", settings->uri,
			(unsigned long long)settings->nr_pages);
	else if (settings->nr_threads > 1 && nbd_can_multi_conn(nbd) != 1)
		fprintf(stderr, "disk: %s: does not serve several connections\n", settings->uri);
	else if (nbd_trim(nbd, size_bytes, 0, 0))
		fprintf(stderr, "disk: %s: cannot trim it: %s\n", settings->uri, nbd_get_error());
	else
		return true;
	return false;
}

/* The disk of a run is no more than its settings: each thread connects by itself. */
static void *server_open(const struct disk_settings *settings)
{
	struct nbd_handle *nbd = connect_to(settings->uri);
	bool good = nbd && prepare(nbd, settings);

	nbd_close(nbd);
	return good ? (void *)settings : NULL;
}

static void server_calm(void *disk)
{
	(void)disk;
}

/* Its figures are its own. */
static const char *server_check(void *disk, const struct disk_tally *tally)
{
	(void)disk;
	(void)tally;
	return NULL;
}

static const char *server_fine(void *disk)
{
	(void)disk;
	return NULL;
}

static void *server_connect(void *disk)
{
	return connect_to(((const struct disk_settings *)disk)->uri);
}

static void server_disconnect(void *conn)
{
	nbd_shutdown(conn, 0);
	nbd_close(conn);
}

static int server_read(void *conn, void *buf, size_t len, uint64_t offset)
{
	return told(nbd_pread(conn, buf, len, offset, 0));
}

static int server_write(void *conn, const void *buf, size_t len, uint64_t offset)
{
	return told(nbd_pwrite(conn, buf, len, offset, 0));
}

static int server_zero(void *conn, uint64_t len, uint64_t offset, bool may_trim)
{
	return told(nbd_zero(conn, len, offset, may_trim ? 0 : LIBNBD_CMD_FLAG_NO_HOLE));
}

static int server_discard(void *conn, uint64_t len, uint64_t offset)
{
	return told(nbd_trim(conn, len, offset, 0));
}

/* ---- extents ---- */

/* A range that is asked about. A server may tell of less than was asked, and of more. */
struct asked {
	disk_each each;
	void *ctx;
	uint64_t at;
	uint64_t end;
};

static enum disk_extent kind_of(uint32_t flags)
{
	if (!(flags & LIBNBD_STATE_ZERO))
		return DISK_DATA;
	return flags & LIBNBD_STATE_HOLE ? DISK_HOLE : DISK_ZERO;
}

static int note_extents(void *ctx, const char *context, uint64_t offset, uint32_t *entries, size_t nr, int *error)
{
	struct asked *asked = ctx;

	(void)offset;
	if (*error || strcmp(context, LIBNBD_CONTEXT_BASE_ALLOCATION))
		return 0;
	for (size_t i = 0; i + 1 < nr && asked->at < asked->end; i += 2) {
		uint64_t left = asked->end - asked->at, len = entries[i] < left ? entries[i] : left;

		asked->each(asked->ctx, asked->at, len, kind_of(entries[i + 1]));
		asked->at += len;
	}
	return 0;
}

static int server_extents(void *conn, uint64_t len, uint64_t offset, disk_each each, void *ctx)
{
	struct asked asked = { .each = each, .ctx = ctx, .at = offset, .end = offset + len };

	while (asked.at < asked.end) {
		nbd_extent_callback callback = { .callback = note_extents, .user_data = &asked };
		uint64_t at = asked.at;
		int err = told(nbd_block_status(conn, asked.end - at, at, callback, 0));

		if (err || asked.at == at)
			return err ? err : -EPROTO;
	}
	return 0;
}

/* The server tends itself; a flush comes between. */
static void server_tend(void *conn, uint32_t dice)
{
	(void)dice;
	nbd_flush(conn, 0);
}

const struct disk_way disk_nbd = {
	.open = server_open,
	.calm = server_calm,
	.check = server_check,
	.check_empty = server_fine,
	.close = server_fine,
	.connect = server_connect,
	.disconnect = server_disconnect,
	.read = server_read,
	.write = server_write,
	.zero = server_zero,
	.discard = server_discard,
	.extents = server_extents,
	.tend = server_tend,
};
