/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What the tests of compressed memory's engine share: a program of some pages with an engine, and perhaps a store.
 */
#ifndef TESTS_ZSWAP_UNIT_H
#define TESTS_ZSWAP_UNIT_H

#include "unit.h"

#include "memory_store.h"
#include "parts.h"
#include "program.h"

#define PAGE PROGRAM_PAGE_BYTES
#define NR_PAGES 4096u
#define LIMIT_PAGES 256u /* the least there may be, as is what stands by */
#define HIGH_PAGES 192u
#define LOW_PAGES 128u
#define STANDBY_PAGES (2 * ZSWAP_BATCH_PAGES)
#define MIB (1u << 20)
#define STORE_BYTES (16 * MIB)

/* Nothing tells here what was written, so all that is resident is old. */
#define THERE (ZSWAP_RESIDENT | ZSWAP_OLD)

struct world {
	struct program program;
	struct memory_store store;
	struct zswap_engine *engine;
	uint32_t first;             /* the number of its first page; tests number pages from there */
	void (*during_write)(void); /* is called once, while something is written to the store */
	unsigned int nr_woken;
	unsigned int nr_told;
	char told[160];
};

static struct world world;

/* ---- making ---- */

static inline void note_error(void *ctx, const char *what)
{
	struct world *w = ctx;

	w->nr_told++;
	snprintf(w->told, sizeof(w->told), "%s", what);
}

static inline void note_wake(void *ctx)
{
	struct world *w = ctx;

	w->nr_woken++;
}

static inline struct zswap_engine_options options_of(const struct zs_store *store, uint64_t pool_limit_bytes)
{
	struct zswap_engine_options options = { .resident_limit_bytes = LIMIT_PAGES * PAGE,
						.pool_limit_bytes = pool_limit_bytes,
						.memory = &world.program.memory,
						.store = store,
						.nr_lanes = 2,
						.on_error = note_error,
						.wake = note_wake,
						.ctx = &world };

	assert_int_equal(zs_comp_parse("lz4", &options.comp), 0);
	return options;
}

static inline int write_beside(void *ctx, const void *buf, size_t len, uint64_t offset)
{
	void (*during_write)(void) = world.during_write;

	world.during_write = NULL;
	if (during_write)
		during_write();
	return memory_store_write(ctx, buf, len, offset);
}

/* 0 bytes: no limit, no store. */
static inline void begin(uint64_t pool_limit_bytes, uint64_t store_bytes)
{
	struct zswap_engine_options options;
	struct zs_store store = { .size_bytes = 0 };

	world = (struct world){ .nr_told = 0 };
	if (store_bytes)
		store = memory_store_create(&world.store, store_bytes);
	store.write = write_beside;
	program_create(&world.program, STANDBY_PAGES);
	options = options_of(store_bytes ? &store : NULL, pool_limit_bytes);
	assert_int_equal(zswap_engine_create(&options, &world.engine), 0);
	world.program.engine = world.engine;
	assert_int_equal(zswap_engine_add(world.engine, NR_PAGES, &world.first), 0);
}

static inline struct zswap_stats figures(void)
{
	struct zswap_stats stats = { .size = sizeof(stats) };

	zswap_engine_stats(world.engine, &stats);
	return stats;
}

static inline void audit(void)
{
	const char *wrong = program_audit(world.engine);

	if (wrong)
		print_error("%s\n", wrong);
	assert_null(wrong);
}

/* Nothing is left when all is dropped. */
static inline void end(void)
{
	struct zswap_stats stats;

	audit();
	program_drop(&world.program, world.first, NR_PAGES, false);
	audit();
	stats = figures();
	assert_int_equal(stats.resident_pages + stats.same_filled_pages + stats.pool_pages + stats.stored_pages, 0);
	assert_int_equal(stats.compressed_bytes + stats.backing_bytes, 0);
	zswap_engine_forget(world.engine, world.first, NR_PAGES);
	assert_int_equal(figures().managed_pages, 0);
	audit();
	zswap_engine_destroy(world.engine);
	program_destroy(&world.program);
	memory_store_destroy(&world.store);
}

/* ---- pages ---- */

/* Seeds for content that: */
#define ZERO 0u              /* is zeroes */
#define WORD(i) ((i)*8 + 9)  /* is one word */
#define NOISE(i) ((i)*8 + 2) /* does not compress */
#define SMALL(i) ((i)*8 + 3) /* compresses to some bytes */
#define HALF(i) ((i)*8 + 6)  /* to half */

static inline void write_page(uint32_t page, uint32_t seed)
{
	unsigned char content[PAGE];

	program_make(content, seed);
	assert_int_equal(program_write(&world.program, world.first + page, content), 0);
}

static inline void assert_page(uint32_t page, uint32_t seed)
{
	unsigned char content[PAGE], got[PAGE];

	program_make(content, seed);
	assert_int_equal(program_read(&world.program, world.first + page, got), 0);
	assert_memory_equal(got, content, PAGE);
}

static inline uint64_t slot_of(uint32_t page)
{
	return zswap_look(zswap_page_of(&world.engine->table, world.first + page));
}

static inline enum zswap_kind kind_of(uint32_t page)
{
	return zswap_slot_kind(slot_of(page));
}

static inline bool is_there(uint32_t page)
{
	return zswap_slot_is_resident(slot_of(page));
}

static inline uint32_t count_kind(enum zswap_kind kind)
{
	uint32_t nr = 0;

	for (uint32_t page = 0; page < NR_PAGES; page++)
		nr += kind_of(page) == kind;
	return nr;
}

/* ---- moving them ---- */

static inline void evict(uint32_t page, uint32_t nr)
{
	zswap_engine_evict(world.engine, world.first + page, nr);
}

/* One batch of those that the program has, if there is one for them. */
static inline void evict_oldest(void)
{
	struct zswap_lane *lane = zswap_lane_get(&world.engine->lanes);

	assert_true(zswap_evict_once(world.engine, lane));
	zswap_lane_put(&world.engine->lanes, lane);
}

/* The last two pages, each of which becomes a batch of its own: so that all that stood by before is packed. */
static inline void ready_fillers(void)
{
	write_page(NR_PAGES - 1, WORD(1));
	write_page(NR_PAGES - 2, WORD(1));
}

static inline void evict_fillers(void)
{
	evict(NR_PAGES - 1, 1);
	evict(NR_PAGES - 2, 1);
}

static inline void pack_all(void)
{
	ready_fillers();
	evict_fillers();
}

static inline void send_away(uint32_t page, uint32_t nr)
{
	evict(page, nr);
	pack_all();
}

/* Without a fault, after which what came next the last time would come. */
static inline void evict_and_pack(uint32_t page)
{
	evict(page, 1);
	zswap_engine_pack(world.engine);
}

static inline void step_all(void)
{
	while (zswap_engine_step(world.engine))
		;
}

/* The next calls that give pages fail. */
static inline void fail_gives(int err, unsigned int nr)
{
	world.program.give_err = err;
	world.program.nr_give_errs = nr;
}

/* ---- filling ---- */

/* The first pages have content. */
static inline void fill_pages(uint32_t nr)
{
	for (uint32_t page = 0; page < nr; page++)
		write_page(page, HALF(page));
}

/* Pages have the content that fill_pages() gave them. */
static inline void assert_filled(uint32_t first, uint32_t end)
{
	for (uint32_t page = first; page < end; page++)
		assert_page(page, HALF(page));
}

/* ... and are packed. */
static inline void put_away(uint32_t nr)
{
	fill_pages(nr);
	send_away(0, nr);
}

/* The first page of the first group, of packed ones from one to another, that comes as guests: others stay. */
static inline uint32_t find_guest(uint32_t first, uint32_t end)
{
	for (uint32_t page = first; page < end; page += ZSWAP_GROUP_PAGES) {
		assert_page(page, HALF(page));
		if (kind_of(page) == ZSWAP_COPIED)
			return page;
	}
	fail_msg("all groups stay");
	return 0;
}

/* So many pages that do not compress, by a number of their content's; they are in the store then. */
static inline void store_noise(uint32_t first, uint32_t nr, uint32_t turn)
{
	for (uint32_t page = first; page < first + nr; page += 64) {
		for (uint32_t i = page; i < page + 64; i++)
			write_page(i, NOISE(i + turn * NR_PAGES));
		send_away(page, 64);
		step_all();
	}
}

#endif
