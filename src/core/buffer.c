/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Buffers for objects that span pages: from the metadata heap, or from the host if they are larger than its unit.
 */
#include "buffer.h"

static size_t total_bytes(uint32_t size_bytes)
{
	return sizeof(struct zs_buffer) + size_bytes;
}

/* What a buffer from the host takes of the limit. */
static unsigned long host_blocks(uint32_t size_bytes)
{
	return (total_bytes(size_bytes) + ZS_META_UNIT - 1) >> ZS_META_UNIT_SHIFT;
}

static struct zs_buffer *create_large(struct zs_memory *memory, uint32_t size_bytes)
{
	struct zs_buffer *buffer;

	if (!zs_footprint_charge(&memory->footprint, host_blocks(size_bytes)))
		return NULL;
	buffer = zs_host_buffer_get(memory->source, total_bytes(size_bytes));
	if (!buffer)
		zs_footprint_uncharge(&memory->footprint, host_blocks(size_bytes));
	return buffer;
}

static void destroy(struct zs_memory *memory, struct zs_buffer *buffer)
{
	uint32_t size_bytes = buffer->size_bytes;

	if (total_bytes(size_bytes) <= ZS_META_UNIT) {
		zs_meta_free(&memory->meta, buffer, total_bytes(size_bytes));
		return;
	}
	zs_host_buffer_put(memory->source, buffer, total_bytes(size_bytes));
	zs_footprint_uncharge(&memory->footprint, host_blocks(size_bytes));
}

struct zs_buffer *zs_buffer_create(struct zs_memory *memory, uint32_t size_bytes)
{
	struct zs_buffer *buffer;

	if (total_bytes(size_bytes) <= ZS_META_UNIT)
		buffer = zs_meta_alloc(&memory->meta, total_bytes(size_bytes), 0);
	else
		buffer = create_large(memory, size_bytes);
	if (buffer) {
		buffer->size_bytes = size_bytes;
		buffer->next = NULL;
	}
	return buffer;
}

void zs_buffer_destroy_list(struct zs_memory *memory, struct zs_buffer *buffer)
{
	while (buffer) {
		struct zs_buffer *next = buffer->next;

		destroy(memory, buffer);
		buffer = next;
	}
}

struct zs_buffer *zs_buffer_find(struct zs_buffer *list, uint32_t slot)
{
	while (list && list->slot != slot)
		list = list->next;
	return list;
}

void zs_buffer_unlink(struct zs_buffer **list, struct zs_buffer *buffer)
{
	while (*list != buffer)
		list = &(*list)->next;
	*list = buffer->next;
	buffer->next = NULL;
}
