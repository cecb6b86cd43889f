/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A compressed RAM disk: the engine. It is passive: no thread, no clock, no file, no transport. Whoever hosts it (an
 * NBD server's plugin, a test) calls it from as many threads as it likes and gives it time for the background work.
 *
 * The disk is pages of 4096 bytes, each compressed alone and stored in a pool of the allocator; a page of one repeated
 * word takes no object, one that hardly shrinks is stored as it is. Nothing is written in place: a new object takes the
 * page's slot and the old one goes, so a page has its old content or its new one, whatever fails.
 *
 * Threads: every call from any thread at any time but zram_destroy(). Writes of one page are ordered by its group's
 * lock; a read sees each page as it was before or after a write. A request over several pages is no single step.
 *
 * The idea is that of Linux's zram (Nitin Gupta), as are the names of the figures.
 */
#ifndef ZRAM_H
#define ZRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "comp.h"
#include "store.h"

#define ZRAM_PAGE_BYTES 4096u

struct zram;

/* What is neither read nor written for a while is packed again, denser. */
struct zram_recompress {
	uint64_t idle_ns;         /* for so long at least, and half as long again at most; 0: nothing is */
	struct zs_comp_spec comp; /* by this codec; none: nothing is, also if it is asked for */
	uint32_t unit_bytes;      /* up to so many bytes of neighbours together: 4096 (each page alone) to 65536 */
};

/* What is not touched for longer, or hardly compresses, goes to a store as it is, and is read from there. */
struct zram_writeback_options {
	uint64_t idle_ns;             /* for so long at least, group by group of 16 pages; 0: not for that */
	bool incompressible;          /* also pages that are stored as they are, once they are idle for recompression */
	const struct zs_store *store; /* NULL: nothing is; is copied */
	void (*on_error)(void *ctx, const char *what); /* a message about the store, from any thread; may be NULL */
	void *ctx;
};

struct zram_options {
	uint64_t size_bytes;      /* a multiple of 4096, above 0 */
	struct zs_comp_spec comp; /* the compressor and its level */
	uint64_t limit_bytes;     /* of all memory that zram_stats tells, to a few pages a thread; 0: none */
	/* Of zs_pool_options: ZS_POOL_COMPACTOR has a thread of the allocator's tend the pool. */
	unsigned int pool_flags;
	struct zram_recompress recompress;
	struct zram_writeback_options writeback;
	bool dedup; /* pages of the same content share an object, as far as it is noticed */
};

/* Result: 0; -EINVAL: the size is 0, too large or no multiple of 4096, or a unit's is; -ENOMEM; -EAGAIN: no thread. */
int zram_create(const struct zram_options *options, struct zram **zram);
/* NULL is fine. pre: nobody uses the disk any more. */
void zram_destroy(struct zram *zram);

uint64_t zram_size_bytes(const struct zram *zram);

/*
 * Reads, or writes, len bytes at an offset. Result: 0; -EINVAL: beyond the disk's end; -ENOMEM: for the codec's own
 * memory; -ENOSPC: a write finds the limit reached, or no memory; -EIO: a page's content is damaged. Of a write that
 * fails each page has its old or its new content. pre: the buffer is no memory that is paged to this disk.
 */
int zram_read(struct zram *zram, void *buf, size_t len, uint64_t offset);
int zram_write(struct zram *zram, const void *buf, size_t len, uint64_t offset);

/* Drops the content of the pages that lie wholly in a range: they read as zeroes. Result: 0 or -EINVAL. */
int zram_discard(struct zram *zram, uint64_t len, uint64_t offset);

/* Makes a range read as zeroes. may_trim: whole pages become as if discarded. Result: as for a write. */
int zram_zero(struct zram *zram, uint64_t len, uint64_t offset, bool may_trim);

/*
 * Calls back for each run of pages of one kind in a range, in order, until the callback returns something else than 0,
 * which is then the result. Other threads may change the kinds meanwhile.
 */
enum zram_extent { ZRAM_EXTENT_DATA, ZRAM_EXTENT_ZERO, ZRAM_EXTENT_HOLE };
int zram_extents(struct zram *zram, uint64_t len, uint64_t offset,
		 int (*each)(void *ctx, uint64_t offset, uint64_t len, enum zram_extent kind), void *ctx);

/* Compacts the pool for so long (0: until all is gained). Returns the bytes given back. */
uint64_t zram_compact(struct zram *zram, uint64_t budget_ns);

/*
 * The background work that is due at this time of some steady clock, until about so many pages were packed again.
 * Result: in how many nanoseconds there will be more, as far as is known now; 0: at once; ZRAM_NEVER. context: one
 * thread at a time; others wait.
 */
#define ZRAM_NEVER UINT64_MAX
uint64_t zram_step(struct zram *zram, uint64_t now_ns, uint64_t budget_pages);

/* Whether there ever will be such work. */
bool zram_has_background(const struct zram *zram);

/* Whoever calls zram_step() says so how much processor time that took, for the figures. */
void zram_note_background(struct zram *zram, uint64_t ns);

/* Orders (all below, and zram_compact()) that are under way end early, and later ones at once: the disk is to end. */
void zram_cancel(struct zram *zram);

/* Counts all content as idle, as the kernel's "idle" does. */
void zram_mark_idle(struct zram *zram);

/* Packs again what is idle now. Result: 0; -EINVAL: no codec for that was named; -ENOMEM; -ECANCELED. */
int zram_recompress_idle(struct zram *zram);

/* Writes what is idle now to the store. Result: 0; -EINVAL: there is none; -ENOSPC: not all; -ENOMEM; -ECANCELED. */
int zram_writeback_idle(struct zram *zram);

/*
 * Calls back for each run of pages in the same state, of nr from first on, until the callback returns something else
 * than 0, which is then the result; -EINVAL: first is beyond the end. The states: "hole", "fill" (one word over and
 * over), "compressed", "raw", "strong" (alone by the stronger codec), "unit" (together with neighbours), "shared" (with
 * pages of the same content), "stored" (in the store).
 */
struct zram_blocks {
	uint64_t first;
	uint64_t nr;
	const char *state;
	unsigned int age; /* 0: young, to 3: idle */
};
int zram_blocks(struct zram *zram, uint64_t first, uint64_t nr,
		int (*each)(void *ctx, const struct zram_blocks *blocks), void *ctx);

/*
 * Figures, by the names of the kernel's mm_stat and io_stat where they have one. What each is, and its unit, stands in
 * the table that all ways of showing them are made from (metrics.c).
 */
struct zram_stats {
	uint64_t disk_size;
	uint64_t orig_data_size;
	uint64_t compr_data_size;
	uint64_t mem_used_total;
	uint64_t mem_limit;
	uint64_t mem_used_max;
	uint64_t same_pages;
	uint64_t pages_compacted;
	uint64_t huge_pages;
	uint64_t huge_pages_since;
	uint64_t reads;
	uint64_t writes;
	uint64_t bytes_read;
	uint64_t bytes_written;
	uint64_t failed_reads;
	uint64_t failed_writes;
	uint64_t invalid_io;
	uint64_t notify_free;
	uint64_t units;
	uint64_t unit_pages;
	uint64_t unit_dead_bytes;
	uint64_t strong_pages;
	uint64_t recompressed;
	uint64_t recompress_saved_bytes;
	uint64_t unpacked;
	uint64_t background_ns;
	uint64_t bd_count;
	uint64_t bd_reads;
	uint64_t bd_writes;
	uint64_t bd_bytes;
	uint64_t bd_failures;
	uint64_t shared_pages;
	uint64_t dedup_saved_bytes;
	uint64_t objects;
	uint64_t objects_moved;
	uint64_t pool_pages;
	uint64_t pool_metadata;
};
void zram_stats(struct zram *zram, struct zram_stats *stats);

/* mem_used_max begins anew. */
void zram_reset_peak(struct zram *zram);

#endif
