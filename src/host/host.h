/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The host contract: all that an operating system must supply for the core to run on it.
 *
 * Each host is a folder beside this file. Its host_types.h supplies
 *   - the fixed-width integers, bool, size_t, the errno constants, memcpy, memmove, memset and memcmp;
 *   - zs_lock, a short lock that is never held across a call of this contract but those whose context allows it;
 *   - the atomics (gnu_atomic.h shows them): relaxed unless their name says acquire or release, but for those of
 *     pointers and of 16 bits, where loads acquire, and stores and exchanges release;
 *   - ZS_HOST_UNLIKELY(x), ZS_HOST_NOINLINE for functions off the fast path, and zs_host_prefetch(address), a hint
 *     that the cache line there will be read;
 *   - ZS_HOST_TABLES: 1 or 0, whether it has tables (see below), and ZS_HOST_MAX_PAGE_SHIFT, of any of its sources;
 *   - ZS_HOST_RANGES: how many ranges of pages it is worth handing to it at once (see zs_host_spans_return());
 *   - ZS_HOST_THREADS: one more than the numbers that it has for threads; 1 if it has none;
 *   - ZS_HOST_SHOW(x, value), which changes a word under a lock so that others may have a look at it without the lock:
 *     ZS_HOST_GLANCE(x). ZS_HOST_SHOW_MORE(x, n) adds to an unsigned long.
 *
 * "context:" tells where the core makes a call. "no lock" means that no lock of the core is held, so the call may
 * sleep, take locks of its own, and call back into the pool. flags are the caller's, passed on unchanged; a host may
 * give them a meaning (the kernel: gfp).
 */
#ifndef ZS_HOST_H
#define ZS_HOST_H

#include "host_types.h"

/* Where the memory of one pool comes from. Each host has its own; the layer that creates a pool makes it first. */
struct zs_source;
struct zs_ops;

/* Metadata comes in units of this many bytes, whatever the page size; the memory limit counts in them too. */
#define ZS_META_UNIT_SHIFT 12
#define ZS_META_UNIT (1u << ZS_META_UNIT_SHIFT)

/* ---- a source ---- */

/*
 * Makes a source of pages from the caller's ops (scattered pages), or from the host's own memory for ops NULL.
 * Result: 0, -EINVAL or -ENOMEM. context: no lock.
 */
int zs_host_source_create(const struct zs_ops *ops, struct zs_source **source);

/* pre: every page, span and unit was given back. context: no lock. */
void zs_host_source_destroy(struct zs_source *source);

/* log2 of the bytes in a page of this source, 12 to 16. Never changes. context: any. */
unsigned int zs_host_page_shift(const struct zs_source *source);

/*
 * Whether zspages of this source are contiguous in virtual memory: then the core uses the span calls, else the page
 * calls. Never changes. context: any.
 */
bool zs_host_contiguous(const struct zs_source *source);

/* Bytes the source itself takes beside what it has handed out. context: any. */
unsigned long zs_host_overhead_bytes(const struct zs_source *source);

/* ---- scattered pages ---- */

/* One page, content undefined, or NULL. context: no lock. */
void *zs_host_page_get(struct zs_source *source, unsigned int flags);

/* Takes back a page. pre: it is used nowhere. context: no lock. */
void zs_host_page_put(struct zs_source *source, void *page);

/*
 * Says who uses a page from now on, and where: place means something to the user only; user NULL: nobody. A host that
 * wants to replace pages asks their users (see zs_class_replace_page()); a page without a user has to wait.
 * context: the user's lock is held.
 */
void zs_host_page_use(struct zs_source *source, void *page, void *user, unsigned long place);

/* Whether a page is used by this user, and then where. context: the user's lock is held. */
bool zs_host_page_is_used(struct zs_source *source, void *page, const void *user, unsigned long *place);

/* The address of a page if it always has one, else NULL. context: any. */
void *zs_host_page_address(void *page);

/* The address of a page, valid until the matching close; the last opened is the first closed. context: any. */
void *zs_host_page_open(void *page);
void zs_host_page_close(void *address);

/* ---- windows ---- */

/*
 * A window is where one object that spans scattered pages is seen in one piece. A host that has windows lends the
 * running thread one, of a page's length, between open and close, in which the thread may not sleep nor open another;
 * mode is the core's. A host that has none (both calls return NULL) lets any number of objects be mapped at once, in
 * buffers that the core makes.
 */
struct zs_window {
	void *data;
	unsigned int mode;
};

/* context: no lock. */
struct zs_window *zs_host_window_open(struct zs_source *source);
/* The window that the running thread has open. */
struct zs_window *zs_host_window_opened(struct zs_source *source);
void zs_host_window_close(struct zs_source *source, struct zs_window *window);

/* ---- contiguous spans ---- */

/*
 * Address space for nr_pages pages (at most 64), page-aligned, none of it backed by memory. NULL: none left.
 * context: no lock.
 */
void *zs_host_span_get(struct zs_source *source, unsigned int nr_pages);

/* Takes back a span. pre: no page of it is populated. context: no lock. */
void zs_host_span_put(struct zs_source *source, void *span, unsigned int nr_pages);

/*
 * Promises memory for nr_pages pages of any spans of the source; zs_host_span_populate() uses the promise up, and
 * zs_host_span_unreserve() takes it back. Result: 0 or -ENOMEM. context: no lock.
 */
int zs_host_span_reserve(struct zs_source *source, unsigned int nr_pages, unsigned int flags);
void zs_host_span_unreserve(struct zs_source *source, unsigned int nr_pages);

/* Makes pages of a span usable, content undefined. pre: reserved, not populated. context: any. */
void zs_host_span_populate(struct zs_source *source, void *address, unsigned int nr_pages);

/* Pages side by side in a span. */
struct zs_range {
	void *address;
	unsigned int nr_pages;
};

/*
 * Gives the memory of ranges of spans back to the system; what was reserved for them can be populated elsewhere until
 * zs_host_span_unreserve(). pre: populated. context: no lock.
 */
void zs_host_spans_return(struct zs_source *source, const struct zs_range *ranges, unsigned int nr);

/* There may be work for who tends the pool (see tend.h), if anybody does. context: no lock. */
void zs_host_work(struct zs_source *source);

/* ---- metadata ---- */

/* ZS_META_UNIT bytes of zeroes aligned to ZS_META_UNIT, or NULL. context: no lock. */
void *zs_host_meta_get(struct zs_source *source, unsigned int flags);

/* Takes back a unit. context: no lock. */
void zs_host_meta_put(struct zs_source *source, void *unit);

/*
 * Tables: address space of size_bytes whose units are made usable one by one, from the low end, zeroed, or NULL. So a
 * table grows without moving, and an entry is found without a search. Only hosts that say so (ZS_HOST_TABLES) have
 * them; for the others the core builds trees of units. context: no lock.
 */
void *zs_host_table_get(struct zs_source *source, size_t size_bytes);
/* The unit at an address of a table; again for one that is usable already changes nothing. Result: 0 or -ENOMEM. */
int zs_host_table_open(struct zs_source *source, void *table, void *unit);
void zs_host_table_put(struct zs_source *source, void *table, size_t size_bytes);

/* A buffer above ZS_META_UNIT bytes for the copy of a mapped object, or NULL. context: no lock. */
void *zs_host_buffer_get(struct zs_source *source, size_t size_bytes);
void zs_host_buffer_put(struct zs_source *source, void *buffer, size_t size_bytes);

/* ---- locks, time, chance ---- */

/*
 * zs_host_try_lock() takes the lock if nobody holds it. A host may have all but the first inline, in its host_types.h,
 * with a macro of the name zs_host_lock. zs_host_unlock_quick() leaves one thing to do if it returns true: to call
 * zs_host_lock_wake(), which who has nothing else to do then can make its last call. The core itself calls neither.
 */
void zs_host_lock_init(zs_lock *lock);
#ifndef zs_host_lock
bool zs_host_try_lock(zs_lock *lock);
void zs_host_lock(zs_lock *lock);
void zs_host_unlock(zs_lock *lock);
bool zs_host_unlock_quick(zs_lock *lock);
#endif
void zs_host_lock_wake(zs_lock *lock);

/*
 * Whether the time deadline_ns of the host's monotonic clock has come; 0 never comes. Long work asks it between its
 * steps, so a host may let others run here. context: no lock.
 */
bool zs_host_should_stop(uint64_t deadline_ns);

/*
 * The running thread's number, below ZS_HOST_THREADS; 0: it has none yet, and zs_host_thread_begin() gives it one if
 * the host numbers threads. Some may share theirs. A host may have the first inline, as above, with a macro of the name
 * zs_host_thread. context: any.
 */
#ifndef zs_host_thread
unsigned int zs_host_thread(void);
#endif
unsigned int zs_host_thread_begin(void);

/* 64 bits that an outsider cannot guess, as far as the host can. context: no lock. */
uint64_t zs_host_random(void);

#endif
