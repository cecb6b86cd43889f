/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Model-based random test: every public call in random order, against a model that keeps each object's bytes.
 *
 *   model [-s arena|ops|scattered|high] [-n OPERATIONS] [-r SEED] [-m MAX_OBJECT] [-p PAGE_SHIFT] [-t SECONDS]
 *         [-c] [-z]
 *
 * The seed is printed and replays the run. "scattered", "high" (scattered pages without addresses of their own), -p and
 * -c (the pool is tended, and threads have stashes) need the simulated host. With -t it goes on with fresh seeds until
 * the time is up. With -z the pool clears, and on the simulated host nothing may be left where no object is. A
 * difference ends it with exit status 1.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "options.h"
#include "pages.h"
#include "random.h"
#include "zsmalloc.h"
#ifdef MODEL_SIM
#include "leftovers.h"
#include "object.h"
#include "sim.h"
#include "tend.h"
#endif

#define MAX_LIVE 4096u
#define MAX_STALE 256u
#define BULK 48u

enum map_state { UNMAPPED, MAPPED_RW, MAPPED_RO, MAPPED_WO };

struct object {
	unsigned long handle;
	uint32_t size;
	unsigned char *bytes; /* what the object must hold */
	enum map_state map;
	unsigned int nr_maps;
	unsigned char *mapped;
};

struct settings {
	const char *source;
	uint64_t nr_operations;
	uint64_t seed;
	uint32_t max_object;
	unsigned int page_shift;
	unsigned int seconds;
	bool is_tended;
	bool clears;
};

struct model {
	const struct settings *settings;
	struct rng rng;
	struct zs_pool *pool;
	struct test_pages pages;
	struct object live[MAX_LIVE];
	unsigned int nr_live;
	unsigned int target; /* the live count the mix tends to */
	uint32_t largest;    /* the sizes of this phase: up to here */
	unsigned long stale[MAX_STALE];
	unsigned int nr_stale;
	unsigned long nr_errors; /* on_error calls */
	uint64_t step;
};

static _Noreturn void differ(const struct model *m, const char *what)
{
	fprintf(stderr, "model: difference at step %llu: %s (replay: -s %s -r %llu -n %llu -m %u -p %u%s%s)\n",
		(unsigned long long)m->step, what, m->settings->source, (unsigned long long)m->settings->seed,
		(unsigned long long)m->settings->nr_operations, m->settings->max_object, m->settings->page_shift,
		m->settings->is_tended ? " -c" : "", m->settings->clears ? " -z" : "");
	exit(1);
}

#define SAME(m, condition)                                                                                             \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			differ(m, #condition);                                                                         \
	} while (0)

static void count_error(void *ctx, int err, const char *what)
{
	struct model *m = ctx;

	(void)what;
	SAME(m, err > 0 && err != EIO);
	m->nr_errors++;
}

static void read_back(struct model *m, const struct object *o)
{
	static unsigned char copy[ZS_MAX_OBJECT_BYTES];
	uint32_t len = 1 + rng_below(&m->rng, o->size);
	const void *mem = zs_obj_read_begin(m->pool, o->handle, len, copy);

	SAME(m, mem);
	SAME(m, !memcmp(mem, o->bytes, len));
	zs_obj_read_end(m->pool, o->handle, len, mem);
}

/* ---- operations ---- */

static uint32_t random_size(struct model *m)
{
	return 1 + rng_below(&m->rng, m->largest);
}

static void adopt(struct model *m, unsigned long handle, uint32_t size)
{
	struct object *o = &m->live[m->nr_live++];

	SAME(m, handle);
	SAME(m, sizeof(long) == 4 || handle >> 48 == 0);
	*o = (struct object){ .handle = handle, .size = size, .bytes = malloc(size) };
	if (!o->bytes)
		abort();
	rng_fill(&m->rng, o->bytes, size);
	SAME(m, zs_obj_write(m->pool, handle, o->bytes, size) == 0);
}

static void remember_stale(struct model *m, unsigned long handle)
{
	m->stale[m->nr_stale < MAX_STALE ? m->nr_stale++ : rng_below(&m->rng, MAX_STALE)] = handle;
}

static void forget(struct model *m, unsigned int i)
{
	remember_stale(m, m->live[i].handle);
	free(m->live[i].bytes);
	m->live[i] = m->live[--m->nr_live];
}

static void op_malloc(struct model *m)
{
	uint32_t size = random_size(m);
	unsigned long handle;

	if (m->nr_live == MAX_LIVE)
		return;
	errno = 0;
	handle = zs_malloc(m->pool, size, 0x1234);
	if (!handle)
		SAME(m, errno == ENOMEM && m->pages.budget);
	else
		adopt(m, handle, size);
}

static void op_malloc_nogrow(struct model *m)
{
	unsigned long pages = zs_get_total_pages(m->pool);
	uint32_t size = random_size(m);
	unsigned long handle;

	if (m->nr_live == MAX_LIVE)
		return;
	handle = zs_malloc(m->pool, size, ZS_NOGROW);
	SAME(m, zs_get_total_pages(m->pool) == pages);
	if (handle)
		adopt(m, handle, size);
	else
		SAME(m, errno == ENOMEM);
}

static void op_free(struct model *m)
{
	unsigned int i;
	unsigned long errors = m->nr_errors;

	if (!m->nr_live)
		return;
	i = rng_below(&m->rng, m->nr_live);
	if (m->live[i].map == UNMAPPED)
		read_back(m, &m->live[i]);
	zs_free(m->pool, m->live[i].handle);
	if (m->live[i].map == UNMAPPED) {
		SAME(m, m->nr_errors == errors);
		forget(m, i);
	} else {
		SAME(m, m->nr_errors == errors + 1);
	}
}

static void op_bulk_malloc(struct model *m)
{
	size_t sizes[BULK] = { 0 };
	unsigned long handles[BULK];
	size_t n = rng_below(&m->rng, BULK), done;

	if (m->nr_live + n > MAX_LIVE)
		return;
	for (size_t i = 0; i < n; i++)
		sizes[i] = random_size(m);
	done = zs_malloc_bulk(m->pool, sizes, handles, n, 0);
	SAME(m, done == n || (errno == ENOMEM && m->pages.budget));
	for (size_t i = 0; i < done; i++)
		adopt(m, handles[i], (uint32_t)sizes[i]);
	for (size_t i = done; i < n; i++)
		SAME(m, handles[i] == 0);
}

static void op_bulk_free(struct model *m)
{
	unsigned long handles[BULK] = { 0 };
	size_t n = rng_below(&m->rng, BULK);
	unsigned long errors = m->nr_errors;

	for (size_t k = 0; k < n; k++) {
		unsigned int i = m->nr_live ? rng_below(&m->rng, m->nr_live) : 0;

		if (!m->nr_live || m->live[i].map != UNMAPPED || rng_below(&m->rng, 8) == 0)
			continue;
		handles[k] = m->live[i].handle;
		forget(m, i);
	}
	zs_free_bulk(m->pool, handles, n);
	SAME(m, m->nr_errors == errors);
}

static struct object *some_object(struct model *m)
{
	return m->nr_live ? &m->live[rng_below(&m->rng, m->nr_live)] : NULL;
}

static void unmap(struct model *m, struct object *o)
{
	if (o->map == MAPPED_RO) {
		SAME(m, !memcmp(o->mapped, o->bytes, o->size));
	} else if (o->map == MAPPED_WO) {
		memcpy(o->mapped, o->bytes, o->size);
	} else {
		SAME(m, !memcmp(o->mapped, o->bytes, o->size));
		o->bytes[rng_below(&m->rng, o->size)] ^= 0x55;
		memcpy(o->mapped, o->bytes, o->size);
	}
	zs_unmap_object(m->pool, o->handle);
	if (--o->nr_maps == 0)
		o->map = UNMAPPED;
}

static void op_map(struct model *m)
{
	static const enum zs_mapmode modes[] = { ZS_MM_RW, ZS_MM_RO, ZS_MM_WO };
	struct object *o = some_object(m);
	unsigned int mode = rng_below(&m->rng, 3);

	if (!o)
		return;
	if (o->map == MAPPED_RO && o->nr_maps < 4)
		mode = 1;
	else if (o->map != UNMAPPED)
		return unmap(m, o);
	o->mapped = zs_map_object(m->pool, o->handle, modes[mode]);
	SAME(m, o->mapped);
	SAME(m, (uintptr_t)o->mapped % 16 == 0);
	o->map = MAPPED_RW + mode;
	o->nr_maps++;
	if (o->map == MAPPED_WO)
		rng_fill(&m->rng, o->bytes, o->size);
	if (rng_below(&m->rng, 4))
		unmap(m, o);
}

static void op_unmap_all(struct model *m)
{
	for (unsigned int i = 0; i < m->nr_live; i++)
		while (m->live[i].map != UNMAPPED)
			unmap(m, &m->live[i]);
}

static void op_write(struct model *m)
{
	struct object *o = some_object(m);
	uint32_t len;

	if (!o || o->map != UNMAPPED)
		return;
	len = rng_below(&m->rng, o->size + 1);
	rng_fill(&m->rng, o->bytes, len);
	SAME(m, zs_obj_write(m->pool, o->handle, o->bytes, len) == 0);
	SAME(m, zs_obj_write(m->pool, o->handle, o->bytes, ZS_MAX_OBJECT_BYTES + 1) == -EINVAL);
}

static void op_read(struct model *m)
{
	struct object *o = some_object(m);

	if (o && o->map == UNMAPPED)
		read_back(m, o);
}

static void op_bad_arguments(struct model *m)
{
	errno = 0;
	SAME(m, zs_malloc(m->pool, 0, 0) == 0 && errno == EINVAL);
	errno = 0;
	SAME(m, zs_malloc(m->pool, m->settings->max_object + 1u, 0) == 0 && errno == ENOSPC);
	zs_free(m->pool, 0);
}

/* A handle that is not live now. A stale one may have come round to a live one's value: the model knows those. */
static unsigned long bad_handle(struct model *m)
{
	unsigned long handle;

	if (m->nr_stale && rng_below(&m->rng, 2))
		handle = m->stale[rng_below(&m->rng, m->nr_stale)];
	else
		handle = (unsigned long)rng_next(&m->rng) >> rng_below(&m->rng, 8 * sizeof(long) - 1);
	for (unsigned int i = 0; i < m->nr_live; i++)
		if (m->live[i].handle == handle)
			return 0;
	return handle;
}

static void op_bad_handle(struct model *m)
{
	unsigned long handle = bad_handle(m);
	unsigned long errors = m->nr_errors;
	char byte = 0;

	if (!handle)
		return;
	zs_free(m->pool, handle);
	SAME(m, !zs_map_object(m->pool, handle, ZS_MM_RO) && errno == EINVAL);
	zs_unmap_object(m->pool, handle);
	SAME(m, zs_obj_write(m->pool, handle, &byte, 1) == -EINVAL);
	SAME(m, !zs_obj_read_begin(m->pool, handle, 1, &byte) && errno == EINVAL);
	zs_free_bulk(m->pool, &handle, 1);
	SAME(m, m->nr_errors == errors + 6);
}

static void op_unmap_unmapped(struct model *m)
{
	struct object *o = some_object(m);
	unsigned long errors = m->nr_errors;

	if (!o || o->map != UNMAPPED)
		return;
	zs_unmap_object(m->pool, o->handle);
	SAME(m, m->nr_errors == errors + 1);
}

static void op_compact(struct model *m)
{
	unsigned long before = zs_get_total_pages(m->pool);
	unsigned long freed = zs_compact(m->pool);

	SAME(m, zs_get_total_pages(m->pool) == before - freed);
}

static void op_compact_some(struct model *m)
{
	unsigned long before = zs_get_total_pages(m->pool);
	unsigned long freed;

	errno = 1;
	freed = zs_compact_some(m->pool, rng_below(&m->rng, 20),
				rng_below(&m->rng, 2) ? rng_below(&m->rng, 100000) : 0);
	SAME(m, errno == 0 || errno == EAGAIN);
	SAME(m, zs_get_total_pages(m->pool) == before - freed);
}

static void check_totals(struct model *m)
{
	struct zs_pool_stats stats = { .size = sizeof(stats) };
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < m->nr_live; i++)
		bytes += m->live[i].size;
	zs_pool_stats(m->pool, &stats);
	SAME(m, stats.objects == m->nr_live);
	SAME(m, stats.slot_bytes >= bytes && stats.slot_bytes <= stats.pages * ZS_PAGE_BYTES);
	SAME(m, stats.bad_handles == m->nr_errors);
	SAME(m, stats.pages == zs_get_total_pages(m->pool));
	SAME(m, stats.pages * ZS_PAGE_BYTES + stats.metadata_bytes == zs_get_total_size_bytes(m->pool));
	if (!strcmp(m->settings->source, "ops"))
		SAME(m, stats.pages == m->pages.nr_out);
}

static void check_leftovers(struct model *m)
{
#ifdef MODEL_SIM
	SAME(m, !m->settings->clears || leftovers_in_pool(m->pool) == 0);
#else
	(void)m;
#endif
}

static void op_verify(struct model *m)
{
	SAME(m, zs_pool_verify(m->pool) == 0);
	check_leftovers(m);
	check_totals(m);
	for (unsigned int i = 0; i < m->nr_live; i++)
		if (m->live[i].map == UNMAPPED)
			read_back(m, &m->live[i]);
}

/* Another mix: the pool grows or shrinks towards another count, with other sizes, and the source may run short. */
static void op_phase(struct model *m)
{
	m->target = rng_below(&m->rng, 4) ? rng_below(&m->rng, MAX_LIVE) : rng_below(&m->rng, 64);
	m->largest = rng_below(&m->rng, 3) ? m->settings->max_object : 1 + rng_below(&m->rng, m->settings->max_object);
	m->pages.budget = rng_below(&m->rng, 3) ? 0 : 1 + rng_below(&m->rng, 2000);
}

/* Another thread goes on in this one's place; or the pool is tended. */
static void op_elsewhere(struct model *m)
{
#ifdef MODEL_SIM
	const struct zs_tend_plan plan = { .loose_share = 100, .max_bytes = 20000 };

	if (!m->settings->is_tended)
		return;
	if (rng_below(&m->rng, 4))
		zs_sim_be_thread(rng_below(&m->rng, 4));
	else
		zs_pool_tend(m->pool, &plan);
#else
	(void)m;
#endif
}

static const struct {
	unsigned int weight; /* in 10,000 */
	void (*run)(struct model *m);
} operations[] = {
	{ 1600, op_malloc },      { 1600, op_free },     { 20, op_bulk_malloc },    { 20, op_bulk_free },
	{ 2480, op_map },         { 1500, op_write },    { 2300, op_read },         { 200, op_malloc_nogrow },
	{ 60, op_bad_arguments }, { 60, op_bad_handle }, { 60, op_unmap_unmapped }, { 4, op_compact },
	{ 40, op_compact_some },  { 4, op_unmap_all },   { 2, op_verify },          { 2, op_phase },
	{ 20, op_elsewhere },
};

static void one_step(struct model *m)
{
	uint32_t pick = rng_below(&m->rng, 10000);

	if (rng_below(&m->rng, 8) == 0) {
		if (m->nr_live < m->target)
			op_malloc(m);
		else
			op_free(m);
		return;
	}
	for (unsigned int i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		if (pick < operations[i].weight) {
			operations[i].run(m);
			return;
		}
		pick -= operations[i].weight;
	}
}

/* ---- a run ---- */

/* Without a thread that tends it, which the public calls would start. */
static void create_tended_pool(struct model *m)
{
#ifdef MODEL_SIM
	struct zs_pool_config config = {
		.name = "model",
		.max_object_size = m->settings->max_object,
		.is_tended = true,
		.stash_bytes = 64u << m->settings->page_shift,
		.clears = m->settings->clears,
		.on_error = count_error,
		.ctx = m,
	};

	zs_sim_be_thread(1);
	SAME(m, zs_host_source_create(NULL, &config.source) == 0);
	SAME(m, zs_pool_create(&config, &m->pool) == 0);
#else
	SAME(m, !"on the simulated host");
#endif
}

static void create_pool(struct model *m)
{
	struct zs_ops ops = test_pages_ops(&m->pages);
	struct zs_pool_options options = {
		.size = sizeof(options),
		.name = "model",
		.max_object_size = m->settings->max_object,
		.flags = m->settings->clears ? ZS_POOL_ZERO_ON_FREE : 0,
		.on_error = count_error,
		.ctx = m,
	};

	if (!strcmp(m->settings->source, "ops"))
		options.ops = &ops;
	m->pool = zs_create_pool_with(&options);
	SAME(m, m->pool);
	m->pages.pool = m->pool;
}

static void finish(struct model *m)
{
	op_unmap_all(m);
	op_verify(m);
	if (m->settings->seed & 1)
		while (m->nr_live)
			op_free(m);
	zs_compact(m->pool);
	if (!m->nr_live)
		SAME(m, zs_get_total_pages(m->pool) == 0);
	m->pages.pool = NULL;
	zs_destroy_pool(m->pool);
	SAME(m, m->pages.nr_out == 0);
	while (m->nr_live)
		forget(m, 0);
#ifdef MODEL_SIM
	SAME(m, zs_sim_is_clean());
#endif
}

static void run(const struct settings *settings)
{
	static struct model model;
	struct model *m = &model;

#ifdef MODEL_SIM
	zs_sim_reset();
	zs_sim.page_shift = settings->page_shift;
	zs_sim.high_pages = !strcmp(settings->source, "high");
	zs_sim.contiguous = strcmp(settings->source, "scattered") && !zs_sim.high_pages;
	zs_sim.clock_step_ns = 100;
#endif
	memset(m, 0, sizeof(*m));
	m->settings = settings;
	m->rng.state = settings->seed;
	if (settings->is_tended)
		create_tended_pool(m);
	else
		create_pool(m);
	op_phase(m);
	for (m->step = 0; m->step < settings->nr_operations; m->step++)
		one_step(m);
	finish(m);
}

static const char *const sources[] = {
	"arena",     "ops",
#ifdef MODEL_SIM
	"scattered", "high",
#endif
	NULL,
};

static struct settings parse(int argc, char **argv)
{
	struct settings s = { .source = "arena", .nr_operations = 100000, .max_object = 4096, .page_shift = 12 };
	int c;

	s.seed = (uint64_t)time(NULL) * 1000003u + (uint64_t)getpid();
	while ((c = getopt(argc, argv, "s:n:r:m:p:t:cz")) != -1) {
		switch (c) {
		case 's': s.source = option_word("model", c, optarg, sources); break;
		case 'n': s.nr_operations = option_number("model", c, optarg); break;
		case 'r': s.seed = option_number("model", c, optarg); break;
		case 'm': s.max_object = (uint32_t)option_number("model", c, optarg); break;
		case 'p': s.page_shift = (unsigned int)option_number("model", c, optarg); break;
		case 't': s.seconds = (unsigned int)option_number("model", c, optarg); break;
		case 'c': s.is_tended = true; break;
		case 'z': s.clears = true; break;
		default: exit(2);
		}
	}
	return s;
}

int main(int argc, char **argv)
{
	struct settings settings = parse(argc, argv);
	time_t end = time(NULL) + settings.seconds;
	unsigned long nr_runs = 0;

	do {
		printf("model: -s %s -r %llu -n %llu -m %u -p %u%s%s\n", settings.source,
		       (unsigned long long)settings.seed, (unsigned long long)settings.nr_operations,
		       settings.max_object, settings.page_shift, settings.is_tended ? " -c" : "",
		       settings.clears ? " -z" : "");
		fflush(stdout);
		run(&settings);
		settings.seed++;
		nr_runs++;
	} while (time(NULL) < end);
	printf("model: %lu runs without a difference\n", nr_runs);
	return 0;
}
