/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The store: what was discarded reads as something else.
 */
#include "disk_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct memory_store {
	struct zs_store store; /* the first member: who has the one has the other */
	uint64_t fail_one_in;
	uint64_t chance;
	unsigned char bytes[];
};

static bool fails(struct memory_store *memory)
{
	uint64_t one_in = __atomic_load_n(&memory->fail_one_in, __ATOMIC_RELAXED);
	uint64_t chance = __atomic_add_fetch(&memory->chance, 0x9e3779b97f4a7c15u, __ATOMIC_RELAXED);

	chance = (chance ^ chance >> 31) * 0xd6e8feb86659fd93u;
	return one_in && (chance >> 33) % one_in == 0;
}

static int read_bytes(void *ctx, void *buf, size_t len, uint64_t offset)
{
	struct memory_store *memory = ctx;

	if (fails(memory))
		return -EIO;
	memcpy(buf, memory->bytes + offset, len);
	return 0;
}

/* One that fails may have written some. */
static int write_bytes(void *ctx, const void *buf, size_t len, uint64_t offset)
{
	struct memory_store *memory = ctx;
	bool failed = fails(memory);

	memcpy(memory->bytes + offset, buf, failed ? len / 2 : len);
	return failed ? -ENOSPC : 0;
}

static void discard_bytes(void *ctx, uint64_t len, uint64_t offset)
{
	struct memory_store *memory = ctx;

	memset(memory->bytes + offset, 0xdd, len);
}

struct zs_store *disk_store_create(uint64_t size_bytes, uint64_t fail_one_in, uint64_t seed)
{
	struct memory_store *memory = calloc(1, sizeof(*memory) + size_bytes);

	if (!memory)
		return NULL;
	memory->store = (struct zs_store){ read_bytes, write_bytes, discard_bytes, memory, size_bytes };
	memory->fail_one_in = fail_one_in;
	memory->chance = seed;
	return &memory->store;
}

void disk_store_calm(struct zs_store *store)
{
	struct memory_store *memory = (struct memory_store *)store;

	if (memory)
		__atomic_store_n(&memory->fail_one_in, 0, __ATOMIC_RELAXED);
}

void disk_store_destroy(struct zs_store *store)
{
	free(store);
}
