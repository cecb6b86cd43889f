/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A file or a block device as an engine's store. It is private to the process and locked, so that no other uses it. A
 * file begins empty, and is empty in the end: what somebody wants to keep is not touched.
 *
 * A child has the files of its parent open. It goes on to read there what it read before, and writes to a file of its
 * own.
 */
#ifndef ZS_FILE_STORE_H
#define ZS_FILE_STORE_H

#include <stddef.h>
#include <stdint.h>

struct zs_file_store;

/*
 * path: a folder, in which a file without a name is made (O_TMPFILE, mode 0600; where there are no such files, it has
 * one for a moment); or a file, which is made if it is not
 * there and must be empty; or a block device. Result: 0; -EWOULDBLOCK: another process uses it; -EEXIST: the file is
 * not empty; -EINVAL: it is none of these; what open() said.
 */
int zs_file_store_open(const char *path, struct zs_file_store **store);
/*
 * In a child after a fork: what lies below the boundary is only read from here on, and what lies above goes to a new
 * file without a name, in the same folder. pre: nothing above it was written, or is read any more; boundaries only
 * grow. Result: 0; -ENOSPC: the store is no folder, or has had too many such files; what open() said. Then nothing can
 * be written any more.
 */
int zs_file_store_branch(struct zs_file_store *store, uint64_t boundary_bytes);

/* A child may read it still: a file that has a name is left as it is in the end. */
void zs_file_store_keep(struct zs_file_store *store);

/* What was written is gone, but for what a child or the parent may read still. NULL is fine. */
void zs_file_store_close(struct zs_file_store *store);

/* How much it can be: of a device its size, of a file what its file system has now. */
uint64_t zs_file_store_size(const struct zs_file_store *store);

/* As a store's calls ask for; store is a struct zs_file_store. Nothing is on both sides of a boundary. */
int zs_file_store_read(void *store, void *buf, size_t len, uint64_t offset);
int zs_file_store_write(void *store, const void *buf, size_t len, uint64_t offset);
void zs_file_store_discard(void *store, uint64_t len, uint64_t offset);

#endif
