/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A store in memory for tests, that fails or gives back other bytes if it is told so.
 */
#ifndef TESTS_MEMORY_STORE_H
#define TESTS_MEMORY_STORE_H

#include "unit.h"

#include "store.h"

struct memory_store {
	unsigned char *bytes;
	uint64_t size_bytes;
	unsigned int nr_writes;
	uint64_t nr_written_bytes;
	unsigned int nr_discards;
	int write_err; /* what the calls return */
	int read_err;
	bool corrupts;
	unsigned int nr_told;
};

static inline int memory_store_read(void *ctx, void *buf, size_t len, uint64_t offset)
{
	struct memory_store *memory = ctx;

	assert_true(offset + len <= memory->size_bytes);
	if (memory->read_err)
		return memory->read_err;
	memcpy(buf, memory->bytes + offset, len);
	if (memory->corrupts)
		((unsigned char *)buf)[len / 2] ^= 1;
	return 0;
}

static inline int memory_store_write(void *ctx, const void *buf, size_t len, uint64_t offset)
{
	struct memory_store *memory = ctx;

	assert_true(offset + len <= memory->size_bytes);
	if (memory->write_err)
		return memory->write_err;
	memcpy(memory->bytes + offset, buf, len);
	__atomic_fetch_add(&memory->nr_writes, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&memory->nr_written_bytes, len, __ATOMIC_RELAXED);
	return 0;
}

/* So that whoever reads what was discarded finds it out. */
static inline void memory_store_discard(void *ctx, uint64_t len, uint64_t offset)
{
	struct memory_store *memory = ctx;

	assert_true(offset + len <= memory->size_bytes);
	memset(memory->bytes + offset, 0xdd, len);
	__atomic_fetch_add(&memory->nr_discards, 1, __ATOMIC_RELAXED);
}

/* What its user is told of it: an on_error. */
static inline void memory_store_note(void *ctx, const char *what)
{
	struct memory_store *memory = ctx;

	assert_non_null(strstr(what, "backing store"));
	__atomic_fetch_add(&memory->nr_told, 1, __ATOMIC_RELAXED);
}

static inline struct zs_store memory_store_create(struct memory_store *memory, uint64_t size_bytes)
{
	*memory = (struct memory_store){ .bytes = malloc(size_bytes), .size_bytes = size_bytes };
	assert_non_null(memory->bytes);
	return (struct zs_store){ memory_store_read, memory_store_write, memory_store_discard, memory, size_bytes };
}

static inline void memory_store_destroy(struct memory_store *memory)
{
	free(memory->bytes);
}

#endif
