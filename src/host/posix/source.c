/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The source of a pool in a process: spans of the arena, or pages of the caller's zs_ops. Metadata is the arena's.
 */
#include <sys/mman.h>
#include <sys/resource.h>

#include "arena.h"
#include "work.h"
#include "zsmalloc.h"

#define OPS_PAGE_SHIFT 12
#define TABLE_STEP (64ul << 10) /* a multiple of the system's pages */

struct zs_source {
	struct arena *arena;
	struct zs_ops ops; /* alloc NULL: the arena */
	void (*work)(void *ctx);
	void *work_ctx;
};

_Static_assert(sizeof(struct zs_source) <= 64, "the source lives beside its arena");
_Static_assert(ZS_PAGE_BYTES == 1u << OPS_PAGE_SHIFT, "pages of zs_ops");

int zs_host_source_create(const struct zs_ops *ops, struct zs_source **source)
{
	struct arena *arena;
	void *room;
	int err;

	if (ops && (!ops->alloc || !ops->free))
		return -EINVAL;
	err = arena_create(&arena, &room);
	if (err)
		return err;
	*source = room;
	(*source)->arena = arena;
	if (ops)
		(*source)->ops = *ops;
	return 0;
}

void zs_host_source_destroy(struct zs_source *source)
{
	arena_destroy(source->arena);
}

unsigned int zs_host_page_shift(const struct zs_source *source)
{
	return source->ops.alloc ? OPS_PAGE_SHIFT : source->arena->page_shift;
}

bool zs_host_contiguous(const struct zs_source *source)
{
	return !source->ops.alloc;
}

unsigned long zs_host_overhead_bytes(const struct zs_source *source)
{
	return zs_host_load_long(&source->arena->nr_regions) * ZS_META_UNIT;
}

void *zs_host_page_get(struct zs_source *source, unsigned int flags)
{
	return source->ops.alloc(source->ops.ctx, flags);
}

void zs_host_page_put(struct zs_source *source, void *page)
{
	source->ops.free(source->ops.ctx, page);
}

/* Nobody replaces the pages of a process's pools. */
void zs_host_page_use(struct zs_source *source, void *page, void *user, unsigned long place)
{
	(void)source;
	(void)page;
	(void)user;
	(void)place;
}

bool zs_host_page_is_used(struct zs_source *source, void *page, const void *user, unsigned long *place)
{
	(void)source;
	(void)page;
	(void)user;
	(void)place;
	return false;
}

void *zs_host_page_address(void *page)
{
	return page;
}

void *zs_host_page_open(void *page)
{
	return page;
}

void zs_host_page_close(void *address)
{
	(void)address;
}

/* A process has no windows: it may have any number of objects mapped at once. */
struct zs_window *zs_host_window_open(struct zs_source *source)
{
	(void)source;
	return NULL;
}

struct zs_window *zs_host_window_opened(struct zs_source *source)
{
	(void)source;
	return NULL;
}

void zs_host_window_close(struct zs_source *source, struct zs_window *window)
{
	(void)source;
	(void)window;
}

static unsigned int span_blocks(const struct zs_source *source)
{
	return 1u << (source->arena->page_shift + 6 - ARENA_BLOCK_SHIFT);
}

/* Every span is as long as the longest: address space costs nothing, and one size never fragments. */
void *zs_host_span_get(struct zs_source *source, unsigned int nr_pages)
{
	(void)nr_pages;
	return arena_get_blocks(source->arena, span_blocks(source));
}

void zs_host_span_put(struct zs_source *source, void *span, unsigned int nr_pages)
{
	(void)nr_pages;
	arena_put_blocks(source->arena, span, span_blocks(source));
}

/* The system has no promises to make: it populates a page when it is first touched. */
int zs_host_span_reserve(struct zs_source *source, unsigned int nr_pages, unsigned int flags)
{
	(void)source;
	(void)nr_pages;
	(void)flags;
	return 0;
}

void zs_host_span_unreserve(struct zs_source *source, unsigned int nr_pages)
{
	(void)source;
	(void)nr_pages;
}

/* One page is populated by its first use. More at once are cheaper than a fault each. */
void zs_host_span_populate(struct zs_source *source, void *address, unsigned int nr_pages)
{
	if (nr_pages > 1)
		arena_populate(address, (size_t)nr_pages << source->arena->page_shift);
}

void zs_host_spans_return(struct zs_source *source, const struct zs_range *ranges, unsigned int nr)
{
	arena_return_ranges(source->arena, ranges, nr);
}

void zs_host_work(struct zs_source *source)
{
	void (*work)(void *ctx) = zs_host_load_pointer(source->work);

	if (work)
		work(source->work_ctx);
}

void zs_host_on_work(struct zs_source *source, void (*work)(void *ctx), void *ctx)
{
	source->work_ctx = ctx;
	zs_host_store_pointer(source->work, work);
}

void *zs_host_meta_get(struct zs_source *source, unsigned int flags)
{
	(void)flags;
	return arena_get_unit(source->arena);
}

void zs_host_meta_put(struct zs_source *source, void *unit)
{
	arena_put_unit(source->arena, unit);
}

/* Where address space is limited, it is for objects first: a table gets at most a sixteenth of it. */
static bool is_too_much(size_t size_bytes)
{
	struct rlimit limit;

	return !getrlimit(RLIMIT_AS, &limit) && limit.rlim_cur != RLIM_INFINITY && size_bytes > limit.rlim_cur / 16;
}

/*
 * Reserved in whole, and made accessible in steps, so that strict overcommit charges for little that is not used. Only
 * if as much again is left: a table that takes the last of the address space leaves none to the next.
 */
void *zs_host_table_get(struct zs_source *source, size_t size_bytes)
{
	size_t bytes = (size_bytes + TABLE_STEP - 1) & ~(TABLE_STEP - 1);
	char *table;

	(void)source;
	if (is_too_much(size_bytes))
		return NULL;
	table = mmap(NULL, 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (table == MAP_FAILED)
		return NULL;
	munmap(table + bytes, bytes);
	madvise(table, bytes, MADV_NOHUGEPAGE);
	return table;
}

int zs_host_table_open(struct zs_source *source, void *table, void *unit)
{
	size_t offset = (size_t)((char *)unit - (char *)table);
	int saved_errno = errno;
	int err = 0;

	(void)source;
	if (offset % TABLE_STEP == 0 && mprotect(unit, TABLE_STEP, PROT_READ | PROT_WRITE))
		err = -ENOMEM;
	errno = saved_errno;
	return err;
}

void zs_host_table_put(struct zs_source *source, void *table, size_t size_bytes)
{
	(void)source;
	munmap(table, (size_bytes + TABLE_STEP - 1) & ~(TABLE_STEP - 1));
}

void *zs_host_buffer_get(struct zs_source *source, size_t size_bytes)
{
	void *buffer = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)source;
	return buffer == MAP_FAILED ? NULL : buffer;
}

void zs_host_buffer_put(struct zs_source *source, void *buffer, size_t size_bytes)
{
	(void)source;
	munmap(buffer, size_bytes);
}
