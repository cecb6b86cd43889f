/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Buffers: where an object that spans pages is seen in one piece while it is mapped.
 *
 * A mapped slot has one buffer, linked to its zspage, however often it is mapped. Linking, counting and unlinking
 * happen under the class lock; making, filling and freeing a buffer do not.
 */
#ifndef ZS_CORE_BUFFER_H
#define ZS_CORE_BUFFER_H

#include "memory.h"

struct zs_buffer {
	struct zs_buffer *next;
	uint32_t size_bytes; /* of data */
	uint32_t slot;
	uint32_t nr_maps;
	bool copy_back; /* some map of it may write */
	_Alignas(16) unsigned char data[];
};

/* context: no lock. */
struct zs_buffer *zs_buffer_create(struct zs_memory *memory, uint32_t size_bytes);
/* Frees a buffer and all that are linked behind it. NULL is an empty list. context: no lock. */
void zs_buffer_destroy_list(struct zs_memory *memory, struct zs_buffer *buffer);

/* The buffer of a slot in a zspage's list, or NULL. */
struct zs_buffer *zs_buffer_find(struct zs_buffer *list, uint32_t slot);
void zs_buffer_unlink(struct zs_buffer **list, struct zs_buffer *buffer);

#endif
