/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The simulated host.
 *
 * Its own bookkeeping uses malloc and one lock of its own; violations of the contract end the program with a message.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "clock.h"
#include "host.h"
#include "sim.h"
#include "work.h"
#include "zsmalloc.h"

#define POISON_FRESH 0xa5
#define SPAN_PAGES 64u
#define MOST_TABLE_BYTES ((size_t)16 << 20) /* address space is scarce */

struct span {
	struct span *next;
	char *base;
	unsigned int nr_pages;
	uint64_t populated;
};

struct zs_source {
	struct zs_ops ops;
	unsigned int page_shift;
	bool contiguous;
	uint64_t nr_reserved; /* promised and not populated */
	void (*work)(void *ctx);
	void *work_ctx;
	struct span *spans;
};

struct zs_sim zs_sim = { .page_shift = 12, .contiguous = true, .clock_step_ns = 1 };

static pthread_mutex_t big_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t chance;
static __thread unsigned int nr_locks_held;
static __thread unsigned int thread_number;
static unsigned int nr_numbers;

#define MUST(condition, text)                                                                                          \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "sim host: %s: %s\n", __func__, text);                                         \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

#define MUST_HOLD_NO_LOCK() MUST(nr_locks_held == 0, "called with a lock held")

void zs_sim_reset(void)
{
	MUST(zs_sim_is_clean(), "something was not given back");
	zs_sim = (struct zs_sim){ .page_shift = 12, .contiguous = true, .clock_step_ns = 1 };
	chance = 0;
}

bool zs_sim_is_clean(void)
{
	return !zs_sim.nr_pages && !zs_sim.nr_spans && !zs_sim.nr_units && !zs_sim.nr_tables && !zs_sim.nr_buffers &&
	       !zs_sim.nr_sources;
}

/* The generator is Knuth's for MMIX, of which the upper bits are good. pre: big_lock held */
static bool has_bad_luck(void)
{
	zs_sim.fail_seed = zs_sim.fail_seed * 6364136223846793005u + 1442695040888963407u;
	return (zs_sim.fail_seed >> 33) % zs_sim.fail_one_in == 0;
}

/* Counts a fallible call. Returns whether it is to fail. pre: big_lock held */
static bool is_to_fail(void)
{
	zs_sim.nr_fallible_calls++;
	if (zs_sim.fail_one_in && has_bad_luck())
		return true;
	return zs_sim.fail_at && (zs_sim.fail_after ? zs_sim.nr_fallible_calls >= zs_sim.fail_at
						    : zs_sim.nr_fallible_calls == zs_sim.fail_at);
}

bool zs_sim_is_to_fail(void)
{
	bool fails;

	pthread_mutex_lock(&big_lock);
	fails = is_to_fail();
	pthread_mutex_unlock(&big_lock);
	return fails;
}

void zs_sim_stop_failing(void)
{
	pthread_mutex_lock(&big_lock);
	zs_sim.fail_at = 0;
	zs_sim.fail_one_in = 0;
	pthread_mutex_unlock(&big_lock);
}

/* Counts a fallible call that takes nr of something. */
static bool take(uint64_t *counter, uint64_t nr, uint64_t budget)
{
	bool ok;

	pthread_mutex_lock(&big_lock);
	ok = !is_to_fail() && (!budget || *counter + nr <= budget);
	if (ok)
		*counter += nr;
	pthread_mutex_unlock(&big_lock);
	return ok;
}

static void give(uint64_t *counter, uint64_t nr)
{
	pthread_mutex_lock(&big_lock);
	MUST(*counter >= nr, "more came back than was handed out");
	*counter -= nr;
	pthread_mutex_unlock(&big_lock);
}

static void *map_memory(size_t bytes, int protection)
{
	void *memory = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	MUST(memory != MAP_FAILED, "the machine is out of memory");
	return memory;
}

/* ---- sources ---- */

int zs_host_source_create(const struct zs_ops *ops, struct zs_source **source)
{
	MUST_HOLD_NO_LOCK();
	if (ops && (!ops->alloc || !ops->free))
		return -EINVAL;
	if (!take(&zs_sim.nr_sources, 1, 0))
		return -ENOMEM;
	*source = calloc(1, sizeof(**source));
	MUST(*source, "the machine is out of memory");
	(*source)->page_shift = ops ? 12 : zs_sim.page_shift;
	(*source)->contiguous = !ops && zs_sim.contiguous;
	if (ops)
		(*source)->ops = *ops;
	return 0;
}

void zs_host_source_destroy(struct zs_source *source)
{
	MUST_HOLD_NO_LOCK();
	MUST(!source->nr_reserved, "reserved pages were not given back");
	MUST(!source->spans, "spans were not given back");
	free(source);
	give(&zs_sim.nr_sources, 1);
}

unsigned int zs_host_page_shift(const struct zs_source *source)
{
	return source->page_shift;
}

bool zs_host_contiguous(const struct zs_source *source)
{
	return source->contiguous;
}

unsigned long zs_host_overhead_bytes(const struct zs_source *source)
{
	(void)source;
	return 0;
}

/* ---- scattered pages ---- */

/* What is known of a page of the host's own; it lies before the page. Guarded by big_lock but for user and place. */
struct page_record {
	struct page_record *next; /* a ring of all pages, from oldest_page */
	struct page_record *prev;
	bool is_locked; /* somebody is about to replace it: it stays */
	unsigned int page_shift;
	void *user;
	unsigned long place;
};

#define RECORD_ROOM 65536u /* keeps pages aligned to the largest size */

static struct page_record *oldest_page;

static struct page_record *record_of(void *page)
{
	return (struct page_record *)((char *)page - RECORD_ROOM);
}

static void *page_of(struct page_record *record)
{
	return (char *)record + RECORD_ROOM;
}

static void *page_create(unsigned int page_shift)
{
	struct page_record *record = map_memory(RECORD_ROOM + (1ul << page_shift), PROT_READ | PROT_WRITE);

	record->page_shift = page_shift;
	pthread_mutex_lock(&big_lock);
	record->next = oldest_page ? oldest_page : record;
	record->prev = oldest_page ? oldest_page->prev : record;
	record->next->prev = record;
	record->prev->next = record;
	if (!oldest_page)
		oldest_page = record;
	pthread_mutex_unlock(&big_lock);
	return memset(page_of(record), POISON_FRESH, 1ul << page_shift);
}

static void page_destroy(struct page_record *record)
{
	MUST(!record->user, "the page is still used");
	pthread_mutex_lock(&big_lock);
	while (record->is_locked) {
		pthread_mutex_unlock(&big_lock);
		sched_yield();
		pthread_mutex_lock(&big_lock);
	}
	record->next->prev = record->prev;
	record->prev->next = record->next;
	if (oldest_page == record)
		oldest_page = record->next == record ? NULL : record->next;
	pthread_mutex_unlock(&big_lock);
	munmap(record, RECORD_ROOM + (1ul << record->page_shift));
}

/* The next page of the ring that nobody has locked. */
static struct page_record *lock_some_page(void)
{
	struct page_record *record;

	pthread_mutex_lock(&big_lock);
	record = oldest_page;
	if (record) {
		oldest_page = record->next;
		record = record->is_locked ? NULL : record;
	}
	if (record)
		record->is_locked = true;
	pthread_mutex_unlock(&big_lock);
	return record;
}

static void unlock_page(struct page_record *record)
{
	pthread_mutex_lock(&big_lock);
	record->is_locked = false;
	pthread_mutex_unlock(&big_lock);
}

bool zs_sim_migrate(int (*replace)(void *user, void *old_page, void *new_page))
{
	struct page_record *record = lock_some_page();
	void *user = record ? __atomic_load_n(&record->user, __ATOMIC_RELAXED) : NULL;
	void *new_page;
	bool replaced;

	if (!user) {
		if (record)
			unlock_page(record);
		return false;
	}
	new_page = page_create(record->page_shift);
	replaced = !replace(user, page_of(record), new_page);
	unlock_page(record);
	page_destroy(replaced ? record : record_of(new_page));
	return replaced;
}

void *zs_host_page_get(struct zs_source *source, unsigned int flags)
{
	void *page = NULL;

	MUST_HOLD_NO_LOCK();
	MUST(!source->contiguous, "a contiguous source has no pages");
	if (!take(&zs_sim.nr_pages, 1, zs_sim.page_budget))
		return NULL;
	if (source->ops.alloc)
		page = source->ops.alloc(source->ops.ctx, flags);
	else
		page = page_create(source->page_shift);
	if (!page)
		give(&zs_sim.nr_pages, 1);
	return page;
}

void zs_host_page_put(struct zs_source *source, void *page)
{
	MUST_HOLD_NO_LOCK();
	if (source->ops.free)
		source->ops.free(source->ops.ctx, page);
	else
		page_destroy(record_of(page));
	give(&zs_sim.nr_pages, 1);
}

/* Pages of zs_ops are the caller's: nothing is known of them, as in a process. */
void zs_host_page_use(struct zs_source *source, void *page, void *user, unsigned long place)
{
	MUST(nr_locks_held == 1, "the user's lock is not held");
	if (source->ops.alloc)
		return;
	MUST(!user || !record_of(page)->user, "the page is used already");
	record_of(page)->place = place;
	__atomic_store_n(&record_of(page)->user, user, __ATOMIC_RELAXED);
}

bool zs_host_page_is_used(struct zs_source *source, void *page, const void *user, unsigned long *place)
{
	MUST(nr_locks_held == 1, "the user's lock is not held");
	MUST(!source->ops.alloc, "nothing is known of the caller's pages");
	*place = record_of(page)->place;
	return record_of(page)->user == user;
}

void *zs_host_page_address(void *page)
{
	return zs_sim.high_pages ? NULL : page;
}

void *zs_host_page_open(void *page)
{
	return page;
}

void zs_host_page_close(void *address)
{
	(void)address;
}

/* ---- windows ---- */

static __thread struct {
	struct zs_window window;
	bool is_open;
	_Alignas(16) unsigned char data[65536];
} own;

struct zs_window *zs_host_window_open(struct zs_source *source)
{
	(void)source;
	MUST_HOLD_NO_LOCK();
	if (!zs_sim.has_windows)
		return NULL;
	MUST(!own.is_open, "the thread has its window open already");
	own.is_open = true;
	own.window.data = memset(own.data, POISON_FRESH, sizeof(own.data));
	return &own.window;
}

struct zs_window *zs_host_window_opened(struct zs_source *source)
{
	(void)source;
	return own.is_open ? &own.window : NULL;
}

void zs_host_window_close(struct zs_source *source, struct zs_window *window)
{
	(void)source;
	MUST(own.is_open && window == &own.window, "the thread has no such window open");
	own.is_open = false;
}

/* ---- contiguous spans ---- */

void *zs_host_span_get(struct zs_source *source, unsigned int nr_pages)
{
	struct span *span;

	MUST_HOLD_NO_LOCK();
	MUST(nr_pages >= 1 && nr_pages <= SPAN_PAGES, "a span has 1 to 64 pages");
	if (!take(&zs_sim.nr_spans, 1, 0))
		return NULL;
	span = calloc(1, sizeof(*span));
	MUST(span, "the machine is out of memory");
	span->nr_pages = nr_pages;
	span->base = map_memory((size_t)nr_pages << source->page_shift, PROT_NONE);
	pthread_mutex_lock(&big_lock);
	span->next = source->spans;
	source->spans = span;
	pthread_mutex_unlock(&big_lock);
	return span->base;
}

/* pre: big_lock held */
static struct span *find_span(struct zs_source *source, const void *address)
{
	struct span *span = source->spans;

	while (span && (size_t)((const char *)address - span->base) >= (size_t)span->nr_pages << source->page_shift)
		span = span->next;
	MUST(span, "no span is there");
	return span;
}

void zs_host_span_put(struct zs_source *source, void *base, unsigned int nr_pages)
{
	struct span **link = &source->spans;
	struct span *span;

	MUST_HOLD_NO_LOCK();
	pthread_mutex_lock(&big_lock);
	span = find_span(source, base);
	MUST(span->base == base && span->nr_pages == nr_pages, "not the span that was handed out");
	MUST(!span->populated, "the span has populated pages");
	while (*link != span)
		link = &(*link)->next;
	*link = span->next;
	pthread_mutex_unlock(&big_lock);
	munmap(span->base, (size_t)nr_pages << source->page_shift);
	free(span);
	give(&zs_sim.nr_spans, 1);
}

int zs_host_span_reserve(struct zs_source *source, unsigned int nr_pages, unsigned int flags)
{
	(void)flags;
	MUST_HOLD_NO_LOCK();
	if (!take(&zs_sim.nr_pages, nr_pages, zs_sim.page_budget))
		return -ENOMEM;
	pthread_mutex_lock(&big_lock);
	source->nr_reserved += nr_pages;
	pthread_mutex_unlock(&big_lock);
	return 0;
}

void zs_host_span_unreserve(struct zs_source *source, unsigned int nr_pages)
{
	MUST_HOLD_NO_LOCK();
	give(&source->nr_reserved, nr_pages);
	give(&zs_sim.nr_pages, nr_pages);
}

/* The bits of pages within their span. */
static uint64_t span_bits(const struct zs_source *source, const struct span *span, const void *address, unsigned int nr)
{
	unsigned int first = (unsigned int)((size_t)((const char *)address - span->base) >> source->page_shift);

	MUST(nr >= 1 && first + nr <= span->nr_pages, "beyond the span's end");
	return (nr == SPAN_PAGES ? ~0ull : (1ull << nr) - 1) << first;
}

void zs_host_span_populate(struct zs_source *source, void *address, unsigned int nr_pages)
{
	size_t bytes = (size_t)nr_pages << source->page_shift;
	struct span *span;
	uint64_t bits;

	give(&source->nr_reserved, nr_pages);
	pthread_mutex_lock(&big_lock);
	span = find_span(source, address);
	bits = span_bits(source, span, address, nr_pages);
	MUST(!(span->populated & bits), "populated twice");
	span->populated |= bits;
	pthread_mutex_unlock(&big_lock);
	MUST(!mprotect(address, bytes, PROT_READ | PROT_WRITE), "mprotect failed");
	memset(address, POISON_FRESH, bytes);
}

static void return_range(struct zs_source *source, void *address, unsigned int nr_pages)
{
	struct span *span;
	uint64_t bits;

	MUST(!mprotect(address, (size_t)nr_pages << source->page_shift, PROT_NONE), "mprotect failed");
	pthread_mutex_lock(&big_lock);
	span = find_span(source, address);
	bits = span_bits(source, span, address, nr_pages);
	MUST((span->populated & bits) == bits, "returned what was not populated");
	span->populated &= ~bits;
	source->nr_reserved += nr_pages;
	pthread_mutex_unlock(&big_lock);
}

void zs_host_spans_return(struct zs_source *source, const struct zs_range *ranges, unsigned int nr)
{
	MUST_HOLD_NO_LOCK();
	__atomic_fetch_add(&zs_sim.nr_return_calls, 1, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < nr; i++)
		return_range(source, ranges[i].address, ranges[i].nr_pages);
}

void zs_host_work(struct zs_source *source)
{
	void (*work)(void *ctx) = zs_host_load_pointer(source->work);

	MUST_HOLD_NO_LOCK();
	__atomic_fetch_add(&zs_sim.nr_work_calls, 1, __ATOMIC_RELAXED);
	if (work)
		work(source->work_ctx);
}

void zs_host_on_work(struct zs_source *source, void (*work)(void *ctx), void *ctx)
{
	source->work_ctx = ctx;
	zs_host_store_pointer(source->work, work);
}

/* ---- metadata ---- */

void *zs_host_meta_get(struct zs_source *source, unsigned int flags)
{
	(void)source;
	(void)flags;
	MUST_HOLD_NO_LOCK();
	return take(&zs_sim.nr_units, 1, 0) ? map_memory(ZS_META_UNIT, PROT_READ | PROT_WRITE) : NULL;
}

void zs_host_meta_put(struct zs_source *source, void *unit)
{
	(void)source;
	MUST_HOLD_NO_LOCK();
	munmap(unit, ZS_META_UNIT);
	give(&zs_sim.nr_units, 1);
}

void *zs_host_buffer_get(struct zs_source *source, size_t size_bytes)
{
	void *buffer;

	(void)source;
	MUST_HOLD_NO_LOCK();
	if (!take(&zs_sim.nr_buffers, 1, 0))
		return NULL;
	buffer = malloc(size_bytes);
	MUST(buffer, "the machine is out of memory");
	return memset(buffer, 0, size_bytes);
}

void zs_host_buffer_put(struct zs_source *source, void *buffer, size_t size_bytes)
{
	(void)source;
	(void)size_bytes;
	MUST_HOLD_NO_LOCK();
	free(buffer);
	give(&zs_sim.nr_buffers, 1);
}

/* ---- tables ---- */

struct table {
	struct table *next;
	char *base;
	uint64_t nr_open;
};

static struct table *tables; /* guarded by big_lock */

/* pre: big_lock held */
static struct table **find_table(const void *base)
{
	struct table **link = &tables;

	while (*link && (*link)->base != base)
		link = &(*link)->next;
	MUST(*link, "no such table");
	return link;
}

void *zs_host_table_get(struct zs_source *source, size_t size_bytes)
{
	struct table *table;

	(void)source;
	MUST_HOLD_NO_LOCK();
	if (size_bytes > MOST_TABLE_BYTES || !take(&zs_sim.nr_tables, 1, 0))
		return NULL;
	table = calloc(1, sizeof(*table));
	MUST(table, "out of memory");
	table->base = map_memory(size_bytes, PROT_NONE);
	pthread_mutex_lock(&big_lock);
	table->next = tables;
	tables = table;
	pthread_mutex_unlock(&big_lock);
	return table->base;
}

int zs_host_table_open(struct zs_source *source, void *base, void *unit)
{
	uint64_t number = (uint64_t)((char *)unit - (char *)base) >> ZS_META_UNIT_SHIFT;
	struct table *table;

	(void)source;
	MUST_HOLD_NO_LOCK();
	if (!take(&zs_sim.nr_table_units, 0, 0))
		return -ENOMEM;
	pthread_mutex_lock(&big_lock);
	table = *find_table(base);
	MUST(number <= table->nr_open, "units are not opened in order");
	if (number == table->nr_open) {
		MUST(!mprotect(unit, ZS_META_UNIT, PROT_READ | PROT_WRITE), "not a unit of a table");
		table->nr_open++;
		zs_sim.nr_table_units++;
	}
	pthread_mutex_unlock(&big_lock);
	return 0;
}

void zs_host_table_put(struct zs_source *source, void *base, size_t size_bytes)
{
	struct table **link;
	struct table *table;

	(void)source;
	MUST_HOLD_NO_LOCK();
	pthread_mutex_lock(&big_lock);
	link = find_table(base);
	table = *link;
	*link = table->next;
	zs_sim.nr_table_units -= table->nr_open;
	pthread_mutex_unlock(&big_lock);
	give(&zs_sim.nr_tables, 1);
	munmap(base, size_bytes);
	free(table);
}

/* ---- locks, time, chance ---- */

void zs_host_lock_init(zs_lock *lock)
{
	lock->word = 0;
}

/* The core holds one lock at a time, so a second one is an error, and a deadlock is found at once. */
bool zs_host_try_lock(zs_lock *lock)
{
	MUST(nr_locks_held == 0, "a second lock was taken");
	if (__atomic_exchange_n(&lock->word, 1, __ATOMIC_ACQUIRE))
		return false;
	nr_locks_held++;
	__atomic_fetch_add(&zs_sim.nr_lock_holds, 1, __ATOMIC_RELAXED);
	return true;
}

void zs_host_lock(zs_lock *lock)
{
	while (!zs_host_try_lock(lock))
		sched_yield();
}

void zs_host_unlock(zs_lock *lock)
{
	MUST(nr_locks_held == 1, "a lock was dropped that was not held");
	nr_locks_held--;
	__atomic_store_n(&lock->word, 0, __ATOMIC_RELEASE);
}

bool zs_host_unlock_quick(zs_lock *lock)
{
	zs_host_unlock(lock);
	return false;
}

/* Nobody sleeps until a lock is dropped. */
void zs_host_lock_wake(zs_lock *lock)
{
	(void)lock;
}

uint64_t zs_host_now_ns(void)
{
	return __atomic_load_n(&zs_sim.now_ns, __ATOMIC_RELAXED);
}

bool zs_host_should_stop(uint64_t deadline_ns)
{
	MUST_HOLD_NO_LOCK();
	__atomic_fetch_add(&zs_sim.nr_clock_looks, 1, __ATOMIC_RELAXED);
	return __atomic_add_fetch(&zs_sim.now_ns, zs_sim.clock_step_ns, __ATOMIC_RELAXED) >= deadline_ns && deadline_ns;
}

unsigned int zs_host_thread(void)
{
	return thread_number;
}

unsigned int zs_host_thread_begin(void)
{
	if (!thread_number)
		thread_number = 1 + __atomic_fetch_add(&nr_numbers, 1, __ATOMIC_RELAXED) % (ZS_HOST_THREADS - 1);
	return thread_number;
}

void zs_sim_be_thread(unsigned int number)
{
	MUST(number < ZS_HOST_THREADS, "there is no such number");
	thread_number = number;
}

uint64_t zs_host_random(void)
{
	return __atomic_add_fetch(&chance, 0x9e3779b97f4a7c15u, __ATOMIC_RELAXED);
}
