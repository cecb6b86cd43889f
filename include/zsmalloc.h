/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/**
 * zsmalloc - an allocator for compressed pages.
 *
 * Stores many objects of 1 byte to 64 KiB at high density. The caller holds an opaque handle, not a pointer, and maps
 * the object to use it; an unmapped object may be moved, which is how the pool gives memory back after frees.
 *
 * The interface is the one proposed for Linux in February 2013 by Seth Jennings and Nitin Gupta ("zsmalloc: add to
 * mm/"), with the calls that the kernel's version grew since under the kernel's names, and a few of our own.
 *
 * Threads: every call may be made from any thread at any time, on different objects without any ordering. Calls on one
 * object are ordered by its owner. Compaction and zs_pool_verify() may run beside everything else.
 * zs_destroy_pool() runs alone.
 *
 * Units: a page is 4096 bytes here (for zs_ops and for every page count), whatever the system's page is.
 */
#ifndef ZSMALLOC_H
#define ZSMALLOC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ZS_VERSION_MAJOR 0
#define ZS_VERSION_MINOR 1
#define ZS_VERSION_PATCH 0

/** Bytes in a page of zs_ops and in the page counts. */
#define ZS_PAGE_BYTES 4096u
/** What max_object_size may be at most, in bytes. */
#define ZS_MAX_OBJECT_BYTES 65536u

/**
 * Flag of zs_malloc() and zs_malloc_bulk(): serve only from pages the pool owns already, else fail with ENOMEM. (A unit
 * of metadata may still be taken for the handle.)
 */
#define ZS_NOGROW 0x80000000u

/**
 * Flag of a pool: a thread of low priority tends it. It gives empty pages back to the system, many at a time, so that
 * zs_free() does not have to, and moves objects together at a bounded pace (20 MB/s at most; four times that while a
 * sixteenth of the pages could be emptied, as when much was freed) while more than .4 % of the pool's pages could be
 * emptied so. It sleeps while there is nothing to do. Up to a quarter of the pool's pages may be empty for a moment;
 * they are counted, and go when memory or the limit runs short.
 *
 * In the library's own arena a thread that frees may use the slot again for its next object of that size class without
 * a lock: for each 64 MiB of such a pool a thread keeps up to three slots a class of sizes up to 4096, 1.6 MB if all
 * are used. They are good for other threads and other sizes after the next look of the pool's thread (10 ms), and
 * before an allocation fails. Figures tell of live objects only, and a handle is bad as soon as its object was freed.
 *
 * fork() waits until the thread is not at work; the child's copy of the pool has no such thread and works without. The
 * thread calls zs_ops too, so who forks must not hold a lock that these take.
 */
#define ZS_POOL_COMPACTOR 0x1u
/** With ZS_POOL_COMPACTOR: objects are moved for .25 % of the pool's pages, and at up to 60 MB/s. */
#define ZS_POOL_DENSE 0x2u
/**
 * Flag of a pool: no content of an object is left where it was. An object's slot is overwritten with zeroes when it is
 * freed, alone or in bulk, and when compaction has moved it away; so is the copy of a mapped object of a zs_ops source
 * when it is unmapped, and what zs_destroy_pool() gives back to zs_ops. (Arena memory goes to the system, which clears
 * it.)
 *
 * A free then costs a lock and the overwriting, of up to the object's slot, under it; with ZS_POOL_COMPACTOR too no
 * thread keeps slots for its next objects. What an object holds when it is made stays undefined. Copies that the
 * program made itself, that zs_obj_read_begin() made in local_copy, in registers, in swap and in core dumps are beyond
 * its reach.
 */
#define ZS_POOL_ZERO_ON_FREE 0x4u

/**
 * A pool of objects. Opaque.
 *
 * Handles are checked: a stale or foreign one is told from a good one by a generation of 16 bits on 64-bit systems and
 * 8 bits on 32-bit ones, so it escapes with probability 2^-16 or 2^-8.
 *
 * A pool holds at most 2^27 objects, 2^24 on 32-bit systems; fewer where the address space is limited.
 */
struct zs_pool;

/**
 * How an object is mapped (2013 proposal).
 *
 * An object that lies in one piece is mapped in place, and the three modes make no difference to what the caller
 * sees; with the default page source this is every object. An object that spans pages of a zs_ops source is copied:
 * RO copies in, WO copies out, RW does both. Code that is to work with both must keep to the modes: never write
 * through ZS_MM_RO, and never read what it has not written through ZS_MM_WO.
 */
enum zs_mapmode {
	ZS_MM_RW, /**< read and write */
	ZS_MM_RO, /**< read only; maps of one object in this mode may nest */
	ZS_MM_WO  /**< write only: the content is undefined until written, so the whole object must be */
};

/**
 * Where a pool's pages come from (2013 proposal). Every page is ZS_PAGE_BYTES long and aligned to ZS_PAGE_BYTES.
 * Both functions are called without a lock held, from any thread that calls into the pool, and may call back into
 * it. The pool's own metadata never comes from here.
 */
struct zs_ops {
	/** Returns a page or NULL. flags: those given to zs_malloc(), unchanged but for ZS_NOGROW. */
	void *(*alloc)(void *ctx, unsigned int flags);
	/** Takes back a page that alloc returned. */
	void (*free)(void *ctx, void *page);
	/** Passed to both. */
	void *ctx;
};

/** Options of zs_create_pool_with(). Zero in a member means its default. New members only at the end. */
struct zs_pool_options {
	/** sizeof(struct zs_pool_options), which says which members the caller knows. */
	size_t size;
	/** A name for messages and statistics; copied, cut to 31 bytes. Default: "zsmalloc". */
	const char *name;
	/** The largest object in bytes, at most ZS_MAX_OBJECT_BYTES. Default: 4096. */
	size_t max_object_size;
	/** Bounds what zs_get_total_size_bytes() says, in bytes. Default: no bound. */
	uint64_t limit_bytes;
	/** The page source; copied. Default: the library's own arena, in which every object lies in one piece. */
	const struct zs_ops *ops;
	/** ZS_POOL_COMPACTOR, and ZS_POOL_DENSE with it; ZS_POOL_ZERO_ON_FREE. Default: no thread, no clock. */
	unsigned int flags;
	/**
	 * Called, without a lock held, when a call is handed a bad handle (stale, freed twice, of another pool, random:
	 * err is EINVAL), when an object is freed while it is mapped (EBUSY), when one is unmapped that is not mapped
	 * (EINVAL), or when zs_pool_verify() finds damage (EIO). err is positive; what is a sentence for a log. Nothing
	 * was touched. Default: the message goes to stderr and the process is aborted.
	 */
	void (*on_error)(void *ctx, int err, const char *what);
	/** Passed to on_error. */
	void *ctx;
};

/** Figures of a pool. Each is exact when the pool is at rest and close while other threads work. */
struct zs_pool_stats {
	/** sizeof(struct zs_pool_stats), set by the caller; only members within it are written, none if it is 0. */
	size_t size;
	/** Live objects. */
	uint64_t objects;
	/** Bytes of the slots of the live objects: their sizes rounded up to their size classes. */
	uint64_t slot_bytes;
	/** Pages of 4096 bytes that hold objects or are kept to hold some. */
	uint64_t pages;
	/** Bytes of everything else: handle cells, zspage descriptors, the pool itself. */
	uint64_t metadata_bytes;
	/** Objects moved by compaction since the pool was created. */
	uint64_t objects_moved;
	/** Pages of 4096 bytes given back by compaction since the pool was created. */
	uint64_t pages_compacted;
	/** Allocations that failed with ENOMEM, single or in bulk. */
	uint64_t failed_allocs;
	/** Bad handles seen, counting frees of mapped objects and unmaps of what was not mapped. */
	uint64_t bad_handles;
	/** Bytes copied by compaction since the pool was created: the slots of the objects it has moved. */
	uint64_t bytes_moved;
};

/* ---- the calls of the 2013 proposal ---- */

/**
 * Creates a pool.
 * @flags: as in struct zs_pool_options
 * @ops:   the page source (copied), or NULL for the library's own arena
 * Returns the pool, or NULL with errno EINVAL (unknown flag, a function missing in ops), ENOMEM, or EAGAIN (no thread
 * for ZS_POOL_COMPACTOR).
 */
struct zs_pool *zs_create_pool(unsigned int flags, const struct zs_ops *ops);

/**
 * Destroys a pool with all its objects; pages of zs_ops go back to it. NULL is ignored. No other call on the pool may
 * be under way or follow, and pointers from zs_map_object() become invalid.
 */
void zs_destroy_pool(struct zs_pool *pool);

/**
 * Allocates an object.
 * @size:  1 to the pool's max_object_size bytes
 * @flags: ZS_NOGROW, or bits for the page source, which sees them unchanged
 * Returns a handle, which is never 0, fits 48 bits on 64-bit systems and never looks like an error pointer; or 0 with
 * errno EINVAL (size 0), ENOSPC (size above the maximum) or ENOMEM (source exhausted, limit_bytes reached, ZS_NOGROW
 * and no room). The content is undefined. Objects are aligned to 16 bytes when mapped.
 */
unsigned long zs_malloc(struct zs_pool *pool, size_t size, unsigned int flags);

/**
 * Frees an object. Handle 0 is ignored. A bad handle (errno EINVAL) or a mapped object (EBUSY) is reported by on_error
 * and left alone.
 *
 * The default arena keeps empty pages up to 1/128 of the pool's pages, counted in its size, and gives the rest back at
 * once; zs_compact() returns what it keeps. Pages of zs_ops go back as soon as they are empty.
 */
void zs_free(struct zs_pool *pool, unsigned long handle);

/**
 * Maps an object; it stays where it is until unmapped. Any number of objects may be mapped at once. Maps of one object
 * may nest if all of them are ZS_MM_RO (up to 16,000 deep); any other second map of it is the caller's error.
 * Returns the object's first byte, or NULL with errno EINVAL (bad handle, also reported by on_error), ENOMEM (no
 * buffer for a copy, only with zs_ops) or EBUSY (nested too deep).
 */
void *zs_map_object(struct zs_pool *pool, unsigned long handle, enum zs_mapmode mm);

/** Ends one map of an object. Unmapping what is not mapped is reported by on_error (errno EINVAL). */
void zs_unmap_object(struct zs_pool *pool, unsigned long handle);

/** All memory of the pool in bytes: pages and every kind of metadata. Takes no lock. */
uint64_t zs_get_total_size_bytes(struct zs_pool *pool);

/* ---- what the kernel's version grew since, under its names ---- */

/**
 * Begins reading an object without the need to map it (Linux 6.15).
 * @len:        bytes to read from the object's start, at most its slot's size
 * @local_copy: len bytes that are used if the object does not lie in one piece; may be NULL otherwise
 * Returns where to read: inside the pool, or local_copy. The object stays put until zs_obj_read_end(). NULL with
 * errno EINVAL: bad handle (also reported by on_error), len too large, or local_copy NULL when a copy is needed; EBUSY:
 * nested too deep, as for zs_map_object().
 */
const void *zs_obj_read_begin(struct zs_pool *pool, unsigned long handle, size_t len, void *local_copy);

/** Ends what zs_obj_read_begin() began; len is as given there and mem is what it returned. */
void zs_obj_read_end(struct zs_pool *pool, unsigned long handle, size_t len, const void *mem);

/**
 * Writes the first len bytes of an object (Linux 6.15), piecewise if it spans pages.
 * Returns 0; -EINVAL: bad handle (also reported by on_error), or len above the object's slot; -EBUSY: mapped 16,000
 * deep. errno says the same.
 */
int zs_obj_write(struct zs_pool *pool, unsigned long handle, const void *mem, size_t len);

/**
 * Moves objects together until nothing more is to be gained and returns every empty page the pool holds. It never asks
 * zs_ops for anything and holds a lock only while it moves one object. Mapped objects stay where they are. With
 * zs_ops, objects of more than about one and a half pages gain little or nothing: no room for a whole one is left to
 * move it to, and none is asked for.
 * Returns the number of pages given back.
 */
unsigned long zs_compact(struct zs_pool *pool);

/** Pages of 4096 bytes that hold objects or are kept to hold some. Takes no lock. */
unsigned long zs_get_total_pages(struct zs_pool *pool);

/**
 * The smallest object size in bytes from which an object takes as much as a whole page, so that compressing a page to
 * that size or more gains nothing. The same for every pool, between 1 and ZS_PAGE_BYTES.
 */
size_t zs_huge_class_size(struct zs_pool *pool);

/**
 * The index of the size class that an object of this size belongs to; sizes with the same index take the same room in
 * a grown pool. A size above the maximum gives the index of the largest class, as in the kernel.
 */
unsigned int zs_lookup_class_index(struct zs_pool *pool, size_t size);

/** Writes the pool's figures into stats, as far as stats->size says. */
void zs_pool_stats(struct zs_pool *pool, struct zs_pool_stats *stats);

/* ---- ours ---- */

/**
 * Creates a pool with options; NULL means all defaults.
 * Returns the pool, or NULL with errno EINVAL (options->size unknown, an unknown flag, max_object_size above
 * ZS_MAX_OBJECT_BYTES, a function missing in ops), ENOMEM, or EAGAIN (no thread for ZS_POOL_COMPACTOR).
 */
struct zs_pool *zs_create_pool_with(const struct zs_pool_options *options);

/**
 * Allocates n objects, in order, and stops at the first that fails.
 * Returns how many succeeded: that many handles are valid, the others are set to 0, and errno tells why as for
 * zs_malloc() if there are any.
 */
size_t zs_malloc_bulk(struct zs_pool *pool, const size_t *sizes, unsigned long *handles, size_t n, unsigned int flags);

/** Frees n objects. Handles of 0 are ignored; each bad one is reported by on_error and the others are freed. */
void zs_free_bulk(struct zs_pool *pool, const unsigned long *handles, size_t n);

/**
 * Compacts within bounds, and goes on at the next call where it was. Calls make a round of the pool and are done at
 * its end, so they come to an end however short they are, and beside threads that allocate and free; what these leave
 * behind is for the next round. Where pages come from zs_ops, many short calls gain less than one without bounds.
 * @target_pages: stop after this many pages were given back; 0: no bound
 * @budget_ns:    stop after this many nanoseconds, overrun by at most the work on one object; 0: no bound
 * Returns the pages given back. errno is EAGAIN if a bound ended it and 0 if it, or the round, was done.
 */
unsigned long zs_compact_some(struct zs_pool *pool, unsigned long target_pages, uint64_t budget_ns);

/**
 * Walks every structure of the pool and checks every invariant, class by class under the class's lock; for tests and
 * for services that want to know. Returns 0, or -EIO on damage, which on_error also describes (err EIO).
 */
int zs_pool_verify(struct zs_pool *pool);

/** The version of the library in use, as "0.1.0". */
const char *zs_version(void);

#ifdef __cplusplus
}
#endif

#endif /* ZSMALLOC_H */
