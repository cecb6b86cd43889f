/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The pool: its memory, its handle table, and its size classes, each made when it is first used.
 *
 * Locks: none of its own. Classes are published once and stay until the end.
 */
#ifndef ZS_CORE_POOL_H
#define ZS_CORE_POOL_H

#include "class.h"
#include "stash.h"

#define ZS_POOL_NAME_BYTES 32
#define ZS_SERVING_MAX 4096u
#define ZS_SHARING_MAX 3u /* log2 of the most classes that share one */

struct zs_pool_config {
	struct zs_source *source; /* taken over */
	const char *name;         /* copied */
	uint32_t max_object_size; /* 1 to ZS_MAX_SLOT */
	uint64_t limit_bytes;     /* 0: none */
	unsigned int flags;       /* for the allocation of the pool itself */
	bool is_tended;           /* zs_pool_tend() will be called; see tend.h */
	uint64_t stash_bytes;     /* for each so many of its bytes a stash, see stash.h; 0: none. pre: is_tended */
	bool clears;              /* an object is overwritten with zeroes as it is freed; then there are no stashes */
	/* Told of bad handles and damage, without a lock held; err is positive. */
	void (*on_error)(void *ctx, int err, const char *what);
	void *ctx;
};

struct zs_pool {
	struct zs_memory memory;
	struct zs_handle_table handles;
	struct zs_class **classes; /* by size class index; NULL: not used yet */
	unsigned int nr_classes;
	unsigned int last_shared; /* the highest class that shares a group while the pool is small */
	/* A bit for each group of 2, 4 and 8 classes: it was halved, see pool.c. */
	zs_atomic32 halved[ZS_SHARING_MAX][(ZS_MAX_CLASSES + 63) / 64];
	/* By size in slot steps, up to ZS_SERVING_MAX: the class that serves new objects of it now. */
	uint16_t serving[ZS_SERVING_MAX / ZS_SLOT_STEP + 1];
	zs_atomic32 fit_share;     /* see fit.h */
	zs_atomic32 fit_countdown; /* growths until it is looked at again */
	zs_atomic32 compact_next;  /* the class where a bounded compaction goes on */
	zs_atomic32 compact_left;  /* classes that its round has left; 0: none has begun */
	uint32_t tend_next;        /* the same for who tends the pool, who alone touches this and the next */
	uint32_t tend_vain_calls;  /* how many to let pass before it compacts again */
	zs_atomic_long pages_compacted;
	zs_atomic_long failed_allocs;
	zs_atomic_long bad_handles;
	uint32_t max_object_size;
	uint32_t direct_max_size;  /* the largest that the table knows; 0: the pool has stashes */
	uint32_t stash_max_size;   /* the same in a pool that has stashes; else 0 */
	unsigned long stash_pages; /* for each so many pages a stash */
	struct zs_stash **stashes; /* by thread; of 0, who has no number, NULL. At first zs_no_stashes */
	void (*on_error)(void *ctx, int err, const char *what);
	void *ctx;
	void *tender; /* of the layer above: who tends the pool, or NULL */
	char name[ZS_POOL_NAME_BYTES];
};

/* The stash of a thread's number, or NULL. context: any. */
static inline struct zs_stash *zs_pool_stash(const struct zs_pool *pool, unsigned int thread)
{
	return zs_host_load_pointer(zs_host_load_pointer(pool->stashes)[thread]);
}

/* The same, found without the table. */
unsigned int zs_pool_find_serving(const struct zs_pool *pool, size_t size);

/* Result: 0 or -ENOMEM, and then the source is still the caller's. context: no lock. */
int zs_pool_create(const struct zs_pool_config *config, struct zs_pool **pool);

/* Frees the pool and all objects; the source is the caller's again. context: no lock, nobody uses the pool any more. */
struct zs_source *zs_pool_destroy(struct zs_pool *pool);

/* The class that serves new objects of a size now. pre: 1 <= size <= max_object_size. */
static inline unsigned int zs_pool_serving_class(const struct zs_pool *pool, size_t size)
{
	if (size <= ZS_SERVING_MAX)
		return zs_host_load16(&pool->serving[(size + ZS_SLOT_STEP - 1) / ZS_SLOT_STEP]);
	return zs_pool_find_serving(pool, size);
}

/* The class that serves new objects of a size, or did while the pool was small. pre: as above. */
unsigned int zs_pool_group_class(const struct zs_pool *pool, size_t size);

/* Whether a class serves its whole group now. */
bool zs_pool_serves_group(const struct zs_pool *pool, const struct zs_class *class);

/* Looks whether a class has grown enough to leave the smaller sizes to their own classes. pre: it serves its group. */
void zs_pool_consider_split(struct zs_pool *pool, struct zs_class *class);

/* The class of that index, made if need be; NULL: no memory. context: no lock. */
struct zs_class *zs_pool_ensure_class(struct zs_pool *pool, unsigned int id, unsigned int flags);

/* The class of that index, or NULL. context: any. */
static inline struct zs_class *zs_pool_class(const struct zs_pool *pool, unsigned int id)
{
	return zs_host_load_pointer(pool->classes[id]);
}

/*
 * Gives back up to max_pages empty pages that classes keep, from a first class on, in one call to the host. Returns how
 * many: 0 if there are none. context: no lock.
 */
unsigned int zs_pool_release_some(struct zs_pool *pool, unsigned int first, unsigned int max_pages);

/* Gives back empty pages until no more than allowance are kept. Returns how many it gave. context: no lock. */
unsigned long zs_pool_trim(struct zs_pool *pool, unsigned long allowance);

/* Gives back all that is kept for later: empty pages and buffers. Result: whether there was any. context: no lock. */
bool zs_pool_reclaim(struct zs_pool *pool);

/* Counts a bad handle and tells on_error. Returns -err. context: no lock. */
int zs_pool_report(struct zs_pool *pool, int err, const char *what);

/* Bytes of everything, pages included. context: any. */
uint64_t zs_pool_total_bytes(const struct zs_pool *pool);

/* Host pages held. context: any. */
unsigned long zs_pool_total_pages(const struct zs_pool *pool);

#endif
