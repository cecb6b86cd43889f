/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The allocator in one page: store, read, shrink.
 *
 *   cc hello.c $(pkg-config --cflags --libs zsmalloc) -o hello && ./hello
 */
#include <stdio.h>
#include <string.h>

#include <zsmalloc.h>

#define NR_OBJECTS 10000

static unsigned long handles[NR_OBJECTS];

static void print_size(const char *when, struct zs_pool *pool)
{
	printf("%-12s %7.1f KiB\n", when, (double)zs_get_total_size_bytes(pool) / 1024);
}

/* Objects of 100 to 3099 bytes, each filled with its number. */
static int store_all(struct zs_pool *pool)
{
	for (int i = 0; i < NR_OBJECTS; i++) {
		size_t size = 100 + (size_t)i * 7 % 3000;
		void *object;

		handles[i] = zs_malloc(pool, size, 0);
		if (!handles[i])
			return -1;
		object = zs_map_object(pool, handles[i], ZS_MM_WO);
		if (!object)
			return -1;
		memset(object, i & 0xff, size);
		zs_unmap_object(pool, handles[i]);
	}
	return 0;
}

/* Whether every second object still holds its number. */
static int check_rest(struct zs_pool *pool)
{
	for (int i = 1; i < NR_OBJECTS; i += 2) {
		const unsigned char *object = zs_map_object(pool, handles[i], ZS_MM_RO);
		int same = object && object[0] == (i & 0xff);

		if (object)
			zs_unmap_object(pool, handles[i]);
		if (!same)
			return -1;
	}
	return 0;
}

int main(void)
{
	struct zs_pool *pool = zs_create_pool(0, NULL);

	if (!pool || store_all(pool)) {
		perror("hello");
		return 1;
	}
	print_size("stored", pool);
	for (int i = 0; i < NR_OBJECTS; i += 2)
		zs_free(pool, handles[i]);
	print_size("half freed", pool);
	zs_compact(pool);
	print_size("compacted", pool);
	if (check_rest(pool)) {
		fprintf(stderr, "hello: an object changed\n");
		return 1;
	}
	zs_destroy_pool(pool);
	return 0;
}
