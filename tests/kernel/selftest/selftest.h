/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What the files of the self-test share: the test that runs, its pools, and tables of objects whose content is known.
 *
 * A failure is reported by st_fail() and the test goes on, so that it always comes to giving everything back; loops
 * end early when st_goes_on() says so.
 */
#ifndef ZSMALLOC_SELFTEST_H
#define ZSMALLOC_SELFTEST_H

#undef pr_fmt
#define pr_fmt(fmt) "zsmalloc-selftest: " fmt

#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/printk.h>
#include <linux/types.h>
#include <linux/zsmalloc.h>

/* What zram asks with: first without waiting, and if that fails once more, waiting but without I/O. */
#define ST_GFP_QUICK (__GFP_KSWAPD_RECLAIM | __GFP_NOWARN | __GFP_HIGHMEM | __GFP_MOVABLE)
#define ST_GFP_PATIENT (GFP_NOIO | __GFP_HIGHMEM | __GFP_MOVABLE)

/* ---- parameters (main.c) ---- */

struct st_parameters {
	unsigned long long seed;
	unsigned int operations; /* of each test that goes by operations */
	unsigned int nr_objects; /* of each test, at most */
	unsigned int threads;
	unsigned int seconds; /* after which a test's loops end early */
};

extern struct st_parameters st_parameters;

/* ---- a test (main.c) ---- */

struct selftest {
	const char *name;
	void (*run)(struct selftest *st);
	u64 seed;
	u64 step;          /* what the test is at, for its messages: an operation, a size, a call */
	unsigned long end; /* in jiffies */
	atomic_t nr_failures;
	const char *skipped; /* why it was, or NULL */
};

/* Says what is wrong, with the value that is; the test's name, its step and the seed are added. context: any. */
__printf(2, 3) void st_fail(struct selftest *st, const char *fmt, ...);

/* Whether a loop shall go on: the time is not up, and there is not a screenful of failures. Lets others run. */
bool st_goes_on(struct selftest *st);

void st_limits_run(struct selftest *st);
void st_model_run(struct selftest *st);
void st_atomic_run(struct selftest *st);
void st_concurrent_run(struct selftest *st);
void st_starved_run(struct selftest *st);
void st_faults_run(struct selftest *st);
void st_pressure_run(struct selftest *st);

/* ---- chance and content (pattern.c) ---- */

struct st_rng {
	u64 state;
};

u64 st_random(struct st_rng *rng);
/* 0 to bound - 1. pre: bound > 0. */
u32 st_below(struct st_rng *rng, u32 bound);
/* One key for two values. */
u64 st_key(u64 seed, u64 value);

/* The bytes from..to - 1 of the content that the key stands for. */
void st_pattern_fill(void *memory, u32 from, u32 to, u64 key);
/* The first of these bytes that differs, or to. */
u32 st_pattern_differs(const void *memory, u32 from, u32 to, u64 key);
u8 st_pattern_byte(u32 at, u64 key);

/* ---- pools (pool.c) ---- */

struct zs_pool *st_pool_create(struct selftest *st);
/* Whether the pool comes down to no pages; pages that somebody holds for a moment are waited for. */
bool st_pool_drains(struct zs_pool *pool);
/* Destroys a pool whose objects were all freed, after having seen that it holds no page. */
void st_pool_destroy(struct selftest *st, struct zs_pool *pool);
unsigned long st_pool_compacted(struct zs_pool *pool);
/* Compacts, and looks at what is said of it. Result: what zs_compact() returned. */
unsigned long st_pool_compact(struct selftest *st, struct zs_pool *pool);
/* Pages of all pools of the system; and whether they come down to none. */
unsigned long st_nr_zspages(void);
bool st_zspages_are_gone(void);

/* ---- objects (object.c) ---- */

struct st_object {
	unsigned long handle; /* 0: none */
	u32 size;
	u32 generation;
	u32 head; /* so many bytes are of this generation, those behind them of the one before */
};

struct st_table {
	struct selftest *st;
	struct zs_pool *pool;
	struct st_rng rng;
	u64 key; /* of the contents: the seed and the table */
	u32 nr;
	u32 nr_live;
	u64 nr_bytes;
	bool lingers; /* now and then holds a map for a while, for others to interfere */
	/* The mix of st_table_step(). */
	u32 target; /* the live count that it tends to */
	u32 smallest, largest;
	struct st_object *objects;
};

/* An empty table. id tells the tables of one test apart. Result: 0 or -ENOMEM, reported. */
int st_table_create(struct st_table *t, struct selftest *st, struct zs_pool *pool, u32 nr, u32 id);
/* Frees the objects and the table. */
void st_table_destroy(struct st_table *t);
void st_table_verify(struct st_table *t);
void st_table_free_all(struct st_table *t);
/* Frees each object with probability 1/2. */
void st_table_free_half(struct st_table *t);
/* Another mix. */
void st_table_phase(struct st_table *t);
/* One random operation on a random object. Allocates quickly or patiently; both failing is an error. */
void st_table_step(struct st_table *t);

/* Allocates and writes an absent object. Result: 0, or zs_malloc()'s error; any but -ENOMEM is reported. */
int st_object_alloc(struct st_table *t, struct st_object *o, u32 size, gfp_t gfp);
/* The same, where it must not fail. */
void st_object_must_alloc(struct st_table *t, struct st_object *o, u32 size, gfp_t gfp);
void st_object_free(struct st_table *t, struct st_object *o);
/* ZS_MM_WO: the whole object anew. */
void st_object_write(struct st_table *t, struct st_object *o);
/* ZS_MM_RW: verifies all and writes a part. */
void st_object_rewrite(struct st_table *t, struct st_object *o);
/* ZS_MM_RO: verifies. */
void st_object_read(struct st_table *t, struct st_object *o);

/* ---- atomic context (atomic.c) ---- */

/* st_object_alloc() with preemption off. gfp may not wait. */
int st_atomic_alloc(struct st_table *t, struct st_object *o, u32 size, gfp_t gfp);
/* Reads, rewrites and frees the object under a spinlock. */
void st_atomic_free(struct st_table *t, struct st_object *o);

#endif
