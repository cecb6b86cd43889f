/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The program and its memory.
 */
#include "program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "random.h"
#include "standby.h"
#include "table.h"

#define PAGE PROGRAM_PAGE_BYTES
#define NR_PAGES (PROGRAM_CHUNKS << ZSWAP_CHUNK_SHIFT)
#define TAKEN 0x5a    /* what a page that is taken leaves behind */
#define RELEASED 0xa5 /* and standby memory that is released */
#define MOVED 0x96    /* or given away */

#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "program: line %d: %s\n", __LINE__, #condition);                               \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

static unsigned char *content_of(struct program *program, uint32_t page)
{
	return program->content + (uint64_t)page * PAGE;
}

static void lock(struct program *program, uint32_t page)
{
	MUST(page < NR_PAGES);
	pthread_mutex_lock(&program->locks[page % PROGRAM_LOCKS]);
}

static void unlock(struct program *program, uint32_t page)
{
	pthread_mutex_unlock(&program->locks[page % PROGRAM_LOCKS]);
}

static bool by_chance(struct program *program, uint64_t one_in)
{
	struct rng rng;

	if (!one_in)
		return false;
	rng.state = __atomic_fetch_add(&program->chance, 0x9e3779b97f4a7c15u, __ATOMIC_RELAXED);
	return rng_next(&rng) % one_in == 0;
}

/* Pages in a row that are given are of one group, whose lock the engine has meanwhile. */
static bool is_row(uint32_t page, unsigned int nr)
{
	return nr && page % ZSWAP_GROUP_PAGES + nr <= ZSWAP_GROUP_PAGES;
}

/* Taken are more at once. */
static bool is_row_of_chunk(uint32_t page, unsigned int nr)
{
	return nr && nr <= ZSWAP_BATCH_PAGES && page >> ZSWAP_CHUNK_SHIFT == (page + nr - 1) >> ZSWAP_CHUNK_SHIFT;
}

/* ---- taking ---- */

/* Result: 0 or why not. context: page locked */
static int take_locked(struct program *program, uint32_t page, unsigned char *to)
{
	if (!program->is_present[page])
		return ENOENT;
	if (program->is_busy[page] || program->is_dropped[page] || by_chance(program, program->busy_one_in))
		return EBUSY;
	memcpy(to, content_of(program, page), PAGE);
	memset(content_of(program, page), TAKEN, PAGE);
	program->is_present[page] = false;
	return 0;
}

static uint64_t standby_number(struct program *program, const unsigned char *at)
{
	uint64_t bytes = (uint64_t)(at - program->memory.standby);

	MUST(at >= program->memory.standby && bytes % PAGE == 0 && bytes / PAGE < program->memory.standby_pages);
	return bytes / PAGE;
}

static int take_one(struct program *program, uint32_t page, unsigned char *to)
{
	uint64_t place = standby_number(program, to);
	int why;

	MUST(!program->is_standby_used[place]);
	lock(program, page);
	why = take_locked(program, page, to);
	unlock(program, page);
	program->is_standby_used[place] = !why;
	return why;
}

static unsigned int take(void *ctx, uint32_t page, unsigned int nr, void *to, int *why)
{
	unsigned char *at = to;

	MUST(is_row_of_chunk(page, nr));
	for (unsigned int i = 0; i < nr; i++) {
		*why = take_one(ctx, page + i, at + (uint64_t)i * PAGE);
		if (*why)
			return i;
	}
	return nr;
}

static void release(void *ctx, void *at, unsigned int nr)
{
	struct program *program = ctx;
	uint64_t place = standby_number(program, at);

	for (unsigned int i = 0; i < nr; i++) {
		MUST(program->is_standby_used[place + i]);
		program->is_standby_used[place + i] = false;
	}
	memset(at, RELEASED, (uint64_t)nr * PAGE);
	__atomic_fetch_add(&program->nr_released, nr, __ATOMIC_RELAXED);
}

/* ---- giving ---- */

/* context: page locked */
static void give_locked(struct program *program, uint32_t page, const unsigned char *from)
{
	if (program->is_present[page])
		return;
	if (from)
		memcpy(content_of(program, page), from, PAGE);
	else
		memset(content_of(program, page), 0, PAGE);
	program->is_present[page] = true;
	__atomic_fetch_add(&program->nr_given, 1, __ATOMIC_RELAXED);
}

static int give_one(struct program *program, uint32_t page, const unsigned char *from)
{
	int err;

	lock(program, page);
	err = program->is_gone[page] ? -ENOENT : 0;
	if (!err)
		give_locked(program, page, from);
	unlock(program, page);
	return err;
}

static int next_error(struct program *program)
{
	if (by_chance(program, program->give_fails_one_in))
		return -EAGAIN;
	if (!program->nr_give_errs)
		return 0;
	program->nr_give_errs--;
	return program->give_err;
}

static int give(void *ctx, uint32_t page, unsigned int nr, const void *content)
{
	struct program *program = ctx;
	const unsigned char *from = content;
	int err = next_error(program), gone = 0;

	MUST(is_row(page, nr));
	__atomic_fetch_add(&program->nr_gives, 1, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < (err ? nr / 2 : nr) && !gone; i++)
		gone = give_one(program, page + i, from ? from + (uint64_t)i * PAGE : NULL);
	if (err)
		__atomic_store_n(&program->has_unknown, true, __ATOMIC_RELAXED);
	return gone ? gone : err;
}

static bool moves(void *ctx)
{
	struct program *program = ctx;

	return by_chance(program, program->moves_one_in);
}

/* As the kernel: not where a page is already. context: page locked */
static bool move_locked(struct program *program, uint32_t page, unsigned char *from)
{
	uint64_t place = standby_number(program, from);

	MUST(program->is_standby_used[place]);
	if (program->is_gone[page] || program->is_present[page] || by_chance(program, program->move_stops_one_in))
		return false;
	give_locked(program, page, from);
	memset(from, MOVED, PAGE);
	program->is_standby_used[place] = false;
	__atomic_fetch_add(&program->nr_moved, 1, __ATOMIC_RELAXED);
	return true;
}

static unsigned int move(void *ctx, uint32_t page, unsigned int nr, void *content)
{
	struct program *program = ctx;
	unsigned char *from = content;
	bool goes_on = true;
	unsigned int i;

	MUST(is_row(page, nr));
	for (i = 0; i < nr && goes_on; i += goes_on) {
		lock(program, page + i);
		goes_on = move_locked(program, page + i, from + (uint64_t)i * PAGE);
		unlock(program, page + i);
	}
	return i;
}

/* ---- looking ---- */

static const void *look(void *ctx, const void *at, unsigned int nr, void *buffer)
{
	struct program *program = ctx;
	uint64_t place = standby_number(program, at);

	for (unsigned int i = 0; i < nr; i++)
		MUST(program->is_standby_used[place + i]);
	if (!by_chance(program, program->looks_one_in))
		return at;
	__atomic_fetch_add(&program->nr_looked, nr, __ATOMIC_RELAXED);
	return memcpy(buffer, at, (size_t)nr * PAGE);
}

static bool takes_with_faults(void *ctx)
{
	struct program *program = ctx;

	return by_chance(program, program->takes_one_in);
}

/* ---- making ---- */

/* Address space whose memory comes when it is touched. */
static void *must_reserve(uint64_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	MUST(at != MAP_FAILED);
	return at;
}

void program_create(struct program *program, uint32_t standby_pages)
{
	*program = (struct program){
		.content = must_reserve((uint64_t)NR_PAGES * PAGE),
		.is_present = must_reserve(NR_PAGES),
		.is_busy = must_reserve(NR_PAGES),
		.is_dropped = must_reserve(NR_PAGES),
		.is_gone = must_reserve(NR_PAGES),
		.is_standby_used = must_reserve(standby_pages),
	};
	program->memory = (struct zswap_memory){ .take = take,
						 .give = give,
						 .move = move,
						 .moves = moves,
						 .release = release,
						 .look = look,
						 .takes_with_faults = takes_with_faults,
						 .ctx = program,
						 .standby = must_reserve((uint64_t)standby_pages * PAGE),
						 .standby_pages = standby_pages };
	for (unsigned int i = 0; i < PROGRAM_LOCKS; i++)
		pthread_mutex_init(&program->locks[i], NULL);
}

void program_destroy(struct program *program)
{
	for (unsigned int i = 0; i < PROGRAM_LOCKS; i++)
		pthread_mutex_destroy(&program->locks[i]);
	munmap(program->content, (uint64_t)NR_PAGES * PAGE);
	munmap(program->is_present, NR_PAGES);
	munmap(program->is_busy, NR_PAGES);
	munmap(program->is_dropped, NR_PAGES);
	munmap(program->is_gone, NR_PAGES);
	munmap(program->is_standby_used, program->memory.standby_pages);
	munmap(program->memory.standby, (uint64_t)program->memory.standby_pages * PAGE);
}

/* ---- what it does ---- */

void program_make(unsigned char *content, uint32_t seed)
{
	static const uint32_t noise_bytes[] = { 0, 0, PAGE, 8, 300, PAGE / 4, PAGE / 2, 3 * PAGE / 4 };
	uint32_t kind = seed % 8;
	struct rng rng = { .state = seed };

	memset(content, kind ? (int)(seed / 8) : 0, PAGE);
	rng_fill(&rng, content, noise_bytes[kind]);
}

/* Locks a page that is there. Result: 0 or what its fault said. */
static int lock_present(struct program *program, uint32_t page, bool is_write)
{
	int err = 0;

	lock(program, page);
	while (!program->is_present[page]) {
		unlock(program, page);
		err = zswap_engine_fault(program->engine, page, is_write);
		if (err && err != -EAGAIN)
			return err;
		lock(program, page);
	}
	return 0;
}

int program_read(struct program *program, uint32_t page, unsigned char *content)
{
	int err = lock_present(program, page, false);

	if (err)
		return err;
	memcpy(content, content_of(program, page), PAGE);
	unlock(program, page);
	return 0;
}

int program_poke(struct program *program, uint32_t page, uint32_t at, const void *bytes, uint32_t nr)
{
	int err = lock_present(program, page, true);

	if (err)
		return err;
	memcpy(content_of(program, page) + at, bytes, nr);
	unlock(program, page);
	return 0;
}

int program_write(struct program *program, uint32_t page, const unsigned char *content)
{
	return program_poke(program, page, 0, content, PAGE);
}

bool program_has(struct program *program, uint32_t page)
{
	bool has;

	lock(program, page);
	has = program->is_present[page];
	unlock(program, page);
	return has;
}

void program_set_busy(struct program *program, uint32_t page, bool is_busy)
{
	lock(program, page);
	program->is_busy[page] = is_busy;
	unlock(program, page);
}

void program_set_gone(struct program *program, uint32_t page)
{
	program_lose(program, page);
	lock(program, page);
	program->is_gone[page] = true;
	unlock(program, page);
}

bool program_lose(struct program *program, uint32_t page)
{
	bool was_present;

	lock(program, page);
	was_present = program->is_present[page];
	memset(content_of(program, page), TAKEN, PAGE);
	program->is_present[page] = false;
	unlock(program, page);
	return was_present;
}

static void lose_all(struct program *program, uint32_t first, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		program_lose(program, first + i);
}

static void set_dropped(struct program *program, uint32_t first, uint32_t nr, bool is_dropped)
{
	for (uint32_t i = 0; i < nr; i++) {
		lock(program, first + i);
		program->is_dropped[first + i] = is_dropped;
		unlock(program, first + i);
	}
}

void program_drop(struct program *program, uint32_t first, uint32_t nr, bool is_known_first)
{
	zswap_engine_listen(program->engine);
	if (is_known_first)
		set_dropped(program, first, nr, true);
	else
		lose_all(program, first, nr);
	zswap_engine_drop(program->engine, first, nr);
	zswap_engine_listened(program->engine);
	if (!is_known_first)
		return;
	lose_all(program, first, nr);
	set_dropped(program, first, nr, false);
}
