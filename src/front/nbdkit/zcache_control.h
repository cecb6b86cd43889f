/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What a cached disk answers on its control socket.
 *
 *   stat plain|json|prometheus   its figures
 *   summary                      a line for people
 *   resize BYTES                 another limit of the cache's memory
 *   flush                        drops all that is in the cache
 */
#ifndef ZCACHE_CONTROL_H
#define ZCACHE_CONTROL_H

#include "control.h"
#include "zcache_disk.h"
#include "zcache_nbd.h"

struct zcache_controlled {
	struct zcache_disk *disk;
	const struct zcache_nbd *nbd; /* NULL: the disk behind is a file */
	const char *name;
	const char *compressor;
};

/* A zs_control_answer; ctx is a struct zcache_controlled. */
bool zcache_control_answer(void *ctx, char *const *words, size_t nr_words, FILE *out);

#endif
