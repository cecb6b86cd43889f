/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/**
 * zcache - a compressed cache of clean pages, or of any other values of up to 64 KiB that can be had elsewhere.
 *
 * A put may be dropped at any time; a hit is a copy. Values are compressed, if their pool says so, and all memory
 * together stays below a limit, metadata included.
 *
 * The idea is transcendent memory's (Dan Magenheimer 2009), whose ephemeral pools the proposal's zcache kept compressed
 * (Seth Jennings and Nitin Gupta, 2013). What goes first is chosen by S3-FIFO (Yang, Zhang, Qiu, Yue, Vinayak: "FIFO
 * queues are all you need for cache eviction", SOSP 2023), charged in bytes.
 *
 * Keys are a pool's number, a 64-bit object (a file, a disk, the hash of a name) and a 32-bit index in it (a page).
 *
 * Threads: every call may be made from any thread at any time, but zcache_destroy(). No call may be made from a signal
 * handler. Errors: calls return NULL or a negative errno; errno is set by those that return NULL alone.
 *
 * Fork: a child has a copy of the cache and may use or destroy it; a thread of zcache_watch() stays with the parent.
 */
#ifndef ZCACHE_H
#define ZCACHE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Most bytes of a value. */
#define ZCACHE_MAX_VALUE 65536u
/** Most pools that a cache has at once. */
#define ZCACHE_MAX_POOLS 256u

/** A cache. Opaque. */
struct zcache;

/** Options of zcache_create(). Zero in a member means its default. New members only at the end. */
struct zcache_options {
	/** sizeof(struct zcache_options), which says which members the caller knows. */
	size_t size;
	/** Most bytes of all memory: values, index, everything; at least 1 MiB. No default. */
	uint64_t limit_bytes;
	/** Told when something needs attention, from any thread, in the middle of a call: it must make none. */
	void (*on_event)(void *ctx, const char *what);
	/** Passed to it. */
	void *ctx;
};

/** Makes a cache. Returns NULL with errno EINVAL (an option) or ENOMEM. */
struct zcache *zcache_create(const struct zcache_options *options);

/** Ends it, with its pools and the thread of zcache_watch(). NULL is ignored. Nobody may use it any more. */
void zcache_destroy(struct zcache *cache);

/** Options of zcache_new_pool(). Zero in a member means its default. New members only at the end. */
struct zcache_pool_options {
	/** sizeof(struct zcache_pool_options). */
	size_t size;
	/** "none", "lz4", "zstd" or "zstd:LEVEL". Default: "none". */
	const char *compressor;
};

/**
 * Makes a pool: a name space of keys, whose values are compressed alike. options NULL: the defaults.
 * Returns its number, 0 to ZCACHE_MAX_POOLS - 1; -EINVAL (an option), -ENOSPC (too many pools), -ENOMEM.
 */
int zcache_new_pool(struct zcache *cache, const struct zcache_pool_options *options);

/** Drops a pool and all its values. Calls for it that are under way end first. Returns 0; -EINVAL: there is none. */
int zcache_destroy_pool(struct zcache *cache, int pool);

/** What a put may rely on: see zcache_get(). Never 0 if it comes from there. */
typedef uint64_t zcache_token;

/**
 * Stores a copy of data, len bytes (1 to ZCACHE_MAX_VALUE), in the place of what the key had.
 *
 * token 0: this is what is true now; whatever the key had is gone, also if the value is not kept, and tokens of earlier
 * misses of this key are void. Otherwise it is the token of a miss, and data was read after that: it is refused if
 * meanwhile a put without token, zcache_flush_page(), zcache_flush_object() or zcache_destroy_pool() was called for
 * this key, for it may be what was true before; now and then also because of another key that shares a counter.
 *
 * Returns 0: it was stored, though it may be dropped at any time; -ESTALE: refused; -ENOMEM: no room, even after others
 * went; -EINVAL: pool or len.
 */
int zcache_put(struct zcache *cache, int pool, uint64_t object, uint32_t index, const void *data, size_t len,
	       zcache_token token);

/**
 * Copies a value to buf, which must not be memory whose pages come by way of this cache. token may be NULL.
 *
 * Returns the value's bytes. -ENOENT: a miss, and *token is what zcache_put() may be called with. -ENOBUFS: the value
 * is longer than len; nothing was copied. -EINVAL: pool.
 */
int zcache_get(struct zcache *cache, int pool, uint64_t object, uint32_t index, void *buf, size_t len,
	       zcache_token *token);

/** The same, and the value is dropped, if it was copied: for caches above this one, which have it now. */
int zcache_get_exclusive(struct zcache *cache, int pool, uint64_t object, uint32_t index, void *buf, size_t len,
			 zcache_token *token);

/**
 * Drops a key's value, and voids the tokens of its misses: to be called before and after the content behind it is
 * changed. Returns 0, also if there was none; -EINVAL: pool.
 */
int zcache_flush_page(struct zcache *cache, int pool, uint64_t object, uint32_t index);

/** The same for all keys of an object. It looks at all keys of the cache. */
int zcache_flush_object(struct zcache *cache, int pool, uint64_t object);

/**
 * Changes the limit. When it is less than before, what is beyond it has been dropped and given back to the system on
 * return. Returns 0; -EINVAL: less than 1 MiB; -ENOMEM.
 */
int zcache_resize(struct zcache *cache, uint64_t limit_bytes);

/** Drops values until bytes have been given back to the system; the limit stays. Returns the bytes given back. */
uint64_t zcache_reclaim(struct zcache *cache, uint64_t bytes);

/** What zcache_watch() looks at. Zero in a member means its default. New members only at the end. */
struct zcache_watch_options {
	/** sizeof(struct zcache_watch_options). */
	size_t size;
	/**
	 * A file in the form of /proc/pressure/memory: memory is given back whenever tasks were stalled for stall_us in
	 * window_us. Default: /proc/pressure/memory. "": not looked at.
	 */
	const char *psi_path;
	/** Default: 100,000 in 2,000,000 µs (without privileges the kernel takes windows of whole 2 seconds alone). */
	uint32_t stall_us;
	uint32_t window_us;
	/**
	 * A folder of a control group (version 2): memory is given back when it uses more than 15/16 of its
	 * memory.high. Default: not looked at.
	 */
	const char *cgroup_path;
	/** What is given back each time, in bytes. Default: a sixteenth of the limit. */
	uint64_t step_bytes;
};

/**
 * Has a thread give memory back while the system or a control group is short of it. options NULL: the defaults. A
 * second call replaces the first.
 * Returns 0; -EINVAL: an option, or nothing to look at; what opening the files said; -EAGAIN or -ENOMEM: no thread.
 */
int zcache_watch(struct zcache *cache, const struct zcache_watch_options *options);

/** Figures; counters run since zcache_create(). Each is read on its own. New members only at the end. */
struct zcache_stats {
	/** sizeof(struct zcache_stats), set by the caller; 0: nothing is written. */
	size_t size;
	/** The limit, and all memory in use, in bytes. */
	uint64_t limit_bytes;
	uint64_t total_bytes;
	/** Values; their bytes as they were put; as they are stored. */
	uint64_t values;
	uint64_t value_bytes;
	uint64_t stored_bytes;
	/** Memory for finding them, in bytes; part of total_bytes. */
	uint64_t index_bytes;
	/** Keys remembered of values that are gone. */
	uint64_t ghosts;
	/** Gets that found a value; that did not. */
	uint64_t hits;
	uint64_t misses;
	/** Puts that stored; refused as stale; that found no room. */
	uint64_t puts;
	uint64_t stale_puts;
	uint64_t failed_puts;
	/** Values dropped to make room; by flushes; given to exclusive gets. */
	uint64_t evicted;
	uint64_t flushed;
	uint64_t taken;
	/** Puts of keys that were remembered. */
	uint64_t ghost_hits;
	/** Times that zcache_watch() gave memory back. */
	uint64_t pressure_events;
};

/** Tells a cache's figures. */
void zcache_stats(struct zcache *cache, struct zcache_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
