/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The pool as a whole.
 *
 * While a pool is small, the half-filled last page of every class costs more than slots that are a little too large.
 * So eight neighbouring classes share the highest of them until that one holds a number of objects; then each half of
 * the group does the same for its own sizes, and so on until each class serves its own. Objects stay where they are,
 * and what a size's class index is never changes.
 */
#include "departure.h"
#include "pool.h"
#include "release.h"

#define MANY_PAGES 4096u
/* Objects in the highest class of a group at which it is halved, by the log2 of its classes. */
static const uint16_t enough[ZS_SHARING_MAX + 1] = { 0, 144, 72, 40 };

_Static_assert(sizeof(struct zs_pool) + ZS_META_GRAIN <= ZS_META_UNIT, "a pool fits its first unit");

static void copy_name(char *to, const char *from)
{
	unsigned int i;

	for (i = 0; i < ZS_POOL_NAME_BYTES - 1 && from[i]; i++)
		to[i] = from[i];
	to[i] = '\0';
}

/* The pool stands in the first unit of its own heap, behind the unit's header. */
static void *unit_of_pool(struct zs_pool *pool)
{
	return (char *)pool - ZS_META_GRAIN;
}

static bool is_set(const zs_atomic32 *bits, unsigned int number)
{
	return zs_host_load32(&bits[number / 32]) >> (number % 32) & 1;
}

/* The group that a class is in now: log2 of its classes. pre: id <= last_shared */
static unsigned int sharing(const struct zs_pool *pool, unsigned int id)
{
	unsigned int shift = ZS_SHARING_MAX;

	while (shift && is_set(pool->halved[shift - 1], id >> shift))
		shift--;
	return shift;
}

/* The highest class of the group of 2^shift classes that one is in. */
static unsigned int top_of(const struct zs_pool *pool, unsigned int id, unsigned int shift)
{
	unsigned int top = id | ((1u << shift) - 1);

	return top < pool->last_shared ? top : pool->last_shared;
}

unsigned int zs_pool_find_serving(const struct zs_pool *pool, size_t size)
{
	unsigned int id = zs_size_class_index(size, pool->memory.page_shift);

	return id > pool->last_shared ? id : top_of(pool, id, sharing(pool, id));
}

/* One look at each entry of the table. Result: whether one was not up to date. */
static bool correct_serving(struct zs_pool *pool)
{
	bool corrected = false;

	for (uint32_t size = 1; size <= ZS_SERVING_MAX && size <= pool->max_object_size; size += ZS_SLOT_STEP) {
		uint32_t last = size + ZS_SLOT_STEP - 1;
		uint16_t *entry, serving;

		if (last > pool->max_object_size)
			last = pool->max_object_size;
		entry = &pool->serving[(last + ZS_SLOT_STEP - 1) / ZS_SLOT_STEP];
		serving = (uint16_t)zs_pool_find_serving(pool, last);
		if (zs_host_load16(entry) == serving)
			continue;
		zs_host_store16(entry, serving);
		corrected = true;
	}
	return corrected;
}

/* Brings the table up to date. Of two threads that do so at once, one may undo what the other did: both look again. */
static void note_serving(struct zs_pool *pool)
{
	while (correct_serving(pool))
		;
}

static void pool_init(struct zs_pool *pool, const struct zs_pool_config *config)
{
	struct zs_memory *memory = &pool->memory;
	unsigned int huge;

	memory->source = config->source;
	memory->contiguous = zs_host_contiguous(config->source);
	memory->page_shift = zs_host_page_shift(config->source);
	memory->is_tended = config->is_tended;
	memory->clears = config->clears;
	memory->footprint.source = config->source;
	memory->footprint.limit_blocks = ~0ul;
	if (config->limit_bytes && config->limit_bytes >> ZS_META_UNIT_SHIFT < ~0ul)
		memory->footprint.limit_blocks = (unsigned long)(config->limit_bytes >> ZS_META_UNIT_SHIFT);
	zs_meta_init(&memory->meta, config->source, &memory->footprint, unit_of_pool(pool), sizeof(*pool));
	pool->max_object_size = config->max_object_size;
	pool->direct_max_size = config->max_object_size < ZS_SERVING_MAX ? config->max_object_size : ZS_SERVING_MAX;
	pool->stashes = zs_no_stashes;
	if (ZS_HOST_THREADS > 1 && config->stash_bytes && memory->contiguous && !memory->clears) {
		pool->stash_pages = 1 + (unsigned long)((config->stash_bytes - 1) >> memory->page_shift);
		pool->stash_max_size = pool->direct_max_size;
		pool->direct_max_size = 0;
	}
	pool->nr_classes = zs_size_class_index(config->max_object_size, memory->page_shift) + 1;
	huge = zs_size_class_index(zs_size_class_huge(memory->page_shift) - 1, memory->page_shift);
	pool->last_shared = huge < pool->nr_classes ? huge : pool->nr_classes - 1;
	note_serving(pool);
	pool->on_error = config->on_error;
	pool->ctx = config->ctx;
	copy_name(pool->name, config->name);
}

static int make_classes(struct zs_pool *pool, unsigned int flags)
{
	pool->classes = zs_meta_alloc(&pool->memory.meta, pool->nr_classes * sizeof(*pool->classes), flags);
	return pool->classes ? 0 : -ENOMEM;
}

static void free_classes(struct zs_pool *pool)
{
	zs_meta_free(&pool->memory.meta, pool->classes, pool->nr_classes * sizeof(*pool->classes));
}

/* Where objects are cleared, a free goes the long way, which does that: so the short one has nothing to ask. */
static int make_handles(struct zs_pool *pool)
{
	bool is_direct = ZS_HOST_TABLES && pool->memory.contiguous;
	bool is_plain = !pool->stash_max_size && !pool->memory.clears;

	return zs_handle_table_init(&pool->handles, &pool->memory.meta, (uint32_t)zs_host_random(), is_direct,
				    is_plain);
}

static int make_records(struct zs_pool *pool)
{
#if ZS_HOST_TABLES
	return zs_records_create(&pool->memory.records, &pool->memory.footprint);
#else
	(void)pool;
	return 0;
#endif
}

static void free_records(struct zs_pool *pool)
{
#if ZS_HOST_TABLES
	zs_records_release(&pool->memory.records);
#else
	(void)pool;
#endif
}

/* What a new pool has beside its struct. Result: 0, or -ENOMEM with nothing kept. */
static int make_parts(struct zs_pool *pool, unsigned int flags)
{
	if (make_classes(pool, flags))
		return -ENOMEM;
	if (make_records(pool)) {
		free_classes(pool);
		return -ENOMEM;
	}
	if (make_handles(pool)) {
		free_records(pool);
		free_classes(pool);
		return -ENOMEM;
	}
	return 0;
}

int zs_pool_create(const struct zs_pool_config *config, struct zs_pool **pool)
{
	void *unit = zs_host_meta_get(config->source, config->flags);
	struct zs_pool *p;

	if (!unit)
		return -ENOMEM;
	p = (struct zs_pool *)((char *)unit + ZS_META_GRAIN);
	pool_init(p, config);
	/* The first unit is charged like any other: a limit below it allows no pool. */
	if (!zs_footprint_charge(&p->memory.footprint, 1) || make_parts(p, config->flags)) {
		zs_meta_release(&p->memory.meta);
		zs_host_meta_put(config->source, unit);
		return -ENOMEM;
	}
	*pool = p;
	return 0;
}

static void free_stashes(struct zs_pool *pool)
{
	struct zs_meta *meta = &pool->memory.meta;

	for (unsigned int i = 0; i < ZS_HOST_THREADS; i++)
		zs_meta_free(meta, pool->stashes[i], sizeof(struct zs_stash));
	if (pool->stashes != zs_no_stashes)
		zs_meta_free(meta, pool->stashes, sizeof(zs_no_stashes));
}

static void free_pages_and_classes(struct zs_pool *pool)
{
	for (unsigned int id = 0; id < pool->nr_classes; id++)
		if (pool->classes[id]) {
			zs_release_all(pool->classes[id]);
			zs_class_destroy(pool->classes[id]);
		}
}

struct zs_source *zs_pool_destroy(struct zs_pool *pool)
{
	struct zs_source *source = pool->memory.source;
	struct zs_meta *meta = &pool->memory.meta;

	free_pages_and_classes(pool);
	free_stashes(pool);
	zs_handle_table_release(&pool->handles);
	free_records(pool);
	free_classes(pool);
	zs_meta_release(meta);
	zs_host_meta_put(source, unit_of_pool(pool));
	return source;
}

unsigned int zs_pool_group_class(const struct zs_pool *pool, size_t size)
{
	unsigned int id = zs_size_class_index(size, pool->memory.page_shift);

	return id > pool->last_shared ? id : top_of(pool, id, ZS_SHARING_MAX);
}

bool zs_pool_serves_group(const struct zs_pool *pool, const struct zs_class *class)
{
	/* The last of a group's halvings comes after all others. */
	return class->id <= pool->last_shared && !is_set(pool->halved[0], class->id >> 1);
}

void zs_pool_consider_split(struct zs_pool *pool, struct zs_class *class)
{
	unsigned int shift = sharing(pool, class->id);
	unsigned int number = class->id >> shift;

	/* Another thread may have halved its group meanwhile, so that it serves no other any more. */
	if (!shift || ZS_HOST_GLANCE(class->nr_live) < enough[shift])
		return;
	zs_host_fetch_or32(&pool->halved[shift - 1][number / 32], 1u << (number % 32));
	note_serving(pool);
}

struct zs_class *zs_pool_ensure_class(struct zs_pool *pool, unsigned int id, unsigned int flags)
{
	struct zs_class *class = zs_pool_class(pool, id);

	if (class)
		return class;
	class = zs_class_create(&pool->memory, &pool->handles, id, zs_size_class_bytes(id), flags);
	if (class && !zs_host_cas_pointer(&pool->classes[id], NULL, class)) {
		zs_class_destroy(class);
		class = zs_pool_class(pool, id);
	}
	return class;
}

unsigned int zs_pool_release_some(struct zs_pool *pool, unsigned int first, unsigned int max_pages)
{
	struct zs_departure departure;

	zs_departure_init(&departure);
	for (unsigned int i = 0; i < pool->nr_classes && departure.nr_ranges < ZS_HOST_RANGES; i++) {
		struct zs_class *class = zs_pool_class(pool, (first + i) % pool->nr_classes);

		if (departure.pages.nr >= max_pages)
			break;
		if (class && ZS_HOST_GLANCE(class->nr_empty))
			zs_departure_add(&departure, class, max_pages);
	}
	return zs_departure_finish(&departure, &pool->memory, NULL, 0);
}

unsigned long zs_pool_trim(struct zs_pool *pool, unsigned long allowance)
{
	unsigned long nr_released = 0, nr_empty;
	unsigned int nr = 1;

	while (nr && (nr_empty = zs_host_load_long(&pool->memory.nr_empty)) > allowance) {
		unsigned long excess = nr_empty - allowance;

		nr = zs_pool_release_some(pool, 0, excess < MANY_PAGES ? (unsigned int)excess : MANY_PAGES);
		nr_released += nr;
	}
	return nr_released;
}

bool zs_pool_reclaim(struct zs_pool *pool)
{
	bool reclaimed = zs_pool_trim(pool, 0) != 0;

	for (unsigned int id = 0; id < pool->nr_classes; id++)
		if (zs_pool_class(pool, id))
			reclaimed |= zs_class_release_buffer(zs_pool_class(pool, id));
	return reclaimed;
}

int zs_pool_report(struct zs_pool *pool, int err, const char *what)
{
	zs_host_add_long(&pool->bad_handles, 1);
	pool->on_error(pool->ctx, err, what);
	return -err;
}

uint64_t zs_pool_total_bytes(const struct zs_pool *pool)
{
	return ((uint64_t)zs_footprint_blocks(&pool->memory.footprint) << ZS_META_UNIT_SHIFT) +
	       zs_host_overhead_bytes(pool->memory.source);
}

unsigned long zs_pool_total_pages(const struct zs_pool *pool)
{
	return zs_host_load_long(&pool->memory.nr_pages);
}
