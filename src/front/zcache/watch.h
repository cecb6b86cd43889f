/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The thread that has a cache give memory back while the system or a control group is short of it.
 */
#ifndef ZCACHE_WATCH_H
#define ZCACHE_WATCH_H

#include "zcache_engine.h"

struct zcache_watch;

struct zcache_watch_target {
	struct zcache_engine *engine;
	void (*on_event)(void *ctx, const char *what);
	void *ctx;
};

/* options: complete, with defaults filled in. Result: as zcache_watch(). */
int zcache_watch_start(const struct zcache_watch_target *target, const struct zcache_watch_options *options,
		       struct zcache_watch **watch);
/* Waits for the thread to end, where it is: a child of its process has none. NULL is fine. */
void zcache_watch_stop(struct zcache_watch *watch);

#endif
