/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The public calls, by the rules of zsmalloc.h, with the library's own pages and with zs_ops. Built twice: on the
 * shared library, and on the simulated host (TEST_ON_SIM), where a broken contract ends the program.
 */
#include <pthread.h>
#include <sys/mman.h>

#include "pages.h"
#include "unit.h"

#ifdef TEST_ON_SIM
#include "sim.h"
#endif

/* A pool on one of the two sources. */
struct bench {
	struct test_pages pages;
	struct error_log log;
	struct zs_pool *pool;
	bool has_ops;
};

static void bench_create(struct bench *b, bool has_ops, struct zs_pool_options options)
{
	struct zs_ops ops = test_pages_ops(&b->pages);

	memset(b, 0, sizeof(*b));
	b->has_ops = has_ops;
	if (has_ops)
		options.ops = &ops;
	b->pool = make_pool(options, &b->log);
	b->pages.pool = b->pool;         /* it calls back into the pool */
	memset(&ops, 0xff, sizeof(ops)); /* the library has its own copy */
}

static void bench_destroy(struct bench *b)
{
	assert_int_equal(b->log.nr, 0);
	assert_int_equal(zs_pool_verify(b->pool), 0);
	b->pages.pool = NULL;
	zs_destroy_pool(b->pool);
	assert_int_equal(b->pages.nr_out, 0);
}

#define NO_OPTIONS ((struct zs_pool_options){ .size = 0 })

/* ---- creating and destroying ---- */

static void assert_refused(struct zs_pool_options options, int err)
{
	errno = 0;
	assert_null(zs_create_pool_with(&options));
	assert_int_equal(errno, err);
}

static void test_create_with_defaults(void **state)
{
	struct zs_pool *pools[2] = { zs_create_pool_with(NULL), zs_create_pool(0, NULL) };

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		assert_non_null(pools[i]);
		assert_int_equal(zs_get_total_pages(pools[i]), 0);
		zs_free(pools[i], make_object(pools[i], 4096));
		assert_int_equal(zs_malloc(pools[i], 4097, 0), 0);
		assert_int_equal(errno, ENOSPC);
		zs_destroy_pool(pools[i]);
	}
	zs_destroy_pool(NULL);
}

/* Painted objects, of each four of which three are freed. */
static void fill_and_thin_out(struct zs_pool *pool, unsigned long *handles, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		handles[i] = make_object(pool, 1000 + i % 50);
		paint(pool, handles[i], 1000, i);
	}
	for (unsigned int i = 0; i < nr; i++)
		if (i % 4)
			zs_free(pool, handles[i]);
}

/* Objects come and go while a thread tends the pool; then it is quiet, and nothing is kept that nobody needs. */
static void tend_and_check(struct zs_pool *pool)
{
	static unsigned long handles[4000];
	unsigned int waited;

	fill_and_thin_out(pool, handles, NR_OF(handles));
	for (waited = 0; waited < 3000 && zs_get_total_pages(pool) > 300; waited++)
		usleep(10000);
	assert_in_range(zs_get_total_pages(pool), 1000 * 1000 / 4096, 300);
	for (unsigned int i = 0; i < NR_OF(handles); i += 4)
		assert_painted(pool, handles[i], 1000, i);
	assert_int_equal(zs_pool_verify(pool), 0);
	for (unsigned int i = 0; i < NR_OF(handles); i += 4)
		zs_free(pool, handles[i]);
}

static void test_compactor(void **state)
{
	(void)state;
	for (unsigned int has_ops = 0; has_ops < 2; has_ops++)
		for (unsigned int dense = 0; dense < 2; dense++) {
			struct zs_pool_options options = NO_OPTIONS;
			struct bench b;

			options.flags = ZS_POOL_COMPACTOR | (dense ? ZS_POOL_DENSE : 0);
			bench_create(&b, has_ops, options);
			tend_and_check(b.pool);
			bench_destroy(&b);
		}
}

/* A source whose pages go where memory is only brought by a handler of a fault, in the thread that has it. */
static struct {
	volatile char *guard;
	pthread_t user;
	bool faulted; /* in another thread than the user's */
} faulty;

static void bring_memory(int signal)
{
	(void)signal;
	mprotect((void *)faulty.guard, ZS_PAGE_BYTES, PROT_READ | PROT_WRITE);
	__atomic_store_n(&faulty.faulted, !pthread_equal(pthread_self(), faulty.user), __ATOMIC_RELEASE);
}

static void *take_page(void *ctx, unsigned int flags)
{
	(void)ctx;
	(void)flags;
	return aligned_alloc(ZS_PAGE_BYTES, ZS_PAGE_BYTES);
}

static void drop_page(void *ctx, void *page)
{
	(void)ctx;
	if (!pthread_equal(pthread_self(), faulty.user))
		faulty.guard[0]++;
	free(page);
}

/* The thread that tends a pool calls the source, so what an instruction there brings about is its own to handle. */
static void test_compactor_has_its_own_faults(void **state)
{
	const struct sigaction action = { .sa_handler = bring_memory };
	const struct zs_ops ops = { .alloc = take_page, .free = drop_page };
	static unsigned long handles[4000];
	struct sigaction before;
	struct zs_pool *pool;

	(void)state;
	faulty.user = pthread_self();
	faulty.faulted = false;
	faulty.guard = mmap(NULL, ZS_PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(faulty.guard, MAP_FAILED);
	assert_int_equal(sigaction(SIGSEGV, &action, &before), 0);
	pool = make_pool((struct zs_pool_options){ .flags = ZS_POOL_COMPACTOR, .ops = &ops }, NULL);
	fill_and_thin_out(pool, handles, NR_OF(handles));
	for (unsigned int waited = 0; waited < 3000 && !__atomic_load_n(&faulty.faulted, __ATOMIC_ACQUIRE); waited++)
		usleep(10000);
	assert_true(faulty.faulted);
	zs_destroy_pool(pool);
	assert_int_equal(sigaction(SIGSEGV, &before, NULL), 0);
	munmap((void *)faulty.guard, ZS_PAGE_BYTES);
}

/* A child has a copy of the pool without the thread. It may go on with it, or destroy it. */
static void use_in_child(void *arg)
{
	struct zs_pool *pool = arg;
	unsigned long handles[64];

	alarm(60); /* a lock that nobody will drop */
	for (unsigned int i = 0; i < NR_OF(handles); i++)
		handles[i] = zs_malloc(pool, 1000 + i % 50, 0);
	for (unsigned int i = 0; i < NR_OF(handles); i++)
		zs_free(pool, handles[i]);
	if (zs_pool_verify(pool))
		_exit(1);
	zs_destroy_pool(pool);
}

/* Forks while the thread is moving objects, which holds the lock of a class for most of the time. */
static void test_fork_beside_a_compactor(void **state)
{
	static unsigned long handles[60000];
	struct zs_pool_options options = { .size = sizeof(options), .flags = ZS_POOL_COMPACTOR | ZS_POOL_DENSE };
	struct zs_pool *pool = zs_create_pool_with(&options);
	char text[256];

	(void)state;
	fill_and_thin_out(pool, handles, NR_OF(handles));
	for (unsigned int i = 0; i < 60; i++) {
		assert_int_equal(run_child(use_in_child, pool, text, sizeof(text)), 0);
		assert_string_equal(text, "");
	}
	for (unsigned int i = 0; i < NR_OF(handles); i += 4)
		assert_painted(pool, handles[i], 1000, i);
	zs_destroy_pool(pool);
}

#ifndef TEST_ON_SIM /* its own locks are not made for forks */

struct neighbour {
	struct zs_pool *pool; /* NULL: it makes pools and destroys them */
	bool done;
};

/* A thread that is inside a call for most of the time, though not on the pool that a child is going to use. */
static void *be_busy(void *arg)
{
	struct neighbour *n = arg;

	while (!__atomic_load_n(&n->done, __ATOMIC_RELAXED)) {
		struct zs_pool *pool = n->pool ? n->pool : zs_create_pool(ZS_POOL_COMPACTOR, NULL);

		if (!pool)
			abort();
		zs_free(pool, zs_malloc(pool, 1000, 0));
		if (!n->pool)
			zs_destroy_pool(pool);
	}
	return NULL;
}

/* The copy of a pool is the child's own, and new pools, with a thread or without, can be made beside it. */
static void use_and_make_in_child(void *arg)
{
	alarm(60);
	for (unsigned int flags = 0; flags <= ZS_POOL_COMPACTOR; flags++) {
		struct zs_pool *pool = zs_create_pool(flags, NULL);

		if (!pool)
			_exit(2);
		zs_free(pool, zs_malloc(pool, 1000, 0));
		zs_destroy_pool(pool);
	}
	zs_compact(arg);
	use_in_child(arg);
}

static void fork_and_check(struct bench *b)
{
	static unsigned long handles[2000];
	char text[256];

	for (unsigned int i = 0; i < NR_OF(handles); i++) {
		handles[i] = make_object(b->pool, 1 + i);
		paint(b->pool, handles[i], 1 + i, i);
	}
	for (unsigned int i = 1; i < NR_OF(handles); i += 2)
		zs_free(b->pool, handles[i]);
	for (unsigned int i = 0; i < 40; i++) {
		assert_int_equal(run_child(use_and_make_in_child, b->pool, text, sizeof(text)), 0);
		assert_string_equal(text, "");
	}
	for (unsigned int i = 0; i < NR_OF(handles); i += 2) {
		assert_painted(b->pool, handles[i], 1 + i, i);
		zs_free(b->pool, handles[i]);
	}
}

/* Forks while other threads are inside calls on other pools, make pools, and destroy them. */
static void test_fork_beside_threads(void **state)
{
	struct neighbour neighbours[3] = { { .pool = zs_create_pool(0, NULL) } };
	pthread_t threads[NR_OF(neighbours)];

	(void)state;
	if (UNIT_SANITIZED) { /* a sanitizer's own locks are not made for forks either, if threads come and go */
		zs_destroy_pool(neighbours[0].pool);
		skip();
	}
	neighbours[1].pool = neighbours[0].pool;
	for (unsigned int i = 0; i < NR_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, be_busy, &neighbours[i]), 0);
	for (unsigned int i = 0; i < 4; i++) {
		struct bench b;

		bench_create(&b, i & 1, (struct zs_pool_options){ .flags = i & 2 ? ZS_POOL_COMPACTOR : 0 });
		fork_and_check(&b);
		bench_destroy(&b);
	}
	for (unsigned int i = 0; i < NR_OF(threads); i++) {
		__atomic_store_n(&neighbours[i].done, true, __ATOMIC_RELAXED);
		pthread_join(threads[i], NULL);
	}
	zs_destroy_pool(neighbours[0].pool);
}

#endif

static void test_create_refuses(void **state)
{
	static const size_t sizes[] = { 0, 1, sizeof(struct zs_pool_options) - 1, sizeof(struct zs_pool_options) + 8,
					~(size_t)0 };
	const size_t size = sizeof(struct zs_pool_options);
	struct test_pages pages = { .pool = NULL };
	struct zs_ops ops;

	(void)state;
	for (unsigned int i = 0; i < NR_OF(sizes); i++)
		assert_refused((struct zs_pool_options){ .size = sizes[i] }, EINVAL);
	for (unsigned int bit = 0; bit < 32; bit++) {
		if (1u << bit == ZS_POOL_COMPACTOR || 1u << bit == ZS_POOL_ZERO_ON_FREE)
			continue; /* ZS_POOL_DENSE alone means nothing */
		assert_refused((struct zs_pool_options){ .size = size, .flags = 1u << bit }, EINVAL);
		errno = 0;
		assert_null(zs_create_pool(1u << bit, NULL));
		assert_int_equal(errno, EINVAL);
	}
	assert_refused((struct zs_pool_options){ .size = size, .flags = ZS_POOL_DENSE | ZS_POOL_ZERO_ON_FREE }, EINVAL);
	assert_refused((struct zs_pool_options){ .size = size, .max_object_size = 65537 }, EINVAL);
	assert_refused((struct zs_pool_options){ .size = size, .max_object_size = (1ull << 32) + 1 }, EINVAL);
	ops = test_pages_ops(&pages);
	ops.alloc = NULL;
	assert_refused((struct zs_pool_options){ .size = size, .ops = &ops }, EINVAL);
	assert_null(zs_create_pool(0, &ops));
	ops = test_pages_ops(&pages);
	ops.free = NULL;
	assert_refused((struct zs_pool_options){ .size = size, .ops = &ops }, EINVAL);
	assert_null(zs_create_pool(0, &ops));
}

/* Destroying frees what lives, and maps with it. */
static void test_destroy_frees_objects(void **state)
{
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++) {
		bench_create(&b, has_ops, NO_OPTIONS);
		for (unsigned int i = 0; i < 100; i++)
			zs_map_object(b.pool, make_object(b.pool, 1 + i * 40), ZS_MM_RW);
		bench_destroy(&b);
	}
}

/* ---- allocating ---- */

static void test_sizes(void **state)
{
	static const size_t maxima[] = { 1, 100, 4096, 65536 };
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++)
		for (unsigned int i = 0; i < NR_OF(maxima); i++) {
			static const size_t too_large[] = { 1, 4096, ~(size_t)0 };

			bench_create(&b, has_ops, (struct zs_pool_options){ .max_object_size = maxima[i] });
			make_object(b.pool, 1);
			make_object(b.pool, maxima[i]);
			errno = 0;
			assert_int_equal(zs_malloc(b.pool, 0, 0), 0);
			assert_int_equal(errno, EINVAL);
			for (unsigned int j = 0; j < NR_OF(too_large); j++) {
				errno = 0;
				assert_int_equal(zs_malloc(b.pool,
							   too_large[j] < 65536 ? maxima[i] + too_large[j]
										: too_large[j],
							   0),
						 0);
				assert_int_equal(errno, ENOSPC);
			}
			assert_int_equal(stats_of(b.pool).objects, 2);
			assert_int_equal(stats_of(b.pool).failed_allocs, 0);
			bench_destroy(&b);
		}
}

static void test_handles_look_right(void **state)
{
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++) {
		bench_create(&b, has_ops, NO_OPTIONS);
		for (unsigned int i = 0; i < 3000; i++) {
			unsigned long handle = make_object(b.pool, 1 + i % 4096);

			assert_true(handle < (unsigned long)-4095l);
			if (sizeof(long) == 8)
				assert_int_equal((uint64_t)handle >> 48, 0);
		}
		bench_destroy(&b);
	}
}

static void test_exhausted_source(void **state)
{
	struct bench b;
	unsigned long handles[64];
	unsigned int nr = 0;

	(void)state;
	bench_create(&b, true, NO_OPTIONS);
	b.pages.budget = 10;
	while ((handles[nr] = zs_malloc(b.pool, 4096, 0)) != 0)
		nr++;
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(nr, 10);
	assert_int_equal(zs_get_total_pages(b.pool), 10);
	assert_int_equal(stats_of(b.pool).failed_allocs, 1);
	zs_free(b.pool, handles[4]);
	assert_int_equal(b.pages.nr_out, 9); /* it goes back as soon as it is empty */
	make_object(b.pool, 4096);
	bench_destroy(&b);
}

/* The source sees all bits of the flags but ZS_NOGROW. */
static void test_source_sees_flags(void **state)
{
	struct bench b;

	(void)state;
	bench_create(&b, true, NO_OPTIONS);
	for (unsigned int bit = 0; bit < 31; bit++) {
		assert_int_not_equal(zs_malloc(b.pool, 4096, 1u << bit), 0);
		assert_int_equal(b.pages.last_flags, 1u << bit);
	}
	assert_int_not_equal(zs_malloc(b.pool, 4096, 0x7fffffff), 0);
	assert_int_equal(b.pages.last_flags, 0x7fffffff);
	bench_destroy(&b);
}

static void test_nogrow(void **state)
{
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++) {
		unsigned long pages, asked;

		bench_create(&b, has_ops, NO_OPTIONS);
		errno = 0;
		assert_int_equal(zs_malloc(b.pool, 1000, ZS_NOGROW), 0);
		assert_int_equal(errno, ENOMEM);
		make_object(b.pool, 1000);
		pages = zs_get_total_pages(b.pool);
		asked = b.pages.nr_allocs;
		for (unsigned int i = 0; i < 2; i++)
			assert_int_not_equal(zs_malloc(b.pool, 1000, ZS_NOGROW | 5), 0);
		while (zs_malloc(b.pool, 1000, ZS_NOGROW))
			;
		assert_int_equal(errno, ENOMEM);
		assert_int_equal(zs_get_total_pages(b.pool), pages);
		assert_int_equal(b.pages.nr_allocs, asked);
		assert_int_equal(b.pages.nr_refused, 0);
		bench_destroy(&b);
	}
}

/* ---- the limit ---- */

static void fill_up(struct bench *b, uint64_t limit, size_t size)
{
	unsigned long handle;

	while ((handle = zs_malloc(b->pool, size, 0)) != 0) {
		assert_true(zs_get_total_size_bytes(b->pool) <= limit);
		/* It stays mapped; a copy may find no room. */
		if (!zs_map_object(b->pool, handle, ZS_MM_RO))
			assert_int_equal(errno, ENOMEM);
		assert_true(zs_get_total_size_bytes(b->pool) <= limit);
	}
	assert_int_equal(errno, ENOMEM);
	assert_true(zs_get_total_size_bytes(b->pool) <= limit);
}

/* Objects, metadata and buffers together stay within it, and use most of it. */
static void test_limit_bounds_total(void **state)
{
	static const uint64_t limits[] = { 100000, 1 << 20, (1 << 20) + 5000, 5 << 20 };
	static const size_t sizes[] = { 40, 1000, 3000, 4096 };
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++)
		for (unsigned int i = 0; i < NR_OF(limits) * NR_OF(sizes); i++) {
			uint64_t limit = limits[i % NR_OF(limits)];

			bench_create(&b, has_ops, (struct zs_pool_options){ .limit_bytes = limit });
			fill_up(&b, limit, sizes[i / NR_OF(limits)]);
			assert_true(stats_of(b.pool).objects > 0);
			bench_destroy(&b);
		}
}

/* A limit that not even an empty pool keeps is ENOMEM from the start; no pool ever says more than its limit. */
static void test_tiny_limits(void **state)
{
	(void)state;
	for (uint64_t limit = 1; limit < 70000; limit += 1021) {
		struct zs_pool_options options = { .size = sizeof(options), .limit_bytes = limit };
		struct zs_pool *pool;

		errno = 0;
		pool = zs_create_pool_with(&options);
		if (!pool) {
			assert_int_equal(errno, ENOMEM);
			continue;
		}
		while (zs_malloc(pool, 100, 0))
			assert_true(zs_get_total_size_bytes(pool) <= limit);
		assert_true(zs_get_total_size_bytes(pool) <= limit);
		zs_destroy_pool(pool);
	}
}

/* ---- mapping ---- */

/* Finds an object that is copied when mapped. The other objects stay. */
static unsigned long make_copied_object(struct bench *b, size_t size)
{
	unsigned char copy[4096];

	for (;;) {
		unsigned long handle = make_object(b->pool, size);
		const void *mem = zs_obj_read_begin(b->pool, handle, size, copy);

		zs_obj_read_end(b->pool, handle, size, mem);
		if (mem == copy)
			return handle;
	}
}

static unsigned char *map(struct zs_pool *pool, unsigned long handle, enum zs_mapmode mode)
{
	unsigned char *mem = zs_map_object(pool, handle, mode);

	assert_non_null(mem);
	return mem;
}

static void fill(struct zs_pool *pool, unsigned long handle, size_t size, enum zs_mapmode mode, int with)
{
	memset(map(pool, handle, mode), with, size);
	zs_unmap_object(pool, handle);
}

static void assert_filled(struct zs_pool *pool, unsigned long handle, size_t size, int with)
{
	const unsigned char *mem = map(pool, handle, ZS_MM_RO);

	for (size_t i = 0; i < size; i++)
		assert_int_equal(mem[i], with);
	zs_unmap_object(pool, handle);
}

static void test_modes_of_copied_objects(void **state)
{
	unsigned long handle;
	unsigned char *mem;
	struct bench b;

	(void)state;
	bench_create(&b, true, NO_OPTIONS);
	handle = make_copied_object(&b, 3000);
	fill(b.pool, handle, 3000, ZS_MM_WO, 0x11);
	assert_filled(b.pool, handle, 3000, 0x11);
	fill(b.pool, handle, 3000, ZS_MM_RW, 0x22);
	assert_filled(b.pool, handle, 3000, 0x22);
	fill(b.pool, handle, 3000, ZS_MM_RO, 0x33); /* forbidden, and here without effect */
	assert_filled(b.pool, handle, 3000, 0x22);
	fill(b.pool, handle, 3000, ZS_MM_RO, 0x44);
	mem = map(b.pool, handle, ZS_MM_WO);
	assert_int_equal(mem[0], 0x44); /* the buffer as it was left, not the object */
	memset(mem, 0x55, 3000);
	zs_unmap_object(b.pool, handle);
	assert_filled(b.pool, handle, 3000, 0x55);
	bench_destroy(&b);
}

/* In the library's own pages every object lies in one piece, and the modes make no difference. */
static void test_modes_in_own_pages(void **state)
{
	static const enum zs_mapmode modes[] = { ZS_MM_RW, ZS_MM_RO, ZS_MM_WO };
	struct bench b;

	(void)state;
	bench_create(&b, false, (struct zs_pool_options){ .max_object_size = 65536 });
	for (unsigned int i = 0; i < 60; i++) {
		unsigned long handle = make_object(b.pool, 1000 + i * 1000);
		const unsigned char *at = map(b.pool, handle, ZS_MM_RW);

		zs_unmap_object(b.pool, handle);
		fill(b.pool, handle, 1000 + i * 1000, modes[i % 3], (int)i);
		assert_ptr_equal(map(b.pool, handle, modes[(i + 1) % 3]), at);
		assert_int_equal(at[999 + i * 1000], i);
		zs_unmap_object(b.pool, handle);
		assert_ptr_equal(zs_obj_read_begin(b.pool, handle, 1000 + i * 1000, NULL), at);
		zs_obj_read_end(b.pool, handle, 1000 + i * 1000, at);
	}
	bench_destroy(&b);
}

static void test_read_only_maps_nest(void **state)
{
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++) {
		unsigned long handle;
		void *mem;

		bench_create(&b, has_ops, NO_OPTIONS);
		handle = has_ops ? make_copied_object(&b, 3000) : make_object(b.pool, 3000);
		mem = map(b.pool, handle, ZS_MM_RO);
		for (unsigned int depth = 1; depth < 16000; depth++)
			assert_ptr_equal(map(b.pool, handle, ZS_MM_RO), mem);
		errno = 0;
		assert_null(zs_map_object(b.pool, handle, ZS_MM_RO));
		assert_int_equal(errno, EBUSY);
		for (unsigned int depth = 0; depth < 16000; depth++)
			zs_unmap_object(b.pool, handle);
		zs_free(b.pool, handle);
		bench_destroy(&b);
	}
}

struct nester {
	struct zs_pool *pool;
	unsigned long handle;
	bool done;
};

static void *nest_once_more(void *arg)
{
	struct nester *n = arg;

	while (!__atomic_load_n(&n->done, __ATOMIC_RELAXED)) {
		zs_map_object(n->pool, n->handle, ZS_MM_RO);
		zs_unmap_object(n->pool, n->handle);
	}
	return NULL;
}

/* Reads that are refused leave an object as it was, also where maps nest so deep that the short way ends just there. */
static void test_refused_reads_leave_no_pin(void **state)
{
	const unsigned int depth = (1u << 13) - 1;
	pthread_t thread;
	struct nester n;
	struct bench b;

	(void)state;
	bench_create(&b, false, NO_OPTIONS);
	n = (struct nester){ .pool = b.pool, .handle = make_object(b.pool, 64) };
	for (unsigned int i = 0; i < depth; i++)
		assert_non_null(zs_map_object(b.pool, n.handle, ZS_MM_RO));
	assert_int_equal(pthread_create(&thread, NULL, nest_once_more, &n), 0);
	for (unsigned int i = 0; i < (UNIT_SANITIZED ? 200000u : 10000000u); i++)
		assert_null(zs_obj_read_begin(b.pool, n.handle, ZS_PAGE_BYTES, NULL));
	__atomic_store_n(&n.done, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (unsigned int i = 0; i < depth; i++)
		zs_unmap_object(b.pool, n.handle);
	zs_free(b.pool, n.handle);
	assert_int_equal(stats_of(b.pool).objects, 0);
	bench_destroy(&b);
}

static void test_alignment(void **state)
{
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++) {
		bench_create(&b, has_ops, (struct zs_pool_options){ .max_object_size = 65536 });
		for (unsigned int i = 0; i < 500; i++)
			assert_int_equal((uintptr_t)map(b.pool, make_object(b.pool, 1 + i * 131), ZS_MM_WO) % 16, 0);
		bench_destroy(&b);
	}
}

/* ---- reading and writing ---- */

static void test_read_begin(void **state)
{
	unsigned char copy[8192];
	unsigned long handle;
	struct bench b;

	(void)state;
	bench_create(&b, true, NO_OPTIONS);
	handle = make_copied_object(&b, 3000);
	fill(b.pool, handle, 3000, ZS_MM_RW, 0x77);
	errno = 0;
	assert_null(zs_obj_read_begin(b.pool, handle, 3000, NULL));
	assert_int_equal(errno, EINVAL);
	errno = 0;
	assert_null(zs_obj_read_begin(b.pool, handle, 4097, copy));
	assert_int_equal(errno, EINVAL);
	assert_ptr_equal(zs_obj_read_begin(b.pool, handle, 3000, copy), copy);
	assert_int_equal(copy[2999], 0x77);
	zs_free(b.pool, handle); /* it is pinned */
	assert_error(&b.log, EBUSY);
	zs_obj_read_end(b.pool, handle, 3000, copy);
	zs_free(b.pool, handle);
	bench_destroy(&b);
}

/* In an arena nothing is copied; a length beyond the slot is refused, and leaves no pin. */
static void test_read_begin_in_place(void **state)
{
	unsigned long handle;
	const unsigned char *at;
	struct bench b;

	(void)state;
	bench_create(&b, false, NO_OPTIONS);
	handle = make_object(b.pool, 3000);
	fill(b.pool, handle, 3000, ZS_MM_RW, 0x77);
	errno = 0;
	assert_null(zs_obj_read_begin(b.pool, handle, 4097, NULL));
	assert_int_equal(errno, EINVAL);
	at = zs_obj_read_begin(b.pool, handle, 3000, NULL);
	assert_non_null(at);
	assert_int_equal(at[2999], 0x77);
	zs_obj_read_end(b.pool, handle, 3000, at);
	zs_free(b.pool, handle);
	assert_int_equal(b.log.nr, 0);
	bench_destroy(&b);
}

static void test_write(void **state)
{
	static const unsigned char bytes[4200];
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++) {
		unsigned long handle;

		bench_create(&b, has_ops, NO_OPTIONS);
		handle = has_ops ? make_copied_object(&b, 3000) : make_object(b.pool, 3000);
		fill(b.pool, handle, 3000, ZS_MM_WO, 0xee);
		assert_int_equal(zs_obj_write(b.pool, handle, bytes, 2999), 0);
		assert_filled(b.pool, handle, 2999, 0);
		assert_int_equal(map(b.pool, handle, ZS_MM_RO)[2999], 0xee);
		zs_unmap_object(b.pool, handle);
		assert_int_equal(zs_obj_write(b.pool, handle, bytes, 4097), -EINVAL);
		assert_int_equal(zs_obj_write(b.pool, handle, bytes, 0), 0);
		bench_destroy(&b);
	}
}

/* ---- bad handles ---- */

static void assert_all_report(struct bench *b, unsigned long handle)
{
	unsigned char byte = 0;

	errno = 0;
	assert_null(zs_map_object(b->pool, handle, ZS_MM_RO));
	assert_int_equal(errno, EINVAL);
	assert_error(&b->log, EINVAL);
	errno = 0;
	assert_null(zs_obj_read_begin(b->pool, handle, 1, &byte));
	assert_int_equal(errno, EINVAL);
	assert_error(&b->log, EINVAL);
	assert_int_equal(zs_obj_write(b->pool, handle, &byte, 1), -EINVAL);
	assert_error(&b->log, EINVAL);
	zs_unmap_object(b->pool, handle);
	assert_error(&b->log, EINVAL);
	zs_obj_read_end(b->pool, handle, 1, &byte);
	assert_error(&b->log, EINVAL);
	zs_free(b->pool, handle);
	if (handle)
		assert_error(&b->log, EINVAL);
	assert_int_equal(b->log.nr, 0);
}

static void test_bad_handles_are_reported(void **state)
{
	struct bench b, other;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++) {
		unsigned long good, bad[7];

		bench_create(&b, has_ops, NO_OPTIONS);
		bench_create(&other, has_ops, NO_OPTIONS);
		good = make_object(b.pool, 500);
		fill(b.pool, good, 500, ZS_MM_RW, 0x12);
		bad[0] = make_object(b.pool, 500);
		zs_free(b.pool, bad[0]);
		bad[1] = make_object(other.pool, 500);
		bad[2] = good ^ 1;
		bad[3] = 0;
		bad[4] = ~0ul;
		bad[5] = 12345678;
		bad[6] = (unsigned long)&b;
		/* One in 65536 foreign handles passes for a good one. */
		for (unsigned int i = 0; i < NR_OF(bad); i++)
			if (bad[i] != good)
				assert_all_report(&b, bad[i]);
		assert_filled(b.pool, good, 500, 0x12);
		assert_int_equal(stats_of(b.pool).objects, 1);
		assert_true(stats_of(b.pool).bad_handles >= 6 * 6);
		bench_destroy(&other);
		bench_destroy(&b);
	}
}

static void test_misuse_is_reported(void **state)
{
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++) {
		unsigned long handle;

		bench_create(&b, has_ops, NO_OPTIONS);
		handle = has_ops ? make_copied_object(&b, 3000) : make_object(b.pool, 3000);
		zs_unmap_object(b.pool, handle);
		assert_error(&b.log, EINVAL);
		map(b.pool, handle, ZS_MM_RO);
		zs_free(b.pool, handle);
		assert_error(&b.log, EBUSY);
		zs_unmap_object(b.pool, handle);
		zs_free(b.pool, handle);
		assert_int_equal(b.log.nr, 0);
		zs_free(b.pool, handle);
		assert_error(&b.log, EINVAL);
		zs_free(b.pool, 0);
		bench_destroy(&b);
	}
}

static void free_twice(void *arg)
{
	struct zs_pool *pool = zs_create_pool(0, NULL);
	unsigned long handle = zs_malloc(pool, 100, 0);

	(void)arg;
	zs_free(pool, handle);
	zs_free(pool, handle);
}

static void free_mapped(void *arg)
{
	struct zs_pool *pool = zs_create_pool(0, NULL);
	unsigned long handle = zs_malloc(pool, 100, 0);

	(void)arg;
	zs_map_object(pool, handle, ZS_MM_RO);
	zs_free(pool, handle);
}

static void test_default_is_to_abort(void **state)
{
	(void)state;
	assert_aborts(free_twice, NULL, "zsmalloc: ");
	assert_aborts(free_twice, NULL, "freed twice");
	assert_aborts(free_mapped, NULL, "mapped");
}

/* ---- bulk ---- */

static void test_bulk(void **state)
{
	static const size_t sizes[] = { 1, 4096, 300, 300, 0, 300 };
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++) {
		unsigned long handles[6];

		bench_create(&b, has_ops, NO_OPTIONS);
		memset(handles, 0xff, sizeof(handles));
		errno = 0;
		assert_int_equal(zs_malloc_bulk(b.pool, sizes, handles, 4, 0), 4);
		assert_int_equal(errno, 0);
		assert_int_equal(handles[4], ~0ul);
		for (unsigned int i = 0; i < 4; i++)
			fill(b.pool, handles[i], sizes[i], ZS_MM_WO, (int)i);
		for (unsigned int i = 0; i < 4; i++)
			assert_filled(b.pool, handles[i], sizes[i], (int)i);
		zs_free_bulk(b.pool, handles, 4);
		assert_int_equal(stats_of(b.pool).objects, 0);
		assert_int_equal(zs_malloc_bulk(b.pool, sizes, handles, 6, 0), 4);
		assert_int_equal(errno, EINVAL);
		assert_int_equal(handles[4] | handles[5], 0);
		zs_free_bulk(b.pool, handles, 6);
		assert_int_equal(stats_of(b.pool).objects, 0);
		assert_int_equal(zs_malloc_bulk(b.pool, sizes, handles, 0, 0), 0);
		zs_free_bulk(b.pool, handles, 0);
		bench_destroy(&b);
	}
}

static void test_bulk_that_fails(void **state)
{
	size_t sizes[20];
	unsigned long handles[20];
	struct bench b;

	(void)state;
	bench_create(&b, true, NO_OPTIONS);
	b.pages.budget = 7;
	for (unsigned int i = 0; i < NR_OF(sizes); i++)
		sizes[i] = 4096;
	memset(handles, 0xff, sizeof(handles));
	assert_int_equal(zs_malloc_bulk(b.pool, sizes, handles, 20, 0), 7);
	assert_int_equal(errno, ENOMEM);
	for (unsigned int i = 7; i < 20; i++)
		assert_int_equal(handles[i], 0);
	sizes[0] = 5000;
	assert_int_equal(zs_malloc_bulk(b.pool, sizes, handles + 7, 1, 0), 0);
	assert_int_equal(errno, ENOSPC);
	handles[7] = handles[3];
	zs_free_bulk(b.pool, handles, 20);
	assert_error(&b.log, EINVAL);
	assert_int_equal(stats_of(b.pool).objects, 0);
	assert_int_equal(zs_malloc_bulk(b.pool, sizes + 1, handles, 1, ZS_NOGROW), 0);
	assert_int_equal(errno, ENOMEM);
	bench_destroy(&b);
}

/* ---- figures ---- */

static void test_stats_of_a_caller_that_knows_less(void **state)
{
	const size_t size = sizeof(struct zs_pool_stats);
	struct zs_pool_stats all, part;
	struct bench b;

	(void)state;
	bench_create(&b, false, NO_OPTIONS);
	make_object(b.pool, 4096);
	all = stats_of(b.pool);
	for (size_t known = 0; known <= size + 64; known++) {
		size_t whole = known < size ? known / 8 * 8 : size;

		memset(&part, 0xaa, size);
		part.size = known;
		zs_pool_stats(b.pool, &part);
		assert_int_equal(part.size, known);
		if (whole > sizeof(part.size))
			assert_memory_equal(&part.objects, &all.objects,
					    whole - offsetof(struct zs_pool_stats, objects));
		for (size_t i = whole > sizeof(part.size) ? whole : sizeof(part.size); i < size; i++)
			assert_int_equal(((unsigned char *)&part)[i], 0xaa);
	}
	bench_destroy(&b);
}

static void test_totals(void **state)
{
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++) {
		struct zs_pool_stats stats;

		bench_create(&b, has_ops, NO_OPTIONS);
		for (unsigned int i = 0; i < 500; i++) {
			make_object(b.pool, 1 + i * 8);
			stats = stats_of(b.pool);
			assert_int_equal(stats.objects, i + 1);
			assert_int_equal(stats.pages, zs_get_total_pages(b.pool));
			assert_int_equal(stats.pages * ZS_PAGE_BYTES + stats.metadata_bytes,
					 zs_get_total_size_bytes(b.pool));
			assert_true(stats.slot_bytes <= stats.pages * ZS_PAGE_BYTES);
			if (has_ops)
				assert_int_equal(stats.pages, b.pages.nr_out);
		}
		bench_destroy(&b);
	}
}

static void test_class_of_a_size(void **state)
{
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++) {
		size_t huge;
		unsigned int last = 0;

		bench_create(&b, has_ops, (struct zs_pool_options){ .max_object_size = 20000 });
		huge = zs_huge_class_size(b.pool);
		assert_in_range(huge, 1, 4096);
		for (size_t size = 0; size <= 20000; size++) {
			unsigned int index = zs_lookup_class_index(b.pool, size);

			assert_true(index >= last);
			last = index;
		}
		assert_int_equal(zs_lookup_class_index(b.pool, 20001), last);
		assert_int_equal(zs_lookup_class_index(b.pool, ~(size_t)0), last);
		assert_int_equal(zs_lookup_class_index(b.pool, huge), zs_lookup_class_index(b.pool, 4096));
		assert_true(zs_lookup_class_index(b.pool, huge - 1) < zs_lookup_class_index(b.pool, huge));
		last = zs_lookup_class_index(b.pool, 1000);
		for (unsigned int i = 0; i < 300; i++)
			make_object(b.pool, 1000);
		assert_int_equal(zs_lookup_class_index(b.pool, 1000), last); /* never changes */
		assert_int_equal(zs_huge_class_size(b.pool), huge);
		bench_destroy(&b);
	}
}

static void test_version(void **state)
{
	char text[32];

	(void)state;
	snprintf(text, sizeof(text), "%d.%d.%d", ZS_VERSION_MAJOR, ZS_VERSION_MINOR, ZS_VERSION_PATCH);
	assert_string_equal(zs_version(), text);
}

/* ---- compaction ---- */

static void make_holes(struct bench *b)
{
	unsigned long handles[400];

	for (unsigned int i = 0; i < NR_OF(handles); i++)
		handles[i] = make_object(b->pool, 1360);
	for (unsigned int i = 0; i < NR_OF(handles); i++)
		if (i % 3)
			zs_free(b->pool, handles[i]);
}

static void test_compact(void **state)
{
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++) {
		unsigned long before, given;

		bench_create(&b, has_ops, NO_OPTIONS);
		assert_int_equal(zs_compact(b.pool), 0);
		make_holes(&b);
		before = zs_get_total_pages(b.pool);
		given = zs_compact(b.pool);
		assert_true(given > 50);
		assert_int_equal(zs_get_total_pages(b.pool), before - given);
		assert_int_equal(stats_of(b.pool).pages_compacted, given);
		assert_true(stats_of(b.pool).objects_moved > 0);
		assert_int_equal(zs_compact(b.pool), 0);
		bench_destroy(&b);
	}
}

static void test_compact_some(void **state)
{
	struct bench b;

	(void)state;
	for (int has_ops = 0; has_ops < 2; has_ops++) {
		unsigned int calls = 0;
		unsigned long given;

		bench_create(&b, has_ops, NO_OPTIONS);
		errno = EPERM;
		assert_int_equal(zs_compact_some(b.pool, 0, 0), 0);
		assert_int_equal(errno, 0);
		make_holes(&b);
		given = zs_compact_some(b.pool, 5, 0);
		assert_in_range(given, 5, 8);
		assert_int_equal(errno, EAGAIN);
		assert_in_range(zs_compact_some(b.pool, 0, 1), 0, 3); /* one step, and the time has passed */
		assert_int_equal(errno, EAGAIN);
		do
			zs_compact_some(b.pool, 10, 1000000000);
		while (errno == EAGAIN && ++calls < 100);
		assert_int_equal(errno, 0);
		assert_true(calls >= 4);
		assert_int_equal(zs_compact(b.pool), 0);
		bench_destroy(&b);
	}
}

static int setup(void **state)
{
	(void)state;
#ifdef TEST_ON_SIM
	zs_sim_reset();
#endif
	return 0;
}

static int teardown(void **state)
{
	bool clean = true;

	(void)state;
#ifdef TEST_ON_SIM
	clean = zs_sim_is_clean();
	zs_sim = (struct zs_sim){ .page_shift = 12 };
#endif
	return clean ? 0 : -1;
}

#define API_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(test_create_with_defaults),
		API_TEST(test_create_refuses),
		API_TEST(test_compactor),
		API_TEST(test_compactor_has_its_own_faults),
		API_TEST(test_fork_beside_a_compactor),
#ifndef TEST_ON_SIM
		API_TEST(test_fork_beside_threads),
#endif
		API_TEST(test_destroy_frees_objects),
		API_TEST(test_sizes),
		API_TEST(test_handles_look_right),
		API_TEST(test_exhausted_source),
		API_TEST(test_source_sees_flags),
		API_TEST(test_nogrow),
		API_TEST(test_limit_bounds_total),
		API_TEST(test_tiny_limits),
		API_TEST(test_modes_of_copied_objects),
		API_TEST(test_modes_in_own_pages),
		API_TEST(test_read_only_maps_nest),
		API_TEST(test_refused_reads_leave_no_pin),
		API_TEST(test_alignment),
		API_TEST(test_read_begin),
		API_TEST(test_read_begin_in_place),
		API_TEST(test_write),
		API_TEST(test_bad_handles_are_reported),
		API_TEST(test_misuse_is_reported),
		API_TEST(test_default_is_to_abort),
		API_TEST(test_bulk),
		API_TEST(test_bulk_that_fails),
		API_TEST(test_stats_of_a_caller_that_knows_less),
		API_TEST(test_totals),
		API_TEST(test_class_of_a_size),
		API_TEST(test_version),
		API_TEST(test_compact),
		API_TEST(test_compact_some),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
