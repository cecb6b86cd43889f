/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The handle table: cells, handed out to size classes in chunks.
 */
#include "handle.h"

static void table_init(struct zs_handle_table *table, struct zs_meta *meta, uint32_t salt, bool is_direct,
		       bool is_plain)
{
	memset(table, 0, sizeof(*table));
	zs_host_lock_init(&table->lock);
	table->meta = meta;
	table->salt = salt;
	table->is_direct = is_direct;
	table->is_plain = is_plain;
}

#if ZS_HOST_TABLES

/* ---- cells side by side ---- */

#define CELLS_BYTES (((size_t)ZS_MAX_CELL_INDEX + 256) * sizeof(struct zs_cell))
#define CELLS_LEAST_BYTES ((size_t)1 << 16)

static size_t owners_bytes(size_t cells_bytes)
{
	return cells_bytes / (ZS_CHUNK_CELLS * sizeof(struct zs_cell)) * sizeof(uint16_t);
}

/* The host may have less address space to spare than the most there can be: then there can be fewer cells. */
int zs_handle_table_init(struct zs_handle_table *table, struct zs_meta *meta, uint32_t salt, bool is_direct,
			 bool is_plain)
{
	size_t bytes;

	table_init(table, meta, salt, is_direct, is_plain);
	if (zs_table_create(&table->cells, meta->source, CELLS_BYTES, CELLS_LEAST_BYTES))
		return -ENOMEM;
	bytes = owners_bytes(table->cells.max_bytes);
	table->owners = table->first_owners;
	if (!zs_table_create(&table->owner_table, meta->source, bytes, bytes))
		return 0;
	zs_table_release(&table->cells, meta->footprint);
	return -ENOMEM;
}

void zs_handle_table_release(struct zs_handle_table *table)
{
	zs_table_release(&table->cells, table->meta->footprint);
	zs_table_release(&table->owner_table, table->meta->footprint);
}

/* Makes sure that the chunk that begins at an index has memory. */
static int ensure_chunk(struct zs_handle_table *table, uint32_t index, unsigned int flags)
{
	size_t end = ((size_t)index + ZS_CHUNK_CELLS) * sizeof(struct zs_cell);

	(void)flags;
	if (zs_table_extend(&table->cells, table->meta->footprint, end))
		return -ENOMEM;
	if (index >> ZS_CHUNK_SHIFT < ZS_FIRST_OWNERS)
		return 0;
	return zs_table_extend(&table->owner_table, table->meta->footprint, owners_bytes(end));
}

/* The owners move to their table before the first chunk whose owner only that has. context: table locked. */
static void move_owners(struct zs_handle_table *table)
{
	memcpy(table->owner_table.base, table->first_owners, sizeof(table->first_owners));
	zs_host_store_pointer(table->owners, (uint16_t *)table->owner_table.base);
}

/* Says who owns a chunk. Returns its first index that may be used. */
static uint32_t begin_chunk(struct zs_handle_table *table, uint32_t index, unsigned int class_id)
{
	if (index >> ZS_CHUNK_SHIFT == ZS_FIRST_OWNERS)
		move_owners(table);
	zs_host_store16(table->owners + (index >> ZS_CHUNK_SHIFT), (uint16_t)class_id);
	if (index)
		return index;
	zs_host_store32(&zs_handle_cell(table, 0)->state, ZS_CELL_FREE);
	return ZS_FIRST_CELL;
}

#else

/* ---- cells in leaves of a tree ---- */

_Static_assert(sizeof(union zs_leaf) == ZS_META_UNIT, "a leaf is a unit");
_Static_assert(ZS_LEAF_CHUNKS * sizeof(uint16_t) == ZS_LEAF_HEADER_CELLS * sizeof(struct zs_cell), "the header's room");

int zs_handle_table_init(struct zs_handle_table *table, struct zs_meta *meta, uint32_t salt, bool is_direct,
			 bool is_plain)
{
	table_init(table, meta, salt, is_direct, is_plain);
	return 0;
}

static void leaf_node_release(struct zs_meta *meta, struct zs_leaf_node *node)
{
	for (unsigned int i = 0; i < 1u << ZS_NODE_SHIFT; i++)
		zs_meta_free(meta, node->leaves[i], sizeof(union zs_leaf));
	zs_meta_free(meta, node, sizeof(*node));
}

static void top_node_release(struct zs_meta *meta, struct zs_top_node *top)
{
	for (unsigned int i = 0; i < 1u << ZS_NODE_SHIFT; i++)
		if (top->nodes[i])
			leaf_node_release(meta, top->nodes[i]);
	zs_meta_free(meta, top, sizeof(*top));
}

void zs_handle_table_release(struct zs_handle_table *table)
{
	for (unsigned int i = 0; i < 1u << ZS_TOP_SHIFT; i++)
		if (table->top[i])
			top_node_release(table->meta, table->top[i]);
}

/*
 * Makes sure that *place points to something, made of size_bytes of zeroes. Two threads may race: one block wins and
 * the other is freed. Result: what *place points to, or NULL.
 */
static void *ensure(struct zs_handle_table *table, void *place, size_t size_bytes, unsigned int flags)
{
	void **pointer = place;
	void *block = zs_host_load_pointer(*pointer);

	if (block)
		return block;
	block = zs_meta_alloc(table->meta, size_bytes, flags);
	if (block && !zs_host_cas_pointer(pointer, NULL, block)) {
		zs_meta_free(table->meta, block, size_bytes);
		block = zs_host_load_pointer(*pointer);
	}
	return block;
}

static int ensure_chunk(struct zs_handle_table *table, uint32_t index, unsigned int flags)
{
	struct zs_top_node *top;
	struct zs_leaf_node *node;

	top = ensure(table, &table->top[index >> (ZS_LEAF_SHIFT + 2 * ZS_NODE_SHIFT)], sizeof(*top), flags);
	if (!top)
		return -ENOMEM;
	node = ensure(table, &top->nodes[index >> (ZS_LEAF_SHIFT + ZS_NODE_SHIFT) & ((1u << ZS_NODE_SHIFT) - 1)],
		      sizeof(*node), flags);
	if (!node || !ensure(table, &node->leaves[index >> ZS_LEAF_SHIFT & ((1u << ZS_NODE_SHIFT) - 1)],
			     sizeof(union zs_leaf), flags))
		return -ENOMEM;
	return 0;
}

/* Says who owns a chunk. Returns its first index that may be used. */
static uint32_t begin_chunk(struct zs_handle_table *table, uint32_t index, unsigned int class_id)
{
	union zs_leaf *leaf = (union zs_leaf *)zs_handle_cell(table, index & ~(ZS_LEAF_CELLS - 1));

	zs_host_store16(&leaf->owner[index % ZS_LEAF_CELLS >> ZS_CHUNK_SHIFT], (uint16_t)class_id);
	return index % ZS_LEAF_CELLS ? index : index + ZS_LEAF_HEADER_CELLS;
}

#endif

/* ---- chunks ---- */

/* A generation that another pool's cell of this index has with probability 2^-16: the mix of salt and index. */
static uint32_t first_generation(const struct zs_handle_table *table, uint32_t index)
{
	return ((index ^ table->salt) * 0x9e3779b1u) >> 16;
}

/* Links the cells of a new chunk to a list in order. Returns the first. */
static uint32_t chunk_init(struct zs_handle_table *table, uint32_t begin, unsigned int class_id)
{
	uint32_t end = begin + ZS_CHUNK_CELLS;
	uint32_t first = begin_chunk(table, begin, class_id);

	for (uint32_t index = first; index < end; index++) {
		struct zs_cell *cell = zs_handle_cell(table, index);
		uint32_t generation = first_generation(table, index) & ZS_GENERATION_MASK;

		zs_host_store32(&cell->state, generation | ZS_CELL_FREE);
		zs_host_store32(&cell->place, index + 1 < end ? index + 1 : 0);
	}
	return first;
}

/* The chunk at the table's end, unless another thread was faster. Returns its first cell, or 0. */
static uint32_t take_chunk(struct zs_handle_table *table, unsigned long end, unsigned int class_id)
{
	uint32_t first = 0;

	zs_host_lock(&table->lock);
	if (zs_host_load_long(&table->end) == end) {
		first = chunk_init(table, (uint32_t)end, class_id);
		zs_host_store_long_release(&table->end, end + ZS_CHUNK_CELLS);
		if (table->is_direct)
			zs_host_store_long_release(&table->direct_end, end + ZS_CHUNK_CELLS);
		if (table->is_plain)
			zs_host_store_long_release(&table->plain_end, end + ZS_CHUNK_CELLS);
	}
	zs_host_unlock(&table->lock);
	return first;
}

int zs_handle_table_add_chunk(struct zs_handle_table *table, unsigned int class_id, unsigned int flags, uint32_t *first)
{
	do {
		unsigned long end = zs_host_load_long_acquire(&table->end);

		if (end >= ZS_MAX_CELL_INDEX || ensure_chunk(table, (uint32_t)end, flags))
			return -ENOMEM;
		*first = take_chunk(table, end, class_id);
	} while (!*first);
	return 0;
}
