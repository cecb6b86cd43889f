/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A backing that is a file or a block device.
 */
#ifndef ZCACHE_FILE_H
#define ZCACHE_FILE_H

#include "zcache_backing.h"

/*
 * Opens it, for reading alone if it is asked for or nothing else is allowed. Result: 0; -EINVAL: it is neither a file
 * nor a block device; what open() said.
 */
int zcache_file_open(const char *path, bool is_readonly, struct zcache_backing *backing);
void zcache_file_close(struct zcache_backing *backing);

#endif
