/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A program without a C library that uses the core: a host on a static block of memory, and a run of it.
 * The exit status is 0, or the number of the check that failed.
 */
#include "compact.h"
#include "mapping.h"
#include "object.h"
#include "verify.h"

#define NR_PAGES 1024u
#define NR_OBJECTS 500u

struct zs_source {
	unsigned int nr_pages_out;
};

static struct zs_source the_source;
static _Alignas(4096) unsigned char memory[NR_PAGES][4096];
static bool used[NR_PAGES];

/* ---- what the compiler expects ---- */

void *memcpy(void *to, const void *from, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		((volatile unsigned char *)to)[i] = ((const unsigned char *)from)[i];
	return to;
}

void *memset(void *to, int value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		((volatile unsigned char *)to)[i] = (unsigned char)value;
	return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (((const unsigned char *)a)[i] != ((const unsigned char *)b)[i])
			return 1;
	return 0;
}

/* ---- the host ---- */

unsigned int zs_host_page_shift(const struct zs_source *source)
{
	(void)source;
	return 12;
}

bool zs_host_contiguous(const struct zs_source *source)
{
	(void)source;
	return false;
}

unsigned long zs_host_overhead_bytes(const struct zs_source *source)
{
	(void)source;
	return 0;
}

void *zs_host_page_get(struct zs_source *source, unsigned int flags)
{
	(void)flags;
	for (unsigned int i = 0; i < NR_PAGES; i++) {
		if (used[i])
			continue;
		used[i] = true;
		source->nr_pages_out++;
		return memory[i];
	}
	return NULL;
}

void zs_host_page_put(struct zs_source *source, void *page)
{
	used[((unsigned char *)page - memory[0]) / 4096] = false;
	source->nr_pages_out--;
}

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

static _Alignas(16) unsigned char window_data[4096];
static struct zs_window the_window = { .data = window_data };
static bool window_is_open;

struct zs_window *zs_host_window_open(struct zs_source *source)
{
	(void)source;
	window_is_open = true;
	return &the_window;
}

struct zs_window *zs_host_window_opened(struct zs_source *source)
{
	(void)source;
	return window_is_open ? &the_window : NULL;
}

void zs_host_window_close(struct zs_source *source, struct zs_window *window)
{
	(void)source;
	(void)window;
	window_is_open = false;
}

void *zs_host_page_open(void *page)
{
	return page;
}

void zs_host_page_close(void *address)
{
	(void)address;
}

void *zs_host_span_get(struct zs_source *source, unsigned int nr_pages)
{
	(void)source;
	(void)nr_pages;
	return NULL;
}

void zs_host_span_put(struct zs_source *source, void *span, unsigned int nr_pages)
{
	(void)source;
	(void)span;
	(void)nr_pages;
}

int zs_host_span_reserve(struct zs_source *source, unsigned int nr_pages, unsigned int flags)
{
	(void)source;
	(void)nr_pages;
	(void)flags;
	return -ENOMEM;
}

void zs_host_span_unreserve(struct zs_source *source, unsigned int nr_pages)
{
	(void)source;
	(void)nr_pages;
}

void zs_host_span_populate(struct zs_source *source, void *address, unsigned int nr_pages)
{
	(void)source;
	(void)address;
	(void)nr_pages;
}

void zs_host_spans_return(struct zs_source *source, const struct zs_range *ranges, unsigned int nr)
{
	(void)source;
	(void)ranges;
	(void)nr;
}

void zs_host_work(struct zs_source *source)
{
	(void)source;
}

void *zs_host_meta_get(struct zs_source *source, unsigned int flags)
{
	void *unit = zs_host_page_get(source, flags);

	return unit ? memset(unit, 0, ZS_META_UNIT) : NULL;
}

void zs_host_meta_put(struct zs_source *source, void *unit)
{
	zs_host_page_put(source, unit);
}

void *zs_host_buffer_get(struct zs_source *source, size_t size_bytes)
{
	(void)source;
	(void)size_bytes;
	return NULL;
}

void zs_host_buffer_put(struct zs_source *source, void *buffer, size_t size_bytes)
{
	(void)source;
	(void)buffer;
	(void)size_bytes;
}

void zs_host_lock_init(zs_lock *lock)
{
	lock->held = false;
}

bool zs_host_try_lock(zs_lock *lock)
{
	bool was_free = !lock->held;

	lock->held = true;
	return was_free;
}

void zs_host_lock(zs_lock *lock)
{
	lock->held = true;
}

void zs_host_unlock(zs_lock *lock)
{
	lock->held = false;
}

bool zs_host_should_stop(uint64_t deadline_ns)
{
	return deadline_ns != 0;
}

unsigned int zs_host_thread(void)
{
	return 0;
}

unsigned int zs_host_thread_begin(void)
{
	return 0;
}

uint64_t zs_host_random(void)
{
	return 4; /* fair: chosen by the throw of a die */
}

/* ---- the program ---- */

static void ignore_error(void *ctx, int err, const char *what)
{
	(void)ctx;
	(void)err;
	(void)what;
}

static unsigned long handles[NR_OBJECTS];

static int fill(struct zs_pool *pool)
{
	static unsigned char content[4096];

	for (unsigned int i = 0; i < NR_OBJECTS; i++) {
		size_t size = 1 + i * 2654435761u % 4096;

		if (zs_pool_alloc(pool, size, 0, true, &handles[i]))
			return 2;
		memset(content, (int)i, size);
		if (zs_pool_write(pool, handles[i], content, size))
			return 3;
	}
	return 0;
}

static int check(struct zs_pool *pool)
{
	for (unsigned int i = 0; i < NR_OBJECTS; i += 3) {
		unsigned char *mapped;
		void *address;

		if (zs_pool_map(pool, handles[i], ZS_MAP_RO, &address))
			return 4;
		mapped = address;
		if (mapped[0] != (unsigned char)i || mapped[i * 2654435761u % 4096] != (unsigned char)i)
			return 5;
		if (zs_pool_unmap(pool, handles[i]))
			return 6;
	}
	return 0;
}

static int run(void)
{
	struct zs_pool_config config = {
		.source = &the_source,
		.name = "free",
		.max_object_size = 4096,
		.on_error = ignore_error,
	};
	struct zs_budget unbounded = { .target_pages = 0 };
	unsigned long nr_pages = 0;
	struct zs_pool *pool;
	int failed;

	if (zs_pool_create(&config, &pool))
		return 1;
	failed = fill(pool);
	for (unsigned int i = 0; !failed && i < NR_OBJECTS; i++)
		if (i % 3 && zs_pool_free(pool, handles[i]))
			failed = 7;
	if (!failed && (zs_pool_compact(pool, &unbounded, &nr_pages) || !nr_pages || zs_pool_check(pool)))
		failed = 8;
	if (!failed)
		failed = check(pool);
	if (!failed && zs_pool_free(pool, handles[1]) != -EINVAL)
		failed = 9;
	zs_pool_destroy(pool);
	return failed ? failed : the_source.nr_pages_out ? 10 : 0;
}

/* The system enters with an aligned stack and nothing on it to return to. */
__asm__(".globl _start\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	call program\n");

_Noreturn void program(void);

void program(void)
{
	long status = run();

	__asm__ volatile("syscall" : : "a"(60L), "D"(status) : "rcx", "r11", "memory");
	__builtin_unreachable();
}
