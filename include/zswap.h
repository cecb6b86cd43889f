/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/**
 * zswap - more memory than may be resident, inside one process.
 *
 * Gives memory of any size of which only so much stays resident: pages that were not used for long are compressed into
 * a pool, and when the pool is full its oldest go to a file. A page that is touched comes back. It needs neither root
 * nor swap, but userfaultfd.
 *
 * The idea is that of the proposal of 2013 (Seth Jennings: "zswap: compressed swap caching"), one level further up.
 *
 * Threads: every call may be made from any thread at any time, but zswap_destroy(). No call may be made from a signal
 * handler. None is a cancellation point, nor is touching the memory. Errors: calls return NULL or a negative errno,
 * with errno set.
 *
 * Fork: a child has all its managed memory with all content, and goes on to use it, as its parent does; each manages
 * its own, with the same limits, and with descriptors and threads of its own. fork() waits for calls that other threads
 * are in, and for their faults. Handlers of pthread_atfork() may touch managed memory, but those of the child only if
 * they were registered after this library was loaded; before that the memory is not whole yet. They make no calls. A
 * child that is not allowed userfaultfd any more has all pages back as plain memory before fork() returns there,
 * whatever the limit is; then zswap_mmap() fails, and of the advice only ZSWAP_DONTNEED does anything.
 * What is in a backing file stays there while a child may read it: until all children and their children have ended,
 * have become other programs, or have called zswap_destroy(). Meanwhile the file grows by what the parent writes, up to
 * its limit; beyond 256 children at once it stays so for ever. The child writes to a file of its own in the same folder
 * if backing_path is a folder, up to the eighth generation that writes. Otherwise nothing more of the child's goes to a
 * file: its pages stay in the pool and, beyond that, in memory, and on_event is told. A file with a name that a child
 * may still read is not emptied when the parent ends its memory. vfork(), posix_spawn() and clone() have no part in
 * this: who is made by them must not touch managed memory.
 */
#ifndef ZSWAP_H
#define ZSWAP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Bytes of a page; addresses and lengths are rounded to these. */
#define ZSWAP_PAGE_SIZE 4096u

/** Takes faults in the thread that has them, by a handler of SIGBUS; see zswap_create(). */
#define ZSWAP_SIGBUS 0x1u
/** Takes faults in a thread of its own, the pager. */
#define ZSWAP_PAGER 0x2u

/** Memory that is managed together. Opaque. */
struct zswap;

/** Options of zswap_create(). Zero in a member means its default. New members only at the end. */
struct zswap_options {
	/** sizeof(struct zswap_options), which says which members the caller knows. */
	size_t size;
	/** Most bytes of managed memory that stay resident; at least 1 MiB. No default. */
	uint64_t resident_limit_bytes;
	/** Most bytes of the pool of compressed pages, with all tables and buffers. Default: no limit. */
	uint64_t pool_limit_bytes;
	/**
	 * Where the pool's oldest go when it is full: a folder, in which a file without a name is made (mode 0600); or
	 * an empty file of this user's, which is closed to others (mode 0600), or a block device, which is used by this
	 * process alone. Default: none; then pages stay resident beyond the limit while the pool is full, which is
	 * counted and told. Nothing there is encrypted.
	 */
	const char *backing_path;
	/** Most bytes of that file. Default: what its file system has free now. */
	uint64_t backing_limit_bytes;
	/** "lz4", "zstd" or "zstd:LEVEL". Default: "lz4". */
	const char *compressor;
	/** ZSWAP_SIGBUS or ZSWAP_PAGER. Default: see zswap_create(). */
	unsigned int flags;
	/**
	 * Called when something needs attention: the pool is full, the backing file fails, a page cannot be read back.
	 * It is called from any thread, also while that takes a fault: so it must not touch managed memory, and do no
	 * more than a signal handler may. what is a sentence for a log. Default: it goes to stderr.
	 */
	void (*on_event)(void *ctx, const char *what);
	/** Passed to it. */
	void *ctx;
};

/**
 * Begins to manage memory.
 *
 * How faults are taken depends on what the system allows. With a descriptor for faults of all kinds (root,
 * CAP_SYS_PTRACE, vm.unprivileged_userfaultfd=1, or a readable /dev/userfaultfd) a pager thread takes them: then system
 * calls work on memory that is not resident. Otherwise only faults of the program's own instructions can be taken: then
 * a handler of SIGBUS does, in the thread that has the fault, which takes less time; but a system call on memory that
 * is not resident fails with EFAULT (zswap_advise() with ZSWAP_WILLNEED beforehand, or touching it, helps), and the
 * stack of a thread that touches the memory must not be in it. flags choose one or the other; zswap_stats() says what
 * is in use.
 *
 * The variable ZSWAP_DISABLE in the environment does without what it names, in a list with commas: "move", "scan",
 * "sigbus", "full" (faults of system calls), "uffd" (nothing is left then). Setuid programs do not ask for it.
 *
 * Returns NULL with errno EINVAL (an option), ENOMEM, EAGAIN (no thread), EMFILE or ENFILE (no descriptor), ENOSYS (the
 * kernel lacks userfaultfd, or a part that is needed), EPERM (it is not allowed: Docker's default seccomp profile
 * denies it; or the backing file is another user's), or what opening that file said; on_event has then been told which
 * it is and what helps.
 */
struct zswap *zswap_create(const struct zswap_options *options);

/**
 * Ends it: all memory of zswap_mmap() is unmapped. NULL is ignored. Nobody may use the memory any more, nor make calls.
 */
void zswap_destroy(struct zswap *zswap);

/**
 * Maps len bytes (rounded up to pages) of private memory, which reads as zeroes.
 * Returns the address, or NULL with errno EINVAL (len 0) or ENOMEM.
 */
void *zswap_mmap(struct zswap *zswap, size_t len);

/**
 * Unmaps pages, all of a mapping or a part of it. addr and len are multiples of pages.
 * Returns 0; -EINVAL: not pages of zswap_mmap(), or unmapped already; -ENOMEM: the kernel has no memory to cut the
 * mapping, or it has as many as it may, and nothing was unmapped.
 */
int zswap_munmap(struct zswap *zswap, void *addr, size_t len);

/** What zswap_advise() may say. */
enum zswap_advice {
	ZSWAP_COLD,     /**< they will not be used soon: the first to be evicted */
	ZSWAP_WILLNEED, /**< they will: they are brought back now, up to half of the limit */
	ZSWAP_PAGEOUT,  /**< they are evicted now */
	ZSWAP_DONTNEED  /**< their content is dropped: they read as zeroes */
};

/**
 * Tells what will become of pages. Those that are not managed are passed over.
 * Returns 0; -EINVAL: addr is not that of a page, len is more than there can be, the advice is unknown, or pages that
 * are locked were to be dropped; -EIO: a page could not be brought back.
 */
int zswap_advise(struct zswap *zswap, void *addr, size_t len, enum zswap_advice advice);

/** What is in use of what the kernel has, in zswap_stats.mode. */
#define ZSWAP_MODE_SIGBUS 0x1u /**< faults are taken in the thread that has them, else by the pager */
#define ZSWAP_MODE_FULL 0x2u   /**< system calls work on memory that is not resident */
#define ZSWAP_MODE_MOVE 0x4u   /**< pages are taken by UFFDIO_MOVE, else by mremap() */
#define ZSWAP_MODE_SCAN 0x8u   /**< pages written lately are found by PAGEMAP_SCAN, which is used without MOVE only */

/** Figures; counters run since zswap_create(). Each is read on its own. */
struct zswap_stats {
	/** sizeof(struct zswap_stats), set by the caller; 0: nothing is written. */
	size_t size;
	/** ZSWAP_MODE_… */
	uint64_t mode;
	/** Pages that zswap_mmap() gave. */
	uint64_t managed_pages;
	/** Pages that the program has in memory. */
	uint64_t resident_pages;
	/** Pages taken from it that are not packed yet, and memory kept for those that come; both is in memory too. */
	uint64_t standby_pages;
	/** Most that both may be together. */
	uint64_t resident_limit_pages;
	/** Pages of one repeated word, which take no memory. */
	uint64_t same_filled_pages;
	/** Pages in the pool. */
	uint64_t pool_pages;
	/** Of those, pages that do not compress, on their way to the file. */
	uint64_t raw_pages;
	/** Pages in the backing file. */
	uint64_t stored_pages;
	/** Bytes that the pool's pages are compressed to. */
	uint64_t compressed_bytes;
	/** All memory of the pool. */
	uint64_t pool_total_bytes;
	/** Memory of the table of pages, and of writing back. */
	uint64_t table_bytes;
	/** Most that both may take; 0: no limit. */
	uint64_t pool_limit_bytes;
	/** Bytes in the backing file that are of use. */
	uint64_t backing_bytes;
	/**
	 * Faults; and those of pages never touched before, of pages that stood by, that were in the pool, in the file.
	 */
	uint64_t faults;
	uint64_t zero_faults;
	uint64_t standby_faults;
	uint64_t pool_faults;
	uint64_t stored_faults;
	/** Pages that came with others' faults. */
	uint64_t read_ahead;
	/** Pages taken from the program, and pages packed; not those that still had, unchanged, what they came from. */
	uint64_t evicted;
	uint64_t packed;
	/** Pages that were to be taken, but had been written lately. */
	uint64_t spared;
	/** Pages that could not be taken: pinned, locked, or protected. */
	uint64_t busy_pages;
	/** Pages that did not compress. */
	uint64_t incompressible;
	/** Batches of pages that faults had to wait for. */
	uint64_t direct_evictions;
	/** Pages written to the file. */
	uint64_t written_back_pages;
	/** Pages that the pool had no room for. */
	uint64_t pool_limit_hit;
	/** Writes to the file that failed. */
	uint64_t failed_writes;
	/** Pages whose content could not be had again. */
	uint64_t lost_pages;
};

/** Tells the figures. NULL, or stats with size 0: nothing. */
void zswap_stats(struct zswap *zswap, struct zswap_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
