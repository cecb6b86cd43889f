/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Options of the sizes that version 0.1 had are taken, whatever has been added since, and figures of those sizes are
 * written and nothing behind them. The numbers are those of 64-bit systems; they stay as they are (docs/abi.md).
 */
#include "unit.h"

#include "uffd_there.h"
#include "zcache.h"
#include "zswap.h"

#define ZS_POOL_OPTIONS_0_1 64
#define ZS_POOL_STATS_0_1 80
#define ZSWAP_OPTIONS_0_1 72
#define ZSWAP_STATS_0_1 248
#define ZCACHE_OPTIONS_0_1 32
#define ZCACHE_POOL_OPTIONS_0_1 16
#define ZCACHE_WATCH_OPTIONS_0_1 40
#define ZCACHE_STATS_0_1 144

#define LIMIT_BYTES (4u << 20)
#define MARK 0xa5

/* Room for figures, all of it marked, of which the call is told so many bytes. */
struct figures {
	union {
		size_t size;
		unsigned char bytes[1024];
	};
};

static void mark(struct figures *figures, size_t size)
{
	memset(figures, MARK, sizeof(*figures));
	figures->size = size;
}

/* The last member was written, the byte behind was not. */
static void assert_written(const struct figures *figures, size_t size)
{
	static const unsigned char untouched[8] = { MARK, MARK, MARK, MARK, MARK, MARK, MARK, MARK };

	assert_memory_not_equal(figures->bytes + size - sizeof(untouched), untouched, sizeof(untouched));
	for (size_t i = size; i < sizeof(*figures); i++)
		assert_int_equal(figures->bytes[i], MARK);
}

static void test_pool(void **state)
{
	struct zs_pool_options options = { .size = ZS_POOL_OPTIONS_0_1, .limit_bytes = LIMIT_BYTES };
	struct zs_pool *pool = zs_create_pool_with(&options);
	struct figures figures;

	(void)state;
	assert_non_null(pool);
	mark(&figures, ZS_POOL_STATS_0_1);
	zs_pool_stats(pool, (struct zs_pool_stats *)&figures);
	assert_written(&figures, ZS_POOL_STATS_0_1);
	zs_destroy_pool(pool);
}

static void test_cache(void **state)
{
	struct zcache_options options = { .size = ZCACHE_OPTIONS_0_1, .limit_bytes = LIMIT_BYTES };
	struct zcache_pool_options pool_options = { .size = ZCACHE_POOL_OPTIONS_0_1 };
	struct zcache_watch_options watch_options = { .size = ZCACHE_WATCH_OPTIONS_0_1, .psi_path = "/nowhere" };
	struct zcache *cache = zcache_create(&options);
	struct figures figures;

	(void)state;
	assert_non_null(cache);
	assert_int_equal(zcache_new_pool(cache, &pool_options), 0);
	assert_int_equal(zcache_watch(cache, &watch_options), -ENOENT);
	mark(&figures, ZCACHE_STATS_0_1);
	zcache_stats(cache, (struct zcache_stats *)&figures);
	assert_written(&figures, ZCACHE_STATS_0_1);
	zcache_destroy(cache);
}

static void test_compressed_memory(void **state)
{
	struct zswap_options options = { .size = ZSWAP_OPTIONS_0_1, .resident_limit_bytes = LIMIT_BYTES };
	struct figures figures;
	struct zswap *zswap;

	(void)state;
	if (!uffd_user_features())
		skip();
	zswap = zswap_create(&options);
	assert_non_null(zswap);
	mark(&figures, ZSWAP_STATS_0_1);
	zswap_stats(zswap, (struct zswap_stats *)&figures);
	assert_written(&figures, ZSWAP_STATS_0_1);
	zswap_destroy(zswap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_compressed_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
